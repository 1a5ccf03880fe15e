"""A batch of appends as the rows the append function takes, and its result as an answer to each caller."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

import msgspec
import sqlalchemy as sa
from pydantic import ValidationError

from shared.contracts.base import first_mistake
from shared.envelope import Log
from shared.ports import (
    Append,
    Appended,
    KeyRecord,
    KeyTaken,
    Put,
    Scribe,
    StreamWrite,
    Told,
    Untellable,
    VersionConflict,
)
from shared.schema import key_columns

_encode_meta = msgspec.json.Encoder().encode

Row = tuple[Any, ...]
Own: TypeAlias = str | tuple[str, str]

ToldRow: TypeAlias = tuple[Told, datetime]
"""What a row of the outbox says, and when it was recorded."""


class Grown(NamedTuple):
    """The rows by which one log of the outbox grew, without a hole, and the sequence of the first."""

    first: int
    rows: Sequence[ToldRow]


NEWS_OF_NOBODY: Mapping[Log, Grown] = {}
"""What the outbox grew by when nothing was told."""


def own(append: Append) -> tuple[Own, ...]:
    """What no two appends under way may share: streams, and idempotency keys."""
    streams, keys = append.streams, append.keys
    if len(streams) == 1 and not keys:
        return (streams[0].stream,)
    return (*[write.stream for write in streams], *[(key.scope, key.key) for key in keys])


class Pending:
    """An append and whoever waits for it. own: what no other under way may share with it."""

    __slots__ = ("append", "future", "own")

    def __init__(self, append: Append, future: asyncio.Future[Appended]) -> None:
        self.append = append
        self.future = future
        self.own = own(append)

    def answer(self, result: Appended | Exception) -> None:
        if self.future.done():
            return  # the caller left; what is stored stays stored
        if isinstance(result, Exception):
            self.future.set_exception(result)
        else:
            self.future.set_result(result)


def write_out(appends: Sequence[Append]) -> Sequence[tuple[Append, Exception]]:
    """Writes out what is still an outline; every store does it before it stores anything. Returns those that could not
    be, each with what was raised: the others are as good as they were.
    """
    groups: dict[Scribe, list[Append]] = {}
    for append in appends:
        if append.outline is not None:
            groups.setdefault(append.outline.scribe, []).append(append)
    failed = []
    for scribe, group in groups.items():
        try:
            scribe.write_out(group)
        except Exception as error:
            if len(group) == 1:
                failed.append((group[0], error))
            else:
                for append in group:
                    failed += write_out([append])
    return failed


def read_back(told: Sequence[Told]) -> None:
    """Reads what is to be told as any reader will. Raises `Untellable` for what nobody could read, whatever reading it
    raised: it is read where every append of a service passes, and nothing else may be stopped by it."""
    for row in told:
        if row.read is not None:
            try:
                row.read(row.data)
            except ValidationError as error:
                raise Untellable(f"{row.type}: {first_mistake(error)}") from None
            except Exception as error:
                raise Untellable(f"{row.type}: {type(error).__qualname__}") from None


class Slot:
    """A table's place among the function's parameters, and the shape of its rows.

    key: of a full row. blank: a row that says no more than its key, which is what the function needs to delete it.
    """

    def __init__(self, index: int, table: sa.Table) -> None:
        names = list(table.columns.keys())
        columns = [names.index(name) for name in key_columns(table)]
        self.index = index
        self.key: Callable[[Row], Row] = itemgetter(*columns)
        if len(columns) == 1:  # a tuple of one, as the others are of several
            self.key = itemgetter(slice(columns[0], columns[0] + 1))
        self._width, self._key_columns = len(names), columns

    def blank(self, key: Row) -> Row:
        row: list[Any] = [None] * self._width
        for column, value in zip(self._key_columns, key, strict=True):
            row[column] = value
        return tuple(row)


class Batch:
    """Turns appends into rows. Of several changes of one row the last one counts, and only that one is sent.

    slots: by table name. versions: the streams whose version the writer knows by heart; the others are checked by the
    database.
    """

    def __init__(self, pendings: Sequence[Pending], slots: Mapping[str, Slot], versions: Mapping[str, int]) -> None:
        self.pendings = pendings
        self._checks: list[tuple[str, int]] = []
        self._checked: list[Pending] = []
        self._events: list[Row] = []
        self._told: list[Row] = []
        self._keys: list[Row] = []
        self._keyed: list[Pending] = []
        self._slots = slots
        self._rows: list[dict[Row, Row | None]] = [{} for _ in slots]
        self._grown: dict[Log, list[ToldRow]] = {"pub": [], "loc": []}
        self._reached: list[tuple[int, dict[Log, int]]] = []
        for pending in pendings:
            append = pending.append
            at = append.recorded_at.timestamp()
            reached: dict[Log, int] = {}
            for write in append.streams:
                if write.stream not in versions:
                    self._checks.append((write.stream, write.expected_version))
                    self._checked.append(pending)
                self._add_events(at, write)
            if append.told:
                self._add_told(at, append, reached)
            self._reached.append((len(self._events), reached))
            for change in append.rows:
                slot = slots[change.table.name]
                if type(change) is Put:
                    self._rows[slot.index][slot.key(change.values)] = change.values
                else:
                    self._rows[slot.index][change.key] = None  # type: ignore[union-attr]
            for key in append.keys:
                self._keys.append(_key_row(at, key))
                self._keyed.append(pending)

    def _add_events(self, at: float, write: StreamWrite) -> None:
        stream, version = write.stream, write.expected_version
        meta, meta_bytes = None, b""
        for event in write.events:
            version += 1
            if event.meta is not meta:
                meta, meta_bytes = event.meta, _encode_meta(event.meta)
            self._events.append((at, stream, version, event.id, event.type, event.data, meta_bytes))

    def _add_told(self, at: float, append: Append, reached: dict[Log, int]) -> None:
        meta, meta_bytes, recorded_at = None, b"", append.recorded_at
        for told in append.told:
            if told.meta is not meta:
                meta, meta_bytes = told.meta, _encode_meta(told.meta)
            log = told.log
            grown = self._grown[log]
            grown.append((told, recorded_at))
            nth = reached[log] = len(grown)
            self._told.append((at, log, nth, told.id, told.type, told.subject, told.data, meta_bytes))

    def arguments(self) -> list[Any]:
        """The function's arguments after the epoch and the base, in its order. None for nothing: the driver looks three
        times at an empty list."""
        arguments: list[Any] = [self._checks or None, self._events or None, self._told or None, self._keys or None]
        for slot, rows in zip(self._slots.values(), self._rows, strict=True):
            if rows:
                arguments.append([slot.blank(key) for key, row in rows.items() if row is None] or None)
                arguments.append([row for row in rows.values() if row is not None] or None)
            else:
                arguments += (None, None)
        return arguments

    def learn(self, versions: dict[str, int]) -> int:
        """Writes down the versions its streams have once it is stored; returns how many events it stores."""
        for pending in self.pendings:
            for write in pending.append.streams:
                versions[write.stream] = write.expected_version + len(write.events)
        return len(self._events)

    def refuse(self, conflicts: Sequence[int], taken: Sequence[int]) -> None:
        """Answers those whose stream had moved on or whose key was known, by their numbers in the function's answer."""
        for number in conflicts:
            self._checked[number - 1].answer(VersionConflict(self._checks[number - 1][0]))
        for number in taken:
            self._keyed[number - 1].answer(KeyTaken())

    def stored(self, base: int, pub: int, loc: int) -> tuple[list[Appended], Mapping[Log, Grown]]:
        """The answer to each caller, and what each log of the outbox grew by, if it did.

        base, pub, loc: where the positions and the sequences of this batch began.
        """
        before: dict[Log, int] = {"pub": pub, "loc": loc}
        answers = [
            Appended(base + events, {log: before[log] + nth for log, nth in reached.items()})
            for events, reached in self._reached
        ]
        return answers, {log: Grown(before[log] + 1, rows) for log, rows in self._grown.items() if rows}


def _key_row(at: float, key: KeyRecord) -> Row:
    return (at, key.scope, key.key, key.body_hash, key.stream, key.from_version, key.to_version, key.refusal)
