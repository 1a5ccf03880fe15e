"""The memory twin of the PostgreSQL store: the same promises, in one dictionary, with a hook at every effect.

`Disk` is what survives a crash; `MemoryStore` is one process's way to it. A simulation kills a process by letting its
hook raise, copies a disk to make a backup, and puts the copy back to restore it.
"""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from shared import schema
from shared.batch import read_back, write_out
from shared.envelope import LOGS, Log, Message, Meta, Origin, Recorded
from shared.ports import (
    GIVEN,
    Append,
    Appended,
    Delete,
    DueTimer,
    KeyRecord,
    KeyTaken,
    OriginHalted,
    Put,
    Told,
    VersionConflict,
    Wake,
)
from shared.schema import DOUBT, doubted_in

Hook = Callable[[str], Awaitable[None]]
"""Awaited before and after every effect, with a word for it (`append`, `append-done`, `read`)."""


async def no_hook(what: str) -> None:
    """Nothing happens between two effects."""


class Disk:
    """What one service at one site has stored."""

    def __init__(self) -> None:
        self.epoch = 1
        self.events: list[Recorded] = []
        self.streams: dict[str, list[Recorded]] = {}
        self.outbox: dict[tuple[int, Log], list[Message]] = {}
        self.keys: dict[tuple[str, str], KeyRecord] = {}
        self.tables: dict[str, dict[tuple[Any, ...], tuple[Any, ...]]] = {}
        self.rebuilding = False

    def copy(self) -> Disk:
        """A backup. Records are immutable, so the containers are all there is to copy."""
        twin = Disk()
        twin.epoch = self.epoch
        twin.events = list(self.events)
        twin.streams = {name: list(events) for name, events in self.streams.items()}
        twin.outbox = {log: list(rows) for log, rows in self.outbox.items()}
        twin.keys = copy.copy(self.keys)
        twin.tables = {name: dict(rows) for name, rows in self.tables.items()}
        return twin


