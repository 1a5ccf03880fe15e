"""A new epoch: how an origin goes on after its store was restored older than what others have heard of it.

The events after the backup are lost, and others have heard of them. Going on under the same numbers would tell two
stories, so the origin begins a new epoch instead: its logs are numbered from 1 again, the first rows carry everything
others need to know of it, and whoever reads the first one forgets what the old epoch told (`architecture.md`, rules 3
and 10). What was lost becomes a worklist for operators, in the same transaction.

A process that still writes the old epoch finds out at its next append and ends. Every step may be repeated: whoever
crashes half-way calls `repair_origin` again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Literal, NamedTuple

from shared.aggregate import Telling, encode_plain
from shared.batch import read_back
from shared.clock import Clock
from shared.envelope import SYSTEM_ROLE, Log, Message, Meta, Origin
from shared.heard import Mark, contradicted, is_row, shared_row
from shared.ids import Ids
from shared.ports import BusUnavailable, LogWriter, Store, Told
from shared.telemetry import logger
from shared.worklist import Lost

log = logger("epochs")

Condition = Literal["sound", "empty", "old", "forked"]
"""`sound`: ends with the outbox row it should. `empty`: is filled by the relay. `old`: of an epoch before this one.
`forked`: others have heard what the outbox does not have."""

WALK_MAX = 100_000
"""Lost rows looked for one by one at most; a log that differs by more is told of as one range."""

STEP_BACK = 50
"""Rows gone back at a time to find where an outbox and what others keep of it part."""

Elsewhere = Callable[[Log, int, int], Awaitable[Sequence[Lost]]]
"""(log, epoch, after): rows others keep of this origin behind that sequence, in order, a page at a time; none when
nobody has them."""


class LogFound(NamedTuple):
    """One log as it was found. outbox, bus, heard: the last sequence (of this epoch or a later one) each knows.
    shared: up to which row the outbox is as others heard it, as far as is known without looking at ids.
    """

    condition: Condition
    outbox: int
    bus: int
    heard: int
    shared: int
    reason: str = ""


class Examined(NamedTuple):
    """What was found of an origin, and the rows that are lost if it begins a new epoch now."""

    epoch: int
    logs: Mapping[Log, LogFound]
    lost: Sequence[Lost]

    @property
    def forked(self) -> bool:
        return any(found.condition == "forked" for found in self.logs.values())

    @property
    def remake(self) -> list[Log]:
        """The logs whose streams have to be made anew."""
        return [
            which for which, found in self.logs.items() if found.bus > 0 and (self.forked or found.condition == "old")
        ]


async def examine(
    store: Store, writers: Mapping[Log, LogWriter], marks: Sequence[Mark], elsewhere: Elsewhere
) -> Examined:
    """Compares each log with what is on the bus and with what others have heard. Changes nothing.

    Raises `BusUnavailable`, `StoreUnavailable`.
    """
    logs = {which: await _look(store, which, writer, marks) for which, writer in writers.items()}
    lost: list[Lost] = []
    if any(found.condition == "forked" for found in logs.values()):
        for which, writer in writers.items():
            lost += await _lost(store, which, writer, logs[which], elsewhere)
    return Examined(store.origin.epoch, logs, lost)


async def repair_origin(
    store: Store,
    writers: Mapping[Log, LogWriter],
    remake: Callable[[Log], Awaitable[None]],
    first: Callable[[], Awaitable[Sequence[Telling]]],
    ids: Ids,
    clock: Clock,
    marks: Sequence[Mark],
    elsewhere: Elsewhere,
) -> Examined:
    """Begins a new epoch if a log is forked, and makes the streams of an older epoch anew. Returns what was found.

    remake: deletes a log's stream and makes it again, empty. first: everything others need to know of this origin.
    The store comes first: were the stream emptied first, a crash would leave a relay that refills it under the old
    numbers, and the lost rows would be gone. Raises `BusUnavailable`, `StoreUnavailable`, and `VersionConflict` when
    the service stored something meanwhile: it is done again.
    """
    found = await examine(store, writers, marks, elsewhere)
    stale = found.remake
    if found.forked:
        tails = [await writer.last() for writer in writers.values()]
        used = [tail.epoch for tail in tails if tail is not None] + [mark.epoch for mark in marks]
        position = await store.last_position()
        await begin_epoch(store, await first(), ids, clock, max(used, default=0), found.lost, position)
    for which in stale:
        await remake(which)
    return found


async def begin_epoch(
    store: Store, first: Sequence[Telling], ids: Ids, clock: Clock, used: int = 0, lost: Sequence[Lost] = (),
    position: int | None = None,
) -> Origin:  # fmt: skip
    """The next epoch, whose logs begin with `first`: everything others need to know of this origin.

    Both logs get a first row: with it readers learn that the old epoch is over.
    used: an epoch others have heard of already; the new one is later than that and than the store's own.
    position: of the store when `first` was made; `VersionConflict` when something was stored since.
    Raises `StoreUnavailable`, and `OriginHalted` when somebody else has begun an epoch meanwhile.
    """
    if {telling.event.kind.log for telling in first} != {"pub", "loc"}:
        raise ValueError("an epoch begins on both logs: nobody would learn of it")
    cause, now = ids.event_id(), clock.now()
    told = [_first_row(telling, cause, ids) for telling in first]
    read_back(told)
    epoch = max(used, store.origin.epoch) + 1
    origin = await store.begin_epoch(told, epoch, now, [row.row(now) for row in lost], position)
    log.warning("epoch begun", site=origin.site, service=origin.service, epoch=epoch, first_rows=len(told),
                lost_rows=len(lost))  # fmt: skip
    return origin


def _first_row(telling: Telling, cause: str, ids: Ids) -> Told:
    """A row an epoch begins with; what leads to somebody's file is cut from the others, as ever (`Contract.cut`)."""
    kind, id_ = telling.event.kind, ids.event_id()
    correlation, causation = (ids.random_id(), id_) if kind.cut else (cause, cause)
    return Told(
        kind.log, id_, kind.type_name, telling.subject, encode_plain(telling.event, cause) or b"",
        Meta(correlation, causation, SYSTEM_ROLE, None, telling.observed_at), kind.read_back,
    )  # fmt: skip


