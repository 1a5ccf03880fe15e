"""A whole command of the placement service (load, fold, decide, tell, append, board) against the peer's bare append."""

from __future__ import annotations

import statistics

from bench import desk, peer
from bench.ground import ROUNDS_OF_OURS, Ground, Line, median_ratio, workers

IN_FLIGHT = 64
TARGET = 10.0


def run(ground: Ground) -> list[Line]:
    """Each round measures the peer and ours, one after the other."""
    seconds = 1.0 if ground.quick else 2.0
    database = ground.run(ground.database())
    peers, ours = [], []
    for number in range(ROUNDS_OF_OURS):
        peers.append(peer.appends_a_second(ground.server, database, f"peer_{number}", seconds))
        ours.append(ground.run(commands_a_second(ground, seconds)))
    return [
        Line("whole command, 64 in flight", statistics.median(ours), "commands/s", peer.NAME, statistics.median(peers),
             median_ratio(ours, peers), TARGET)
    ]  # fmt: skip


async def commands_a_second(ground: Ground, seconds: float) -> float:
    """64 desks at once, each at a location of its own with 60 places."""
    async with ground.store(desk.TABLES) as store:
        handler = desk.handler(store)
        desks = [desk.Desk(handler, number) for number in range(IN_FLIGHT)]
        for each in desks:
            await each.open()
        return await workers(IN_FLIGHT, seconds, lambda number, go_on: desks[number].work(go_on))
