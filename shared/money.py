"""Money and the calendar it is paid by: integer cents, parts of a period, and the days on which banks work.

Days are calendar days of Europe/Amsterdam. A day is a day, whether its clock was moved or not: nothing here counts
hours, so the change to summer time takes no cent from anybody and gives none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

import holidays

ZONE = ZoneInfo("Europe/Amsterdam")
"""Whose midnights part one day from the next."""

CENTS_MAX = 100_000_000_00
"""No amount of ours is larger: a hundred million euros."""

PeriodKind = Literal["week", "month"]

_DAY = timedelta(days=1)
_NAME = re.compile(r"(?P<year>[0-9]{4})-(?P<week>W)?(?P<number>[0-9]{2})")


class Period(NamedTuple):
    """What is paid for at once. name: `2026-W05` (a week of ISO 8601, from Monday) or `2026-01`. until: the first day
    after it."""

    name: str
    first: date
    until: date

    @property
    def days(self) -> int:
        return (self.until - self.first).days


def day_of(at: datetime) -> date:
    """The day it is in the city at a time, which has a zone."""
    return at.astimezone(ZONE).date()


def period_of(kind: PeriodKind, day: date) -> Period:
    """The period a day lies in. A week that has days of two years belongs to the year that has most of them (ISO
    8601)."""
    if kind == "week":
        year, week, weekday = day.isocalendar()
        first = day - timedelta(days=weekday - 1)
        return Period(f"{year:04}-W{week:02}", first, first + timedelta(days=7))
    first = day.replace(day=1)
    return Period(f"{first:%Y-%m}", first, (first + timedelta(days=31)).replace(day=1))


def period_named(name: str) -> Period | None:
    """The period of this name; None when there is none."""
    written = _NAME.fullmatch(name)
    if written is None:
        return None
    year, number = int(written["year"]), int(written["number"])
    try:
        if written["week"]:
            return period_of("week", date.fromisocalendar(year, number, 1))
        return period_of("month", date(year, number, 1))
    except (ValueError, OverflowError):
        return None


def kind_of(name: str) -> PeriodKind:
    """What sort of period has such a name."""
    return "week" if "W" in name else "month"


def periods_between(kind: PeriodKind, first: date, until: date) -> Iterator[Period]:
    """Every period with a day from `first` to before `until`, in order."""
    day = first
    while day < until:
        period = period_of(kind, day)
        yield period
        day = period.until


class Part(NamedTuple):
    """Some days of a period at one amount. cents: for the whole period."""

    days: int
    cents: int


def prorated(period: Period, parts: Iterable[Part]) -> int:
    """What parts of a period come to, in cents: each amount times its share of the period's days, summed exactly, and
    rounded once, half a cent up. So all days of a period come to its whole amount, however they are cut.

    Raises `ValueError` for days that are more than the period has, or for what is negative or no whole number.
    """
    counted = list(parts)
    for part in counted:
        if type(part.cents) is not int or type(part.days) is not int or part.cents < 0 or part.days < 0:
            raise ValueError("days and cents are whole and not negative")
    if sum(part.days for part in counted) > period.days:
        raise ValueError(f"more days than {period.name} has")
    exact = sum(part.days * part.cents for part in counted)
    return (2 * exact + period.days) // (2 * period.days)


def is_working_day(day: date) -> bool:
    """Whether money moves: no weekend, no public holiday of the Netherlands, and TARGET is open."""
    return day.weekday() < 5 and day not in _holidays(day.year)


def pay_day(nominal: date) -> date:
    """The day something that is due on `nominal` is paid: the last working day up to it. Nobody waits for money because
    of a holiday."""
    day = nominal
    while not is_working_day(day):
        day -= _DAY
    return day


def working_day_from(day: date) -> date:
    """The first working day that is not before `day`: when what is late can still be paid."""
    while not is_working_day(day):
        day += _DAY
    return day


@lru_cache(maxsize=64)
def _holidays(year: int) -> frozenset[date]:
    dutch = holidays.country_holidays("NL", years=year)
    target = holidays.financial_holidays("XECB", years=year)
    return frozenset(dutch) | frozenset(target)
