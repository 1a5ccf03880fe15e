"""Replaying one origin to one reader: what its view shows of that origin is made anew from the origin's own logs.

A rebuild makes a whole view anew; this mends what is wrong with one origin in it, in the moment of one append. The logs
are read from their first message on, beside the reader, which goes on meanwhile. Then the reader rests, and what the
view should show is held against what it does show: only rows that differ are stored, together with the event that says
who had it done and why. Checkpoints, cursors and parked messages stay as they are, so nothing is applied twice and
nothing is passed over; looked at at any moment, the view shows the old rows or the new ones. A dry run does all of that
but the append, and so knows exactly what would change.

A policy keeps no view, and is refused: what it did is done. Its commands are idempotent by the id of the message they
come from, but a service may forget those ids in time, and then it would all be done once more. What one of its messages
should still do is done by reading that message again (`repair.py`).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from shared import schema
from shared.clock import Clock
from shared.envelope import LOGS, Log, Message
from shared.inbox import GATHERED, Follow, Reader
from shared.inbox_batch import Undigestible
from shared.kernel import Rejected
from shared.parked import Row
from shared.ports import BusUnavailable, Delete, Put, RowChange, SourceRemade, Store, Wake
from shared.rebuilds import Rebuilds
from shared.repair import Refused, Repair, Repaired, Who
from shared.repair_events import OriginReplayed

ROWS_MAX = 20_000
"""More rows than this are no single append any more: the view is to be rebuilt."""

SECONDS_MAX = 15.0
"""A log that cannot be read in so long is too large to be waited for: the view is to be rebuilt."""

STALL_SECONDS = 5.0
"""When nothing has come for so long but what is new since the reader was there, what is missing will not come."""

Goals = Mapping[Log, tuple[int, int]]
"""(epoch, sequence) of the last message of each log that a reader has applied."""

Key = tuple[str, tuple[Any, ...]]

Follows = Callable[[Reader], Sequence[Follow]]


class Found(NamedTuple):
    """What a replay comes to.

    messages: how many the origin's logs have, as far as the reader had read. changed: rows that the view shows
    otherwise or not at all; gone: rows that it shows and nobody told. unmarked: messages somebody had let go that it
    shows now.
    """

    messages: int
    changed: int
    gone: int
    unmarked: int


class Replays:
    """Has the readers of one service hear an origin again.

    follows: new sources for a reader, the same that it reads; raises `BusUnavailable`.
    """

    def __init__(self, store: Store, repair: Repair, rebuilds: Rebuilds, follows: Follows, clock: Clock) -> None:
        self._store, self._repair, self._rebuilds, self._follows = store, repair, rebuilds, follows
        self._clock = clock

    @property
    def readers(self) -> list[str]:
        """Every reader of this service."""
        return self._repair.readers

    async def look(self, name: str, origin: str) -> Found:
        """What a replay would change; nothing is stored. Raises as `replay`."""
        reader = self._reader(name)
        async with self._scanned(reader, origin) as scan, reader.resting():
            return (await self._difference(reader, origin, scan))[0]

    async def replay(self, name: str, origin: str, reason: str, who: Who) -> Repaired:
        """Makes what a view shows of an origin anew, at once. reason: why, in words; kept at this site.

        Raises `KeyError` for a reader there is not, and `Refused` with `reader-keeps-no-view` (a policy),
        `rebuild-running`, `origin-unheard` (the reader has read nothing of it), `replay-incomplete` (the bus does not
        hold all that was read), `replay-undigestible` (a message the view shows now would be lost), or
        `replay-too-large` (rebuild the view); as `Repair.retry` else, and `BusUnavailable`.
        """

        async def once(reader: Reader) -> tuple[OriginReplayed, Sequence[RowChange]]:
            found, rows = await self._difference(reader, origin, scan)
            return OriginReplayed(name, origin, *found, reason, self._clock.now()), rows

        async with self._scanned(self._reader(name), origin) as scan:
            return await self._repair.settle(name, once, who)

    def _reader(self, name: str) -> Reader:
        reader = self._repair.reader(name)
        if not self._repair.keeps_view(name):
            raise Refused(Rejected("reader-keeps-no-view", {"reader": name}))
        if self._rebuilds.running:
            raise Refused(Rejected("rebuild-running", {"reader": name}))
        return reader

    @asynccontextmanager
    async def _scanned(self, reader: Reader, origin: str) -> AsyncIterator[_Scan]:
        """The origin's logs, read as far as the reader was a moment ago; the reader goes on meanwhile."""
        scan = _Scan(reader, origin, await self._store.rows(schema.discarded, reader=reader.view.name), self._clock)
        goals = _goals(reader, origin)
        follows = [follow for follow in self._follows(reader) if follow.skip_site != origin.partition("/")[0]]
        scan.begin(goals, follows)
        try:
            await scan.until(goals)
            yield scan
        finally:
            for task in scan.tasks:
                task.cancel()
            await asyncio.gather(*scan.tasks, return_exceptions=True)

    async def _difference(self, reader: Reader, origin: str, scan: _Scan) -> tuple[Found, list[RowChange]]:
        """What the view does not show as it was told, and the rows that put it right. The reader rests."""
        goals = _goals(reader, origin)
        await scan.until(goals)
        name = reader.view.name
        fence: list[RowChange] = [Put(schema.checkpoints, (name, origin, log, *at)) for log, at in goals.items()]
        unmarked: list[RowChange] = [Delete(schema.discarded, (name, row["id"])) for row in scan.shown_again()]
        changed: list[RowChange] = []
        gone: list[RowChange] = []
        for table in reader.view.tables:
            shown = await self._shown(table, origin)
            wanted = {key: change for (of, key), change in scan.rows.items() if of == table.name}
            for key, change in wanted.items():
                if isinstance(change, Put) and shown.get(key) != _plain(change.values):
                    if key in shown or not self._outlived(reader, scan, (table.name, key), change):
                        changed.append(change)
                elif isinstance(change, Delete) and key in shown and "origin" not in table.columns:
                    gone.append(change)
            if "origin" in table.columns:  # a table of what was ever told keeps what earlier epochs told
                told = {key for key, change in wanted.items() if isinstance(change, Put)}
                gone += [Delete(table, key) for key in shown.keys() - told]
        found = Found(scan.messages, len(changed), len(gone), len(unmarked))
        return found, [*gone, *changed, *unmarked, *fence]

    def _outlived(self, reader: Reader, scan: _Scan, key: Key, change: Put) -> bool:
        """Whether a row is gone because it is old. The last of each log stays, however old."""
        outlived = reader.view.outlived
        return outlived is not None and key not in scan.last.values() and outlived(change)

    async def _shown(self, table: sa.Table, origin: str) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        column = "origin" if "origin" in table.columns else "teller"
        rows, names = await self._store.rows(table, **{column: origin}), table.columns.keys()
        values = [_plain(row[name] for name in names) for row in rows]
        return {_plain(schema.row_key(table, row)): row for row in values}


