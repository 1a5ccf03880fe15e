"""Relay: from the outbox in PostgreSQL to JetStream, acknowledged and in order, against the bare client alone."""

from __future__ import annotations

import asyncio
import statistics
import time
import uuid
from datetime import UTC, datetime

import msgspec
from nats.aio.client import Client

from bench.buses import ONE, Bus, running
from bench.ground import IDS, ROUNDS, Ground, Line, median_ratio, payload
from shared.bus import JetStreamLog
from shared.bus_connection import close_client, connect_relay
from shared.clock import SystemClock
from shared.envelope import Message, Meta, bus_subject, to_headers
from shared.heard import Nobody
from shared.outbox import PAGE, Relay
from shared.ports import Append, Told
from shared.store import PgStore

MESSAGES = 20_000
TARGET = 0.7
TYPE = "nl.plek.placement.capacity-told.v1"


def run(ground: Ground) -> list[Line]:
    """Each round publishes the same messages twice, each time to a stream of its own on a fresh server."""
    return [ground.run(_run(ground, MESSAGES // 5 if ground.quick else MESSAGES))]


async def _run(ground: Ground, count: int) -> Line:
    ours, bare = [], []
    async with ground.store() as store:
        await tell(store, count)
        messages = await store.read_outbox("pub", 0, count)
        for _ in range(ROUNDS):
            async with running(ONE) as buses:
                client = await Bus(buses, "west").bare("city.placement.relay")
                bare.append(await bare_messages_a_second(client, messages))
                await client.close()
            async with running(ONE) as buses:
                ours.append(await relayed_messages_a_second(Bus(buses, "west"), store, count))
    return Line("relay, store to JetStream", statistics.median(ours), "messages/s", "bare nats-py, atomic batches",
                statistics.median(bare), median_ratio(ours, bare), TARGET)  # fmt: skip


async def tell(store: PgStore, count: int, data: bytes = payload()) -> None:
    """Fills the outbox with so many rows."""
    for first in range(0, count, 500):
        ids = [IDS.event_id() for _ in range(min(500, count - first))]
        rows = [Told("pub", id_, TYPE, "west", data, Meta(id_, id_, "operator")) for id_ in ids]
        await store.append(Append(datetime.now(UTC), told=rows))


async def relayed_messages_a_second(bus: Bus, store: PgStore, count: int) -> float:
    """Until the bus has acknowledged every row."""
    client = await connect_relay(bus.options("city.placement.relay"))
    relay = Relay(store, "pub", JetStreamLog(client, "west", "placement", "pub"), SystemClock(), Nobody())
    done = asyncio.Event()
    relay.on_published = lambda sequence: done.set() if sequence == count else None
    began = time.perf_counter()
    task = asyncio.create_task(relay.run())
    try:
        async with asyncio.timeout(120):
            await done.wait()
        return count / (time.perf_counter() - began)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await close_client(client)


async def bare_messages_a_second(client: Client, messages: list[Message]) -> float:
    """The same batches with the same headers from the library's own client, made ready beforehand."""
    ready = [(bus_subject(message), to_headers(message), message.data) for message in messages]
    began = time.perf_counter()
    for first in range(0, len(ready), PAGE):
        batch, batch_id = ready[first : first + PAGE], uuid.uuid4().hex
        for number, (subject, headers, data) in enumerate(batch, 1):
            headers["Nats-Batch-Id"], headers["Nats-Batch-Sequence"] = batch_id, str(number)
            if number == 1:
                headers["Nats-Expected-Last-Sequence"] = str(first)
            if number < len(batch):
                await client.publish(subject, data, headers=headers)
        headers["Nats-Batch-Commit"] = "1"
        answer = msgspec.json.decode((await client.request(subject, data, timeout=10, headers=headers)).data)
        assert answer.get("seq") == first + len(batch), answer
    return len(ready) / (time.perf_counter() - began)
