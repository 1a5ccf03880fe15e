"""A location's board: rooms in their order, what each place is, and the taps it takes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from services.console.board import Board, Tap, board
from services.console.words import words

NOW = datetime(2026, 1, 10, 20, 0, tzinfo=UTC)
WEST = {"id": "west", "title": "West", "district": "Nieuw-West"}


def place(id_: str, status: str = "free", **more: Any) -> dict[str, Any]:
    return {
        "id": id_, "status": status, "room": "101", "kind": "shelter_24h", "sleeps": 1, "features": [], "block": None,
        "overflow": False, "version": 7, "location": "west",
    } | more  # fmt: skip


def stay(*place_ids: str, **more: Any) -> dict[str, Any]:
    began_at = (NOW - timedelta(hours=1)).isoformat()
    return {
        "id": "stay-1",
        "place_ids": list(place_ids),
        "household_size": 1,
        "began_at": began_at,
        "ended_at": None,
        "away_until": None,
        "kind": "shelter_24h",
        "version": 9,
    } | more


def hold(*place_ids: str, **more: Any) -> dict[str, Any]:
    until = (NOW + timedelta(minutes=90)).isoformat()
    return {
        "id": "hold-1",
        "place_ids": list(place_ids),
        "household_size": 1,
        "expires_at": until,
        "status": "active",
        "version": 8,
    } | more


def shown(*places: dict[str, Any], role: str = "operator", language: str = "en", **uses: Any) -> Board:
    return board(WEST, places, uses.get("holds", []), uses.get("stays", []), role, NOW, words(language))


def taps(*places: dict[str, Any], **uses: Any) -> list[Tap]:
    return [tap for room in shown(*places, **uses).rooms for tile in room.tiles for tap in tile.taps]


def test_a_free_place_can_be_taken_held_or_blocked() -> None:
    take, keep, block, more = taps(place("p1"))
    assert (take.name, take.path, take.body, take.version) == (
        "take",
        "/api/placement/stays",
        {"place_ids": ["p1"]},
        None,
    )
    assert (keep.path, keep.body) == ("/api/placement/holds", {"place_ids": ["p1"], "hold_minutes": 90})
    assert (block.name, block.sheet) == ("block", "/sheet?location=west&place=p1&about=block")
    assert (more.name, more.sheet) == ("more", "/sheet?location=west&place=p1")
    assert (take.undo, keep.undo) == ("/api/placement/stays/{id}/undo", "/api/placement/holds/{id}/cancel")
    assert take.done == "Room 101, place 1 is taken."


def test_an_occupied_place_is_made_free_by_ending_its_stay() -> None:
    end, more = taps(place("p1", "occupied"), stays=[stay("p1")])
    assert more.sheet
    assert end.undo == "/api/placement/stays/{id}/undo"
    assert (end.path, end.body, end.version) == ("/api/placement/stays/stay-1/end", {"reason": "moved_on"}, 9)


def test_whoever_is_away_is_said_to_be_back_with_one_tap() -> None:
    until = (NOW + timedelta(hours=20)).isoformat()
    made = shown(place("p1", "occupied"), stays=[stay("p1", away_until=until)])
    (tile,) = made.rooms[0].tiles
    assert "away until Sun 11 Jan 17:00" in tile.detail
    back, end, _ = tile.taps
    assert (back.path, back.body, back.version) == ("/api/placement/stays/stay-1/away", {"until": None}, 9)
    assert end.name == "end"


def test_a_held_place_is_checked_in_or_let_go() -> None:
    check_in, cancel, more = taps(place("p1", "held"), holds=[hold("p1")])
    assert more.sheet == "/sheet?location=west&place=p1"
    assert check_in.undo == "/api/placement/stays/{stay_id}/undo"
    assert (check_in.path, check_in.version) == ("/api/placement/holds/hold-1/check-in", 8)
    assert (cancel.path, cancel.version) == ("/api/placement/holds/hold-1/cancel", 8)


def test_a_place_held_for_another_site_says_for_which() -> None:
    made = shown(place("p1", "held"), holds=[hold("p1", expected_from="noord")], language="nl")
    (tile,) = made.rooms[0].tiles
    assert "verwacht vanuit Noord" in tile.detail
    assert [tap.name for tap in tile.taps] == ["check_in", "cancel", "more"]


def test_who_was_offered_a_place_is_checked_in_with_a_code_and_not_with_a_tap() -> None:
    check_in, more = taps(place("p1", "held"), holds=[hold("p1", offer_id="hold-1", expected_from="noord")])
    assert (check_in.name, check_in.path, check_in.sheet) == ("check_in", "", "/sheet?location=west&place=p1")
    assert (check_in.weight, check_in.later, more.name) == ("primary", False, "more")


def test_a_blocked_place_is_unblocked_and_says_why_and_until_when() -> None:
    block = {"reason": "repair", "until": (NOW + timedelta(days=2)).isoformat()}
    made = shown(place("p1", "blocked", block=block), language="nl")
    (tile,) = made.rooms[0].tiles
    assert [tap.path for tap in tile.taps] == ["/api/placement/places/p1/unblock"]
    assert tile.detail == ["Reparatie", "tot ma 12 jan 21:00"]


def test_a_place_whose_stay_is_not_known_yet_offers_nothing() -> None:
    assert taps(place("p1", "occupied")) == []
    assert taps(place("p1", "held"), holds=[hold("p1", status="lapsed")]) == []
    assert taps(place("p1", "occupied"), stays=[stay("p1", ended_at=NOW.isoformat())]) == []


def test_who_may_not_tap_gets_no_buttons() -> None:
    for role in ("coordinator", "oncall", "auditor"):
        assert taps(place("p1"), role=role) == []
    assert not shown(role="coordinator").sees_households
    assert shown(role="auditor").sees_households


def test_a_household_over_two_places_says_so_on_both() -> None:
    couple = stay("p1", "p2", household_size=2)
    (room,) = shown(place("p1", "occupied"), place("p2", "occupied"), stays=[couple]).rooms
    assert [tile.detail for tile in room.tiles] == [["since 20:00", "2 people", "with 1 other place"]] * 2


def test_rooms_come_in_the_order_people_count_and_closed_places_are_left_out() -> None:
    made = shown(
        place("c", room="10"),
        place("b", room="2"),
        place("a", room="Night hall"),
        place("d", room=""),
        place("x", "closed"),
    )
    assert [room.title for room in made.rooms] == ["Without a room", "Room 2", "Room 10", "Night hall"]
    assert [words_ for _, words_ in made.counts] == ["4 free", "0 held", "0 occupied", "0 blocked"]


def test_a_room_of_one_make_says_it_once() -> None:
    (room,) = shown(place("a", features=["quiet"], sleeps=2), place("b", features=["quiet"], sleeps=2)).rooms
    assert room.about == "24-hour shelter, sleeps 2, quiet"
    assert room.tiles[0].detail == []
    (mixed,) = shown(place("a"), place("b", kind="night_shelter")).rooms
    assert mixed.about == ""
    assert {tile.detail[0] for tile in mixed.tiles} == {"24-hour shelter", "Night shelter"}


def test_an_overflow_place_says_what_it_is() -> None:
    (room,) = shown(place("a", overflow=True)).rooms
    assert room.tiles[0].detail == ["extra place"]
