"""Bodies, queries and answers of what goes on at a house: moves, counts, many at once, and the search for room."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from services.placement.absences import NIGHTS_DEFAULT
from services.placement.api_models import (
    BedKind,
    BlockBody,
    CompositionWord,
    Day,
    EndReason,
    Feature,
    Features,
    HouseholdSize,
    Kind,
    Location,
    PlaceIds,
    Text,
    Whole,
    Word,
)
from services.placement.decider_limits import PLACES_A_COMMAND_MAX, PLACES_A_LOCATION_MAX
from shared.http_models import Body, CommandAnswer, Moment, PageQuery, Slug, Uuid

ABSENT_NIGHTS_MAX = 30


class EndStaysBody(Body):
    """Whose stays end: those named, or all in a room, of a kind, or of both."""

    location: Location
    stay_ids: Annotated[list[Uuid], Field(max_length=PLACES_A_COMMAND_MAX)] = Field(default_factory=list)
    room: Text | None = None
    kind: BedKind | None = None
    reason: EndReason
    observed_at: Moment | None = None


class EndStaysAnswer(CommandAnswer):
    """stay_ids: those that ended with this command."""

    stay_ids: list[str]


class MoveBody(Body):
    """Where to: the places named, or the best fit of `kind` at the same location."""

    place_ids: PlaceIds | None = None
    kind: BedKind | None = None
    features: Features = Field(default_factory=list)
    composition: CompositionWord | None = None
    observed_at: Moment | None = None


class RoomBody(Body):
    """Who a room is for."""

    location: Location
    room: Text
    composition: CompositionWord


class AwayBody(Body):
    """until: how long the places are kept; null when the household is back."""

    until: Moment | None


class CorrectBody(Body):
    """What was wrong about a present stay; null leaves it as it is."""

    household_size: HouseholdSize | None = None
    began_at: Moment | None = None


ClockTime = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$")]
"""A time on the clocks of the city: `16:30`."""


class HoursBody(Body):
    """When the night shelter takes people in, and by when they are out. All three null: it has no hours any more."""

    in_from: ClockTime | None
    in_until: ClockTime | None
    out_by: ClockTime | None


class HoursView(BaseModel):
    """When a night shelter takes people in, and by when they are out, on the clocks of the city."""

    in_from: str
    in_until: str
    out_by: str


class LocationView(BaseModel):
    """hours: of its night shelter. cleaned: the kinds whose places are blocked for cleaning when somebody leaves."""

    id: str
    site: str
    title: str
    district: str
    hours: HoursView | None
    cleaned: list[str]
    version: int


class CleaningBody(Body):
    """cleaned: whether a place of this kind is blocked for cleaning when somebody leaves it."""

    kind: BedKind
    cleaned: bool


class ExtendBody(Body):
    """until: when the stay ends instead; null for the out-by time after the next one, or later where that was
    said before."""

    until: Moment | None = None


class BlockPlacesBody(BlockBody):
    """Which places: `count` free ones (of a room and a kind, where given), or a whole room."""

    location: Location
    room: Text | None = None
    kind: BedKind | None = None
    count: Whole | None = None


class BlockPlacesAnswer(CommandAnswer):
    """place_ids: blocked now. later_ids: blocked when the stay in them ends."""

    place_ids: list[str]
    later_ids: list[str]


class HeadCountBody(Body):
    """counted: people. occupied_place_ids: where somebody was, if that was noted; it names the places that differ."""

    location: Location
    kind: BedKind
    counted: Whole
    occupied_place_ids: Annotated[list[Uuid], Field(max_length=PLACES_A_LOCATION_MAX)] | None = None
    observed_at: Moment | None = None


class HeadCountView(BaseModel):
    """difference: counted less expected. missing: occupied places where nobody was; unexpected: other places where
    somebody was. superseded: a newer look was known already."""

    id: str
    site: str
    location: str
    kind: str
    counted: int
    expected: int
    difference: int
    missing: list[str]
    unexpected: list[str]
    superseded: bool
    observed_at: Moment
    recorded_at: Moment
    version: int


class AbsencesQuery(Body):
    """location: one house; without it all of this site's. nights: in a row, from which somebody is listed."""

    model_config = PageQuery.model_config

    location: Slug | None = None
    nights: Annotated[int, Field(ge=1, le=ABSENT_NIGHTS_MAX)] = NIGHTS_DEFAULT


