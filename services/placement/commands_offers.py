"""What can be asked of a location about offers: by the policy that chooses, by desks in letters, by its own desk."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

from shared.kernel import Command


class OfferPlace(Command, frozen=True, kw_only=True):
    """This location was chosen for a request. household_size: the most it may be, as far as its class tells."""

    location: str
    offer_id: str
    request_id: str
    site: str
    kind: str
    household_size: int
    features: tuple[str, ...] = ()


class TakeOffer(Command, frozen=True, kw_only=True):
    """The desk of the request accepts. expected_by: until when it wants the place."""

    location: str
    offer_id: str
    request_id: str
    site: str
    turn: int
    household_size: int
    expected_by: datetime
    arrival: str
    possible_double: bool = False


class DropOffer(Command, frozen=True, kw_only=True):
    """The desk of the request declines, or says that nobody is coming after all."""

    location: str
    offer_id: str
    request_id: str
    site: str
    turn: int
    reason: str


class GiveUpPlace(Command, frozen=True, kw_only=True):
    """The desk of the request says that whoever lives here by this offer lives elsewhere since `moved_at`."""

    location: str
    offer_id: str
    request_id: str
    site: str
    turn: int
    moved_at: datetime


class ClaimStay(Command, frozen=True, kw_only=True):
    """A desk says that an anonymous stay is one of its clients'. offer_id, request_id: the claim's."""

    location: str
    offer_id: str
    request_id: str
    site: str
    turn: int
    stay_id: str
    kind: str


class WithdrawOffer(Command, frozen=True, kw_only=True):
    """The location's own desk takes it back, also after it was accepted."""

    location: str
    offer_id: str
    reason: str
    if_version: int | None = None


class TurnOffers(Command, frozen=True, kw_only=True):
    """Offer by itself (`automatic`), or ask the operator first (`ask`)."""

    location: str
    mode: str


class AgreeToOffer(Command, frozen=True, kw_only=True):
    """The operator says yes: hold a place and offer it."""

    location: str
    offer_id: str


class RefuseOffer(Command, frozen=True, kw_only=True):
    """The operator says no: not this request."""

    location: str
    offer_id: str


class PutOffOffer(Command, frozen=True, kw_only=True):
    """The operator says later: not now."""

    location: str
    offer_id: str


class LapseQuestion(Command, frozen=True, kw_only=True):
    """A question's timer fired. Nothing happens before its time."""

    location: str
    offer_id: str


OfferCommand: TypeAlias = (
    OfferPlace
    | TakeOffer
    | DropOffer
    | GiveUpPlace
    | ClaimStay
    | WithdrawOffer
    | TurnOffers
    | AgreeToOffer
    | RefuseOffer
    | PutOffOffer
    | LapseQuestion
)
