"""The PostgreSQL store: one writer task a process gathers the appends in flight into one transaction (group commit).

Appends arrive from many tasks; whoever waits is answered when its batch is durable. A refused append fails alone, the rest
of its batch is stored. Reading goes over a small pool of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import asyncpg
import msgspec
import sqlalchemy as sa

from shared import schema
from shared.append_sql import LOCK, append_call, append_function
from shared.batch import Batch, Pending
from shared.envelope import Log, Message, Meta, Origin, Recorded
from shared.ports import (
    Append,
    Appended,
    DueTimer,
    KeyRecord,
    KeyTaken,
    OriginHalted,
    StoreUnavailable,
    VersionConflict,
    Wake,
)

BATCH_MAX = 256
"""Appends in one transaction at most: past this the gain is small and everybody waits longer."""

QUEUE_MAX = 10_000
"""Appends waiting at most; one more is answered `StoreUnavailable` rather than piling up."""

VERSIONS_MAX = 100_000
"""Streams whose version the writer knows by heart at most."""

STATEMENT_SECONDS = 30.0
"""A batch that takes longer counts as a lost connection."""

RECONNECT_SECONDS = 5.0
"""How long a batch keeps trying to reach a database that went away before its callers are told."""

CONNECTION_ERRORS = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncio.TimeoutError,
)

_SERVER_SETTINGS = {"plan_cache_mode": "force_generic_plan", "jit": "off", "timezone": "UTC"}

_decode_meta = msgspec.json.Decoder(Meta).decode

T = TypeVar("T")


class PgStore:
    """A service's store on PostgreSQL.

    dsn: of this service's own database. site, service: who writes here.
    tables: every table the service writes inline with its appends (its views), beside the kernel's own.
    """

    lock_statement = LOCK

    def __init__(self, dsn: str, site: str, service: str, tables: Sequence[sa.Table] = ()) -> None:
        self.appended, self.told = Wake(), Wake()
        self.on_batch: Callable[[int], None] = lambda size: None
        self._dsn, self._site, self._service = dsn, site, service
        self._tables = (*schema.KERNEL_ROW_TABLES, *tables)
        self._slots = {table.name: slot for slot, table in enumerate(self._tables)}
        self._call = append_call(self._tables)
        self._origin: Origin | None = None
        self._halted: str | None = None
        self._queue: deque[Pending] = deque()
        self._work = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._versions: dict[str, int] = {}
        self._base = -1
        self._selects: dict[tuple[str, ...], str] = {}

    # --- life ---------------------------------------------------------------------------------------------------------

    async def open(self, now: datetime) -> None:
        """Connects, writes down the first epoch if there is none, and starts the writer. Raises `StoreUnavailable`."""
        try:
            self._pool = await asyncpg.create_pool(
                self._dsn, min_size=1, max_size=6, server_settings=_SERVER_SETTINGS, command_timeout=30, timeout=5
            )
            epoch = await self._pool.fetchval("select max(epoch) from origins")
            if epoch is None:
                await self._pool.execute(
                    "insert into origins (epoch, site, service, begun_at) values (1, $1, $2, $3) on conflict do nothing",
                    self._site,
                    self._service,
                    now,
                )
                epoch = 1
            self._origin = Origin(self._site, self._service, epoch)
            await self._connect()
        except CONNECTION_ERRORS as error:
            raise StoreUnavailable(type(error).__name__) from error
        self._writer = asyncio.create_task(self._write_for_ever(), name=f"store-writer-{self._site}-{self._service}")

    async def close(self) -> None:
        """Stores what is waiting, then lets go of the connections. Never leaves a caller waiting."""
        if self._writer is not None:
            while self._queue and not self._writer.done():
                await asyncio.sleep(0.005)
            self._writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._writer
        self._fail(list(self._queue), StoreUnavailable("closing"))
        self._queue.clear()
        if self._connection is not None:
            self._connection.terminate()
        if self._pool is not None:
            self._pool.terminate()

    @property
    def origin(self) -> Origin:
        if self._origin is None:
            raise RuntimeError("the store is not open")
        return self._origin

    @property
    def halted(self) -> str | None:
        return self._halted

    def halt(self, reason: str) -> None:
        self._halted = reason

    # --- writing ------------------------------------------------------------------------------------------------------

    async def append(self, append: Append) -> Appended:
        if self._halted is not None and append.streams:
            raise OriginHalted(self._halted)
        if self._writer is None or self._writer.done() or len(self._queue) >= QUEUE_MAX:
            raise StoreUnavailable("not open" if self._writer is None or self._writer.done() else "too many waiting")
        pending = Pending(append, asyncio.get_running_loop().create_future())
        self._queue.append(pending)
        self._work.set()
        return await pending.future

    async def _write_for_ever(self) -> None:
        try:
            while True:
                await self._work.wait()
                await asyncio.sleep(0)  # whoever the last batch woke gets to add its next append to this one
                batch = self._take()
                if not self._queue:
                    self._work.clear()
                await self._store(batch)
        finally:
            self._fail(list(self._queue), StoreUnavailable("the writer stopped"))

    def _take(self) -> list[Pending]:
        """The next batch: in order, at most one append a stream, since the next one's version depends on it."""
        batch: list[Pending] = []
        later: list[Pending] = []
        streams: set[str] = set()
        while self._queue and len(batch) < BATCH_MAX:
            pending = self._queue.popleft()
            if pending.future.done():
                continue  # its caller gave up before anything happened
            own = [write.stream for write in pending.append.streams]
            if pending.append.key is not None:
                own.append(f"\x00{pending.append.key.scope}\x00{pending.append.key.key}")
            if streams.isdisjoint(own):
                batch.append(pending)
            else:
                later.append(pending)
            streams.update(own)
        self._queue.extendleft(reversed(later))
        return batch

    async def _store(self, batch: list[Pending]) -> None:
        if not batch:
            return
        try:
            await self._commit(batch)
        except CONNECTION_ERRORS as error:
            await self._recover(batch, error)
        except asyncpg.PostgresError as error:
            if len(batch) == 1:
                self._fail(batch, error)
            else:  # one of them is not storable: find out which by storing them one by one
                for pending in batch:
                    await self._store([pending])
        except asyncio.CancelledError:
            self._fail(batch, StoreUnavailable("closing"))
            raise
        except Exception as error:  # a value the driver cannot encode: the same search
            if len(batch) == 1:
                self._fail(batch, error)
            else:
                for pending in batch:
                    await self._store([pending])

    async def _commit(self, pendings: list[Pending]) -> None:
        """One transaction. Answers every caller, or raises with none answered."""
        left = self._refuse_known_conflicts(pendings)
        while left:
            connection = self._connection
            if connection is None or connection.is_closed():
                connection = await self._connect()
            batch = Batch(left, self._slots, self._versions)
            row = await connection.fetchrow(
                self._call, self.origin.epoch, self._base, *batch.arguments(), timeout=STATEMENT_SECONDS
            )
            assert row is not None
            epoch, base, conflicts, taken, pub, loc = row
            if epoch != self.origin.epoch:
                self.halt(f"epoch {epoch} has begun elsewhere; this process still writes epoch {self.origin.epoch}")
                self._fail(left, OriginHalted(str(self._halted)))
                return
            if self._base not in (-1, base):
                self._forget()  # somebody else wrote: what this writer knew by heart is worth nothing
                continue
            if not conflicts and not taken:
                self._base = batch.stored(base, pub or 0, loc or 0, self._versions)
                self.on_batch(len(left))
                self.appended.set()
                if pub is not None:
                    self.told.set()
                return
            for cmd in conflicts or ():
                left[cmd - 1].answer(VersionConflict(left[cmd - 1].append.streams[0].stream))
            for cmd in taken or ():
                left[cmd - 1].answer(KeyTaken())
            left = [pending for pending in left if not pending.future.done()]

    def _refuse_known_conflicts(self, pendings: list[Pending]) -> list[Pending]:
        """Refuses what is late by this writer's own knowledge, and keeps that knowledge within bounds."""
        if len(self._versions) > VERSIONS_MAX:
            self._forget()
        left = []
        for pending in pendings:
            late = next(
                (
                    write.stream
                    for write in pending.append.streams
                    if self._versions.get(write.stream, write.expected_version) != write.expected_version
                ),
                None,
            )
            if late is None:
                left.append(pending)
            else:
                self._versions.pop(late)  # the next try is checked by the database, should this knowledge be wrong
                pending.answer(VersionConflict(late))
        return left

    def _forget(self) -> None:
        self._versions.clear()
        self._base = -1

    async def _recover(self, batch: list[Pending], error: Exception) -> None:
        """The connection died, perhaps in the commit: what was stored is found, what was not is tried again."""
        self._connection = None
        loop = asyncio.get_running_loop()
        until, wait = loop.time() + RECONNECT_SECONDS, 0.02
        while loop.time() < until:
            try:
                connection = await self._connect()
                for pending in batch:
                    if await self._was_stored(connection, pending):
                        pending.answer(Appended(await self._head(connection), {}))
                left = [pending for pending in batch if not pending.future.done()]
                if left:
                    await self._commit(left)
                self.appended.set()
                self.told.set()
                return
            except CONNECTION_ERRORS as again:
                error, self._connection = again, None
                await asyncio.sleep(wait)
                wait = min(wait * 2, 0.5)
            except asyncpg.PostgresError as refused:
                self._fail(batch, refused)
                return
        self._fail(batch, StoreUnavailable(type(error).__name__))

    async def _was_stored(self, connection: asyncpg.Connection[asyncpg.Record], pending: Pending) -> bool:
        """Whether this very append is in the database. Checkpoints and views are absolute: storing them twice is harmless."""
        append = pending.append
        if append.streams:
            write = append.streams[0]
            found = await connection.fetchval(
                "select id from events where stream = $1 and version = $2", write.stream, write.expected_version + 1
            )
            return found is not None and str(found) == write.events[0].id
        if append.told:
            told = append.told[-1]
            return bool(
                await connection.fetchval(
                    "select exists (select 1 from (select id from outbox where epoch = $1 and log = $2"
                    " order by sequence desc limit 10000) recent where id = $3)",
                    self.origin.epoch,
                    told.log,
                    told.id,
                )
            )
        return False

    @staticmethod
    async def _head(connection: asyncpg.Connection[asyncpg.Record]) -> int:
        return int(await connection.fetchval("select coalesce(max(position), 0) from events"))

    @staticmethod
    def _fail(batch: Sequence[Pending], error: Exception) -> None:
        for pending in batch:
            if not pending.future.done():
                pending.future.set_exception(error)

    async def _connect(self) -> asyncpg.Connection[asyncpg.Record]:
        """The writer's own connection with its append function. The pool would reset it at each release."""
        connection = await asyncpg.connect(
            self._dsn, server_settings=_SERVER_SETTINGS | {"application_name": "plek-writer"}, timeout=5
        )
        await connection.execute(append_function(self._tables, self.lock_statement))
        self._connection = connection
        self._forget()
        return connection

    async def reconnect(self) -> None:
        """Makes the append function anew, after a view's table was swapped for its rebuilt one."""
        connection, self._connection = self._connection, None
        await self._connect()
        if connection is not None:
            connection.terminate()

    # --- reading ------------------------------------------------------------------------------------------------------

    @property
    def pool(self) -> asyncpg.Pool[asyncpg.Record]:
        """For the queries of views. Raises `StoreUnavailable` before `open`."""
        if self._pool is None:
            raise StoreUnavailable("not open")
        return self._pool

    async def query(self, work: Callable[[asyncpg.Pool[asyncpg.Record]], Awaitable[T]]) -> T:
        """Runs one read and turns a lost database into `StoreUnavailable`. A connection that died is tried once more."""
        for attempt in (1, 2):
            try:
                return await work(self.pool)
            except CONNECTION_ERRORS as error:
                if attempt == 2:
                    raise StoreUnavailable(type(error).__name__) from error
        raise AssertionError("unreachable")

    async def read_stream(self, stream: str, after_version: int = 0, limit: int | None = None) -> list[Recorded]:
        rows = await self.query(
            lambda pool: pool.fetch(
                "select position, stream, version, id, type, data, meta, recorded_at from events"
                " where stream = $1 and version > $2 order by version limit $3",
                stream,
                after_version,
                limit,
            )
        )
        return [_recorded(row) for row in rows]

    async def read_all(self, after_position: int, limit: int) -> list[Recorded]:
        rows = await self.query(
            lambda pool: pool.fetch(
                "select position, stream, version, id, type, data, meta, recorded_at from events"
                " where position > $1 order by position limit $2",
                after_position,
                limit,
            )
        )
        return [_recorded(row) for row in rows]

    async def read_outbox(self, log: Log, after_sequence: int, limit: int) -> list[Message]:
        origin = self.origin
        rows = await self.query(
            lambda pool: pool.fetch(
                "select sequence, id, type, subject, data, meta, recorded_at from outbox"
                " where epoch = $1 and log = $2 and sequence > $3 order by sequence limit $4",
                origin.epoch,
                log,
                after_sequence,
                limit,
            )
        )
        return [_message(origin, log, row) for row in rows]

    async def outbox_last(self, log: Log) -> int:
        return int(
            await self.query(
                lambda pool: pool.fetchval(
                    "select coalesce(max(sequence), 0) from outbox where epoch = $1 and log = $2",
                    self.origin.epoch,
                    log,
                )
            )
        )

    async def last_position(self) -> int:
        return int(await self.query(lambda pool: pool.fetchval("select coalesce(max(position), 0) from events")))

    async def find_key(self, scope: str, key: str) -> KeyRecord | None:
        row = await self.query(
            lambda pool: pool.fetchrow(
                "select scope, key, body_hash, stream, from_version, to_version, refusal from idempotency"
                " where scope = $1 and key = $2",
                scope,
                key,
            )
        )
        return None if row is None else KeyRecord(*row)

    async def due_timers(self, now: datetime, limit: int) -> list[DueTimer]:
        rows = await self.query(
            lambda pool: pool.fetch(
                "select id, due_at, kind, key from timers where due_at <= $1 order by due_at, id limit $2", now, limit
            )
        )
        return [DueTimer(*row) for row in rows]

    async def rows(self, table: sa.Table, **equals: Any) -> list[dict[str, Any]]:
        shape = (table.name, *equals)
        sql = self._selects.get(shape)
        if sql is None:
            where = " and ".join(f'"{name}" = ${n}' for n, name in enumerate(equals, 1)) or "true"
            order = ", ".join(f'"{name}"' for name in schema.key_columns(table))
            columns = ", ".join(f'"{name}"' for name in table.columns.keys())
            sql = self._selects[shape] = f'select {columns} from "{table.name}" where {where} order by {order}'  # noqa: S608
        values = tuple(equals.values())
        return [dict(row) for row in await self.query(lambda pool: pool.fetch(sql, *values))]


def _recorded(row: asyncpg.Record) -> Recorded:
    position, stream, version, id_, type_, data, meta, recorded_at = row
    return Recorded(position, stream, version, str(id_), type_, data, _decode_meta(meta), recorded_at)


def _message(origin: Origin, log: Log, row: asyncpg.Record) -> Message:
    sequence, id_, type_, subject, data, meta_bytes, recorded_at = row
    meta = _decode_meta(meta_bytes)
    return Message(
        origin,
        log,
        sequence,
        str(id_),
        type_,
        subject,
        recorded_at,
        meta.correlation_id,
        meta.causation_id,
        data,
        meta.observed_at,
        meta.traceparent,
    )


__all__ = ["BATCH_MAX", "KeyTaken", "PgStore", "VersionConflict"]
