"""What can be asked about the counts of a week."""

from __future__ import annotations

from datetime import date, datetime
from typing import TypeAlias

import msgspec

from shared.kernel import Command


class CountWeek(Command, frozen=True, kw_only=True):
    """So much more belongs to this week. week: its Monday."""

    site: str
    week: date
    registrations: int = 0
    referrals: dict[str, int] = msgspec.field(default_factory=dict)
    outcomes: dict[str, int] = msgspec.field(default_factory=dict)
    unreadable: int = 0
    unmet: dict[str, int] = msgspec.field(default_factory=dict)
    flows: dict[str, int] = msgspec.field(default_factory=dict)


class CloseWeek(Command, frozen=True, kw_only=True):
    """Everything up to the end of this week is counted. again_at: when the next one will be."""

    site: str
    week: date
    again_at: datetime


WeekCommand: TypeAlias = CountWeek | CloseWeek
