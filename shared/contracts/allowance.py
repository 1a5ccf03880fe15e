"""What the allowance service tells: figures of seats to everybody (`pub`), letters about one seat between its client's
site and the municipality's (`pub`, sealed), and to the services of its own site who is entitled (`loc`).

A figure is a count of seats of a programme. A letter names an entitlement by a random id and says which days are paid;
nothing in it leads to a client, or to another entitlement of the same one.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar, Literal

from pydantic import AwareDatetime, Field

from shared.contracts.base import SITE_PATTERN, UUID_PATTERN, Contract, Letter, LetterBody
from shared.contracts.vocabulary import EntitlementEnd, PayMethod, SizeClass

SPANS_MAX = 60
CENTS_MAX = 10_000_000_000

Id = Annotated[str, Field(pattern=UUID_PATTERN)]
Count = Annotated[int, Field(ge=0, le=100_000)]
Revision = Annotated[int, Field(ge=1, le=1_000_000)]


class SeatsTold(Contract):
    """The seats of one programme, in absolute counts: available = total - occupied - held. Held: reserved for somebody
    whose site has not heard of it yet."""

    type_name: ClassVar[str] = "nl.plek.allowance.seats-told.v1"
    log: ClassVar[Literal["pub", "loc"]] = "pub"

    programme_id: Id
    site: Annotated[str, Field(pattern=SITE_PATTERN)]
    name: Annotated[str, Field(min_length=1, max_length=60)]
    period: Literal["week", "month"]
    methods: Annotated[tuple[PayMethod, ...], Field(min_length=1, max_length=10)]
    total: Count
    occupied: Count
    held: Count


class EpochBegan(Contract):
    """The first word of an epoch: what was told before it no longer counts. The seats of every programme follow."""

    type_name: ClassVar[str] = "nl.plek.allowance.epoch-began.v1"
    log: ClassVar[Literal["pub", "loc"]] = "pub"

    at: AwareDatetime


class SiteEpochBegan(Contract):
    """The first word of an epoch to the services of the same site: everybody who is entitled follows anew."""

    type_name: ClassVar[str] = "nl.plek.allowance.site-epoch-began.v1"
    log: ClassVar[Literal["pub", "loc"]] = "loc"

    at: AwareDatetime


class EntitlementGranted(Contract):
    """A client of this site has a seat."""

    type_name: ClassVar[str] = "nl.plek.allowance.entitlement-granted.v1"
    log: ClassVar[Literal["pub", "loc"]] = "loc"

    entitlement_id: Id
    client_id: Id
    programme_id: Id
    at: AwareDatetime


class EntitlementRefused(Contract):
    """A client of this site does not get the seat that was asked for."""

    type_name: ClassVar[str] = "nl.plek.allowance.entitlement-refused.v1"
    log: ClassVar[Literal["pub", "loc"]] = "loc"

    entitlement_id: Id
    client_id: Id
    code: Annotated[str, Field(pattern=r"^[a-z]+(-[a-z]+)*$", max_length=60)]
    at: AwareDatetime


class AllowanceReady(Contract):
    """Cash waits at the desk for a client of this site, until `until`. handout_id: of the part of a pay run."""

    type_name: ClassVar[str] = "nl.plek.allowance.allowance-ready.v1"
    log: ClassVar[Literal["pub", "loc"]] = "loc"

    entitlement_id: Id
    client_id: Id
    handout_id: Id
    until: AwareDatetime
    at: AwareDatetime


class EntitlementEnded(Contract):
    """A client of this site has the seat no more, from a day on."""

    type_name: ClassVar[str] = "nl.plek.allowance.entitlement-ended.v1"
    log: ClassVar[Literal["pub", "loc"]] = "loc"

    entitlement_id: Id
    client_id: Id
    from_day: date
    reason: EntitlementEnd
    at: AwareDatetime


class PayRunDrafted(Contract):
    """A run waits for a second person to look at it, at the municipality. period: as the run is named."""

    type_name: ClassVar[str] = "nl.plek.allowance.pay-run-drafted.v1"
    log: ClassVar[Literal["pub", "loc"]] = "loc"

    programme_id: Id
    run_id: Id
    period: Annotated[str, Field(pattern=r"^[0-9]{4}-W?[0-9]{2}$")]
    at: AwareDatetime


class PayRunDecided(Contract):
    """It waits no more: somebody approved it, or it is not paid as drafted."""

    type_name: ClassVar[str] = "nl.plek.allowance.pay-run-decided.v1"
    log: ClassVar[Literal["pub", "loc"]] = "loc"

    programme_id: Id
    run_id: Id
    how: Literal["approved", "dropped"]
    at: AwareDatetime


DaysInARow = tuple[date, date | None, SizeClass]
"""The first day, the first day after the last (None: until further notice), and the size of the household."""


class EntitlementStatedBody(LetterBody):
    """How it stands with one entitlement, whole. revision: the higher one counts. status: `asked` wants a seat."""

    programme_id: Id
    revision: Revision
    status: Literal["asked", "granted", "ended"]
    method: PayMethod
    spans: Annotated[tuple[DaysInARow, ...], Field(max_length=SPANS_MAX)]


class EntitlementStated(Letter):
    """A site says how it stands with an entitlement; `request_id` is the seat's id. Said until it was heard."""

    type_name: ClassVar[str] = "nl.plek.allowance.entitlement-stated.v1"
    body_type: ClassVar[type[LetterBody]] = EntitlementStatedBody
    cut: ClassVar[bool] = True


SPANS_V2_MAX = 400


