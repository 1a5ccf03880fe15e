"""What happened to the offers of one client's file: what owners of places wrote, and what the desk answered.

Nothing in them describes a person: where somebody was offered a place stays in this site's own store, beside a client's
id, as what they asked for does.
"""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

from shared.kernel import Event


class OfferReceived(Event, frozen=True, tag="offer-received.v1"):
    """A place at another site, or at this one, is kept for this request until `expires_at`, by its owner's clock.

    sleeps: people, in all of it. again_at: when its owner is told that nobody answered. fits: whether it is anything
    that was asked for; what is too small, or nowhere they would go, is no place that was found.
    """

    client_id: str
    request_id: str
    offer_id: str
    site: str
    location: str
    kind: str
    sleeps: int
    expires_at: datetime
    again_at: datetime
    at: datetime
    fits: bool = True


class OfferAccepted(Event, frozen=True, tag="offer-accepted.v1"):
    """The client takes it: it fills their slot until its owner says otherwise. Said anew it has another turn, and
    another code. arrival: salt and hash of the code. override: why it was taken while another acceptance is unanswered.
    again_at: when it is written again, here and below.
    """

    client_id: str
    request_id: str
    offer_id: str
    turn: int
    household_size: int
    expected_by: datetime
    arrival: str
    override: str | None
    again_at: datetime
    at: datetime


class OfferDeclined(Event, frozen=True, tag="offer-declined.v1"):
    """The client does not take it, or does not come after all. Its owner is told until it has answered."""

    client_id: str
    request_id: str
    offer_id: str
    turn: int
    reason: str
    again_at: datetime
    at: datetime


class OfferLetterRepeated(Event, frozen=True, tag="offer-letter-repeated.v1"):
    """The owner was written to again; with another turn when there is something new to say of a possible double."""

    client_id: str
    request_id: str
    offer_id: str
    turn: int
    again_at: datetime
    at: datetime


class OfferWordHeard(Event, frozen=True, tag="offer-word-heard.v1"):
    """How it stands, in its owner's word. turn: the newest of ours it knows. epoch, number: of two words the later
    counts. until: how long the place is kept. again_at: when it is asked for again; None when it will not change.
    said_at: when the owner said it, by its own clock; a letter may lie for days."""

    client_id: str
    request_id: str
    offer_id: str
    word: str
    reason: str | None
    turn: int
    epoch: int
    number: int
    until: datetime | None
    again_at: datetime | None
    at: datetime
    said_at: datetime | None = None


class StayHeard(Event, frozen=True, tag="stay-heard.v1"):
    """All of the stay, in its owner's word: in which kind of place since when, each until the next. ended_at: until
    when; None while they live there. epoch, number: of two words the later counts."""

    client_id: str
    request_id: str
    offer_id: str
    lived: tuple[tuple[str, datetime], ...]
    ended_at: datetime | None
    epoch: int
    number: int
    at: datetime


class StayClaimed(Event, frozen=True, tag="stay-claimed.v1"):
    """The client says that an anonymous stay is theirs: it fills their slot until its owner says otherwise. offer_id,
    request_id: the claim's, under which its owner answers; no request was made for it. override: why, while another
    acceptance is unanswered."""

    client_id: str
    request_id: str
    offer_id: str
    turn: int
    stay_id: str
    site: str
    location: str
    kind: str
    again_at: datetime
    at: datetime
    override: str | None = None


class PlaceGivenUp(Event, frozen=True, tag="place-given-up.v1"):
    """The client was checked in where a transfer led them, at `moved_at`: they live no longer where they came by this
    offer. Its owner is told until it has said that they left."""

    client_id: str
    request_id: str
    offer_id: str
    turn: int
    moved_at: datetime
    again_at: datetime
    at: datetime


class RequestPlaced(Event, frozen=True, tag="request-placed.v1"):
    """The client lives in what they were offered: they ask no longer."""

    client_id: str
    request_id: str
    offer_id: str
    at: datetime


OfferEvent: TypeAlias = (
    OfferReceived
    | OfferAccepted
    | OfferDeclined
    | OfferLetterRepeated
    | OfferWordHeard
    | StayHeard
    | PlaceGivenUp
    | RequestPlaced
    | StayClaimed
)
