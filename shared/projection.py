"""Rebuilding a view: made anew beside the old one, which serves until the new one takes its place.

New tables are filled under other names. At the end, under the same lock as every append, they catch up with the last
event and take the names of the old ones, all in one transaction. A crash at any point leaves the old tables serving and
leftovers that the next rebuild drops.
"""

from __future__ import annotations

import asyncio
import gc
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Generic, TypeAlias, TypeVar

import asyncpg
import sqlalchemy as sa

from shared import schema
from shared.append_sql import LOCK_KEYS, delete_statement, quote, upsert_statement
from shared.batch import Row, Slot
from shared.clock import Clock
from shared.contracts.base import Contract
from shared.envelope import Message
from shared.handling import Aggregate
from shared.inbox import Follow, Reader, View
from shared.kernel import Command, Event
from shared.ports import Delete, Put, RowChange
from shared.store import PgStore

PAGE = 5_000
"""Events read and folded at once."""

SLICE = 500
"""Events folded before others get a turn: the next page arrives meanwhile, and commands are still answered."""

ROWS_MAX = 20_000
"""Rows kept in memory before they are written: of a row that changes often, only the last is."""

REBUILD_LOCK = "5000, 3"
"""One rebuild at a time in one database."""

SWAP_TRIES = 20
SWAP_WAIT = "500ms"
"""How long the swap waits for readers of the old table, while writers wait for it, before it lets them pass."""

NEW, OLD = "__new", "__old"

Progress: TypeAlias = Callable[[int, int], None]
"""Called with how many events are done and how many there are."""

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

S = TypeVar("S")
C = TypeVar("C", bound=Command)
E = TypeVar("E", bound=Event)

_INDEX = re.compile(r"(CREATE (?:UNIQUE )?INDEX) .+? ON (?:ONLY )?.+? (USING .+)", re.DOTALL)


class RebuildRunning(Exception):
    """Another rebuild is under way in this database."""


class RebuildStuck(Exception):
    """The new reader cannot get as far as the old one: the text says whose messages it cannot apply, and why."""


async def rebuild(store: PgStore, aggregate: Aggregate[S, C, E], tables: Sequence[sa.Table], progress: Progress) -> int:
    """Rebuilds the inline views of an aggregate from its events while the old ones serve; returns how many events.

    tables: everything the aggregate's `project` writes, and nothing else writes them. `project` is called once for each
    stream and page, with the time of the last event. Raises `RebuildRunning`, `StoreUnavailable`.
    """
    async with _beside(store, tables) as beside:
        replay = _Replay(store, aggregate, beside, progress)
        with _without_gc():
            await replay.until_near_the_end()
            await beside.swap(replay.catch_up)
    return replay.position


async def rebuild_reader(
    store: PgStore, reader: Reader, follows: Sequence[Follow], clock: Clock, progress: Progress
) -> int:
    """Rebuilds a view that is fed by a reader while the old one serves; returns how many messages were applied.

    follows: sources of its own, the same as the reader's. They are read from the start by a second reader; when that is
    as far as `reader`, tables, checkpoints, cursors and parked messages change hands. `reader` rests meanwhile and goes
    on from there. Raises `RebuildRunning`, `RebuildStuck`, `StoreUnavailable`.
    """
    name = reader.view.name
    async with _beside(store, reader.view.tables, name) as beside:
        shadow = PgStore(store.dsn, store.origin.site, store.origin.service, tuple(beside.fresh.values()))
        await shadow.open(clock.now())
        second = Reader(shadow, _shadow_view(reader.view, beside.fresh), clock)
        tasks = [asyncio.create_task(second.run(follow)) for follow in follows]
        try:
            while True:
                seen = second.applied.count
                if await _is_level(store, name, second, progress):
                    async with reader.resting(), second.resting():
                        if await beside.swap(lambda connection: _take_over(connection, name)):
                            await _stop(tasks)
                            return sum(sequence for _, sequence in second.checkpoints.values())
                await _next_batch(second, seen, tasks)
        finally:
            await _stop(tasks)
            await shadow.close()


