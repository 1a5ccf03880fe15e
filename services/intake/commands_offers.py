"""What can be asked of a file about offers: by owners of places in letters, by the desk, by its own timers."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

from shared.kernel import Command


class HearOffer(Command, frozen=True, kw_only=True):
    """A site keeps a place for this request."""

    client_id: str
    request_id: str
    offer_id: str
    site: str
    location: str
    kind: str
    sleeps: int
    expires_at: datetime


class AcceptOffer(Command, frozen=True, kw_only=True):
    """The client takes it. arrival: salt and hash of the code they were given. turn: which of the file's words about
    this offer the code was made for; left out, whichever comes next. override: why it is taken though the owner of
    another one has not answered yet."""

    client_id: str
    offer_id: str
    expected_by: datetime
    arrival: str
    turn: int | None = None
    override: str | None = None
    if_version: int | None = None


class DeclineOffer(Command, frozen=True, kw_only=True):
    """The client does not take it, or does not come after all."""

    client_id: str
    offer_id: str
    reason: str
    if_version: int | None = None


class ClaimStay(Command, frozen=True, kw_only=True):
    """The client lives in this place already, as somebody nobody knew. claim_id: the same for the same stay and file,
    so that a file that is older than its claim makes the same one again. override: as of an acceptance."""

    client_id: str
    claim_id: str
    stay_id: str
    site: str
    location: str
    kind: str
    override: str | None = None


class HearWord(Command, frozen=True, kw_only=True):
    """The owner says how it stands; the fields as in `OfferWordHeard`."""

    client_id: str
    request_id: str
    offer_id: str
    site: str
    word: str
    reason: str | None = None
    turn: int = 0
    epoch: int = 1
    number: int = 0
    until: datetime | None = None
    said_at: datetime | None = None


class HearStay(Command, frozen=True, kw_only=True):
    """The owner says all that it knows of the stay; the fields as in `StayHeard`."""

    client_id: str
    request_id: str
    offer_id: str
    site: str
    lived: tuple[tuple[str, datetime], ...]
    ended_at: datetime | None
    epoch: int = 1
    number: int = 0


class CloseOffer(Command, frozen=True, kw_only=True):
    """Its site has left the network: nobody there will say anything any more."""

    client_id: str
    offer_id: str


class RepeatOfferLetter(Command, frozen=True, kw_only=True):
    """An offer's timer fired. Nothing happens before its time."""

    client_id: str
    offer_id: str


OfferCommand: TypeAlias = (
    HearOffer | AcceptOffer | DeclineOffer | ClaimStay | HearWord | HearStay | CloseOffer | RepeatOfferLetter
)
