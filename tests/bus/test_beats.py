"""Beats over real nats-servers, from one site to another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from shared.beats import Beat, Beats, Links, beat_subject
from shared.bus import Broker, connect_broker
from shared.clock import SystemClock
from shared.envelope import Origin
from shared.ports import StoreUnavailable
from tests.support.buses import DEADLINE_SECONDS
from tests.support.servers import TestBuses

pytestmark = pytest.mark.asyncio

EVERY_SECONDS = 0.02


class Service:
    """One service of one site, as far as beats go."""

    def __init__(self, site: str, broker: Broker) -> None:
        self.broker = broker
        self.clock = SystemClock()
        self.origin = Origin(site, "placement", 1)
        self.links = Links(site, ["stad", "west"])
        self.told = 0
        self.trouble: Exception | None = None
        self.beats = Beats(broker, self.links, "placement", self.own, self.clock, EVERY_SECONDS)

    async def own(self) -> Beat:
        if self.trouble is not None:
            raise self.trouble
        return Beat.of(self.origin, {"pub": self.told, "loc": 0})


@asynccontextmanager
async def running(buses: TestBuses, site: str) -> AsyncIterator[Service]:
    service = Service(site, await connect_broker(buses.options(site, "city.placement")))
    await service.broker.start()
    beating = asyncio.ensure_future(service.beats.run())
    yield service
    assert not beating.done(), "beats never end by themselves"
    beating.cancel()
    await service.broker.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


async def test_each_site_hears_how_far_the_other_has_told(nats_pair: TestBuses) -> None:
    async with running(nats_pair, "stad") as stad, running(nats_pair, "west") as west:
        west.told, stad.told = 7, 9
        await until(lambda: stad.links.told(west.origin) == 7 and west.links.told(stad.origin) == 9)
        assert stad.links.link("west", stad.clock.monotonic()).state == "live"
        assert stad.links.refused == west.links.refused == 0


async def test_a_cut_link_is_silence_and_a_healed_one_is_heard(nats_pair: TestBuses) -> None:
    async with running(nats_pair, "stad") as stad, running(nats_pair, "west") as west:
        await until(lambda: stad.links.link("west", stad.clock.monotonic()).state == "live")
        nats_pair.cut("west")
        # What was on its way arrives; then nothing does, for many beats.
        await until(lambda: (stad.links.link("west", stad.clock.monotonic()).silent_seconds or 0) > 20 * EVERY_SECONDS)
        west.told = 3
        await until(lambda: west.links.told(west.origin) == 3)
        assert stad.links.told(west.origin) == 0
        nats_pair.heal("west")
        await until(lambda: stad.links.told(west.origin) == 3)


async def test_nonsense_on_the_beat_is_counted_and_the_beats_go_on(nats_pair: TestBuses) -> None:
    async with running(nats_pair, "stad") as stad, running(nats_pair, "west") as west:
        client = await west.broker.connect()
        subject = beat_subject("west", "placement")
        lie = Beat.of(Origin("stad", "placement", 9), {"pub": 10**6}).model_dump_json().encode()
        for data in (b"", b"\xff\x00", b"{", lie):
            await client.publish(subject, data, headers={"content-type": "application/json", "correlation_id": ""})
            await client.publish(subject, data)
        await until(lambda: stad.links.refused == 8)
        west.told = 4
        await until(lambda: stad.links.told(west.origin) == 4)
        assert stad.links.told(Origin("stad", "placement", 9)) == 0


async def test_nobody_can_beat_for_another_site(nats_pair: TestBuses) -> None:
    async with running(nats_pair, "stad") as stad, running(nats_pair, "west") as west:
        client = await west.broker.connect()
        lie = Beat.of(Origin("stad", "placement", 9), {"pub": 10**6}).model_dump_json().encode()
        await client.publish(beat_subject("stad", "placement"), lie)
        west.told = 4
        await until(lambda: stad.links.told(west.origin) == 4)
        assert stad.links.told(Origin("stad", "placement", 9)) == 0


@pytest.mark.parametrize("trouble", [StoreUnavailable(), ValueError("a mistake of ours")])
async def test_a_service_that_cannot_read_its_store_is_silent_until_it_can(
    nats_pair: TestBuses, trouble: Exception
) -> None:
    async with running(nats_pair, "stad") as stad, running(nats_pair, "west") as west:
        west.trouble = trouble
        await until(lambda: (stad.links.link("west", stad.clock.monotonic()).silent_seconds or 1) > 10 * EVERY_SECONDS)
        west.trouble, west.told = None, 5
        await until(lambda: stad.links.told(west.origin) == 5)


async def test_without_a_server_beats_are_left_out_and_not_sent_late(nats_pair: TestBuses) -> None:
    async with running(nats_pair, "stad") as stad, running(nats_pair, "west") as west:
        await until(lambda: stad.links.link("west", stad.clock.monotonic()).state == "live")
        nats_pair.servers["west"].kill()
        await until(lambda: not west.broker.connected)
        client = await west.broker.connect()
        sent = client.stats["out_msgs"]
        await until(lambda: (stad.links.link("west", stad.clock.monotonic()).silent_seconds or 0) > 20 * EVERY_SECONDS)
        assert client.stats["out_msgs"] == sent
        west.told = 6
        nats_pair.restart("west")
        await until(lambda: stad.links.told(west.origin) == 6)
