"""What happened in guiding a client: private events of their file.

What a client works towards, what they reached, how it ended and to whom they were referred is sealed like the rest of
the file. That somebody was guided and referred, and when, stays when the key is gone: those are the counts. That they
are expected somewhere, and when, is not sealed either: the client is told of it, and reminded.
"""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

from shared.kernel import Event


class TrajectoryStarted(Event, frozen=True, tag="trajectory-started.v1"):
    """Somebody began to work with the client towards these goals. goals: sealed."""

    client_id: str
    trajectory_id: str
    goals: str
    at: datetime


class MilestoneReached(Event, frozen=True, tag="milestone-reached.v1"):
    """A step on the way. milestone: sealed."""

    client_id: str
    trajectory_id: str
    milestone_id: str
    milestone: str
    at: datetime


class TrajectoryEnded(Event, frozen=True, tag="trajectory-ended.v1"):
    """The guidance is over. outcome: sealed, with its kind: it may say that somebody is ill."""

    client_id: str
    trajectory_id: str
    outcome: str
    at: datetime


class ReferralMade(Event, frozen=True, tag="referral-made.v1"):
    """Somebody of the household was referred to a partner. referral: sealed, which partner and of which kind too."""

    client_id: str
    referral_id: str
    referral: str
    at: datetime


class ReferralFollowed(Event, frozen=True, tag="referral-followed.v1"):
    """How it went on with a referral. appointment: when, sealed; None where no new one was made."""

    client_id: str
    referral_id: str
    state: str
    appointment: str | None
    at: datetime


class AppointmentMade(Event, frozen=True, tag="appointment-made.v1"):
    """The client is expected somewhere at `starts_at`; where, and by whom, is sealed in what it belongs to.

    appointment_id: of that. turn: which one of its appointments it is; a later one has a higher turn, and none is given
    twice. replaces: the turn of the one that was moved. known: another desk has told the client before the file came
    here.
    """

    client_id: str
    appointment_id: str
    turn: int
    starts_at: datetime
    at: datetime
    replaces: int | None = None
    known: bool = False


class AppointmentEnded(Event, frozen=True, tag="appointment-ended.v1"):
    """Nobody is expected any more. how: `over` (they went, or did not), or `called_off`."""

    client_id: str
    appointment_id: str
    turn: int
    how: str
    starts_at: datetime
    at: datetime


GuidanceEvent: TypeAlias = (
    TrajectoryStarted
    | MilestoneReached
    | TrajectoryEnded
    | ReferralMade
    | ReferralFollowed
    | AppointmentMade
    | AppointmentEnded
)
