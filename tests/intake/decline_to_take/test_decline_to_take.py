"""Nobody at this desk takes the file."""

from __future__ import annotations

from services.intake.commands_handover import DeclineToTake
from tests.intake.handover import AGREED, ASKED_FOR, FINISHED, at_taking, not_taken, of


def test_it_stays_where_it_is() -> None:
    at_taking.given(ASKED_FOR).when(of(DeclineToTake)).then(not_taken("declined"))


def test_until_it_has_come_one_may_think_better_of_it() -> None:
    at_taking.given(ASKED_FOR, AGREED).when(of(DeclineToTake)).then(not_taken("declined"))
    at_taking.given(ASKED_FOR, AGREED, FINISHED).when(of(DeclineToTake)).then_rejected("hand-over-ended", how="taken")


def test_twice_is_once_and_what_is_over_is_over() -> None:
    at_taking.given(ASKED_FOR, not_taken("declined")).when(of(DeclineToTake)).then_nothing()
    at_taking.given(not_taken("called_off")).when(of(DeclineToTake)).then_rejected("hand-over-ended")
    at_taking.when(of(DeclineToTake)).then_rejected("hand-over-unknown")
