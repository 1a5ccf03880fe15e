"""What happened to the offers of one location: a held place put to somebody who waits, under the hold's own id."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias, get_args

from shared.kernel import Event


class PlaceOffered(Event, frozen=True, tag="place-offered.v1"):
    """The places of the hold of this id are put to a request. site: where its desk is. sleeps: people, all together."""

    offer_id: str
    request_id: str
    site: str
    sleeps: int
    expires_at: datetime
    at: datetime


class OfferAccepted(Event, frozen=True, tag="offer-accepted.v1"):
    """The desk has accepted it, or says so anew with another turn: so many people are expected by then.

    location: whose timer it is. arrival: salt and hash of the code they will say. possible_double: they may be expected
    somewhere else as well.
    """

    location: str
    offer_id: str
    turn: int
    household_size: int
    expected_by: datetime
    arrival: str
    possible_double: bool
    at: datetime


class OfferEnded(Event, frozen=True, tag="offer-ended.v1"):
    """It came to nothing, and its hold with it in the same decision. how: `declined`, `withdrawn`, `lapsed`; once it
    was accepted `called_off`, `no_show`, `withdrawn`."""

    offer_id: str
    how: str
    reason: str | None
    at: datetime


class DoubleNoted(Event, frozen=True, tag="double-noted.v1"):
    """The desk has said more of an offer by which somebody lives here: whether they may be, or be expected, somewhere
    else as well."""

    offer_id: str
    turn: int
    possible_double: bool
    at: datetime


class WordRepeated(Event, frozen=True, tag="word-repeated.v1"):
    """A desk asked again how it stands, and was told once more: also of an offer nobody here knows."""

    offer_id: str
    request_id: str
    site: str
    at: datetime


class ArrivalRefused(Event, frozen=True, tag="arrival-refused.v1"):
    """Somebody came to the door with another code."""

    offer_id: str
    at: datetime


class StayClaimed(Event, frozen=True, tag="stay-claimed.v1"):
    """A desk says whose an anonymous stay is, in terms of a claim; from now on it hears how it stands, as of an offer
    by which somebody lives here."""

    offer_id: str
    request_id: str
    site: str
    turn: int
    stay_id: str
    at: datetime


class OffersTurned(Event, frozen=True, tag="offers-turned.v1"):
    """From now on the location offers by itself (`automatic`), or asks its operator first (`ask`)."""

    location: str
    mode: str
    at: datetime


class OperatorAsked(Event, frozen=True, tag="operator-asked.v1"):
    """The location was chosen for a request, and its operator has until `answer_by` to say something. location: whose
    timer it is. household_size: the most it may be."""

    location: str
    offer_id: str
    request_id: str
    site: str
    kind: str
    household_size: int
    features: tuple[str, ...]
    answer_by: datetime
    at: datetime


class QuestionAnswered(Event, frozen=True, tag="question-answered.v1"):
    """`yes`, `no`, `later`, or `none` when nobody said anything. again_at: when it may be asked again."""

    offer_id: str
    answer: str
    again_at: datetime
    at: datetime


QuestionEvent: TypeAlias = OffersTurned | OperatorAsked | QuestionAnswered

OfferEvent: TypeAlias = (
    PlaceOffered
    | OfferAccepted
    | OfferEnded
    | DoubleNoted
    | WordRepeated
    | ArrivalRefused
    | StayClaimed
    | QuestionEvent
)

OF_OFFERS = frozenset(get_args(OfferEvent))
"""The same, to look up the class of an event in: `isinstance` asks them one after the other."""
