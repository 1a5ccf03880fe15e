"""What was counted at a desk, by week: one stream a site. Whose it was is in none of it: what a client adds to a week
is counted when the week is over, or when the file is erased."""

from __future__ import annotations

from datetime import date, datetime
from typing import TypeAlias

import msgspec

from shared.kernel import Codec, Event


class WeekCounted(Event, frozen=True, tag="week-counted.v1"):
    """So much belongs to this week by now: absolute counts. week: its Monday. referrals: by coarse group. outcomes: of
    trajectories that ended in it, by kind. unreadable: how many of both nobody could read any more. unmet: what nothing
    was found for, by the words of `need.py`. flows: from which kind of
    place households went to which, by the words of `flows.py`.
    """

    site: str
    week: date
    registrations: int
    referrals: dict[str, int]
    outcomes: dict[str, int]
    unreadable: int
    at: datetime
    unmet: dict[str, int] = msgspec.field(default_factory=dict)
    flows: dict[str, int] = msgspec.field(default_factory=dict)


class WeekClosed(Event, frozen=True, tag="week-closed.v1"):
    """This week is over and counted, also when there was nothing to count. again_at: when the next one will be."""

    site: str
    week: date
    at: datetime
    again_at: datetime


WeekEvent: TypeAlias = WeekCounted | WeekClosed
WEEK_CODEC: Codec[WeekEvent] = Codec((WeekCounted, WeekClosed))
