"""A run counts as paid, once."""

from __future__ import annotations

from services.allowance import commands_payroll as cp
from tests.allowance.sample import APPROVED, DRAFTED, DROPPED, EXECUTED, RUN, SEAT, asked, at_payroll

EXECUTE = asked(cp.ExecutePayRun, run_id=RUN)


def test_every_line_is_settled() -> None:
    paid = at_payroll.given(DRAFTED, APPROVED).when(EXECUTE).then(EXECUTED)
    assert paid.state.settled == {SEAT: {"2025-12": 45_000}}
    assert paid.state.spent == {"2025": 45_000}


def test_a_second_time_pays_nothing() -> None:
    at_payroll.given(DRAFTED, APPROVED, EXECUTED).when(EXECUTE).then_nothing()


def test_what_nobody_approved_is_not_paid() -> None:
    at_payroll.given(DRAFTED).when(EXECUTE).then_rejected("pay-run-not-approved")
    at_payroll.given(DRAFTED, APPROVED, DROPPED).when(EXECUTE).then_rejected("pay-run-unknown")
    at_payroll.when(EXECUTE).then_rejected("pay-run-unknown")
