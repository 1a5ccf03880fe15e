"""What begins an epoch and what doubts one, each in one transaction under the lock of everybody who writes events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias

import asyncpg
import msgspec

from shared.append_sql import LOCK_KEYS
from shared.envelope import Log, Origin
from shared.ports import Put, Told, VersionConflict
from shared.schema import DOUBT, doubted_in

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"

_LOCK = f"select pg_advisory_xact_lock({LOCK_KEYS})"

_DOUBT = """
insert into cursors (reader, source, incarnation, position)
select $1, $2, $3, coalesce((select max(sequence) from outbox where epoch = $4 and log = $2), 0)
 where (select max(epoch) from origins) = $4
on conflict (reader, source) do update set incarnation = excluded.incarnation, position = excluded.position
 where cursors.incarnation <> excluded.incarnation
"""
"""The first of two processes that start together writes it down; the second may see what the first has told since."""

_LIFT = """
update cursors set position = greatest(position, $4) where reader = $1 and source = $2 and incarnation = $3
"""


async def begin_epoch(
    pool: Pool, old: int, origin: Origin, first: Sequence[Told], now: datetime, rows: Sequence[Put],
    position: int | None,
) -> int | None:  # fmt: skip
    """Begins an epoch, or says which one has begun instead. It may be tried again when its answer was lost."""
    numbers: dict[Log, int] = {"pub": 0, "loc": 0}
    outbox = []
    for told in first:
        numbers[told.log] += 1
        outbox.append((origin.epoch, told.log, numbers[told.log], told.id, told.type, told.subject, told.data,
                     msgspec.json.encode(told.meta), now))  # fmt: skip
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(_LOCK)
        last: int = await connection.fetchval("select max(epoch) from origins")
        if last == old:
            at = await connection.fetchval("select coalesce(max(position), 0) from events")
            if position not in (None, at):
                raise VersionConflict("epoch")
            await connection.execute(
                "insert into origins (epoch, site, service, begun_at) values ($1, $2, $3, $4)",
                origin.epoch, origin.site, origin.service, now,
            )  # fmt: skip
            await connection.copy_records_to_table("outbox", records=outbox)
            for put in rows:
                await connection.copy_records_to_table(put.table.name, records=[put.values])
            return None
        begun_here = "select exists (select 1 from outbox where epoch = $1 and id = any($2))"
        if last == origin.epoch and await connection.fetchval(begun_here, last, [told.id for told in first]):
            return None
        return last


async def doubt(pool: Pool, epoch: int, log: Log) -> None:
    """Writes down where a log of this epoch stands, unless that is written down already."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(_LOCK)
        await connection.execute(_DOUBT, DOUBT, log, doubted_in(epoch), epoch)


async def lift_doubt(pool: Pool, epoch: int, log: Log, sequence: int) -> None:
    """Up to this row a doubted log is as others have heard it."""
    await pool.execute(_LIFT, DOUBT, log, doubted_in(epoch), sequence)
