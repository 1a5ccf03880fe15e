"""Rebuilding a view: made anew beside the old one, which serves until the new one takes its place.

New tables are filled under other names. At the end, under the same lock as every append, they catch up with the last
event and take the names of the old ones, all in one transaction. A crash at any point leaves the old tables serving and
leftovers that the next rebuild drops.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

import asyncpg
import sqlalchemy as sa

from shared import schema
from shared.aggregate import Aggregate
from shared.clock import Clock
from shared.contracts.base import Contract
from shared.envelope import Message
from shared.inbox import Follow, Reader, View
from shared.kernel import Command, Event
from shared.parked import NEW, LogKey
from shared.ports import Delete, Put, RowChange, Store
from shared.projection_tables import READER_TABLES, Beside, Connection, RebuildRunning, tables_beside
from shared.store import PgStore

PAGE = 5_000
"""Events read and folded at once."""

SLICE = 500
"""Events folded before others get a turn: the next page arrives meanwhile, and commands are still answered."""

ROWS_MAX = 20_000
"""Rows kept in memory before they are written: of a row that changes often, only the last is."""

STALL_SECONDS = 20.0
"""A second reader that hears nothing for so long while it is behind will not hear it: its bus has not all there was."""

NEAR = 500
"""So few messages behind, the first reader rests until the second has them: some tens of milliseconds."""

Progress: TypeAlias = Callable[[int, int], None]
"""Called with how many events are done and how many there are."""

S = TypeVar("S")
C = TypeVar("C", bound=Command)
E = TypeVar("E", bound=Event)


class RebuildStuck(Exception):
    """The new reader cannot get as far as the old one: the text says whose messages it cannot apply, and why."""


async def rebuild(store: PgStore, aggregate: Aggregate[S, C, E], tables: Sequence[sa.Table], progress: Progress) -> int:
    """Rebuilds the inline views of an aggregate from its events while the old ones serve; returns how many events.

    tables: everything the aggregate's `project` writes, and nothing else writes them. `project` is called once for each
    stream and page, with the time of the last event. Raises `RebuildRunning`, `StoreUnavailable`.
    """
    async with tables_beside(store, tables) as beside:
        replay = _Replay(store, aggregate, beside, progress)
        with _without_gc():
            await replay.until_near_the_end()
            await beside.swap(replay.catch_up)
    return replay.position


class ReaderTables(Protocol):
    """New tables for a reader's view, beside those that serve. fresh: by the old names. store: writes them."""

    fresh: Mapping[str, sa.Table]
    store: Store

    async def take_over(self) -> bool:
        """Gives the view the new tables, and its reader what the second one knows; not when the first has got ahead of
        it again. All at once.
        """
        ...


Tables: TypeAlias = Callable[[Any, View, datetime], AbstractAsyncContextManager[ReaderTables]]


@asynccontextmanager
async def reader_tables(store: PgStore, view: View, now: datetime) -> AsyncIterator[ReaderTables]:
    """New tables in the same database. Raises `RebuildRunning`, `StoreUnavailable`."""
    async with tables_beside(store, view.tables, view.name) as beside:
        shadow = PgStore(store.dsn, store.origin.site, store.origin.service, tuple(beside.fresh.values()))
        await shadow.open(now)
        try:
            yield _PgReaderTables(beside, shadow, view.name)
        finally:
            await shadow.close()


class _PgReaderTables:
    def __init__(self, beside: Beside, store: Store, name: str) -> None:
        self.fresh: Mapping[str, sa.Table] = beside.fresh
        self.store, self._beside, self._name = store, beside, name

    async def take_over(self) -> bool:
        return await self._beside.swap(lambda connection: _take_over(connection, self._name))


async def rebuild_reader(
    store: Store, reader: Reader, follows: Sequence[Follow], clock: Clock, progress: Progress,
    tables: Tables = reader_tables,
) -> int:  # fmt: skip
    """Rebuilds a view that is fed by a reader while the old one serves; returns how many messages were applied.

    follows: sources of its own, the same as the reader's. They are read from the start by a second reader; when that is
    as far as `reader`, tables, checkpoints, cursors, parked and discarded messages change hands. `reader` rests
    meanwhile and goes on from there. What a person has let go and cannot be digested by now either stays marked.
    Raises `RebuildRunning`, `RebuildStuck`, `StoreUnavailable`.
    """
    name = reader.view.name
    async with tables(store, reader.view, clock.now()) as beside:
        forgiven = await store.rows(schema.discarded, reader=name)
        second = Reader(beside.store, _shadow_view(reader.view, beside.fresh), clock, forgiven)
        tasks = [asyncio.create_task(second.run(follow)) for follow in follows]
        try:
            await _catch_up(store, name, second, tasks, clock, progress, NEAR)
            async with reader.resting():  # on a busy bus it would never be level with one that goes on
                while True:
                    await _catch_up(store, name, second, tasks, clock, progress)
                    async with second.resting():
                        if await beside.take_over():
                            await _stop(tasks)
                            reader.begin_again()
                            reader.applied.set()
                            return sum(sequence for _, sequence in second.checkpoints.values())
        finally:
            await _stop(tasks)


