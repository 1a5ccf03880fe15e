"""What happened in guiding a client: private events of their file.

What a client works towards, what they reached, how it ended and to whom they were referred is sealed like the rest of
the file. That somebody was guided and referred, and when, stays when the key is gone: those are the counts.
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


GuidanceEvent: TypeAlias = TrajectoryStarted | MilestoneReached | TrajectoryEnded | ReferralMade | ReferralFollowed
