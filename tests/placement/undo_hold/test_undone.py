"""The last tap about a hold is taken back within a minute: placed, it ends; ended, the same places are held again."""

from msgspec.structs import replace

from services.placement import commands as cmd
from services.placement import events as ev
from tests.placement.sample import (
    A1,
    A2,
    AT,
    HOLD,
    HOLD2,
    after,
    asked,
    began,
    blocked,
    held,
    how_ended,
    opened,
    uid,
    west,
)

UNDO = cmd.UndoHold(at=after(seconds=30), role="operator", location="west", hold_id=HOLD, again_id=HOLD2)
TAKEN_BACK = ev.HoldCancelled(HOLD, (A1,), UNDO.at, "entered_in_error")
CANCELLED = ev.HoldCancelled(HOLD, (A1,), AT)
HELD = west.given(opened(A1, A2), held(A1))
AGAIN = replace(held(A1, hold_id=HOLD2), at=UNDO.at)


def test_a_hold_placed_by_mistake_ends() -> None:
    assert HELD.when(UNDO).then(TAKEN_BACK).state.places[A1].status == "free"


def test_one_that_was_cancelled_by_mistake_is_held_again_until_the_same_time() -> None:
    state = HELD.given(CANCELLED).when(UNDO).then(AGAIN).state
    assert (list(state.holds), how_ended(state)) == ([HOLD2], "cancelled")
    assert state.holds[HOLD2].expires_at == held(A1).expires_at
    HELD.given(ev.NoShowNoted(HOLD, (A1,), AT)).when(UNDO).then(AGAIN)


def test_a_second_tap_changes_nothing() -> None:
    HELD.given(CANCELLED, AGAIN).when(UNDO).then_nothing()


def test_after_a_minute_it_is_too_late() -> None:
    late = replace(UNDO, at=after(seconds=61))
    HELD.when(late).then_rejected("undo-too-late", within_seconds=60)
    HELD.given(CANCELLED).when(late).then_rejected("undo-too-late")
    HELD.given(ev.HoldLapsed(HOLD, (A1,), AT)).when(UNDO).then_rejected("undo-too-late")


def test_what_the_place_or_another_site_has_made_of_it_stands() -> None:
    HELD.given(CANCELLED, began(A1)).when(UNDO).then_rejected("undo-not-possible")
    HELD.given(CANCELLED, blocked(A1)).when(UNDO).then_rejected("undo-not-possible")
    west.given(opened(A1), asked(), held(A1)).when(UNDO).then_rejected("undo-not-possible")


def test_ids_that_are_none_unknown_or_used() -> None:
    HELD.when(replace(UNDO, hold_id=uid(9))).then_rejected("hold-unknown")
    HELD.given(CANCELLED).when(replace(UNDO, again_id="x")).then_rejected("id-invalid")
    other = held(A2, hold_id=HOLD2)
    HELD.given(CANCELLED, other).when(UNDO).then_rejected("hold-id-used")
