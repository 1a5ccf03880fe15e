"""What the placement service tells: figures to everybody (`pub`), letters to one other site (`pub`, sealed), and what
happened to the services of its site (`loc`). A figure never names a place, a room, a stay, a household or a person;
site events name them by id, and no personal data is in them. A letter names a location and a kind, never a place.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar, Literal

from pydantic import AwareDatetime, Field

from shared.contracts.base import Contract, Letter, LetterBody
from shared.contracts.figures import CapacityRow, Id, LocationName, SessionSeats, SessionWeekRow, SiteName
from shared.contracts.hold_letters import HoldAnsweredBody, HoldAskedBody, HoldCalledOffBody
from shared.contracts.offer_letters import PlaceAnsweredBody, PlaceOfferedBody, StayToldBody
from shared.contracts.vocabulary import (
    BedKind,
    BlockReason,
    Feature,
    HoldEnd,
    OfferMode,
    StayEndReason,
)  # fmt: skip

ROWS_MAX = 200
"""Groups of one location in one message."""

PLACES_MAX = 2000
"""Places named in one message: a location has no more."""

PlaceIds = Annotated[tuple[Id, ...], Field(min_length=1, max_length=PLACES_MAX)]


class CapacityTold(Contract):
    """Figures of one location. Groups that are not named are as they were told last; a group that is gone has zeros."""

    type_name: ClassVar[str] = "nl.plek.placement.capacity-told.v1"
    log: ClassVar[Literal["pub", "loc"]] = "pub"

    location: LocationName
    site: SiteName
    title: Annotated[str, Field(max_length=200)]
    district: Annotated[str, Field(max_length=60)]
    rows: Annotated[tuple[CapacityRow, ...], Field(max_length=ROWS_MAX)]


class SessionsTold(Contract):
    """The seats of one location's consultation hours, activities and internships. Kinds that are not named are as they
    were told last; a kind there are none of any more has zeros."""

    type_name: ClassVar[str] = "nl.plek.placement.sessions-told.v1"
    log: ClassVar[Literal["pub", "loc"]] = "pub"

    location: LocationName
    site: SiteName
    title: Annotated[str, Field(max_length=200)]
    district: Annotated[str, Field(max_length=60)]
    rows: Annotated[tuple[SessionSeats, ...], Field(min_length=1, max_length=10)]


class SessionWeekTold(Contract):
    """What the sessions of one location came to in a week that is over, as absolute counts: the newest of a week and
    kind counts. week: its Monday."""

    type_name: ClassVar[str] = "nl.plek.placement.session-week-told.v1"
    log: ClassVar[Literal["pub", "loc"]] = "pub"

    location: LocationName
    site: SiteName
    week: date
    rows: Annotated[tuple[SessionWeekRow, ...], Field(min_length=1, max_length=10)]


class OfferModeTold(Contract):
    """Whether a location that is chosen for a request offers by itself, or asks its operator first. Until it says so it
    offers by itself."""

    type_name: ClassVar[str] = "nl.plek.placement.offer-mode-told.v1"
    log: ClassVar[Literal["pub", "loc"]] = "pub"

    location: LocationName
    site: SiteName
    mode: OfferMode


class PlacesOpened(Contract):
    """Places of one make came into being. rooms: one for each place, in the same order."""

    type_name: ClassVar[str] = "nl.plek.placement.places-opened.v1"
    log: ClassVar[Literal["pub", "loc"]] = "loc"

    location: LocationName
    place_ids: PlaceIds
    kind: BedKind
    rooms: Annotated[tuple[Annotated[str, Field(max_length=80)], ...], Field(min_length=1, max_length=PLACES_MAX)]
    sleeps: Annotated[int, Field(ge=1, le=100)]
    features: tuple[Feature, ...]
    overflow: bool
    at: AwareDatetime


class PlacesBlocked(Contract):
    """Places were taken out of use; `until` is when that is expected to end, if anybody knows."""

    type_name: ClassVar[str] = "nl.plek.placement.places-blocked.v1"
    log: ClassVar[Literal["pub", "loc"]] = "loc"

    location: LocationName
    place_ids: PlaceIds
    reason: BlockReason
    until: AwareDatetime | None
    at: AwareDatetime


class PlacesUnblocked(Contract):
    """Places are in use again."""

    type_name: ClassVar[str] = "nl.plek.placement.places-unblocked.v1"
    log: ClassVar[Literal["pub", "loc"]] = "loc"

    location: LocationName
    place_ids: PlaceIds
    at: AwareDatetime


class PlacesClosed(Contract):
    """Places exist no more."""

    type_name: ClassVar[str] = "nl.plek.placement.places-closed.v1"
    log: ClassVar[Literal["pub", "loc"]] = "loc"

    location: LocationName
    place_ids: PlaceIds
    at: AwareDatetime


class PlaceHeld(Contract):
    """Places are kept for a household on its way until `expires_at`."""

    type_name: ClassVar[str] = "nl.plek.placement.place-held.v1"
    log: ClassVar[Literal["pub", "loc"]] = "loc"

    location: LocationName
    hold_id: Id
    place_ids: PlaceIds
    kind: BedKind
    household_size: Annotated[int, Field(ge=1, le=100)]
    expires_at: AwareDatetime
    at: AwareDatetime


class HoldEnded(Contract):
    """A hold has ended, once, as `how`. stay_id: the stay it became, when it was checked in."""

    type_name: ClassVar[str] = "nl.plek.placement.hold-ended.v1"
    log: ClassVar[Literal["pub", "loc"]] = "loc"

    location: LocationName
    hold_id: Id
    place_ids: PlaceIds
    how: HoldEnd
    stay_id: Id | None
    at: AwareDatetime


class StayBegan(Contract):
    """A household lives in these places since `began_at`."""

    type_name: ClassVar[str] = "nl.plek.placement.stay-began.v1"
    log: ClassVar[Literal["pub", "loc"]] = "loc"

    location: LocationName
    stay_id: Id
    place_ids: PlaceIds
    kind: BedKind
    household_size: Annotated[int, Field(ge=1, le=100)]
    began_at: AwareDatetime
    hold_id: Id | None
    at: AwareDatetime


class StayEnded(Contract):
    """The household left at `ended_at`."""

    type_name: ClassVar[str] = "nl.plek.placement.stay-ended.v1"
    log: ClassVar[Literal["pub", "loc"]] = "loc"

    location: LocationName
    stay_id: Id
    place_ids: PlaceIds
    reason: StayEndReason
    ended_at: AwareDatetime
    at: AwareDatetime


class StayMoved(Contract):
    """The household lives in these places since `moved_at`, and no longer where it was."""

    type_name: ClassVar[str] = "nl.plek.placement.stay-moved.v1"
    log: ClassVar[Literal["pub", "loc"]] = "loc"

    location: LocationName
    stay_id: Id
    place_ids: PlaceIds
    kind: BedKind
    moved_at: AwareDatetime
    at: AwareDatetime


class StayCorrected(Contract):
    """What was told of a present stay was wrong; this is right."""

    type_name: ClassVar[str] = "nl.plek.placement.stay-corrected.v1"
    log: ClassVar[Literal["pub", "loc"]] = "loc"

    location: LocationName
    stay_id: Id
    place_ids: PlaceIds
    household_size: Annotated[int, Field(ge=1, le=100)]
    began_at: AwareDatetime
    at: AwareDatetime


class StayResumed(Contract):
    """A stay told as ended had not: it goes on in these places as before."""

    type_name: ClassVar[str] = "nl.plek.placement.stay-resumed.v1"
    log: ClassVar[Literal["pub", "loc"]] = "loc"

    location: LocationName
    stay_id: Id
    place_ids: PlaceIds
    at: AwareDatetime


InPlace = tuple[Id, Id]
"""A stay and its one place."""


class StaysBegan(Contract):
    """A night report counted these as occupied: anonymous stays of one person in one place each."""

    type_name: ClassVar[str] = "nl.plek.placement.stays-began.v1"
    log: ClassVar[Literal["pub", "loc"]] = "loc"

    location: LocationName
    programme: Annotated[str, Field(min_length=1, max_length=60)]
    kind: BedKind
    stays: Annotated[tuple[InPlace, ...], Field(min_length=1, max_length=PLACES_MAX)]
    began_at: AwareDatetime
    at: AwareDatetime


class StaysEnded(Contract):
    """A later night report counted fewer."""

    type_name: ClassVar[str] = "nl.plek.placement.stays-ended.v1"
    log: ClassVar[Literal["pub", "loc"]] = "loc"

    location: LocationName
    programme: Annotated[str, Field(min_length=1, max_length=60)]
    stays: Annotated[tuple[InPlace, ...], Field(min_length=1, max_length=PLACES_MAX)]
    reason: StayEndReason
    ended_at: AwareDatetime
    at: AwareDatetime


class HeadsCounted(Contract):
    """Somebody counted the people in the places of one kind. superseded: a newer look was known already. Where somebody
    was missing stays at the desk."""

    type_name: ClassVar[str] = "nl.plek.placement.heads-counted.v1"
    log: ClassVar[Literal["pub", "loc"]] = "loc"

    location: LocationName
    count_id: Id
    kind: BedKind
    counted: Annotated[int, Field(ge=0, le=100_000)]
    expected: Annotated[int, Field(ge=0, le=100_000)]
    superseded: bool
    observed_at: AwareDatetime
    at: AwareDatetime


class EpochBegan(Contract):
    """The first word of an epoch: what was told before no longer counts, for this origin's store was restored older
    than what others have heard of it. The full figures follow."""

    type_name: ClassVar[str] = "nl.plek.placement.epoch-began.v1"
    log: ClassVar[Literal["pub", "loc"]] = "pub"

    at: AwareDatetime


class SiteEpochBegan(Contract):
    """The first word of an epoch to the services of the same site: every place, block, hold and stay follows anew."""

    type_name: ClassVar[str] = "nl.plek.placement.site-epoch-began.v1"
    log: ClassVar[Literal["pub", "loc"]] = "loc"

    at: AwareDatetime


class RegimeTold(Contract):
    """Locations open the standby places of these kinds from `starts_at` to `ends_at`, as overflow.

    revision: the municipality's words about it so far; the higher one counts. Cut short it has an earlier `ends_at`,
    which may lie before `starts_at`: then it opens nothing.
    """

    type_name: ClassVar[str] = "nl.plek.placement.regime-told.v1"
    log: ClassVar[Literal["pub", "loc"]] = "pub"

    regime_id: Id
    site: SiteName
    revision: Annotated[int, Field(ge=1, le=1_000)]
    name: Annotated[str, Field(min_length=1, max_length=60)]
    kinds: Annotated[tuple[BedKind, ...], Field(min_length=1, max_length=20)]
    starts_at: AwareDatetime
    ends_at: AwareDatetime


class HoldAsked(Letter):
    """Please keep places for a household on its way; `request_id` is the hold's id. Asked until it is answered."""

    type_name: ClassVar[str] = "nl.plek.placement.hold-asked.v1"
    body_type: ClassVar[type[LetterBody]] = HoldAskedBody


