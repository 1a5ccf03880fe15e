"""A second person looks at a run."""

from __future__ import annotations

from services.allowance import commands_payroll as cp
from tests.allowance.sample import (
    APPROVED,
    DRAFTED,
    DRAWN,
    EXECUTED,
    RUN,
    RUN_2,
    SECOND,
    asked,
    at_payroll,
)


def approve(**fields: object) -> cp.ApprovePayRun:
    made: cp.ApprovePayRun = asked(
        cp.ApprovePayRun, **({"run_id": RUN, "by": SECOND, "budget_cents": 100_000} | fields)
    )
    return made


def test_somebody_else_approves_it() -> None:
    at_payroll.given(DRAFTED).when(approve()).then(APPROVED)


def test_a_second_time_changes_nothing() -> None:
    at_payroll.given(DRAFTED, APPROVED).when(approve()).then_nothing()
    at_payroll.given(DRAFTED, APPROVED, EXECUTED).when(approve()).then_nothing()


def test_nobody_approves_their_own_or_more_than_there_is() -> None:
    given = at_payroll.given(DRAFTED)
    given.when(approve(by=DRAWN)).then_rejected("pay-run-own")
    given.when(approve(budget_cents=44_999)).then_rejected("budget-exceeded", over_cents=1)
    given.when(approve(run_id=RUN_2)).then_rejected("pay-run-unknown")
