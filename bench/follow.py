"""Follow: from JetStream through inbox and view into PostgreSQL, exactly once, against pulling alone."""

from __future__ import annotations

import asyncio
import statistics
import time
from datetime import UTC, datetime

from nats.aio.client import Client
from nats.js.api import AckPolicy, ConsumerConfig

from bench.buses import ONE, Bus, running
from bench.desk import TABLES
from bench.ground import IDS, ROUNDS, Ground, Line, median_ratio
from services.placement.views_capacity import CAPACITY, figures
from shared.bus import JetStreamLog, StreamSource
from shared.bus_connection import close_client, connect_relay
from shared.clock import SystemClock
from shared.contracts.figures import CapacityRow
from shared.contracts.placement import CapacityTold
from shared.envelope import Message, Origin
from shared.inbox import Follow, Reader

MESSAGES = 20_000
LOCATIONS = 20
FETCH = 500
TARGET = 0.5
STREAM = "PUB_west_placement"
OTHER = Origin("west", "placement", 1)


def run(ground: Ground) -> list[Line]:
    """One stream of figures as a busy site tells them; each round reads it twice from its beginning."""
    return [ground.run(_run(ground, MESSAGES // 5 if ground.quick else MESSAGES))]


async def _run(ground: Ground, count: int) -> Line:
    ours, bare = [], []
    async with running(ONE) as buses:
        bus = Bus(buses, "west")
        await publish(bus, count)
        for _ in range(ROUNDS):
            client = await bus.bare("city.placement")
            bare.append(await pulled_messages_a_second(client, count))
            await client.close()
            ours.append(await applied_messages_a_second(ground, bus, count))
    return Line("follow, JetStream to view", statistics.median(ours), "messages/s", "bare batched pull",
                statistics.median(bare), median_ratio(ours, bare), TARGET)  # fmt: skip


async def publish(bus: Bus, count: int) -> None:
    """Figures of 20 locations in turns."""
    now = datetime.now(UTC)
    client = await connect_relay(bus.options("city.placement.relay"))
    log = JetStreamLog(client, "west", "placement", "pub")
    messages = []
    for n in range(1, count + 1):
        row = CapacityRow(kind="shelter_24h", size_class="1", feature_class="", total=60, overflow=0, occupied=n % 60,
                          held=0, blocked=0, people=n % 60, observed_at=now)  # fmt: skip
        name = f"location-{n % LOCATIONS}"
        told = CapacityTold(location=name, site="west", title="A location", district="West", rows=(row,))
        messages.append(Message(OTHER, "pub", n, IDS.event_id(), told.type_name, name, now, IDS.event_id(),
                                IDS.event_id(), told.encode(), now))  # fmt: skip
    for first in range(0, count, FETCH):
        await log.publish(messages[first : first + FETCH])
    await close_client(client)


async def applied_messages_a_second(ground: Ground, bus: Bus, count: int) -> float:
    """The capacity view of the placement service, from an empty database."""
    client = await connect_relay(bus.options("city.placement"))
    async with ground.store(TABLES) as store:
        reader = Reader(store, CAPACITY, SystemClock())
        began = time.perf_counter()
        task = asyncio.create_task(reader.run(Follow(StreamSource(client, STREAM))))
        try:
            async with asyncio.timeout(120):
                seen = 0
                while reader.checkpoint(OTHER.key) != (1, count):
                    seen = await reader.applied.wait(seen)
            taken = time.perf_counter() - began
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await close_client(client)
        assert len(await store.rows(figures)) == LOCATIONS
        return count / taken


async def pulled_messages_a_second(client: Client, count: int) -> float:
    """Batches of the same size from the library's own pull subscription; nothing is done with them."""
    config = ConsumerConfig(ack_policy=AckPolicy.NONE)
    subscription = await client.jetstream().pull_subscribe("plek.west.pub.>", stream=STREAM, config=config)
    began, pulled = time.perf_counter(), 0
    while pulled < count:
        pulled += len(await subscription.fetch(min(FETCH, count - pulled), timeout=10))
    return count / (time.perf_counter() - began)
