"""Offers: a hold put to somebody who waits. Hold and offer have one id and end in one decision, by the owner's clock.

Whatever ends a hold, for whatever reason, ends the offer it belongs to: `with_offers` sees to it behind every command,
so that no way of ending a hold can forget it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

from msgspec.structs import replace

from services.placement import commands as cmd
from services.placement import commands_offers as oc
from services.placement import decider_holds as holds
from services.placement import decider_limits as limits
from services.placement import decider_questions as questions
from services.placement import events as ev
from services.placement import events_offers as oe
from services.placement.decider_location import Location, Offer
from services.placement.decider_places import Outcome, after_use
from shared.contracts.vocabulary import DECLINE_REASONS, DECLINED_BY_ITSELF, HOLD_MINUTES_MAX, WITHDRAW_REASONS
from shared.kernel import Rejected

OFFER_MINUTES = HOLD_MINUTES_MAX
"""How long an offer waits to be accepted: the longest a hold lasts, for whoever waits may have to be found first."""
EXPECTED_WITHIN = timedelta(hours=48)
"""How long an accepted place is kept at most."""
NOT_AGAIN_WITHIN = timedelta(days=1)
"""A request that had an offer here is not offered a place here again so soon."""
TRIES_MAX = 5
"""Wrong codes at the door before the desk has to accept anew. A code has 40 bits: five tries find none."""
Letter: TypeAlias = oc.TakeOffer | oc.DropOffer | oc.GiveUpPlace | oc.ClaimStay
"""What desks write about offers."""
OFFERS_MAX = 2000
"""Offers remembered at most; while there are so many, none is made."""


def decide_offer(state: Location, command: oc.OfferCommand) -> Outcome:
    """Refused: as each command's function says."""
    match command:
        case oc.OfferPlace():
            return offer_place(state, command)
        case oc.TakeOffer():
            return take(state, command)
        case oc.DropOffer():
            return drop(state, command)
        case oc.GiveUpPlace():
            return give_up(state, command)
        case oc.ClaimStay():
            return claim_stay(state, command)
        case oc.WithdrawOffer():
            return withdraw(state, command)
        case oc.AgreeToOffer():
            return agree(state, command)
        case oc.TurnOffers():
            return questions.turn_offers(state, command)
        case oc.RefuseOffer():
            return questions.refuse(state, command)
        case oc.PutOffOffer():
            return questions.put_off(state, command)
        case oc.LapseQuestion():
            return questions.lapse(state, command)


def offer_place(state: Location, command: oc.OfferPlace) -> Outcome:
    """Holds the best fit and offers it, or asks the operator whether to. Nothing while this request has an offer here.

    Refused: `site-invalid`, `id-invalid`, `offer-made-lately`, `too-many-offers`, as `decider_holds.hold_places` says,
    and as `decider_questions.ask` says.
    """
    offered = _offered(state, command)
    if isinstance(offered, Rejected) or not offered or state.offer_mode == "automatic":
        return offered
    return questions.ask(state, command)


def agree(state: Location, command: oc.AgreeToOffer) -> Outcome:
    """Holds and offers. There is no second offer where one was made meanwhile. Refused: as
    `decider_questions.asked_for` says, `location-closed`, and as `offer_place`."""
    asked = questions.asked_for(state, command)
    if not isinstance(asked, oc.OfferPlace):
        return asked
    if state.closed:
        return Rejected("location-closed", {"location": state.name})
    offered = _offered(state, asked)
    if isinstance(offered, Rejected):
        return offered
    return [questions.answered(asked.offer_id, "yes", command.at, command.at), *offered]


def _offered(state: Location, command: oc.OfferPlace) -> Outcome:
    if not limits.is_site_name(command.site):
        return Rejected("site-invalid", {"site": command.site[:80]})
    refused = limits.id_refused(command.request_id)
    if refused:
        return refused
    known = [offer for offer in state.offers.values() if offer.request_id == command.request_id]
    if any(offer.goes_on for offer in known):
        return ()
    if any(command.at < offer.moved_at + NOT_AGAIN_WITHIN for offer in known):
        return Rejected("offer-made-lately", {"again_after_hours": 24})
    if sum(_remembered(offer, command.at) for offer in state.offers.values()) >= OFFERS_MAX:
        return Rejected("too-many-offers", {"offers_max": OFFERS_MAX})
    held = holds.hold_places(state, cmd.HoldPlaces(
        at=command.at, role=command.role, location=command.location, hold_id=command.offer_id, kind=command.kind,
        household_size=command.household_size, features=command.features, hold_minutes=OFFER_MINUTES,
    ))  # fmt: skip
    if isinstance(held, Rejected) or not held:
        return held
    [hold] = held
    assert isinstance(hold, ev.PlaceHeld)
    sleeps = sum(state.places[id_].sleeps for id_ in hold.place_ids)
    offered = oe.PlaceOffered(
        hold.hold_id, command.request_id, command.site, sleeps, hold.expires_at, command.at
    )  # fmt: skip
    return [hold, offered]


