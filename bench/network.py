"""Across the network: from a command's answer at one site to the row that shows it at two others.

The network is the real one, as `plek up` starts it. Beside it, in the same run, the bare path: one durable commit, one
publish, leaf to hub to leaf, one durable commit, with the libraries' own clients.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import msgspec
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from bench.buses import Bus, running
from bench.ground import ROUNDS, Ground, Line, payload, percentile
from bench.web import Web
from infra.running import site_settings
from shared.streams import Topology
from tests.support.network import Network, network_of, running_network

NETWORK = network_of("west", "noord")

THREE = Topology("stad", dict.fromkeys(("stad", "west", "noord"), ("placement", "console")))
TARGET = 3.0
PACES = {"idle": (1, 20.0), "200 events a second": (20, 10.0)}
"""How many desks, and how many commands a second each gives. Each command sends one event across the network, and the
bare path carries one message for each."""

ANSWER_SECONDS = 20.0

WATCH = """
create function bench_tell() returns trigger language plpgsql as $$
begin
  perform pg_notify('bench', new.location || ' ' || new.held);
  return null;
end $$;
create trigger bench_tell after insert or update on figures for each row execute function bench_tell();
"""


@dataclass
class Times:
    """Milliseconds, by what was measured."""

    bare: list[float] = field(default_factory=list)
    municipality: list[float] = field(default_factory=list)
    location: list[float] = field(default_factory=list)


def run(ground: Ground) -> list[Line]:
    """Each round measures the bare path and the network, one after the other, at each pace."""
    seconds = 2.0 if ground.quick else 8.0
    network_file = ground.directory / "network.toml"
    network_file.write_text(NETWORK, "utf-8")
    with running_network("--no-demo", network=network_file) as network:
        rounds = ground.run(_rounds(ground, network, seconds))
    lines = []
    for pace, measured in rounds.items():
        bare = [percentile(each.bare, 0.99) for each in measured]
        for where, name in (("municipality", "at the municipality"), ("location", "at another location")):
            ours = [percentile(getattr(each, where), 0.99) for each in measured]
            middle = statistics.median(value for each in measured for value in getattr(each, where))
            ratio = statistics.median(mine / theirs for mine, theirs in zip(ours, bare, strict=True))
            bare_middle = statistics.median(value for each in measured for value in each.bare)
            note = f"p50 {middle:.1f} ms, bare {bare_middle:.1f} ms"
            lines.append(Line(f"p99 visible {name}, {pace}", statistics.median(ours), "ms", "bare path",
                              statistics.median(bare), ratio, TARGET, at_most=True, note=note))  # fmt: skip
    return lines


async def _rounds(ground: Ground, network: Network, seconds: float) -> dict[str, list[Times]]:
    rounds: dict[str, list[Times]] = {pace: [] for pace in PACES}
    token = network.token("west", "operator")
    async with running(THREE) as buses, BarePath.laid(ground, buses) as bare, watching(network) as sights:
        desks = [Desk(Web(network.urls["west"], token), number, sights) for number in range(20)]
        for desk in desks:
            await desk.open(network.urls["west"], network.token("west", "coordinator"))
        for _ in range(ROUNDS):
            for pace, (count, rate) in PACES.items():
                rounds[pace].append(await _round(bare, desks[:count], rate, seconds))
        for desk in desks:
            desk.close()
    return rounds


async def _round(bare: BarePath, desks: Sequence[Desk], rate: float, seconds: float) -> Times:
    times = Times()
    await _at_pace(len(desks), rate, seconds, lambda _: bare.send(times.bare))
    await _at_pace(len(desks), rate, seconds, lambda number: desks[number].turn(times))
    return times


async def _at_pace(count: int, rate: float, seconds: float, work: Callable[[int], Awaitable[None]]) -> None:
    """`count` workers, each beginning `rate` times a second at moments of its own, and never before it is done with the
    last: one that is late leaves moments out. Were it to begin at once, one stall would put all of them in step.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds

    async def worker(number: int) -> None:
        due = loop.time() + number / (count * rate)
        while due < until:
            await asyncio.sleep(due - loop.time())
            await work(number)
            due += max(1, math.ceil((loop.time() - due) * rate)) / rate

    await asyncio.gather(*(worker(number) for number in range(count)))


# --- ours -------------------------------------------------------------------------------------------------------------


