"""Repair of what readers put aside: look at a parked message, have it read again, or let it go.

A message that is read again and digested leaves its row in the append that holds its effect (of a policy: its command),
its checkpoint and where to read on; one that is let go leaves it in the append that holds the mark. What was put aside
and holds nobody up has neither checkpoint nor mark: its log went on long ago. Every act is an event of the reader's own
stream `reader/<view>`, in the store of the service: who by role, when, what came of it, and why. Its version is also
what keeps two people, or two processes, from doing it twice.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NamedTuple

from shared import schema
from shared.bus_consumer import delivery
from shared.clock import Clock
from shared.envelope import Message, Meta, Recorded
from shared.handling import TRIES_MAX, KeyClaim, KeyReused
from shared.ids import Ids
from shared.inbox import Reader
from shared.inbox_batch import Undigestible, Work
from shared.kernel import Rejected
from shared.parked import GAP, NOBODY, LogKey, Row, gap_id, headers_of, log_key_of
from shared.pauses import PAUSED, ReaderPaused, ReaderResumed, pause_rows
from shared.ports import (
    Append,
    Delete,
    Delivery,
    KeyRecord,
    KeyTaken,
    NewEvent,
    OriginHalted,
    Put,
    RowChange,
    Store,
    StoreUnavailable,
    StreamWrite,
    VersionConflict,
)
from shared.repair_events import CODEC, MessageDiscarded, MessageRetried, RepairEvent
from shared.telemetry import describe, logger

__all__ = ["CODEC", "MessageDiscarded", "MessageRetried", "Refused", "Repair", "RepairEvent", "Repaired", "Who"]

log = logger("repair")

DIGESTED, DUPLICATE = "digested", "duplicate"
"""What may come of a retry, beside a code: its effect is stored, or it was behind the checkpoint all along."""

NOT_STORABLE = "not-storable"
STREAMS = "reader/"


class Who(NamedTuple):
    """Who repairs, by role; the idempotency key and the trace it came with."""

    role: str
    claim: KeyClaim | None = None
    traceparent: str | None = None


class Repaired(NamedTuple):
    """What was done: the event, its id, and where it stands (position: in the store, 0 when it is an old answer)."""

    event: RepairEvent
    event_id: str
    version: int
    position: int


class Refused(Exception):
    """Not done: `rejected` says why, `parked-unknown`, `earlier-parked`, `reader-paused` or `reader-not-paused`."""

    def __init__(self, rejected: Rejected) -> None:
        super().__init__(rejected.code)
        self.rejected = rejected


class _Act(NamedTuple):
    """What one act stores. work: what a retry made of the message; the reader stores it with the act's own rows."""

    event: RepairEvent
    rows: Sequence[RowChange]
    work: Work | None = None
    goes_on: bool = False


Decide = Callable[[Reader], Coroutine[Any, Any, tuple[RepairEvent, Sequence[RowChange]]]]
"""What happened, and the rows that go with it."""


