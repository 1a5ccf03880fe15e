"""Somebody at this desk takes the file."""

from __future__ import annotations

from services.intake.commands_handover import AgreeToTake
from tests.intake.handover import AGREED, ASKED_FOR, FINISHED, at_taking, not_taken, of


def test_it_may_be_sent() -> None:
    at_taking.given(ASKED_FOR).when(of(AgreeToTake)).then(AGREED)


def test_twice_is_once() -> None:
    at_taking.given(ASKED_FOR, AGREED).when(of(AgreeToTake)).then_nothing()
    at_taking.given(ASKED_FOR, AGREED, FINISHED).when(of(AgreeToTake)).then_nothing()


def test_what_is_over_is_over() -> None:
    at_taking.given(ASKED_FOR, not_taken("called_off")).when(of(AgreeToTake)).then_rejected(
        "hand-over-ended", how="called_off"
    )
    at_taking.when(of(AgreeToTake)).then_rejected("hand-over-unknown")
