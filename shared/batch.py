"""A batch of appends as the columns the append function takes, and its result as an answer to each caller."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from shared.envelope import Log
from shared.ports import Append, Appended, Delete, KeyRecord, Put, StreamWrite, Told

_encode_meta = msgspec.json.Encoder().encode


class Pending:
    """An append and whoever waits for it."""

    __slots__ = ("append", "future")

    def __init__(self, append: Append, future: asyncio.Future[Appended]) -> None:
        self.append = append
        self.future = future

    def answer(self, result: Appended | Exception) -> None:
        if self.future.done():
            return  # the caller left; what is stored stays stored
        if isinstance(result, Exception):
            self.future.set_exception(result)
        else:
            self.future.set_result(result)


class Batch:
    """Turns appends into columns.

    slots: the place of each row table among the function's parameters.
    versions: the streams whose version the writer knows by heart; the others are checked by the database.
    """

    def __init__(self, pendings: Sequence[Pending], slots: Mapping[str, int], versions: Mapping[str, int]) -> None:
        self.pendings = pendings
        self._at = [pending.append.recorded_at for pending in pendings]
        self._streams: tuple[list[Any], ...] = ([], [], [])
        self._events: tuple[list[Any], ...] = ([], [], [], [], [], [], [])
        self._told: tuple[list[Any], ...] = ([], [], [], [], [], [], [], [])
        self._keys: tuple[list[Any], ...] = ([], [], [], [], [], [], [], [])
        self._rows: list[tuple[list[bool], list[tuple[Any, ...]]]] = [([], []) for _ in slots]
        self._nth: dict[Log, int] = {"pub": 0, "loc": 0}
        for cmd, pending in enumerate(pendings, 1):
            append = pending.append
            if append.streams:
                self._add_events(cmd, append.streams, versions)
            if append.told:
                self._add_told(cmd, append.told)
            for change in append.rows:
                gone, rows = self._rows[slots[change.table.name]]
                gone.append(isinstance(change, Delete))
                rows.append(change.values if isinstance(change, Put) else _only_key(change.table, change.key))
            if append.key is not None:
                self._add_key(cmd, append.key)

    def _add_events(self, cmd: int, writes: Sequence[StreamWrite], versions: Mapping[str, int]) -> None:
        s_cmd, s_stream, s_expected = self._streams
        e_cmd, e_stream, e_version, e_id, e_type, e_data, e_meta = self._events
        meta, meta_bytes = None, b""
        for write in writes:
            stream, version = write.stream, write.expected_version
            if stream not in versions:
                s_cmd.append(cmd)
                s_stream.append(stream)
                s_expected.append(version)
            for event in write.events:
                version += 1
                if event.meta is not meta:
                    meta, meta_bytes = event.meta, _encode_meta(event.meta)
                e_cmd.append(cmd)
                e_stream.append(stream)
                e_version.append(version)
                e_id.append(event.id)
                e_type.append(event.type)
                e_data.append(event.data)
                e_meta.append(meta_bytes)

    def _add_told(self, cmd: int, rows: Sequence[Told]) -> None:
        o_cmd, o_log, o_nth, o_id, o_type, o_subject, o_data, o_meta = self._told
        meta, meta_bytes = None, b""
        for told in rows:
            if told.meta is not meta:
                meta, meta_bytes = told.meta, _encode_meta(told.meta)
            self._nth[told.log] += 1
            o_cmd.append(cmd)
            o_log.append(told.log)
            o_nth.append(self._nth[told.log])
            o_id.append(told.id)
            o_type.append(told.type)
            o_subject.append(told.subject)
            o_data.append(told.data)
            o_meta.append(meta_bytes)

    def _add_key(self, cmd: int, key: KeyRecord) -> None:
        record = (cmd, key.scope, key.key, key.body_hash, key.stream, key.from_version, key.to_version, key.refusal)
        for column, value in zip(self._keys, record, strict=True):
            column.append(value)

    def arguments(self) -> list[Any]:
        """The function's arguments after the epoch and the base, in its order."""
        tables = [column for columns in self._rows for column in columns]
        return [self._at, *self._streams, *self._events, *self._told, *self._keys, *tables]

    def stored(self, base: int, pub: int, loc: int, versions: dict[str, int]) -> int:
        """Answers every caller and learns the new versions; returns the last position.

        base, pub, loc: where the positions and the sequences of this batch began.
        """
        position, last = base, {"pub": pub, "loc": loc}
        for pending in self.pendings:
            written: dict[Log, int] = {}
            for write in pending.append.streams:
                position += len(write.events)
                versions[write.stream] = write.expected_version + len(write.events)
            for told in pending.append.told:
                last[told.log] += 1
                written[told.log] = last[told.log]
            pending.answer(Appended(position, written))
        return position


def _only_key(table: Any, key: tuple[Any, ...]) -> tuple[Any, ...]:
    """A row that says no more than its key: what the function needs to delete it."""
    by_name = dict(zip((column.name for column in table.primary_key.columns), key, strict=True))
    return tuple(by_name.get(name) for name in table.columns.keys())