class _Scan:
    """An origin's logs on their way through the view's own projection, into rows that nobody sees yet."""

    def __init__(self, reader: Reader, origin: str, marks: Sequence[Row], clock: Clock) -> None:
        self._reader, self._origin, self._clock = reader, origin, clock
        self._marks = [row for row in marks if row["origin"] == origin and row["sequence"]]
        self._goals: Goals = {}
        self._sources: Sequence[str] = ()
        self._read_to: dict[str, float] = {}
        self._next: dict[Log, int] = {}
        self._came: dict[tuple[Log, int, int], Message] = {}
        self._without: set[tuple[Log, int]] = set()
        self._news, self._more_wanted = Wake(), Wake()
        self._began = clock.monotonic()
        self.rows: dict[Key, RowChange] = {}
        self.last: dict[Log, Key] = {}
        self.messages = 0
        self.tasks: list[asyncio.Task[None]] = []

    def begin(self, goals: Goals, follows: Sequence[Follow]) -> None:
        """What is wanted, before anything comes, and where it may come from."""
        self._goals, self._sources = goals, [follow.source.name for follow in follows]
        self.tasks = [asyncio.create_task(self._pump(follow)) for follow in follows]

    async def _pump(self, follow: Follow) -> None:
        """Reads one source from its start; as long as all that is wanted has come, it rests."""
        async with aclosing(follow.source.batches(0)) as batches:
            async for batch in batches:
                told = [each.message for each in batch if each.message is not None]
                came = [self._take(message) for message in told if message.origin.key == self._origin]
                behind = batch[-1].position <= self._read_to.get(follow.source.name, 0)
                if any(came) or behind or len(batch) >= GATHERED:  # what others go on telling is no news
                    self._news.set()
                seen = self._more_wanted.count
                while self._whole():
                    seen = await self._more_wanted.wait(seen)

    def _take(self, message: Message) -> bool:
        """Keeps a message that is wanted, or may be later; whether it is now."""
        epoch, last = self._goals.get(message.log, (0, 0))
        if message.origin.epoch != epoch or message.sequence < self._next.get(message.log, 1):
            return False
        self._came[message.log, epoch, message.sequence] = message
        return message.sequence <= last

    async def until(self, goals: Goals) -> None:
        """Returns when everything up to `goals` is in `rows`. Raises `Refused`, `BusUnavailable`."""
        if self._goals and any(self._goals.get(log, (0, 0))[0] != at[0] for log, at in goals.items()):
            raise Refused(Rejected("replay-incomplete", {"origin": self._origin}))  # a log began meanwhile: ask again
        self._goals = goals
        # A reader that was paused before it began knows no position: then all that comes may be what it had read.
        self._read_to = {name: self._reader.looked_at(name)[1] or math.inf for name in self._sources}
        self._more_wanted.set()
        while True:
            seen = self._news.count
            self._advance()
            if self._whole():
                return
            if self._clock.monotonic() - self._began > SECONDS_MAX:
                raise Refused(Rejected("replay-too-large", {"origin": self._origin, "messages": self.messages}))
            if not await self._more(seen):
                self._advance(ended=True)
                if not self._whole():
                    log = next(log for log in goals if self._next[log] <= goals[log][1])
                    facts = {"origin": self._origin, "log": log, "sequence": self._next[log], "read": goals[log][1]}
                    raise Refused(Rejected("replay-incomplete", facts))

    async def _more(self, seen: int) -> bool:
        """Whether more has come before long. Raises `BusUnavailable` when a source has failed."""
        news = asyncio.ensure_future(self._news.wait_at_most(seen, STALL_SECONDS, self._clock))
        try:
            await asyncio.wait({news, *self.tasks}, return_when=asyncio.FIRST_COMPLETED)
            for task in self.tasks:
                if task.done():
                    task.result()
            await news
        except SourceRemade:
            raise BusUnavailable(f"{self._origin}: its stream is being made anew") from None
        finally:
            news.cancel()
        return self._news.count > seen

    def _whole(self) -> bool:
        return bool(self._goals) and all(self._next.get(log, 1) > at[1] for log, at in self._goals.items())

    def _advance(self, *, ended: bool = False) -> None:
        """Digests what has come, in its order. ended: what has not come will not."""
        for log, (epoch, last) in self._goals.items():
            at = self._next.setdefault(log, 1)
            while at <= last:
                message = self._came.pop((log, epoch, at), None)
                if message is not None:
                    self._digest(message)
                elif self._let_go(log, epoch, at) and (ended or any(key[:2] == (log, epoch) for key in self._came)):
                    self._without.add((log, at))
                else:
                    break
                at = self._next[log] = at + 1

    def _digest(self, message: Message) -> None:
        try:
            changes = self._reader.digest(message)
        except Undigestible as reason:
            if not self._let_go(message.log, message.origin.epoch, message.sequence):
                facts = {"origin": self._origin, "sequence": message.sequence, "reason": reason.code}
                raise Refused(Rejected("replay-undigestible", facts)) from None
            self._without.add((message.log, message.sequence))
            return
        self.messages += 1
        for change in changes:
            key = schema.row_key(change.table, change.values) if isinstance(change, Put) else change.key
            self.last[message.log] = (change.table.name, _plain(key))
            self.rows[self.last[message.log]] = change
        if len(self.rows) > ROWS_MAX:
            raise Refused(Rejected("replay-too-large", {"origin": self._origin, "messages": self.messages}))

    def _let_go(self, log: Log, epoch: int, sequence: int) -> bool:
        """Whether somebody has let this message go: the view does without it, and says so."""
        return any(
            (row["log"], row["epoch"]) == (log, epoch) and row["from_sequence"] <= sequence <= row["sequence"]
            for row in self._marks
        )

    def shown_again(self) -> list[Row]:
        """Marks of which nothing is true any more: all they stand for is in `rows`."""
        return [
            row for row in self._marks
            if row["log"] in self._goals and row["epoch"] == self._goals[row["log"]][0]
            and not any((row["log"], at) in self._without for at in range(row["from_sequence"], row["sequence"] + 1))
        ]  # fmt: skip


def _goals(reader: Reader, origin: str) -> dict[Log, tuple[int, int]]:
    goals: dict[Log, tuple[int, int]] = {log: at for log in LOGS if (at := reader.checkpoint(origin, log)) != (0, 0)}
    if not goals:
        raise Refused(Rejected("origin-unheard", {"reader": reader.view.name, "origin": origin}))
    return goals


def _plain(values: Any) -> tuple[Any, ...]:
    """Values as they compare, whether they come from a message or from a database."""
    return tuple(str(value) if isinstance(value, UUID) else value for value in values)
