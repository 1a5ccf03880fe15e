"""What happened when a file was handed over from one desk to another: at the desk that had it in the file itself, at
the desk that gets it in a stream of its own, until there is a file.

Which file it is at the other desk is in neither: the file has another id there, and only the hand-over's is known to
both. None of it is told to anybody.
"""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

import msgspec

from shared.kernel import Codec, Event


class HandOverBegun(Event, frozen=True, tag="hand-over-begun.v1"):
    """The desk of `site` is asked whether it takes this file, which is frozen until it has said so."""

    client_id: str
    hand_over_id: str
    site: str
    at: datetime


class HandOverCalledOff(Event, frozen=True, tag="hand-over-called-off.v1"):
    """The file is to stay. It is frozen until the other desk has said that it has not taken it, and will not."""

    client_id: str
    hand_over_id: str
    at: datetime


class HandOverEnded(Event, frozen=True, tag="hand-over-ended.v1"):
    """The other desk has decided, or never will. how: of `HAND_OVER_ENDS`; `taken`: the file is theirs."""

    client_id: str
    hand_over_id: str
    how: str
    at: datetime


class TakenTrajectory(msgspec.Struct, frozen=True):
    """A trajectory of a file that was taken over, sealed under its new key. milestones: by id. outcome: empty while it
    goes on."""

    id: str
    goals: str
    started_at: datetime
    milestones: dict[str, str]
    ended_at: datetime | None
    outcome: str


class TakenReferral(msgspec.Struct, frozen=True):
    """A referral of one, sealed likewise. appointment: the newest; first: the first that counts."""

    id: str
    referral: str
    made_at: datetime
    state: str
    appointment: str | None
    first: str | None


class FileTakenOver(Event, frozen=True, tag="file-taken-over.v1"):
    """There is a file here that the desk of `site` had. Whoever was counted there is counted nowhere again. reached:
    when each milestone was, by its id."""

    client_id: str
    hand_over_id: str
    site: str
    card: str
    personal: str | None
    trajectories: tuple[TakenTrajectory, ...]
    referrals: tuple[TakenReferral, ...]
    at: datetime
    reached: dict[str, datetime] = msgspec.field(default_factory=dict)


HandOverEvent: TypeAlias = HandOverBegun | HandOverCalledOff | HandOverEnded | FileTakenOver
"""What happens in a file."""


class TakingAsked(Event, frozen=True, tag="taking-asked.v1"):
    """The desk of `site` would hand a file over. Whose it is nobody here knows yet."""

    hand_over_id: str
    site: str
    at: datetime


class TakingAgreed(Event, frozen=True, tag="taking-agreed.v1"):
    """Somebody at this desk has said that they take it: it may be sent."""

    hand_over_id: str
    at: datetime


class TakingFinished(Event, frozen=True, tag="taking-finished.v1"):
    """The file came, and is this desk's from now on, under this id."""

    hand_over_id: str
    client_id: str
    at: datetime


class TakingEnded(Event, frozen=True, tag="taking-ended.v1"):
    """It is not taken, now or later: `declined` here, or `called_off` there (perhaps before anybody here had heard)."""

    hand_over_id: str
    site: str
    how: str
    at: datetime


TakingEvent: TypeAlias = TakingAsked | TakingAgreed | TakingFinished | TakingEnded
TAKING_CODEC: Codec[TakingEvent] = Codec((TakingAsked, TakingAgreed, TakingFinished, TakingEnded))