def take(state: Location, command: oc.TakeOffer) -> Outcome:
    """Keeps the place until whoever accepted is expected, and no shorter than it was offered. An offer that has ended,
    or is not known here, is answered as it stands. Refused: `offer-of-another-site`, `household-size-invalid`."""
    found = _asked_about(state, command)
    if not isinstance(found, Offer):
        return found
    if not 1 <= command.household_size <= limits.HOUSEHOLD_SIZE_MAX:
        return Rejected("household-size-invalid", {"household_size": command.household_size})
    hold = state.holds.get(found.id)
    if hold is None:
        if found.word == "housed":
            return [oe.DoubleNoted(found.id, command.turn, command.possible_double, command.at)]
        return [_word(command)]
    if command.at >= hold.expires_at:
        return holds.lapse(state, _lapse(command))
    if command.household_size > sum(state.places[id_].sleeps for id_ in hold.place_ids):
        return [
            ev.HoldCancelled(hold.id, hold.place_ids, command.at, "too_small"),
            *after_use(state, hold.place_ids, command.at, None),
        ]
    expected_by = max(found.offered_until, min(limits.utc(command.expected_by), command.at + EXPECTED_WITHIN))
    return [
        oe.OfferAccepted(
            state.name, found.id, command.turn, command.household_size, expected_by, command.arrival,
            command.possible_double, command.at,
        )
    ]  # fmt: skip


def drop(state: Location, command: oc.DropOffer) -> Outcome:
    """Frees the place. Whoever has come already stays, and it is shown that they may be expected elsewhere. Refused:
    `offer-of-another-site`, `decline-reason-unknown`."""
    if command.reason not in DECLINE_REASONS + DECLINED_BY_ITSELF:
        return Rejected("decline-reason-unknown", {})
    found = _asked_about(state, command)
    if not isinstance(found, Offer):
        return found
    hold = state.holds.get(found.id)
    if hold is None:
        if found.word == "housed":
            double = found.possible_double or command.reason == "overridden"
            return [oe.DoubleNoted(found.id, command.turn, double, command.at)]
        return [_word(command)]
    if command.at >= hold.expires_at:
        return holds.lapse(state, _lapse(command))
    how = "called_off" if found.accepted else "declined"
    return [
        ev.HoldCancelled(hold.id, hold.place_ids, command.at, how),
        oe.OfferEnded(found.id, how, command.reason, command.at),
        *after_use(state, hold.place_ids, command.at, None),
    ]


def give_up(state: Location, command: oc.GiveUpPlace) -> Outcome:
    """Ends the stay as `transferred`, at the time its desk names, if that is neither ahead, nor before it began, nor
    before its places were free for it (it was moved within the house): however long the letter was on its way. Whom
    this store does not know to have arrived (it is an older one) is not waited for. Refused: `offer-of-another-site`.
    """
    found = _asked_about(state, command)
    if not isinstance(found, Offer):
        return found
    stay = state.stays.get(found.stay_id or "")
    if stay is not None:
        used_since = [state.places[id_].free_since or stay.began_at for id_ in stay.place_ids]
        ended_at = max(stay.began_at, min(max(limits.utc(command.moved_at), *used_since), command.at))
        return [
            oe.DoubleNoted(found.id, command.turn, False, command.at),
            ev.StayEnded(stay.id, stay.place_ids, "transferred", ended_at, command.at),
            *after_use(state, stay.place_ids, command.at, ended_at, cleaned=True),
        ]
    hold = state.holds.get(found.id)
    if hold is None:
        return [_word(command)]
    how = "called_off" if found.accepted else "declined"
    return [
        ev.HoldCancelled(hold.id, hold.place_ids, command.at, how),
        oe.OfferEnded(found.id, how, "request_ended", command.at),
        *after_use(state, hold.place_ids, command.at, None),
    ]


