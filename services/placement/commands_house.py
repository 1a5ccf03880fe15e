"""What may be asked of how a house is kept: its opening hours, what is cleaned, and what ends by itself."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import TypeAlias

from shared.kernel import Command


class DeclareHours(Command, frozen=True, kw_only=True):
    """When the night shelter takes people in, and by when they are out, on the clocks of the city. All None: it has no
    hours any more."""

    location: str
    in_from: time | None = None
    in_until: time | None = None
    out_by: time | None = None


class ExtendStay(Command, frozen=True, kw_only=True):
    """The household need not be out by the next out-by time. until: when its stay ends instead; None: at the out-by
    time after the next one, or later where that was said before."""

    location: str
    stay_id: str
    until: datetime | None = None
    if_version: int | None = None


class EndDueStays(Command, frozen=True, kw_only=True):
    """A timer fired: stays that were to end by now end. Nothing happens when none was."""

    location: str


class DeclareCleaning(Command, frozen=True, kw_only=True):
    """Whether a place of `kind` is blocked for cleaning when somebody leaves it."""

    location: str
    kind: str
    cleaned: bool


class EndSession(Command, frozen=True, kw_only=True):
    """A timer fired: the session's time is over. Nothing happens when it is not, or when it is not known."""

    location: str
    session_id: str


class NoteAttendance(Command, frozen=True, kw_only=True):
    """So many of those booked came. Said again it is a correction."""

    location: str
    session_id: str
    attended: int


class UndoAttendance(Command, frozen=True, kw_only=True):
    """The last count of who came was a wrong tap."""

    location: str
    session_id: str


class EndSessionWeek(Command, frozen=True, kw_only=True):
    """A timer fired: the week is over, and what its sessions came to is told. week: its Monday."""

    location: str
    week: date


RuleCommand: TypeAlias = (
    DeclareHours
    | ExtendStay
    | EndDueStays
    | DeclareCleaning
    | EndSession
    | NoteAttendance
    | UndoAttendance
    | EndSessionWeek
)
