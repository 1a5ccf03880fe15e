"""One round: load, a fault in the middle of it, and how long until every site shows the same again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from tests.chaos.faults import SHORT_SECONDS, Fault, Scene, small_disk
from tests.chaos.load import Tally, desks
from tests.support.network import Network, running_network

NETWORK = Path(__file__).with_name("network.toml")

SITES = ("west", "noord", "zuidoost")
"""Where there is work; the municipality watches."""

DESKS = 2
"""At each of them."""

WARM_UP_COMMANDS = 30
EQUAL_SECONDS_MAX = 180.0
LOOK_SECONDS = 0.1
BACKLOG_SHORT = 2_000


@dataclass
class Round:
    """What came of one round. seconds: from the end of the fault until all sites showed the same."""

    fault: str
    tally: Tally
    seconds: float

    def as_json(self) -> dict[str, Any]:
        return {"fault": self.fault, **asdict(self.tally), "seconds_to_equal_digests": round(self.seconds, 2)}


@dataclass
class Summary:
    """All rounds of one fault."""

    fault: str
    rounds: int
    tally: Tally
    seconds: list[float]

    @classmethod
    def of(cls, fault: str, rounds: list[Round]) -> Summary:
        tally = Tally()
        for each in rounds:
            tally.add(each.tally)
        return cls(fault, len(rounds), tally, [each.seconds for each in rounds])

    @property
    def sound(self) -> bool:
        return not self.tally.lost and not self.tally.doubled

    def as_json(self) -> dict[str, Any]:
        times = {"median": round(median(self.seconds), 2), "longest": round(max(self.seconds), 2)}
        return {
            "fault": self.fault, "rounds": self.rounds, **asdict(self.tally), "seconds_to_equal_digests": times,
        }  # fmt: skip


@contextmanager
def network_of_four(*, namespace: bool) -> Iterator[Network]:
    """A fresh network; in a namespace of our own the victim has a small disk."""
    with running_network(network=NETWORK, prepare=small_disk if namespace else None) as network:
        yield network


async def play(network: Network, fault: Fault, *, short: bool) -> Round:
    """Plays one round. Raises `TimeoutError` when the sites do not come to show the same."""
    scene = Scene(
        network,
        min(fault.seconds, SHORT_SECONDS) if short else fault.seconds,
        min(fault.events, BACKLOG_SHORT) if short else fault.events,
    )
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(network.client(site, timeout=10)) for site in SITES]
        watchers = {
            site: await stack.enter_async_context(network.client(site, "oncall", timeout=5)) for site in network.urls
        }
        working, stop = await desks(network, clients, DESKS), asyncio.Event()
        load = asyncio.gather(*(desk.work(stop) for desk in working))
        while sum(len(desk.began) for desk in working) < WARM_UP_COMMANDS and not load.done():
            await asyncio.sleep(LOOK_SECONDS)
        await fault.work(scene)
        over = time.monotonic()
        if not scene.events:
            await asyncio.sleep(LOOK_SECONDS)  # a killed part is missed by somebody
        stop.set()
        await load
        await _equal(watchers)
        seconds = time.monotonic() - over
        tally = Tally()
        for desk in working:
            tally.add(await desk.count())
    return Round(fault.name, tally, seconds)


async def _equal(watchers: dict[str, httpx.AsyncClient]) -> None:
    """Waits until every site shows the same of every origin, up to the last word each has told."""
    async with asyncio.timeout(EQUAL_SECONDS_MAX):
        while True:
            shown = [await _digests(client) for client in watchers.values()]
            if None not in shown and all(digests == shown[0] for digests in shown):
                return
            await asyncio.sleep(LOOK_SECONDS)


async def _digests(client: httpx.AsyncClient) -> dict[str, Any] | None:
    try:
        answer = await client.get("/api/placement/capacity/digest")
    except httpx.TransportError:
        return None
    if answer.status_code != 200:
        return None
    origins: dict[str, Any] = answer.json()["origins"]
    return origins
