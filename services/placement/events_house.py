"""What a house keeps to: its opening hours, whether a place is cleaned after use, and what its sessions come to when
they are over.
"""

from __future__ import annotations

from datetime import date, datetime, time
from typing import TypeAlias

from shared.kernel import Event


class HoursDeclared(Event, frozen=True, tag="hours-declared.v1"):
    """The night shelter of this house takes people in from `in_from` to `in_until`, and they are out by `out_by`: times
    on the clocks of the city. All None: it has no hours, and nobody has to be out."""

    in_from: time | None
    in_until: time | None
    out_by: time | None
    at: datetime


class EndsPlanned(Event, frozen=True, tag="ends-planned.v1"):
    """These stays end by themselves at `ends_at`, unless somebody says otherwise; None: not by themselves.

    location: whose timer it is.
    """

    location: str
    stay_ids: tuple[str, ...]
    ends_at: datetime | None
    at: datetime


class CleaningDeclared(Event, frozen=True, tag="cleaning-declared.v1"):
    """Whether a place of this kind is blocked for cleaning when somebody leaves it, until it is tapped ready."""

    kind: str
    cleaned: bool
    at: datetime


class SessionEnded(Event, frozen=True, tag="session-ended.v1"):
    """Its time is over: its seats count nowhere any more."""

    session_id: str
    at: datetime


class AttendanceNoted(Event, frozen=True, tag="attendance-noted.v1"):
    """So many of those booked came to the session; None: as if nobody had counted. undo: it takes a count back."""

    session_id: str
    attended: int | None
    at: datetime
    undo: bool = False


class SessionWeekEnded(Event, frozen=True, tag="session-week-ended.v1"):
    """What the sessions of this week and those before it came to is told from now on.

    location: whose timer it is. week: its Monday. waits: by kind, the days from its end until the first session with a
    free seat; None: no session had one. goes_on: whether there are sessions that are not over, so that the next week is
    looked at as well.
    """

    location: str
    week: date
    waits: tuple[tuple[str, int | None], ...]
    goes_on: bool
    at: datetime


RuleEvent: TypeAlias = (
    HoursDeclared | EndsPlanned | CleaningDeclared | SessionEnded | AttendanceNoted | SessionWeekEnded
)
