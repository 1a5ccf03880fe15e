"""What the intake service tells: notices of open requests to everybody (`pub`), and to the services of its site that
there is a client and what they ask for (`loc`).

Nothing personal exists in any of it. A notice names a request by an id that was made for it at random, never a client,
and is told under a correlation of its own; site events name a client by id.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar, Literal

from pydantic import AwareDatetime, Field

from shared.contracts.base import UUID_PATTERN, Contract, Letter, LetterBody
from shared.contracts.counts import (
    Count,
    DistrictNeed,
    FeatureNeed,
    FlowCount,
    GroupCount,
    KindNeed,
    OutcomeCount,
    SizeNeed,
)  # fmt: skip
from shared.contracts.figures import LOCATION_PATTERN, Lived, LocationName, SiteName
from shared.contracts.likeness import CheckAnsweredBody, CheckAskedBody, CheckBegunBody, CheckKeyGivenBody
from shared.contracts.offer_letters import PlaceAcceptedBody, PlaceDeclinedBody, PlaceGivenUpBody, StayClaimedBody
from shared.contracts.vocabulary import BedKind, DeclineReason, Feature, NoticeStatus, RequestEndReason, SizeClass

KINDS_MAX, FEATURES_MAX, NOT_AT_MAX = 4, 9, 20
RULES_MAX = 10_000

Id = Annotated[str, Field(pattern=UUID_PATTERN)]
Kinds = Annotated[tuple[BedKind, ...], Field(min_length=1, max_length=KINDS_MAX)]
Features = Annotated[tuple[Feature, ...], Field(max_length=FEATURES_MAX)]
NotAt = Annotated[tuple[Annotated[str, Field(pattern=LOCATION_PATTERN)], ...], Field(max_length=NOT_AT_MAX)]
Band = Annotated[int, Field(ge=0, le=3)]


class RequestNoticed(Contract):
    """What everybody may know of one request, as it is now: the newest notice counts, and `closed` is the last.

    kinds: wanted most first. size_class: of the household. not_at: locations it must not lead to. priority_band: 0 is
    the most urgent, under the rules of `rules_version`. waiting_since: a date, never a time.
    """

    type_name: ClassVar[str] = "nl.plek.intake.request-noticed.v1"
    log: ClassVar[Literal["pub", "loc"]] = "pub"
    cut: ClassVar[bool] = True

    request_id: Id
    kinds: Kinds
    size_class: SizeClass
    features: Features
    not_at: NotAt
    priority_band: Band
    rules_version: Annotated[int, Field(ge=1, le=RULES_MAX)]
    waiting_since: date
    status: NoticeStatus


class WeekTold(Contract):
    """What happened at a desk in one week that is over, as absolute counts: the newest of a week counts.

    week: its Monday. referrals: each group once; without a total, which would give a small one away.
    """

    type_name: ClassVar[str] = "nl.plek.intake.week-told.v1"
    log: ClassVar[Literal["pub", "loc"]] = "pub"
    cut: ClassVar[bool] = True

    week: date
    registrations: Count
    referrals: Annotated[tuple[GroupCount, ...], Field(max_length=20)]
    outcomes: Annotated[tuple[OutcomeCount, ...], Field(max_length=20)]


class UnmetTold(Contract):
    """Searches and requests of a desk that found nothing in one week that is over, each once, as absolute counts: the
    newest of a week counts. week: its Monday. Every word of a list is there, also those that nobody needed.
    """

    type_name: ClassVar[str] = "nl.plek.intake.unmet-told.v1"
    log: ClassVar[Literal["pub", "loc"]] = "pub"
    cut: ClassVar[bool] = True

    week: date
    total: Count
    kinds: Annotated[tuple[KindNeed, ...], Field(max_length=20)]
    size_classes: Annotated[tuple[SizeNeed, ...], Field(max_length=20)]
    features: Annotated[tuple[FeatureNeed, ...], Field(max_length=20)]
    districts: Annotated[tuple[DistrictNeed, ...], Field(max_length=20)]


class FlowsTold(Contract):
    """How many households of a desk's files went from one kind of place to another in one week that is over, as
    absolute counts: the newest of a week counts. week: its Monday. Every pair is there, also those nobody went.
    """

    type_name: ClassVar[str] = "nl.plek.intake.flows-told.v1"
    log: ClassVar[Literal["pub", "loc"]] = "pub"
    cut: ClassVar[bool] = True

    week: date
    flows: Annotated[tuple[FlowCount, ...], Field(max_length=60)]


class EpochBegan(Contract):
    """The first word of an epoch on `pub`: what was told before no longer counts, every open request follows."""

    type_name: ClassVar[str] = "nl.plek.intake.epoch-began.v1"
    log: ClassVar[Literal["pub", "loc"]] = "pub"

    at: AwareDatetime


class SiteEpochBegan(Contract):
    """The first word of an epoch on `loc`: every client, open request, appointment to come and offer that is not over
    follows anew, and who is housed."""

    type_name: ClassVar[str] = "nl.plek.intake.site-epoch-began.v1"
    log: ClassVar[Literal["pub", "loc"]] = "loc"

    at: AwareDatetime


class ClientRegistered(Contract):
    """There is a file of this id."""

    type_name: ClassVar[str] = "nl.plek.intake.client-registered.v1"
    log: ClassVar[Literal["pub", "loc"]] = "loc"

    client_id: Id
    at: AwareDatetime


class ClientErased(Contract):
    """Nothing about this client can be read any more. Counts stay."""

    type_name: ClassVar[str] = "nl.plek.intake.client-erased.v1"
    log: ClassVar[Literal["pub", "loc"]] = "loc"

    client_id: Id
    at: AwareDatetime


class RequestOpened(Contract):
    """This client asks for a place."""

    type_name: ClassVar[str] = "nl.plek.intake.request-opened.v1"
    log: ClassVar[Literal["pub", "loc"]] = "loc"

    client_id: Id
    request_id: Id
    kinds: Kinds
    features: Features
    household_size: Annotated[int, Field(ge=1, le=20)]
    waiting_since: date
    at: AwareDatetime


class RequestWithdrawn(Contract):
    """This client asks no longer."""

    type_name: ClassVar[str] = "nl.plek.intake.request-withdrawn.v1"
    log: ClassVar[Literal["pub", "loc"]] = "loc"

    client_id: Id
    request_id: Id
    reason: RequestEndReason
    at: AwareDatetime


class OfferReceived(Contract):
    """A place at this location is kept for this client until `expires_at`, if they want it."""

    type_name: ClassVar[str] = "nl.plek.intake.offer-received.v1"
    log: ClassVar[Literal["pub", "loc"]] = "loc"

    client_id: Id
    request_id: Id
    offer_id: Id
    site: SiteName
    location: LocationName
    kind: BedKind
    expires_at: AwareDatetime
    at: AwareDatetime


class OfferAccepted(Contract):
    """The client takes it and means to be there by `expected_by`; the owner has not answered yet."""

    type_name: ClassVar[str] = "nl.plek.intake.offer-accepted.v1"
    log: ClassVar[Literal["pub", "loc"]] = "loc"

    client_id: Id
    request_id: Id
    offer_id: Id
    expected_by: AwareDatetime
    at: AwareDatetime


class OfferConfirmed(Contract):
    """The owner has heard that the client is coming, and keeps the place until `expected_by`."""

    type_name: ClassVar[str] = "nl.plek.intake.offer-confirmed.v1"
    log: ClassVar[Literal["pub", "loc"]] = "loc"

    client_id: Id
    request_id: Id
    offer_id: Id
    expected_by: AwareDatetime
    at: AwareDatetime


class OfferDeclined(Contract):
    """The client does not take it, or does not come after all; the owner has not answered yet."""

    type_name: ClassVar[str] = "nl.plek.intake.offer-declined.v1"
    log: ClassVar[Literal["pub", "loc"]] = "loc"

    client_id: Id
    request_id: Id
    offer_id: Id
    reason: DeclineReason
    at: AwareDatetime


class OfferEnded(Contract):
    """The owner has said how it came to nothing. reason: in one word, if there was one."""

    type_name: ClassVar[str] = "nl.plek.intake.offer-ended.v1"
    log: ClassVar[Literal["pub", "loc"]] = "loc"

    client_id: Id
    request_id: Id
    offer_id: Id
    how: Literal["declined", "withdrawn", "lapsed", "called_off", "no_show"]
    reason: Annotated[str, Field(max_length=60)] | None
    at: AwareDatetime


class ClientHoused(Contract):
    """The client was checked in where they were expected; with this their request has ended as placed."""

    type_name: ClassVar[str] = "nl.plek.intake.client-housed.v1"
    log: ClassVar[Literal["pub", "loc"]] = "loc"

    client_id: Id
    request_id: Id
    offer_id: Id
    site: SiteName
    location: LocationName
    kind: BedKind
    at: AwareDatetime


class ClientLeft(Contract):
    """The stay that began with this offer has ended."""

    type_name: ClassVar[str] = "nl.plek.intake.client-left.v1"
    log: ClassVar[Literal["pub", "loc"]] = "loc"

    client_id: Id
    request_id: Id
    offer_id: Id
    at: AwareDatetime


class ClientStayTold(Contract):
    """All that is known of the stay that began with this offer: the newest counts. ended_at: None while they live
    there."""

    type_name: ClassVar[str] = "nl.plek.intake.client-stay-told.v1"
    log: ClassVar[Literal["pub", "loc"]] = "loc"

    client_id: Id
    offer_id: Id
    lived: Lived
    ended_at: AwareDatetime | None
    at: AwareDatetime


class AppointmentMade(Contract):
    """The client is expected somewhere at `starts_at`. Where, and by whom, no event says.

    appointment_id: of what it belongs to, a random id. turn: a later appointment of that has a higher one. replaces:
    the turn of the one that was moved. known: the client has heard of it; it is told for its reminder.
    """

    type_name: ClassVar[str] = "nl.plek.intake.appointment-made.v1"
    log: ClassVar[Literal["pub", "loc"]] = "loc"

    client_id: Id
    appointment_id: Id
    turn: Annotated[int, Field(ge=1)]
    replaces: Annotated[int, Field(ge=1)] | None
    known: bool
    starts_at: AwareDatetime
    at: AwareDatetime


class AppointmentEnded(Contract):
    """The client is expected there no more. how: `over`: they went, or did not."""

    type_name: ClassVar[str] = "nl.plek.intake.appointment-ended.v1"
    log: ClassVar[Literal["pub", "loc"]] = "loc"

    client_id: Id
    appointment_id: Id
    turn: Annotated[int, Field(ge=1)]
    how: Literal["over", "called_off"]
    starts_at: AwareDatetime
    at: AwareDatetime


class PlaceAccepted(Letter):
    """A client takes the place that was offered under this id. Written until its owner has answered."""

    type_name: ClassVar[str] = "nl.plek.intake.place-accepted.v1"
    body_type: ClassVar[type[LetterBody]] = PlaceAcceptedBody
    cut: ClassVar[bool] = True


class PlaceDeclined(Letter):
    """A client does not take the place that was offered under this id. Written until its owner has answered."""

    type_name: ClassVar[str] = "nl.plek.intake.place-declined.v1"
    body_type: ClassVar[type[LetterBody]] = PlaceDeclinedBody
    cut: ClassVar[bool] = True


class PlaceGivenUp(Letter):
    """A client who lives in the place that was offered under this id was transferred. Written until its owner has
    answered that they left."""

    type_name: ClassVar[str] = "nl.plek.intake.place-given-up.v1"
    body_type: ClassVar[type[LetterBody]] = PlaceGivenUpBody
    cut: ClassVar[bool] = True


class StayClaimed(Letter):
    """Somebody who walked in without registration has a file now. Written until the stay's owner has answered."""

    type_name: ClassVar[str] = "nl.plek.intake.stay-claimed.v1"
    body_type: ClassVar[type[LetterBody]] = StayClaimedBody
    cut: ClassVar[bool] = True


