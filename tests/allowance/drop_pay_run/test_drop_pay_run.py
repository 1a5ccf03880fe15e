"""A run is not paid as it was drafted."""

from __future__ import annotations

from services.allowance import commands_payroll as cp
from tests.allowance.sample import APPROVED, DRAFTED, DROPPED, EXECUTED, RUN, asked, at_payroll

DROP = asked(cp.DropPayRun, run_id=RUN)


def test_a_draft_is_dropped_approved_or_not() -> None:
    at_payroll.given(DRAFTED).when(DROP).then(DROPPED)
    at_payroll.given(DRAFTED, APPROVED).when(DROP).then(DROPPED)


def test_a_second_time_changes_nothing() -> None:
    at_payroll.given(DRAFTED, DROPPED).when(DROP).then_nothing()


def test_what_was_paid_stays_paid() -> None:
    at_payroll.given(DRAFTED, APPROVED, EXECUTED).when(DROP).then_rejected("pay-run-executed")
    at_payroll.when(DROP).then_rejected("pay-run-unknown")
