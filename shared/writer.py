"""Group commit: a store's writer gathers the appends in flight into one transaction, over connections of its own.

Whoever waits is answered when its batch is durable; a refused append fails alone. The writer has two lanes, each a
connection. While the database stores the batch of one, a large enough next batch leaves on the other and waits there
for the lock, so that the database goes from commit to commit without waiting for this process. What the second batch
takes for granted (the store's last position, the versions of its streams) is what the first will have made of it; if
the first fails, the database refuses the second, and it is tried again without taking anything for granted.

A connection that is lost in a commit leaves its outcome unknown. Its lane then connects again, makes sure that the
lost session has ended, and looks for what it had stored before it tries the rest again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence

import asyncpg
import sqlalchemy as sa

from shared.append_sql import LOCK, append_call, append_function
from shared.batch import NEWS_OF_NOBODY, Batch, Grown, Own, Pending, Slot, read_back, write_out
from shared.envelope import Log, Origin
from shared.lane import Connection, Lane
from shared.ports import Append, Appended, OriginHalted, StoreUnavailable, Untellable, VersionConflict

BATCH_MAX = 256
"""Appends in one transaction at most: past this the gain is small and everybody waits longer."""

AHEAD_MIN = 8
"""So many must wait for a batch to leave while another is being stored: smaller ones gain more by growing."""

SPLIT_MIN = 2 * AHEAD_MIN
"""A batch of so many is woken in two halves when nothing else is under way, so that there are two to alternate."""

QUEUE_MAX = 10_000
"""Appends waiting at most; one more is answered `StoreUnavailable` rather than piling up."""

VERSIONS_MAX = 100_000
"""Streams whose version the writer knows by heart at most."""

TRIES_MAX = 5
"""How often a batch is sent again because a view was swapped under it: a lane may connect just before the next swap."""

STATEMENT_SECONDS = 30.0
"""A batch that takes longer counts as a lost connection."""

RECONNECT_SECONDS = 5.0
"""How long a batch keeps trying to reach a database that went away before its callers are told."""

CLOSE_SECONDS = 5.0
"""How long closing waits for what is still to be stored."""

_UNREACHABLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.PostgresSystemError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)

_STALE = (asyncpg.SyntaxOrAccessError, asyncpg.FeatureNotSupportedError, asyncpg.InternalServerError)
"""What the append function answers after a view was swapped for its rebuilt one."""

_NUMBERS = ("events_pkey", "outbox_pkey")
"""Two rows with one number: under the lock there are none."""

_VERSIONS = "events_stream_version"
"""Two events with one version: what a lane knew by heart was wrong, and the database did not believe it."""

Answers = list[tuple[Pending, Appended]]


def unreachable(error: BaseException) -> bool:
    """Whether the database cannot do its work now, rather than that it was asked something wrong."""
    return isinstance(error, _UNREACHABLE) and not isinstance(error, asyncpg.DataError)


class Writer:
    """The writer of one store.

    tables: whatever is written inline with the appends. lock: the statement that makes writers queue.
    on_stored: called with the number of appends stored and what each log grew by, if it did.
    on_lost: called when a connection is made: whatever was known of the database may be of another one.
    on_halt: called with the reason when another process has begun a new epoch, or writes without the lock, or the
    database is older. older: asked on each connection before anything is written: why it is, or None.
    """

    def __init__(
        self, dsn: str, origin: Origin, tables: Sequence[sa.Table],
        on_stored: Callable[[int, Mapping[Log, Grown]], None], on_lost: Callable[[], None],
        on_halt: Callable[[str], None],
        older: Callable[[Connection], Awaitable[str | None]], lock: str = LOCK,
    ) -> None:  # fmt: skip
        self.origin = origin
        self._older = older
        self._dsn, self._on_stored, self._on_lost, self._on_halt = dsn, on_stored, on_lost, on_halt
        self._slots = {table.name: Slot(index, table) for index, table in enumerate(tables)}
        self._function, self._call = append_function(tables, lock), append_call(tables)
        self._queue: deque[Pending] = deque()
        self._lanes = (Lane(), Lane())
        self._under_way = 0
        self._busy: set[Own] = set()
        self._news, self._idle = asyncio.Event(), asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._versions: dict[str, int] = {}
        self._base = -1

    # --- life ---------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Connects and begins to write. Raises what the driver raises when the database is not there."""
        await self._connect(self._lanes[0])
        self._task = asyncio.create_task(self._run(), name=f"store-writer-{self.origin.key}")

    async def close(self) -> None:
        """Stores what is waiting, for at most `CLOSE_SECONDS`. Never leaves a caller waiting."""
        if self._task is not None:
            if self._queue or self._under_way:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._idle.wait(), CLOSE_SECONDS)
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        for lane in self._lanes:
            lane.hang_up()

    async def renew(self) -> None:
        """Has the append function made anew before the next batch: a view's table was swapped."""
        for lane in self._lanes:
            lane.hang_up()

    def submit(self, append: Append) -> asyncio.Future[Appended]:
        """Puts an append in the queue; the future ends when it is durable or refused. Raises `StoreUnavailable`."""
        if self._task is None or self._task.done():
            raise StoreUnavailable("not open")
        if len(self._queue) >= QUEUE_MAX:
            raise StoreUnavailable("too many waiting")
        pending = Pending(append, asyncio.get_running_loop().create_future())
        self._queue.append(pending)
        self._idle.clear()
        self._news.set()
        return pending.future

    # --- batches ------------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        """Both lanes at work until cancelled; nobody is left waiting then."""
        works = [asyncio.ensure_future(self._work(lane)) for lane in self._lanes]
        try:
            await asyncio.gather(*works)
        finally:
            for work in works:
                work.cancel()
            await asyncio.gather(*works, return_exceptions=True)
            for pending in (*(pending for lane in self._lanes for pending in lane.batch), *self._queue):
                pending.answer(StoreUnavailable("closing"))
            self._queue.clear()

    async def _work(self, lane: Lane) -> None:
        """One lane: takes a batch, stores it, answers its callers, and looks for the next."""
        while True:
            batch = self._take()
            if not batch:
                if not self._queue and not self._under_way:
                    self._idle.set()
                self._news.clear()
                await self._news.wait()
                if not self._under_way and len(self._queue) < AHEAD_MIN:
                    await asyncio.sleep(0)  # whoever else is about to append gets into this batch
                continue
            lane.batch, own = batch, {name for pending in batch for name in pending.own}
            self._under_way += 1
            self._busy |= own
            answers = await self._store(lane, batch)
            self._busy -= own
            self._under_way -= 1
            lane.batch = ()
            try:
                if len(answers) >= SPLIT_MIN and not self._queue and not self._under_way:
                    _tell(answers[: len(answers) // 2])
                    await asyncio.sleep(0)  # the first half appends again, and leaves before the second is woken
            finally:
                _tell(answers)  # they are woken when this lane waits for the database again
            self._news.set()

    def _take(self) -> list[Pending]:
        """The next batch, if one may leave now: in order, and never a second append of a stream under way, since its
        version depends on the first. Behind a batch under way goes only one whose base is known by heart.
        """
        if self._under_way and (self._base < 0 or len(self._queue) < AHEAD_MIN):
            return []
        while True:
            picked: list[Pending] = []
            later: list[Pending] = []
            taken: set[Own] = set(self._busy)
            while self._queue and len(picked) < BATCH_MAX:
                pending = self._queue.popleft()
                if pending.future.done():
                    continue  # its caller gave up before anything happened
                own = pending.own
                (picked if taken.isdisjoint(own) else later).append(pending)
                taken.update(own)
            self._queue.extendleft(reversed(later))
            batch = _prepared(picked)
            if batch or not picked:
                return batch  # if all of them were refused, it is the turn of those behind them

    async def _store(self, lane: Lane, batch: Sequence[Pending], tries: int = TRIES_MAX) -> Answers:
        """Stores a batch and returns the answers its callers are owed; those who are refused have theirs already.

        tries: how often it is sent again whole when it was the statement, or what was known by heart, that was wrong.
        """
        if not batch:
            return []
        try:
            return await self._commit(lane, batch)
        except Exception as error:
            trouble = error
        self._forget()
        if unreachable(trouble):
            return await self._recover(lane, batch, trouble)
        if isinstance(trouble, asyncpg.UniqueViolationError) and trouble.constraint_name in _NUMBERS:
            self._halt(batch, "another process numbers its events without the lock")
            return []
        stale = isinstance(trouble, _STALE)
        if stale:
            lane.hang_up()
        if tries and (stale or getattr(trouble, "constraint_name", None) == _VERSIONS):
            return await self._store(lane, batch, tries - 1)
        if len(batch) == 1:
            late = isinstance(trouble, asyncpg.SerializationError)  # of the append function: a checkpoint moved on
            batch[0].answer(VersionConflict("checkpoint") if late else trouble)
            return []
        half = len(batch) // 2  # one of them cannot be stored: it is found by halves, and the others are stored
        first = await self._store(lane, batch[:half], tries)
        return [*first, *await self._store(lane, batch[half:], tries)]

    async def _commit(self, lane: Lane, pendings: Sequence[Pending]) -> Answers:
        """One transaction. Raises what the driver raises; whether it was stored is unknown then."""
        left = self._refuse_known_conflicts(pendings)
        while left:
            connection = lane.connection
            if connection is None or connection.is_closed():
                connection = await self._connect(lane)
            batch, base = Batch(left, self._slots, self._versions), self._base
            if base >= 0:
                self._base = base + batch.learn(self._versions)  # what the other lane may take for granted meanwhile
            row = await connection.fetchrow(
                self._call, self.origin.epoch, base, *batch.arguments(), timeout=STATEMENT_SECONDS
            )
            assert row is not None
            epoch, found, conflicts, taken, pub, loc = row
            if epoch != self.origin.epoch:
                self._forget()
                self._halt(left, f"epoch {epoch} has begun elsewhere; this process still writes {self.origin.epoch}")
                return []
            if base not in (-1, found):
                self._forget()  # somebody else wrote: what this writer knew by heart is worth nothing
                continue
            if not conflicts and not taken:
                if base < 0:
                    self._base = max(self._base, found + batch.learn(self._versions))
                answers, told = batch.stored(found, pub or 0, loc or 0)
                self._on_stored(len(left), told)
                return list(zip(left, answers, strict=True))
            self._forget()
            batch.refuse(conflicts or (), taken or ())
            left = [pending for pending in left if not pending.future.done()]
        return []

    def _refuse_known_conflicts(self, pendings: Sequence[Pending]) -> list[Pending]:
        """Refuses what is late by this writer's own knowledge, and keeps that knowledge within bounds."""
        if len(self._versions) > VERSIONS_MAX:
            self._forget()
        left = []
        for pending in pendings:
            for write in pending.append.streams:
                if self._versions.get(write.stream, write.expected_version) != write.expected_version:
                    self._versions.pop(write.stream)  # the next try is checked by the database
                    pending.answer(VersionConflict(write.stream))
                    break
            if not pending.future.done():
                left.append(pending)
        return left

    def _halt(self, pendings: Sequence[Pending], reason: str) -> None:
        self._on_halt(reason)
        for pending in pendings:
            pending.answer(OriginHalted(reason))

    def _forget(self) -> None:
        self._versions.clear()
        self._base = -1

    # --- connection ---------------------------------------------------------------------------------------------------

    async def _connect(self, lane: Lane) -> Connection:
        connection = await lane.connect(self._dsn, self._function)
        reason = await self._older(connection)
        if reason is not None:
            lane.hang_up()
            self._on_halt(reason)
            raise StoreUnavailable(reason)
        self._on_lost()
        return connection

    async def _recover(self, lane: Lane, batch: Sequence[Pending], error: Exception) -> Answers:
        """The database went away, perhaps in the commit: what was stored is found, what was not is tried again."""
        loop = asyncio.get_running_loop()
        until, wait = loop.time() + RECONNECT_SECONDS, 0.02
        while True:
            under_way = False
            try:
                left = await self._settle(lane, batch)
                if loop.time() > until:
                    break
                under_way = True
                return await self._commit(lane, left)
            except Exception as again:
                if not unreachable(again):
                    return await self._store(lane, [p for p in batch if not p.future.done()])
                error = again
            if loop.time() + wait > until and not under_way:
                break  # never while it may still be stored and that can be found out
            await asyncio.sleep(wait)
            wait = min(wait * 2, 0.5)
        for pending in (*batch, *self._queue):  # who came meanwhile has waited for the same database
            pending.answer(StoreUnavailable(type(error).__name__))
        return []

    async def _settle(self, lane: Lane, batch: Sequence[Pending]) -> list[Pending]:
        """Connects anew and answers those whose appends were stored; of the others nothing is under way any more."""
        connection = await self._connect(lane)
        for pending in batch:
            found = None if pending.future.done() else await self._find(connection, pending.append)
            if found is not None:
                pending.answer(found)
                self._on_stored(1, NEWS_OF_NOBODY)
        return [pending for pending in batch if not pending.future.done()]

    async def _find(self, connection: Connection, append: Append) -> Appended | None:
        """The answer to an append that was stored; None when it was not. Checkpoints and views alone are absolute, and
        storing them twice is harmless; an idempotency key alone answers for itself."""
        position: int | None = None
        for write in append.streams:
            if write.events:
                position = await connection.fetchval(
                    "select position from events where stream = $1 and version = $2 and id = $3",
                    write.stream, write.expected_version + len(write.events), write.events[-1].id,
                )  # fmt: skip
                if position is None:
                    return None
        sequences: dict[Log, int] = {}
        if append.told:
            found = await connection.fetch(
                "select log, max(sequence) from (values ('pub'), ('loc')) as logs(log), lateral (select sequence, id"
                " from outbox o where o.epoch = $1 and o.log = logs.log order by sequence desc limit 10000) as recent"
                " where id = any($2) group by log",
                self.origin.epoch, [told.id for told in append.told],
            )  # fmt: skip
            sequences = {row["log"]: row["max"] for row in found}
            if position is None and not sequences:
                return None
        if position is None and not append.told:
            return None
        if position is None:
            position = await connection.fetchval("select coalesce(max(position), 0) from events")
        return Appended(position, sequences)


def _prepared(batch: list[Pending]) -> list[Pending]:
    """Writes out a batch and reads what it tells as any reader will; whoever cannot be stored has the answer. Of a
    whole batch in one go either takes a quarter to a third less than one by one.
    """
    failed = write_out([pending.append for pending in batch])
    for append, error in failed:
        next(pending for pending in batch if pending.append is append).answer(error)
    refused = len(failed)
    for pending in batch:
        try:
            read_back(pending.append.told)
        except Untellable as mistake:
            pending.answer(mistake)
            refused += 1
    return [pending for pending in batch if not pending.future.done()] if refused else batch


def _tell(answers: Answers) -> None:
    for pending, appended in answers:
        pending.answer(appended)
