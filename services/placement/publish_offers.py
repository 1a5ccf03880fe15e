"""The letters about offers: the offer itself, and the owner's word about it whenever that changes or is asked for. And
to this site, that its operator is asked first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from services.placement import events as ev
from services.placement import events_offers as oe
from services.placement.decider_late import lived
from services.placement.decider_location import Location, Offer
from shared.contracts import offer_letters
from shared.contracts import placement as told
from shared.contracts.base import Draft, Written

UNKNOWN = "offer-unknown"


class Letter(NamedTuple):
    """A letter of the owner, and to which site."""

    draft: Draft
    to: str


def question(event: oe.OperatorAsked | oe.QuestionAnswered, after: Location) -> Written[told.QuestionTold]:
    """That the operator is asked, or is no more."""
    known = after.questions[event.offer_id]
    return told.QuestionTold.written(
        location=after.name, question_id=known.id, kind=known.kind, open=isinstance(event, oe.OperatorAsked),
        answer_by=known.answer_by, at=event.at,
    )  # fmt: skip


def letters(before: Location, events: Sequence[ev.LocationEvent], after: Location) -> list[Letter]:
    """One for each offer that these events say something of; of an offer nobody here knows that it is withdrawn. Then
    one for each stay by an offer of which there is something to say."""
    said: dict[str, Letter] = {}
    for event in events:
        if isinstance(event, oe.PlaceOffered):
            said[event.offer_id] = _offered(event, after)
        elif isinstance(event, oe.WordRepeated) and event.offer_id not in after.offers:
            said[event.offer_id] = _unknown(event, after)
        else:
            offer = _about(event, after)
            if offer is not None:
                said[offer.id] = _answered(offer, after)
    stays = dict.fromkeys(offer.id for event in events if (offer := _lived_by(event, before, after)) is not None)
    return [*said.values(), *(told_ for id_ in stays if (told_ := _stay(after.offers[id_], after)) is not None)]


def _lived_by(event: ev.LocationEvent, before: Location, after: Location) -> Offer | None:
    """The offer by which somebody lives, or lived, here whose desk hears of an event since when, and in which kinds of
    place: whenever that is otherwise than before, and when it asks."""
    match event:
        case ev.StayMoved() | ev.StayCorrected():
            known, now = before.stays.get(event.stay_id), after.stays.get(event.stay_id)
            if known is not None and now is not None and lived(known) == lived(now):
                return None
            return _by_stay(event.stay_id, after)
        case oe.WordRepeated() | oe.StayClaimed():
            offer = after.offers.get(event.offer_id)
            return None if offer is None or offer.stay_id is None else offer
        case ev.StayBegan() | ev.StayEnded() | ev.StayResumed():
            return _about(event, after)
        case _:
            return None


def _by_stay(stay_id: str, after: Location) -> Offer | None:
    return next((offer for offer in after.offers.values() if offer.stay_id == stay_id), None)


def _stay(offer: Offer, after: Location) -> Letter | None:
    """All that is known of the stay; None where it ended so long ago that it is forgotten."""
    there, ended = after.stays.get(offer.stay_id or ""), after.ended_stays.get(offer.stay_id or "")
    stay = there or (None if ended is None else ended.stay)
    if stay is None:
        return None
    ended_at = None if there is not None or ended is None else ended.ended_at
    body = offer_letters.StayToldBody.model_validate({
        "offered_for": offer.request_id, "number": after.version, "lived": lived(stay), "ended_at": ended_at,
    })  # fmt: skip
    return Letter(Draft(told.StayTold, offer.site, offer.id, body), offer.site)


def _about(event: ev.LocationEvent, after: Location) -> Offer | None:
    """The offer whose desk hears of an event. A wrong code at the door is the door's business."""
    match event:
        case oe.OfferAccepted() | oe.OfferEnded() | oe.WordRepeated() | oe.DoubleNoted() | oe.StayClaimed():
            return after.offers[event.offer_id]
        case ev.StayBegan():
            return after.offers.get(event.hold_id or "")
        case ev.StayEnded() | ev.StayResumed():
            return _by_stay(event.stay_id, after)
        case _:
            return None


def _offered(event: oe.PlaceOffered, after: Location) -> Letter:
    body = offer_letters.PlaceOfferedBody.model_validate({
        "offered_for": event.request_id, "location": after.name, "kind": after.holds[event.offer_id].kind,
        "sleeps": event.sleeps, "expires_at": event.expires_at,
    })  # fmt: skip
    return Letter(Draft(told.PlaceOffered, event.site, event.offer_id, body), event.site)


def _answered(offer: Offer, after: Location) -> Letter:
    hold = after.holds.get(offer.id)
    body = offer_letters.PlaceAnsweredBody.model_validate({
        "offered_for": offer.request_id, "word": offer.word, "reason": offer.reason, "turn": offer.turn,
        "number": after.version, "expires_at": None if hold is None else hold.expires_at,
    })  # fmt: skip
    return Letter(Draft(told.PlaceAnswered, offer.site, offer.id, body), offer.site)


def _unknown(event: oe.WordRepeated, after: Location) -> Letter:
    body = offer_letters.PlaceAnsweredBody.model_validate({
        "offered_for": event.request_id, "word": "withdrawn", "reason": UNKNOWN, "turn": 0,
        "number": after.version, "expires_at": None,
    })  # fmt: skip
    return Letter(Draft(told.PlaceAnswered, event.site, event.offer_id, body), event.site)
