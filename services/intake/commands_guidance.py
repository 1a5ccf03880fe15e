"""What can be asked about guiding a client. Whatever says something of the person comes sealed."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

from shared.kernel import Command


class StartTrajectory(Command, frozen=True, kw_only=True):
    """Somebody begins to work with the client towards these goals."""

    client_id: str
    trajectory_id: str
    goals: str


class ReachMilestone(Command, frozen=True, kw_only=True):
    """A step on the way is made."""

    client_id: str
    trajectory_id: str
    milestone_id: str
    milestone: str


class EndTrajectory(Command, frozen=True, kw_only=True):
    """The guidance is over, with this outcome. if_version: of the file as whoever asks has seen it."""

    client_id: str
    trajectory_id: str
    outcome: str
    if_version: int | None = None


class MakeReferral(Command, frozen=True, kw_only=True):
    """Somebody of the household is referred to a partner."""

    client_id: str
    referral_id: str
    referral: str


class FollowReferral(Command, frozen=True, kw_only=True):
    """It went on with a referral. appointment: sealed, and starts_at: the same moment for whoever reminds the client;
    with the state `appointment`, and only then."""

    client_id: str
    referral_id: str
    state: str
    appointment: str | None = None
    starts_at: datetime | None = None
    if_version: int | None = None


GuidanceCommand: TypeAlias = StartTrajectory | ReachMilestone | EndTrajectory | MakeReferral | FollowReferral
