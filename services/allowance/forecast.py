"""What a programme will have paid by the end of a year, if nothing changes: its seats, their days and the tariffs as
they are known now. Pure.

It pays as runs do (`decider_payroll`): what is due of the past goes with the next run, what was paid too much is taken
off first. So if nothing changes it comes true to the cent; only what does not fit on a card is paid later than it says.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from services.allowance.decider_dues import dues
from services.allowance.decider_payroll import Payroll
from services.allowance.decider_programme import Programme
from shared.money import Period, period_named, periods_between


class Ahead(NamedTuple):
    """A run that is still to come. left_cents: of the budget after it, below 0 when it is passed."""

    period: str
    cents: int
    left_cents: int


class Forecast(NamedTuple):
    """spent_cents: by runs so far, less what came back. expected_cents: by the end of the year. full_cents: the same if
    every seat that nobody has were taken from the next run on, at what the others come to on average. short_from: the
    first run the budget does not cover."""

    budget_cents: int
    spent_cents: int
    expected_cents: int
    full_cents: int
    short_from: str | None
    ahead: tuple[Ahead, ...]


class Run(NamedTuple):
    """One run to come. worth: of its own period, to so many households."""

    period: Period
    cents: int
    worth: int
    households: int


def forecast(programme: Programme, payroll: Payroll, year: int) -> Forecast:
    """year: of the budget, which pays for the periods that begin in it."""
    budget, spent = programme.budgets.get(str(year), 0), payroll.spent.get(str(year), 0)
    ceiling = programme.ceiling if programme.planned is None else programme.planned
    empty = max(0, ceiling - programme.granted)
    ahead: list[Ahead] = []
    expected = full = spent
    for run in _runs(programme, payroll, year):
        if run.period.first.year != year:  # of the year before, and not paid yet
            continue
        expected += run.cents
        full += run.cents + (empty * run.worth // run.households if run.households else 0)
        ahead.append(Ahead(run.period.name, run.cents, budget - expected))
    short = next((one.period for one in ahead if one.left_cents < 0), None)
    return Forecast(budget, spent, expected, full, short, tuple(ahead))


def _runs(programme: Programme, payroll: Payroll, year: int) -> Iterator[Run]:
    """Every run until the end of the year, in order, as it would be drafted."""
    last = period_named(payroll.last)
    begin, end = date(year, 1, 1) if last is None else last.until, date(year + 1, 1, 1)
    to_come = [one for one in periods_between(programme.period, begin, end) if last is not None or one.first >= begin]
    to_come = [one for one in to_come if one.first < end]
    if not to_come:
        return
    worth, carried = {}, {}
    for due in dues(programme, to_come[-1]):
        worth[due.entitlement_id] = periods = dict(due.periods)
        settled = sum(payroll.settled.get(due.entitlement_id, {}).values())
        before = sum(cents for period, cents in periods.items() if period < to_come[0].name)
        carried[due.entitlement_id] = payroll.owed.get(due.entitlement_id, 0) + before - settled
    for period in to_come:
        paid = together = households = 0
        for id_, periods in worth.items():
            cents = periods.get(period.name, 0)
            due_now = carried[id_] + cents
            paid, together, households = paid + max(0, due_now), together + cents, households + bool(cents)
            carried[id_] = min(0, due_now)
        yield Run(period, paid, together, households)
