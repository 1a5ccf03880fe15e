"""Group commit: one task a store gathers the appends in flight into one transaction, over a connection of its own.

Whoever waits is answered when its batch is durable; a refused append fails alone. While the database stores one batch,
the process prepares the next: the next batch is sent before the callers of the last one are woken, and a large batch is
woken in two halves, so that neither the database nor the process waits for the other.

A connection that is lost in a commit leaves its outcome unknown. The writer then connects again, makes sure that the
lost session has ended, and looks for what it had stored before it tries the rest again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeAlias

import asyncpg
import sqlalchemy as sa

from shared.append_sql import LOCK, append_call, append_function
from shared.batch import Batch, Pending, Slot
from shared.envelope import Log, Origin
from shared.ports import Append, Appended, OriginHalted, StoreUnavailable, VersionConflict

BATCH_MAX = 256
"""Appends in one transaction at most: past this the gain is small and everybody waits longer."""

SPLIT_MIN = 32
"""A batch of so many is woken in two halves, when nothing else is waiting."""

QUEUE_MAX = 10_000
"""Appends waiting at most; one more is answered `StoreUnavailable` rather than piling up."""

VERSIONS_MAX = 100_000
"""Streams whose version the writer knows by heart at most."""

STATEMENT_SECONDS = 30.0
"""A batch that takes longer counts as a lost connection."""

RECONNECT_SECONDS = 5.0
"""How long a batch keeps trying to reach a database that went away before its callers are told."""

CLOSE_SECONDS = 5.0
"""How long closing waits for what is still to be stored."""

SERVER_SETTINGS = {"plan_cache_mode": "force_generic_plan", "jit": "off", "timezone": "UTC"}

_WRITER_SETTINGS = SERVER_SETTINGS | {
    "application_name": "plek-writer",
    # The append function looks rows up by key: a plan made while a table was small must not scan it when it is large.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}

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

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Answers = list[tuple[Pending, Appended]]


def unreachable(error: BaseException) -> bool:
    """Whether the database cannot do its work now, rather than that it was asked something wrong."""
    return isinstance(error, _UNREACHABLE) and not isinstance(error, asyncpg.DataError)


class Writer:
    """The writer task of one store.

    tables: whatever is written inline with the appends. lock: the statement that makes writers queue.
    on_stored: called with the number of appends stored and whether the outbox grew.
    on_halt: called with the reason when another process has begun a new epoch, or writes without the lock.
    """

    def __init__(
        self, dsn: str, origin: Origin, tables: Sequence[sa.Table], on_stored: Callable[[int, bool], None],
        on_halt: Callable[[str], None], lock: str = LOCK,
    ) -> None:  # fmt: skip
        self.origin = origin
        self._dsn, self._on_stored, self._on_halt = dsn, on_stored, on_halt
        self._slots = {table.name: Slot(index, table) for index, table in enumerate(tables)}
        self._function, self._call = append_function(tables, lock), append_call(tables)
        self._queue: deque[Pending] = deque()
        self._unanswered: list[Pending] = []
        self._work, self._idle = asyncio.Event(), asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._connection: Connection | None = None
        self._session: tuple[int, datetime] | None = None
        self._versions: dict[str, int] = {}
        self._base = -1

    # --- life ---------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Connects and begins to write. Raises what the driver raises when the database is not there."""
        await self._connect()
        self._task = asyncio.create_task(self._run(), name=f"store-writer-{self.origin.key}")

    async def close(self) -> None:
        """Stores what is waiting, for at most `CLOSE_SECONDS`. Never leaves a caller waiting."""
        if self._task is not None:
            if self._queue or self._unanswered:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._idle.wait(), CLOSE_SECONDS)
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._hang_up()

    async def renew(self) -> None:
        """Has the append function made anew before the next batch: a view's table was swapped."""
        self._hang_up()

    def submit(self, append: Append) -> asyncio.Future[Appended]:
        """Puts an append in the queue; the future ends when it is durable or refused. Raises `StoreUnavailable`."""
        if self._task is None or self._task.done():
            raise StoreUnavailable("not open")
        if len(self._queue) >= QUEUE_MAX:
            raise StoreUnavailable("too many waiting")
        pending = Pending(append, asyncio.get_running_loop().create_future())
        self._queue.append(pending)
        if not self._work.is_set():
            self._idle.clear()
            self._work.set()
        return pending.future

    # --- batches ------------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        answers: Answers = []
        try:
            while True:
                if not answers and not self._queue:
                    self._work.clear()
                    self._idle.set()
                    await self._work.wait()
                    await asyncio.sleep(0)  # whoever else is about to append gets into this batch
                if not self._queue and len(answers) >= SPLIT_MIN:
                    half = len(answers) // 2
                    _tell(answers[:half])
                    del answers[:half]
                    await asyncio.sleep(0)  # the first half appends again while the second still waits
                storing = asyncio.ensure_future(self._store(self._take()))
                try:
                    if answers:
                        await asyncio.sleep(0)  # the next batch leaves before the callers of the last keep us busy
                        _tell(answers)
                    answers = []
                    answers = await storing
                finally:
                    storing.cancel()
        finally:
            _tell(answers)
            for pending in (*self._unanswered, *self._queue):
                pending.answer(StoreUnavailable("closing"))
            self._queue.clear()

    def _take(self) -> list[Pending]:
        """The next batch: in order, at most one append a stream, since the next one's version depends on it."""
        batch: list[Pending] = []
        later: list[Pending] = []
        taken: set[str | tuple[str, str]] = set()
        while self._queue and len(batch) < BATCH_MAX:
            pending = self._queue.popleft()
            if pending.future.done():
                continue  # its caller gave up before anything happened
            own: list[str | tuple[str, str]] = [write.stream for write in pending.append.streams]
            if pending.append.key is not None:
                own.append((pending.append.key.scope, pending.append.key.key))
            (batch if taken.isdisjoint(own) else later).append(pending)
            taken.update(own)
        self._queue.extendleft(reversed(later))
        self._unanswered = batch
        return batch

    async def _store(self, batch: Sequence[Pending], *, renewed: bool = False) -> Answers:
        """Stores a batch and returns the answers its callers are owed; those who are refused have theirs already."""
        if not batch:
            return []
        try:
            return await self._commit(batch)
        except Exception as error:
            trouble = error
        if unreachable(trouble):
            return await self._recover(batch, trouble)
        if isinstance(trouble, asyncpg.UniqueViolationError) and trouble.constraint_name in _NUMBERS:
            self._halt(batch, "another process numbers its events without the lock")
            return []
        if isinstance(trouble, _STALE) and not renewed:
            self._hang_up()
            return await self._store(batch, renewed=True)
        if len(batch) == 1:
            late = isinstance(trouble, asyncpg.SerializationError)  # of the append function: a checkpoint moved on
            batch[0].answer(VersionConflict("checkpoint") if late else trouble)
            return []
        half = len(batch) // 2  # one of them cannot be stored: it is found by halves, and the others are stored
        return [*await self._store(batch[:half], renewed=True), *await self._store(batch[half:], renewed=True)]

    async def _commit(self, pendings: Sequence[Pending]) -> Answers:
        """One transaction. Raises what the driver raises; whether it was stored is unknown then."""
        left = self._refuse_known_conflicts(pendings)
        while left:
            connection = self._connection
            if connection is None or connection.is_closed():
                connection = await self._connect()
            batch = Batch(left, self._slots, self._versions)
            arguments = batch.arguments()
            row = await connection.fetchrow(
                self._call, self.origin.epoch, self._base, *arguments, timeout=STATEMENT_SECONDS
            )
            assert row is not None
            epoch, base, conflicts, taken, pub, loc = row
            if epoch != self.origin.epoch:
                self._halt(left, f"epoch {epoch} has begun elsewhere; this process still writes {self.origin.epoch}")
                return []
            if self._base not in (-1, base):
                self._forget()  # somebody else wrote: what this writer knew by heart is worth nothing
                continue
            if not conflicts and not taken:
                self._base, answers = batch.stored(base, pub or 0, loc or 0, self._versions)
                self._on_stored(len(left), pub is not None)
                return list(zip(left, answers, strict=True))
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

    async def _connect(self) -> Connection:
        """A connection with its append function. A pool would reset it at each release."""
        self._hang_up()
        connection: Connection = await asyncpg.connect(self._dsn, server_settings=_WRITER_SETTINGS, timeout=5)
        try:
            if self._session is not None:
                await self._end(connection, *self._session)
            await connection.execute(self._function)
            self._session = await connection.fetchrow(
                "select pid, backend_start from pg_stat_activity where pid = pg_backend_pid()"
            )  # type: ignore[assignment]
        except BaseException:
            connection.terminate()
            raise
        self._connection = connection
        self._forget()
        return connection

    @staticmethod
    async def _end(connection: Connection, pid: int, began: datetime) -> None:
        """Makes sure that a lost session has ended: as long as it lives, what it was asked may still be stored."""
        ended = await connection.fetchval(
            "select bool_and(pg_terminate_backend(pid, 5000)) from pg_stat_activity"
            " where pid = $1 and backend_start = $2",
            pid, began, timeout=10,
        )  # fmt: skip
        if ended is False:
            raise TimeoutError("the lost session lives on")

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def _recover(self, batch: Sequence[Pending], error: Exception) -> Answers:
        """The database went away, perhaps in the commit: what was stored is found, what was not is tried again."""
        loop = asyncio.get_running_loop()
        until, wait = loop.time() + RECONNECT_SECONDS, 0.02
        while True:
            under_way = False
            try:
                left = await self._settle(batch)
                if loop.time() > until:
                    break
                under_way = True
                return await self._commit(left)
            except Exception as again:
                if not unreachable(again):
                    return await self._store([p for p in batch if not p.future.done()], renewed=True)
                error = again
            if loop.time() + wait > until and not under_way:
                break  # never while it may still be stored and that can be found out
            await asyncio.sleep(wait)
            wait = min(wait * 2, 0.5)
        for pending in (*batch, *self._queue):  # who came meanwhile has waited for the same database
            pending.answer(StoreUnavailable(type(error).__name__))
        return []

    async def _settle(self, batch: Sequence[Pending]) -> list[Pending]:
        """Connects anew and answers those whose appends were stored; of the others nothing is under way any more."""
        connection = await self._connect()
        for pending in batch:
            found = None if pending.future.done() else await self._find(connection, pending.append)
            if found is not None:
                pending.answer(found)
                self._on_stored(1, bool(pending.append.told))
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


def _tell(answers: Answers) -> None:
    for pending, appended in answers:
        pending.answer(appended)
