"""Of a kind that is cleaned after use, a place somebody has left is blocked until it is tapped ready."""

import pytest

from services.placement import commands as cmd
from services.placement import commands_house as ch
from services.placement import events as ev
from services.placement import events_house as eh
from tests.placement.hours import NIGHT, asleep, fire, out
from tests.placement.sample import (
    A1,
    A2,
    AT,
    B1,
    HOLD,
    STAY,
    after,
    began,
    blocked,
    end,
    ended,
    held,
    moved,
    opened,
    west,
)

LATER = after(minutes=10)


def clean(kind: str = "shelter_24h", *, cleaned: bool = True) -> ch.DeclareCleaning:
    return ch.DeclareCleaning(at=AT, role="operator", location="west", kind=kind, cleaned=cleaned)


def being_cleaned(*place_ids: str, at: object = LATER, seen: object = LATER) -> ev.PlacesBlocked:
    return ev.PlacesBlocked(place_ids, "cleaning", None, at, seen)  # type: ignore[arg-type]


DECLARED = eh.CleaningDeclared("shelter_24h", True, AT)
house = west.given(opened(A1, A2), opened(B1, room="b"))
tidy = house.given(DECLARED)
lived_in = tidy.given(began(A1))


def test_it_is_known_from_then_on_and_of_one_kind_only() -> None:
    assert house.when(clean()).then(DECLARED).state.cleaned == ("shelter_24h",)
    both = tidy.when(clean(NIGHT)).then(eh.CleaningDeclared(NIGHT, True, AT))
    one = both.when(clean(cleaned=False)).then(eh.CleaningDeclared("shelter_24h", False, AT))
    assert one.state.cleaned == (NIGHT,)


def test_the_same_again_changes_nothing() -> None:
    tidy.when(clean()).then_nothing()
    house.when(clean(cleaned=False)).then_nothing()


@pytest.mark.parametrize(("kind", "code"), [("hotel", "kind-unknown"), ("internship", "kind-without-beds")])
def test_kinds_that_cannot_be(kind: str, code: str) -> None:
    house.when(clean(kind)).then_rejected(code)


def test_a_place_somebody_leaves_is_blocked_until_it_is_tapped_ready() -> None:
    left = lived_in.when(end(at=LATER)).then(ended(A1, at=LATER), being_cleaned(A1))
    ready = cmd.UnblockPlace(at=after(hours=1), role="operator", location="west", place_id=A1)
    left.when(ready).then(ev.PlacesUnblocked((A1,), after(hours=1), after(hours=1)))


def test_the_places_a_household_moves_from_too() -> None:
    move = cmd.MoveStay(at=LATER, role="operator", location="west", stay_id=STAY, place_ids=(B1,))
    lived_in.when(move).then(moved(B1, away=(A1,), at=LATER), being_cleaned(A1))


def test_and_those_of_a_night_shelter_in_the_morning() -> None:
    tidy_shelter = asleep.given(eh.CleaningDeclared(NIGHT, True, AT))
    blocked_by_itself = ev.PlacesBlocked((A1,), "cleaning", None, fire().at, None)
    tidy_shelter.when(fire()).then(out(), blocked_by_itself)


def test_nobody_has_used_a_place_that_was_only_held_or_tapped_by_mistake() -> None:
    cancel = cmd.CancelHold(at=LATER, role="operator", location="west", hold_id=HOLD)
    tidy.given(held(A1)).when(cancel).then(ev.HoldCancelled(HOLD, (A1,), LATER))
    undo = cmd.UndoStay(at=after(seconds=30), role="operator", location="west", stay_id=STAY)
    lived_in.when(undo).then(ev.StayEnded(STAY, (A1,), "entered_in_error", AT, undo.at))
    lived_in.when(end(reason="entered_in_error", at=LATER)).then(
        ev.StayEnded(STAY, (A1,), "entered_in_error", LATER, LATER)
    )


def test_what_somebody_planned_for_the_place_comes_first() -> None:
    planned = lived_in.given(ev.BlockPlanned((A1,), "repair", None, AT))
    planned.when(end(at=LATER)).then(ended(A1, at=LATER), ev.PlacesBlocked((A1,), "repair", None, LATER, LATER))
    closing = lived_in.given(ev.ClosingPlanned((A1,), AT))
    closing.when(end(at=LATER)).then(ended(A1, at=LATER), ev.PlacesClosed((A1,), LATER, LATER))


def test_an_end_or_a_move_that_is_taken_back_takes_the_block_back_too() -> None:
    left = lived_in.after(end(at=LATER))
    at = after(minutes=10, seconds=30)
    undo = cmd.UndoStay(at=at, role="operator", location="west", stay_id=STAY)
    ready = ev.PlacesUnblocked((A1,), at, None, undo=True)
    left.when(undo).then(ready, ev.StayResumed(STAY, (A1,), at))
    move = cmd.MoveStay(at=LATER, role="operator", location="west", stay_id=STAY, place_ids=(B1,))
    gone = lived_in.after(move)
    gone.when(undo).then(ready, moved(A1, away=(B1,), at=at, undo=True))


def test_another_block_of_the_place_stands() -> None:
    left = lived_in.given(ended(A1, at=LATER), blocked(A1))
    undo = cmd.UndoStay(at=after(minutes=10, seconds=30), role="operator", location="west", stay_id=STAY)
    left.when(undo).then_rejected("undo-not-possible")
