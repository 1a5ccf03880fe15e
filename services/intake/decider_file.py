"""A client's file as its events make it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import assert_never

import msgspec
from msgspec.structs import replace

from services.intake import events as ev
from services.intake import events_alias as ae
from services.intake import events_guidance as guide
from services.intake import events_handover as over
from services.intake import events_offers as oe
from services.intake.decider_parts import Appointment, HandingOver, Referral, Request, Trajectory
from services.intake.decider_slot import Lived, Offer, moved, moving_after, slot_after
from services.intake.events_flows import SeatNoted
from services.intake.flows import ALLOWANCE, OUT
from shared.contracts.weeks import WEEK, week_of
from shared.envelope import SYSTEM_ROLE


class File(msgspec.Struct, frozen=True, gc=False):
    """card, personal: sealed, and empty once erased. active_at: when anything was last done with it by a person.

    slot: the offer that fills the one place a file can have; empty when none does. offers: newest last, those that
    ended long ago are left out. moving_to: the offer that somebody who lives in the slot's has accepted, to move there.
    last_read_id: so that one look that is recorded twice counts once. key_gone_at: when the vault destroyed the key.
    moved: the version when it last was otherwise than before: that it stood in a list, or what its owner says of a
    stay's days, makes nobody's sight of it stale.
    hand_over: while it is under way the file is frozen. taken_as: the hand-over by which it came from another desk.
    appointments: those that are not over, by the id of what each belongs to.
    seats: entitlements by which the client has a seat in an allowance programme. flows: where they lived when a week
    began in which that changed (`living`), by its Monday, the last `FLOWS_KEPT`.
    """

    id: str = ""
    card: str = ""
    personal: str | None = None
    registered_at: datetime | None = None
    active_at: datetime | None = None
    requests: dict[str, Request] = {}
    trajectories: dict[str, Trajectory] = {}
    referrals: dict[str, Referral] = {}
    last_read_id: str = ""
    erased_at: datetime | None = None
    key_gone_at: datetime | None = None
    version: int = 0
    offers: dict[str, Offer] = {}
    slot: str = ""
    moving_to: str = ""
    moved: int = 0
    hand_over: HandingOver | None = None
    taken_as: str = ""
    appointments: dict[str, Appointment] = {}
    seats: tuple[str, ...] = ()
    flows: dict[date, str] = {}

    @property
    def living(self) -> str:
        """The kind of place they live in, `allowance` where they have that and no place, or `out`."""
        home = self.home
        return home.kind_now if home is not None else ALLOWANCE if self.seats else OUT

    @property
    def home(self) -> Offer | None:
        """Where the client lives, as far as this file knows."""
        offer = self.offers.get(self.slot)
        return offer if offer is not None and offer.lived_in else None

    def rival(self, request_id: str) -> Offer | None:
        """What stands in the way of another offer for this request: what is in the slot; of a transfer not where they
        live, but what else they have accepted to move to."""
        home = self.home
        moves = home is not None and home.request_id != request_id
        return self.offers.get(self.moving_to if moves else self.slot)

    @property
    def open_requests(self) -> list[Request]:
        return [request for request in self.requests.values() if request.open]

    @property
    def open_trajectory(self) -> Trajectory | None:
        return next((each for each in self.trajectories.values() if each.open), None)


def evolve(file: File, event: ev.ClientEvent) -> File:
    """The file after `event`."""
    after = _after(file, event)
    if isinstance(event, oe.OfferEvent | SeatNoted) and after.living != file.living and file.erased_at is None:
        after = _flowed(file, after, event.at)
    unseen = isinstance(event, oe.StayHeard | SeatNoted) or (isinstance(event, ev.PersonalRead) and event.in_list)
    return replace(after, moved=file.moved if unseen else after.version)


FLOWS_KEPT = 53
"""Weeks a file remembers where it came from: longer than one can stay uncounted."""


def _flowed(before: File, after: File, at: datetime) -> File:
    """The first change of a week says where they lived when it began."""
    week = week_of(at)
    if week in before.flows:
        return after
    kept = sorted({*before.flows, week})[-FLOWS_KEPT:]
    return replace(after, flows={one: before.flows.get(one, before.living) for one in kept})


def _after(file: File, event: ev.ClientEvent) -> File:
    version = file.version + 1
    if isinstance(event, oe.OfferEvent):
        return _offered(file, event, version)
    if isinstance(event, over.HandOverEvent):
        return _handed(file, event, version)
    if isinstance(event, ae.AliasEvent):
        return _alias_told(file, event, version)
    if isinstance(event, SeatNoted):
        return replace(file, seats=_seats_after(file.seats, event), version=version)
    match event:
        case ev.ClientRegistered():
            return File(event.client_id, event.card, event.personal, event.at, event.at, version=version)
        case ev.ClientCorrected():
            card = file.card if event.card is None else event.card
            personal = file.personal if event.personal is None else event.personal
            return replace(file, card=card, personal=personal, active_at=event.at, version=version)
        case ev.PersonalRead():  # a message that goes out, or a page of a list, is no visit
            active_at = file.active_at if event.role == SYSTEM_ROLE or event.in_list else event.at
            return replace(file, last_read_id=event.read_id, active_at=active_at, version=version)
        case ev.RequestOpened():
            opened = Request(
                event.request_id, event.kinds, event.features, event.household_size, event.not_at, event.facts,
                event.priority_band, event.rules_version, event.waiting_since, event.at, version=version,
                found=event.counted,
            )  # fmt: skip
            return _with(file, opened, version, event.at)
        case ev.RequestPrioritized():
            known = file.requests[event.request_id]
            moved = replace(
                known, facts=event.facts, priority_band=event.priority_band, rules_version=event.rules_version,
                version=version,
            )  # fmt: skip
            return _with(file, moved, version, None if event.by_rules else event.at)
        case ev.RequestWithdrawn():
            ended = {"status": "withdrawn", "reason": event.reason, "facts": "", "version": version}
            return _with(file, replace(file.requests[event.request_id], **ended), version, event.at)
        case ev.RequestUnmet():
            unmet = replace(file.requests[event.request_id], unmet=event.district, unmet_at=event.at)
            return _with(file, unmet, version, None)
        case ev.ClientErased():
            flows = file.flows | {week_of(event.at) + WEEK: file.living}  # the week they are erased in ends here
            return replace(
                file, card="", personal=None, erased_at=event.at, hand_over=None, appointments={}, flows=flows,
                version=version,
            )  # fmt: skip
        case ev.KeyDestroyed():
            return replace(forgotten(file), key_gone_at=event.destroyed_at, version=version)
        case (
            guide.TrajectoryStarted()
            | guide.MilestoneReached()
            | guide.TrajectoryEnded()
            | guide.ReferralMade()
            | guide.ReferralFollowed()
            | guide.AppointmentMade()
            | guide.AppointmentEnded()
        ):
            return _guided(replace(file, active_at=event.at, version=version), event)
        case _:
            assert_never(event)


def _alias_told(file: File, event: ae.AliasEvent, version: int) -> File:
    say_so = event.say_so if isinstance(event, ae.AliasHandedOver) else ""
    told = replace(file.offers[event.offer_id], say_so=say_so)
    return replace(file, offers=file.offers | {told.id: told}, active_at=event.at, version=version)


def _seats_after(seats: tuple[str, ...], event: SeatNoted) -> tuple[str, ...]:
    others = tuple(seat for seat in seats if seat != event.entitlement_id)
    return (*others, event.entitlement_id) if event.held else others


def _handed(file: File, event: over.HandOverEvent, version: int) -> File:
    """The file with what happened to a hand-over in it."""
    match event:
        case over.HandOverBegun():
            begun = HandingOver(event.hand_over_id, event.site, event.at)
            return replace(file, hand_over=begun, active_at=event.at, version=version)
        case over.HandOverCalledOff():
            assert file.hand_over is not None
            return replace(file, hand_over=replace(file.hand_over, called_off=True), version=version)
        case over.HandOverEnded():
            return replace(file, hand_over=None, version=version)
        case over.FileTakenOver():
            trajectories = {
                way.id: Trajectory(
                    way.id, way.goals, way.started_at, way.milestones, way.ended_at, way.outcome, version
                )
                for way in event.trajectories
            }
            referrals = {
                each.id: Referral(
                    each.id, each.referral, each.made_at, each.state, each.appointment, each.first, version
                )
                for each in event.referrals
            }
            return File(
                event.client_id, event.card, event.personal, event.at, event.at, trajectories=trajectories,
                referrals=referrals, version=version, taken_as=event.hand_over_id,
            )  # fmt: skip
        case _:
            assert_never(event)


def _with(file: File, request: Request, version: int, at: datetime | None) -> File:
    requests = file.requests | {request.id: request}
    return replace(file, requests=requests, active_at=at or file.active_at, version=version)


def _guided(file: File, event: guide.GuidanceEvent) -> File:
    """The file with what happened to a trajectory or a referral in it."""
    version = file.version
    match event:
        case guide.TrajectoryStarted():
            trajectory = Trajectory(event.trajectory_id, event.goals, event.at, version=version)
        case guide.MilestoneReached():
            known = file.trajectories[event.trajectory_id]
            milestones = known.milestones | {event.milestone_id: event.milestone}
            trajectory = replace(known, milestones=milestones, version=version)
        case guide.TrajectoryEnded():
            known = file.trajectories[event.trajectory_id]
            trajectory = replace(known, ended_at=event.at, outcome=event.outcome, version=version)
        case guide.ReferralMade():
            return _referred(file, Referral(event.referral_id, event.referral, event.at, version=version))
        case guide.ReferralFollowed():
            return _referred(file, _followed(file.referrals[event.referral_id], event, version))
        case guide.AppointmentMade():
            made = Appointment(event.turn, event.starts_at, event.at, event.replaces, event.known)
            return replace(file, appointments=file.appointments | {event.appointment_id: made})
        case guide.AppointmentEnded():
            left = {id_: each for id_, each in file.appointments.items() if id_ != event.appointment_id}
            return replace(file, appointments=left)
        case _:
            assert_never(event)
    return replace(file, trajectories=file.trajectories | {trajectory.id: trajectory})


def _referred(file: File, referral: Referral) -> File:
    return replace(file, referrals=file.referrals | {referral.id: referral})


def _followed(known: Referral, event: guide.ReferralFollowed, version: int) -> Referral:
    appointment, first = event.appointment or known.appointment, known.first
    nobody_went = known.state in ("made", "appointment") and known.first == known.appointment
    if event.appointment is not None and nobody_went:
        first = event.appointment
    return replace(known, state=event.state, appointment=appointment, first=first, version=version)


def forgotten(file: File) -> File:
    """Without what is sealed of the guidance; that it was, and when, stays. It is counted before the key goes, so an
    erased file keeps it until then.
    """
    trajectories = {
        each.id: replace(each, goals="", milestones=dict.fromkeys(each.milestones, ""), outcome="")
        for each in file.trajectories.values()
    }
    referrals = {each.id: replace(each, referral="", appointment=None, first=None) for each in file.referrals.values()}
    return replace(file, trajectories=trajectories, referrals=referrals)


ENDED_KEPT = 50
"""Offers that have ended and are remembered, so that a letter that comes late finds the one it is about."""


def _offered(file: File, event: oe.OfferEvent, version: int) -> File:
    if isinstance(event, oe.RequestPlaced):
        known = file.requests[event.request_id]
        placed = replace(known, status="placed", reason=None, facts="", version=version)
        return _with(file, placed, version, None)
    if isinstance(event, oe.StayClaimed):
        claim = Offer(
            event.offer_id, event.request_id, event.site, event.location, event.kind, 0, event.at, "accepted",
            turn=event.turn, again_at=event.again_at, asked=1, version=version, stay_id=event.stay_id,
        )  # fmt: skip
        offers = file.offers | {claim.id: claim}
        return replace(file, offers=offers, slot=claim.id, active_at=event.at, version=version)
    if isinstance(event, oe.OfferReceived):
        offer = Offer(
            event.offer_id, event.request_id, event.site, event.location, event.kind, event.sleeps, event.expires_at,
            again_at=event.again_at, version=version, since=event.at,
        )  # fmt: skip
        ended = [id_ for id_, known in file.offers.items() if known.settled]
        gone = frozenset(ended[: max(0, len(ended) - ENDED_KEPT)])
        kept = {id_: known for id_, known in file.offers.items() if id_ not in gone}
        known = file.requests[event.request_id]
        found = replace(known, found=known.found or event.fits)
        requests = file.requests | {found.id: found}
        return replace(file, requests=requests, offers=kept | {offer.id: offer}, version=version)
    if isinstance(event, oe.StayHeard):
        stay = Lived(event.lived, event.ended_at, event.epoch, event.number)
        told = replace(file.offers[event.offer_id], stay=stay)
        return replace(file, offers=file.offers | {told.id: told}, version=version)
    offer = replace(moved(file.offers[event.offer_id], event), version=version)
    offers = file.offers | {offer.id: offer}
    slot, moving_to = file.slot, file.moving_to
    if isinstance(event, oe.OfferAccepted):
        home = file.home
        if home is not None and home.request_id != event.request_id:
            moving_to = offer.id
        else:
            slot, moving_to = offer.id, ""
    else:
        slot = slot_after(slot, moving_to, offers)
        wanted = [request.id for request in file.open_requests]
        moving_to = moving_after(slot, moving_to, offers, wanted)
    active = event.at if isinstance(event, oe.OfferAccepted | oe.OfferDeclined) else file.active_at
    return replace(file, offers=offers, slot=slot, moving_to=moving_to, active_at=active, version=version)


def doubles(file: File) -> list[str]:
    """Offers by which the client may be, or be expected, somewhere else than by the one in the slot. Whoever moves is
    known to be expected elsewhere, and to have lived elsewhere."""
    moves = {file.moving_to} if any(each.id == _request_of(file, file.moving_to) for each in file.open_requests) else ()
    return [
        offer.id
        for offer in file.offers.values()
        if offer.id != file.slot and offer.id not in moves and not offer.settled and offer.given_up is None
        and (offer.overridden or offer.word == "housed" or (offer.word, offer.status) == ("expected", "accepted"))
    ]  # fmt: skip


def _request_of(file: File, offer_id: str) -> str | None:
    offer = file.offers.get(offer_id)
    return None if offer is None else offer.request_id


def status_of(file: File, request: Request) -> str:
    """How a request stands: `waiting`, `offered`, `accepted`, `placed`, `withdrawn`."""
    if not request.open:
        return request.status
    about = [offer.status for offer in file.offers.values() if offer.request_id == request.id and not offer.settled]
    if request.id in (_request_of(file, file.slot), _request_of(file, file.moving_to)):
        return "accepted"
    return "offered" if "open" in about else "waiting"


def touched(events: Iterable[ev.ClientEvent]) -> Iterable[str]:
    """The requests these events say something of, each once. A claim is about none."""
    about = ev.RequestOpened | ev.RequestPrioritized | ev.RequestWithdrawn | oe.OfferEvent
    return dict.fromkeys(
        event.request_id
        for event in events
        if isinstance(event, about) and event.request_id != getattr(event, "offer_id", None)
    )
