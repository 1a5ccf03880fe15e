"""Replay: fold a stream against the peer's `repository.get`; rebuild a view against reading bare rows."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from uuid import UUID

import asyncpg
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate as PeerAggregate
from eventsourcing.domain import event

from bench import tally
from bench.ground import IDS, ROUNDS, Ground, Line, median_ratio
from bench.peer import address
from infra.postgres import Postgres
from shared.clock import SystemClock
from shared.handling import Handler
from shared.projection import rebuild

STREAM_EVENTS = 1_000
LOADS = 20
EVENTS = 1_000_000
STREAMS = 500
PAGE = 5_000
LOAD_TARGET, REBUILD_TARGET = 5.0, 0.6


def run(ground: Ground) -> list[Line]:
    """Loads are milliseconds, lower is better, so their ratio is the peer's over ours."""
    return [_load(ground), ground.run(_rebuild(ground, EVENTS // 10 if ground.quick else EVENTS))]


# --- one stream -------------------------------------------------------------------------------------------------------


class PeerTally(PeerAggregate):
    """The same tally as the peer's documentation would write it."""

    def __init__(self) -> None:
        self.events = 0
        self.total = 0

    @event("Counted")
    def count(self, name: str, amount: int, words: str) -> None:
        self.events += 1
        self.total += amount


def _load(ground: Ground) -> Line:
    load_peer = _peer(ground.server, ground.run(ground.database()))
    peers, ours = [], []
    for _ in range(ROUNDS):
        peers.append(load_peer())
        ours.append(ground.run(load_ms(ground)))
    return Line("fold a stream of 1,000 events", statistics.median(ours), "ms", "eventsourcing repository.get",
                statistics.median(peers), median_ratio(peers, ours), LOAD_TARGET, note="peer / ours")  # fmt: skip


async def load_ms(ground: Ground) -> float:
    """The mean of loading one aggregate by a process that has just started."""
    async with ground.store((tally.tallies,)) as store:
        await tally.fill(store.dsn, STREAM_EVENTS, 1)
        times = []
        for _ in range(LOADS):
            handler = Handler(store, tally.AGGREGATE, SystemClock(), IDS)
            began = time.perf_counter()
            state, version = await handler.load("t0")
            times.append(time.perf_counter() - began)
            assert version == state.events == STREAM_EVENTS
        return statistics.mean(times) * 1000


def _peer(server: Postgres, dsn: str) -> Callable[[], float]:
    where = address(server, dsn)
    settings = {"PERSISTENCE_MODULE": "eventsourcing.postgres"} | {
        f"POSTGRES_{name.upper()}": value for name, value in where.items()
    }
    application: Application[UUID] = Application(env=settings)
    made = PeerTally()
    for n in range(STREAM_EVENTS - 1):
        made.count("t0", n % 97, tally.WORDS)
        if n % 20 == 0:  # its driver can wait for ever on a pipeline that is fuller than the socket
            application.save(made)
    application.save(made)

    def load() -> float:
        times = []
        for _ in range(LOADS):
            began = time.perf_counter()
            found: PeerTally = application.repository.get(made.id)
            times.append(time.perf_counter() - began)
            assert found.version == STREAM_EVENTS
        return statistics.mean(times) * 1000

    return load


# --- a view -----------------------------------------------------------------------------------------------------------


async def _rebuild(ground: Ground, count: int) -> Line:
    bare, ours = [], []
    async with ground.store((tally.tallies,)) as store:
        await tally.fill(store.dsn, count, STREAMS)
        for _ in range(ROUNDS):
            bare.append(await rows_a_second(store.dsn, count))
            began = time.perf_counter()
            assert await rebuild(store, tally.AGGREGATE, [tally.tallies], lambda *_: None) == count
            ours.append(count / (time.perf_counter() - began))
        rows = await store.rows(tally.tallies)
        assert sum(row["events"] for row in rows) == count
    return Line(f"rebuild a view from {count:,} events", statistics.median(ours), "events/s", "bare rows in pages",
                statistics.median(bare), median_ratio(ours, bare), REBUILD_TARGET)  # fmt: skip


async def rows_a_second(dsn: str, count: int) -> float:
    """Reads every event's row in keyset pages, and does nothing with it."""
    connection = await asyncpg.connect(dsn)
    try:
        began, last = time.perf_counter(), 0
        while rows := await connection.fetch(
            "select * from events where position > $1 order by position limit $2", last, PAGE
        ):
            last = rows[-1]["position"]
        assert last == count
        return count / (time.perf_counter() - began)
    finally:
        await connection.close()
