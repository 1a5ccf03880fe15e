"""Append: commands a second, durable, every event told, against the peer's one event a transaction and COPY's rows."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime

import asyncpg

from bench import peer
from bench.ground import IDS, ROUNDS_OF_OURS, Ground, Line, median_ratio, new_append, payload, workers
from shared.store import PgStore

SHAPES = ((1, 1, 1.5), (16, 1, 15.0), (64, 1, 30.0), (64, 3, 0.3))
"""In flight, events an append, and the target: against the peer, and for the last one against COPY."""

COPY_ROWS = 60_000


def run(ground: Ground) -> list[Line]:
    """Each round measures the peer, COPY and ours, one after the other."""
    seconds = 1.0 if ground.quick else 3.0
    peers: list[float] = []
    copies: list[float] = []
    ours: dict[tuple[int, int], list[float]] = {shape[:2]: [] for shape in SHAPES}
    database = ground.run(ground.database())
    for number in range(ROUNDS_OF_OURS):
        peers.append(peer.appends_a_second(ground.server, database, f"peer_{number}", seconds))
        copies.append(ground.run(copied_rows_a_second(ground)))
        for in_flight, events, _ in SHAPES:
            ours[in_flight, events].append(ground.run(appends_a_second(ground, in_flight, events, seconds)))
    lines = [
        Line(
            f"append, {in_flight} in flight", statistics.median(ours[in_flight, events]), "commands/s", peer.NAME,
            statistics.median(peers), median_ratio(ours[in_flight, events], peers), target,
        )
        for in_flight, events, target in SHAPES[:3]
    ]  # fmt: skip
    rows = [each * 6 for each in ours[64, 3]]
    lines.append(
        Line("append, 64 in flight, 3 events each", statistics.median(rows), "rows/s", "one asyncpg COPY",
             statistics.median(copies), median_ratio(rows, copies), SHAPES[3][2])
    )  # fmt: skip
    return lines


async def appends_a_second(ground: Ground, in_flight: int, events: int, seconds: float) -> float:
    """Appends of `events` events, each with its told row, from `in_flight` callers with a stream each."""
    async with ground.store() as store:
        return await workers(in_flight, seconds, lambda number, go_on: _append(store, number, events, go_on))


async def _append(store: PgStore, number: int, events: int, go_on: Callable[[], bool]) -> int:
    version = 0
    while go_on():
        await store.append(new_append(f"location/{number}", version, events))
        version += events
    return version // events


async def copied_rows_a_second(ground: Ground) -> float:
    """One large COPY of events as bare rows, into the same table with the same indexes, durable at its end."""
    data, now = payload(), datetime.now(UTC)
    rows = [
        (n, f"location/{n}", 1, IDS.event_id(), "place-held.v1", data, data[:200], now) for n in range(1, COPY_ROWS + 1)
    ]
    connection = await asyncpg.connect(await ground.database())
    try:
        began = time.perf_counter()
        await connection.copy_records_to_table("events", records=rows)
        return COPY_ROWS / (time.perf_counter() - began)
    finally:
        await asyncio.shield(connection.close())
