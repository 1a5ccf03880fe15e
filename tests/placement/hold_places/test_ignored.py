"""The same hold asked for again."""

from services.placement import events as ev
from tests.placement.hold_places.test_held import SINGLES
from tests.placement.sample import A1, AT, HOLD, HOLD2, held, hold


def test_a_hold_that_is_there_is_not_made_again() -> None:
    SINGLES.given(held(A1)).when(hold(A1)).then_nothing()
    SINGLES.given(held(A1)).when(hold(kind="shelter_24h")).then_nothing()


def test_a_hold_that_has_ended_does_not_come_back() -> None:
    cancelled = SINGLES.given(held(A1), ev.HoldCancelled(HOLD, (A1,), AT))
    cancelled.when(hold(A1)).then_nothing()
    cancelled.when(hold(A1, hold_id=HOLD2)).then(held(A1, hold_id=HOLD2))
