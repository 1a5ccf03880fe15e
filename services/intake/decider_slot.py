"""One offer as a file remembers it, which one fills the file's one slot, and which one a transfer leads to."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import msgspec
from msgspec.structs import replace

from services.intake import events_offers as oe


class Lived(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A stay as its owner tells it; the fields as in `events_offers.StayHeard`."""

    lived: tuple[tuple[str, datetime], ...]
    ended_at: datetime | None
    epoch: int
    number: int


class Offer(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A place somebody keeps for one request. status: as its desk sees it: `open`, `accepted`, `declined`, `withdrawn`,
    `lapsed`. word: the owner's newest (`OfferWord`), empty before it has said one.

    turn: our words about it so far, those we have forgotten since (an older backup) but the owner knows included;
    owner_turn: the newest the owner knows. epoch, number, until: of the owner's word.
    again_at: when it is written to again; asked: how often since something changed. settled: nothing more is expected.
    overridden: another one was taken in spite of it. version: of the file when it last moved. given_up: when they moved
    on from here by a transfer; None once more if its owner says after that that they live there again. stay_id: of a
    claim, the stay that is claimed. since: when what this site is told of it last changed. stay: the owner's newest
    word of it. say_so: the id of the client's word that the alias may be told there; empty while it may not.
    """

    id: str
    request_id: str
    site: str
    location: str
    kind: str
    sleeps: int
    expires_at: datetime
    status: str = "open"
    word: str = ""
    reason: str | None = None
    turn: int = 0
    owner_turn: int = 0
    epoch: int = 0
    number: int = -1
    until: datetime | None = None
    household_size: int = 0
    expected_by: datetime | None = None
    arrival: str = ""
    override: str | None = None
    overridden: bool = False
    again_at: datetime | None = None
    asked: int = 0
    settled: bool = False
    version: int = 0
    given_up: datetime | None = None
    stay_id: str = ""
    since: datetime | None = None
    stay: Lived | None = None
    say_so: str = ""

    @property
    def kind_now(self) -> str:
        """The kind of place: that of the offer, until its owner says that they live in another one of the house."""
        return self.kind if self.stay is None else self.stay.lived[-1][0]

    @property
    def lived_in(self) -> bool:
        """Whether the client lives there, as far as this file knows."""
        return self.word == "housed" and not self.settled and self.given_up is None

    @property
    def unanswered(self) -> bool:
        """Whether its owner has still to answer what was said last: that somebody comes, or that nobody does."""
        return self.status in ("accepted", "declined") and not self.settled and self.owner_turn < self.turn

    @property
    def going_on(self) -> bool:
        """Whether its owner may still have something to say."""
        return not self.settled


def moved(
    offer: Offer,
    event: oe.OfferAccepted | oe.OfferDeclined | oe.OfferLetterRepeated | oe.OfferWordHeard | oe.PlaceGivenUp,
) -> Offer:
    """The offer after `event`."""
    match event:
        case oe.OfferAccepted():
            return replace(
                offer, status="accepted", turn=event.turn, household_size=event.household_size,
                expected_by=event.expected_by, arrival=event.arrival, override=event.override or offer.override,
                again_at=event.again_at, asked=1, since=event.at,
            )  # fmt: skip
        case oe.OfferDeclined():
            return replace(
                offer, status="declined", turn=event.turn, reason=event.reason, again_at=event.again_at, asked=1,
                overridden=offer.overridden or event.reason == "overridden", since=event.at,
            )  # fmt: skip
        case oe.OfferLetterRepeated():
            return replace(offer, turn=event.turn, again_at=event.again_at, asked=offer.asked + 1)
        case oe.PlaceGivenUp():
            return replace(offer, turn=event.turn, given_up=event.moved_at, again_at=event.again_at, asked=1)
        case oe.OfferWordHeard():
            return replace(
                offer, status=_status(offer, event.word), word=event.word, reason=event.reason or offer.reason,
                turn=max(offer.turn, event.turn), owner_turn=event.turn, epoch=event.epoch, number=event.number,
                until=event.until, again_at=event.again_at, asked=0, settled=event.again_at is None,
                given_up=None if offer.word == "left" else offer.given_up,
                since=offer.since if event.word == offer.word else event.said_at or event.at,
            )  # fmt: skip


def _status(offer: Offer, word: str) -> str:
    """As the desk sees it. What was accepted stays so, whatever became of it; the word says that."""
    if word in ("declined", "withdrawn", "lapsed"):
        return word
    if word == "open":
        return offer.status
    return "declined" if word == "expected" and offer.status == "declined" else "accepted"


def slot_after(slot: str, moving_to: str, offers: dict[str, Offer]) -> str:
    """Who is checked in where they moved to lives there. Who left before they moved is expected there like anybody.

    Who is known to live somewhere fills the slot when nobody else does; then who is expected there, though this file
    does not know any more that it accepted (it comes from an older backup)."""
    if moving_to and offers[moving_to].lived_in:
        return moving_to
    for known in (slot, moving_to):
        if known and not offers[known].settled and offers[known].given_up is None:
            return known
    for word in ("housed", "expected"):
        for offer in offers.values():
            if (offer.word, offer.status, offer.given_up) == (word, "accepted", None):
                return offer.id
    return ""


def moving_after(slot: str, moving_to: str, offers: dict[str, Offer], wanted: Collection[str]) -> str:
    """The offer that whoever lives in the slot has accepted to move to; as with the slot, only its owner's word frees
    it. wanted: the requests that are open: one of them is expected though this file does not know that it accepted."""
    if not slot or not offers[slot].lived_in:
        return ""
    if moving_to and moving_to != slot and not offers[moving_to].settled:
        return moving_to
    for offer in offers.values():
        expected = (offer.word, offer.status, offer.overridden) == ("expected", "accepted", False)
        if expected and offer.id != slot and offer.request_id in wanted and not offer.settled:
            return offer.id
    return ""
