"""The edges of the kernel: what a store, a log on the bus and a source of messages promise.

Each has a real implementation (PostgreSQL in `store.py`, JetStream in `bus.py`) and a memory twin (`tests/support`),
and one conformance suite runs against both.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import msgspec
import sqlalchemy as sa

from shared.clock import Clock
from shared.envelope import Log, Message, Meta, Origin, Recorded


class Put(msgspec.Struct, frozen=True, gc=False):
    """Insert this row or replace the one with its key. `values` follow the table's columns in order."""

    table: sa.Table
    values: tuple[Any, ...]


class Delete(msgspec.Struct, frozen=True, gc=False):
    """Remove the row with this key, if it is there. `key` follows the table's primary key in order."""

    table: sa.Table
    key: tuple[Any, ...]


RowChange = Put | Delete


class NewEvent(msgspec.Struct, gc=False):
    """An event about to be stored, already encoded."""

    id: str
    type: str
    data: bytes
    meta: Meta


class StreamWrite(msgspec.Struct, gc=False):
    """Events for one stream, refused unless the stream is at `expected_version` (0: it does not exist yet)."""

    stream: str
    expected_version: int
    events: Sequence[NewEvent]


class Untellable(Exception):
    """An event that no reader could digest was to be told: nothing of its append is stored. Says which field of it."""


class Told(msgspec.Struct, gc=False):
    """A row for the outbox: it gets its origin, sequence and time when it is stored.

    read: reads the payload as any reader will, before it is stored; None when that has been done.
    """

    log: Log
    id: str
    type: str
    subject: str
    data: bytes
    meta: Meta
    read: Callable[[bytes], object] | None = None


class KeyRecord(msgspec.Struct, gc=False):
    """What an idempotency key stands for.

    scope: person and route. body_hash: of the request it came with.
    stream, from_version, to_version: the events it led to (`to_version` < `from_version`: none).
    refusal: the encoded `Rejected`, or None.
    """

    scope: str
    key: str
    body_hash: bytes
    stream: str
    from_version: int
    to_version: int
    refusal: bytes | None = None


class Scribe(Protocol):
    """Writes appends out from their outlines, many at once: `write_out` fills in the rows of each."""

    def write_out(self, appends: Sequence[Append]) -> None: ...


class Outline(msgspec.Struct, frozen=True, gc=False):
    """What an append is written out from. before, after: the state around the decided events. meta: of each of them.
    trace: the span it belongs to, if that is recorded.
    """

    scribe: Scribe
    before: Any
    events: Sequence[Any]
    after: Any
    meta: Meta
    trace: str | None = None


class Append(msgspec.Struct, gc=False):
    """Everything one decision changes: stored together or not at all.

    outline: there as long as the first stream's events and what follows from them are not written out. Which streams
    and keys it takes is known all the same.
    """

    recorded_at: datetime
    streams: Sequence[StreamWrite] = ()
    told: Sequence[Told] = ()
    rows: Sequence[RowChange] = ()
    keys: Sequence[KeyRecord] = ()
    outline: Outline | None = None


class Appended(msgspec.Struct, frozen=True, gc=False):
    """position: of the last event stored (or of the store, when there was none). sequences: last row of each log
    written.
    """

    position: int
    sequences: dict[Log, int]


class DueTimer(NamedTuple):
    """A timer whose time has come. key: of the aggregate that decides what it means."""

    id: str
    due_at: datetime
    kind: str
    key: str


class VersionConflict(Exception):
    """The stream has moved on: load it again and decide again."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.stream = stream


class KeyTaken(Exception):
    """Somebody else stored this idempotency key first: answer what it stands for."""


class StoreUnavailable(Exception):
    """The database cannot be reached. Nothing of this append was stored, or it was found stored."""


class OriginHalted(Exception):
    """This origin's history would fork: it takes no command until it is repaired. The text says why."""


class Wake:
    """Wakes every waiter in this process: the fast way to learn of an append. A slow poll is the safety net."""

    def __init__(self) -> None:
        # A dict keeps their order, and with it a simulation's: a set of futures is ordered by where they lie in memory.
        self._waiters: dict[asyncio.Future[None], None] = {}
        self.count = 0

    def set(self) -> None:
        self.count += 1
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()

    async def wait(self, seen: int) -> int:
        """Waits until `count` is past `seen`; returns it. Nothing that happens between two waits is missed."""
        while self.count <= seen:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters[waiter] = None
            try:
                await waiter
            finally:
                self._waiters.pop(waiter, None)
        return self.count

    async def wait_at_most(self, seen: int, seconds: float, clock: Clock) -> None:
        """Waits until `count` is past `seen`, or `seconds` of the clock's time: for what another process may have
        done.
        """
        if self.count > seen:
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiters[waiter] = None
        poll = asyncio.ensure_future(clock.sleep(seconds))
        poll.add_done_callback(lambda _: None if waiter.done() else waiter.set_result(None))
        try:
            await waiter
        finally:
            self._waiters.pop(waiter, None)
            poll.cancel()


GIVEN: Any = object()
"""In `Store.page`: any value but null."""


