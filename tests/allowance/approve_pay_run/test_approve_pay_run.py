"""A second person looks at a run."""

from __future__ import annotations

from services.allowance import commands_payroll as cp
from services.allowance import events_payroll as ep
from tests.allowance.sample import (
    APPROVED,
    DRAFTED,
    DRAWN,
    EXECUTED,
    ORDERING,
    RUN,
    RUN_2,
    SECOND,
    STAD_ACCOUNT,
    WEST_ACCOUNT,
    WITH_ACCOUNTS,
    asked,
    at_payroll,
)


def approve(**fields: object) -> cp.ApprovePayRun:
    made: cp.ApprovePayRun = asked(
        cp.ApprovePayRun, **({"run_id": RUN, "by": SECOND, "budget_cents": 100_000, "home": "stad"} | fields)
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


FROM, TO = cp.Named(STAD_ACCOUNT, "somebody"), cp.Named(WEST_ACCOUNT, "somebody")
OF_NOORD = cp.Named(ep.Payee("noord", "Noord", "DE89370400440532013000"), SECOND)


def test_the_accounts_it_is_paid_with_are_kept_as_they_were_looked_at() -> None:
    """An account nobody is paid with may be anybody's: noord's people have cards."""
    looked = approve(budget_cents=400_000, accounts=(OF_NOORD, FROM, TO))
    at_payroll.given(ORDERING).when(looked).then(WITH_ACCOUNTS)


def test_nobody_approves_what_goes_nowhere_or_to_an_account_they_named() -> None:
    given, money = at_payroll.given(ORDERING), {"budget_cents": 400_000}
    given.when(approve(**money)).then_rejected("account-missing", sites=["stad", "west"])
    given.when(approve(**money, accounts=(FROM,))).then_rejected("account-missing", sites=["west"])
    own = cp.Named(WEST_ACCOUNT, SECOND)
    given.when(approve(**money, accounts=(FROM, own))).then_rejected("account-own", sites=["west"])
