"""Capacity back in time: right for any moment, and found without reading history."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest_asyncio

from infra.postgres import Postgres
from services.placement import app
from services.placement.views_capacity import AS_IT_WAS, SERIES_SQL, figures_at, figures_of, history_sql, series_of
from shared import migration
from shared.store import PgStore
from tests.support.servers import drop_database, fresh_database

GROUPS, NIGHTS = 40, 500
FIRST = datetime(2021, 1, 1, 9, tzinfo=UTC)

FILL = f"""
insert into figure_history (series, teller, location, kind, size_class, feature_class, epoch, sequence, site, title,
  district, total, overflow, occupied, held, blocked, people, observed_at, effective_at)
select {SERIES_SQL}, told.*
from generate_series(1, $1::int) g, generate_series(0, $2::int - 1) n,
  lateral (select $3::timestamptz + n * interval '1 day') as night(at),
  lateral (select 'west/placement', 'loc-' || g, 'shelter_24h', '1', '', 1, n * $1::int + g, 'west', '', '',
  n, 0, 0, 0, 0, 0, at, at) as told(teller, location, kind, size_class, feature_class)
"""


@pytest_asyncio.fixture
async def store(postgres: Postgres) -> AsyncIterator[PgStore]:
    dsn = await fresh_database(postgres)
    await app.migrate(dsn)
    opened = PgStore(dsn, "west", "placement", (*app.INLINE_TABLES, *app.READER_TABLES))
    await opened.open(FIRST)
    await opened.query(lambda pool: pool.execute(FILL, GROUPS, NIGHTS, FIRST))
    await opened.query(lambda pool: pool.execute("analyze figure_history"))
    yield opened
    await opened.close()
    await drop_database(postgres, dsn)


async def test_every_group_is_shown_as_it_was_at_any_moment(store: PgStore) -> None:
    for night in (0, 1, 250, NIGHTS - 1):
        at = FIRST + timedelta(days=night, hours=3)
        rows = await figures_at(store, at)
        assert {row["location"] for row in rows} == {f"loc-{n}" for n in range(1, GROUPS + 1)}
        assert {row["total"] for row in rows} == {night}
        assert {row["origin"] for row in rows} == {"west/placement"}
    assert await figures_at(store, FIRST - timedelta(seconds=1)) == []


async def test_a_late_word_of_an_early_moment_counts_at_its_moment(store: PgStore) -> None:
    late = FILL.replace("* interval '1 day'", "* interval '1 day' + interval '1 hour'").replace("n * $1::int", "900000")
    await store.query(lambda pool: pool.execute(late.replace("  n, 0", "  77, 0"), 1, 1, FIRST + timedelta(days=9)))
    one = [row for row in await figures_at(store, FIRST + timedelta(days=9, hours=2)) if row["location"] == "loc-1"]
    assert [row["total"] for row in one] == [77]
    after = [row for row in await figures_at(store, FIRST + timedelta(days=10)) if row["location"] == "loc-1"]
    assert [row["total"] for row in after] == [10]


async def test_an_origin_is_shown_as_it_was_at_a_sequence(store: PgStore) -> None:
    rows = await figures_of(store, "west/placement", 1, 10 * GROUPS + 5)
    assert sorted(row["total"] for row in rows) == [9] * (GROUPS - 5) + [10] * 5
    assert await figures_of(store, "noord/placement", 1, 10**6) == []


async def test_a_series_has_the_same_name_here_and_in_a_statement(store: PgStore) -> None:
    await store.query(lambda pool: pool.execute(FILL.replace("'loc-'", "'ruïne – '"), 1, 1, FIRST))
    rows = await store.query(lambda pool: pool.fetch("select distinct series, teller, location from figure_history"))
    assert len(rows) == GROUPS + 1
    for series, teller, location in rows:
        assert str(series) == series_of(teller, location, "shelter_24h", "1", "")


async def test_a_past_moment_is_found_without_reading_history(store: PgStore) -> None:
    async def explain(pool: asyncpg.Pool[Any]) -> Any:
        sql = f"explain (analyze, format json) {history_sql(AS_IT_WAS[0], AS_IT_WAS[1])}"
        return await pool.fetchval(sql, FIRST + timedelta(days=100, hours=3))

    read = rows_read(json.loads(await store.query(explain))[0]["Plan"])
    # One step from group to group and one line each, of 500 lines that every group has.
    assert GROUPS <= read <= 3 * GROUPS + 3


def rows_read(plan: dict[str, Any]) -> int:
    """Rows of the table that a plan looked at, those it threw away included."""
    mine = 0
    if plan.get("Relation Name") == "figure_history":
        each = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
        mine = round(each * plan["Actual Loops"])
    return mine + sum(rows_read(below) for below in plan.get("Plans", ()))


async def test_an_upgrade_keeps_every_line_under_the_name_of_its_series(database: str) -> None:
    await migration.upgrade(database, "placement", "0013")
    connection = await asyncpg.connect(database)
    kept = (
        "select teller, location, epoch, sequence, site, total, people, observed_at, effective_at from figure_history"
    )
    try:
        await connection.execute(
            "insert into figure_history values"
            " ('west/placement', 'a', 'shelter_24h', '1', 'cot', 2, 9, 'west', 'A', 'B',"
            " 7, 1, 2, 3, 4, 5, now(), now()), ('west/placement', 'a', 'day', '', '', 2, 9, 'west', 'A', '',"
            " 7, 1, 2, 3, 4, 5, null, now()), ('noord/placement', 'a', 'day', '', '', 1, 9, 'noord', 'A', 'B',"
            " 0, 0, 0, 0, 0, 0, null, now())"
        )
        before = await connection.fetch(f"{kept} order by total, kind")
        await app.migrate(database)
        assert await connection.fetch(f"{kept} order by total, kind") == before
        rows = await connection.fetch(
            "select series, teller, location, kind, size_class, feature_class from figure_history"
        )
        assert len(rows) == 3
        for series, *told in rows:
            assert str(series) == series_of(*told)
    finally:
        await connection.close()
