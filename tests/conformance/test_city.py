"""How told events reach the other sites: sourced into the hub's `CITY`, mirrored from there, through links that fail.

In memory and on two real nats-servers, with the real streams and permissions.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Protocol

import pytest
import pytest_asyncio

from shared.bus import JetStreamLog, StreamSource, close_client, connect_broker, connect_relay
from shared.clock import SystemClock
from shared.envelope import Message, Origin
from shared.ports import Delivery, LogWriter, Source
from tests.support.buses import Reader, row
from tests.support.memory_bus import CITY, MemoryBus, Weather
from tests.support.servers import PAIR, TestBuses, running_buses

pytestmark = pytest.mark.asyncio

SITES = ("stad", "west")


def told(site: str, first: int, last: int) -> list[Message]:
    return [row(sequence, Origin(site, "placement", 1)) for sequence in range(first, last + 1)]


def by_origin(got: list[Delivery]) -> dict[str, list[int]]:
    """The sequences of each site, in the order they came."""
    sequences: dict[str, list[int]] = {site: [] for site in SITES}
    for delivery in got:
        assert delivery.message is not None
        sequences[delivery.message.origin.site].append(delivery.message.sequence)
    return sequences


class Network(Protocol):
    """Two sites: the hub `stad` and `west`."""

    async def log(self, site: str) -> LogWriter: ...

    async def source(self, site: str) -> Source:
        """The site's `CITY`."""
        ...

    def cut(self) -> None:
        """The link between the two is gone."""
        ...

    def heal(self) -> None: ...


class InMemory:
    def __init__(self) -> None:
        tellers = {site: ["placement"] for site in SITES}
        self.bus = MemoryBus("stad", tellers, SystemClock(), random.Random(1), weather=Weather((0.0, 0.002)))

    async def log(self, site: str) -> LogWriter:
        return self.bus.log(site, "placement", "pub")

    async def source(self, site: str) -> Source:
        return self.bus.source(site, CITY)

    def cut(self) -> None:
        self.bus.cut("west")

    def heal(self) -> None:
        self.bus.heal("west")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        carriers = [asyncio.ensure_future(self.bus.run(flow)) for flow in self.bus.flows]
        yield
        for carrier in carriers:
            assert not carrier.done()
            carrier.cancel()


class OnNats:
    def __init__(self, buses: TestBuses) -> None:
        self.buses = buses
        self.stack = AsyncExitStack()

    async def log(self, site: str) -> LogWriter:
        relay = await connect_relay(self.buses.options(site, "city.placement.relay"))
        self.stack.push_async_callback(close_client, relay)
        return JetStreamLog(relay, site, "placement", "pub")

    async def source(self, site: str) -> Source:
        broker = await connect_broker(self.buses.options(site, "city.placement"))
        self.stack.push_async_callback(broker.stop)
        return StreamSource(await broker.bus(), CITY)

    def cut(self) -> None:
        self.buses.cut("west")

    def heal(self) -> None:
        self.buses.heal("west")


@pytest_asyncio.fixture(params=["memory", "nats"])
async def network(request: pytest.FixtureRequest) -> AsyncIterator[Network]:
    if request.param == "memory":
        memory = InMemory()
        async with memory.running():
            yield memory
        return
    async with running_buses(PAIR) as buses:
        real = OnNats(buses)
        async with real.stack:
            yield real


@pytest.mark.parametrize("site", SITES)
async def test_every_site_hears_every_origin_in_order_and_as_it_was_told(network: Network, site: str) -> None:
    async with Reader(await network.source(site)) as reader:
        for origin in SITES:
            await (await network.log(origin)).publish(told(origin, 1, 60))
        got = await reader.until(120)
    assert [delivery.position for delivery in got] == list(range(1, 121))
    assert by_origin(got) == {origin: list(range(1, 61)) for origin in SITES}
    for delivery in got:
        assert delivery.message is not None
        assert delivery.message == row(delivery.message.sequence, delivery.message.origin)
        assert delivery.subject == f"plek.{delivery.message.origin.site}.pub.placement.capacity-told"


async def test_both_sites_hear_the_same_at_the_same_position(network: Network) -> None:
    for origin in SITES:
        await (await network.log(origin)).publish(told(origin, 1, 30))
    async with Reader(await network.source("stad")) as hub, Reader(await network.source("west")) as leaf:
        assert await hub.until(60) == await leaf.until(60)


async def test_what_was_told_while_the_link_was_cut_arrives_after_it_healed(network: Network) -> None:
    logs = {site: await network.log(site) for site in SITES}
    async with Reader(await network.source("stad")) as hub, Reader(await network.source("west")) as leaf:
        for site in SITES:
            await logs[site].publish(told(site, 1, 5))
        await hub.until(10)
        await leaf.until(10)
        network.cut()
        for site in SITES:
            await logs[site].publish(told(site, 6, 40))
        await hub.until(45)
        assert by_origin(hub.got)["west"] == list(range(1, 6)), "nothing crosses a link that is cut"
        network.heal()
        for reader in (hub, leaf):
            assert by_origin(await reader.until(80)) == {site: list(range(1, 41)) for site in SITES}
