"""A lean aggregate of 600-byte events, ours and the peer's, for measuring reading rather than deciding."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import asyncpg
import msgspec
import sqlalchemy as sa

from bench.ground import DATA_BYTES, IDS
from shared.aggregate import Aggregate
from shared.envelope import Meta
from shared.kernel import Codec, Command, Decider, Event
from shared.ports import Put, RowChange
from shared.schema import NAME

WORDS = "x" * (DATA_BYTES - 60)

tallies = sa.Table(
    "tallies",
    sa.MetaData(),
    sa.Column("name", NAME, primary_key=True),
    sa.Column("events", sa.Integer, nullable=False),
    sa.Column("total", sa.BigInteger, nullable=False),
)


class Counted(Event, frozen=True, tag="counted.v1"):
    name: str
    amount: int
    words: str


class Tally(msgspec.Struct, frozen=True):
    name: str = ""
    events: int = 0
    total: int = 0


def decide(tally: Tally, command: Command) -> Sequence[Counted]:
    return [Counted(tally.name, 1, WORDS)]


def evolve(tally: Tally, event: Counted) -> Tally:
    return Tally(event.name, tally.events + 1, tally.total + event.amount)


def project(before: Tally, events: Sequence[Counted], after: Tally, at: datetime) -> list[RowChange]:
    return [Put(tallies, (after.name, after.events, after.total))]


CODEC: Codec[Counted] = Codec((Counted,))
DECIDER: Decider[Tally, Command, Counted] = Decider("tally", Tally(), decide, evolve, CODEC, Tally)
AGGREGATE = Aggregate(DECIDER, lambda *_: [], project, lambda _: [])


async def fill(dsn: str, count: int, streams: int) -> None:
    """Stores `count` events, one stream after the other in turns, the fast way."""
    meta = msgspec.json.encode(Meta(IDS.event_id(), IDS.event_id(), "operator"))
    began = datetime.now(UTC)
    connection = await asyncpg.connect(dsn)
    try:
        for first in range(0, count, 50_000):
            rows = []
            for n in range(first, min(first + 50_000, count)):
                name = f"t{n % streams}"
                data = CODEC.encode(Counted(name, n % 97, WORDS))
                rows.append((n + 1, f"tally/{name}", n // streams + 1, IDS.event_id(), "counted.v1", data, meta,
                             began + timedelta(milliseconds=n)))  # fmt: skip
            await connection.copy_records_to_table("events", records=rows)
        await connection.execute("vacuum analyze events")
        await connection.execute("checkpoint")
    finally:
        await connection.close()
