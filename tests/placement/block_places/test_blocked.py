"""Places taken out of use."""

from datetime import timedelta, timezone

from msgspec.structs import replace

from services.placement import commands as cmd
from services.placement import events as ev
from tests.placement.sample import A1, A2, A3, AT, B1, after, began, blocked, held, opened, west

BLOCK = cmd.BlockPlaces(at=AT, role="operator", location="west", place_ids=(A1,), reason="repair")
ROOMS = west.given(opened(A1, A2), opened(B1, room="b"))


def test_a_free_place_is_blocked() -> None:
    state = ROOMS.when(BLOCK).then(blocked(A1)).state
    assert state.places[A1].status == "blocked"
    assert state.places[A1].version == 4


def test_an_expected_end_is_kept_in_utc() -> None:
    amsterdam = timezone(timedelta(hours=1))
    until = after(hours=3)
    event = blocked(A1, until=until)
    found = ROOMS.when(replace(BLOCK, until=until.astimezone(amsterdam))).then(event).state.places[A1].block
    assert found is not None
    assert found.until is not None
    assert found.until.utcoffset() == timedelta(0)


def test_a_count_takes_free_places_in_order() -> None:
    by_count = replace(BLOCK, place_ids=(), count=2, reason="unstaffed")
    ROOMS.when(by_count).then(blocked(A1, A2, reason="unstaffed"))
    ROOMS.given(began(A1)).when(by_count).then(blocked(A2, B1, reason="unstaffed"))
    ROOMS.when(replace(by_count, room="b", count=1)).then(blocked(B1, reason="unstaffed"))


def test_a_whole_room_is_blocked_but_not_what_is_blocked_already() -> None:
    whole = replace(BLOCK, place_ids=(), room="a")
    ROOMS.given(blocked(A1, reason="cleaning")).when(whole).then(blocked(A2))


def test_a_place_in_use_is_blocked_when_its_stay_ends() -> None:
    planned = ev.BlockPlanned((A1,), "repair", None, AT)
    later = ROOMS.given(began(A1)).when(replace(BLOCK, after_stay=True)).then(planned)
    assert later.state.places[A1].status == "occupied"


def test_a_room_in_use_is_blocked_place_by_place() -> None:
    whole = replace(BLOCK, place_ids=(), room="a", after_stay=True)
    ROOMS.given(held(A1)).when(whole).then(blocked(A2), ev.BlockPlanned((A1,), "repair", None, AT))


def test_many_places_are_one_event() -> None:
    west.given(opened(A1, A2, A3)).when(replace(BLOCK, place_ids=(A1, A2, A3))).then(blocked(A1, A2, A3))
