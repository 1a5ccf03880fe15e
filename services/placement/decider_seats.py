"""What is remembered of sessions: seats and bookings, who came, and what came of it by week. Pure."""

from __future__ import annotations

from datetime import date, datetime

import msgspec

BACK_KEPT = 50
"""Bookings of one session remembered after they were given back: a repeated tap comes within minutes, and the
idempotency key of a request answers for seven days."""


class Attended(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How many of those booked came, as it was counted last, on our clock. before: what was counted until then. None:
    nobody had counted. undone: that count took another back."""

    count: int | None
    before: int | None
    at: datetime
    undone: bool = False


class Session(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Seats of something with a beginning and an end. booked: booking ids; back: the newest that were given back."""

    id: str
    kind: str
    starts_at: datetime
    ends_at: datetime
    seats: int
    booked: tuple[str, ...] = ()
    back: tuple[str, ...] = ()
    attended: Attended | None = None

    @property
    def full(self) -> bool:
        """Whether every seat is booked."""
        return len(self.booked) >= self.seats

    @property
    def came(self) -> int | None:
        """How many came; None where nobody has counted."""
        return None if self.attended is None else self.attended.count


class Seats(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The sessions of one kind that are not over, their seats, and how many of those are booked."""

    kind: str
    sessions: int = 0
    seats: int = 0
    booked: int = 0


class SessionWeek(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The sessions of one kind that ended in one week. counted: of how many of them it was counted who came; booked:
    seats of all of them, attended: people who came to those that were counted. full: of how many every seat was booked
    when they ended. wait_days: from the end of the week, until the first with a free seat; None: there was none."""

    week: date
    kind: str
    sessions: int = 0
    counted: int = 0
    booked: int = 0
    attended: int = 0
    full: int = 0
    wait_days: int | None = None
