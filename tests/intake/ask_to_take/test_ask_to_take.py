"""Another desk would hand a file over."""

from __future__ import annotations

from services.intake.commands_handover import AskToTake
from tests.intake.handover import AGREED, ASKED_FOR, FINISHED, at_taking, not_taken, of


def test_somebody_here_is_to_say_whether_it_is_taken() -> None:
    at_taking.when(of(AskToTake)).then(ASKED_FOR)


def test_a_desk_that_asks_too_much_is_declined() -> None:
    at_taking.when(of(AskToTake, refuse=True)).then(not_taken("declined"))


def test_it_is_asked_again_and_again() -> None:
    for events in ([ASKED_FOR], [ASKED_FOR, AGREED], [ASKED_FOR, AGREED, FINISHED], [not_taken("called_off")]):
        at_taking.given(*events).when(of(AskToTake)).then_nothing()


def test_by_one_desk_only() -> None:
    at_taking.given(ASKED_FOR).when(of(AskToTake, site="zuidoost")).then_rejected("hand-over-of-another-site")
    at_taking.when(of(AskToTake, site="No Site")).then_rejected("site-invalid")
    at_taking.when(of(AskToTake, hand_over_id="x")).then_rejected("id-invalid")