async def _stop(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


# --- replaying events -------------------------------------------------------------------------------------------------


class _Replay(Generic[S, C, E]):
    """Folds every stream of an aggregate and gathers the rows that follow."""

    def __init__(self, store: PgStore, aggregate: Aggregate[S, C, E], beside: _Beside, progress: Progress) -> None:
        self._store, self._aggregate, self._beside, self._progress = store, aggregate, beside, progress
        self._prefix = aggregate.decider.stream("")
        self._states: dict[str, S] = {}
        self.position = 0

    async def until_near_the_end(self) -> None:
        """Replays page after page until less than a page is left."""
        total = await self._store.last_position()
        page = asyncio.ensure_future(self._fetch(0))
        try:
            while total - self.position > PAGE:
                events = await page
                page = asyncio.ensure_future(self._fetch(self.position + PAGE))
                await self._fold(events)
                self.position += PAGE
                if self._beside.waiting > ROWS_MAX:
                    await self._beside.write()
                self._progress(self.position, total)
                if total - self.position <= PAGE:
                    total = await self._store.last_position()
        finally:
            page.cancel()
            await asyncio.gather(page, return_exceptions=True)

    async def catch_up(self, connection: Connection) -> bool:
        """The last events, while nobody else writes."""
        last: int = await connection.fetchval("select coalesce(max(position), 0) from events")
        while self.position < last:
            until = min(self.position + PAGE, last)
            await self._fold(await connection.fetch(_EVENTS, self.position, until))
            self.position = until
        await self._beside.write()
        self._progress(last, last)
        return True

    async def _fetch(self, after: int) -> list[asyncpg.Record]:
        return await self._store.query(lambda pool: pool.fetch(_EVENTS, after, after + PAGE))

    async def _fold(self, events: Sequence[asyncpg.Record]) -> None:
        streams: dict[str, list[asyncpg.Record]] = {}
        for event in events:
            stream = event[0]
            if stream in streams:
                streams[stream].append(event)
            elif stream.startswith(self._prefix):
                streams[stream] = [event]
        folded = 0
        for stream, recorded in streams.items():
            self._fold_stream(stream, recorded)
            folded += len(recorded)
            if folded > SLICE:
                folded = 0
                await asyncio.sleep(0)

    def _fold_stream(self, stream: str, recorded: Sequence[asyncpg.Record]) -> None:
        decider = self._aggregate.decider
        decode = decider.codec.decode
        events = [decode(event[1]) for event in recorded]
        before = self._states.get(stream, decider.initial)
        after = self._states[stream] = decider.fold(before, events)
        self._beside.take(self._aggregate.project(before, events, after, recorded[-1][2]))


_EVENTS = "select stream, data, recorded_at from events where position > $1 and position <= $2 order by position"


@contextmanager
def _without_gc() -> Iterator[None]:
    """What a rebuild makes stays until the end or goes by itself: looking for cycles in it took a third of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


# --- a second reader --------------------------------------------------------------------------------------------------


def _shadow_view(view: View, fresh: Mapping[str, sa.Table]) -> View:
    """The same view, kept in the new tables under a name of its own."""

    def project(message: Message, contract: Contract) -> Iterable[RowChange]:
        for change in view.project(message, contract):
            table = fresh[change.table.name]
            yield Put(table, change.values) if isinstance(change, Put) else Delete(table, change.key)

    return replace(view, name=view.name + NEW, tables=tuple(fresh.values()), project=project)


async def _is_level(store: PgStore, name: str, second: Reader, progress: Progress) -> bool:
    """Whether the second reader has applied everything the first one has. Raises `RebuildStuck` when it never will."""
    goal = {
        (row["origin"], row["log"]): (row["epoch"], row["sequence"])
        for row in await store.rows(schema.checkpoints, reader=name)
    }
    done = sum(min(second.checkpoint(*log)[1], reached[1]) for log, reached in goal.items())
    progress(done, sum(sequence for _, sequence in goal.values()))
    behind = [log for log, reached in goal.items() if second.checkpoint(*log) < reached]
    for origin, _ in behind:
        if origin in second.incomplete:
            raise RebuildStuck(f"{origin}: {second.incomplete[origin]}")
    return not behind


async def _next_batch(second: Reader, seen: int, tasks: Sequence[asyncio.Task[None]]) -> None:
    """Waits until the second reader has applied more; a task of its that failed fails the rebuild."""
    more = asyncio.create_task(second.applied.wait(seen))
    try:
        done, _ = await asyncio.wait({more, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        more.cancel()


async def _take_over(connection: Connection, name: str) -> bool:
    """Gives the first reader what the second one knows, unless the first has got ahead of it again."""
    ahead = await connection.fetchval(
        "select exists (select 1 from checkpoints f left join checkpoints s"
        " on s.reader = $2 and s.origin = f.origin and s.log = f.log"
        " where f.reader = $1 and (s.reader is null or (s.epoch, s.sequence) < (f.epoch, f.sequence)))",
        name, name + NEW,
    )  # fmt: skip
    if not ahead:
        for table in _READERS:
            await connection.execute(f"delete from {table} where reader = $1", name)  # noqa: S608
            await connection.execute(f"update {table} set reader = $1 where reader = $2", name, name + NEW)  # noqa: S608
    return not ahead


_READERS = ("checkpoints", "cursors", "parked")
"""Where a reader keeps how far it is."""


# --- new tables beside the old ----------------------------------------------------------------------------------------


@asynccontextmanager
async def _beside(store: PgStore, tables: Sequence[sa.Table], reader: str = "") -> AsyncIterator[_Beside]:
    """New, empty tables, gone again unless they were swapped in. Keeps other rebuilds out.

    reader: whose tables they are, if one feeds them.
    """
    connection = await store.query(lambda _: asyncpg.connect(store.dsn, timeout=5))
    beside = _Beside(connection, store, tables, reader)
    try:
        if not await connection.fetchval(f"select pg_try_advisory_lock({REBUILD_LOCK})"):
            raise RebuildRunning
        await beside.clean()
        await beside.make()
        yield beside
        await beside.clean()
    except BaseException:
        if not connection.is_closed():
            await beside.clean()
        raise
    finally:
        connection.terminate()


class _Beside:
    """The new tables of one rebuild, and the rows that wait to be written to them."""

    def __init__(self, connection: Connection, store: PgStore, tables: Sequence[sa.Table], reader: str) -> None:
        self._connection, self._store, self._tables, self._reader = connection, store, tables, reader
        self.fresh = {table.name: table.to_metadata(sa.MetaData(), name=table.name + NEW) for table in tables}
        self._slots = {table.name: Slot(index, table) for index, table in enumerate(tables)}
        self._rows: list[dict[Row, Row | None]] = [{} for _ in tables]
        self._indexes: list[str] = []

    async def clean(self) -> None:
        """Drops what a rebuild left behind: this one's, or one that crashed."""
        async with self._connection.transaction():
            for table in self._tables:
                for suffix in (NEW, OLD):  # cascade: the append function of a writer that has not noticed the swap yet
                    await self._connection.execute(f"drop table if exists {quote(table.name + suffix)} cascade")
            for table_name in _READERS if self._reader else ():
                await self._connection.execute(
                    f"delete from {table_name} where reader = $1",  # noqa: S608
                    self._reader + NEW,
                )

    async def make(self) -> None:
        """Creates the new tables like the old ones are, with indexes whose names the swap puts right."""
        async with self._connection.transaction():
            for table in self._tables:
                new = quote(table.name + NEW)
                like = f"create table {new} (like {quote(table.name)} including all excluding indexes)"
                await self._connection.execute(like)
                for name, definition, constraint in await self._connection.fetch(_INDEXES, quote(table.name)):
                    self._indexes.append(name)
                    if constraint is not None:
                        statement = f"alter table {new} add constraint {quote(name + NEW)} {constraint}"
                    else:
                        found = _INDEX.fullmatch(definition)
                        assert found is not None, definition
                        statement = f"{found[1]} {quote(name + NEW)} on {new} {found[2]}"
                    await self._connection.execute(statement)

    def take(self, changes: Iterable[RowChange]) -> None:
        """Remembers changes of rows; of each row the last one counts."""
        for change in changes:
            slot = self._slots.get(change.table.name)
            if slot is None:
                continue
            if isinstance(change, Put):
                self._rows[slot.index][slot.key(change.values)] = change.values
            else:
                self._rows[slot.index][change.key] = None

    @property
    def waiting(self) -> int:
        """Rows that are not written yet."""
        return sum(map(len, self._rows))

    async def write(self) -> None:
        """Writes the rows that wait."""
        for slot, rows in zip(self._slots.values(), self._rows, strict=True):
            changes = list(rows.items())
            rows.clear()
            for start in range(0, len(changes), PAGE):
                await self._write(slot, changes[start : start + PAGE])

    async def _write(self, slot: Slot, changes: Sequence[tuple[Row, Row | None]]) -> None:
        new = self.fresh[self._tables[slot.index].name]
        rows = f"$1::{quote(new.name)}[]"
        gone = [slot.blank(key) for key, row in changes if row is None]
        if gone:
            await self._connection.execute(delete_statement(new, rows), gone)
        put = [row for _, row in changes if row is not None]
        if put:
            await self._connection.execute(upsert_statement(new, rows), put)

    async def swap(self, last_step: Callable[[Connection], Awaitable[bool]]) -> bool:
        """Takes the lock of all writers, does the last step, and lets the new tables take the old ones' places.

        Nothing is swapped when the last step says no. Whoever reads the old table for long is waited for in turns, and
        writers pass in between.
        """
        for left in reversed(range(SWAP_TRIES)):
            try:
                async with self._connection.transaction():
                    await self._connection.execute(f"select pg_advisory_xact_lock({LOCK_KEYS})")
                    await self._connection.execute(f"set local lock_timeout = '{SWAP_WAIT}'")
                    names = ", ".join(quote(table.name) for table in self._tables)
                    await self._connection.execute(f"lock table {names} in access exclusive mode")
                    if not await last_step(self._connection):
                        return False
                    await self._connection.execute(self._renames())
                break
            except asyncpg.LockNotAvailableError:
                if not left:
                    raise
        await self._store.reconnect()
        return True

    def _renames(self) -> str:
        steps = [("table", table.name) for table in self._tables] + [("index", name) for name in self._indexes]
        return ";\n".join(
            f"alter {kind} {quote(name)} rename to {quote(name + OLD)};\n"
            f"alter {kind} {quote(name + NEW)} rename to {quote(name)}"
            for kind, name in steps
        )


_INDEXES = """
select c.relname, pg_get_indexdef(i.indexrelid), pg_get_constraintdef(k.oid)
  from pg_index i
  join pg_class c on c.oid = i.indexrelid
  left join pg_constraint k on k.conindid = i.indexrelid and k.contype in ('p', 'u')
 where i.indrelid = $1::text::regclass
 order by i.indexrelid
"""
