"""Bodies, queries and answers of the placement service's HTTP side.

Shapes are checked here; what a value means (a kind, a number of minutes, a time in the future) is checked by the
decider, so that a refusal has the same code wherever it comes from.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, Field, StringConstraints, WithJsonSchema

from services.placement.decider_limits import (
    HOUSEHOLD_SIZE_MAX,
    PLACES_A_COMMAND_MAX,
    SLEEPS_MAX,
    WORD_CHARS_MAX,
    WORDS_MAX,
)
from shared.contracts.vocabulary import (
    BED_KINDS,
    BLOCK_REASONS,
    COMPOSITIONS,
    FEATURES,
    HOLD_MINUTES_DEFAULT,
    HOLD_MINUTES_MAX,
    HOLD_MINUTES_MIN,
    KINDS,
    STAY_END_REASONS,
    HoldEnd,
    PlaceStatus,
)
from shared.http_models import Body, CommandAnswer, Moment, PageQuery, Slug, Uuid

NIGHTS_MAX = 200

Word = StringConstraints(max_length=80, pattern=r"^[^\x00-\x1f\x7f]*$")


def _words(*words: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "enum": list(words)})


Kind = Annotated[str, Word, _words(*KINDS)]
BedKind = Annotated[str, Word, _words(*BED_KINDS)]
Feature = Annotated[str, Word, _words(*FEATURES)]
Features = Annotated[list[Feature], Field(max_length=20)]
BlockReason = Annotated[str, Word, _words(*BLOCK_REASONS)]
CompositionWord = Annotated[str, Word, _words(*COMPOSITIONS)]
EndReason = Annotated[str, Word, _words(*STAY_END_REASONS)]
Location = Annotated[Slug, WithJsonSchema({"type": "string", "pattern": "^[a-z][a-z0-9-]{0,60}$"})]
Text = Annotated[str, StringConstraints(max_length=120, pattern=r"^[^\x00-\x1f\x7f]*$")]
Label = Annotated[Text, WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9 .,'()/&+-]{0,59}$"})]
Whole = Annotated[int, Field(ge=-(2**31), le=2**31 - 1)]
"""A whole number of any use; the decider knows the limits that mean something."""
Sleeps = Annotated[Whole, WithJsonSchema({"type": "integer", "minimum": 1, "maximum": SLEEPS_MAX, "default": 1})]
HouseholdSize = Annotated[
    Whole, WithJsonSchema({"type": "integer", "minimum": 1, "maximum": HOUSEHOLD_SIZE_MAX, "default": 1})
]
HoldMinutes = Annotated[
    Whole,
    WithJsonSchema({
        "type": "integer", "minimum": HOLD_MINUTES_MIN, "maximum": HOLD_MINUTES_MAX, "default": HOLD_MINUTES_DEFAULT,
    }),
]  # fmt: skip
PlaceIds = Annotated[list[Uuid], Field(min_length=1, max_length=HOUSEHOLD_SIZE_MAX)]


class LocationBody(Body):
    """A house with places of this site."""

    name: Location
    title: Label
    district: Text = ""


class PlacesBody(Body):
    """`count` places of one make in one room. standby: closed until a regime opens places of their kind."""

    location: Location
    kind: BedKind
    room: Label
    sleeps: Sleeps = 1
    features: Features = Field(default_factory=list)
    count: Annotated[int, Field(ge=1, le=PLACES_A_COMMAND_MAX)] = 1
    standby: bool = False


class BlockBody(Body):
    """after_stay: a place in use is blocked when that use ends. until: when it is expected to end."""

    reason: BlockReason
    until: Moment | None = None
    after_stay: bool = False


class CloseBody(Body):
    after_stay: bool = False


class HoldBody(Body):
    """Which places: those named, or the best fit of `kind`; at `location`, or at the site's location with most of
    them free. site: another site is asked by letter, for a kind and never for a place."""

    location: Slug | None = None
    place_ids: PlaceIds | None = None
    kind: BedKind | None = None
    household_size: HouseholdSize = 1
    features: Features = Field(default_factory=list)
    hold_minutes: HoldMinutes = HOLD_MINUTES_DEFAULT
    composition: CompositionWord | None = None
    site: Slug | None = None


class CheckInBody(Body):
    """arrival_code: of an offer, what they said at the door."""

    observed_at: Moment | None = None
    arrival_code: Annotated[str, Field(max_length=40)] | None = None


class CancelBody(Body):
    """observed_at: when somebody knew. The hold ends when its owner hears of it all the same."""

    observed_at: Moment | None = None


class StayBody(Body):
    """Somebody walked in: into the places named, or the best fit of `kind` at `location`.

    extra: where nothing of the kind is free that fits, an overflow place is opened; it closes with the stay.
    """

    location: Slug | None = None
    place_ids: PlaceIds | None = None
    kind: BedKind | None = None
    household_size: HouseholdSize = 1
    features: Features = Field(default_factory=list)
    observed_at: Moment | None = None
    extra: bool = False
    composition: CompositionWord | None = None


class EndStayBody(Body):
    reason: EndReason
    observed_at: Moment | None = None


PublishedWord = Annotated[str, StringConstraints(max_length=WORD_CHARS_MAX)]
Day = Annotated[date, Field(strict=False)]


class NightBody(Body):
    """The published figures of one programme for one night. total: places without overflow, blocked ones included.

    Kept beside them as published: funded, unavailable, service_users, and the words the report has for the programme.
    """

    programme: Label
    kind: BedKind
    features: Features = Field(default_factory=list)
    sleeps: Sleeps = 1
    own_rooms: bool = False
    night: Day
    observed_at: Moment
    total: Whole
    blocked: Whole
    occupied: Whole
    overflow: Whole
    funded: Whole | None = None
    unavailable: Whole | None = None
    service_users: Whole | None = None
    words: Annotated[list[PublishedWord], Field(max_length=WORDS_MAX)] = Field(default_factory=list)


class NightsBody(Body):
    location: Location
    nights: Annotated[list[NightBody], Field(min_length=1, max_length=NIGHTS_MAX)]


class LocationsQuery(PageQuery):
    pass


class PlacesQuery(PageQuery):
    location: Slug | None = None
    kind: Kind | None = None
    status: PlaceStatus | None = None


class HoldsQuery(PageQuery):
    location: Slug | None = None
    kind: Kind | None = None
    status: Literal["pending", "active", "refused"] | HoldEnd | None = None


class StaysQuery(PageQuery):
    """present: only stays that have not ended (true), or have (false)."""

    location: Slug | None = None
    present: bool | None = None


class CapacityQuery(Body):
    """at: the view as it was at that moment, as far as is known now."""

    model_config = PageQuery.model_config

    at: Moment | None = None
    site: Slug | None = None
    location: Slug | None = None
    kind: Kind | None = None
    after: Annotated[int | None, Field(ge=0, le=2**63 - 1)] = None


class AfterQuery(Body):
    model_config = PageQuery.model_config

    after: Annotated[int | None, Field(ge=0, le=2**63 - 1)] = None


class DigestQuery(AfterQuery):
    """origin: `west/placement`, with the epoch and the sequence its figures are asked at."""

    origin: Annotated[str | None, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,30}/[a-z][a-z0-9-]{0,30}$")] = None
    epoch: Annotated[int | None, Field(ge=1, le=10**9)] = None
    sequence: Annotated[int | None, Field(ge=0, le=2**63 - 1)] = None


class BlockView(BaseModel):
    reason: str
    until: Moment | None


class PlaceView(BaseModel):
    """overflow: an extra place, gone when its stay ends. standby: it waits, closed, for a regime, or is open by one."""

    id: str
    site: str
    location: str
    room: str
    kind: str
    sleeps: int
    features: list[str]
    status: PlaceStatus
    block: BlockView | None
    overflow: bool
    standby: bool
    version: int


class HoldView(BaseModel):
    """stay_id: what it became when it was checked in. expected_from: the site that asked for it, if another one did.

    Of a hold at another site: no places; code: why it was refused; given_up: the owner has been told that nobody comes,
    and has not said yet how it ended.
    """

    id: str
    site: str
    location: str
    place_ids: list[str]
    kind: str
    household_size: int
    status: str
    expires_at: Moment
    stay_id: str | None
    version: int
    expected_from: str | None
    code: str | None
    given_up: bool
    offer_id: str | None


class StayView(BaseModel):
    """ends_at: when it ends by itself, in a night shelter that has hours."""

    id: str
    site: str
    location: str
    place_ids: list[str]
    kind: str
    household_size: int
    began_at: Moment
    ended_at: Moment | None
    end_reason: str | None
    away_until: Moment | None
    ends_at: Moment | None
    version: int


class CapacityRowView(BaseModel):
    """One kind at one location. available_min, available_max: what may be true now. incomplete: why a site's row may
    be behind."""

    site: str
    location: str
    title: str
    district: str
    kind: str
    total: int
    occupied: int
    held: int
    blocked: int
    overflow: int
    available: int
    available_min: int
    available_max: int
    people: int
    observed_at: Moment | None
    freshness: str
    link: str
    silent_seconds: int | None
    incomplete: str | None


class CapacityAnswer(BaseModel):
    as_of: Moment
    rows: list[CapacityRowView]
    totals: dict[str, int]


class OriginDigest(BaseModel):
    """incomplete: why this site does not show that origin in full, or null."""

    epoch: int
    sequence: int
    digest: str
    incomplete: str | None


class DigestAnswer(BaseModel):
    """By origin, such as `west/placement`; `digest` is of all of them together."""

    origins: dict[str, OriginDigest]
    digest: str


class PlacesAnswer(CommandAnswer):
    place_ids: list[str]


class HoldAnswer(CommandAnswer):
    site: str
    location: str
    place_ids: list[str]
    kind: str
    household_size: int
    status: str
    expires_at: Moment


class HoldPending(HoldAnswer):
    """Asked for at another site, which has not answered yet."""

    answered_with: ClassVar[int] = 202


class CancelAnswer(CommandAnswer):
    """status: `cancelled`, or `pending` until the site that holds it has said so."""

    status: str


class CancelPending(CancelAnswer):
    """The site that holds it is told, and has not said yet how it ended."""

    answered_with: ClassVar[int] = 202


class CheckInAnswer(CommandAnswer):
    stay_id: str | None


class StayAnswer(CommandAnswer):
    site: str
    location: str
    place_ids: list[str]
    household_size: int
    began_at: Moment


class NightResult(BaseModel):
    """result: `accepted`, `ignored` (recorded before) or `refused`, then with a code and facts."""

    programme: str
    night: date
    result: Literal["accepted", "ignored", "refused"]
    code: str | None = None
    facts: dict[str, Any] = {}


class NightsAnswer(CommandAnswer):
    results: list[NightResult]
