"""How long one whole command takes, alone and with 64 in flight, against a bare single-row durable commit."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import asyncpg

from bench import desk
from bench.ground import ROUNDS, Ground, Line, percentile, workers

P99 = 0.99
ALONE_MAX = 2.5
MORE_MS_MAX = 10.0


def run(ground: Ground) -> list[Line]:
    """Milliseconds at the 99th percentile; each round measures the bare commit, one desk and 64 desks."""
    seconds = 1.0 if ground.quick else 3.0
    bare, alone, crowd = [], [], []
    for _ in range(ROUNDS):
        bare.append(ground.run(bare_commit_ms(ground, seconds)))
        alone.append(ground.run(command_ms(ground, 1, seconds)))
        crowd.append(ground.run(command_ms(ground, 64, seconds)))
    more = [many - one for many, one in zip(crowd, alone, strict=True)]
    return [
        Line("p99 of a command, alone", statistics.median(alone), "ms", "bare one-row commit", statistics.median(bare),
             statistics.median(one / base for one, base in zip(alone, bare, strict=True)), ALONE_MAX, at_most=True),
        Line("p99 with 64 in flight, beyond alone", statistics.median(more), "ms", "limit", MORE_MS_MAX,
             statistics.median(more) / MORE_MS_MAX, 1.0, at_most=True),
    ]  # fmt: skip


async def bare_commit_ms(ground: Ground, seconds: float) -> float:
    """One row of 600 bytes a transaction on a plain connection."""
    connection = await asyncpg.connect(await ground.database())
    await connection.execute("create table bare (id bigint primary key, data bytea not null)")
    times: list[float] = []
    until, data = time.perf_counter() + seconds, b"x" * 600
    while (began := time.perf_counter()) < until:
        await connection.execute("insert into bare values ($1, $2)", len(times), data)
        times.append((time.perf_counter() - began) * 1000)
    await connection.close()
    return percentile(times, P99)


async def command_ms(ground: Ground, in_flight: int, seconds: float) -> float:
    """Each command's time from intent to answer, with so many desks at work."""
    times: list[float] = []
    async with ground.store(desk.TABLES) as store:
        handler = desk.handler(store)
        desks = [desk.Desk(handler, number) for number in range(in_flight)]
        for each in desks:
            await each.open()

        async def work(number: int, go_on: Callable[[], bool]) -> int:
            began = time.perf_counter()

            def next_one() -> bool:
                nonlocal began
                now = time.perf_counter()
                times.append((now - began) * 1000)
                began = now
                return go_on()

            return await desks[number].work(next_one)

        await workers(in_flight, seconds, work)
    return percentile(times[in_flight:], P99)