async def _stop(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


# --- replaying events -------------------------------------------------------------------------------------------------


class _Replay(Generic[S, C, E]):
    """Folds every stream of an aggregate and gathers the rows that follow."""

    def __init__(self, store: PgStore, aggregate: Aggregate[S, C, E], beside: Beside, progress: Progress) -> None:
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
                if len(events) < PAGE:  # it was fetched before all of it was stored
                    events = await self._fetch(self.position)
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
        events = decider.codec.decode_all([event[1] for event in recorded])
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


async def _catch_up(
    store: Store, name: str, second: Reader, tasks: Sequence[asyncio.Task[None]], clock: Clock, progress: Progress,
    near: int = 0,
) -> None:  # fmt: skip
    """Returns when the second reader has applied all but `near` messages of what the first one had a moment ago.

    Raises `RebuildStuck`.
    """
    while True:
        seen = second.applied.count
        behind = await _behind(store, name, second, progress)
        if sum(behind.values()) <= near:
            return
        await _next_batch(second, seen, tasks, behind, clock)


async def _behind(store: Store, name: str, second: Reader, progress: Progress) -> dict[LogKey, int]:
    """How many messages of a log the first reader has applied and the second has not. Raises `RebuildStuck` when that
    will stay so.
    """
    goal: dict[LogKey, tuple[int, int]] = {
        (row["origin"], row["log"]): (row["epoch"], row["sequence"])
        for row in await store.rows(schema.checkpoints, reader=name)
    }
    done = sum(min(second.checkpoint(*log)[1], reached[1]) for log, reached in goal.items())
    progress(done, sum(sequence for _, sequence in goal.values()))
    behind: dict[LogKey, int] = {}
    for log, (epoch, sequence) in goal.items():
        at_epoch, at = second.checkpoint(*log)
        if (at_epoch, at) < (epoch, sequence):
            behind[log] = sequence - (at if at_epoch == epoch else 0)
            if log[0] in second.aside.waiting:
                raise RebuildStuck(f"{log[0]}: {second.aside.waiting[log[0]]}")
    return behind


async def _next_batch(
    second: Reader, seen: int, tasks: Sequence[asyncio.Task[None]], behind: Iterable[LogKey], clock: Clock
) -> None:
    """Waits until the second reader has applied more; a task of its that failed fails the rebuild."""
    more = asyncio.create_task(second.applied.wait(seen))
    patience = asyncio.ensure_future(clock.sleep(STALL_SECONDS))
    try:
        done, _ = await asyncio.wait({more, patience, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        if patience in done and not more.done():
            origins = ", ".join(sorted({origin for origin, _ in behind}))
            raise RebuildStuck(f"{origins}: not all that was read of it is on this site's bus now")
    finally:
        more.cancel()
        patience.cancel()


async def _take_over(connection: Connection, name: str) -> bool:
    """Gives the first reader what the second one knows, unless the first has got ahead of it again."""
    ahead = await connection.fetchval(
        "select exists (select 1 from checkpoints f left join checkpoints s"
        " on s.reader = $2 and s.origin = f.origin and s.log = f.log"
        " where f.reader = $1 and (s.reader is null or (s.epoch, s.sequence) < (f.epoch, f.sequence)))",
        name, name + NEW,
    )  # fmt: skip
    if ahead:
        return False
    # A message that is still parked has been so since the first reader put it aside.
    await connection.execute(
        "update parked s set parked_at = f.parked_at, retries = f.retries, retried_at = f.retried_at"
        " from parked f where f.reader = $1 and s.reader = $2 and s.id = f.id",
        name, name + NEW,
    )  # fmt: skip
    for table in READER_TABLES:
        await connection.execute(f"delete from {table} where reader = $1", name)  # noqa: S608
        await connection.execute(f"update {table} set reader = $1 where reader = $2", name, name + NEW)  # noqa: S608
    return True


__all__ = [
    "Progress",
    "ReaderTables",
    "RebuildRunning",
    "RebuildStuck",
    "Tables",
    "reader_tables",
    "rebuild",
    "rebuild_reader",
]
