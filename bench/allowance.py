"""Paying: a year of 600 entitlements at 10 sites with a run a week, and one run of 10,000 lines, on a real store, from
what everybody is due to the last answer of a desk, the bank and the cards' issuer.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from typing import Any, NamedTuple

from bench.ground import IDS, Ground, Line
from bench.processes import below
from services.allowance import commands_payroll as cp
from services.allowance import events as ev
from services.allowance.app import INLINE_TABLES, NAME, PAYROLLS
from services.allowance.days import Span, Tariff
from services.allowance.decider import PROGRAMME
from services.allowance.decider_dues import dues
from services.allowance.decider_payroll import Payroll
from services.allowance.decider_programme import Programme
from services.allowance.events_payroll import Payee
from shared.clock import SystemClock
from shared.contracts.vocabulary import PayMethod, SizeClass
from shared.handling import Context, Handler
from shared.money import Period, period_of
from tests.support.letters import site_seals

SITES = tuple(f"site-{number}" for number in range(10))
STAD, IBAN = "stad", "NL91ABNA0417164300"
ENTITLED, WEEKS, YEAR_SECONDS_MAX = 600, 52, 30.0
LINES, RUN_SECONDS_MAX = 10_000, 5.0
BEGIN = date(2026, 1, 5)
AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
CENTS = 100_00
METHODS: tuple[PayMethod, ...] = ("voucher", "prepaid_card", "transfer")
SIZES: tuple[SizeClass, ...] = ("1", "2", "3-4", "5+")


def run(ground: Ground) -> list[Line]:
    """Processor time of this process and of the database, so that it says the same beside other work."""
    weeks = 8 if ground.quick else WEEKS
    year = ground.run(_year(ground, weeks)) * WEEKS / weeks
    lines = 1_000 if ground.quick else LINES
    rounds = [ground.run(_large(ground, lines)) for _ in range(3)]
    large = statistics.median(rounds) * LINES / lines
    unit = "s processor time"
    return [
        Line("a year of 600 entitlements, a run a week", year, unit, "limit", YEAR_SECONDS_MAX, year / YEAR_SECONDS_MAX,
             1.0, at_most=True, note="10 sites, vouchers, cards and transfers, every answer read back"),
        Line(f"a pay run of {LINES:,} lines", large, unit, "limit", RUN_SECONDS_MAX, large / RUN_SECONDS_MAX, 1.0,
             at_most=True, note="due, drafted, approved, executed, its files made"),
    ]  # fmt: skip


def programme(entitled: int) -> Programme:
    """Everybody has a seat since the first day; of one in ten the days change every month."""
    state = PROGRAMME.evolve(
        Programme(), ev.ProgrammeOpened(IDS.random_id(), STAD, "Leefgeld", "week", entitled, METHODS, AT)
    )
    tariffs = tuple(Tariff(size, CENTS + 7 * number, date(2025, 1, 1)) for number, size in enumerate(SIZES))
    for tariff in tariffs:
        state = PROGRAMME.evolve(
            state, ev.TariffAdded(state.id, tariff.size_class, tariff.cents, tariff.valid_from, AT)
        )
    for number in range(entitled):
        spans: tuple[Span, ...] = (Span(BEGIN, None, SIZES[number % len(SIZES)]),)
        if number % 10 == 0:
            spans = tuple(
                Span(BEGIN + timedelta(days=30 * month), BEGIN + timedelta(days=30 * month + 25), "1")
                for month in range(12)
            )
        site, method = SITES[number % len(SITES)], METHODS[number % len(METHODS)]
        state = PROGRAMME.evolve(state, ev.SeatGranted(state.id, IDS.random_id(), site, 2, method, spans, AT))
    return state


class Paying(NamedTuple):
    """A programme's payroll on a store."""

    handler: Handler[Payroll, Any, Any]
    programme: Programme

    async def do(self, command: type[Any], at: datetime, **fields: Any) -> None:
        id_ = IDS.event_id()
        made = command(at=at, role="finance", programme_id=self.programme.id, **fields)
        handled = await self.handler.handle(self.programme.id, made, Context(id_, id_, id_))
        assert handled.rejected is None, handled.rejected
        assert handled.events

    async def pay(self, period: Period) -> str:
        """From what everybody is due to the files."""
        at, run_id = datetime.combine(period.until, clock_time(12), UTC), IDS.random_id()
        await self.do(cp.DraftPayRun, at, run_id=run_id, kind="week", period=period.name,
                      due=dues(self.programme, period), by="one")  # fmt: skip
        accounts = tuple(cp.Named(Payee(site, site, IBAN), "third") for site in (STAD, *SITES))
        await self.do(cp.ApprovePayRun, at, run_id=run_id, by="second", budget_cents=10**12, home=STAD,
                      accounts=accounts)  # fmt: skip
        await self.do(cp.ExecutePayRun, at, run_id=run_id, balance_cents_max=2_000_00, cash_cents_a_day_max=250_00)
        return run_id

    async def answered(self, run_id: str) -> None:
        """Every desk says who came, and the bank and the issuer what they did; nothing is left on a card."""
        state, _ = await self.handler.load(self.programme.id)
        for id_, waiting in state.waiting.items():
            if waiting.run_id == run_id:
                ids = tuple(waiting.lines)
                await self.do(cp.HearHandout, AT, handout_id=id_, site=waiting.site, revision=2, paid=ids[1:],
                              refused=ids[:1])  # fmt: skip
        sent = [(id_, order) for id_, order in state.orders.items() if order.run_id == run_id]
        for method in ("transfer", "prepaid_card"):
            said: Sequence[cp.Said] = [
                cp.Said(number, id_, False, order.cents, balance_cents=0 if method == "prepaid_card" else None)
                for number, (id_, order) in enumerate(sent) if order.method == method
            ]  # fmt: skip
            await self.do(cp.NoteOrders, AT, run_id=run_id, method=method, said=tuple(said))


async def _year(ground: Ground, weeks: int) -> float:
    state = programme(ENTITLED)
    async with ground.store(INLINE_TABLES, NAME) as store:
        seals = site_seals((STAD, *SITES))[STAD]
        paying = Paying(Handler(store, PAYROLLS, SystemClock(), IDS, seals.encode), state)
        began, day = _processor_seconds(ground), BEGIN
        for _ in range(weeks):
            period = period_of("week", day)
            await paying.answered(await paying.pay(period))
            day = period.until
        return _processor_seconds(ground) - began


async def _large(ground: Ground, lines: int) -> float:
    state = programme(lines)
    async with ground.store(INLINE_TABLES, NAME) as store:
        seals = site_seals((STAD, *SITES))[STAD]
        paying = Paying(Handler(store, PAYROLLS, SystemClock(), IDS, seals.encode), state)
        began = _processor_seconds(ground)
        await paying.pay(period_of("week", BEGIN))
        return _processor_seconds(ground) - began


def _processor_seconds(ground: Ground) -> float:
    """Seconds on a processor so far: this process, PostgreSQL, and whatever that had started and has ended."""
    root = ground.server.pid
    assert root is not None
    ticks = 0
    for pid in [root, *below(root)]:
        with suppress(OSError):  # it ended meanwhile
            fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:13])) + (sum(map(int, fields[13:15])) if pid == root else 0)
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")
