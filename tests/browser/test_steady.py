"""Nothing jumps while a page loads or changes, and more tabs than a browser gives connections all stay true."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.visitor import DESKTOP, PATIENCE_MS, PHONE, Visitors

JUMPED = 0.1
"""More than this is a jump (Web Vitals: cumulative layout shift, "good" up to 0.1)."""
WATCH = """
  window.jumped = 0;
  new PerformanceObserver(list => {
    for (const shift of list.getEntries()) if (!shift.hadRecentInput) window.jumped += shift.value;
  }).observe({type: "layout-shift", buffered: true});
"""
LIVE = ("/", "/find", "/city")
"""Of the pages below those that change by themselves."""
TABS = 8
"""Two more than a browser has connections to one server."""
HOUSE = 80
"""Places: as many as the largest houses have."""
FIRST_BYTES = 100_000
"""A first load, at most."""
HIDE = (
    "value => { Object.defineProperty(document, 'hidden', {value, configurable: true});"
    " document.dispatchEvent(new Event('visibilitychange')); }"
)


@pytest.mark.parametrize("size", [PHONE, DESKTOP])
def test_no_page_jumps_while_it_loads(visitors: Visitors, size: tuple[int, int]) -> None:
    house, _ = visitors.house(6)
    with visitors.visitor("west", size=size) as desk, visitors.visitor("stad", size=size) as office:
        for visitor, role, paths in (
            (desk, "operator", (f"/?location={house}", "/find", f"/count?location={house}", f"/list?location={house}")),
            (office, "coordinator", ("/", "/city", "/city/nights", "/city/weeks", "/city/flows", "/money")),
        ):
            visitor.page.add_init_script(WATCH)
            visitor.sign_in(role)
            for path in paths:
                visitor.page.goto(f"{visitor.url}{path}", wait_until="load")
                expect(visitor.page.locator("#main")).to_be_visible(timeout=PATIENCE_MS)
                if path.partition("?")[0] in LIVE:
                    visitor.is_live()
                assert _jumped(visitor.page) < JUMPED, path


def test_what_others_do_changes_a_tile_and_moves_nothing(visitors: Visitors) -> None:
    house, places = visitors.house(6)
    with visitors.visitor("west", size=PHONE) as desk:
        desk.page.add_init_script(WATCH)
        desk.sign_in("operator").look_at(house)
        before = _jumped(desk.page)
        for place in places[:3]:
            visitors.post("stays", place_ids=[place])
            desk.sees(place, "occupied")
        assert _jumped(desk.page) - before < JUMPED


def test_more_tabs_than_a_browser_has_connections_all_show_what_is_true(visitors: Visitors) -> None:
    """The one that is looked at is live; the others have given their connection back, and catch up when looked at."""
    house, (first, last) = visitors.house(2)
    with visitors.visitor("west") as desk:
        desk.sign_in("operator").look_at(house)
        tabs = [desk]
        for _ in range(TABS - 1):
            tabs[-1].page.evaluate(HIDE, True)
            tabs.append(visitors.open("west", desk.page.context.new_page()).look_at(house))
        visitors.post("stays", place_ids=[first])
        tabs[-1].sees(first, "occupied")
        tabs[-1].page.evaluate(HIDE, True)
        visitors.post("stays", place_ids=[last])
        for tab in tabs:
            tab.page.evaluate(HIDE, False)
            tab.sees(first, "occupied")
            tab.sees(last, "occupied")
            tab.is_live()
            tab.page.evaluate(HIDE, True)


def test_more_windows_than_a_browser_has_connections_are_all_live_side_by_side(visitors: Visitors) -> None:
    """All of them are looked at: none may wait for another to be closed."""
    house, (place,) = visitors.house(1)
    with visitors.visitor("west") as desk:
        windows = [desk.sign_in("operator").look_at(house)]
        while len(windows) < TABS:
            windows.append(visitors.open("west", desk.page.context.new_page()).look_at(house))
        visitors.post("stays", place_ids=[place])
        for window in windows:
            window.sees(place, "occupied")
        for window in windows[:-1]:
            window.page.close()
        stay = windows[-1].button(place, "end")
        stay.click()
        windows[-1].sees(place, "free")
        windows[-1].is_live()


def test_the_board_of_a_large_house_is_light_on_the_wire(visitors: Visitors) -> None:
    """All that comes the first time: the page, files and what is asked for at once, in bytes as they are sent."""
    house, _ = visitors.house(HOUSE)
    with visitors.visitor("west", size=PHONE, service_workers="block") as signed_in:
        cookies = signed_in.sign_in("operator").page.context.cookies()
    with visitors.visitor("west", size=PHONE, service_workers="block") as desk:
        desk.page.context.add_cookies(cookies)  # type: ignore[arg-type]
        wire = desk.page.context.new_cdp_session(desk.page)
        wire.send("Network.enable")
        came: list[float] = []
        wire.on("Network.loadingFinished", lambda told: came.append(told["encodedDataLength"]))
        with desk.page.expect_response("**/live?**") as shown:
            desk.look_at(house)
        shown.value.finished()
        expect(desk.page.locator("[data-place]")).to_have_count(HOUSE)
        assert len(came) > 10
        assert sum(came) < FIRST_BYTES, came


def _jumped(page: Page) -> float:
    """How far what was shown has moved by itself, since the page began."""
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return float(page.evaluate("window.jumped"))
