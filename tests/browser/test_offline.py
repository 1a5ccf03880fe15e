"""A tablet without a connection: the board opens, taps wait with the time they were made, and go as nobody else's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.test_for_everybody import everywhere, violations
from tests.browser.visitor import PATIENCE_MS, PHONE, Scheme, Visitor, Visitors

KEPT = """async house => {
  while (!(await caches.match(`/kept/live?location=${house}`))) await new Promise(go => setTimeout(go, 50));
}"""


def on_a_tablet(desk: Visitor, house: str, role: str = "operator") -> None:
    """Signed in, at a board this device has kept."""
    desk.sign_in(role).look_at(house)
    desk.page.evaluate(KEPT, house)


def cut(desk: Visitor, *, off: bool = True) -> None:
    desk.page.context.set_offline(off)


def waiting(desk: Visitor, state: str = "waiting") -> Any:
    return desk.page.locator(f"[data-tap-state={state}]")


def now(visitors: Visitors) -> str:
    with visitors.api() as client:
        return str(client.get("/api/placement/capacity").json()["as_of"])


def noon() -> str:
    """Of the day after tomorrow, when the nights away end."""
    return (datetime.now(UTC) + timedelta(days=2)).replace(hour=11, minute=0).isoformat()


def stays(visitors: Visitors, house: str) -> list[dict[str, Any]]:
    with visitors.api() as client:
        items: list[dict[str, Any]] = client.get("/api/placement/stays", params={"location": house}).json()["items"]
    return items


@everywhere
def test_a_board_opens_without_a_connection_and_each_tap_comes_to_an_end(
    visitors: Visitors, language: str, scheme: Scheme, size: tuple[int, int]
) -> None:
    house, (free, given, lived_in, changed) = visitors.house(4)
    for place in (lived_in, changed):
        visitors.post("stays", place_ids=[place])
    with visitors.visitor("west", language=language, scheme=scheme, size=size) as desk:
        on_a_tablet(desk, house)
        cut(desk)
        desk.page.goto(f"{desk.url}/?location={house}")
        expect(desk.page.locator("#pulse")).to_have_attribute("data-state", "dropped", timeout=PATIENCE_MS)
        for place, tap in ((free, "take"), (given, "take"), (lived_in, "end"), (changed, "end")):
            desk.button(place, tap).click()
            expect(desk.tile(place).locator(".waits")).to_be_visible(timeout=PATIENCE_MS)
        expect(waiting(desk)).to_have_count(4)
        expect(desk.button(free, "take")).to_be_disabled()
        expect(desk.button(free, "take")).to_have_css("opacity", "0.55")
        assert violations(desk) == []
        assert desk.width() <= size[0]
        tapped_before = now(visitors)
        visitors.post("stays", place_ids=[given])
        stay = next(one for one in stays(visitors, house) if one["place_ids"] == [changed])
        visitors.post(f"stays/{stay['id']}/away", until=noon())
        cut(desk, off=False)
        for state, many in (("sent", 2), ("refused", 1), ("outdated", 1), ("waiting", 0)):
            expect(waiting(desk, state)).to_have_count(many, timeout=PATIENCE_MS * 3)
        desk.sees(free, "occupied")
        desk.sees(lived_in, "free")
        desk.sees(changed, "occupied")
        expect(waiting(desk, "refused")).to_contain_text({"nl": "sneller", "en": "quicker"}[language])
        assert violations(desk) == []
        for left in (3, 2, 1, 0):
            desk.page.locator("#taps-lines button").first.click()
            expect(desk.page.locator("#taps-lines button")).to_have_count(left)
        expect(desk.page.locator("#taps-here")).to_be_hidden()
    (began,) = [one for one in stays(visitors, house) if one["place_ids"] == [free]]
    assert began["began_at"] < tapped_before
    (ended,) = [one for one in stays(visitors, house) if one["place_ids"] == [lived_in]]
    assert ended["ended_at"] < tapped_before


def test_what_waits_can_be_taken_back_and_the_rest_needs_the_connection(visitors: Visitors) -> None:
    house, (place, other) = visitors.house()
    with visitors.visitor("west", size=PHONE) as desk:
        on_a_tablet(desk, house)
        cut(desk)
        desk.button(place, "take").click()
        desk.says("written down here")
        desk.button(other, "hold").click()
        desk.says("not been sent yet", alarm=True)
        waiting(desk).get_by_role("button").click()
        expect(waiting(desk)).to_have_count(0)
        expect(desk.button(place, "take")).to_be_enabled(timeout=PATIENCE_MS)
        desk.button(other, "hold").click()
        desk.says("no connection", alarm=True)
        cut(desk, off=False)
        desk.is_live()
        desk.sees(place, "free")
    assert stays(visitors, house) == []


def test_two_persons_on_one_tablet_send_each_their_own(visitors: Visitors) -> None:
    house, (place, other) = visitors.house()
    with visitors.visitor("west") as desk:
        on_a_tablet(desk, house)
        cut(desk)
        desk.button(place, "take").click()
        expect(waiting(desk)).to_have_count(1, timeout=PATIENCE_MS)
        tapped_before = now(visitors)
        desk.page.get_by_role("button", name="Sign out").click()
        expect(desk.page.locator("h1")).to_have_text("No connection")
        desk.page.goto(f"{desk.url}/?location={house}")
        expect(desk.page.locator("h1")).to_have_text("No connection")  # nothing of the board is left
        cut(desk, off=False)
        desk.page.goto(f"{desk.url}/")
        expect(desk.page).to_have_url(f"{desk.url}/sign-in")  # the site was told of the signing out first
        on_a_tablet(desk, house, "caseworker")
        expect(desk.page.locator("#taps-others")).to_contain_text("One tap of somebody else", timeout=PATIENCE_MS)
        desk.button(other, "take").click()
        desk.sees(other, "occupied")
        assert [one["place_ids"] for one in stays(visitors, house)] == [[other]]
        desk.page.get_by_role("button", name="Sign out").click()
        desk.sign_in("operator").look_at(house)
        desk.sees(place, "occupied")
        expect(waiting(desk, "sent")).to_have_count(1, timeout=PATIENCE_MS)
        (began,) = [one for one in stays(visitors, house) if one["place_ids"] == [place]]
        assert began["began_at"] < tapped_before


def test_a_page_of_somebody_else_sends_nothing(visitors: Visitors) -> None:
    house, (place,) = visitors.house(1)
    with visitors.visitor("west") as desk:
        on_a_tablet(desk, house)
        hers = visitors.open("west", desk.page.context.new_page())
        hers.page.goto(f"{hers.url}/")
        hers.page.get_by_role("button", name="Sign out").click()
        hers.sign_in("caseworker")
        expect(desk.page.locator("#dropped")).to_contain_text("no longer signed in", timeout=PATIENCE_MS)
        desk.button(place, "take").click()
        desk.says("no longer signed in", alarm=True)
        expect(waiting(desk)).to_have_count(0)
        desk.page.close()
    assert stays(visitors, house) == []


def test_a_tap_waits_for_a_site_that_is_started_again(visitors: Visitors) -> None:
    house, (place,) = visitors.house(1)
    with visitors.visitor("west", size=PHONE) as desk:
        on_a_tablet(desk, house)
        cut(desk)
        desk.button(place, "take").click()
        expect(waiting(desk)).to_have_count(1, timeout=PATIENCE_MS)
        killed = visitors.network.plek("kill", "west", "service")
        assert killed.returncode == 0, killed.stderr
        cut(desk, off=False)
        expect(waiting(desk, "sent")).to_have_count(1, timeout=PATIENCE_MS * 3)
        desk.is_live()
        desk.sees(place, "occupied")
    assert len(stays(visitors, house)) == 1


@pytest.mark.parametrize("tap", ["take", "hold"])
def test_two_operators_tap_the_same_place_and_one_has_it(visitors: Visitors, tap: str) -> None:
    house, (place,) = visitors.house(1)
    with visitors.visitor("west", size=PHONE) as one, visitors.visitor("west") as two:
        for desk in (one, two):
            desk.sign_in("operator" if desk is one else "caseworker").look_at(house)
        two.stops_hearing()
        for desk in (one, two):
            desk.button(place, tap).click()
        one.sees(place, "occupied" if tap == "take" else "held")
        two.says("Somebody was quicker", alarm=True)
