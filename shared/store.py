"""The PostgreSQL store: appends go through one writer task (`writer.py`), reads over a small pool of their own."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import asyncpg
import msgspec
import sqlalchemy as sa

from shared import schema
from shared.append_sql import LOCK, LOCK_KEYS
from shared.batch import Grown, ToldRow
from shared.due import DueTimers
from shared.envelope import Log, Message, Meta, Origin, Recorded
from shared.epoch_sql import begin_epoch, doubt, lift_doubt
from shared.lane import SERVER_SETTINGS
from shared.ports import (
    GIVEN,
    Append,
    Appended,
    DueTimer,
    KeyRecord,
    OriginHalted,
    Put,
    StoreUnavailable,
    Told,
    Wake,
)
from shared.recent import Recent
from shared.remembered import Remembered
from shared.writer import Writer, unreachable

POOL_MAX = 6
"""Connections for reading at most."""

READ_SECONDS = 30.0
"""A read that takes longer is given up."""

_decode_meta = msgspec.json.Decoder(Meta).decode

T = TypeVar("T")


class PgStore:
    """A service's store on PostgreSQL.

    dsn: of this service's own database. site, service: who writes here.
    tables: every table the service writes inline with its appends (its views), beside the kernel's own.
    on_over (set it before `open`): called with the reason when this process has to begin anew, because its epoch is
    over or the database was put back to an older state.
    """

    lock_statement = LOCK

    def __init__(self, dsn: str, site: str, service: str, tables: Sequence[sa.Table] = ()) -> None:
        self.appended, self.told = Wake(), Wake()
        self.on_batch: Callable[[int], None] = lambda _: None
        self.on_over: Callable[[str], None] = lambda _: None
        self.dsn = dsn
        self._site, self._service = site, service
        self._tables = (*schema.KERNEL_ROW_TABLES, *tables)
        self._origin: Origin | None = None
        self._halted: str | None = None
        self._writer: Writer | None = None
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._selects: dict[tuple[str, ...], str] = {}
        self._recent = Recent()
        self._remembered = Remembered()
        self._due = DueTimers(self.query, self.appended)

    # --- life ---------------------------------------------------------------------------------------------------------

    async def open(self, now: datetime, first_epoch: int = 1) -> None:
        """Connects, writes down the first epoch if there is none, and starts the writer. Raises `StoreUnavailable`.

        first_epoch: where a new store begins. One that ended before it is of an earlier site of this name, which has
        left; what it told now would be taken for what others have heard already, so it is not opened.
        """
        try:
            self._pool = await asyncpg.create_pool(
                self.dsn, min_size=1, max_size=POOL_MAX, server_settings=SERVER_SETTINGS, command_timeout=READ_SECONDS,
                timeout=5, reset=_no_reset,
            )  # fmt: skip
            self._origin = Origin(self._site, self._service, await self._first_epoch(self._pool, now, first_epoch))
            writer = Writer(
                self.dsn, self._origin, self._tables, self._stored, self._lost, self._over, self._remembered.older,
                self.lock_statement,
            )  # fmt: skip
            await writer.start()
            self._writer = writer
        except Exception as error:
            await self.close()
            if unreachable(error):
                raise StoreUnavailable(type(error).__name__) from error
            raise

    async def _first_epoch(self, pool: asyncpg.Pool[asyncpg.Record], now: datetime, first: int) -> int:
        epoch = await pool.fetchval("select max(epoch) from origins")
        if epoch is None:
            await pool.execute(
                "insert into origins (epoch, site, service, begun_at) values ($4, $1, $2, $3) on conflict do nothing",
                self._site, self._service, now, first,
            )  # fmt: skip
        elif epoch < first:
            raise StoreUnavailable(
                f"the database of {self._service} is an earlier site's: it ends in epoch {epoch}, and "
                f"{self._site} began in epoch {first}; give it an empty one, or a backup of its own"
            )
        return int(epoch or first)

    async def close(self) -> None:
        """Stores what is waiting, then lets go of the connections. Never leaves a caller waiting."""
        if self._writer is not None:
            await self._writer.close()
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

    async def compare(self) -> None:
        """Ends this process's work (`on_over`) if the database is older than what it has stored: an idle one would not
        notice. Raises `StoreUnavailable`.
        """
        reason = await self.query(self._remembered.older)
        if reason is not None:
            self._over(reason)

    def _over(self, reason: str) -> None:
        self.halt(reason)
        self.on_over(reason)

    # --- writing ------------------------------------------------------------------------------------------------------

    async def append(self, append: Append) -> Appended:
        if self._halted is not None and append.streams:
            raise OriginHalted(self._halted)
        if self._writer is None:
            raise StoreUnavailable("not open")
        if append.streams:
            return await self._writer.submit(append)
        appended = await self._writer.submit(append)
        self._remembered.read(append.rows)
        return appended

    def _stored(self, size: int, told: Mapping[Log, Grown]) -> None:
        self.on_batch(size)
        for log, grown in told.items():
            self._recent.add(log, grown)
            self._remembered.told(self.origin.epoch, log, grown)
        self.appended.set()
        if told:
            self.told.set()

    def _lost(self) -> None:
        """A lane of the writer has connected: it may have stored rows nobody heard of, or in another database."""
        self._recent.forget()
        self._due.forget()
        self.told.set()

    async def reconnect(self) -> None:
        """Makes the append function anew, after a view's table was swapped for its rebuilt one."""
        if self._writer is not None:
            await self._writer.renew()

    async def begin_epoch(
        self, first: Sequence[Told], epoch: int, now: datetime, rows: Sequence[Put] = (), position: int | None = None
    ) -> Origin:
        """From now on this store writes `epoch`, later than its own; the new logs begin with `first`. One transaction,
        with these new rows. position: refused (`VersionConflict`) unless the store is still there.

        Raises `StoreUnavailable`, and `OriginHalted` when another epoch than this process writes has begun already.
        """
        old = self.origin
        assert epoch > old.epoch
        origin = Origin(old.site, old.service, epoch)
        last = await self.query(lambda pool: begin_epoch(pool, old.epoch, origin, first, now, rows, position))
        if last is not None:
            raise OriginHalted(f"epoch {last} has begun elsewhere")
        self._origin, self._halted = origin, None
        self._recent.forget()
        if self._writer is not None:
            self._writer.origin = origin
        self.told.set()
        return origin

    async def doubt(self, log: Log) -> None:
        await self.query(lambda pool: doubt(pool, self.origin.epoch, log))

    async def lift_doubt(self, log: Log, sequence: int) -> None:
        await self.query(lambda pool: lift_doubt(pool, self.origin.epoch, log, sequence))

    # --- reading ------------------------------------------------------------------------------------------------------

    @property
    def pool(self) -> asyncpg.Pool[asyncpg.Record]:
        """For the queries of views. Raises `StoreUnavailable` before `open`."""
        if self._pool is None:
            raise StoreUnavailable("not open")
        return self._pool

    async def query(self, work: Callable[[asyncpg.Pool[asyncpg.Record]], Awaitable[T]]) -> T:
        """Runs one read; a lost database is `StoreUnavailable`. A connection that died is tried once more."""
        for attempt in (1, 2):
            try:
                return await work(self.pool)
            except Exception as error:
                if not unreachable(error):
                    raise
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

    async def read_to_fold(self, stream: str, after_version: int = 0) -> Sequence[tuple[int, bytes]]:
        sql = "select version, data from events where stream = $1 and version > $2 order by version"
        rows: Sequence[Any] = await self.query(lambda pool: pool.fetch(sql, stream, after_version))
        return rows

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
        recent = self._recent.after(log, after_sequence, limit)
        if recent is not None:
            return [_as_message(origin, sequence, row) for sequence, row in enumerate(recent, after_sequence + 1)]
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

    async def behind_lock(self) -> None:
        """Waits for the writer's lock as a reader of it: a slow disk and a forgotten transaction show, too."""
        await self.query(lambda pool: pool.execute(f"select pg_advisory_xact_lock_shared({LOCK_KEYS})"))

    async def latest_epoch(self) -> int:
        return int(await self.query(lambda pool: pool.fetchval("select max(epoch) from origins")))

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
        return await self._due.look(now, limit)

    async def rows(self, table: sa.Table, **equals: Any) -> list[dict[str, Any]]:
        shape = (table.name, *equals)
        sql = self._selects.get(shape)
        if sql is None:
            where = " and ".join(f'"{name}" = ${n}' for n, name in enumerate(equals, 1)) or "true"
            order = ", ".join(f'"{name}"' for name in schema.key_columns(table))
            columns = ", ".join(f'"{column.name}"' for column in table.columns)
            sql = self._selects[shape] = f'select {columns} from "{table.name}" where {where} order by {order}'  # noqa: S608
        values = tuple(equals.values())
        return [dict(row) for row in await self.query(lambda pool: pool.fetch(sql, *values))]

    async def page(self, table: sa.Table, after: str | None, limit: int, **where: Any) -> list[dict[str, Any]]:
        [key] = schema.key_columns(table)
        values = [value for value in where.values() if value is not None and value is not GIVEN]
        number = itertools.count(1)
        tests = [
            f'"{name}" is null' if value is None else f'"{name}" is not null' if value is GIVEN
            else f'"{name}" = any(${next(number)})' if isinstance(value, list) else f'"{name}" = ${next(number)}'
            for name, value in where.items()
        ]  # fmt: skip
        if after is not None:
            tests.append(f'"{key}" > ${next(number)}')
            values.append(after)
        columns = ", ".join(f'"{column.name}"' for column in table.columns)
        sql = (
            f'select {columns} from "{table.name}" where {" and ".join(tests) or "true"}'  # noqa: S608
            f' order by "{key}" limit ${next(number)}'
        )
        return [dict(row) for row in await self.query(lambda pool: pool.fetch(sql, *values, limit))]


def _recorded(row: asyncpg.Record) -> Recorded:
    position, stream, version, id_, type_, data, meta, recorded_at = row
    return Recorded(position, stream, version, str(id_), type_, data, _decode_meta(meta), recorded_at)


def _as_message(origin: Origin, sequence: int, row: ToldRow) -> Message:
    """A row of the outbox as it would be read from the database."""
    told, recorded_at = row
    meta = told.meta
    return Message(
        origin,
        told.log,
        sequence,
        told.id,
        told.type,
        told.subject,
        recorded_at,
        meta.correlation_id,
        meta.causation_id,
        told.data,
        meta.observed_at,
        meta.traceparent,
    )


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


async def _no_reset(connection: object) -> None:
    """Nothing is ever set on a reading connection, so giving it back needs no round trip."""
