"""What is written in letters about a hold or an offer, before it is sealed (`shared/contracts/placement.py`)."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, Field

from shared.contracts.base import LetterBody
from shared.contracts.figures import Id, LocationName
from shared.contracts.vocabulary import BedKind, Feature, HoldAnswerStatus, OfferWord


class HoldAskedBody(LetterBody):
    """What is asked: places of a kind at one location, for one household.

    features: each at most once. hold_minutes: how long they are wanted. expires_at: when the asker no longer waits, by
    its own clock; the owner keeps the places until then at most.
    """

    location: LocationName
    kind: BedKind
    household_size: Annotated[int, Field(ge=1, le=100)]
    features: Annotated[tuple[Feature, ...], Field(max_length=20)]
    hold_minutes: Annotated[int, Field(ge=1, le=1440)]
    expires_at: AwareDatetime


class HoldCalledOffBody(LetterBody):
    """expires_at: as it was asked; after it the owner need not remember that this was called off."""

    location: LocationName
    expires_at: AwareDatetime


class HoldAnsweredBody(LetterBody):
    """How it stands with a hold, in the owner's word. code: why it was refused. expires_at: by the owner's clock, while
    it is active."""

    status: HoldAnswerStatus
    code: Annotated[str, Field(pattern=r"^[a-z]+(-[a-z]+)*$", max_length=60)] | None
    expires_at: AwareDatetime | None


class PlaceAnsweredBody(LetterBody):
    """How it stands with an offer. reason: why it ended. turn: the newest the owner knows of the desk's words about it.
    number: of the owner's words the higher one is the newer. expires_at: until when the place is kept, while it is."""

    offered_for: Id
    word: OfferWord
    reason: Annotated[str, Field(pattern=r"^[a-z]+([_-][a-z]+)*$", max_length=60)] | None
    turn: Annotated[int, Field(ge=0, le=1_000_000)]
    number: Annotated[int, Field(ge=0, le=1_000_000_000)]
    expires_at: AwareDatetime | None
