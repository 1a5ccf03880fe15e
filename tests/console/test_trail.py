"""What belongs together in the journal is found by whichever thread leads to it, without reading the journal."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
import pytest_asyncio

from services.console import app
from services.console.views_trail import trail, trail_sql
from shared.store import PgStore
from tests.console.sample import AT, uid

OTHERS = 20_000
TRACE = "0af7651916cd43dd8448eb211c80319c"
FILL = """
insert into journal (teller, log, epoch, sequence, id, type, subject, time, correlation_id, causation_id, traceparent,
  data)
select 'west/placement', 'loc', 1, n, gen_random_uuid(), 'x', 'West', $2, c, case when n % 2 = 0 then c else
 gen_random_uuid() end, case when n % 3 = 0 then '00-' || replace(c::text, '-', '') || '-b7ad6b7169203331-01' end, ''
from generate_series(10, $1::int) n, lateral (select gen_random_uuid(), n) as made(c, m)
"""
ONE = """
insert into journal (teller, log, epoch, sequence, id, type, subject, time, correlation_id, causation_id, traceparent,
  data)
values ('west/placement', 'pub', 1, $1, $2, 'x', $3, $4, $5, $6, $7, '{}')
"""
TOLD = (
    # sequence, id, subject, correlation, cause, trace
    (1, 11, "West", 1, 1, None),  # what a command led to at once
    (2, 12, "West", 1, 11, None),  # and what that led to
    (3, 13, "West", 1, 11, TRACE),
    (4, 14, "West", 2, 14, None),  # one whose cause was cut
    (5, 15, uid(9), 3, 3, None),  # about a thing
    (6, 16, "West", 4, 13, None),  # a cause of another correlation
)


@pytest_asyncio.fixture
async def store(database: str) -> AsyncIterator[PgStore]:
    await app.migrate(database)
    opened = PgStore(database, "west", "console", ())
    await opened.open(AT)
    await opened.query(lambda pool: pool.execute(FILL, OTHERS, AT))
    rows = [
        (sequence, uid(id_), subject, AT, uid(correlation), uid(cause), trace and f"00-{trace}-b7ad6b7169203331-01")
        for sequence, id_, subject, correlation, cause, trace in TOLD
    ]
    await opened.query(lambda pool: pool.executemany(ONE, rows))
    await opened.query(lambda pool: pool.execute("analyze journal"))
    yield opened
    await opened.close()


async def test_every_thread_leads_to_what_hangs_on_it(store: PgStore) -> None:
    async def found(ids: Sequence[int], correlations: Sequence[int] = (), trace: str | None = None) -> list[int]:
        entries = await trail(store, [uid(one) for one in ids], [uid(one) for one in correlations], trace)
        return sorted(entry.sequence for entry in entries)

    assert await found([1]) == [1, 2, 3], "by the command, which is cause and correlation"
    assert await found([11]) == [1, 2, 3], "an event, and what it led to"
    assert await found([13]) == [3, 6], "also into another correlation"
    assert await found([14]) == [4], "one that is its own cause"
    assert await found([9]) == [5], "by the thing it is about"
    assert await found([], [2, 4]) == [4, 6], "by correlations"
    assert await found([], [], TRACE) == [3], "by a trace"
    assert await found([99]) == []


async def test_it_is_found_without_reading_the_journal(store: PgStore) -> None:
    async def explain(pool: asyncpg.Pool[Any]) -> Any:
        ids = [uid(one) for one in (1, 11)]
        return await pool.fetchval(f"explain (format json) {trail_sql()}", ids, ids, TRACE)

    plan = json.dumps(json.loads(await store.query(explain)))
    assert "Seq Scan" not in plan
    for index in ("id", "causation", "correlation", "thing", "trace"):
        assert f'"journal_{index}"' in plan, index
