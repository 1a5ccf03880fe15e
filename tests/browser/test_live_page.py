"""The live page: what happens at one site is seen at the other without loading anything again."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.visitor import PATIENCE_MS, PHONE, Visitors


def test_a_place_taken_at_west_shows_at_stad_without_reload(visitors: Visitors) -> None:
    house, (first, _) = visitors.house()
    with visitors.visitor("stad") as city, visitors.visitor("west", size=PHONE) as desk:
        city.sign_in("coordinator")
        expect(city.free(house)).to_have_text("2 free", timeout=PATIENCE_MS)
        city.page.evaluate("window.notLoadedAgain = true")
        desk.sign_in("operator").look_at(house)

        desk.button(first, "take").click()

        desk.sees(first, "occupied")
        desk.says("Room 101")
        expect(city.free(house)).to_have_text("1 free", timeout=PATIENCE_MS)
        assert city.page.evaluate("window.notLoadedAgain") is True


def test_a_place_goes_through_a_night_by_single_taps(visitors: Visitors) -> None:
    house, (place,) = visitors.house(1)
    with visitors.visitor("west") as desk:
        desk.sign_in("operator").look_at(house)
        for tap, status, said in (
            ("hold", "held", "is held until"),
            ("cancel", "free", "is cancelled"),
            ("hold", "held", "is held until"),
            ("check_in", "occupied", "Checked in"),
            ("end", "free", "is free again"),
        ):
            desk.button(place, tap).click()
            desk.sees(place, status)
            desk.says(said)


def test_blocking_asks_for_a_reason_and_shows_it(visitors: Visitors) -> None:
    house, (place,) = visitors.house(1)
    with visitors.visitor("west", language="nl") as desk:
        desk.sign_in("operator").look_at(house)
        desk.button(place, "block").click()
        desk.page.get_by_role("button", name="Reparatie").click()
        desk.sees(place, "blocked")
        expect(desk.tile(place)).to_contain_text("Reparatie")
        desk.button(place, "unblock").click()
        desk.sees(place, "free")


def test_not_answering_why_blocks_nothing(visitors: Visitors) -> None:
    house, (place,) = visitors.house(1)
    with visitors.visitor("west") as desk:
        desk.sign_in("operator").look_at(house)
        desk.opens(desk.button(place, "block"))
        desk.page.keyboard.press("Escape")
        expect(desk.page.locator("#sheet")).to_be_hidden()
        expect(desk.button(place, "block")).to_be_focused()
        with visitors.api() as client:
            assert client.get(f"/api/placement/places/{place}").json()["status"] == "free"


def test_whoever_is_late_is_told_that_somebody_was_quicker(visitors: Visitors) -> None:
    house, (place,) = visitors.house(1)
    with visitors.visitor("west") as desk:
        desk.sign_in("operator").look_at(house).stops_hearing()
        visitors.post("stays", place_ids=[place])
        desk.button(place, "take").click()
        desk.says("Somebody was quicker", alarm=True)


def test_a_tap_on_what_has_changed_meanwhile_is_not_carried_out(visitors: Visitors) -> None:
    house, (place,) = visitors.house(1)
    with visitors.visitor("west", language="nl") as desk:
        desk.sign_in("operator").look_at(house)
        desk.opens(desk.button(place, "block"))
        visitors.post(f"places/{place}/block", reason="cleaning")
        visitors.post(f"places/{place}/unblock")
        desk.page.get_by_role("button", name="Veiligheid").click()
        desk.says("Dit is veranderd sinds u keek", alarm=True)
        with visitors.api() as client:
            assert client.get(f"/api/placement/places/{place}").json()["status"] == "free"


def test_a_tap_whose_answer_is_lost_counts_once(visitors: Visitors) -> None:
    house, (place, _) = visitors.house()
    keys: list[str] = []
    with visitors.visitor("west") as desk:
        desk.sign_in("operator").look_at(house)

        def lose_the_first(route, request) -> None:  # type: ignore[no-untyped-def]
            keys.append(request.headers["idempotency-key"])
            if len(keys) == 1:
                route.fetch()
                route.abort("connectionreset")
            else:
                route.continue_()

        desk.page.route("**/api/placement/stays", lose_the_first)
        desk.button(place, "take").click()
        desk.says("is taken")
        desk.sees(place, "occupied")
    assert len(keys) == 2
    assert len(set(keys)) == 1
    with visitors.api() as client:
        assert len(client.get("/api/placement/stays", params={"location": house}).json()["items"]) == 1


def test_the_page_says_when_it_is_not_live_and_heals_by_itself(visitors: Visitors) -> None:
    house, (place,) = visitors.house(1)
    with visitors.visitor("west") as desk:
        desk.sign_in("operator").look_at(house)
        desk.page.evaluate("window.notLoadedAgain = true")
        killed = visitors.network.plek("kill", "west", "service")
        assert killed.returncode == 0, killed.stderr
        expect(desk.page.locator("#dropped")).to_contain_text("Not live since", timeout=PATIENCE_MS)
        expect(desk.page.locator("#pulse")).to_have_text("Not live")
        desk.tile(place).wait_for()  # what was known stays on the page

        desk.is_live()

        expect(desk.page.locator("#dropped")).to_be_hidden()
        assert desk.page.evaluate("window.notLoadedAgain") is True
        visitors.post("stays", place_ids=[place])
        desk.sees(place, "occupied")


def test_a_tap_can_be_taken_back_for_its_minute_also_when_the_link_was_gone_in_it(visitors: Visitors) -> None:
    house, (place,) = visitors.house(1)
    with visitors.visitor("west", size=PHONE) as desk:
        desk.sign_in("operator").look_at(house)
        desk.button(place, "take").click()
        desk.sees(place, "occupied")
        expect(desk.page.locator("#undo")).to_be_visible(timeout=PATIENCE_MS)
        desk.page.context.set_offline(True)
        expect(desk.page.locator("#pulse")).to_have_attribute("data-state", "dropped", timeout=2 * PATIENCE_MS)
        desk.page.context.set_offline(False)
        desk.is_live(2 * PATIENCE_MS)
        desk.page.locator("#undo").click()
        desk.sees(place, "free")


def test_a_page_that_was_looked_away_from_shows_what_it_missed(visitors: Visitors) -> None:
    house, (place,) = visitors.house(1)
    with visitors.visitor("west") as desk:
        desk.sign_in("operator").look_at(house)
        hide = (
            "value => { Object.defineProperty(document, 'hidden', {value, configurable: true});"
            " document.dispatchEvent(new Event('visibilitychange')); }"
        )
        desk.page.evaluate(hide, True)
        visitors.post("stays", place_ids=[place])
        desk.page.evaluate(hide, False)
        desk.sees(place, "occupied")


def test_the_board_of_a_location_without_places_says_so(visitors: Visitors) -> None:
    house, _ = visitors.house(0)
    with visitors.visitor("west") as desk:
        desk.sign_in("operator").look_at(house)
        expect(desk.page.locator("#board")).to_contain_text("No places yet")


def test_a_role_without_taps_sees_the_board_and_no_households(visitors: Visitors) -> None:
    house, (place,) = visitors.house(1)
    with visitors.visitor("west") as desk:
        desk.sign_in("coordinator").look_at(house)
        desk.sees(place, "free")
        expect(desk.page.locator("button[data-tap]")).to_have_count(0)
        expect(desk.page.locator("#board")).to_contain_text("not who holds or lives in one")


def test_finance_sees_figures_and_no_board(visitors: Visitors) -> None:
    visitors.house(1)
    with visitors.visitor("west") as office:
        office.sign_in("finance")
        expect(office.page.locator("#network")).to_be_visible()
        expect(office.page.locator("#board")).to_have_count(0)


def test_what_is_not_at_this_site_is_said_and_is_no_lost_connection(visitors: Visitors) -> None:
    """Somebody of finance who opens the office's page at a house, from a bookmark."""
    with visitors.visitor("west") as desk:
        desk.sign_in("finance").page.goto(f"{desk.url}/money")
        desk.is_live()
        expect(desk.page.locator("#dropped")).to_be_hidden()
        expect(desk.page.locator("#live")).to_contain_text("decided at the municipality")
