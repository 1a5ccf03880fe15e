"""A desk's weeks to test with: it is Wednesday, and last Monday's week is over."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from services.intake import commands_weeks as cmd
from services.intake import events_weeks as ev
from services.intake.decider import WEEKS
from tests.support.scenario import Scenario

at_week = Scenario(WEEKS)

NOW = datetime(2026, 1, 14, 12, 0, tzinfo=UTC)
NEXT = datetime(2026, 1, 19, 0, 0, tzinfo=UTC)
EARLIER, LAST, THIS = date(2025, 12, 29), date(2026, 1, 5), date(2026, 1, 12)

COUNTED = ev.WeekCounted("west", LAST, 2, {"care": 1}, {"left": 1}, 0, NOW)


def closed(week: date) -> ev.WeekClosed:
    return ev.WeekClosed("west", week, NOW, NEXT)


def count(week: date = LAST, **more: Any) -> cmd.CountWeek:
    return cmd.CountWeek(at=NOW, role="system", site="west", week=week, **more)


def close(week: date = LAST, again_at: datetime = NEXT) -> cmd.CloseWeek:
    return cmd.CloseWeek(at=NOW, role="system", site="west", week=week, again_at=again_at)
