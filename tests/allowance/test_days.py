"""The days of an entitlement, and what they come to, for any life: against counting day by day."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from services.allowance.days import Span, Spans, Tariff, in_order, put, rates, without, worth
from shared.contracts.vocabulary import SizeClass
from shared.money import Period, PeriodKind, period_of

BEGIN = date(2027, 11, 1)
LENGTH = 160
"""Days things happen on: summer time ends, a year ends, and there is a 29 February."""
CALENDAR = LENGTH + 200
"""Days that are looked at one by one."""

DAYS = st.integers(0, LENGTH).map(lambda n: BEGIN + timedelta(days=n))
SIZES: st.SearchStrategy[SizeClass] = st.sampled_from(("1", "2", "3-4", "5+"))
CHANGES = st.lists(st.tuples(DAYS, st.none() | DAYS, st.none() | SIZES), max_size=8)
TARIFFS = st.lists(
    st.builds(Tariff, SIZES, st.integers(0, 100_000), DAYS), max_size=8,
    unique_by=lambda it: (it.size_class, it.valid_from),
)  # fmt: skip


def lived(changes: list[tuple[date, date | None, SizeClass | None]]) -> tuple[Spans, dict[date, SizeClass]]:
    """The spans after some changes, and the same kept as a size for each day."""
    spans: Spans = ()
    days: dict[date, SizeClass] = {}
    for first, until, size in changes:
        if until is not None and until <= first:
            continue
        spans = without(spans, first, until) if size is None else put(spans, first, until, size)
        for n in range(CALENDAR):
            day = BEGIN + timedelta(days=n)
            if day >= first and (until is None or day < until):
                if size is None:
                    days.pop(day, None)
                else:
                    days[day] = size
    return spans, days


@given(CHANGES)
def test_spans_say_what_a_calendar_would(changes: list[tuple[date, date | None, SizeClass | None]]) -> None:
    spans, days = lived(changes)
    assert in_order(spans)
    for n in range(CALENDAR):
        day = BEGIN + timedelta(days=n)
        inside = [it.size_class for it in spans if it.first <= day and (it.until is None or day < it.until)]
        assert inside == ([days[day]] if day in days else [])


@given(CHANGES, TARIFFS, DAYS, st.sampled_from(("week", "month")), st.integers(1, 5))
def test_a_period_comes_to_the_sum_of_its_days_rounded_once(
    changes: list[tuple[date, date | None, SizeClass | None]],
    tariffs: list[Tariff],
    day: date,
    kind: PeriodKind,
    count: int,
) -> None:
    spans, days = lived(changes)
    periods = [period_of(kind, day)]
    for _ in range(count - 1):
        periods.append(period_of(kind, periods[-1].until))
    # Before the first day of the calendar above nothing was changed, so nothing is due.
    due = [(period.name, by_the_day(period, days, tariffs)) for period in periods]
    assert worth(periods, spans, rates(tariffs)) == [(name, cents) for name, cents in due if cents]


def by_the_day(period: Period, days: dict[date, SizeClass], tariffs: list[Tariff]) -> int:
    """What a period comes to, day by day, with fractions of a cent."""
    exact = Fraction(0)
    for n in range(period.days):
        one = period.first + timedelta(days=n)
        valid = [it for it in tariffs if it.size_class == days.get(one) and it.valid_from <= one]
        if valid:
            exact += Fraction(max(valid, key=lambda it: it.valid_from).cents, period.days)
    return int(exact + Fraction(1, 2))


def test_a_period_with_one_day_too_many_is_impossible_by_order() -> None:
    assert not in_order((Span(BEGIN, None, "1"), Span(BEGIN, None, "2")))
    assert not in_order((Span(BEGIN, BEGIN, "1"),))
    assert not in_order((Span(BEGIN, BEGIN + timedelta(days=3), "1"), Span(BEGIN + timedelta(days=2), None, "1")))