class Repair:
    """What may be done about the parked messages of one service's readers."""

    def __init__(self, store: Store, readers: Sequence[Reader], clock: Clock, ids: Ids) -> None:
        self._store, self._clock, self._ids = store, clock, ids
        self._readers = {reader.view.name: reader for reader in readers}

    def keeps_view(self, reader: str) -> bool:
        """Whether a reader keeps rows, that could do without something; a policy does not."""
        return bool(self._readers[reader].view.tables)

    def reader(self, name: str) -> Reader:
        """One of them. Raises `KeyError`."""
        return self._readers[name]

    @property
    def readers(self) -> list[str]:
        """Every reader of this service."""
        return sorted(self._readers)

    async def paused(self, name: str) -> Recorded | None:
        """The event by which a reader is paused now, None when it is not. Raises `KeyError`, `StoreUnavailable`."""
        stream = STREAMS + self._readers[name].view.name
        for row in await self._store.rows(schema.cursors, reader=PAUSED, source=name):
            for stored in await self._store.read_stream(stream, row["position"] - 1, 1):
                return stored
        return None

    async def parked(self, reader: str | None = None, origin: str | None = None) -> list[Row]:
        """What is parked, whole; of one reader or origin only, where they are named."""
        names = [name for name in self._readers if reader in (None, name)]
        rows = [row for name in names for row in await self._store.rows(schema.parked, reader=name)]
        return [row for row in rows if origin in (None, row["origin"])]

    async def discarded(self) -> list[Row]:
        """What the views do without, because somebody let it go."""
        return [row for name in self._readers for row in await self._store.rows(schema.discarded, reader=name)]

    async def find(self, id_: str) -> Row:
        """One parked message. Raises `Refused` with `parked-unknown`: there is none, or it is parked no longer."""
        for name in self._readers:
            for row in await self._store.rows(schema.parked, reader=name, id=id_):
                return row
        raise Refused(Rejected("parked-unknown", {"id": id_}))

    async def retry(self, id_: str, who: Who) -> Repaired:
        """Reads a parked message again. If it can be digested now, its origin goes on from there.

        Raises `Refused` with `parked-unknown`, `KeyReused`, `StoreUnavailable`, `OriginHalted`, `VersionConflict`.
        """
        return await self._do(who, lambda: self._once(id_, who, self._retried))

    async def retry_all(self, who: Who, reader: str | None = None, origin: str | None = None) -> list[Repaired]:
        """Reads all that is parked again, in the order of each log; what is parked no longer when its turn comes is
        passed over. Raises as `retry`.
        """
        rows = await self.parked(reader, origin)
        rows.sort(key=lambda row: (row["reader"], row["origin"], row["log"], row["epoch"], row["sequence"]))
        done = []
        for row in rows:
            try:
                done.append(await self.retry(row["id"], who))
            except Refused:
                continue
        return done

    async def discard(self, id_: str, reason: str, who: Who) -> Repaired:
        """Lets a parked message go. Its origin goes on after it, and is marked in the view until that is rebuilt.

        A message that came too early stands for all that is missing before it: that is let go, and it is read again.
        reason: why, in words; kept at this site. Raises as `retry`, and `Refused` with `earlier-parked` when a message
        of the same log that comes before it is parked too.
        """

        async def act(reader: Reader, row: Row) -> _Act:
            return await self._discarded(reader, row, reason, who)

        return await self._do(who, lambda: self._once(id_, who, act))

    async def would(self, id_: str, who: Who, *, discard: bool) -> RepairEvent:
        """The event that reading a parked message again, or letting it go, would leave; nothing is stored.

        Whether a database takes what a message leads to is not known before. Raises as `retry` and `discard`.
        """
        reader = self._readers[(await self.find(id_))["reader"]]
        async with reader.resting():
            row = await self.find(id_)
            act = self._discarded(reader, row, "", who) if discard else self._retried(reader, row, counts=False)
            return (await act).event

    async def pause(self, name: str, reason: str, who: Who) -> Repaired:
        """Has a reader stand still from here on. reason: why, in words; kept at this site.

        Raises `KeyError` for a reader there is not, `Refused` with `reader-paused`, else as `retry`.
        """
        return await self._switch(ReaderPaused(name, reason, self._clock.now()), "reader-paused", who)

    async def resume(self, name: str, who: Who) -> Repaired:
        """Lets a paused reader go on from where it stands. Raises as `pause`, but `reader-not-paused`."""
        return await self._switch(ReaderResumed(name, self._clock.now()), "reader-not-paused", who)

    async def settle(self, name: str, decide: Decide, who: Who) -> Repaired:
        """What is decided while a reader rests becomes an event of its stream, stored with these rows of its view.

        Raises what `decide` does, `KeyError` for a reader there is not, else as `retry`.
        """
        reader = self._readers[name]

        async def once() -> Repaired:
            async with reader.resting():
                version = len(await self._store.read_to_fold(STREAMS + name))
                event, rows = await decide(reader)
                done = await self._append(reader, version, _Act(event, rows), who)
            reader.applied.set()
            return done

        return await self._do(who, once)

    async def _switch(self, event: ReaderPaused | ReaderResumed, already: str, who: Who) -> Repaired:
        reader = self._readers[event.reader]

        async def once() -> Repaired:
            async with reader.resting():
                version = len(await self._store.read_to_fold(STREAMS + event.reader))
                if await reader.pause.look() == isinstance(event, ReaderPaused):
                    raise Refused(Rejected(already, {"reader": event.reader}))
                act = _Act(event, pause_rows(event, version + 1))
                done = await self._append(reader, version, act, who)
                await reader.pause.look()
                reader.begin_again()
            reader.pause.told.set()
            return done

        return await self._do(who, once)

    # --- one act ------------------------------------------------------------------------------------------------------

    async def _do(self, who: Who, once: Callable[[], Coroutine[Any, Any, Repaired]]) -> Repaired:
        for left in reversed(range(TRIES_MAX)):
            try:
                return await self._before(who) or await once()
            except KeyTaken:
                continue  # the same request at the same moment: its answer is this one's
            except Refused:
                before = await self._before(who)  # it may have been refused for what the same request has just done
                if before is None:
                    raise
                return before
            except VersionConflict:
                if not left:
                    raise
        raise VersionConflict(STREAMS)

    async def _before(self, who: Who) -> Repaired | None:
        """The answer this request has had before, by its idempotency key."""
        known = None if who.claim is None else await self._store.find_key(who.claim.scope, who.claim.key)
        if known is None or who.claim is None:
            return None
        if known.body_hash != who.claim.body_hash:
            raise KeyReused(who.claim.key)
        [stored] = await self._store.read_stream(known.stream, known.from_version - 1, 1)
        return Repaired(CODEC.decode(stored.data), stored.id, stored.version, stored.position)

    async def _once(self, id_: str, who: Who, act: Callable[[Reader, Row], Coroutine[Any, Any, _Act]]) -> Repaired:
        reader = self._readers[(await self.find(id_))["reader"]]
        async with reader.resting():
            # The version before the row: whoever repairs it in between is noticed, by one of the two.
            version = len(await self._store.read_to_fold(STREAMS + reader.view.name))
            row = await self.find(id_)
            done = await act(reader, row)
            try:
                repaired = await self._append(reader, version, done, who)
            except (StoreUnavailable, OriginHalted, VersionConflict, KeyTaken):
                raise
            except Undigestible as reason:
                done = self._parked_still(reader, row, reason.code, reason.detail)
                repaired = await self._append(reader, version, done, who)
            except Exception as error:  # the database refuses what it leads to
                done = self._parked_still(reader, row, NOT_STORABLE, describe(error))
                repaired = await self._append(reader, version, done, who)
            if done.work is not None:
                reader.accept(done.work)
            if done.goes_on:
                reader.begin_again()
        reader.applied.set()  # what is incomplete may be another
        return repaired

    async def _append(self, reader: Reader, version: int, done: _Act, who: Who) -> Repaired:
        stream = STREAMS + reader.view.name
        cause = self._ids.event_id()
        meta = Meta(self._ids.random_id(), cause, who.role, who.traceparent)
        event = NewEvent(self._ids.event_id(), CODEC.name(done.event), CODEC.encode(done.event), meta)
        claims = [] if who.claim is None else [who.claim]
        keys = [KeyRecord(each.scope, each.key, each.body_hash, stream, version + 1, version + 1) for each in claims]
        act = Append(done.event.at, [StreamWrite(stream, version, [event])], rows=done.rows, keys=keys)
        appended = await (self._store.append(act) if done.work is None else reader.store(done.work, act))
        told = {name: getattr(done.event, name, "") for name in ("reader", "origin", "code")}
        log.warning(event.type, role=who.role, **told)
        return Repaired(done.event, event.id, version + 1, appended.position)

    # --- reading again ------------------------------------------------------------------------------------------------

    async def _retried(self, reader: Reader, row: Row, *, counts: bool = True) -> _Act:
        again = delivery_of(row)
        if again.message is None:
            return self._parked_still(reader, row, again.problem, again.detail)
        if log_key_of(row) == NOBODY:
            return await self._taken_up(reader, row, again.message)
        log_key: LogKey = (again.message.origin.key, again.message.log)
        work = Work(reader, row["source"], row["incarnation"], retried=log_key_of(row), counts=counts)
        await work.take(again, refetch=False)
        for change in work.rows:
            if isinstance(change, Put) and change.table is schema.parked:
                kept = dict(zip(schema.parked.columns.keys(), change.values, strict=True))
                if log_key not in work.checkpoints:
                    return self._parked_still(reader, row, kept["code"], kept["detail"])
                alone = row | dict(zip(("origin", "log"), NOBODY, strict=True))  # kept, but it holds nobody up any more
                rows = [self._tried(alone, kept["code"], kept["detail"]), *await self._back(reader, row)]
                return _Act(self._event(reader, row, kept["code"]), rows, work, goes_on=True)
        reached = log_key in work.checkpoints
        if not reached and reader.checkpoint(*log_key) < (row["epoch"], row["sequence"]):
            return self._parked_still(reader, row, row["code"], row["detail"])  # it waits for another of its log
        gone = [Delete(schema.parked, (reader.view.name, row["id"])), *await self._back(reader, row)]
        event = self._event(reader, row, DIGESTED if reached else DUPLICATE)
        return _Act(event, gone, work, goes_on=True)

    async def _taken_up(self, reader: Reader, row: Row, message: Message) -> _Act:
        """A message that was put aside has its effect now, if it can be made sense of; nobody has waited for it."""
        work = Work(reader, row["source"], row["incarnation"])
        try:
            work.taken_up(message, reader.digest(message))
        except Undigestible as reason:
            return self._parked_still(reader, row, reason.code, reason.detail)
        outcome = DUPLICATE if await reader.had_effect(message) else DIGESTED
        return _Act(self._event(reader, row, outcome), [Delete(schema.parked, (reader.view.name, row["id"]))], work)

    def _parked_still(self, reader: Reader, row: Row, code: str, detail: str) -> _Act:
        """It stays parked, for the reason there is now."""
        return _Act(self._event(reader, row, code), [*_fence(reader, row), self._tried(row, code, detail)])

    def _tried(self, row: Row, code: str, detail: str) -> Put:
        tried = {"code": code, "detail": detail[:500], "retries": row["retries"] + 1, "retried_at": self._clock.now()}
        return Put(schema.parked, tuple((row | tried).values()))

    def _event(self, reader: Reader, row: Row, outcome: str) -> MessageRetried:
        return MessageRetried(
            row["id"], reader.view.name, row["source"], row["position"], row["origin"], row["log"], row["epoch"],
            row["sequence"], row["type"], row["code"], outcome, self._clock.now(),
        )  # fmt: skip

    # --- letting go ---------------------------------------------------------------------------------------------------

    async def _discarded(self, reader: Reader, row: Row, reason: str, who: Who) -> _Act:
        log_key, name, now = log_key_of(row), reader.view.name, self._clock.now()
        if row["code"] == GAP and log_key in reader.aside.halted:
            raise Refused(Rejected("earlier-parked", {"origin": row["origin"], "log": row["log"]}))
        epoch, sequence = reader.checkpoint(*log_key)
        first = sequence + 1 if row["epoch"] == epoch else 1
        last, id_ = (row["sequence"] - 1, gap_id(row["id"])) if row["code"] == GAP else (row["sequence"], row["id"])
        rows: list[RowChange] = [Delete(schema.parked, (name, row["id"]))]
        if log_key == NOBODY or not row["epoch"] or (row["epoch"], last) <= (epoch, sequence):
            first = last = 0  # nothing with a number is gone, or nothing waits for it
            rows += _fence(reader, row)
        else:
            if row["epoch"] > epoch > 0:
                rows += await reader.forget(row["origin"], [])
            rows.append(Put(schema.checkpoints, (name, *log_key, row["epoch"], last)))
        if (last and self.keeps_view(name)) or not row["epoch"]:
            rows.append(
                Put(
                    schema.discarded,
                    (
                        name, id_, row["source"], row["position"], *log_key, row["epoch"], first, last,
                        row["type"], row["code"], reason, who.role, now,
                    ),
                )
            )  # fmt: skip
        event = MessageDiscarded(
            row["id"], name, row["source"], row["position"], *log_key, row["epoch"], first, last, row["type"],
            row["code"], reason, now,
        )  # fmt: skip
        return _Act(event, [*rows, *await self._back(reader, row)], goes_on=True)

    async def _back(self, reader: Reader, row: Row) -> list[RowChange]:
        """Where the source is read on from: what came after the parked message had been passed by, and so was what had
        come too early.
        """
        if log_key_of(row) == NOBODY:
            return []
        name, source, incarnation = reader.view.name, row["source"], row["incarnation"]
        same = {"source": source, "incarnation": incarnation, "origin": row["origin"], "log": row["log"]}
        kept = await self._store.rows(schema.parked, reader=name, **same)
        first = min([row["position"], *(each["position"] for each in kept)])
        for cursor in await self._store.rows(schema.cursors, reader=name, source=source):
            if cursor["incarnation"] == incarnation:
                return [Put(schema.cursors, (name, source, incarnation, min(cursor["position"], first - 1)))]
        return [Delete(schema.cursors, (name, source))]  # the stream was made anew: from its start


def delivery_of(row: Row) -> Delivery:
    """A parked message as the code that runs now reads it."""
    return delivery(row["position"], row["subject"], headers_of(row), row["data"])


def _fence(reader: Reader, row: Row) -> list[RowChange]:
    """The checkpoint, unchanged: refused when another process has read on, for then what is decided here is old."""
    at = reader.checkpoint(*log_key_of(row))
    return [Put(schema.checkpoints, (reader.view.name, *log_key_of(row), *at))] if at != (0, 0) else []
