"""What happened to an allowance programme: the private events of the municipality's allowance service.

A seat is one entitlement of somebody at one site, under the random id that site made. Nothing here says whose it is.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import TypeAlias, get_args

from services.allowance.days import Span
from shared.contracts.vocabulary import PayMethod, SizeClass
from shared.kernel import Codec, Event
from shared.money import PeriodKind


class ProgrammeOpened(Event, frozen=True, tag="programme-opened.v1"):
    """There is a programme with so many seats. site: the municipality's."""

    programme_id: str
    site: str
    name: str
    period: PeriodKind
    ceiling: int
    methods: tuple[PayMethod, ...]
    at: datetime


class CeilingRaised(Event, frozen=True, tag="ceiling-raised.v1"):
    """There are more seats from now on; whatever lowering was planned is not planned any more."""

    programme_id: str
    ceiling: int
    at: datetime


class CeilingLowered(Event, frozen=True, tag="ceiling-lowered.v1"):
    """There are fewer seats from now on, every one of them still there for whoever has one."""

    programme_id: str
    ceiling: int
    at: datetime


class LoweringPlanned(Event, frozen=True, tag="lowering-planned.v1"):
    """Every seat that comes free goes, until there are no more than `ceiling`."""

    programme_id: str
    ceiling: int
    at: datetime


class TariffAdded(Event, frozen=True, tag="tariff-added.v1"):
    """A period is worth so much to a household of this size class from `valid_from` on."""

    programme_id: str
    size_class: SizeClass
    cents: int
    valid_from: date
    at: datetime


class BudgetGranted(Event, frozen=True, tag="budget-granted.v1"):
    """So much may be paid for the periods that begin in a year; instead of what was said before."""

    programme_id: str
    year: int
    cents: int
    at: datetime


class AccountNamed(Event, frozen=True, tag="account-named.v1"):
    """What is paid by transfer for people at `site` goes to this account from now on; of the programme's own site: it
    comes from there. named_by: a person, under a name that leads to nobody outside this store."""

    programme_id: str
    site: str
    name: str
    iban: str
    named_by: str
    at: datetime


class CardsLimited(Event, frozen=True, tag="cards-limited.v1"):
    """So much may be on a card, and so much of it be drawn in cash a day."""

    programme_id: str
    balance_cents_max: int
    cash_cents_a_day_max: int
    at: datetime


class SeatReserved(Event, frozen=True, tag="seat-reserved.v1"):
    """A site asked for a seat and has it; its people are not paid before it says that it was granted."""

    programme_id: str
    seat_id: str
    site: str
    revision: int
    method: PayMethod
    at: datetime


class SeatRefused(Event, frozen=True, tag="seat-refused.v1"):
    """A site asked for a seat and does not get it. code: why."""

    programme_id: str
    seat_id: str
    site: str
    revision: int
    code: str
    at: datetime


class SeatGranted(Event, frozen=True, tag="seat-granted.v1"):
    """A site says how it stands with a seat of its own: which days are paid."""

    programme_id: str
    seat_id: str
    site: str
    revision: int
    method: PayMethod
    spans: tuple[Span, ...]
    at: datetime


class SeatEnded(Event, frozen=True, tag="seat-ended.v1"):
    """Nobody has this seat any more. spans: the days it was for, also as they are corrected after the end."""

    programme_id: str
    seat_id: str
    site: str
    revision: int
    method: PayMethod
    spans: tuple[Span, ...]
    at: datetime


class SeatWordRepeated(Event, frozen=True, tag="seat-word-repeated.v1"):
    """A site said again what is known; it is told again how it stands."""

    programme_id: str
    seat_id: str
    at: datetime


ProgrammeEvent: TypeAlias = (
    ProgrammeOpened
    | CeilingRaised
    | CeilingLowered
    | LoweringPlanned
    | TariffAdded
    | BudgetGranted
    | AccountNamed
    | CardsLimited
    | SeatReserved
    | SeatRefused
    | SeatGranted
    | SeatEnded
    | SeatWordRepeated
)

CODEC: Codec[ProgrammeEvent] = Codec(get_args(ProgrammeEvent))
