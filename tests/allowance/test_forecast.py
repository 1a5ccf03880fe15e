"""What a forecast says comes true to the cent when nothing changes: runs to the end of the year pay just that."""

from __future__ import annotations

from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from services.allowance import events as ev
from services.allowance.days import Span, Tariff
from services.allowance.decider import PROGRAMME
from services.allowance.decider_payroll import Payroll
from services.allowance.decider_programme import Programme
from services.allowance.forecast import Ahead, forecast
from shared.money import Period, PeriodKind, period_of
from tests.allowance.sample import LEEFGELD, T0
from tests.allowance.test_pay_lives import BEGIN, CHANGES, SEATS, TARIFFS, Books, Change, changed, run_once

YEAR, BUDGET = 2028, 1_000_000
OF_TWO = CHANGES.map(lambda changes: [change for change in changes if change[0] != SEATS[2]])
"""Without the one who has a card: what does not fit on it is paid later than a forecast says."""


def opened(kind: PeriodKind, ceiling: int = 2) -> Programme:
    programme = PROGRAMME.evolve(
        Programme(), ev.ProgrammeOpened(LEEFGELD, "stad", "Leefgeld", kind, ceiling, ("transfer", "voucher"), T0)
    )
    return PROGRAMME.evolve(programme, ev.BudgetGranted(LEEFGELD, YEAR, BUDGET, T0))


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(("week", "month")), OF_TWO, TARIFFS, st.integers(0, 6), OF_TWO)
def test_when_nothing_changes_it_comes_true_to_the_cent(
    kind: PeriodKind, changes: list[Change], tariffs: list[Tariff], done: int, later: list[Change]
) -> None:
    programme = changed(opened(kind), changes, [Tariff("1", 31_000, BEGIN), *tariffs])
    state, period = Payroll(), period_of(kind, BEGIN)
    for _ in range(done):
        state, period = run_once(state, programme, period, Books(), twice=False), period_of(kind, period.until)
    programme = changed(programme, later, [])
    told = forecast(programme, state, YEAR)
    came = []
    for one in to_come(kind, state):
        before = state.spent.get(str(YEAR), 0)
        state = run_once(state, programme, one, Books(), twice=False)
        spent = state.spent.get(str(YEAR), 0)
        came += [Ahead(one.name, spent - before, BUDGET - spent)] if one.first.year == YEAR else []
    assert told.ahead == tuple(came)
    assert told.expected_cents == state.spent.get(str(YEAR), 0)
    assert forecast(programme, state, YEAR).ahead == ()


def to_come(kind: PeriodKind, state: Payroll) -> list[Period]:
    """The periods nobody has run yet, until the end of the year: without any before, from its beginning."""
    found, period = [], period_of(kind, date(YEAR - 1, 12, 1))
    while period.first.year <= YEAR:
        if period.name > state.last and (state.last or period.first.year == YEAR):
            found.append(period)
        period = period_of(kind, period.until)
    return found


def test_a_budget_that_is_too_small_and_what_empty_seats_would_come_to() -> None:
    """Two of four seats, 310.00 a month each: 620.00 in twelve runs, of a budget of 10,000.00; all four, twice that."""
    programme = changed(opened("month", 4), [], [Tariff("1", 31_000, BEGIN)])
    for seat_id in SEATS[:2]:
        spans = (Span(date(YEAR, 1, 1), None, "1"),)
        programme = PROGRAMME.evolve(programme, ev.SeatGranted(LEEFGELD, seat_id, "west", 2, "voucher", spans, T0))
    told = forecast(programme, Payroll(), YEAR)
    assert (told.budget_cents, told.spent_cents, told.expected_cents) == (BUDGET, 0, 12 * 62_000)
    assert told.full_cents == 2 * told.expected_cents
    assert (told.ahead[0], told.short_from) == (Ahead("2028-01", 62_000, BUDGET - 62_000), None)
    dear = PROGRAMME.evolve(programme, ev.BudgetGranted(LEEFGELD, YEAR, 11 * 62_000 - 1, T0))
    assert forecast(dear, Payroll(), YEAR).short_from == "2028-11"
    lower = PROGRAMME.evolve(programme, ev.LoweringPlanned(LEEFGELD, 2, T0))
    assert forecast(lower, Payroll(), YEAR).full_cents == told.expected_cents
