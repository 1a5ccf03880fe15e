"""What a client's file is made of: requests, trajectories, referrals, appointments, a hand-over."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import msgspec

NUMBERS_A_MOMENT = 1_000
"""With it a turn stays below 2 ** 53, which JSON bears, for two centuries."""
_YEAR_0 = datetime(1970, 1, 1, tzinfo=UTC)


class Request(msgspec.Struct, frozen=True, gc=False):
    """One request. status: `waiting` while it is open (`status_of` says more), `placed`, or `withdrawn` with its
    reason. version: of the file when it last moved. found: a place was offered once. unmet, unmet_at: where nothing
    was found for it, and since when that is known; empty when it is not."""

    id: str
    kinds: tuple[str, ...]
    features: tuple[str, ...]
    household_size: int
    not_at: tuple[str, ...]
    facts: str
    priority_band: int
    rules_version: int
    waiting_since: date
    opened_at: datetime
    status: str = "waiting"
    reason: str | None = None
    version: int = 0
    found: bool = False
    unmet: str = ""
    unmet_at: datetime | None = None

    @property
    def open(self) -> bool:
        return self.status == "waiting"


class Trajectory(msgspec.Struct, frozen=True, gc=False):
    """How a client is guided. milestones: sealed, by id. outcome: sealed, empty while it goes on. version: as of a
    request.
    """

    id: str
    goals: str
    started_at: datetime
    milestones: dict[str, str] = {}
    ended_at: datetime | None = None
    outcome: str = ""
    version: int = 0

    @property
    def open(self) -> bool:
        return self.ended_at is None


class Referral(msgspec.Struct, frozen=True, gc=False):
    """One referral to a partner. appointment: the newest, sealed. first: the first one that counts: what was agreed
    before anybody went.
    """

    id: str
    referral: str
    made_at: datetime
    state: str = "made"
    appointment: str | None = None
    first: str | None = None
    version: int = 0


class Appointment(msgspec.Struct, frozen=True, gc=False):
    """When the client is expected somewhere, as it was made (`AppointmentMade`)."""

    turn: int
    starts_at: datetime
    at: datetime
    replaces: int | None = None
    known: bool = False


class HandingOver(msgspec.Struct, frozen=True, gc=False):
    """A hand-over that is under way. called_off: the file is to stay, if the other desk has not taken it."""

    id: str
    site: str
    begun_at: datetime
    called_off: bool = False


def turn_at(at: datetime, number: int) -> int:
    """Which of a referral's appointments one is that is made at this moment: milliseconds since 1970, and which event
    of the file it is. A file of an older backup counts its events from there, but the moment is another one: so no
    number is given twice, and whoever heard of a lost appointment hears of the one that is made in its place.
    """
    return (at - _YEAR_0) // timedelta(milliseconds=1) * NUMBERS_A_MOMENT + number % NUMBERS_A_MOMENT