class CheckBegun(Letter):
    """A desk would like to ask whether somebody is known. Written again under the same id until it is answered."""

    type_name: ClassVar[str] = "nl.plek.intake.check-begun.v1"
    body_type: ClassVar[type[LetterBody]] = CheckBegunBody
    cut: ClassVar[bool] = True


class CheckKeyGiven(Letter):
    """Ask, then."""

    type_name: ClassVar[str] = "nl.plek.intake.check-key-given.v1"
    body_type: ClassVar[type[LetterBody]] = CheckKeyGivenBody
    cut: ClassVar[bool] = True


class CheckAsked(Letter):
    """Is somebody like this known at your desk?"""

    type_name: ClassVar[str] = "nl.plek.intake.check-asked.v1"
    body_type: ClassVar[type[LetterBody]] = CheckAskedBody
    cut: ClassVar[bool] = True


class CheckAnswered(Letter):
    """The answer to the check with this id."""

    type_name: ClassVar[str] = "nl.plek.intake.check-answered.v1"
    body_type: ClassVar[type[LetterBody]] = CheckAnsweredBody
    cut: ClassVar[bool] = True


CHECK_LETTERS: tuple[type[Letter], ...] = (CheckBegun, CheckKeyGiven, CheckAsked, CheckAnswered)
"""What desks write to each other about who may be known at both, in this order."""

LETTERS: tuple[type[Letter], ...] = (PlaceAccepted, PlaceDeclined, PlaceGivenUp, StayClaimed)
"""What a desk writes to the owner of a place that was offered."""

CONTRACTS: tuple[type[Contract], ...] = (
    RequestNoticed, WeekTold, UnmetTold, FlowsTold, ClientRegistered, ClientErased, RequestOpened, RequestWithdrawn,
    OfferReceived, OfferAccepted, OfferConfirmed, OfferDeclined, OfferEnded, ClientHoused, ClientLeft, ClientStayTold,
    AppointmentMade, AppointmentEnded, EpochBegan, SiteEpochBegan, *LETTERS, *CHECK_LETTERS,
)  # fmt: skip
"""Everything the intake service tells, by class."""
