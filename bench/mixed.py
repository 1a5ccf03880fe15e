"""A city at work over HTTP: half of it looks for room, the rest changes places, holds them and reads lists.

500 locations of 60 places on four sites. 50% search, 20% availability updates, 20% hold and then check in or cancel,
10% lists, begun at a fixed pace whether or not the last ones are answered, so that a slow moment is seen in the figures
and not hidden by whoever waits. Afterwards every site has to show the same, and every location what its places are.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from bench.ground import Ground, Line, percentile
from bench.web import Web
from tests.support.network import Network, eventually, network_of, running_network

SITES = ("west", "noord", "zuidoost")
LOCATIONS, PLACES = 500, 60
RATE, SECONDS = 200.0, 60.0
P99_MS_MAX = 200.0
DESKS = 64
"""Connections; a request waits for one, and that wait counts."""
OPENED_AT_ONCE = 8
PEER_RATE = 1.5
"""Requests a second the closest peer publishes for such a load (p50 259 ms, p99 631 ms)."""

NETWORK = network_of(*SITES)

Home = tuple[str, str]
"""A site and one of its locations."""


def run(ground: Ground) -> list[Line]:
    """The pace is kept if what was begun in the time was also answered in it; anything but an answer is an error."""
    locations, seconds = (40, 10.0) if ground.quick else (LOCATIONS, SECONDS)
    file = ground.directory / "mixed.toml"
    file.write_text(NETWORK, "utf-8")
    with running_network("--network", str(file), "--no-demo") as network:
        load = ground.run(_load(network, locations, seconds))
        verified = network.plek("verify", "--wait", "60", seconds_max=120)
        assert verified.returncode == 0, verified.stdout + verified.stderr
    slow = percentile(load.took, 0.99)
    note = f"p50 {percentile(load.took, 0.5):.0f} ms; " + ", ".join(f"{n} {what}" for what, n in load.did.most_common())
    rate = len(load.took) / load.seconds
    return [
        Line("mixed load over HTTP", rate, "requests/s", "closest peer, published", PEER_RATE, rate / RATE, 0.98,
             note=note),
        Line("p99 of one request in it", slow, "ms", "limit, ms", P99_MS_MAX, slow / P99_MS_MAX, 1.0, at_most=True),
    ]  # fmt: skip


@dataclass
class Load:
    """What was done, and how long each request took from when it was due, in milliseconds."""

    took: list[float] = field(default_factory=list)
    did: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


async def _load(network: Network, locations: int, seconds: float) -> Load:
    homes = await _opened(network, locations)
    work = _Work(network, homes)
    loop, load = asyncio.get_running_loop(), Load()
    began = loop.time()
    waiting: set[asyncio.Task[None]] = set()
    for number in range(round(RATE * seconds)):
        due = began + number / RATE
        await asyncio.sleep(due - loop.time())
        task = asyncio.ensure_future(work.one(load, due))
        waiting.add(task)
        task.add_done_callback(waiting.discard)
    await asyncio.gather(*waiting)
    load.seconds = loop.time() - began
    await work.check()
    work.close()
    return load


async def _opened(network: Network, locations: int) -> list[Home]:
    """Opens the locations, three sites taking turns, and waits until the municipality shows all their places."""
    gate = asyncio.Semaphore(OPENED_AT_ONCE)
    homes = [(SITES[number % len(SITES)], f"house-{number}") for number in range(locations)]

    async def one(site: str, name: str) -> None:
        async with gate:
            coordinator = Web(network.urls[site], network.token(site, "coordinator"))
            body = {"name": name, "title": name.title(), "district": site.title()}
            await coordinator.post("/api/placement/locations", body)
            coordinator.close()
            desk = Web(network.urls[site], network.token(site, "operator"))
            made = {"location": name, "kind": "shelter_24h", "room": "1", "sleeps": 1, "features": [], "count": PLACES}
            await desk.post("/api/placement/places", made)
            desk.close()

    await asyncio.gather(*(one(*home) for home in homes))
    async with network.client("stad", "coordinator") as stad:

        async def shown() -> bool:
            answer = await stad.get("/api/placement/capacity")
            return bool(answer.json()["totals"]["total"] == locations * PLACES)

        await eventually("the municipality shows every place", shown, seconds_max=120)
    return homes


class _Work:
    """What desks ask, over connections that are kept open. Each desk works at one house, so no two want one place."""

    def __init__(self, network: Network, homes: list[Home]) -> None:
        self._network, self._chance = network, random.Random(7)
        self._free: dict[str, list[Web]] = {
            site: [Web(network.urls[site], network.token(site, "operator")) for _ in range(DESKS // len(SITES))]
            for site in SITES
        }
        self._gates = {site: asyncio.Semaphore(len(webs)) for site, webs in self._free.items()}
        self._idle: asyncio.Queue[Home] = asyncio.Queue()
        for home in self._chance.sample(homes, len(homes)):
            self._idle.put_nowait(home)
        self._homes = homes
        self._blocked: dict[Home, str] = {}
        self._holds: dict[Home, str] = {}

    async def one(self, load: Load, due: float) -> None:
        """One request, chosen by its share."""
        draw = self._chance.random()
        what, ask = (
            ("searches", self._search) if draw < 0.5
            else ("updates", self._update) if draw < 0.7
            else ("holds", self._hold) if draw < 0.9
            else ("lists", self._list)
        )  # fmt: skip
        home = await self._idle.get()
        try:
            await self._with_desk(home[0], lambda web: ask(web, home))
        finally:
            self._idle.put_nowait(home)
        load.took.append((asyncio.get_running_loop().time() - due) * 1000)
        load.did[what] += 1

    async def _with_desk(self, site: str, ask: Callable[[Web], Awaitable[None]]) -> None:
        async with self._gates[site]:
            web = self._free[site].pop()
            try:
                await ask(web)
            finally:
                self._free[site].append(web)

    async def _search(self, web: Web, home: Home) -> None:
        answer = await web.get("/api/placement/search?kind=shelter_24h&household_size=1&limit=20")
        assert msgspec.json.decode(answer)["items"]

    async def _update(self, web: Web, home: Home) -> None:
        blocked = self._blocked.pop(home, None)
        if blocked is not None:
            await web.post(f"/api/placement/places/{blocked}/unblock", {})
            return
        body = {"location": home[1], "count": 1, "reason": "cleaning"}
        answer = msgspec.json.decode(await web.post("/api/placement/places/block", body))
        (self._blocked[home],) = answer["place_ids"]

    async def _hold(self, web: Web, home: Home) -> None:
        held = self._holds.pop(home, None)
        if held is None:
            body = {"location": home[1], "kind": "shelter_24h"}
            self._holds[home] = msgspec.json.decode(await web.post("/api/placement/holds", body))["id"]
        else:
            end = "check-in" if self._chance.random() < 0.5 else "cancel"
            await web.post(f"/api/placement/holds/{held}/{end}", {})

    async def _list(self, web: Web, home: Home) -> None:
        await web.get(f"/api/placement/places?location={home[1]}&limit=100")

    async def check(self) -> None:
        """Every house has as many places as it was given, and its figures at the municipality are what its board
        says.
        """
        async with self._network.client("stad", "coordinator") as stad:
            for site in SITES:
                async with self._network.client(site) as own:
                    for home in [home for home in self._homes if home[0] == site][:10]:
                        listed = await own.get("/api/placement/places", params={"location": home[1], "limit": 500})
                        status = Counter(place["status"] for place in listed.json()["items"])
                        assert sum(status.values()) == PLACES, home

                        async def same(home: Home = home, status: Counter[str] = status) -> bool:
                            return await _figures(stad, home[1]) == (status["free"], status["held"], status["occupied"])

                        await eventually(f"{home[1]} is at the municipality what it is", same)

    def close(self) -> None:
        for web in [web for webs in self._free.values() for web in webs]:
            web.close()


async def _figures(stad: Any, location: str) -> tuple[int, int, int]:
    answer = await stad.get("/api/placement/capacity", params={"location": location})
    (row,) = answer.json()["rows"]
    return row["available"], row["held"], row["occupied"]