class HoldCalledOff(Letter):
    """Nobody is coming: let the places go, and keep none if the ask is still on its way."""

    type_name: ClassVar[str] = "nl.plek.placement.hold-called-off.v1"
    body_type: ClassVar[type[LetterBody]] = HoldCalledOffBody


class HoldAnswered(Letter):
    """The owner's answer to an ask or a call-off, and again whenever it changes. The newest one counts."""

    type_name: ClassVar[str] = "nl.plek.placement.hold-answered.v1"
    body_type: ClassVar[type[LetterBody]] = HoldAnsweredBody


class QuestionTold(Contract):
    """The operator of a location that asks first has until `answer_by` to say whether a place is offered; or, no more
    `open`, has said so, or nothing. question_id: of the offer that a yes leads to."""

    type_name: ClassVar[str] = "nl.plek.placement.question-told.v1"
    log: ClassVar[Literal["pub", "loc"]] = "loc"

    location: LocationName
    question_id: Id
    kind: BedKind
    open: bool
    answer_by: AwareDatetime
    at: AwareDatetime


class PlaceOffered(Letter):
    """A held place is put to a client who waits; `request_id` is the offer's id, which is its hold's too."""

    type_name: ClassVar[str] = "nl.plek.placement.place-offered.v1"
    body_type: ClassVar[type[LetterBody]] = PlaceOfferedBody


