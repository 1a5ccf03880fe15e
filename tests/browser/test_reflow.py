"""Every screen at 400 % of a window 1280 pixels wide, and with the text spaced as who reads with difficulty sets it: no
scrolling in two directions, nothing cut off, nothing on top of anything else, and the focus never behind something."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from shared.security import Role
from tests.browser.at_desks import city_with_desks, sign_in, visiting
from tests.browser.visitor import PATIENCE_MS, Visitor, Visitors
from tests.support.network import Network

ZOOM = 4
WIDE, HIGH = 1280 // ZOOM, 900 // ZOOM
"""CSS pixels of a window of 1280 by 900 at that zoom: WCAG 1.4.10 asks for 320 by 256."""
STOPS_MAX = 150
"""Stops of the keyboard that are looked at on a page."""

SPACED = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`
    * { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important; }
    p { margin-block-end: 2em !important; }
  `);
  document.adoptedStyleSheets = [sheet];
}"""
"""What WCAG 1.4.12 lets a reader set, at its limits."""

WRONG = """() => {
  const wide = document.documentElement.clientWidth, whole = document.documentElement.scrollWidth, found = [];
  const say = (what, element) => found.push(`${what}: ${element.outerHTML.slice(0, 160)}`);
  const dialog = document.querySelector("dialog[open]");
  const clipped = (element) => getComputedStyle(element).clipPath !== "none";
  const unseen = (element) => element && (clipped(element) || unseen(element.parentElement));
  const seen = (element) => element.checkVisibility({ visibilityProperty: true }) && !unseen(element)
    && !element.closest("svg, option") && (!dialog || dialog.contains(element))
    && (element.closest(".scrolls:not(:has(table.figures))") ?? element) === element;
  if (whole > wide) found.push(`the page is ${whole} wide`);
  for (const element of [...document.body.querySelectorAll("*")].filter(seen)) {
    const box = element.getBoundingClientRect(), style = getComputedStyle(element);
    if (!box.width || element.matches("input, select")) continue;
    if (box.right > wide + 1 || box.left < -1) say("beside the page", element);
    const clips = (way) => way === "hidden" || way === "clip";
    if (clips(style.overflowX) && element.scrollWidth > element.clientWidth + 1) say("cut off at its side", element);
    if (clips(style.overflowY) && element.scrollHeight > element.clientHeight + 1) say("cut off below", element);
  }
  const lines = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const common = (one, other, from, to) => Math.min(one[to], other[to]) - Math.max(one[from], other[from]);
  while (walker.nextNode()) {
    const node = walker.currentNode, element = node.parentElement;
    if (!node.data.trim() || !seen(element) || element.closest(".said, .tally, .dropped, noscript")) continue;
    const range = document.createRange();
    for (const word of node.data.matchAll(/(?<!\\p{L})\\p{L}{3,13}(?!\\p{L})/gu)) {
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      if (new Set([...range.getClientRects()].map((box) => box.top)).size > 1) say(`"${word[0]}" is broken`, element);
    }
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) {
      if (box.right > wide + 1) say("text beside the page", element);
      const over = lines.find((line) => line.element !== element && common(line.box, box, "left", "right") > 3
        && common(line.box, box, "top", "bottom") > Math.min(line.box.height, box.height) / 2);
      if (over) say(`over ${over.element.textContent.trim().slice(0, 40)}`, element);
      lines.push({ element, box });
    }
  }
  return [...new Set(found)];
}"""
"""What is wrong with what is shown. A picture scrolls in itself: it means nothing otherwise, and a field is as long as
what is typed into it. A table of figures does not: each of its rows is a piece of its own there."""

BEHIND = """() => {
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  const box = element.getBoundingClientRect();
  const [top, bottom] = [Math.max(box.top, 0), Math.min(box.bottom, innerHeight)];
  const [left, right] = [Math.max(box.left, 0), Math.min(box.right, innerWidth)];
  const at = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
  const over = at && (element.contains(at) || at.contains(element) || element.labels?.[0]?.contains(at));
  const shown = bottom > top && over;
  return { at: element.outerHTML.slice(0, 160), shown: Boolean(shown) };
}"""
"""What the focus is on, and whether it is seen or lies behind something that stays where it is (WCAG 2.4.11)."""


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with city_with_desks(tmp_path_factory.mktemp("city")) as started:
        yield started