class EntitlementStatedV2Body(LetterBody):
    """The same, of days in more pieces than the first version holds."""

    programme_id: Id
    revision: Revision
    status: Literal["asked", "granted", "ended"]
    method: PayMethod
    spans: Annotated[tuple[DaysInARow, ...], Field(min_length=SPANS_MAX + 1, max_length=SPANS_V2_MAX)]


class EntitlementStatedV2(Letter):
    """A site says how it stands with an entitlement whose days are in many pieces; whose are not is said in the first
    version."""

    type_name: ClassVar[str] = "nl.plek.allowance.entitlement-stated.v2"
    body_type: ClassVar[type[LetterBody]] = EntitlementStatedV2Body
    cut: ClassVar[bool] = True


class SeatAnsweredBody(LetterBody):
    """How it stands with a seat, in the municipality's word. revision: up to which it has heard. code: why it was
    refused."""

    programme_id: Id
    revision: Revision
    status: Literal["reserved", "granted", "ended", "refused"]
    code: Annotated[str, Field(pattern=r"^[a-z]+(-[a-z]+)*$", max_length=60)] | None


class SeatAnswered(Letter):
    """The municipality's answer to whatever a site says of an entitlement."""

    type_name: ClassVar[str] = "nl.plek.allowance.seat-answered.v1"
    body_type: ClassVar[type[LetterBody]] = SeatAnsweredBody


HANDOUT_MAX = 50

Ids = Annotated[tuple[Id, ...], Field(max_length=HANDOUT_MAX)]
ToPay = tuple[Id, Annotated[int, Field(ge=0, le=CENTS_MAX)]]
"""An entitlement, and the cents that are paid for it."""


class PaymentsToldBody(LetterBody):
    """What a site is to hand out, by voucher, of one run. period: as the run is named."""

    programme_id: Id
    run_id: Id
    period: Annotated[str, Field(pattern=r"^[0-9]{4}-W?[0-9]{2}$")]
    payments: Annotated[tuple[ToPay, ...], Field(min_length=1, max_length=HANDOUT_MAX)]


class PaymentsTold(Letter):
    """The municipality has paid a run; `request_id` is the handout's id. Said until the site has said how it stands."""

    type_name: ClassVar[str] = "nl.plek.allowance.payments-told.v1"
    body_type: ClassVar[type[LetterBody]] = PaymentsToldBody


class HandoutStatedBody(LetterBody):
    """How it stands with a handout, whole; whoever is in neither list may still come. revision: the higher one
    counts."""

    programme_id: Id
    revision: Revision
    paid: Ids
    refused: Ids


class HandoutStated(Letter):
    """A site says who was paid, and for whom nobody came. Said until it was heard."""

    type_name: ClassVar[str] = "nl.plek.allowance.handout-stated.v1"
    body_type: ClassVar[type[LetterBody]] = HandoutStatedBody
    cut: ClassVar[bool] = True


STATED_MAX = 150
"""A run that was made again with others in it may have named more for one handout than one letter does."""


class HandoutStatedV2Body(LetterBody):
    """The same, and how much: of a handout that was told a second time with other amounts. paid: with the cents that
    were handed out."""

    programme_id: Id
    revision: Revision
    paid: Annotated[tuple[ToPay, ...], Field(max_length=STATED_MAX)]
    refused: Annotated[tuple[Id, ...], Field(max_length=STATED_MAX)]


class HandoutStatedV2(Letter):
    """A site says who was paid how much, where that may be another amount than it was told last. The first version
    follows it, for whoever knows only that; with its amounts known it says nothing new."""

    type_name: ClassVar[str] = "nl.plek.allowance.handout-stated.v2"
    body_type: ClassVar[type[LetterBody]] = HandoutStatedV2Body
    cut: ClassVar[bool] = True


class HandoutAnsweredBody(LetterBody):
    """What the municipality has heard of a handout, up to `revision`."""

    revision: Revision
    paid: Ids
    refused: Ids


class HandoutAnswered(Letter):
    """The municipality's answer to whatever a site says of a handout."""

    type_name: ClassVar[str] = "nl.plek.allowance.handout-answered.v1"
    body_type: ClassVar[type[LetterBody]] = HandoutAnsweredBody


TransferStatus = Literal["sent", "paid", "returned"]


class TransferToldBody(LetterBody):
    """For whom a transfer to the organisation that hands out the cash is, and how it stands with it. Of `sent`, `paid`
    and `returned` the later one counts."""

    programme_id: Id
    run_id: Id
    period: Annotated[str, Field(pattern=r"^[0-9]{4}-W?[0-9]{2}$")]
    status: TransferStatus
    payments: Annotated[tuple[ToPay, ...], Field(min_length=1, max_length=HANDOUT_MAX)]


class TransferTold(Letter):
    """The municipality has ordered a transfer for people of a site, or its bank has said what became of it;
    `request_id` is the id of this part of it."""

    type_name: ClassVar[str] = "nl.plek.allowance.transfer-told.v1"
    body_type: ClassVar[type[LetterBody]] = TransferToldBody


LETTERS: tuple[type[Letter], ...] = (
    EntitlementStated, EntitlementStatedV2, SeatAnswered, PaymentsTold, HandoutStated, HandoutStatedV2, HandoutAnswered,
    TransferTold,
)  # fmt: skip

CONTRACTS: tuple[type[Contract], ...] = (
    SeatsTold,
    EpochBegan,
    SiteEpochBegan,
    EntitlementGranted,
    EntitlementRefused,
    EntitlementEnded,
    AllowanceReady,
    PayRunDrafted,
    PayRunDecided,
    *LETTERS,
)
"""Everything the allowance service tells, by class."""
