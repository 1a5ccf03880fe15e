"""What the journal knows of a story, and how long the journal is kept."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from services.console.views import COLUMNS, TRACE, Entry, journal
from shared.causes import STEPS_MAX, Step
from shared.clock import Clock
from shared.ports import Put
from shared.store import PgStore
from shared.telemetry import logger

log = logger("journal")

_TIME = journal.columns.keys().index("time")

PRUNE_EVERY_SECONDS = 3600.0
PRUNE_ROWS = 5_000
"""Rows taken away in one statement: a reader that stores meanwhile never waits for long."""


def trail_sql() -> str:
    """What `trail` asks: $1 ids, $2 ids and correlations, $3 a trace."""
    # One question an index: joined by `or` in one, the planner reads the whole journal. What has its correlation as its
    # cause is not in the index of causes (`journal`).
    conditions = (
        "id = any($1::uuid[])", "causation_id = any($1::uuid[]) and causation_id <> correlation_id",
        "correlation_id = any($1::uuid[]) and causation_id = correlation_id", "correlation_id = any($2::uuid[])",
        "length(subject) = 36 and subject = any($1::text[])",
        f"traceparent is not null and {TRACE} = $3::text",
    )  # fmt: skip
    return " union ".join(
        f"(select {COLUMNS} from journal where {condition} limit {STEPS_MAX})"  # noqa: S608
        for condition in conditions
    )


async def trail(
    store: PgStore, ids: Collection[str], correlations: Collection[str], trace: str | None = None
) -> list[Entry]:
    """What was told that is one of these, follows from one of these, is about one of these, or belongs to a correlation
    or trace.
    """
    sql = trail_sql()
    wanted = list(ids)
    rows = await store.query(lambda pool: pool.fetch(sql, wanted, [*wanted, *correlations], trace))
    return [Entry.of(row) for row in rows]


def step_of(entry: Entry) -> Step:
    """The step that a told event is. One that is its own cause was cut: it is told because of somebody's file."""
    site, _, service = entry.origin.partition("/")
    cut = entry.causation_id == entry.id
    return Step(
        id=entry.id, kind="message", site=site, service=service, name=entry.type, at=entry.time,
        where=f"{entry.log} {entry.sequence}", subject=entry.subject, cause=None if cut else entry.causation_id,
        correlation_id=entry.correlation_id, trace_id=entry.traceparent[3:35] if entry.traceparent else None, cut=cut,
    )  # fmt: skip


class Age:
    """How old an entry may be. One is older once `prune` has gone by that: so a replay puts back nothing that was taken
    away, and all that was not, whatever the clock said meanwhile.
    """

    def __init__(self) -> None:
        self.oldest: datetime | None = None

    def outlived(self, change: Put) -> bool:
        """Whether an entry is older than the journal keeps any."""
        return self.oldest is not None and bool(change.values[_TIME] < self.oldest)


async def keep_within(store: PgStore, clock: Clock, days: int, age: Age) -> None:
    """Takes away what is older than so many days, every hour, for ever."""
    while True:
        gone = await prune(store, clock.now(), days, age)
        if gone:
            log.info("old entries of the journal are gone", entries=gone, days=days)
        await clock.sleep(PRUNE_EVERY_SECONDS)


async def prune(store: PgStore, now: datetime, days: int, age: Age) -> int:
    """How many entries went. The last of each log stays, however old: others ask how far it was heard.

    age: told what was gone by. A clock that is far ahead takes nothing away that is young beside the newest entry.
    Raises `StoreUnavailable`.
    """
    newest: datetime | None = await store.query(lambda pool: pool.fetchval("select max(time) from journal"))
    if newest is None:
        return 0
    age.oldest = before = min(now, newest) - timedelta(days=days)
    sql = (
        "delete from journal where ctid in (select j.ctid from journal j where j.time < $1 and exists (select 1"
        " from journal k where (k.teller, k.log) = (j.teller, j.log)"
        " and (k.epoch, k.sequence) > (j.epoch, j.sequence)) limit $2)"
    )
    gone = 0
    while True:
        done = int((await store.query(lambda pool: pool.execute(sql, before, PRUNE_ROWS))).rpartition(" ")[2])
        gone += done
        if done < PRUNE_ROWS:
            return gone