class Sight:
    """Hears from a site's database when a row of its capacity view is committed, and remembers when that was."""

    def __init__(self) -> None:
        self._came: dict[str, float] = {}
        self._waiting: dict[str, asyncio.Future[None]] = {}

    def hear(self, *notification: object) -> None:
        what = str(notification[3])
        self._came[what] = time.perf_counter()
        waiting = self._waiting.pop(what, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    def expect(self, what: str) -> None:
        """Forgets that this was seen before."""
        self._came.pop(what, None)

    async def came(self, what: str) -> float:
        """When it became visible."""
        if what not in self._came:
            self._waiting[what] = asyncio.get_running_loop().create_future()
            await asyncio.wait_for(self._waiting[what], ANSWER_SECONDS)
        return self._came[what]


@asynccontextmanager
async def watching(network: Network) -> AsyncIterator[dict[str, Sight]]:
    """A sight at the municipality and at the other location, by what they are called in `Times`."""
    sights, connections = {}, []
    for name, site in (("municipality", "stad"), ("location", "noord")):
        dsn = site_settings(Path(network.data), site).databases["placement"].get_secret_value()
        connection = await asyncpg.connect(dsn)
        await connection.execute(WATCH)
        sights[name] = Sight()
        await connection.add_listener("bench", sights[name].hear)
        connections.append(connection)
    try:
        yield sights
    finally:
        for connection in connections:
            await connection.close()


class Desk:
    """Holds a place and cancels the hold, in turns, at a location of its own."""

    def __init__(self, web: Web, number: int, sights: dict[str, Sight]) -> None:
        self._web, self._location, self._sights = web, f"bench-{number}", sights
        self._hold: str | None = None

    async def open(self, url: str, coordinator: str) -> None:
        """Opens the location with four places."""
        opener = Web(url, coordinator)
        body = {"name": self._location, "title": "Bench", "district": "West"}
        await opener.post("/api/placement/locations", body)
        opener.close()
        made = {"location": self._location, "kind": "shelter_24h", "room": "1", "sleeps": 1, "features": [], "count": 4}
        await self._web.post("/api/placement/places", made)

    async def turn(self, times: Times) -> None:
        """One command; waits until both other sites show it."""
        hold = self._hold
        what = f"{self._location} {1 if hold is None else 0}"
        for sight in self._sights.values():
            sight.expect(what)
        if hold is None:
            body = {"location": self._location, "kind": "shelter_24h", "household_size": 1}
            self._hold = msgspec.json.decode(await self._web.post("/api/placement/holds", body))["id"]
        else:
            await self._web.post(f"/api/placement/holds/{hold}/cancel", {})
            self._hold = None
        answered = time.perf_counter()
        for where, sight in self._sights.items():
            getattr(times, where).append(max(0.0, (await sight.came(what) - answered) * 1000))

    def close(self) -> None:
        self._web.close()


# --- the bare path ----------------------------------------------------------------------------------------------------


class BarePath:
    """The same way with nothing of ours on it."""

    def __init__(
        self, west: asyncpg.Pool[asyncpg.Record], noord: asyncpg.Connection[asyncpg.Record], client: Client
    ) -> None:
        self._west, self._noord, self._client = west, noord, client
        self._numbers = itertools.count(1)
        self._arrived: dict[int, asyncio.Future[None]] = {}

    @classmethod
    @asynccontextmanager
    async def laid(cls, ground: Ground, buses: object) -> AsyncIterator[BarePath]:
        """Two databases and three servers of its own, with the settings of the network."""
        dsns = [await ground.database(), await ground.database()]
        west = await asyncpg.create_pool(dsns[0], min_size=4, max_size=20)
        noord = await asyncpg.connect(dsns[1])
        for connection in (west, noord):
            await connection.execute("create table bare (id bigint primary key, data bytea not null)")
        publisher = await Bus(buses, "west").bare("city.placement.relay")  # type: ignore[arg-type]
        reader = await Bus(buses, "noord").bare("city.placement")  # type: ignore[arg-type]
        config = ConsumerConfig(ack_policy=AckPolicy.NONE, deliver_policy=DeliverPolicy.ALL)
        subscription = await reader.jetstream().pull_subscribe("plek.*.pub.>", stream="CITY", config=config)
        path = cls(west, noord, publisher)
        task = asyncio.create_task(path._receive(subscription))
        try:
            yield path
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            for client in (publisher, reader):
                await client.close()
            await noord.close()
            await west.close()

    async def send(self, times: list[float]) -> None:
        """One message from the first commit to the last."""
        number = next(self._numbers)
        arrived = self._arrived[number] = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        await self._west.execute("insert into bare values ($1, $2)", number, payload())
        subject = "plek.west.pub.placement.capacity-told"
        answer = await self._client.request(subject, b"%20d" % number + payload(), timeout=ANSWER_SECONDS)
        assert b'"seq"' in answer.data, answer.data
        await asyncio.wait_for(arrived, ANSWER_SECONDS)
        times.append((time.perf_counter() - began) * 1000)

    async def _receive(self, subscription: JetStreamContext.PullSubscription) -> None:
        while True:
            try:
                [message] = await subscription.fetch(1, timeout=ANSWER_SECONDS)
            except TimeoutError:
                continue
            number = int(message.data[:20])
            await self._noord.execute("insert into bare values ($1, $2)", number, message.data[20:])
            self._arrived.pop(number).set_result(None)
