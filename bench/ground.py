"""What every benchmark stands on: a PostgreSQL with real fsync, fresh databases, and rounds that take turns."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import msgspec
import sqlalchemy as sa
import uvloop
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from infra.postgres import Postgres, start_postgres
from shared import schema
from shared.envelope import Meta
from shared.ids import SystemIds
from shared.ports import Append, NewEvent, StreamWrite, Told
from shared.runtime import settle
from shared.store import PgStore

ROUNDS = 3
"""Rounds of each measurement at least; what counts is the median of their ratios."""

ROUNDS_OF_OURS = 7
"""Rounds where a process of ours is the limit: on a shared machine it takes a third more or less from one second to the
next, the peer hardly does, and it is the middle that counts."""

DATA_BYTES = 600
IDS = SystemIds()

T = TypeVar("T")


class Line(msgspec.Struct):
    """One line of the table: what was measured, against whom, and whether the target is met.

    ratio: measured / peer, the median over the rounds. at_most: the target is an upper limit, else a lower one.
    """

    name: str
    measured: float
    unit: str
    peer_name: str
    peer: float
    ratio: float
    target: float
    at_most: bool = False
    note: str = ""

    @property
    def met(self) -> bool:
        return self.ratio <= self.target if self.at_most else self.ratio >= self.target


@dataclass
class Ground:
    """The server all benchmarks of one run share, and how long they run."""

    server: Postgres
    directory: Path
    quick: bool = False
    loop: asyncio.AbstractEventLoop = field(default_factory=uvloop.new_event_loop, repr=False)
    _made: int = field(default=0, repr=False)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs one measurement to its end, on the event loop a site's process uses."""
        return self.loop.run_until_complete(work)

    async def database(self, tables: Sequence[sa.Table] = ()) -> str:
        """The address of a fresh database with the kernel's tables and `tables`."""
        self._made += 1
        name = f"bench_{self._made}"
        admin = await asyncpg.connect(self.server.dsn())
        try:
            await admin.execute(f'create database "{name}"')
        finally:
            await admin.close()
        dsn = self.server.dsn(name)
        await create_tables(dsn, [*schema.KERNEL_TABLES, *tables])
        return dsn

    @asynccontextmanager
    async def store(self, tables: Sequence[sa.Table] = (), service: str = "placement") -> AsyncIterator[PgStore]:
        """An open store on a fresh database."""
        store = PgStore(await self.database(tables), "west", service, tables)
        await store.open(datetime.now(UTC))
        settle()  # as a site's process does once its services run
        try:
            yield store
        finally:
            await store.close()


@contextmanager
def ground(quick: bool = False) -> Iterator[Ground]:
    """Starts the server, durable as in production, and removes it at the end."""
    with tempfile.TemporaryDirectory(prefix="plek-bench-", ignore_cleanup_errors=True) as directory:
        server = start_postgres(Path(directory) / "pg", fsync=True)
        try:
            yield Ground(server, Path(directory), quick)
        finally:
            server.stop()


async def create_tables(dsn: str, tables: Sequence[sa.Table]) -> None:
    """Creates tables and their indexes as declared."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    connection = await asyncpg.connect(dsn)
    try:
        for table in dict.fromkeys(tables):
            await connection.execute(str(CreateTable(table, if_not_exists=True).compile(dialect=dialect)))
            for index in table.indexes:
                await connection.execute(str(CreateIndex(index, if_not_exists=True).compile(dialect=dialect)))
    finally:
        await connection.close()


def payload(size: int = DATA_BYTES) -> bytes:
    """An event's JSON of `size` bytes."""
    return msgspec.json.encode({"type": "place-held.v1", "words": "x" * (size - 36)})


def new_append(stream: str, version: int, events: int = 1, data: bytes = payload()) -> Append:
    """What one command stores: `events` events of one stream, each told in the outbox."""
    ids = [IDS.event_id() for _ in range(events)]
    meta = Meta(ids[0], ids[0], "operator", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    told_type = "nl.plek.placement.place-held.v1"
    return Append(
        datetime.now(UTC),
        [StreamWrite(stream, version, [NewEvent(id_, "place-held.v1", data, meta) for id_ in ids])],
        [
            Told("pub", IDS.event_id(), told_type, stream, data, Meta(ids[0], id_, "operator", meta.traceparent))
            for id_ in ids
        ],
    )


async def workers(count: int, seconds: float, work: Callable[[int, Callable[[], bool]], Awaitable[int]]) -> float:
    """Runs `count` workers for `seconds` and returns what they did together a second.

    work: gets its number and a function that says whether to go on; returns how many it did.
    """
    settle()  # as every service does once all runs
    began = time.perf_counter()
    until = began + seconds
    done = await asyncio.gather(*(work(number, lambda: time.perf_counter() < until) for number in range(count)))
    return sum(done) / (time.perf_counter() - began)


def median_ratio(ours: Sequence[float], peers: Sequence[float]) -> float:
    """The median of the rounds' ratios; each round measured both, one after the other."""
    return statistics.median(mine / theirs for mine, theirs in zip(ours, peers, strict=True))


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