@pytest.fixture
def visitors(city: Network, browser: Browser) -> Iterator[Visitors]:
    with visiting(city, browser) as there:
        yield there


def fits(visitor: Visitor, where: str) -> None:
    """What is shown fits, as it is and with its text spaced."""
    assert visitor.page.evaluate("[innerWidth, devicePixelRatio]") == [WIDE, ZOOM]
    found = [f"{where}: {wrong}" for wrong in visitor.page.evaluate(WRONG)]
    visitor.page.evaluate(SPACED)
    found += [f"{where}, spaced: {wrong}" for wrong in visitor.page.evaluate(WRONG)]
    visitor.page.evaluate("document.adoptedStyleSheets = []")
    assert not found, "\n".join(found)


def reached(page: Page, where: str) -> None:
    """Everything the keyboard stops at is seen when it does."""
    first = ""
    for _ in range(STOPS_MAX):
        page.keyboard.press("Tab")
        stop = page.evaluate(BEHIND)
        if stop is None or stop["at"] == first:
            return
        first = first or stop["at"]
        assert stop["shown"], f"{where}: the focus is behind something at {stop['at']}"


def looks(visitors: Visitors, site: str, role: Role, paths: dict[str, tuple[str, ...]], language: str) -> None:
    """Every page, and of each the sheets that these buttons open."""
    with visitors.visitor(site, language=language, size=(WIDE, HIGH), device_scale_factor=ZOOM) as visitor:
        for path, sheets in paths.items():
            sign_in(visitors, visitor, role, path)
            if visitor.page.locator("#pulse").count():
                visitor.is_live()
            fits(visitor, path)
            reached(visitor.page, path)
            for button in sheets:
                visitor.page.locator(button).first.click()
                expect(visitor.page.locator("#sheet-body :is(form, h2)").first).to_be_visible(timeout=PATIENCE_MS)
                for more in visitor.page.locator("#sheet summary").all():
                    more.click()
                fits(visitor, f"{path} {button}")
                visitor.page.keyboard.press("Escape")


def filed(visitors: Visitors) -> tuple[str, str]:
    """A client with everything that has a line on their page, and one of whom nothing is known."""
    with visitors.api("noord", "caseworker") as desk:
        body = {"alias": "een-heel-lange-schuilnaam-zonder-einde", "household": [{"age_band": "0-3"}] * 2,
                "languages": ["ar", "ti"], "needs": ["legal"], "personal": {"notes": "x"}}  # fmt: skip
        client = str(desk.post("/api/intake/clients", json=body).json()["id"])
        path = f"/api/intake/clients/{client}"
        for part, sent in (
            ("requests", {"kinds": ["medical_respite"], "priority_facts": ["children", "sleeping_rough"]}),
            ("trajectories", {"goals": ["a" * 110]}),
            ("referrals", {"partner_kind": "legal_aid", "partner": "b" * 110}),
        ):
            assert desk.post(f"{path}/{part}", json=sent).is_success
        return client, str(desk.post("/api/intake/clients", json={}).json()["id"])


@pytest.mark.parametrize("language", ["nl", "en"])
def test_the_house_is_whole_at_four_times_its_size(visitors: Visitors, language: str) -> None:
    house, (_, taken, held, blocked) = visitors.house(4, kind="night_shelter", features=["quiet", "step_free"])
    visitors.post("stays", place_ids=[taken])
    visitors.post("holds", place_ids=[held], hold_minutes=30)
    visitors.post(f"places/{blocked}/block", reason="cleaning")
    sheets = (
        "[data-key=arrivals]", "[data-key=note]", "[data-key=leaving]", "[data-key=offers]", "[data-key=rules]",
        ".is-occupied [data-tap=more]", ".is-free [data-tap=more]", ".is-held [data-tap=more]", "[data-key=whole]",
        "[data-tap=block]",
    )  # fmt: skip
    paths = {
        f"/?location={house}": sheets, "/find": (), "/find?kind=medical_respite&people=9&feature=quiet": (),
        f"/count?location={house}": (), f"/list?location={house}": (), f"/list?location={house}&evacuation=true": (),
        "/account": (), "/counter": ("[data-key=redeem]",),
    }  # fmt: skip
    looks(visitors, "west", "operator", paths, language)


