"""What a desk does beside single taps: reasons, moves, absences, whole rooms, the walk round, and room elsewhere."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import PATIENCE_MS, PHONE, Visitor, Visitors


def more(desk: Visitor, place: str) -> Any:
    return desk.opens(desk.button(place, "more"))


def test_a_stay_ends_with_a_reason_and_is_taken_back_within_the_minute(visitors: Visitors) -> None:
    house, (place, _) = visitors.house()
    stay = visitors.post("stays", place_ids=[place])["id"]
    with visitors.visitor("west", language="nl", size=PHONE) as desk, visitors.api() as client:
        desk.sign_in("operator").look_at(house)
        more(desk, place).get_by_role("button", name="Zonder bericht weg").click()
        desk.sees(place, "free")
        assert client.get(f"/api/placement/stays/{stay}").json()["end_reason"] == "left_without_notice"
        desk.page.get_by_role("button", name="Ongedaan maken").click()
        desk.sees(place, "occupied")
        desk.says("Teruggedraaid")
        expect(desk.page.locator("#undo")).to_be_hidden()
        assert client.get(f"/api/placement/stays/{stay}").json()["ended_at"] is None


def test_a_household_moves_is_away_and_is_back(visitors: Visitors) -> None:
    house, (first, second) = visitors.house()
    visitors.post("stays", place_ids=[first])
    with visitors.visitor("west") as desk:
        desk.sign_in("operator").look_at(house)
        form = more(desk, first).locator("form[data-act=move]")
        form.get_by_label("Where to").select_option(index=1)
        form.get_by_role("button", name="Move there").click()
        desk.sees(second, "occupied")
        desk.sees(first, "free")
        more(desk, second).get_by_role("button", name="3 nights").click()
        expect(desk.tile(second)).to_contain_text("away until", timeout=PATIENCE_MS)
        desk.button(second, "back").click()
        desk.says("lived in again")
        expect(desk.tile(second)).not_to_contain_text("away until")


def test_a_block_says_why_and_until_when_and_can_wait_for_the_stay_to_end(visitors: Visitors) -> None:
    house, (place, lived_in) = visitors.house()
    visitors.post("stays", place_ids=[lived_in])
    with visitors.visitor("west") as desk:
        desk.sign_in("operator").look_at(house)
        sheet = desk.opens(desk.button(place, "block"))
        sheet.get_by_label("Expected end").select_option(index=4)
        sheet.get_by_role("button", name="Repair").click()
        desk.sees(place, "blocked")
        expect(desk.tile(place)).to_contain_text("Repair")
        expect(desk.tile(place)).to_contain_text("12:00")
        more(desk, lived_in).locator("form[data-act=block_after]").get_by_role("button", name="Cleaning").click()
        desk.says("when the stay ends")
        desk.button(lived_in, "end").click()
        desk.sees(lived_in, "blocked")


def test_somebody_at_the_door_of_a_full_house_gets_an_extra_place(visitors: Visitors) -> None:
    house, (place,) = visitors.house(1)
    visitors.post("stays", place_ids=[place])
    with visitors.visitor("west", size=PHONE) as desk:
        desk.sign_in("operator").look_at(house)
        door = desk.page.get_by_role("button", name="Somebody at the door")
        desk.opens(door).get_by_role("button", name="24-hour shelter").click()
        desk.says("no free place of this kind", alarm=True)
        sheet = desk.opens(door)
        sheet.get_by_label("Open an extra place").check()
        sheet.get_by_role("button", name="24-hour shelter").click()
        desk.says("They are in")
        expect(desk.page.locator(".tile.is-occupied", has_text="extra place")).to_be_visible(timeout=PATIENCE_MS)


def test_a_night_shelter_and_a_room_are_left_at_once(visitors: Visitors) -> None:
    house, places = visitors.house(3, kind="night_shelter")
    for place in places[:2]:
        visitors.post("stays", place_ids=[place])
    with visitors.visitor("west") as desk:
        desk.sign_in("operator").look_at(house)
        sheet = desk.opens(desk.page.get_by_role("button", name="Night shelter leaves"))
        expect(sheet).to_contain_text("2 occupied")
        sheet.get_by_role("button", name="Moved on").click()
        expect(desk.page.locator(".tile.is-free")).to_have_count(3, timeout=PATIENCE_MS)
        sheet = desk.opens(desk.page.get_by_role("button", name="Whole room"))
        sheet.get_by_role("button", name="No staff").click()
        expect(desk.page.locator(".tile.is-blocked")).to_have_count(3, timeout=PATIENCE_MS)


def test_a_house_says_its_hours_and_what_is_cleaned_and_takes_it_back(visitors: Visitors) -> None:
    house, _ = visitors.house(2, kind="night_shelter")
    with visitors.visitor("west") as desk:
        desk.sign_in("operator").look_at(house)
        rules = desk.page.get_by_role("button", name="House rules")
        sheet = desk.opens(rules)
        sheet.get_by_label("Out by").fill("09:00")
        sheet.get_by_role("button", name="These hours from now on").click()
        desk.says("these are the hours from now on")
        assert _rules(visitors, house)["hours"] == {"in_from": "16:30", "in_until": "22:00", "out_by": "09:00"}
        desk.page.get_by_role("button", name="Undo").click()
        desk.says("Taken back")
        assert _rules(visitors, house)["hours"] is None
        sheet = desk.opens(rules)
        sheet.get_by_role("button", name="Clean before the next").click()
        desk.says("Night shelter is cleaned after use")
        assert _rules(visitors, house)["cleaned"] == ["night_shelter"]
        sheet = desk.opens(rules)
        expect(sheet).to_contain_text("until somebody taps it ready")
        sheet.get_by_role("button", name="Free at once").click()
        desk.says("is free at once when somebody leaves")
        assert _rules(visitors, house)["cleaned"] == []


def test_a_coordinator_may_say_them_too_and_a_caseworker_is_not_asked(visitors: Visitors) -> None:
    house, _ = visitors.house(1)
    with visitors.visitor("west") as office:
        office.sign_in("coordinator").look_at(house)
        sheet = office.opens(office.page.get_by_role("button", name="House rules"))
        sheet.get_by_role("button", name="Clean before the next").click()
        office.says("24-hour shelter is cleaned after use")
        assert _rules(visitors, house)["cleaned"] == ["shelter_24h"]
    with visitors.visitor("west") as desk:
        desk.sign_in("caseworker").look_at(house)
        expect(desk.page.locator("[data-key=arrivals]")).to_be_visible()
        expect(desk.page.locator("[data-key=rules]")).to_have_count(0)


def _rules(visitors: Visitors, house: str) -> dict[str, Any]:
    """How a house is kept, as the places service has it."""
    with visitors.api() as client:
        items = client.get("/api/placement/locations", params={"limit": 500}).json()["items"]
    found = next(item for item in items if item["id"] == house)
    hours = found["hours"] and {name: time[:5] for name, time in found["hours"].items()}
    return {"hours": hours, "cleaned": found["cleaned"]}


def test_the_walk_round_counts_heads_and_names_the_places_that_differ(visitors: Visitors) -> None:
    house, (_, second, third) = visitors.house(3)
    visitors.post("stays", place_ids=[second])
    with visitors.visitor("west", language="nl", size=PHONE) as desk:
        desk.sign_in("operator").look_at(house)
        desk.page.get_by_role("link", name="Koppen tellen").click()
        desk.page.wait_for_url("**/count?**")  # until it is loaded with its script: before, a tap is lost
        gone, found = (desk.page.locator(f"[data-spot='{place}']") for place in (second, third))
        expect(gone).to_have_attribute("aria-pressed", "true")
        expect(desk.page.locator("#sums")).to_contain_text("1 personen")
        gone.click()
        found.click()
        expect(gone).to_contain_text("anders")
        failed = []

        def lose_the_first(route: Any) -> None:
            failed.append(route.request.headers["idempotency-key"])
            if len(failed) == 1:
                route.fetch()
                route.abort("connectionreset")
            else:
                route.continue_()

        desk.page.route("**/api/placement/head-counts", lose_the_first)
        desk.page.get_by_role("button", name="Klaar").click()
        expect(desk.page.locator("#result")).to_be_focused(timeout=PATIENCE_MS)
        expect(desk.page.locator("[data-count=shelter_24h]")).to_contain_text("zoals bekend")
        expect(desk.page.locator(f"#missing [data-differs='{second}']")).to_be_visible()
        expect(desk.page.locator(f"#unexpected [data-differs='{third}']")).to_be_visible()
    with visitors.api() as client:
        (count,) = client.get("/api/placement/head-counts", params={"location": house}).json()["items"]
    assert (count["counted"], count["missing"], count["unexpected"]) == (1, [second], [third])
    assert len(set(failed)) == 1


def test_a_place_elsewhere_is_held_in_two_taps_and_given_back(visitors: Visitors) -> None:
    house, (place,) = visitors.house(1, sleeps=19)
    with visitors.visitor("stad", size=PHONE) as desk:
        desk.sign_in("operator")
        desk.page.goto(f"{desk.url}/find?people=19")
        desk.is_live()
        line = desk.page.locator(f"[data-found='west/{house}/shelter_24h']")
        expect(line).to_contain_text("1 free", timeout=PATIENCE_MS)
        expect(line).to_contain_text("seen")
        line.get_by_role("button", name="Hold").click()
        held = desk.page.locator("[data-hold]", has_text=house.title().split("-")[-1])
        expect(held).to_contain_text("kept until", timeout=PATIENCE_MS)
        desk.says("They keep a place until")
        expect(line).to_have_count(0, timeout=PATIENCE_MS)
        held.get_by_role("button", name="Cancel").click()
        expect(held).to_have_count(0, timeout=PATIENCE_MS)
        expect(line).to_contain_text("1 free", timeout=PATIENCE_MS)
    with visitors.api() as client:
        assert client.get(f"/api/placement/places/{place}").json()["status"] == "free"


@pytest.mark.parametrize(("language", "said"), [("en", "Nothing free"), ("nl", "Niets vrij")])
def test_where_nothing_is_free_the_page_says_so(visitors: Visitors, language: str, said: str) -> None:
    with visitors.visitor("west", language=language) as desk:
        desk.sign_in("caseworker")
        desk.page.goto(f"{desk.url}/find?people=20&kind=medical_respite")
        expect(desk.page.locator("#found-title")).to_have_text(said)
        expect(desk.page.locator("#nothing-free")).to_be_visible()


def test_who_only_looks_finds_room_and_holds_nothing(visitors: Visitors) -> None:
    visitors.house(1)
    with visitors.visitor("west") as office:
        office.sign_in("coordinator")
        office.page.goto(f"{office.url}/find")
        expect(office.page.locator("[data-found]").first).to_be_visible()
        expect(office.page.locator("button[data-tap]")).to_have_count(0)
        answer = office.page.goto(f"{office.url}/count?location=west")
        assert answer is not None
        assert answer.status == 403


def test_a_walk_that_is_broken_off_goes_on_where_it_was_for_whoever_walks(visitors: Visitors) -> None:
    """A phone that is short of memory loads the page again; a phone that is lent starts anew."""
    house, (first, second) = visitors.house(2)
    visitors.post("stays", place_ids=[first])
    with visitors.visitor("west", size=PHONE) as desk:
        desk.sign_in("operator")
        walk = f"{desk.url}/count?location={house}"
        gone, found = (desk.page.locator(f"[data-spot='{place}']") for place in (first, second))
        desk.page.goto(walk)
        gone.click()
        found.click()
        desk.page.reload()
        expect(gone).to_have_attribute("aria-pressed", "false")
        expect(found).to_have_attribute("aria-pressed", "true")
        expect(desk.page.locator("#sums")).to_contain_text("1 people")
        desk.page.locator("#walk button.primary").click()
        expect(desk.page.locator("#result")).to_be_focused(timeout=PATIENCE_MS)
        desk.page.goto(walk)  # what was sent is not shown again
        expect(found).to_have_attribute("aria-pressed", "false")
        found.click()
        desk.page.context.clear_cookies()
        desk.sign_in("caseworker").page.goto(walk)
        expect(found).to_have_attribute("aria-pressed", "false")


def test_a_long_press_on_a_place_is_its_menu_and_taps_nothing(visitors: Visitors) -> None:
    house, (place,) = visitors.house(1)
    with visitors.visitor("west", size=PHONE, has_touch=True, is_mobile=True) as desk:
        desk.sign_in("operator").look_at(house)
        finger = desk.page.context.new_cdp_session(desk.page)
        for on in (desk.tile(place).locator(".what"), desk.button(place, "take")):
            box = on.bounding_box()
            assert box is not None
            point = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
            finger.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})
            expect(desk.page.locator("#sheet")).to_be_visible(timeout=PATIENCE_MS)
            finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
            expect(desk.page.locator("#sheet h2")).to_contain_text("Room 101")
            desk.page.keyboard.press("Escape")
            desk.sees(place, "free")
        desk.button(place, "take").tap()  # and a tap is one
        desk.sees(place, "occupied")
