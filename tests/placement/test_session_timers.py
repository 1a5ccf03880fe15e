"""Sessions that stood open before an upgrade: they end, and their weeks are told, without another being opened."""

from __future__ import annotations

import asyncpg

from services.placement import app, policy
from shared import migration
from shared.contracts.weeks import WEEK, week_ends, week_of


async def test_an_upgrade_gives_open_sessions_the_timers_they_would_have_today(database: str) -> None:
    await migration.upgrade(database, "placement", "0012")
    connection = await asyncpg.connect(database)
    try:
        await connection.execute(
            "insert into sessions (id, location, kind, starts_at, ends_at, seats, booked, version) values"
            " ('a', 'west', 'internship', now() - interval '90 days', now() + interval '90 days', 3, 1, 1),"
            " ('b', 'west', 'internship', now(), now() + interval '1 day', 3, 1, 1),"
            " ('c', 'noord', 'internship', now(), now() + interval '1 day', 3, 1, 1),"
            " ('over', 'zuid', 'internship', now() - interval '2 days', now() - interval '1 day', 3, 1, 1);"
            "insert into timers values ('session-week/noord/2001-01-01', now(), 'session-week', 'noord'),"
            " ('session/b', now(), 'session-over', 'west')"
        )
        before = await connection.fetchval("select now()")
        await app.migrate(database)
        rows = {row["id"]: row for row in await connection.fetch("select * from timers")}
        week = max(week_of(before), *(week_of(row["due_at"]) - WEEK for row in rows.values() if row["key"] == "west"
                                      and row["kind"] == policy.SESSION_WEEK))  # fmt: skip
        due = f"session-week/west/{week}"
        assert rows.keys() == {"session/a", "session/b", "session/c", "session-week/noord/2001-01-01", due}
        made = rows[due]
        assert (made["due_at"], made["kind"], made["key"]) == (week_ends(week), policy.SESSION_WEEK, "west")
        assert policy.due(made["kind"], made["key"], due, before).key == "west"
        ends = await connection.fetchval("select ends_at from sessions where id = 'a'")
        own = rows["session/a"]
        assert (own["due_at"], own["kind"], own["key"]) == (ends, policy.SESSION_OVER, "west")
        assert policy.due(own["kind"], own["key"], "session/a", before).key == "west"
    finally:
        await connection.close()
