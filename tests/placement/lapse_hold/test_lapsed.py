"""The timer of a hold."""

from msgspec.structs import replace

from services.placement import commands as cmd
from services.placement import events as ev
from tests.placement.sample import A1, HOLD, STAY, after, held, opened, uid, west

DUE = after(minutes=90)
LAPSE = cmd.LapseHold(at=DUE, role="system", location="west", hold_id=HOLD)
LAPSED = ev.HoldLapsed(HOLD, (A1,), DUE)
HELD = west.given(opened(A1), held(A1))


def test_a_hold_that_is_due_lapses() -> None:
    state = HELD.when(LAPSE).then(LAPSED).state
    assert state.places[A1].status == "free"
    ended = state.ended_holds.get(HOLD)
    assert ended is not None
    assert ended.how == "lapsed"


def test_a_place_to_be_closed_is_when_the_hold_lapses() -> None:
    planned = HELD.given(ev.ClosingPlanned((A1,), after()))
    planned.when(LAPSE).then(LAPSED, ev.PlacesClosed((A1,), DUE))


def test_a_timer_that_fires_early_changes_nothing() -> None:
    HELD.when(replace(LAPSE, at=after(minutes=89))).then_nothing()


def test_a_timer_that_fires_twice_or_too_late_changes_nothing() -> None:
    HELD.given(LAPSED).when(LAPSE).then_nothing()
    HELD.given(ev.StayBegan(STAY, (A1,), "shelter_24h", 1, after(), after(), HOLD)).when(LAPSE).then_nothing()


def test_a_timer_of_an_unknown_hold_changes_nothing() -> None:
    HELD.when(replace(LAPSE, hold_id=uid(9))).then_nothing()


def test_no_timer_works_at_another_location() -> None:
    HELD.when(replace(LAPSE, location="noord")).then_rejected("location-unknown")
