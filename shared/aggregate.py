"""One aggregate of a service, and how its decisions are written out as what is stored of them.

A processor that does one step for thirty decisions before the next is done in three quarters of the time it takes to do
every step of one and then of another (`docs/decisions/0098-a-batch-is-written-out-at-once.md`). So a handler gives its
store the outline of an append only, and the store has those of a whole batch written out as the batch leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from shared import schema
from shared.contracts.base import Draft, Written
from shared.envelope import SYSTEM_ROLE, Meta
from shared.ids import Ids
from shared.kernel import Command, Decider, Event
from shared.ports import Append, Delete, NewEvent, Outline, Put, RowChange, StreamWrite, Told
from shared.telemetry import logger, span
from shared.timers import TimerCleared, TimerSet

log = logger("aggregate")

S = TypeVar("S")
C = TypeVar("C", bound=Command)
E = TypeVar("E", bound=Event)

SNAPSHOT_EVERY = 1_000
"""Events of a stream between two snapshots: loading a stream reads at most so many, in about ten milliseconds. The
snapshot of a busy location is 130 kB, and the database takes four milliseconds to pack it, in which every other command
of its batch waits: after every 200 events that was a quarter of what a command cost."""


class Telling(Protocol):
    """What a service's `tell` gives for one told event."""

    @property
    def event(self) -> Written[Any] | Draft: ...
    @property
    def subject(self) -> str: ...
    @property
    def observed_at(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class Aggregate(Generic[S, C, E]):
    """One aggregate of a service: its decider and what follows from its events. All four functions are pure.

    tell: what others may hear of it. project: its rows in the inline views. timers: what falls due later.
    """

    decider: Decider[S, C, E]
    tell: Callable[[S, Sequence[E], S], Sequence[Telling]]
    project: Callable[[S, Sequence[E], S, datetime], Iterable[RowChange]]
    timers: Callable[[Sequence[E]], Iterable[TimerSet | TimerCleared]]


Encode = Callable[[Written[Any] | Draft, str], bytes | None]
"""The payload of a told event with this id; None: it cannot be told to anybody (`shared/letters.py`)."""


def encode_plain(event: Written[Any] | Draft, id_: str) -> bytes | None:
    """The payload of an event by a service that writes no letters."""
    assert type(event) is Written
    return event.payload


class AggregateScribe(Generic[S, C, E]):
    """Writes out the decisions of one aggregate. encode: how what is told becomes bytes."""

    def __init__(self, aggregate: Aggregate[S, C, E], ids: Ids, encode: Encode = encode_plain) -> None:
        self.aggregate, self._ids, self._encode = aggregate, ids, encode

    def write_out(self, appends: Sequence[Append]) -> None:
        """Fills in what was decided: each first stream's events, the rows for the outbox, the inline views and the
        timers, and a snapshot when one is due. Nothing is filled in when it raises what one of the functions raised.
        """
        tell = self.aggregate.tell
        outlines = [append.outline for append in appends if append.outline is not None]
        events = [self._events(outline) for outline in outlines]
        tellings = [
            tell(outline.before, outline.events, outline.after) if outline.trace is None else self._traced(outline)
            for outline in outlines
        ]
        told = [self._told(*each) for each in zip(outlines, events, tellings, strict=True)]
        rows = [self._rows(append, outline) for append, outline in zip(appends, outlines, strict=True)]
        for append, new, to_tell, changes in zip(appends, events, told, rows, strict=True):
            append.streams[0].events = new
            append.told = to_tell
            append.rows = [*changes, *append.rows] if append.rows else changes
            append.outline = None

    def _traced(self, outline: Outline) -> Sequence[Telling]:
        with span("tell", traceparent=outline.trace):
            return self.aggregate.tell(outline.before, outline.events, outline.after)

    def _events(self, outline: Outline) -> list[NewEvent]:
        codec, event_id, meta = self.aggregate.decider.codec, self._ids.event_id, outline.meta
        return [NewEvent(event_id(), codec.name(event), codec.encode(event), meta) for event in outline.events]

    def _told(self, outline: Outline, events: Sequence[NewEvent], tellings: Sequence[Telling]) -> list[Told]:
        """The rows for the outbox. What follows from nobody's file is because of the last event."""
        ids, meta = self._ids, outline.meta
        because = Meta(meta.correlation_id, events[-1].id, meta.role, meta.traceparent)
        told = []
        for telling in tellings:
            event, id_ = telling.event, ids.event_id()
            kind = event.kind
            if type(event) is Written:
                data, read = event.payload, kind.read_back
            else:  # a letter: it was checked as it was made, and is sealed
                sealed, read = self._encode(event, id_), None
                if sealed is None:
                    log.warning("a letter nobody could read was not written", to=telling.subject)
                    continue
                data = sealed
            if kind.cut:  # what leads to somebody's file ends here: the store alone knows they belong together
                why = Meta(ids.random_id(), id_, SYSTEM_ROLE, None, telling.observed_at)
            else:
                if telling.observed_at is not because.observed_at:
                    because = msgspec.structs.replace(because, observed_at=telling.observed_at)
                why = because
            told.append(Told(kind.log, id_, kind.type_name, telling.subject, data, why, read))
        return told

    def _rows(self, append: Append, outline: Outline) -> list[RowChange]:
        aggregate, events = self.aggregate, outline.events
        rows = list(aggregate.project(outline.before, events, outline.after, append.recorded_at))
        for timer in aggregate.timers(events):
            if isinstance(timer, TimerSet):
                rows.append(Put(schema.timers, (timer.id, timer.due_at, timer.kind, timer.key)))
            else:
                rows.append(Delete(schema.timers, (timer.id,)))
        write: StreamWrite = append.streams[0]
        end = write.expected_version + len(events)
        if end // SNAPSHOT_EVERY > write.expected_version // SNAPSHOT_EVERY:
            state = msgspec.json.encode(outline.after)
            rows.append(Put(schema.snapshots, (write.stream, end, aggregate.decider.state_version, state)))
        return rows