class MemoryStore:
    """One process's store on a disk."""

    def __init__(self, disk: Disk, site: str, service: str, hook: Hook = no_hook) -> None:
        self.appended, self.told = Wake(), Wake()
        self.disk, self.hook = disk, hook
        self._origin = Origin(site, service, disk.epoch)
        self._halted: str | None = None

    @property
    def origin(self) -> Origin:
        return self._origin

    @property
    def halted(self) -> str | None:
        return self._halted

    def halt(self, reason: str) -> None:
        self._halted = reason

    async def append(self, append: Append) -> Appended:
        if self._halted is not None and append.streams:
            raise OriginHalted(self._halted)
        for _, error in write_out([append]):
            raise error
        await self.hook("append")
        stored = self._store(append)
        self.appended.set()
        if append.told:
            self.told.set()
        await self.hook("append-done")
        return stored

    def _store(self, append: Append) -> Appended:
        disk = self.disk
        if disk.epoch != self._origin.epoch:
            self.halt(f"epoch {disk.epoch} has begun elsewhere; this process still writes epoch {self._origin.epoch}")
            raise OriginHalted(str(self._halted))
        read_back(append.told)
        for write in append.streams:
            if len(disk.streams.get(write.stream, ())) != write.expected_version:
                raise VersionConflict(write.stream)
        self._refuse_to_go_back(append)
        if any((key.scope, key.key) in disk.keys for key in append.keys):
            raise KeyTaken
        for write in append.streams:
            stream = disk.streams.setdefault(write.stream, [])
            for event in write.events:
                recorded = Recorded(
                    len(disk.events) + 1,
                    write.stream,
                    len(stream) + 1,
                    event.id,
                    event.type,
                    event.data,
                    event.meta,
                    append.recorded_at,
                )
                disk.events.append(recorded)
                stream.append(recorded)
        sequences: dict[Log, int] = {}
        for told in append.told:
            sequences[told.log] = self._tell(told, told.meta, append.recorded_at)
        for change in append.rows:
            table = disk.tables.setdefault(change.table.name, {})
            if isinstance(change, Put):
                table[schema.row_key(change.table, change.values)] = change.values
            elif isinstance(change, Delete):
                table.pop(change.key, None)
        for key in append.keys:
            disk.keys[key.scope, key.key] = key
        return Appended(len(disk.events), sequences)

    def _refuse_to_go_back(self, append: Append) -> None:
        """Rows of a reader that has read on elsewhere are old."""
        for change in append.rows:
            if isinstance(change, Put) and change.table is schema.checkpoints:
                known = self.disk.tables.get(change.table.name, {}).get(schema.row_key(change.table, change.values))
                if known is not None and known[3:] > change.values[3:]:
                    raise VersionConflict(f"reader/{change.values[0]}")

    def _tell(self, told: Told, meta: Meta, recorded_at: datetime) -> int:
        rows = self.disk.outbox.setdefault((self._origin.epoch, told.log), [])
        rows.append(Message(
            self._origin, told.log, len(rows) + 1, told.id, told.type, told.subject, recorded_at, meta.correlation_id,
            meta.causation_id, told.data, meta.observed_at, meta.traceparent,
        ))  # fmt: skip
        return len(rows)

    async def begin_epoch(
        self, first: Sequence[Told], epoch: int, now: datetime, rows: Sequence[Put] = (), position: int | None = None
    ) -> Origin:
        await self.hook("begin-epoch")
        disk = self.disk
        if disk.epoch != self._origin.epoch:
            raise OriginHalted(f"epoch {disk.epoch} has begun elsewhere")
        if position not in (None, len(disk.events)):
            raise VersionConflict("epoch")
        assert epoch > disk.epoch
        disk.epoch = epoch
        self._origin, self._halted = Origin(self._origin.site, self._origin.service, epoch), None
        for told in first:
            self._tell(told, told.meta, now)
        for put in rows:
            disk.tables.setdefault(put.table.name, {})[schema.row_key(put.table, put.values)] = put.values
        await self.hook("begin-epoch-done")
        return self._origin

    async def doubt(self, log: Log) -> None:
        await self.hook("append")
        disk, mine = self.disk, doubted_in(self._origin.epoch)
        cursors = disk.tables.setdefault(schema.cursors.name, {})
        known = cursors.get((DOUBT, log))
        if disk.epoch == self._origin.epoch and (known is None or known[2] != mine):
            cursors[DOUBT, log] = (DOUBT, log, mine, len(disk.outbox.get((disk.epoch, log), ())))
        await self.hook("append-done")

    async def lift_doubt(self, log: Log, sequence: int) -> None:
        await self.hook("append")
        cursors, mine = self.disk.tables.get(schema.cursors.name, {}), doubted_in(self._origin.epoch)
        known = cursors.get((DOUBT, log))
        if known is not None and known[2] == mine:
            cursors[DOUBT, log] = (*known[:3], max(known[3], sequence))
        await self.hook("append-done")

    async def read_stream(self, stream: str, after_version: int = 0, limit: int | None = None) -> list[Recorded]:
        await self.hook("read")
        found = self.disk.streams.get(stream, [])[after_version:]
        return found if limit is None else found[:limit]

    async def read_to_fold(self, stream: str, after_version: int = 0) -> Sequence[tuple[int, bytes]]:
        return [(event.version, event.data) for event in await self.read_stream(stream, after_version)]

    async def read_all(self, after_position: int, limit: int) -> list[Recorded]:
        await self.hook("read")
        return self.disk.events[after_position : after_position + limit]

    async def read_outbox(self, log: Log, after_sequence: int, limit: int) -> list[Message]:
        await self.hook("read")
        rows = self.disk.outbox.get((self._origin.epoch, log), [])
        return rows[after_sequence : after_sequence + limit]

    async def outbox_last(self, log: Log) -> int:
        await self.hook("read")
        return len(self.disk.outbox.get((self._origin.epoch, log), []))

    async def last_position(self) -> int:
        await self.hook("read")
        return len(self.disk.events)

    async def latest_epoch(self) -> int:
        await self.hook("read")
        return self.disk.epoch

    async def find_key(self, scope: str, key: str) -> KeyRecord | None:
        await self.hook("read")
        return self.disk.keys.get((scope, key))

    async def due_timers(self, now: datetime, limit: int) -> list[DueTimer]:
        await self.hook("read")
        due = [row for row in self.disk.tables.get("timers", {}).values() if row[1] <= now]
        return [DueTimer(*row) for row in sorted(due, key=itemgetter(1, 0))[:limit]]

    async def page(self, table: sa.Table, after: str | None, limit: int, **where: Any) -> list[dict[str, Any]]:
        [key] = schema.key_columns(table)
        found = [
            row
            for row in await self.rows(table)
            if (after is None or row[key] > after)
            and all(
                row[name] is not None if value is GIVEN else row[name] in value if isinstance(value, list)
                else row[name] == value
                for name, value in where.items()
            )
        ]  # fmt: skip
        return found[:limit]

    async def rows(self, table: sa.Table, **equals: Any) -> list[dict[str, Any]]:
        await self.hook("read")
        names = list(table.columns.keys())
        wanted = [(names.index(name), value) for name, value in equals.items()]
        rows = self.disk.tables.get(table.name, {})
        found = [
            (key, row) for key, row in rows.items() if all(row[index] == value for index, value in wanted)
        ]  # fmt: skip
        return [dict(zip(names, row, strict=True)) for _, row in sorted(found, key=itemgetter(0))]


__all__ = ["LOGS", "Disk", "Hook", "MemoryStore", "no_hook"]
