"""The file has come."""

from __future__ import annotations

from services.intake.commands_handover import FinishTaking
from tests.intake.handover import AGREED, ASKED_FOR, FINISHED, OVER_2, at_taking, not_taken, of
from tests.intake.sample import ANNA

agreed = at_taking.given(ASKED_FOR, AGREED)


def test_it_is_this_desks_from_now_on() -> None:
    agreed.when(of(FinishTaking, client_id=ANNA)).then(FINISHED)


def test_it_is_one_file_however_often_it_comes() -> None:
    agreed.given(FINISHED).when(of(FinishTaking, client_id=ANNA)).then_nothing()
    agreed.given(FINISHED).when(of(FinishTaking, client_id=OVER_2)).then_rejected("hand-over-ended", how="taken")


def test_nobody_pushes_a_file_onto_a_desk() -> None:
    at_taking.given(ASKED_FOR).when(of(FinishTaking, client_id=ANNA)).then_rejected("hand-over-not-agreed")
    at_taking.when(of(FinishTaking, client_id=ANNA)).then_rejected("hand-over-unknown")
    agreed.when(of(FinishTaking, client_id="anna")).then_rejected("id-invalid")
    agreed.when(of(FinishTaking, client_id=ANNA, site="zuidoost")).then_rejected("hand-over-of-another-site")


def test_what_was_called_off_comes_too_late() -> None:
    agreed.given(not_taken("called_off")).when(of(FinishTaking, client_id=ANNA)).then_rejected("hand-over-ended")
