"""What may be paid in a year."""

from __future__ import annotations

from services.allowance import commands as cmd
from services.allowance import events as ev
from tests.allowance.sample import LEEFGELD, OPENED, T0, asked, at_municipality

GRANTED = ev.BudgetGranted(LEEFGELD, 2026, 10_000_00, T0)


def test_a_year_has_a_budget_and_the_last_word_counts() -> None:
    given = at_municipality.given(OPENED)
    granted = given.when(asked(cmd.GrantBudget, year=2026, cents=10_000_00)).then(GRANTED)
    more = granted.when(asked(cmd.GrantBudget, year=2026, cents=20_000_00)).then(
        ev.BudgetGranted(LEEFGELD, 2026, 20_000_00, T0)
    )
    assert more.state.budgets == {"2026": 20_000_00}


def test_the_same_again_changes_nothing() -> None:
    at_municipality.given(OPENED, GRANTED).when(asked(cmd.GrantBudget, year=2026, cents=10_000_00)).then_nothing()


def test_what_is_no_budget_says_why() -> None:
    given = at_municipality.given(OPENED)
    given.when(asked(cmd.GrantBudget, year=2026, cents=-1)).then_rejected("amount-invalid")
    given.when(asked(cmd.GrantBudget, year=1999, cents=1)).then_rejected("year-invalid")
    at_municipality.when(asked(cmd.GrantBudget, year=2026, cents=1)).then_rejected("programme-unknown")
