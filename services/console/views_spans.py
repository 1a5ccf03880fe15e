"""The spans of this site's processes, kept for a while: rows of the console's own database, told to nobody.

They are of use, not of need: what caused what is known without them. So they are bounded: by number, and by age.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from services.console.spans import Kept
from shared.clock import Clock
from shared.schema import NAME, TIME, metadata
from shared.store import PgStore
from shared.telemetry import logger

log = logger("spans")

ROWS_MAX = 200_000
"""Some hours of a site where much happens, some 60 MB."""
KEPT = timedelta(days=7)
AHEAD = timedelta(days=1)
"""No clock of a site is further ahead: spans that say so would be the newest for ever, and all others too many."""
SHOWN_MAX = 500
PRUNE_EVERY_SECONDS = 600.0
PRUNE_ROWS = 20_000

spans = sa.Table(
    "spans",
    metadata,
    sa.Column("trace_id", NAME, primary_key=True),
    sa.Column("span_id", NAME, primary_key=True),
    sa.Column("parent_id", NAME, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("began_at", TIME, nullable=False),
    sa.Column("seconds", sa.Double, nullable=False),
    sa.Column("failed", sa.Text, nullable=False),
    sa.Column("attributes", sa.Text, nullable=False),
    sa.Column("links", sa.Text, nullable=False),
    sa.Index("spans_began_at", "began_at"),
)
"""attributes, links: as JSON."""

SPAN_TABLES = (spans,)

_KEEP = (
    "insert into spans (trace_id, span_id, parent_id, name, service, began_at, seconds, failed, attributes, links)"
    " select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[],"
    " $7::float8[], $8::text[], $9::text[], $10::text[]) on conflict do nothing"
)
_OF = (
    "select trace_id, span_id, parent_id, name, service, began_at, seconds, failed, attributes, links from spans"
    " where trace_id = any($1::text[]) order by began_at, span_id limit $2"
)
_TOO_MANY = "select began_at from spans order by began_at desc offset $1 limit 1"
_TO_COME = "delete from spans where began_at > $1"
_PRUNE = (
    "delete from spans where ctid = any(array(select ctid from spans where began_at <= $1 order by began_at limit $2))"
)


class Spans:
    """What is kept of them."""

    def __init__(self, store: PgStore, rows_max: int = ROWS_MAX) -> None:
        self._store, self._rows_max = store, rows_max
        self._came = 0

    async def keep(self, found: Sequence[Kept]) -> None:
        """Keeps them; one that is known already is not kept twice. Raises `StoreUnavailable`.

        How many come in is for whoever calls to say: anybody may ask for a trace. So whenever a tenth of what may be
        kept has come, the oldest of what is too much goes, and whoever brought them waits for it.
        """
        columns: list[list[Any]] = [
            [getattr(span, name) for span in found]
            for name in ("trace_id", "span_id", "parent_id", "name", "service", "began_at", "seconds", "failed")
        ]
        columns += [[msgspec.json.encode(span.attributes).decode() for span in found],
                    [msgspec.json.encode(span.links).decode() for span in found]]  # fmt: skip
        await self._store.query(lambda pool: pool.execute(_KEEP, *columns))
        self._came += len(found)
        if self._came >= self._rows_max // 10:
            self._came = 0
            await self._take_away(await self._beyond())

    async def of(self, traces: Sequence[str]) -> list[Kept]:
        """The first spans of these traces, `SHOWN_MAX` at most. Raises `StoreUnavailable`."""
        rows = await self._store.query(lambda pool: pool.fetch(_OF, list(traces), SHOWN_MAX))
        return [
            Kept(
                row["trace_id"], row["span_id"], row["parent_id"], row["name"], row["service"], row["began_at"],
                row["seconds"], row["failed"], msgspec.json.decode(row["attributes"], type=dict[str, str]),
                msgspec.json.decode(row["links"], type=tuple[str, ...]),
            )
            for row in rows
        ]  # fmt: skip

    async def keep_within(self, clock: Clock) -> None:
        """Takes away what is too old or too much, for ever."""
        while True:
            gone = await self.prune(clock.now())
            if gone:
                log.info("old spans are gone", spans=gone)
            await clock.sleep(PRUNE_EVERY_SECONDS)

    async def prune(self, now: datetime) -> int:
        """How many went: those before the last week, those to come, and the oldest of what is too much. Raises
        `StoreUnavailable`."""
        to_come = _count(await self._store.query(lambda pool: pool.execute(_TO_COME, now + AHEAD)))
        beyond = await self._beyond()
        return to_come + await self._take_away(now - KEPT if beyond is None else max(now - KEPT, beyond))

    async def _beyond(self) -> datetime | None:
        """When the newest began that is one too many."""
        found: datetime | None = await self._store.query(lambda pool: pool.fetchval(_TOO_MANY, self._rows_max))
        return found

    async def _take_away(self, before: datetime | None) -> int:
        gone = 0
        while before is not None:
            done = await self._store.query(lambda pool: pool.execute(_PRUNE, before, PRUNE_ROWS))
            gone += (count := _count(done))
            if count < PRUNE_ROWS:
                break
        return gone


def _count(done: str) -> int:
    """Of the rows a command says it took away: `DELETE 3`."""
    return int(done.rpartition(" ")[2])