@pytest.mark.parametrize("language", ["nl", "en"])
def test_the_desk_is_whole_at_four_times_its_size(visitors: Visitors, language: str) -> None:
    client, nobody = filed(visitors)
    paths = {
        "/clients": ("[data-sheet='/clients/form']",),
        f"/clients/{client}": ("[data-sheet*='about=correct']", "[data-sheet*='about=erase']"),
        f"/clients/{nobody}": ("[data-sheet$='about=request']",),
    }
    looks(visitors, "noord", "caseworker", paths, language)


@pytest.mark.parametrize("language", ["nl", "en"])
def test_the_city_is_whole_at_four_times_its_size(visitors: Visitors, language: str) -> None:
    visitors.house(3)
    begins = datetime.now(UTC) + timedelta(hours=3)
    with visitors.api("stad", "coordinator") as office:
        body = {"name": f"Winterkou {language}", "kinds": ["night_shelter"], "starts_at": begins.isoformat(),
                "ends_at": (begins + timedelta(days=4)).isoformat()}  # fmt: skip
        assert office.post("/api/placement/regimes", json=body).is_success
    paths = (
        "/",
        "/city",
        "/city?district=West",
        "/city?at=2020-01-01T12:00",
        "/city/nights",
        "/city/weeks",
        "/city/flows",
    )
    looks(visitors, "stad", "coordinator", dict.fromkeys(paths, ()), language)
    looks(visitors, "stad", "coordinator", {"/money": ("[data-sheet*='about=regime']",)}, language)


@pytest.mark.parametrize("language", ["nl", "en"])
def test_money_is_whole_at_four_times_its_size(visitors: Visitors, language: str) -> None:
    with visitors.api("stad", "finance") as office:
        body = {"name": f"Leefgeld {language}", "places": 240, "period": "week", "methods": ["voucher"],
                "tariffs": [{"size_class": "1", "cents": 6250, "valid_from": "2025-01-01"}]}  # fmt: skip
        assert office.post("/api/allowance/programmes", json=body).is_success
    looks(visitors, "stad", "finance", {"/money": ("[data-sheet*='about=ceiling']",), "/money/books": ()}, language)


@pytest.mark.parametrize("language", ["nl", "en"])
def test_what_is_on_call_is_whole_at_four_times_its_size(visitors: Visitors, language: str) -> None:
    _, (place,) = visitors.house(1)
    hold = visitors.post("holds", place_ids=[place], hold_minutes=30)["id"]
    act = "/state/act?act=pause&service=placement&on=capacity"
    paths = ("/state", "/state/network", act, f"/trace?id={hold}", "/trace?id=nonsense")
    looks(visitors, "west", "oncall", dict.fromkeys(paths, ()), language)


def test_signing_in_is_whole_and_so_is_a_page_that_lost_its_site(visitors: Visitors) -> None:
    house, _ = visitors.house(2)
    with visitors.visitor("west", language="nl", size=(WIDE, HIGH), device_scale_factor=ZOOM) as visitor:
        visitor.page.goto(f"{visitor.url}/sign-in")
        fits(visitor, "/sign-in")
        reached(visitor.page, "/sign-in")
        sign_in(visitors, visitor, "operator", f"/?location={house}").is_live()
        visitor.page.context.clear_cookies()
        visitor.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        expect(visitor.page.locator("#dropped")).to_be_visible(timeout=PATIENCE_MS)
        fits(visitor, "without a connection")
        reached(visitor.page, "without a connection")


def test_a_tap_is_answered_in_sight_and_hides_nothing_the_keyboard_stops_at(visitors: Visitors) -> None:
    house, (place, _) = visitors.house(2)
    with visitors.visitor("west", language="nl", size=(WIDE, HIGH), device_scale_factor=ZOOM) as visitor:
        sign_in(visitors, visitor, "operator", f"/?location={house}").is_live()
        visitor.button(place, "take").click()
        expect(visitor.page.locator("#undo")).to_be_visible(timeout=PATIENCE_MS)
        fits(visitor, "after a tap")
        reached(visitor.page, "after a tap")
