"""One round: load, a fault in the middle of it, and how long until every site shows the same again."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
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
    """What came of one round. seconds: from the end of the fault until all sites showed the same. took_seconds: from
    its beginning to its end. failed: why it has no end; nothing is known of what was promised in it.
    """

    fault: Fault
    tally: Tally
    seconds: float
    took_seconds: float
    failed: str = ""

    def as_json(self) -> dict[str, Any]:
        fault = {"fault": self.fault.name, "lasts_seconds": self.fault.seconds, "events": self.fault.events}
        times = {"seconds_to_equal_digests": round(self.seconds, 2), "took_seconds": round(self.took_seconds, 2)}
        return fault | asdict(self.tally) | times | {"failed": self.failed}

    @classmethod
    def of_json(cls, told: dict[str, Any], fault: Fault) -> Round:
        tally = Tally(**{name: told[name] for name in asdict(Tally())})
        return cls(fault, tally, told["seconds_to_equal_digests"], told["took_seconds"], told["failed"])


@dataclass
class Summary:
    """All rounds of one fault."""

    fault: str
    rounds: list[Round]

    @property
    def tally(self) -> Tally:
        tally = Tally()
        for each in self.rounds:
            tally.add(each.tally)
        return tally

    @property
    def sound(self) -> bool:
        return not self.tally.lost and not self.tally.doubled and not self.failed

    @property
    def failed(self) -> int:
        return sum(bool(each.failed) for each in self.rounds)

    def as_json(self) -> dict[str, Any]:
        """seconds_to_equal_digests: None where no round came to an end."""
        seconds = [each.seconds for each in self.rounds if not each.failed]
        times = {"median": round(median(seconds), 2), "longest": round(max(seconds), 2)} if seconds else None
        return {
            "fault": self.fault, "rounds": len(self.rounds), "failed": self.failed, **asdict(self.tally),
            "seconds_to_equal_digests": times,
            "seconds_a_round": round(median(each.took_seconds for each in self.rounds), 2),
        }  # fmt: skip


class Record:
    """The rounds played so far: in a file, a line each as soon as it is over, so that a run that was ended goes on
    behind them. path: of the file; None: they are kept nowhere.

    Raises `ValueError` for a file that is something else. A last line that was cut off is left out.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lines: list[dict[str, Any]] = []
        text = path.read_text("utf-8") if path is not None and path.exists() else ""
        whole, _, torn = text.rpartition("\n")
        self._lines = [json.loads(line) for line in whole.splitlines()]
        if not all(isinstance(line, dict) and "lasts_seconds" in line for line in self._lines):
            raise ValueError("it holds something else than rounds")
        if torn and path is not None:
            path.write_text("".join(f"{line}\n" for line in whole.splitlines()), "utf-8")

    def add(self, played: Round) -> None:
        """Writes a round down."""
        self._lines.append(played.as_json())
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(self._lines[-1]) + "\n")

    def of(self, fault: Fault) -> list[Round]:
        """The rounds of this fault, as long and as large as it is now."""
        asked = (fault.name, fault.seconds, fault.events)
        same = [line for line in self._lines if (line["fault"], line["lasts_seconds"], line["events"]) == asked]
        return [Round.of_json(line, fault) for line in same]


@contextmanager
def network_of_four(*, small: bool) -> Iterator[Network]:
    """A fresh network. small: the victim has a small disk, which only a namespace of our own allows."""
    with running_network(network=NETWORK, prepare=small_disk if small else None) as network:
        yield network


def shortened(fault: Fault) -> Fault:
    """The same for a quick look."""
    return replace(fault, seconds=min(fault.seconds, SHORT_SECONDS), events=min(fault.events, BACKLOG_SHORT))


async def play(network: Network, fault: Fault) -> Round:
    """Plays one round. One in which a desk gets no answer, or the sites do not come to show the same, has failed."""
    began = time.monotonic()
    try:
        tally, seconds = await _play(network, fault)
    except (TimeoutError, AssertionError, httpx.HTTPError) as error:
        return Round(fault, Tally(), 0.0, time.monotonic() - began, f"{type(error).__name__}: {error}"[:300])
    return Round(fault, tally, seconds, time.monotonic() - began)


async def _play(network: Network, fault: Fault) -> tuple[Tally, float]:
    scene = Scene(network, fault.seconds, fault.events)
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(network.client(site, timeout=10)) for site in SITES]
        watchers = {
            site: await stack.enter_async_context(network.client(site, "oncall", timeout=5)) for site in network.urls
        }
        working, stop = await desks(network, clients, DESKS), asyncio.Event()
        load = asyncio.gather(*(desk.work(stop) for desk in working))
        while sum(len(desk.began) for desk in working) < WARM_UP_COMMANDS and not load.done():
            await asyncio.sleep(LOOK_SECONDS)
        await _telling(watchers)
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
    return tally, seconds


async def _telling(watchers: dict[str, httpx.AsyncClient]) -> None:
    """Waits until every site knows where its logs end on the bus: one that has started just now tells nothing before
    others have said how far they heard it, and with its link cut nobody could."""
    async with asyncio.timeout(EQUAL_SECONDS_MAX):
        while True:
            said = [(await client.get("/api/placement/health")).json() for client in watchers.values()]
            if all(log["published"] is not None for each in said for log in each["logs"]):
                return
            await asyncio.sleep(LOOK_SECONDS)


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
