"""A reader: follows logs of other origins and keeps a view of what they told, every effect exactly once.

What a batch changes in the view and how far the reader has read are stored in one append. The order guard is simple:
of each origin's log the reader applies the last sequence + 1 and nothing else. Lower is a duplicate; higher is fetched
again, and if the hole is still there, that origin waits for what is missing. A message that cannot be digested is
parked and halts its origin for this reader only.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from shared import metrics, schema
from shared.clock import Clock
from shared.contracts.base import Contract
from shared.envelope import Log, Message
from shared.inbox_batch import PASSED_BY_MAX, Gap, Undigestible, Work, family, measure_delay, traces_of, understood
from shared.outbox import BACKOFF_SECONDS, POLL_SECONDS
from shared.parked import Aside, LogKey, Row
from shared.pauses import Pause
from shared.ports import (
    Append,
    Appended,
    BusUnavailable,
    Delete,
    Delivery,
    OriginHalted,
    Put,
    RowChange,
    Source,
    SourceRemade,
    Store,
    StoreUnavailable,
    VersionConflict,
    Wake,
)
from shared.telemetry import describe, logger, span

log = logger("inbox")

GATHERED = 250
"""A batch this large needs no gathering: the reader is catching up."""

CURSOR_EVERY = 500
"""So far past messages that mean nothing to it may a reader be before it writes that down: they are read again."""


@dataclass(frozen=True)
class View:
    """What a reader keeps.

    tables: its tables; those with an `origin` column are emptied of an origin when that begins a new epoch.
    contracts: the types it subscribes to, by full name. Others count as applied.
    project: the rows one message changes. Pure; must give the same result for any interleaving of origins.
    outlived: whether a row is older than the view keeps any; no replay puts it back. None: rows stay.
    """

    name: str
    tables: tuple[sa.Table, ...]
    contracts: Mapping[str, type[Contract]]
    project: Callable[[Message, Contract], Iterable[RowChange]]
    outlived: Callable[[Put], bool] | None = None


@dataclass(frozen=True)
class Follow:
    """A source, and the site whose messages come another way (`None`: apply all).

    gather_seconds: how long at least from one batch to the next; meanwhile messages gather. A first message after a
    quiet moment is applied at once; a busy source costs one append for all that came meanwhile.
    """

    source: Source
    skip_site: str | None = None
    gather_seconds: float = 0.0


Turn = Literal["next", "begins", "duplicate", "early"]
"""`next`: the last one + 1. `begins`: the first of a later epoch. `early`: something before it has not come yet."""


@dataclass
class _Search:
    """How a source is read. at: up to there since the last start. until: up to there it is searched, once, for what
    seemed missing. back: the next start is at the first message, not behind the last one read."""

    incarnation: str = ""
    at: int = 0
    until: int = 0
    back: bool = False
    failures: int = 0


class Reader:
    """One view's reader. `applied` wakes whoever waits for a change of the view; who holds `still`, stops it meanwhile.

    forgiven: what a person let go that this reader may do without, too, should it not be able to digest it.
    passed_by: types of messages that have been found to be of no interest to it.
    """

    def __init__(self, store: Store, view: View, clock: Clock, forgiven: Sequence[Row] = ()) -> None:
        self.view, self.forgiven = view, forgiven
        self.applied = Wake()
        self.on_rows: Callable[[Sequence[RowChange]], None] = lambda _rows: None
        self._store, self._clock, self.pause = store, clock, Pause(store, view.name, clock)
        self._checkpoints: dict[LogKey, tuple[int, int]] = {}
        self.aside, self.passed_by = Aside(), set[str]()
        self._cursors: dict[str, int] = {}
        self._looked_at: dict[str, tuple[str, int]] = {}
        self._families = {family(name) for name in view.contracts}
        self._loaded, self._rests = False, 0
        self.still = asyncio.Lock()
        self._following: dict[asyncio.Task[None], _Search] = {}

    # --- what others ask ----------------------------------------------------------------------------------------------

    def checkpoint(self, origin: str, which: Log = "pub") -> tuple[int, int]:
        """(epoch, sequence) of the last message applied of an origin's log; (0, 0) before the first."""
        return self._checkpoints.get((origin, which), (0, 0))

    @property
    def checkpoints(self) -> dict[LogKey, tuple[int, int]]:
        return dict(self._checkpoints)

    def looked_at(self, source: str) -> tuple[str, int]:
        """Incarnation and position of the last delivery of a source it has dealt with; ("", 0) before the first."""
        return self._looked_at.get(source, ("", 0))

    @property
    def incomplete(self) -> dict[str, str]:
        """Origins this view does not show in full, and why."""
        return self.aside.incomplete

    # --- following ----------------------------------------------------------------------------------------------------

    async def run(self, follow: Follow) -> None:
        """Follows one source for ever; one task each. Trouble means a pause and a new start from the checkpoint."""
        search = _Search()
        while True:
            task = asyncio.ensure_future(self._follow(follow, search))
            self._following[task] = search
            try:
                await asyncio.wait([task])
                if not task.cancelled():  # else `begin_again` has: nothing is wrong
                    task.result()
            except Gap as gap:
                # Once more, from the start of the source; if the hole is still there, its origin waits.
                search.until, search.back = gap.position, True
                log.warning("gap", reader=self.view.name, origin=gap.origin, expected=gap.expected, got=gap.got)
            except SourceRemade:
                log.warning("source made anew", reader=self.view.name, source=follow.source.name)
            except (BusUnavailable, StoreUnavailable, OriginHalted, VersionConflict) as error:
                pause = BACKOFF_SECONDS[min(search.failures, len(BACKOFF_SECONDS) - 1)]
                search.failures += 1
                why, name = type(error).__name__, follow.source.name
                log.info("reader paused", reader=self.view.name, source=name, reason=why, pause_seconds=pause)
                await self._clock.sleep(pause)
            finally:
                search.back = search.back or search.at < search.until
                del self._following[task]
                if task.cancel():
                    await asyncio.wait([task])

    async def _follow(self, follow: Follow, search: _Search) -> None:
        """One start from the checkpoint, until trouble or until somebody else moved the view."""
        async with self.still:
            await self._load()  # what is known is answered from the start, not from the next message on
        await self.pause.over()
        incarnation = await follow.source.incarnation()
        async with self.still:
            position = await self._cursor(follow.source.name, incarnation)
            if incarnation != search.incarnation:
                search.incarnation, search.until = incarnation, 0
            # Read after the cursor: were another process moving the view, messages would seem to be missing.
            self._loaded = False
            await self._load()
            rests = self._rests
            search.at, search.back = 0 if search.back else position, False
            self._looked_at[follow.source.name] = (incarnation, search.at)
        async with aclosing(follow.source.batches(search.at)) as batches:
            async for batch in batches:
                began = self._clock.monotonic()
                async with self.still:
                    if self._rests != rests:
                        return  # somebody else moved the view: on from its cursors
                    await self._load()
                    await self._apply(follow, incarnation, batch, refetch=batch[0].position > search.until)
                search.failures, search.at = 0, batch[-1].position
                rest = follow.gather_seconds - (self._clock.monotonic() - began)
                if rest > 0 and len(batch) < GATHERED:
                    await self._clock.sleep(rest)

    def begin_again(self, *, back: bool = False) -> None:
        """Follows every source anew, from its cursor or (back) from its start. Call it while the reader rests."""
        self.pause.heeded = self.pause.on
        for task, search in self._following.items():
            search.back = search.back or back
            task.cancel()

    async def look_again(self) -> None:
        """What another process did to this reader, or what it parked, counts here too. Raises `StoreUnavailable`."""
        repaired = not (await self._aside()).waits_like(self.aside)
        if await self.pause.changed() or repaired:
            async with self.resting():
                self.begin_again(back=repaired)

    @asynccontextmanager
    async def resting(self) -> AsyncIterator[None]:
        """While it rests it applies nothing, and knows where the view is; afterwards it goes on from wherever that is
        by then. Raises `StoreUnavailable`.
        """
        async with self.still:
            self._loaded = False
            await self._load()
            try:
                yield
            finally:
                self._loaded = False
                self._rests += 1
            with suppress(StoreUnavailable):  # what is known is answered at once, and read again before it is used
                await self._load()

    async def _load(self) -> None:
        """Reads how far this view is, unless that is known: afterwards only this reader moves it. After an append that
        failed it is not known: it may have been stored all the same.
        """
        if self._loaded:
            return
        rows = await self._store.rows(schema.checkpoints, reader=self.view.name)
        self._checkpoints = {(row["origin"], row["log"]): (row["epoch"], row["sequence"]) for row in rows}
        before, self.aside = self.aside, await self._aside()
        self.aside.count(self.service, self.view.name, before)
        self._loaded = True

    async def _aside(self) -> Aside:
        parked = await self._store.rows(schema.parked, reader=self.view.name)
        discarded = await self._store.rows(schema.discarded, reader=self.view.name)
        return Aside.of(parked, discarded, self._checkpoints)

    async def _cursor(self, source: str, incarnation: str) -> int:
        """Where to go on in a source; from the start when the stream was made anew."""
        rows = await self._store.rows(schema.cursors, reader=self.view.name, source=source)
        known = [int(row["position"]) for row in rows if row["incarnation"] == incarnation]
        self._cursors[source] = known[0] if known else 0
        return self._cursors[source]

    # --- applying -----------------------------------------------------------------------------------------------------

    async def _apply(self, follow: Follow, incarnation: str, batch: Sequence[Delivery], *, refetch: bool) -> None:
        """Applies a batch: effects, checkpoints and cursor in one append, or none of them."""
        parent, links = traces_of(batch, self._clock.now())
        attributes: dict[str, str | int] = {"messaging.system": "nats", "messaging.batch.message_count": len(batch)}
        attributes["plek.view"] = self.view.name
        with span(f"process {follow.source.name}", "consumer", parent, attributes, links):
            work = Work(self, follow.source.name, incarnation, follow.skip_site)
            await work.take_all(batch, refetch)
            position = batch[-1].position
            if not work.rows and position - self._cursors.get(follow.source.name, 0) < CURSOR_EVERY:
                self._looked_at[follow.source.name] = (incarnation, position)
                return
            work.rows.append(Put(schema.cursors, (self.view.name, follow.source.name, incarnation, position)))
            with span(f"update {self.view.name}", attributes={"db.system.name": "postgresql"}):
                try:
                    await self.store(work, Append(self._clock.now()))
                except (StoreUnavailable, OriginHalted, VersionConflict):
                    raise
                except Exception as error:
                    if len(batch) > 1:  # one of them cannot be stored: find it
                        for delivery in batch:
                            await self._apply(follow, incarnation, [delivery], refetch=refetch)
                        return
                    await self._park_unstorable(follow, incarnation, batch[0], error)
                    return
        self._cursors[follow.source.name] = position
        self._looked_at[follow.source.name] = (incarnation, position)
        self.accept(work)

    def accept(self, work: Work) -> None:
        """What was stored becomes what this reader knows."""
        self._checkpoints.update(work.checkpoints)
        if work.halted or work.missing or work.nobodys or work.let_go:
            before, self.aside = self.aside, self.aside.after(work.halted, work.missing, work.nobodys, work.let_go)
            self.aside.count(self.service, self.view.name, before)
            if None in work.missing.values():  # what had come too early was passed by
                self.begin_again(back=True)
        for origin, count in work.applied.items():
            metrics.READER_APPLIED.labels(self.service, self.view.name, origin).inc(count)
        if work.messages:
            measure_delay(self.service, self.view.name, work.messages, self._clock.now())
        if work.rows:
            self.on_rows(work.rows)
            self.applied.set()

    async def _park_unstorable(self, follow: Follow, incarnation: str, delivery: Delivery, error: Exception) -> None:
        work = Work(self, follow.source.name, incarnation, follow.skip_site)
        work.park(delivery, "not-storable", describe(error))
        work.rows.append(Put(schema.cursors, (self.view.name, follow.source.name, incarnation, delivery.position)))
        await self.store(work, Append(self._clock.now()))
        self._looked_at[follow.source.name] = (incarnation, delivery.position)
        self.accept(work)

    async def store(self, work: Work, act: Append) -> Appended:
        """Stores what a batch changes and `act`, what somebody did to have a parked message read again, or none of it.

        Raises as `Store.append`, and `Undigestible` for what only shows now.
        """
        act.rows = [*work.rows, *act.rows]
        try:
            return await self._store.append(act)
        except (StoreUnavailable, OriginHalted, VersionConflict):
            self._loaded = False  # whether it was stored is not known here
            raise

    def digest(self, message: Message) -> list[RowChange]:
        """The rows a message changes. Raises `Undigestible`: `version-unknown`, `body-invalid`, `handler-failed`."""
        contract = self.view.contracts.get(message.type)
        if contract is None:
            if family(message.type) in self._families:
                raise Undigestible("version-unknown", message.type)
            if len(self.passed_by) < PASSED_BY_MAX:
                self.passed_by.add(message.type)
            return []
        event = understood(contract, message.data)
        try:
            return list(self.view.project(message, event))
        except Exception as error:
            raise Undigestible("handler-failed", describe(error)) from error

    # --- what a batch asks --------------------------------------------------------------------------------------------

    async def had_effect(self, message: Message) -> bool:
        """Whether a message that was put aside has had its effect all the same. A view puts nothing aside."""
        return False

    async def forget(self, origin: str, pending: Sequence[RowChange]) -> list[RowChange]:
        """The deletions that take everything an origin told out of the view: a new epoch has begun.

        pending: rows of the same batch, not stored yet: the old epoch's last words may be among them.
        """
        gone: list[RowChange] = []
        for table in self.view.tables:
            if "origin" in table.columns:
                names = schema.key_columns(table)
                column = list(table.columns.keys()).index("origin")
                rows = await self._store.rows(table, origin=origin)
                gone += [Delete(table, tuple(row[name] for name in names)) for row in rows]
                gone += [
                    Delete(table, schema.row_key(table, change.values))
                    for change in pending
                    if isinstance(change, Put) and change.table is table and change.values[column] == origin
                ]
        return gone

    def turn(self, message: Message, epoch: int, sequence: int) -> Turn:
        """What a message is to a reader that has applied `sequence` of `epoch` of its log."""
        if message.origin.epoch > epoch and message.sequence == 1:
            return "begins"
        if (message.origin.epoch, message.sequence) <= (epoch, sequence):
            return "duplicate"
        return "next" if (message.origin.epoch, message.sequence) == (epoch, sequence + 1) else "early"

    @property
    def service(self) -> str:
        return self._store.origin.service

    @property
    def home(self) -> str:  # whose reader it is: `west/placement`
        return self._store.origin.key

    def now(self) -> Any:
        return self._clock.now()


class OutboxSource:
    """The own outbox as a source: a service hears itself without the bus, so a dead bus never blinds it to its own
    places.
    """

    def __init__(self, store: Store, which: Log, clock: Clock) -> None:
        self.name = f"OUTBOX_{which}"
        self._store, self._which, self._clock = store, which, clock

    async def incarnation(self) -> str:
        return f"epoch-{self._store.origin.epoch}"

    async def batches(self, after: int) -> AsyncGenerator[Sequence[Delivery], None]:
        while True:
            seen = self._store.told.count
            rows = await self._store.read_outbox(self._which, after, 500)
            if rows:
                after = rows[-1].sequence
                yield [Delivery(row.sequence, "", row) for row in rows]
            else:
                await self._store.told.wait_at_most(seen, POLL_SECONDS, self._clock)
