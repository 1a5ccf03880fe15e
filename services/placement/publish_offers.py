"""The letters about offers: the offer itself, and the owner's word about it whenever that changes or is asked for. And
to this site, that its operator is asked first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from services.placement import events as ev
from services.placement import events_offers as oe
from services.placement.decider_location import Location, Offer
from shared.contracts import hold_letters
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


def letters(events: Sequence[ev.LocationEvent], after: Location) -> list[Letter]:
    """One for each offer that these events say something of; of an offer nobody here knows that it is withdrawn."""
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
    return list(said.values())


def _about(event: ev.LocationEvent, after: Location) -> Offer | None:
    """The offer whose desk hears of an event. A wrong code at the door is the door's business."""
    match event:
        case oe.OfferAccepted() | oe.OfferEnded() | oe.WordRepeated() | oe.DoubleNoted() | oe.StayClaimed():
            return after.offers[event.offer_id]
        case ev.StayBegan():
            return after.offers.get(event.hold_id or "")
        case ev.StayEnded() | ev.StayResumed():
            return next((offer for offer in after.offers.values() if offer.stay_id == event.stay_id), None)
        case _:
            return None


def _offered(event: oe.PlaceOffered, after: Location) -> Letter:
    body = told.PlaceOfferedBody.model_validate({
        "offered_for": event.request_id, "location": after.name, "kind": after.holds[event.offer_id].kind,
        "sleeps": event.sleeps, "expires_at": event.expires_at,
    })  # fmt: skip
    return Letter(Draft(told.PlaceOffered, event.site, event.offer_id, body), event.site)


def _answered(offer: Offer, after: Location) -> Letter:
    hold = after.holds.get(offer.id)
    body = hold_letters.PlaceAnsweredBody.model_validate({
        "offered_for": offer.request_id, "word": offer.word, "reason": offer.reason, "turn": offer.turn,
        "number": after.version, "expires_at": None if hold is None else hold.expires_at,
    })  # fmt: skip
    return Letter(Draft(told.PlaceAnswered, offer.site, offer.id, body), offer.site)


def _unknown(event: oe.WordRepeated, after: Location) -> Letter:
    body = hold_letters.PlaceAnsweredBody.model_validate({
        "offered_for": event.request_id, "word": "withdrawn", "reason": UNKNOWN, "turn": 0,
        "number": after.version, "expires_at": None,
    })  # fmt: skip
    return Letter(Draft(told.PlaceAnswered, event.site, event.offer_id, body), event.site)
