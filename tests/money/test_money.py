"""Cents, periods and pay days hold over summer time, leap days and the ends of years."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.money import (
    Part,
    Period,
    PeriodKind,
    day_of,
    is_working_day,
    kind_of,
    pay_day,
    period_named,
    period_of,
    periods_between,
    prorated,
)

DAYS = st.dates(date(2018, 1, 1), date(2040, 12, 31))
KINDS: st.SearchStrategy[PeriodKind] = st.sampled_from(("week", "month"))
CENTS = st.integers(0, 1_000_000)


@given(KINDS, DAYS)
def test_every_day_lies_in_exactly_one_period(kind: PeriodKind, day: date) -> None:
    period = period_of(kind, day)
    assert period.first <= day < period.until
    assert period_of(kind, period.first) == period_of(kind, period.until - timedelta(days=1)) == period
    assert period_of(kind, period.until).first == period.until
    assert period_named(period.name) == period
    assert kind_of(period.name) == kind


@given(KINDS, DAYS, st.integers(0, 500))
def test_periods_follow_each_other_without_a_gap(kind: PeriodKind, first: date, days: int) -> None:
    until = first + timedelta(days=days)
    found = list(periods_between(kind, first, until))
    assert all(one.until == other.first for one, other in itertools.pairwise(found))
    assert [period for period in found if period.until <= first or period.first >= until] == []
    assert sum(period.days for period in found) >= days


@given(KINDS, DAYS, CENTS, st.lists(st.integers(0, 31), max_size=6))
def test_a_period_cut_in_parts_at_one_amount_comes_to_the_same(
    kind: PeriodKind, day: date, cents: int, cuts: list[int]
) -> None:
    period = period_of(kind, day)
    ends = sorted({0, period.days, *(cut for cut in cuts if cut < period.days)})
    parts = [Part(after - before, cents) for before, after in itertools.pairwise(ends)]
    assert prorated(period, parts) == cents


@given(DAYS, CENTS, st.integers(0, 28))
def test_a_part_is_rounded_half_a_cent_up_and_never_by_more(day: date, cents: int, days: int) -> None:
    period = period_of("month", day)
    rounded = prorated(period, [Part(days, cents)])
    assert -period.days <= 2 * (days * cents - rounded * period.days) < period.days
    assert 0 <= rounded <= cents
    assert prorated(period, [Part(days, cents)]) <= prorated(period, [Part(days, cents + 1)])


def test_half_a_cent_is_a_cent() -> None:
    thirty = period_of("month", date(2026, 4, 1))
    assert prorated(thirty, [Part(15, 45_001)]) == 22_501
    assert prorated(thirty, [Part(1, 14), Part(1, 1)]) == 1
    assert prorated(thirty, [Part(1, 14)]) == 0


@pytest.mark.parametrize(
    "parts",
    [[Part(32, 1)], [Part(-1, 1)], [Part(1, -1)], [Part(20, 1), Part(20, 1)], [Part(1, 1.5)]],  # type: ignore[arg-type]
)
def test_what_cannot_be_is_not_counted(parts: list[Part]) -> None:
    with pytest.raises(ValueError, match=r"more days|whole and not negative"):
        prorated(period_of("month", date(2026, 1, 1)), parts)


def test_leap_days_and_the_ends_of_years() -> None:
    assert period_of("month", date(2028, 2, 29)).days == 29
    assert period_of("month", date(2026, 2, 1)).days == 28
    assert period_of("month", date(2026, 12, 31)) == Period("2026-12", date(2026, 12, 1), date(2027, 1, 1))
    assert period_of("week", date(2027, 1, 1)).name == "2026-W53"
    assert period_of("week", date(2024, 12, 30)).name == "2025-W01"


@pytest.mark.parametrize("name", ["2026-13", "2026-00", "2025-W53", "2026-W00", "26-01", "2026-1", "2026W01", ""])
def test_what_is_no_period_is_none(name: str) -> None:
    assert period_named(name) is None


def test_a_day_is_the_citys_when_its_clocks_change() -> None:
    before, after = datetime(2026, 3, 28, 23, 30, tzinfo=UTC), datetime(2026, 3, 29, 22, 30, tzinfo=UTC)
    assert day_of(before) == date(2026, 3, 29)
    assert day_of(after) == date(2026, 3, 30)
    assert day_of(datetime(2026, 10, 25, 22, 59, tzinfo=UTC)) == date(2026, 10, 25)
    assert day_of(datetime(2026, 10, 25, 23, 0, tzinfo=UTC)) == date(2026, 10, 26)


@given(DAYS)
def test_a_pay_day_is_the_last_day_on_which_money_moves(day: date) -> None:
    paid = pay_day(day)
    assert is_working_day(paid)
    assert paid <= day
    assert not any(is_working_day(paid + timedelta(days=n)) for n in range(1, (day - paid).days + 1))
    assert (day - paid).days <= 5


@pytest.mark.parametrize(
    ("due", "paid"),
    [
        (date(2026, 12, 25), date(2026, 12, 24)),  # Christmas, in both calendars
        (date(2026, 5, 1), date(2026, 4, 30)),  # TARGET is closed on Labour Day, Dutch shops are not
        (date(2026, 4, 27), date(2026, 4, 24)),  # King's Day, a Monday, after a weekend
        (date(2027, 1, 1), date(2026, 12, 31)),
        (date(2026, 4, 6), date(2026, 4, 2)),  # from Good Friday to Easter Monday
        (date(2026, 6, 10), date(2026, 6, 10)),
    ],
)
def test_pay_days_move_off_weekends_and_holidays(due: date, paid: date) -> None:
    assert pay_day(due) == paid
