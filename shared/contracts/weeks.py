"""The weeks statistics are told by: from Monday to Sunday in Amsterdam, each known by its Monday."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

CITY = ZoneInfo("Europe/Amsterdam")
WEEK = timedelta(days=7)


def week_of(at: datetime) -> date:
    """The Monday of the week that `at` lies in."""
    day = at.astimezone(CITY).date()
    return day - timedelta(days=day.weekday())


def week_ends(week: date) -> datetime:
    """When a week is over: the next Monday begins (UTC)."""
    return datetime.combine(week + WEEK, time(), CITY).astimezone(UTC)
