"""The memory twin of the tables a reader's view is rebuilt in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from shared import schema
from shared.inbox import View
from shared.parked import NEW
from shared.ports import Store
from shared.projection import ReaderTables, RebuildRunning
from tests.support.memory_store import Disk, MemoryStore

KEPT = (schema.checkpoints, schema.cursors, schema.parked, schema.discarded)
"""Where a reader keeps how far it is, and what it has put aside."""

Rows = dict[tuple[Any, ...], tuple[Any, ...]]


@asynccontextmanager
async def memory_tables(store: MemoryStore, view: View, now: datetime) -> AsyncIterator[ReaderTables]:
    """New tables on the same disk. Whoever is killed in the middle leaves them there; his lock goes with him."""
    disk = store.disk
    if disk.rebuilding:
        raise RebuildRunning
    disk.rebuilding = True
    try:
        _clean(disk, view)
        await store.hook("rebuild")
        try:
            yield MemoryTables(store, view)
        except Exception:
            _clean(disk, view)
            raise
        _clean(disk, view)
    finally:
        disk.rebuilding = False


class MemoryTables:
    """The tables, and the second reader's way to them."""

    def __init__(self, store: MemoryStore, view: View) -> None:
        self.fresh: Mapping[str, sa.Table] = {
            table.name: table.to_metadata(sa.MetaData(), name=table.name + NEW) for table in view.tables
        }
        origin = store.origin
        self.store: Store = MemoryStore(store.disk, origin.site, origin.service, store.hook)
        self._first, self._view = store, view

    async def take_over(self) -> bool:
        await self._first.hook("swap")
        tables, name = self._first.disk.tables, self._view.name
        checkpoints = tables.get(schema.checkpoints.name, {})
        for key, row in checkpoints.items():
            if key[0] == name and checkpoints.get((name + NEW, *key[1:]), (0, 0, 0, 0, 0))[3:] < row[3:]:
                return False
        for table in self._view.tables:
            tables[table.name] = tables.pop(table.name + NEW, {})
        for table in KEPT:
            tables[table.name] = _renamed(table, tables.get(table.name, {}), name)
        await self._first.hook("swap-done")
        return True


def _renamed(table: sa.Table, rows: Rows, name: str) -> Rows:
    """The first reader's rows gone, and the second one's in their place; what is parked still has been so since."""
    kept = {key: row for key, row in rows.items() if key[0] not in (name, name + NEW)}
    since = (
        [list(table.columns.keys()).index(column) for column in ("parked_at", "retries", "retried_at")]
        if (table is schema.parked)
        else []
    )
    for key, row in rows.items():
        if key[0] == name + NEW:
            new, before = [name, *row[1:]], rows.get((name, *key[1:]))
            for index in since if before is not None else ():
                assert before is not None
                new[index] = before[index]
            kept[name, *key[1:]] = tuple(new)
    return kept


def _clean(disk: Disk, view: View) -> None:
    for table in view.tables:
        disk.tables.pop(table.name + NEW, None)
    for table in KEPT:
        rows = disk.tables.get(table.name, {})
        for key in [key for key in rows if key[0] == view.name + NEW]:
            del rows[key]
