"""What is told of offers: to the services of this site what happens to a client, to owners of places letters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.intake import events as ev
from services.intake import events_offers as oe
from services.intake.decider_file import File, doubles
from services.intake.decider_slot import Offer
from shared.contracts import intake as told
from shared.contracts import offer_letters
from shared.contracts.base import Draft, Written

ENDS = frozenset({"declined", "withdrawn", "lapsed", "called_off", "no_show"})


def letters(events: Sequence[ev.ClientEvent], after: File) -> list[Draft]:
    """One for each offer whose owner has to hear something: that somebody comes, that nobody does, or that whoever came
    lives elsewhere now."""
    about = dict.fromkeys(
        event.offer_id
        for event in events
        if isinstance(
            event, oe.OfferAccepted | oe.OfferDeclined | oe.OfferLetterRepeated | oe.PlaceGivenUp | oe.StayClaimed
        )
    )
    return [letter(after, after.offers[offer_id]) for offer_id in about]


def letter(file: File, offer: Offer) -> Draft:
    """What the desk has to say of an offer now. The same whenever it is said again, but for a possible double.

    Of an acceptance that was lost with an older backup nothing is known but its owner's word. It is asked for that by
    words it has had already: it takes them as no news, and says how it stands.
    """
    about = {"offered_for": offer.request_id, "location": offer.location, "turn": offer.turn}
    if offer.given_up is not None:
        moved = offer_letters.PlaceGivenUpBody.model_validate(about | {"moved_at": offer.given_up})
        return Draft(told.PlaceGivenUp, offer.site, offer.id, moved)
    if offer.stay_id and offer.status == "accepted":
        claimed = offer_letters.StayClaimedBody.model_validate(about | {"stay_id": offer.stay_id, "kind": offer.kind})
        return Draft(told.StayClaimed, offer.site, offer.id, claimed)
    if offer.status == "declined" or offer.expected_by is None:
        body = offer_letters.PlaceDeclinedBody.model_validate(about | {"reason": offer.reason or "not_reached"})
        return Draft(told.PlaceDeclined, offer.site, offer.id, body)
    accepted = offer_letters.PlaceAcceptedBody.model_validate(about | {
        "household_size": offer.household_size, "expected_by": offer.expected_by, "arrival": offer.arrival,
        "possible_double": offer.id in (file.slot, file.moving_to) and bool(doubles(file)),
    })  # fmt: skip
    return Draft(told.PlaceAccepted, offer.site, offer.id, accepted)


def site_events(event: oe.OfferEvent, before: File) -> Sequence[Written[Any]]:
    """What the services of this site hear of one event. before: the file as it was before this decision."""
    about = {"client_id": event.client_id, "request_id": event.request_id, "offer_id": event.offer_id, "at": event.at}
    match event:
        case oe.OfferReceived():
            where = {"site": event.site, "location": event.location, "kind": event.kind}
            return [told.OfferReceived.written(**about, **where, expires_at=event.expires_at)]
        case oe.OfferAccepted():
            return [told.OfferAccepted.written(**about, expected_by=event.expected_by)]
        case oe.OfferDeclined():
            return [told.OfferDeclined.written(**about, reason=event.reason)]
        case oe.OfferWordHeard():
            return _word(event, before, about)
        case oe.PlaceGivenUp():  # days hang on it: whatever its owner knows yet, they live elsewhere
            return [told.ClientLeft.written(**about | {"at": event.moved_at})]
        case oe.StayHeard():
            return [stay(event.client_id, before.offers[event.offer_id], event.lived, event.ended_at, event.at)]
        case _:  # written again; that a request ended as placed is said with the word that did it
            return []


def stay(
    client_id: str, offer: Offer, lived: tuple[tuple[str, datetime], ...], ended_at: datetime | None, at: datetime
) -> Written[told.ClientStayTold]:
    """A stay as its owner tells it; but whoever moved on lives there no longer, whatever its owner knows yet. Who had
    left before that had, in its owner's word: no day between is one with meals."""
    ends = [moment for moment in (offer.given_up, ended_at) if moment is not None]
    return told.ClientStayTold.written(
        client_id=client_id, offer_id=offer.id, lived=lived, ended_at=min(ends, default=None), at=at
    )


def standing(client_id: str, offer: Offer, at: datetime) -> Sequence[Written[Any]]:
    """How it stands with an offer that is not over, as a new epoch tells this site: what was said of it last; also that
    they have left. Then what is known of a stay. at: for one of which it is not known any more since when."""
    known = _standing(client_id, offer, at)
    if offer.stay is None:
        return known
    return [*known, stay(client_id, offer, offer.stay.lived, offer.stay.ended_at, at)]


def _standing(client_id: str, offer: Offer, at: datetime) -> Sequence[Written[Any]]:
    about = {
        "client_id": client_id, "request_id": offer.request_id, "offer_id": offer.id, "at": offer.since or at,
    }  # fmt: skip
    where = {"site": offer.site, "location": offer.location, "kind": offer.kind}
    if offer.given_up is not None:
        return [told.ClientLeft.written(**about | {"at": offer.given_up})]
    if offer.word == "housed":
        return [told.ClientHoused.written(**about, **where)]
    if offer.word == "left":
        return [told.ClientLeft.written(**about)]
    if offer.settled or offer.stay_id:  # of a claim nothing is told before its stay's owner agrees
        return []
    if offer.status == "declined":
        return [told.OfferDeclined.written(**about, reason=offer.reason or "other")]
    if offer.word == "expected":
        return [told.OfferConfirmed.written(**about, expected_by=offer.until or offer.expected_by or at)]
    if offer.expected_by is not None:
        return [told.OfferAccepted.written(**about, expected_by=offer.expected_by)]
    return [told.OfferReceived.written(**about, **where, expires_at=offer.expires_at)]


def _word(event: oe.OfferWordHeard, before: File, about: dict[str, object]) -> Sequence[Written[Any]]:
    offer = before.offers[event.offer_id]
    if event.word == offer.word:
        return []
    if event.word in ENDS and offer.stay_id:  # it is the desk that claimed, and sees it
        return []
    if event.word in ENDS:
        return [told.OfferEnded.written(**about, how=event.word, reason=event.reason or offer.reason)]
    if event.word == "expected":
        return [told.OfferConfirmed.written(**about, expected_by=event.until or offer.expected_by or event.at)]
    happened = {"at": event.said_at or event.at}  # days hang on it: when it was so, not when it was heard of
    if event.word == "housed":
        where = {"site": offer.site, "location": offer.location, "kind": offer.kind}
        return [told.ClientHoused.written(**about | happened, **where)]
    known = offer.given_up is not None  # said when they moved
    return [told.ClientLeft.written(**about | happened)] if event.word == "left" and not known else []