class Store(Protocol):
    """The durable memory of one service at one site.

    appended: wakes on every batch stored. told: only when the outbox grew.
    """

    appended: Wake
    told: Wake

    @property
    def origin(self) -> Origin:
        """Who writes here, and in which epoch. Known after `open`."""
        ...

    async def append(self, append: Append) -> Appended:
        """Stores everything or nothing. A reader's checkpoint that would move back is a conflict too: its rows are old.

        Raises `VersionConflict`, `KeyTaken`, `Untellable`, `StoreUnavailable`, `OriginHalted`.
        """
        ...

    async def read_stream(self, stream: str, after_version: int = 0, limit: int | None = None) -> list[Recorded]: ...

    async def read_to_fold(self, stream: str, after_version: int = 0) -> Sequence[tuple[int, bytes]]:
        """Version and data of a stream's events, in order: all that folding needs, at a third of the cost."""
        ...

    async def read_all(self, after_position: int, limit: int) -> list[Recorded]: ...

    async def read_outbox(self, log: Log, after_sequence: int, limit: int) -> list[Message]:
        """Rows of this epoch's log, in order."""
        ...

    async def outbox_last(self, log: Log) -> int:
        """The last sequence of this epoch's log; 0 when nothing was told yet."""
        ...

    async def last_position(self) -> int: ...

    async def latest_epoch(self) -> int:
        """The epoch this store is in by now; later than `origin.epoch` when another process has begun one."""
        ...

    async def find_key(self, scope: str, key: str) -> KeyRecord | None: ...

    async def rows(self, table: sa.Table, **equals: Any) -> list[dict[str, Any]]:
        """Rows whose columns equal the given values, ordered by primary key."""
        ...

    async def page(self, table: sa.Table, after: str | None, limit: int, **where: Any) -> list[dict[str, Any]]:
        """At most `limit` rows behind the key `after`, in order of the table's one key column, a text.

        where: a column equals the value, or one of several in a list; None: it is null; `GIVEN`: it is not.
        """
        ...

    async def due_timers(self, now: datetime, limit: int) -> list[DueTimer]:
        """Timers due at `now` or before, the longest overdue first."""
        ...

    async def begin_epoch(
        self, first: Sequence[Told], epoch: int, now: datetime, rows: Sequence[Put] = (), position: int | None = None
    ) -> Origin:
        """From now on this store writes `epoch`, later than its own; the new logs begin with `first`. In one
        transaction, with these new rows. position: refused (`VersionConflict`) unless the store is still there.

        Raises `StoreUnavailable`, and `OriginHalted` when another epoch than this process writes has begun already.
        """
        ...

    async def doubt(self, log: Log) -> None:
        """Writes down where this log stands (`heard.py`), unless that is written down already: the first of two
        processes that start together knows. Nothing happens when the epoch is over. Raises `StoreUnavailable`.
        """
        ...

    async def lift_doubt(self, log: Log, sequence: int) -> None:
        """Up to this row a log that is doubted is as others have heard it. Raises `StoreUnavailable`."""
        ...

    def halt(self, reason: str) -> None:
        """From now on `append` of events raises `OriginHalted(reason)`. Checkpoints are still stored."""
        ...

    @property
    def halted(self) -> str | None: ...


class Tail(NamedTuple):
    """The last message of a log on the bus."""

    sequence: int
    id: str
    epoch: int


class LogMoved(Exception):
    """The log is not where the relay believed: somebody published there, or an acknowledgement was lost."""


class BusUnavailable(Exception):
    """The bus does not answer; try again later."""


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """One message as it came. Either `message` is set, or `problem` says why there is none (`Malformed.code`); neither,
    when it was not looked into, because this reader passes it by whatever it is.

    headers, data: of a message that is not one of ours, as far as they are worth keeping.
    """

    position: int
    subject: str
    message: Message | None
    problem: str = ""
    detail: str = ""
    data: bytes = b""
    headers: Mapping[str, str] | None = None


UNDER_WAY_ROWS_MAX = 15
"""Rows in one call of `LogWriter.publish` at most, if another may be under way: more go as one batch, alone."""


class LogWriter(Protocol):
    """The one place where an origin's log is published. Only the relay's credential may."""

    async def last(self) -> Tail | None:
        """The last message on the log, or None when it is empty. Raises `BusUnavailable`."""
        ...

    async def at(self, sequence: int) -> Tail | None:
        """The message at one sequence, or None. Raises `BusUnavailable`."""
        ...

    async def message(self, sequence: int) -> Delivery | None:
        """The message at one sequence as a reader would see it, or None. Raises `BusUnavailable`."""
        ...

    def publish(self, messages: Sequence[Message]) -> asyncio.Future[int]:
        """Publishes in order, each only if the log is exactly at the sequence before it, and with the very message
        there that this writer put before it. What can leave does so at once, before anybody awaits the answer.

        May be called for the next rows before it has answered, for at most `UNDER_WAY_ROWS_MAX` at a time: when one is
        refused, so is everything that was sent behind it. Answers the last sequence acknowledged. Raises `LogMoved`,
        `BusUnavailable`, here or when it is awaited; part of it may be there then, and nothing more is published before
        `last` was asked again.
        """
        ...


class SourceRemade(Exception):
    """The stream behind a source was made anew while it was read: its positions mean nothing any more."""


class Source(Protocol):
    """A stream of messages with positions 1, 2, 3 that one reader follows.

    name: the cursor's name, for example `CITY` or `LOC_west_placement`.
    """

    name: str

    async def incarnation(self) -> str:
        """Changes when the stream was made anew. Raises `BusUnavailable`."""
        ...

    def batches(self, after: int) -> AsyncGenerator[Sequence[Delivery], None]:
        """Deliveries in order from position `after` + 1 on, without a hole, for ever; at most 500 at a time, as soon
        as there are any. Raises `BusUnavailable` or `SourceRemade`; the reader then starts again from its checkpoint.
        """
        ...