async def _look(store: Store, which: Log, writer: LogWriter, marks: Sequence[Mark]) -> LogFound:
    epoch, last, tail = store.origin.epoch, await store.outbox_last(which), await writer.last()
    mine = [mark for mark in marks if mark.log == which and mark.epoch >= epoch]
    heard = max(mine).sequence if mine else 0
    bus = 0 if tail is None else tail.sequence
    shared = await shared_row(store, which, writer)
    known = last if shared is None else min(shared, last)
    reason = await contradicted(store, which, marks, shared)
    if reason is not None:
        return LogFound("forked", last, bus, heard, known, reason)
    if tail is None:
        return LogFound("empty", last, bus, heard, known)
    if 0 < tail.epoch < epoch:
        return LogFound("old", last, bus, heard, known)
    if await is_row(store, which, tail):
        return LogFound("sound", last, bus, heard, known)
    reason = f"the {which} log on the bus ends with {tail.id or 'a foreign message'} at {tail.sequence}"
    reason = f"{reason} of epoch {tail.epoch}, which the outbox does not have"
    return LogFound("forked", last, bus, heard, known, reason)


async def _lost(store: Store, which: Log, writer: LogWriter, found: LogFound, elsewhere: Elsewhere) -> list[Lost]:
    """The rows of a log that the outbox does not have, in order: from the stream, else from whoever keeps them."""
    rows: dict[tuple[int, int], Lost] = {}
    sequence = found.bus
    while sequence > 0 and found.bus - sequence < WALK_MAX:
        delivery = await writer.message(sequence)
        message = None if delivery is None else delivery.message
        if message is not None:
            if message.origin.epoch < store.origin.epoch or await _has(store, which, message.sequence, message.id):
                break  # from here down the two are the same
            rows[message.origin.epoch, message.sequence] = _as_lost(message)
        sequence -= 1
    tail = await writer.last()
    if found.bus and (tail is None or tail.sequence < found.bus):  # what was not read yet would be lost without a word
        raise BusUnavailable(f"the {which} log was lost while it was looked at")
    later = any(epoch > store.origin.epoch for epoch, _ in rows)
    for kept in await _kept_elsewhere(store, which, found, elsewhere, later=later):
        rows.setdefault((kept.epoch, kept.sequence), kept)
    known = max((number for epoch, number in rows if epoch >= store.origin.epoch), default=found.shared)
    if found.heard > known:
        span = f"{known + 1} to {found.heard}"
        rows[store.origin.epoch, known + 1] = Lost(which, store.origin.epoch, known + 1, "", "", span, None)
    return [rows[key] for key in sorted(rows)]


async def _kept_elsewhere(
    store: Store, which: Log, found: LogFound, elsewhere: Elsewhere, *, later: bool
) -> list[Lost]:
    """What others keep of this epoch behind the last row they share with the outbox. later: an epoch that has begun
    since is on the stream, so the end of this one is nowhere else.
    """
    if found.heard <= found.bus and not later:
        return []
    epoch, after = store.origin.epoch, found.outbox if later else min(found.outbox, found.heard)
    while after > 0:  # an outbox that grew after the backup was put back has other rows under the same numbers
        page = await elsewhere(which, epoch, after - 1)
        if not page:
            after = found.shared
            break
        if await _has(store, which, after, page[0].id):
            break
        after = max(0, after - STEP_BACK)
    kept: list[Lost] = []
    while (later or after < found.heard) and len(kept) < WALK_MAX:
        page = await elsewhere(which, epoch, after)
        if not page:
            break
        kept += [row for row in page if not await _has(store, which, row.sequence, row.id)]
        after = page[-1].sequence
    return kept


async def _has(store: Store, which: Log, sequence: int, id_: str) -> bool:
    rows = await store.read_outbox(which, sequence - 1, 1)
    return bool(rows) and rows[0].sequence == sequence and rows[0].id == id_


def _as_lost(message: Message) -> Lost:
    return Lost(message.log, message.origin.epoch, message.sequence, message.id, message.type, message.subject,
                message.time, message.data)  # fmt: skip
