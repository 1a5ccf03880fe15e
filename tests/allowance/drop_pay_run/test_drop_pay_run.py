"""A run is not paid as it was drafted."""

from __future__ import annotations

from services.allowance import commands_payroll as cp
from services.allowance.publish import tell_payroll
from shared.contracts.allowance import PayRunDecided, PayRunDrafted
from tests.allowance.sample import APPROVED, DRAFTED, DROPPED, EXECUTED, LEEFGELD, RUN, T0, asked, at_payroll

DROP = asked(cp.DropPayRun, run_id=RUN)


def test_a_draft_is_dropped_approved_or_not() -> None:
    at_payroll.given(DRAFTED).when(DROP).then(DROPPED)
    at_payroll.given(DRAFTED, APPROVED).when(DROP).then(DROPPED)


def test_a_second_time_changes_nothing() -> None:
    at_payroll.given(DRAFTED, DROPPED).when(DROP).then_nothing()


def test_what_was_paid_stays_paid() -> None:
    at_payroll.given(DRAFTED, APPROVED, EXECUTED).when(DROP).then_rejected("pay-run-executed")
    at_payroll.when(DROP).then_rejected("pay-run-unknown")


def test_the_municipality_hears_that_a_run_waits_and_that_it_does_no_more_without_a_sum() -> None:
    about = {"programme_id": LEEFGELD, "run_id": RUN, "at": T0}
    for given, event, told in (
        ((), DRAFTED, PayRunDrafted.of(**about, period="2025-12")),
        ((DRAFTED,), APPROVED, PayRunDecided.of(**about, how="approved")),
        ((DRAFTED,), DROPPED, PayRunDecided.of(**about, how="dropped")),
    ):
        before = at_payroll.given(*given).state
        [telling] = tell_payroll(before, [event], at_payroll.given(*given, event).state)
        assert (telling.contract, telling.subject) == (told, RUN)