class AbsenceView(BaseModel):
    """A stay that nobody has seen for `nights` nights in a row. last_seen_at: by a walk, or when it began, moved or was
    last dealt with. end_at: what `POST /stays/{id}/end` may be given as `observed_at`."""

    stay_id: str
    site: str
    location: str
    place_ids: list[str]
    kind: str
    household_size: int
    nights: int
    last_seen_at: Moment
    end_at: Moment
    version: int


class AbsencesAnswer(BaseModel):
    """The longest missing first."""

    items: list[AbsenceView]


class HeadCountAnswer(CommandAnswer):
    location: str
    kind: str
    counted: int
    expected: int
    difference: int
    missing: list[str]
    unexpected: list[str]
    superseded: bool
    observed_at: Moment
    recorded_at: Moment


class HeadCountsQuery(PageQuery):
    location: Slug | None = None
    kind: BedKind | None = None


class SessionBody(Body):
    """A consultation hour, an activity or an internship."""

    location: Location
    kind: Kind
    starts_at: Moment
    ends_at: Moment
    seats: Whole


NUMBER_LENGTH = 8
_BOOKING = r"^[0-9a-fA-F]{8}((-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})?$"
BookingNumber = Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, pattern=_BOOKING)]
"""The id of a booking, or what it begins with: enough among those of one session."""


class BookingBody(Body):
    """booking_id: which seat is given back, as the booking was answered; or its number."""

    booking_id: BookingNumber


class AttendanceBody(Body):
    """attended: how many of those booked came."""

    attended: Annotated[int, Field(ge=0, le=1_000)]


class BookingAnswer(CommandAnswer):
    """number: what the id begins with, for people to write down."""

    booking_id: str
    number: str


class SessionView(BaseModel):
    """attended: how many came; null where nobody has counted, and to a role that does not count. version: of its house,
    when it changed last; in a list of recent ones, now."""

    id: str
    site: str
    location: str
    kind: str
    starts_at: Moment
    ends_at: Moment
    seats: int
    booked: int
    attended: int | None
    version: int


class SessionsQuery(PageQuery):
    """recent: those that are not over, or of which it may still be said who came, all in one page; each house has
    2,000 of them at most."""

    location: Slug | None = None
    kind: Kind | None = None
    recent: bool = False


class SearchQuery(Body):
    """Room for a household of so many, with these features, in this district if possible."""

    model_config = PageQuery.model_config

    kind: BedKind | None = None
    household_size: HouseholdSize = 1
    features: Annotated[list[Feature], Field(max_length=20)] = Field(default_factory=list)
    district: Text | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 50


class SearchItem(BaseModel):
    """available: free places that fit. missing_features: what was asked for and is not there. whole: one place sleeps
    the household."""

    site: str
    location: str
    title: str
    district: str
    kind: str
    available: int
    available_min: int
    whole: bool
    missing_features: list[str]
    observed_at: Moment | None
    freshness: str
    link: str
    silent_seconds: int | None


class SearchAnswer(BaseModel):
    items: list[SearchItem]


class NightsQuery(PageQuery):
    """night: the date it began."""

    location: Slug | None = None
    programme: Annotated[str | None, Word] = None
    night: Day | None = None


class NightView(BaseModel):
    """One reported night of one programme. words: what the report calls it; none where nobody reported it."""

    id: str
    site: str
    location: str
    programme: str
    night: str
    kind: str
    total: int
    blocked: int
    occupied: int
    overflow: int
    funded: int | None
    unavailable: int | None
    service_users: int | None
    words: list[str]
    version: int
