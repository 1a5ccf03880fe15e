"""New tables beside those that serve: made, filled, and swapped in under the lock of every writer."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias

import asyncpg
import sqlalchemy as sa

from shared.append_sql import LOCK_KEYS, delete_statement, quote, upsert_statement
from shared.batch import Row, Slot
from shared.parked import NEW
from shared.ports import Put, RowChange, StoreUnavailable
from shared.store import PgStore
from shared.writer import unreachable

REBUILD_LOCK = "5000, 3"
"""One rebuild at a time in one database."""

SWAP_TRIES = 20
SWAP_WAIT = "500ms"
"""How long the swap waits for readers of the old table, while writers wait for it, before it lets them pass."""

WRITE_ROWS = 5_000
"""Rows of one statement."""

OLD = "__old"

READER_TABLES = ("checkpoints", "cursors", "parked", "discarded")
"""Where a reader keeps how far it is, and what it has put aside."""

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_INDEX = re.compile(r"(CREATE (?:UNIQUE )?INDEX) .+? ON (?:ONLY )?.+? (USING .+)", re.DOTALL)

_INDEXES = """
select c.relname, pg_get_indexdef(i.indexrelid), pg_get_constraintdef(k.oid)
  from pg_index i
  join pg_class c on c.oid = i.indexrelid
  left join pg_constraint k on k.conindid = i.indexrelid and k.contype in ('p', 'u')
 where i.indrelid = $1::text::regclass
 order by i.indexrelid
"""


class RebuildRunning(Exception):
    """Another rebuild is under way in this database."""


@asynccontextmanager
async def tables_beside(store: PgStore, tables: Sequence[sa.Table], reader: str = "") -> AsyncIterator[Beside]:
    """New, empty tables, gone again unless they were swapped in. Keeps other rebuilds out.

    reader: whose tables they are, if one feeds them. Raises `RebuildRunning`, `StoreUnavailable`.
    """
    connection = await store.query(lambda _: asyncpg.connect(store.dsn, timeout=5))
    try:
        if not await connection.fetchval(f"select pg_try_advisory_lock({REBUILD_LOCK})"):
            raise RebuildRunning
        beside = Beside(connection, store, tables, reader)
        try:
            await beside.clean()
            await beside.make()
            yield beside
        finally:
            if not connection.is_closed():
                await beside.clean()
    except Exception as error:
        if unreachable(error):
            raise StoreUnavailable(type(error).__name__) from error
        raise
    finally:
        connection.terminate()


class Beside:
    """The new tables of one rebuild, and the rows that wait to be written to them."""

    def __init__(self, connection: Connection, store: PgStore, tables: Sequence[sa.Table], reader: str) -> None:
        self._connection, self._store, self._tables, self._reader = connection, store, tables, reader
        self.fresh = {table.name: table.to_metadata(sa.MetaData(), name=table.name + NEW) for table in tables}
        self._slots = {table.name: Slot(index, table) for index, table in enumerate(tables)}
        self._rows: list[dict[Row, Row | None]] = [{} for _ in tables]
        self._indexes: list[str] = []

    async def clean(self) -> None:
        """Drops what a rebuild left behind: this one's, or one that crashed."""
        async with self._connection.transaction():
            for table in self._tables:
                for suffix in (NEW, OLD):  # cascade: the append function of a writer that has not noticed the swap yet
                    await self._connection.execute(f"drop table if exists {quote(table.name + suffix)} cascade")
            for table_name in READER_TABLES if self._reader else ():
                await self._connection.execute(
                    f"delete from {table_name} where reader = $1",  # noqa: S608
                    self._reader + NEW,
                )

    async def make(self) -> None:
        """Creates the new tables like the old ones are, with indexes whose names the swap puts right."""
        async with self._connection.transaction():
            for table in self._tables:
                new = quote(table.name + NEW)
                like = f"create table {new} (like {quote(table.name)} including all excluding indexes)"
                await self._connection.execute(like)
                for name, definition, constraint in await self._connection.fetch(_INDEXES, quote(table.name)):
                    self._indexes.append(name)
                    if constraint is not None:
                        statement = f"alter table {new} add constraint {quote(name + NEW)} {constraint}"
                    else:
                        found = _INDEX.fullmatch(definition)
                        assert found is not None, definition
                        statement = f"{found[1]} {quote(name + NEW)} on {new} {found[2]}"
                    await self._connection.execute(statement)

    def take(self, changes: Iterable[RowChange]) -> None:
        """Remembers changes of rows; of each row the last one counts."""
        for change in changes:
            slot = self._slots.get(change.table.name)
            if slot is None:
                continue
            if isinstance(change, Put):
                self._rows[slot.index][slot.key(change.values)] = change.values
            else:
                self._rows[slot.index][change.key] = None

    @property
    def waiting(self) -> int:
        """Rows that are not written yet."""
        return sum(map(len, self._rows))

    async def write(self) -> None:
        """Writes the rows that wait."""
        for slot, rows in zip(self._slots.values(), self._rows, strict=True):
            changes = list(rows.items())
            rows.clear()
            for start in range(0, len(changes), WRITE_ROWS):
                await self._write(slot, changes[start : start + WRITE_ROWS])

    async def _write(self, slot: Slot, changes: Sequence[tuple[Row, Row | None]]) -> None:
        new = self.fresh[self._tables[slot.index].name]
        rows = f"$1::{quote(new.name)}[]"
        gone = [slot.blank(key) for key, row in changes if row is None]
        if gone:
            await self._connection.execute(delete_statement(new, rows), gone)
        put = [row for _, row in changes if row is not None]
        if put:
            await self._connection.execute(upsert_statement(new, rows), put)

    async def swap(self, last_step: Callable[[Connection], Awaitable[bool]]) -> bool:
        """Takes the lock of all writers, does the last step, and lets the new tables take the old ones' places.

        Nothing is swapped when the last step says no. Whoever reads the old table for long is waited for in turns, and
        writers pass in between.
        """
        for left in reversed(range(SWAP_TRIES)):
            try:
                async with self._connection.transaction():
                    await self._connection.execute(f"select pg_advisory_xact_lock({LOCK_KEYS})")
                    await self._connection.execute(f"set local lock_timeout = '{SWAP_WAIT}'")
                    names = ", ".join(quote(table.name) for table in self._tables)
                    await self._connection.execute(f"lock table {names} in access exclusive mode")
                    if not await last_step(self._connection):
                        return False
                    await self._connection.execute(self._renames())
                break
            except asyncpg.LockNotAvailableError:
                if not left:
                    raise
        await self._store.reconnect()
        return True

    def _renames(self) -> str:
        steps = [("table", table.name) for table in self._tables] + [("index", name) for name in self._indexes]
        return ";\n".join(
            f"alter {kind} {quote(name)} rename to {quote(name + OLD)};\n"
            f"alter {kind} {quote(name + NEW)} rename to {quote(name)}"
            for kind, name in steps
        )