def claim_stay(state: Location, command: oc.ClaimStay) -> Outcome:
    """Once: a stay that is somebody's, that is not here or not of this kind, or that a night report counted, is
    answered as any offer nobody here knows: withdrawn. Refused: `site-invalid`, `id-invalid`, `offer-of-another-site`,
    `too-many-offers`."""
    found = _asked_about(state, command)
    if isinstance(found, Rejected) or command.offer_id in state.offers:
        return found if not isinstance(found, Offer) else [_word(command)]
    stay = state.stays.get(command.stay_id)
    theirs = any(offer.stay_id == command.stay_id for offer in state.offers.values())
    if stay is None or stay.kind != command.kind or stay.programme is not None or theirs:
        return [_word(command)]
    if sum(_remembered(offer, command.at) for offer in state.offers.values()) >= OFFERS_MAX:
        return Rejected("too-many-offers", {"offers_max": OFFERS_MAX})
    return [oe.StayClaimed(
        command.offer_id, command.request_id, command.site, command.turn, command.stay_id, command.at
    )]  # fmt: skip


def withdraw(state: Location, command: oc.WithdrawOffer) -> Outcome:
    """Refused: `withdraw-reason-unknown`, `offer-unknown`, `offer-ended`, and as `decider_holds.cancel` says."""
    if command.reason not in WITHDRAW_REASONS:
        return Rejected("withdraw-reason-unknown", {})
    offer = state.offers.get(command.offer_id)
    if offer is None:
        return Rejected("offer-unknown", {})
    if offer.id not in state.holds:
        same = offer.word == "withdrawn" and offer.reason == command.reason
        return () if same else Rejected("offer-ended", {"how": offer.word})
    cancelled = holds.cancel(state, cmd.CancelHold(
        at=command.at, role=command.role, location=command.location, hold_id=offer.id, if_version=command.if_version
    ))  # fmt: skip
    if isinstance(cancelled, Rejected):
        return cancelled
    ended = oe.OfferEnded(offer.id, "withdrawn", command.reason, command.at)
    return [cancelled[0], ended, *cancelled[1:]]


def check_in(state: Location, command: cmd.CheckInHold) -> Outcome:
    """As `decider_holds.check_in`; of an offer only who says the code. Refused besides: `offer-not-accepted`,
    `arrival-code-missing`, `arrival-code-blocked` (too many were wrong). A wrong one is an event: it counts."""
    checked = holds.check_in(state, command)
    offer = state.offers.get(command.hold_id)
    if offer is None or isinstance(checked, Rejected) or not checked:
        return checked
    if not offer.accepted:
        return Rejected("offer-not-accepted", {"hold_id": offer.id})
    if offer.refusals >= TRIES_MAX:
        return Rejected("arrival-code-blocked", {"tries_max": TRIES_MAX})
    if command.arrival is None:
        return Rejected("arrival-code-missing", {"hold_id": offer.id})
    return checked if command.arrival == offer.arrival else [oe.ArrivalRefused(offer.id, command.at)]


def no_show(state: Location, command: cmd.NoteNoShow) -> Outcome:
    """As `decider_holds.no_show`. Refused besides: `offer-not-accepted`: nobody said they would come."""
    offer = state.offers.get(command.hold_id)
    if offer is not None and offer.id in state.holds and not offer.accepted:
        return Rejected("offer-not-accepted", {"hold_id": offer.id})
    return holds.no_show(state, command)


def with_offers(state: Location, events: Sequence[ev.LocationEvent]) -> Sequence[ev.LocationEvent]:
    """The events of a decision, and what they mean for offers: whose hold ends, ends. Nobody came for an accepted one
    whose time is over."""
    if not state.offers:
        return events
    said = {event.offer_id for event in events if isinstance(event, oe.OfferEnded)}
    full: list[ev.LocationEvent] = []
    for event in events:
        offer = state.offers.get(event.hold_id) if isinstance(event, _ENDS) else None
        if offer is None or offer.id in said:
            full.append(event)
            continue
        assert isinstance(event, _ENDS)
        nobody = isinstance(event, ev.HoldLapsed) and offer.accepted
        ended = ev.NoShowNoted(event.hold_id, event.place_ids, event.at) if nobody else event
        full += [ended, oe.OfferEnded(offer.id, _how(ended), _reason(ended), event.at)]
    return full


_ENDS = (ev.HoldCancelled, ev.HoldLapsed, ev.NoShowNoted)


def _how(event: ev.HoldCancelled | ev.HoldLapsed | ev.NoShowNoted) -> str:
    match event:
        case ev.HoldLapsed():
            return "lapsed"
        case ev.NoShowNoted():
            return "no_show"
        case ev.HoldCancelled():
            return "withdrawn"


