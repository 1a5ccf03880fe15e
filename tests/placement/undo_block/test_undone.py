"""A block, or the end of one, is taken back within a minute."""

from msgspec.structs import replace

from services.placement import commands as cmd
from services.placement import events as ev
from services.placement.decider_location import TAPS_KEPT
from tests.placement.sample import A1, A2, AT, STAY, after, began, blocked, opened, standby, uid, west

UNDO = cmd.UndoBlock(at=after(seconds=30), role="operator", location="west", place_id=A1)
BEDS = west.given(opened(A1, A2))
UNBLOCKED = ev.PlacesUnblocked((A1,), AT, AT)
BACK = ev.PlacesUnblocked((A1,), UNDO.at, UNDO.at, undo=True)


def test_a_block_is_taken_back() -> None:
    assert BEDS.given(blocked(A1)).when(UNDO).then(BACK).state.places[A1].status == "free"


def test_a_planned_one_is_called_off() -> None:
    planned = BEDS.given(began(A1), ev.BlockPlanned((A1,), "repair", None, AT))
    assert planned.when(UNDO).then(BACK).state.places[A1].block_next is None


def test_the_end_of_a_block_is_taken_back_with_its_reason() -> None:
    again = ev.PlacesBlocked((A1,), "repair", after(days=2), UNDO.at, UNDO.at, undo=True)
    freed = BEDS.given(blocked(A1, until=after(days=2)), UNBLOCKED)
    assert freed.when(UNDO).then(again).state.places[A1].status == "blocked"


def test_a_second_tap_changes_nothing() -> None:
    BEDS.given(blocked(A1), BACK).when(UNDO).then_nothing()


def test_after_a_minute_or_without_a_tap_it_is_too_late() -> None:
    BEDS.given(blocked(A1)).when(replace(UNDO, at=after(seconds=61))).then_rejected("undo-too-late")
    BEDS.when(UNDO).then_rejected("undo-too-late")
    reported = replace(blocked(A1), reported=True)
    BEDS.given(reported).when(UNDO).then_rejected("undo-too-late")


def test_what_the_place_is_used_for_by_now_stands() -> None:
    BEDS.given(blocked(A1), UNBLOCKED, began(A1)).when(UNDO).then_rejected("undo-not-possible")
    planned = BEDS.given(began(A1), ev.BlockPlanned((A1,), "repair", None, AT))
    left = planned.given(ev.StayEnded(STAY, (A1,), "moved_on", AT, AT), blocked(A1))
    left.when(UNDO).then_rejected("undo-not-possible")


def test_places_there_are_not() -> None:
    BEDS.when(replace(UNDO, place_id=uid(99))).then_rejected("place-unknown")
    west.given(standby(A1)).when(UNDO).then_rejected("place-not-free", status="closed")


def test_a_location_remembers_so_many() -> None:
    many = [uid(1000 + n) for n in range(TAPS_KEPT + 5)]
    state = west.given(opened(*many), blocked(*many)).state
    assert list(state.taps) == many[5:]
