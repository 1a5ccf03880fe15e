"""The other desk keeps its file."""

from __future__ import annotations

from services.intake.commands_handover import CallOffTaking
from tests.intake.handover import AGREED, ASKED_FOR, FINISHED, at_taking, not_taken, of


def test_it_is_not_taken_any_more() -> None:
    for events in ([], [ASKED_FOR], [ASKED_FOR, AGREED]):
        at_taking.given(*events).when(of(CallOffTaking)).then(not_taken("called_off"))


def test_what_was_decided_is_decided() -> None:
    for last in (FINISHED, not_taken("declined"), not_taken("called_off")):
        at_taking.given(ASKED_FOR, AGREED, last).when(of(CallOffTaking)).then_nothing()


def test_nobody_else_calls_it_off() -> None:
    at_taking.given(ASKED_FOR).when(of(CallOffTaking, site="zuidoost")).then_rejected("hand-over-of-another-site")