def _reason(event: ev.HoldCancelled | ev.HoldLapsed | ev.NoShowNoted) -> str | None:
    """In the words of `WithdrawReason`, where somebody ended it."""
    if not isinstance(event, ev.HoldCancelled):
        return None
    known = {"location-closed": "location_closed", "entered_in_error": "mistake", "too_small": "too_small"}
    return known.get(event.reason or "", "other")


def _asked_about(state: Location, command: Letter) -> Offer | Outcome:
    """The offer a desk writes about; or the answer where nothing changes any more."""
    if not limits.is_site_name(command.site):
        return Rejected("site-invalid", {"site": command.site[:80]})
    refused = limits.id_refused(command.offer_id, command.request_id)
    if refused:
        return refused
    offer = state.offers.get(command.offer_id)
    if offer is None:
        return [_word(command)]
    if (offer.site, offer.request_id) != (command.site, command.request_id):
        return Rejected("offer-of-another-site", {})
    return offer if command.turn > offer.turn else [_word(command)]


def _word(command: Letter) -> oe.WordRepeated:
    return oe.WordRepeated(command.offer_id, command.request_id, command.site, command.at)


def _lapse(command: oc.TakeOffer | oc.DropOffer) -> cmd.LapseHold:
    return cmd.LapseHold(at=command.at, role=command.role, location=command.location, hold_id=command.offer_id)


def offer_after(offers: dict[str, Offer], event: ev.LocationEvent, version: int) -> Offer | None:
    """The one offer an event changes, as it is then. offers: those there are before it. None: it changes none."""
    match event:
        case oe.PlaceOffered():
            return Offer(event.offer_id, event.request_id, event.site, event.sleeps, event.expires_at, event.at,
                         version=version)  # fmt: skip
        case oe.OfferAccepted():
            return replace(
                offers[event.offer_id], word="expected", turn=event.turn, expected_by=event.expected_by,
                arrival=event.arrival, refusals=0, possible_double=event.possible_double, moved_at=event.at,
                version=version,
            )  # fmt: skip
        case oe.StayClaimed():
            return Offer(event.offer_id, event.request_id, event.site, 0, event.at, event.at, "housed", turn=event.turn,
                         expected_by=event.at, stay_id=event.stay_id, version=version)  # fmt: skip
        case oe.OfferEnded():
            ended = replace(offers[event.offer_id], word=event.how, reason=event.reason, possible_double=False)
            return replace(ended, moved_at=event.at, version=version)
        case oe.DoubleNoted():
            noted = replace(offers[event.offer_id], turn=event.turn, possible_double=event.possible_double)
            return replace(noted, version=version)
        case oe.ArrivalRefused():
            offer = offers[event.offer_id]
            return replace(offer, refusals=offer.refusals + 1, version=version)
        case ev.StayBegan():
            checked_in = offers.get(event.hold_id or "")
            return checked_in and replace(
                checked_in, word="housed", stay_id=event.stay_id, moved_at=event.at, version=version
            )
        case ev.StayEnded() | ev.StayResumed():
            lived = next((offer for offer in offers.values() if offer.stay_id == event.stay_id), None)
            if lived is None:
                return None
            word = "left" if isinstance(event, ev.StayEnded) else "housed"
            double = lived.possible_double and word == "housed"
            return replace(lived, word=word, possible_double=double, moved_at=event.at, version=version)
        case _:
            return None


def fold_offers(before: Location, event: ev.LocationEvent, after: Location) -> Location:
    """The location after an event, with its offers. What has long ended is forgotten when another one is made."""
    if isinstance(event, oe.QuestionEvent):
        return questions.fold(before, event, after)
    changed = offer_after(before.offers, event, after.version)
    if changed is None:
        return after
    offers = before.offers | {changed.id: changed}
    if isinstance(event, oe.PlaceOffered | oe.StayClaimed):
        offers = {id_: offer for id_, offer in offers.items() if _remembered(offer, event.at)}
    if not isinstance(event, oe.OfferAccepted):
        return replace(after, offers=offers)
    hold = replace(
        after.holds[changed.id], household_size=event.household_size, expires_at=event.expected_by,
        version=after.version,
    )  # fmt: skip
    return replace(after, offers=offers, holds={**after.holds, hold.id: hold})


def _remembered(offer: Offer, at: datetime) -> bool:
    return offer.goes_on or at < offer.moved_at + 2 * NOT_AGAIN_WITHIN
