"""What a desk writes to the owner of a place about an offer, before it is sealed (`shared/contracts/intake.py`)."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, Field

from shared.contracts.base import UUID_PATTERN, LetterBody
from shared.contracts.figures import Lived, LocationName
from shared.contracts.vocabulary import BedKind, DeclineReason, OfferWord

Id = Annotated[str, Field(pattern=UUID_PATTERN)]


class PlaceAcceptedBody(LetterBody):
    """Somebody is coming. turn: of the desk's words about this offer the higher one is the newer.

    expected_by: until when the place is wanted. arrival: salt and hash of the code they will say at the door.
    possible_double: the same file may be expected, or be, somewhere else.
    """

    offered_for: Id
    location: LocationName
    turn: Annotated[int, Field(ge=1, le=1_000_000)]
    household_size: Annotated[int, Field(ge=1, le=20)]
    expected_by: AwareDatetime
    arrival: Annotated[str, Field(pattern=r"^[0-9a-f]{32}\.[0-9a-f]{64}$")]
    possible_double: bool


class PlaceDeclinedBody(LetterBody):
    """Nobody is coming. turn: as in `PlaceAcceptedBody`. offered_for: the request, so that an owner who has forgotten
    the offer can answer all the same."""

    offered_for: Id
    location: LocationName
    turn: Annotated[int, Field(ge=1, le=1_000_000)]
    reason: DeclineReason


class PlaceGivenUpBody(LetterBody):
    """Whoever lives there by this offer has moved on to another place. turn, offered_for: as in `PlaceDeclinedBody`.
    moved_at: since when, in the word of who has them now."""

    offered_for: Id
    location: LocationName
    turn: Annotated[int, Field(ge=1, le=1_000_000)]
    moved_at: AwareDatetime


class StayClaimedBody(LetterBody):
    """A client of this desk says that an anonymous stay is theirs. offered_for: the claim's own id; turn: as in
    `PlaceAcceptedBody`. kind: of its places, so that nobody claims another stay by mistake."""

    offered_for: Id
    location: LocationName
    turn: Annotated[int, Field(ge=1, le=1_000_000)]
    stay_id: Id
    kind: BedKind


class PlaceOfferedBody(LetterBody):
    """A place for one request, kept until `expires_at` by the owner's clock. sleeps: people who can sleep there."""

    offered_for: Id
    location: LocationName
    kind: BedKind
    sleeps: Annotated[int, Field(ge=1, le=400)]
    expires_at: AwareDatetime


class PlaceAnsweredBody(LetterBody):
    """How it stands with an offer. reason: why it ended. turn: the newest the owner knows of the desk's words about it.
    number: of the owner's words the higher one is the newer. expires_at: until when the place is kept, while it is."""

    offered_for: Id
    word: OfferWord
    reason: Annotated[str, Field(pattern=r"^[a-z]+([_-][a-z]+)*$", max_length=60)] | None
    turn: Annotated[int, Field(ge=0, le=1_000_000)]
    number: Annotated[int, Field(ge=0, le=1_000_000_000)]
    expires_at: AwareDatetime | None


class StayToldBody(LetterBody):
    """All of a stay that began with an offer, or was claimed, as it is known now. offered_for, number: as in
    `PlaceAnsweredBody`. ended_at: None while they live there."""

    offered_for: Id
    number: Annotated[int, Field(ge=0, le=1_000_000_000)]
    lived: Lived
    ended_at: AwareDatetime | None
