"""The stores under test: one database or disk, and as many processes' stores on it as a test asks for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import asyncpg
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from infra.postgres import Postgres
from shared import schema
from shared.envelope import Log, Meta
from shared.ids import SystemIds
from shared.ports import Append, KeyRecord, NewEvent, RowChange, Store, StreamWrite, Told
from shared.store import PgStore
from tests.support.memory_store import Disk, MemoryStore
from tests.support.servers import drop_database, fresh_database

NOW = datetime(2026, 1, 5, 22, 0, 0, 123456, tzinfo=UTC)
DEADLINE_SECONDS = 30.0
IDS = SystemIds()

tables = sa.MetaData()

boxes = sa.Table(
    "boxes",
    tables,
    sa.Column("shelf", schema.NAME, primary_key=True),
    sa.Column("name", schema.NAME, primary_key=True),
    sa.Column("words", sa.Text),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("seen_at", schema.TIME),
    sa.Column("marks", postgresql.ARRAY(sa.Text), nullable=False),
)
"""A view of the tests' own: a key of two columns, and columns that may be null."""

seen = sa.Table("seen", tables, sa.Column("name", schema.NAME, primary_key=True))
"""A table that is nothing but its key."""

lines = sa.Table(
    "lines",
    tables,
    sa.Column("name", schema.NAME, primary_key=True),
    sa.Column("count", sa.Integer, nullable=False),
    info=schema.ADDED_TO,
)
"""A table that is only added to, unless somebody reads again what was read before."""

TABLES = (boxes, seen, lines)


class Backend(Protocol):
    """One durable memory. Each `store` is another process's way to it."""

    async def store(self) -> Store: ...

    async def begin_epoch(self, epoch: int) -> None:
        """What another process does to repair the origin."""
        ...

    async def close(self) -> None: ...


class MemoryBackend:
    def __init__(self) -> None:
        self.disk = Disk()

    async def store(self) -> Store:
        return MemoryStore(self.disk, "west", "placement", _others_get_a_turn)

    async def begin_epoch(self, epoch: int) -> None:
        await MemoryStore(self.disk, "west", "placement").begin_epoch([told(log="pub")], epoch, NOW)

    async def close(self) -> None:
        """Nothing is open."""


async def _others_get_a_turn(what: str) -> None:
    await asyncio.sleep(0)


class PgBackend:
    """A database of a test's own on the server all tests of this worker share."""

    def __init__(self, server: Postgres, dsn: str) -> None:
        self.server, self.dsn = server, dsn
        self.stores: list[PgStore] = []

    @classmethod
    async def make(cls, server: Postgres, extra: Sequence[sa.Table] = TABLES) -> PgBackend:
        backend = cls(server, await fresh_database(server))
        await create_tables(backend.dsn, (*schema.KERNEL_TABLES, *extra))
        return backend

    async def store(self, kind: type[PgStore] = PgStore, extra: Sequence[sa.Table] = TABLES) -> PgStore:
        store = kind(self.dsn, "west", "placement", extra)
        await store.open(NOW)
        self.stores.append(store)
        return store

    async def begin_epoch(self, epoch: int) -> None:
        other = await self.store()
        await other.begin_epoch([told(log="pub")], epoch, NOW)

    async def run(self, statements: str) -> None:
        """Runs statements as somebody else, in one transaction."""
        connection = await asyncpg.connect(self.dsn)
        try:
            await connection.execute(statements)
        finally:
            await connection.close()

    async def fetch(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """What somebody else reads."""
        connection = await asyncpg.connect(self.dsn)
        try:
            return [tuple(row.values()) for row in await connection.fetch(statement, *values)]
        finally:
            await connection.close()

    async def close(self) -> None:
        for store in self.stores:
            await store.close()
        await drop_database(self.server, self.dsn)


async def create_tables(dsn: str, wanted: Sequence[sa.Table]) -> None:
    """Creates tables and their indexes as they are declared."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    statements = [str(CreateTable(table).compile(dialect=dialect)) for table in wanted]
    statements += [str(CreateIndex(index).compile(dialect=dialect)) for table in wanted for index in table.indexes]
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(";\n".join(statements))
    finally:
        await connection.close()


# --- what is appended -------------------------------------------------------------------------------------------------


def meta(**more: Any) -> Meta:
    return Meta(IDS.event_id(), IDS.event_id(), "operator", **more)


def event(data: bytes = b'{"n":1}', **more: Any) -> NewEvent:
    return NewEvent(IDS.event_id(), "thing-done.v1", data, meta(**more))


def told(
    data: bytes = b'{"told":1}', log: Log = "pub", read: Callable[[bytes], object] | None = None, **more: Any
) -> Told:
    return Told(log, IDS.event_id(), "nl.plek.placement.thing-told.v1", "somewhere", data, meta(**more), read)


def write(stream: str, expected: int, count: int = 1) -> StreamWrite:
    return StreamWrite(stream, expected, [event(b'{"n":%d}' % (expected + n)) for n in range(1, count + 1)])


def append(
    stream: str | None = None, expected: int = 0, count: int = 1, *, told: Sequence[Told] = (),
    rows: Sequence[RowChange] = (), key: KeyRecord | None = None, at: datetime = NOW,
) -> Append:  # fmt: skip
    """An append of `count` events to one stream, or of none."""
    streams = [] if stream is None else [write(stream, expected, count)]
    return Append(at, streams, told, rows, [] if key is None else [key])


def key(name: str = "k1", scope: str = "desk POST /holds", refusal: bytes | None = None) -> KeyRecord:
    return KeyRecord(scope, name, b"\x00\xff" * 16, "a/1", 1, 1, refusal)


def box(shelf: str, name: str, count: int, words: str | None = None) -> tuple[Any, ...]:
    return (shelf, name, words, count, NOW + timedelta(seconds=count), ["a", "b"])


async def gather(*work: Any) -> list[Any]:
    """Everything at once, with refusals as results, within a deadline: nobody may be left waiting."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        return list(await asyncio.gather(*work, return_exceptions=True))
