"""On a real PostgreSQL: a run that is executed by twenty at once, whose process dies in the middle of it, is paid once
and has one file; and what is in the tables is what the log says.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from infra.postgres import Postgres
from services.allowance import commands_payroll as cp
from services.allowance import events_payroll as ep
from services.allowance.app import INLINE_TABLES, PAYROLLS, READER_TABLES
from services.allowance.decider import PAYROLL
from services.allowance.views_payroll import PAYROLL_TABLES, pay_files, pay_orders, postings
from shared.clock import SystemClock
from shared.handling import Context, Handler
from shared.ids import SystemIds
from shared.ports import OriginHalted, StoreUnavailable, VersionConflict
from shared.projection import rebuild
from shared.store import PgStore
from tests.allowance.sample import BY_TRANSFER, DRAWN, EXECUTE, LEEFGELD, SECOND, T0, WITH_ACCOUNTS, draft
from tests.conformance.proxy import Proxy
from tests.conformance.stores import PgBackend
from tests.support.letters import site_seals

TABLES = (*INLINE_TABLES, *READER_TABLES)
IDS, SEALS = SystemIds(), site_seals(("stad", "west"))["stad"]
ROUNDS = AT_ONCE = 20


def context() -> Context:
    id_ = IDS.event_id()
    return Context(id_, id_, id_)


def paying(store: PgStore) -> Handler[Any, Any, Any]:
    """Sites are told by letter for whom a transfer is."""
    return Handler(store, PAYROLLS, SystemClock(), IDS, SEALS.encode)


async def drafted(store: PgStore, number: int) -> str:
    """A run of the number-th month, approved; half of its people by transfer, the other by card."""
    months = [f"{2020 + one // 12}-{one % 12 + 1:02}" for one in range(number + 1)]
    run_id, period, periods = IDS.random_id(), months[-1], tuple((month, 1_000) for month in months)
    due = tuple(cp.Due(line.entitlement_id, line.site, line.method, periods) for line in BY_TRANSFER)
    at = T0 + timedelta(days=3_650)
    fields = {"run_id": run_id, "programme_id": LEEFGELD}
    payees = tuple(cp.Named(one, DRAWN) for one in (WITH_ACCOUNTS.payer, *WITH_ACCOUNTS.payees) if one is not None)
    for command in (
        replace(draft(run_id=run_id, period=period, due=due), at=at),
        cp.ApprovePayRun(at=at, role="finance", by=SECOND, budget_cents=10**9, home="stad", accounts=payees, **fields),
    ):
        handled = await paying(store).handle(LEEFGELD, command, context())
        assert handled.rejected is None, handled.rejected
    return run_id


async def test_twenty_at_once_killed_twenty_times_pay_once_in_one_file(postgres: Postgres) -> None:
    backend = await PgBackend.make(postgres, TABLES)
    try:
        runs = []
        async with Proxy(postgres) as wire:
            for number in range(ROUNDS):
                runs.append(await drafted(await backend.store(extra=TABLES), number))
                await _dies_in_the_middle(backend, wire, runs[-1], number)
                await _twenty_at_once(await backend.store(extra=TABLES), runs[-1])
                for store in backend.stores:
                    await store.close()
                backend.stores.clear()
            assert wire.cuts >= ROUNDS
        await _paid_once(await backend.store(extra=TABLES), runs)
    finally:
        await backend.close()


async def _dies_in_the_middle(backend: PgBackend, wire: Proxy, run_id: str, number: int) -> None:
    """A process that executes and loses its database: before it is stored, or after that and before it is told so."""
    dying = PgStore(wire.dsn(backend.dsn), "west", "placement", TABLES)
    await dying.open(T0)
    handler = paying(dying)
    await handler.load(LEEFGELD)
    if number % 2:
        wire.swallow_answers()
    tasks = [
        asyncio.create_task(handler.handle(LEEFGELD, replace(EXECUTE, run_id=run_id), context())) for _ in range(3)
    ]
    if not number % 2:
        for _ in range(number):  # a step further each time
            await asyncio.sleep(0)
        wire.cut()
        for task in tasks:
            task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    wire.cut()
    with suppress(StoreUnavailable, OriginHalted, OSError):
        await dying.close()


async def _twenty_at_once(store: PgStore, run_id: str) -> None:
    """Ten in each of two processes' memories, of one database."""
    handlers = (paying(store), paying(store))

    async def ask(number: int) -> bool:
        while True:
            try:
                command = replace(EXECUTE, run_id=run_id)
                handled = await handlers[number % 2].handle(LEEFGELD, command, context())
            except VersionConflict:
                continue
            assert handled.rejected is None
            return bool(handled.events)

    done = await asyncio.gather(*(ask(number) for number in range(AT_ONCE)))
    assert sum(done) <= 1


async def _paid_once(store: PgStore, runs: list[str]) -> None:
    recorded = await store.read_stream(PAYROLL.stream(LEEFGELD))
    events = [PAYROLL.codec.decode(event.data) for event in recorded]
    executed = [event for event in events if isinstance(event, ep.PayRunExecuted)]
    assert [event.run_id for event in executed] == runs
    paid = Counter(id_ for event in executed for order in event.orders for id_, _ in order.shares)
    assert paid == {line.entitlement_id: ROUNDS for line in BY_TRANSFER}
    state = PAYROLL.fold(PAYROLL.initial, events)
    assert all(len(periods) == ROUNDS and set(periods.values()) == {1_000} for periods in state.settled.values())
    files = {row["id"]: bytes(row["data"]) for row in await store.rows(pay_files)}
    assert files == {
        f"{event.run_id}/{kind}": data
        for event in executed for kind, data in (("transfers", event.bank_file), ("loads", event.card_file))
    }  # fmt: skip
    before = [await store.rows(table) for table in (postings, pay_orders, pay_files)]
    assert sum(row["cents"] for row in before[0]) == 0
    await rebuild(store, PAYROLLS, PAYROLL_TABLES, _quietly)
    after = [await store.rows(table) for table in (postings, pay_orders, pay_files)]
    assert [_sorted(rows) for rows in after] == [_sorted(rows) for rows in before]


def _sorted(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: row["id"])


def _quietly(*_: object) -> None:
    """Nobody looks on."""
