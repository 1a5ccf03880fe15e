"""What the memory twin adds for the simulation: weather, faults, hooks around every effect, and repeatability."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from shared.envelope import Origin
from shared.ports import BusUnavailable, LogMoved
from tests.support.buses import Reader, row
from tests.support.memory_bus import CITY, MemoryBus, Weather

pytestmark = pytest.mark.asyncio

SITES = ("stad", "west", "noord")


class PatientClock:
    """A clock whose sleeps take turns and no time."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return sum(self.slept)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        for _ in range(1 + int(seconds)):
            await asyncio.sleep(0)


def make(seed: int = 1, weather: Weather | None = None) -> MemoryBus:
    tellers = {site: ["placement"] for site in SITES}
    clock = PatientClock()
    return MemoryBus("stad", tellers, clock, random.Random(seed), weather=weather or Weather())  # type: ignore[arg-type]


async def tell(bus: MemoryBus, site: str, first: int, last: int) -> None:
    origin = Origin(site, "placement", 1)
    await bus.log(site, "placement", "pub").publish([row(sequence, origin) for sequence in range(first, last + 1)])


def city(bus: MemoryBus, site: str) -> list[tuple[str, int]]:
    """Site and sequence of everything in a site's `CITY`."""
    messages = [stored.read.message for stored in bus.stream(site, CITY).messages]
    return [(message.origin.site, message.sequence) for message in messages if message is not None]


@contextmanager
def carrying(bus: MemoryBus) -> Iterator[None]:
    carriers = [asyncio.ensure_future(bus.run(flow)) for flow in bus.flows]
    yield
    for carrier in carriers:
        carrier.cancel()


async def everything_arrives(bus: MemoryBus, count: int) -> None:
    for site in SITES:
        async with Reader(bus.source(site, CITY)) as reader:
            await reader.until(count)


async def one_run(seed: int) -> list[tuple[str, int]]:
    bus = make(seed, Weather((0.0, 9.0), duplicate=0.2))
    with carrying(bus):
        for site in SITES:
            await tell(bus, site, 1, 30)
        await everything_arrives(bus, 90)
    return city(bus, "stad")


async def test_one_seed_is_one_history_and_another_seed_another() -> None:
    assert await one_run(5) == await one_run(5)
    assert await one_run(5) != await one_run(6)


async def test_origins_overtake_each_other_and_never_themselves() -> None:
    history = await one_run(5)
    assert history != sorted(history, key=lambda told: told[1])
    for site in SITES:
        sequences = [sequence for origin, sequence in history if origin == site]
        assert sequences == sorted(sequences)
        assert set(sequences) == set(range(1, 31))


async def test_some_messages_come_twice_into_the_city_and_the_mirrors_agree() -> None:
    bus = make(3, Weather(duplicate=0.3))
    for site in SITES:
        await tell(bus, site, 1, 30)
    bus.carry_all()
    assert len(city(bus, "stad")) > len(set(city(bus, "stad"))) == 90
    assert city(bus, "west") == city(bus, "noord") == city(bus, "stad")


async def test_nothing_crosses_a_cut_link_and_everything_does_after_it_healed() -> None:
    bus = make()
    bus.cut("west")
    for site in SITES:
        await tell(bus, site, 1, 3)
    bus.carry_all()
    assert {origin for origin, _ in city(bus, "stad")} == {"stad", "noord"}
    assert city(bus, "west") == []
    bus.heal("west")
    bus.carry_all()
    assert city(bus, "west") == city(bus, "stad")
    assert len(city(bus, "stad")) == 9


async def test_a_hub_that_is_down_stops_every_link_and_no_site() -> None:
    bus = make()
    bus.down("stad")
    await tell(bus, "west", 1, 3)
    bus.carry_all()
    with pytest.raises(BusUnavailable):
        await tell(bus, "stad", 1, 1)
    assert not bus.reachable("west", "noord")
    assert bus.reachable("west", "west")
    bus.up("stad")
    bus.carry_all()
    assert city(bus, "noord") == [("west", 1), ("west", 2), ("west", 3)]


async def test_a_log_made_anew_comes_into_the_city_again() -> None:
    bus = make()
    await tell(bus, "west", 1, 2)
    bus.carry_all()
    bus.remake("west", "PUB_west_placement")
    await tell(bus, "west", 1, 3)
    bus.carry_all()
    assert [sequence for _, sequence in city(bus, "noord")] == [1, 2, 1, 2, 3]


async def test_a_city_made_anew_at_the_hub_is_copied_again_behind_what_a_site_has_and_remake_city_begins_clean() -> (
    None
):
    bus = make()
    await tell(bus, "west", 1, 4)
    bus.carry_all()
    bus.remake("stad", CITY)
    bus.carry_all()
    before = await bus.source("noord", CITY).incarnation()
    assert city(bus, "noord") == [("west", 1), ("west", 2), ("west", 3), ("west", 4)] * 2
    bus.remake_city()
    bus.carry_all()
    assert city(bus, "noord") == city(bus, "stad")
    assert await bus.source("noord", CITY).incarnation() != before


async def test_the_hook_can_lose_a_message_or_its_acknowledgement() -> None:
    bus = make()
    lose = "publish PUB_west_placement"

    async def io(what: str) -> None:
        if what == lose:
            raise BusUnavailable(what)

    log = bus.log("west", "placement", "pub", io)
    first = [row(1, Origin("west", "placement", 1))]
    with pytest.raises(BusUnavailable):
        await log.publish(first)
    assert await log.last() is None
    lose = "published PUB_west_placement"
    with pytest.raises(BusUnavailable):
        await log.publish(first)
    assert await log.last() is not None
    with pytest.raises(LogMoved):
        await log.publish(first)


async def test_a_process_can_be_stopped_at_every_effect_and_leaves_whole_ones() -> None:
    for stop_at in range(1, 6):  # before each of four rows, and before they are acknowledged
        bus, seen = make(), 0

        async def io(what: str, stop_at: int = stop_at) -> None:
            nonlocal seen
            seen += 1
            if seen == stop_at:
                raise asyncio.CancelledError

        with pytest.raises(asyncio.CancelledError):
            rows = [row(sequence, Origin("west", "placement", 1)) for sequence in range(1, 5)]
            await bus.log("west", "placement", "pub", io).publish(rows)
        assert len(bus.stream("west", "PUB_west_placement").messages) == stop_at - 1


async def test_what_is_said_is_heard_where_it_can_be_and_nowhere_later() -> None:
    bus = make()
    heard: list[tuple[str, bytes]] = []

    def hear(site: str, _subject: str, data: bytes) -> None:
        heard.append((site, data))

    for site in SITES:
        bus.listen(site, partial(hear, site))
    bus.cut("west")
    bus.say("west", "beat.west.placement", b"1")
    bus.say("noord", "beat.noord.placement", b"2")
    bus.heal("west")
    bus.say("west", "beat.west.placement", b"3")
    assert heard == [("west", b"1"), ("stad", b"2"), ("noord", b"2"), ("stad", b"3"), ("west", b"3"), ("noord", b"3")]
