"""What a file that is handed over brings with it: all that the desk knows of the client, in the open, while it is on
its way from one vault into another. Ids of trajectories, referrals and requests are each desk's own, and stay."""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from services.intake.file import (
    Appointment,
    Card,
    Ending,
    Facts,
    Goals,
    Milestone,
    Personal,
    Referred,
    card_refused,
    lines_refused,
    personal_refused,
)
from shared.contracts.vocabulary import OUTCOME_OF, REFERRAL_STATES
from shared.kernel import Rejected
from shared.unspoken import Unspoken

WAYS_MAX, MILESTONES_MAX, REFERRALS_MAX = 50, 100, 500
"""As many as a file may have of each."""


class CarriedRequest(Unspoken, frozen=True, forbid_unknown_fields=True):
    """What the client waits for. counted: it is no need any more that could count as not met."""

    kinds: tuple[str, ...]
    features: tuple[str, ...]
    household_size: int
    not_at: tuple[str, ...]
    facts: Facts
    waiting_since: date
    counted: bool


class CarriedMilestone(Unspoken, frozen=True, forbid_unknown_fields=True):
    """A step, and when it was made."""

    step: Milestone
    at: datetime


class CarriedTrajectory(Unspoken, frozen=True, forbid_unknown_fields=True):
    """How the client is guided, or was."""

    goals: Goals
    started_at: datetime
    milestones: tuple[CarriedMilestone, ...] = ()
    ended_at: datetime | None = None
    ending: Ending | None = None


class CarriedReferral(Unspoken, frozen=True, forbid_unknown_fields=True):
    """To whom they were referred, and how it went on."""

    referred: Referred
    made_at: datetime
    state: str
    appointment: Appointment | None = None
    first: Appointment | None = None


class Carried(Unspoken, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    card: Card
    personal: Personal
    request: CarriedRequest | None = None
    trajectories: tuple[CarriedTrajectory, ...] = ()
    referrals: tuple[CarriedReferral, ...] = ()


def carried_refused(file: Carried, today: date, part_bytes_max: int) -> Rejected | None:
    """What a desk would not have written down itself is not taken over either. part_bytes_max: what a vault seals at
    once. Refused: as the parts of a file are
    (`file.py`), `too-many-trajectories`, `too-many-referrals`, `outcome-kind-other`, `referral-state-unknown`,
    `time-without-zone`."""
    if any(len(msgspec.json.encode(part)) > part_bytes_max for part in _parts(file)):
        return Rejected("text-invalid", {})
    refused = card_refused(file.card) or personal_refused(file.personal, today)
    if refused:
        return refused
    ways, referrals = file.trajectories, file.referrals
    if len(ways) > WAYS_MAX or any(len(way.milestones) > MILESTONES_MAX for way in ways):
        return Rejected("too-many-trajectories", {"trajectories_max": WAYS_MAX})
    if sum(way.ended_at is None for way in ways) > 1:
        return Rejected("too-many-trajectories", {"trajectories_max": 1})
    if len(referrals) > REFERRALS_MAX:
        return Rejected("too-many-referrals", {"referrals_max": REFERRALS_MAX})
    if any((way.ended_at is None) != (way.ending is None) for way in ways):
        return Rejected("outcome-kind-other", {})
    if any(way.ending is not None and OUTCOME_OF[way.ending.kind] != way.ending.outcome for way in ways):
        return Rejected("outcome-kind-other", {})
    if any(each.state not in REFERRAL_STATES for each in referrals):
        return Rejected("referral-state-unknown", {})
    times = [time for way in ways for time in (way.started_at, way.ended_at)]
    times += [each.made_at for each in referrals]
    times += [each.at for way in ways for each in way.milestones]
    times += [one.at for each in referrals for one in (each.appointment, each.first) if one is not None]
    if any(time is not None and time.tzinfo is None for time in times):
        return Rejected("time-without-zone", {})
    texts = [goal for way in ways for goal in way.goals.goals]
    texts += [each.step.milestone for way in ways for each in way.milestones]
    texts += [each.referred.partner or "" for each in referrals]
    return lines_refused(*texts)


def _parts(file: Carried) -> list[msgspec.Struct]:
    """Each of them is sealed by itself."""
    parts: list[msgspec.Struct] = [file.card, file.personal, *(each.referred for each in file.referrals)]
    parts += [part for way in file.trajectories for part in (way.goals, *(each.step for each in way.milestones))]
    return parts if file.request is None else [*parts, file.request.facts]
