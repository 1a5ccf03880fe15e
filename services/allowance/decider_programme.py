"""A programme as its events say: its ceiling, tariffs and budgets, and every seat it gave or refused."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias, assert_never

import msgspec
from msgspec.structs import replace

from services.allowance import events as ev
from services.allowance.days import Spans, Tariff
from shared.contracts.vocabulary import PayMethod
from shared.money import PeriodKind


class Seat(msgspec.Struct, frozen=True, gc=False):
    """One entitlement at one site. revision: of that site's last word. spans: the days that are paid. code: why it was
    refused. answered_at: when its site was told last how it stands."""

    site: str
    revision: int
    status: Literal["reserved", "granted", "ended", "refused"]
    method: PayMethod | None = None
    spans: Spans = ()
    code: str | None = None
    answered_at: datetime | None = None

    @property
    def is_taken(self) -> bool:
        """Whether it counts against the ceiling."""
        return self.status in ("reserved", "granted")


class Account(msgspec.Struct, frozen=True, gc=False):
    """Where transfers go, or come from. named_by: whoever said so last."""

    name: str
    iban: str
    named_by: str


class Cards(msgspec.Struct, frozen=True, gc=False):
    """What may be on a card, and drawn from it in cash a day: of an anonymous prepaid card, unless said otherwise."""

    balance_cents_max: int = 2_000_00
    cash_cents_a_day_max: int = 250_00


class Programme(msgspec.Struct, frozen=True, gc=False):
    """opened: how it began. planned: what the ceiling is to come down to as seats come free. budgets: cents by year, as
    text. reserved, granted: seats that are. version: events so far. accounts: by site."""

    opened: ev.ProgrammeOpened | None = None
    ceiling: int = 0
    planned: int | None = None
    tariffs: tuple[Tariff, ...] = ()
    budgets: dict[str, int] = {}
    seats: dict[str, Seat] = {}
    reserved: int = 0
    granted: int = 0
    version: int = 0
    accounts: dict[str, Account] = {}
    cards: Cards = Cards()

    @property
    def id(self) -> str:
        return "" if self.opened is None else self.opened.programme_id

    @property
    def period(self) -> PeriodKind:
        return "month" if self.opened is None else self.opened.period

    @property
    def methods(self) -> tuple[PayMethod, ...]:
        return () if self.opened is None else self.opened.methods

    @property
    def taken(self) -> int:
        """Seats that somebody has, or is about to."""
        return self.reserved + self.granted


def evolve(state: Programme, event: ev.ProgrammeEvent) -> Programme:
    """The programme after `event`."""
    version = state.version + 1
    match event:
        case ev.ProgrammeOpened():
            return replace(state, opened=event, ceiling=event.ceiling, version=version)
        case ev.CeilingRaised():
            return replace(state, ceiling=event.ceiling, planned=None, version=version)
        case ev.CeilingLowered():
            done = state.planned is None or event.ceiling <= state.planned or event.ceiling > state.taken
            return replace(state, ceiling=event.ceiling, planned=None if done else state.planned, version=version)
        case ev.LoweringPlanned():
            return replace(state, planned=event.ceiling, version=version)
        case ev.TariffAdded():
            tariff = Tariff(event.size_class, event.cents, event.valid_from)
            return replace(state, tariffs=(*state.tariffs, tariff), version=version)
        case ev.BudgetGranted():
            return replace(state, budgets=state.budgets | {str(event.year): event.cents}, version=version)
        case ev.AccountNamed():
            account = Account(event.name, event.iban, event.named_by)
            return replace(state, accounts=state.accounts | {event.site: account}, version=version)
        case ev.CardsLimited():
            cards = Cards(event.balance_cents_max, event.cash_cents_a_day_max)
            return replace(state, cards=cards, version=version)
        case ev.SeatReserved():
            seat = Seat(event.site, event.revision, "reserved", event.method)
            return _seated(state, event, seat, version)
        case ev.SeatRefused():
            return _seated(state, event, Seat(event.site, event.revision, "refused", code=event.code), version)
        case ev.SeatGranted():
            seat = Seat(event.site, event.revision, "granted", event.method, event.spans)
            return _seated(state, event, seat, version)
        case ev.SeatEnded():
            seat = Seat(event.site, event.revision, "ended", event.method, event.spans)
            return _seated(state, event, seat, version)
        case ev.SeatWordRepeated():
            return _seated(state, event, state.seats[event.seat_id], version)
        case _:
            assert_never(event)


Spoken: TypeAlias = ev.SeatReserved | ev.SeatRefused | ev.SeatGranted | ev.SeatEnded | ev.SeatWordRepeated


def _seated(state: Programme, event: Spoken, seat: Seat, version: int) -> Programme:
    seat_id, before = event.seat_id, state.seats.get(event.seat_id)
    counts = {
        status: getattr(state, status) + (seat.status == status) - (before is not None and before.status == status)
        for status in ("reserved", "granted")
    }
    return replace(state, seats=state.seats | {seat_id: replace(seat, answered_at=event.at)}, version=version, **counts)