class PlaceAnswered(Letter):
    """The owner's word about an offer, and again whenever it changes or is asked for."""

    type_name: ClassVar[str] = "nl.plek.placement.place-answered.v1"
    body_type: ClassVar[type[LetterBody]] = PlaceAnsweredBody


class StayTold(Letter):
    """Since when somebody lives in which kind of place, and until when: told when any of it changes or is put right."""

    type_name: ClassVar[str] = "nl.plek.placement.stay-told.v1"
    body_type: ClassVar[type[LetterBody]] = StayToldBody


OFFER_LETTERS: tuple[type[Letter], ...] = (PlaceOffered, PlaceAnswered, StayTold)
"""What a site with a place writes to the desk of somebody who waits."""

LETTERS: tuple[type[Letter], ...] = (HoldAsked, HoldCalledOff, HoldAnswered)
"""What one site writes to another about holds."""

CONTRACTS: tuple[type[Contract], ...] = (
    CapacityTold, OfferModeTold, PlacesOpened, PlacesBlocked, PlacesUnblocked, PlacesClosed, PlaceHeld, HoldEnded,
    StayBegan, StayEnded, StaysBegan, StaysEnded, StayMoved, StayCorrected, StayResumed, HeadsCounted, EpochBegan,
    SiteEpochBegan, RegimeTold, SessionsTold, SessionWeekTold, QuestionTold, *LETTERS, *OFFER_LETTERS,
)  # fmt: skip
"""Everything the placement service tells, by class."""
