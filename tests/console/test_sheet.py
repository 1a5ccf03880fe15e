"""What more may be done: with a place, a room, a house; each form is one request the places service knows."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from services.console import api_notes
from services.console.sheet import Form, Sheet, house_sheet, place_sheet, room_sheet
from services.console.words import LANGUAGES, words
from services.placement import api_models, api_offers, api_shapes
from shared.contracts.vocabulary import BLOCK_REASONS, OFFER_MODES, STAY_END_REASONS, WITHDRAW_REASONS
from shared.http_models import Body
from tests.console.test_board import NOW, hold, place, stay

FREE, TAKEN, UNIT = place("p1"), place("p2", "occupied"), place("u", kind="family_shelter", sleeps=4, room="Family 1")
NIGHT = [place("n1", "occupied", kind="night_shelter", room="Hall"), place("n2", kind="night_shelter", room="Hall")]
HOUSE = [FREE, TAKEN, UNIT, place("b", "blocked", room="9"), place("x", "closed", room="8"), *NIGHT]
STAYS = [stay("p2"), stay("n1", id="stay-2", kind="night_shelter")]

OFFER = {"id": "hold-1", "status": "accepted", "version": 3}


def of_place(id_: str, about: str = "", *, stays: list[Any] | None = None, language: str = "en") -> Sheet:
    there = STAYS if stays is None else stays
    made = place_sheet(id_, about, HOUSE, [hold()], there, NOW, words(language))
    assert made is not None
    return made


def of_house(about: str, places: list[Any] = HOUSE, language: str = "en") -> Sheet | None:
    return house_sheet("west", about, places, [], STAYS, NOW, words(language))


def forms(sheet: Sheet | None) -> dict[str, Form]:
    assert sheet is not None
    return {form.name: form for form in sheet.forms}


def bodies(form: Form) -> list[dict[str, Any]]:
    """Every body the form can send."""
    chosen = [choice.body for choice in form.select[1]] if form.select else [{}]
    ticked = [{}, form.tick.body] if form.tick else [{}]
    number: dict[str, Any] = {form.number[0]: form.number[3]} if form.number else {}
    if form.text:
        number[form.text[0]] = "x" * form.text[2]
    return [
        {**form.body, **number, **one, **tick, **button.body}
        for one in chosen
        for tick in ticked
        for button in form.buttons
    ]


def test_a_free_place_is_held_for_so_long_or_blocked_with_a_reason_and_an_end() -> None:
    sheet = of_place("p1")
    assert (sheet.title, sheet.about) == ("Room 101, place 1", "Free · 24-hour shelter")
    found = forms(sheet)
    assert list(found) == ["hold", "block", "note"]
    assert [body["hold_minutes"] for body in bodies(found["hold"])] == [30, 60, 90, 120, 240]
    block = found["block"]
    assert (block.path, block.version) == ("/api/placement/places/p1/block", 7)
    assert {body["reason"] for body in bodies(block)} == set(BLOCK_REASONS)
    assert block.select is not None
    label, ends = block.select
    assert label == "Expected end"
    assert [end.words for end in ends] == [
        "not known", "until 22:00", "until 23:00", "until Sun 11 Jan 03:00", "until Sun 11 Jan 12:00",
        "until Tue 13 Jan 12:00", "until Sat 17 Jan 12:00",
    ]  # fmt: skip
    assert all(end.body["until"] > NOW.isoformat()[:13] for end in ends[1:])


def test_only_the_reasons_are_asked_where_only_they_are_wanted() -> None:
    assert list(forms(of_place("p1", "block"))) == ["block"]


def test_a_place_for_several_asks_how_many_move_in() -> None:
    take = forms(of_place("u"))["take"]
    assert take.number == ("household_size", "People", 1, 4)
    assert bodies(take) == [{"place_ids": ["u"], "household_size": 4}]


def test_a_stay_ends_with_a_reason_moves_or_is_away() -> None:
    found = forms(of_place("p2"))
    assert list(found) == ["end", "move", "away", "block_after", "note"]
    assert [body["reason"] for body in bodies(found["end"])] == list(STAY_END_REASONS)
    assert found["end"].undo == found["move"].undo == "/api/placement/stays/{id}/undo"
    assert bodies(found["move"]) == [
        {"kind": "shelter_24h"},
        {"place_ids": ["p1"]},
        {"place_ids": ["u"]},
        {"place_ids": ["n2"]},
    ]
    assert {found[name].version for name in ("end", "move", "away")} == {9}
    assert found["away"].buttons[0].more == "until Sun 11 Jan 12:00"
    assert all(body["after_stay"] for body in bodies(found["block_after"]))


def test_a_household_of_two_is_not_offered_a_place_for_one() -> None:
    couple = stay("p2", household_size=2)
    assert bodies(forms(of_place("p2", stays=[couple]))["move"]) == [{"kind": "shelter_24h"}, {"place_ids": ["u"]}]


def test_whoever_has_to_be_out_in_the_morning_may_stay_longer() -> None:
    asleep = stay("n1", id="stay-2", kind="night_shelter", ends_at=(NOW + timedelta(hours=12)).isoformat())
    sheet = of_place("n1", stays=[asleep])
    longer = forms(sheet)["longer"]
    assert (longer.path, bodies(longer), longer.version) == ("/api/placement/stays/stay-2/extend", [{}], 9)
    assert "out by" in sheet.about
    assert longer.help.startswith("The stay ends by itself: ")
    assert api_shapes.ExtendBody.model_validate({}).until is None


def test_whoever_is_away_can_be_back() -> None:
    away = stay("p2", away_until=(NOW + timedelta(days=1)).isoformat())
    assert bodies(forms(of_place("p2", stays=[away]))["back"]) == [{"until": None}]


def test_a_place_that_is_gone_and_a_room_that_is_not_there_have_no_sheet() -> None:
    for id_ in ("x", "nowhere"):
        assert place_sheet(id_, "", HOUSE, [], STAYS, NOW, words("en")) is None
    assert room_sheet("west", "8", HOUSE, [], STAYS, NOW, words("en")) is None
    assert of_house("weather") is None
    assert of_house("arrivals", []) is None


def test_a_blocked_place_has_nothing_more_than_its_tap_and_a_note() -> None:
    assert list(forms(of_place("b"))) == ["note"]


def held_sheet(language: str = "en", offer: dict[str, Any] | None = OFFER) -> Sheet:
    made = place_sheet("h", "", [place("h", "held")], [hold("h")], [], NOW, words(language), offer)
    assert made is not None
    return made


def held_for(offer: dict[str, Any] | None) -> dict[str, Form]:
    return forms(held_sheet(offer=offer))


def test_nobody_came_for_a_place_that_was_held() -> None:
    no_show = held_for(None)["no_show"]
    assert (no_show.path, no_show.version) == ("/api/placement/holds/hold-1/no-show", 8)
    assert no_show.undo == "/api/placement/holds/{id}/undo"


def test_who_accepted_an_offer_is_let_in_with_their_code_which_no_device_keeps() -> None:
    found = held_for(OFFER)
    assert list(found) == ["check_in", "no_show", "withdraw", "note"]
    check_in = found["check_in"]
    assert check_in.text == ("arrival_code", "Code", 40)
    assert (check_in.path, check_in.later) == ("/api/placement/holds/hold-1/check-in", False)
    assert [body["reason"] for body in bodies(found["withdraw"])] == list(WITHDRAW_REASONS)
    assert (found["withdraw"].path, found["withdraw"].version) == ("/api/placement/offers/hold-1/withdraw", 8)
    assert list(held_for(OFFER | {"status": "open"})) == ["withdraw", "note"]  # nobody said that they come


def test_a_note_is_about_a_place_or_the_whole_house_and_its_text_stays_off_the_device() -> None:
    note = forms(of_place("p1"))["note"]
    assert (note.body, note.select, note.later) == ({"location": "west", "place_id": "p1"}, None, False)
    whole = forms(of_house("note"))["note"]
    assert whole.select is not None
    assert [choice.words for choice in whole.select[1]][:3] == [
        "The whole house",
        "Room 9, place 1",
        "Room 101, place 1",
    ]
    assert whole.select[1][0].body == {}


def test_a_house_says_how_it_offers() -> None:
    offers = forms(of_house("offers"))["offers"]
    assert offers.path == "/api/placement/locations/west/offers"
    assert [body["offers"] for body in bodies(offers)] == list(OFFER_MODES)


def test_a_room_is_left_or_blocked_as_a_whole() -> None:
    sheet = room_sheet("west", "101", HOUSE, [], STAYS, NOW, words("en"))
    assert sheet is not None
    assert (sheet.title, sheet.about) == ("Room 101", "1 free · 1 occupied")
    found = forms(sheet)
    assert bodies(found["all_out"])[0] == {"location": "west", "room": "101", "reason": "moved_on"}
    assert bodies(found["block_room"])[0] == {
        "location": "west",
        "room": "101",
        "after_stay": True,
        "reason": "cleaning",
    }
    empty = room_sheet("west", "9", HOUSE, [], STAYS, NOW, words("en"))
    assert list(forms(empty)) == ["block_room"]


def test_somebody_at_the_door_gets_a_kind_and_where_it_is_full_an_extra_place() -> None:
    arrive = forms(of_house("arrivals"))["arrive"]
    assert [(button.words, button.more, button.weight) for button in arrive.buttons] == [
        ("24-hour shelter", "1 free", "primary"), ("Night shelter", "1 free", "primary"),
        ("Family shelter", "1 free", "primary"),
    ]  # fmt: skip
    full = forms(of_house("arrivals", [TAKEN]))["arrive"]
    assert [button.weight for button in full.buttons] == ["quiet"]
    assert {"location": "west", "household_size": 20, "kind": "shelter_24h", "extra": True} in bodies(full)


def test_a_night_shelter_is_left_at_once_while_somebody_sleeps_there() -> None:
    out = forms(of_house("leaving"))["all_out"]
    assert bodies(out)[0] == {"location": "west", "kind": "night_shelter", "reason": "moved_on"}
    assert forms(of_house("leaving", [FREE])) == {}


MODELS: dict[str, type[BaseModel]] = {
    "stays": api_models.StayBody,
    "holds": api_models.HoldBody,
    "places/block": api_shapes.BlockPlacesBody,
    "stays/end": api_shapes.EndStaysBody,
    "end": api_models.EndStayBody,
    "away": api_shapes.AwayBody,
    "move": api_shapes.MoveBody,
    "block": api_models.BlockBody,
    "check-in": api_models.CheckInBody,
    "no-show": Body,
    "withdraw": api_offers.WithdrawBody,
    "offers": api_offers.OfferModeBody,
    "/api/console/notes": api_notes.NoteBody,
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_whatever_a_form_can_send_the_places_service_can_read(language: str) -> None:
    random_id = "00000000-0000-4000-8000-000000000001"
    sheets = [of_place(id_, language=language) for id_ in ("p1", "p2", "u")]
    sheets += [
        made for about in ("arrivals", "leaving", "note", "offers") if (made := of_house(about, language=language))
    ]
    sheets += [held_sheet(language)]
    room = room_sheet("west", "101", HOUSE, [], STAYS, NOW, words(language))
    assert room is not None
    read = 0
    for form in (form for sheet in [*sheets, room] for form in sheet.forms):
        path = form.path.removeprefix("/api/placement/")
        model = MODELS[path] if path in MODELS else MODELS[path.rpartition("/")[2]]
        for body in bodies(form):
            if "place_ids" in body:
                body["place_ids"] = [random_id]
            if "place_id" in body:
                body["place_id"] = random_id
            model.model_validate_json(json.dumps(body))
            read += 1
        assert form.title
        assert "{place}" not in form.done
    assert read > 60
