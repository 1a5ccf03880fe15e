"""One fault: it happens, an alert fires, the doctor names it, and the commands of its page end it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from subprocess import CompletedProcess
from typing import Any

import httpx

from tests.drill.alerts import Watch
from tests.drill.faults import HOUSE, Fault, Named
from tests.drill.runbook import SAMPLE_ID, repair
from tests.support.network import Network

WORK_SECONDS = 0.5
"""Somebody comes in or goes so often."""
AT_HOME_MAX = 2
PATIENCE_SECONDS = 600.0
"""How long anything is waited for that has no time of its own: the machine may be a slow one, or a busy one."""


@dataclass(frozen=True)
class Outcome:
    """alert_seconds: from when it began until its alert fired, by the scrapes' own time. named_seconds, mended_seconds:
    until the doctor named it, and from the first of the page's commands until it said nothing of it any more and all
    sites showed the same, by the machine's clock. commands: what was given.
    """

    fault: str
    alert_seconds: float
    named_seconds: float
    mended_seconds: float
    commands: list[str]

    def as_json(self) -> dict[str, Any]:
        return {name: round(value, 1) if isinstance(value, float) else value for name, value in asdict(self).items()}


class Desk:
    """Somebody at work at the victim's desk, whatever is answered: without taps nothing would wait anywhere."""

    def __init__(self, network: Network) -> None:
        self._network = network

    async def open_house(self) -> None:
        async with self._network.client("west") as client:
            body = {"name": HOUSE, "title": "Drill", "district": "West"}
            assert (await client.post("/api/placement/locations", json=body)).status_code == 201
            made = {"location": HOUSE, "kind": "shelter_24h", "room": "1", "sleeps": 1, "features": [], "count": 4}
            assert (await client.post("/api/placement/places", json=made)).status_code == 201

    async def work(self) -> None:
        while True:
            with suppress(httpx.HTTPError):
                async with self._network.client("west", timeout=3) as client:
                    here = await client.get("/api/placement/stays", params={"location": HOUSE, "present": "true"})
                    present = here.json()["items"] if here.status_code == 200 else []
                    if len(present) < AT_HOME_MAX:
                        body = {"location": HOUSE, "kind": "shelter_24h"}
                        await client.post("/api/placement/stays", json=body)
                    else:
                        leaves = {"reason": "moved_on"}
                        await client.post(f"/api/placement/stays/{present[0]['id']}/end", json=leaves)
            await asyncio.sleep(WORK_SECONDS)


@asynccontextmanager
async def busy(network: Network) -> AsyncIterator[None]:
    """Somebody works at the victim's desk meanwhile."""
    task = asyncio.create_task(Desk(network).work())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def play(network: Network, fault: Fault, scrape_seconds: float, seconds_max: float, up: Sequence[str]) -> Outcome:
    """Plays one fault. Raises `AssertionError` naming what did not come to pass: an alert within `seconds_max`, by the
    time in which it is scraped; anything else with patience.

    up: how a network is started anew with `plek up`, beside what the page says.
    """
    before = await _given(network, ["verify"])  # whatever was before is over
    assert before.returncode == 0, f"{fault.name}: not all is well before it: {before.stdout}{before.stderr}"
    watch = Watch(network, scrape_seconds)
    await _quiet(watch, fault, scrape_seconds)
    began = time.monotonic()
    async with busy(network), fault.happens(network):
        alerted, named = await asyncio.gather(
            _alerted(watch, fault, scrape_seconds, seconds_max),
            _named(network, fault.named, began + PATIENCE_SECONDS, known=fault.name == "lost-stream"),
        )
        if fault.lasts:
            commands, mended = await _mend(network, fault, up)
    if not fault.lasts:
        commands, mended = await _mend(network, fault, up)
    return Outcome(fault.name, alerted, named - began, mended, commands)


async def _quiet(watch: Watch, fault: Fault, scrape_seconds: float) -> None:
    """Waits until the alert does not fire: of what was before, or because the machine was busy."""
    until, calm = time.monotonic() + PATIENCE_SECONDS, 0
    while calm < 2:
        await asyncio.to_thread(watch.scrape)
        calm = 0 if await asyncio.to_thread(watch.firing, fault.alert, **fault.labels) else calm + 1
        assert time.monotonic() < until, f"{fault.alert} fires before anything has happened"
        await asyncio.sleep(scrape_seconds)


async def _alerted(watch: Watch, fault: Fault, scrape_seconds: float, seconds_max: float) -> float:
    """How long it took, in the time in which it is scraped: on a busy machine that passes more slowly."""
    before = watch.seconds
    while True:
        await asyncio.to_thread(watch.scrape)
        if await asyncio.to_thread(watch.firing, fault.alert, **fault.labels):
            return watch.seconds - before
        assert watch.seconds - before < seconds_max, f"{fault.name}: {fault.alert} does not fire"
        await asyncio.sleep(scrape_seconds)


async def _named(network: Network, named: Named, until: float, *, known: bool) -> float:
    """known: the fault itself has seen to it that the doctor named it, while it could be seen."""
    while not known and not await asyncio.to_thread(_says, network, named):
        assert time.monotonic() < until, f"plek doctor does not name {named}"
        await asyncio.sleep(1)
    return time.monotonic()


def _says(network: Network, named: Named) -> bool:
    lines = json.loads(network.plek("doctor", "--json").stdout)["findings"]
    wrong = [line for line in lines if line["state"] != "ok"]
    return any((line["area"], line["site"]) == named[:2] and named.words in line["text"] for line in wrong)


async def _mend(network: Network, fault: Fault, up: Sequence[str]) -> tuple[list[str], float]:
    began, given = time.monotonic(), []
    for words in repair(fault.page, fault.block):
        words = [await _real_id(network) if word == SAMPLE_ID else word for word in words]
        given.append(" ".join(["plek", *words]))
        more = up if words[0] == "up" else ()
        done = await _given(network, [*words, *more])
        assert done.returncode == 0, f"{fault.name}: {given[-1]}: {done.stdout}{done.stderr}"
        if words[0] == "up":
            network.urls = {name: site["url"] for name, site in network.told()["sites"].items()}
    until = time.monotonic() + PATIENCE_SECONDS
    while await asyncio.to_thread(_says, network, fault.named):
        assert time.monotonic() < until, f"{fault.name}: the doctor still names it"
        await asyncio.sleep(1)
    verify = ("verify", "--wait", f"{PATIENCE_SECONDS:.0f}")
    agreed = await asyncio.to_thread(network.plek, *verify, seconds_max=2 * PATIENCE_SECONDS)
    assert agreed.returncode == 0, f"{fault.name}: {agreed.stdout}{agreed.stderr}"
    return given, time.monotonic() - began


async def _given(network: Network, words: list[str]) -> CompletedProcess[str]:
    """What a command answers; whoever only looks (`verify`) looks again while a site is still on its way up."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        done = await asyncio.to_thread(network.plek, *words, seconds_max=PATIENCE_SECONDS)
        if done.returncode == 0 or words[0] != "verify" or time.monotonic() > until:
            return done
        await asyncio.sleep(1)


async def _real_id(network: Network) -> str:
    done = await asyncio.to_thread(network.plek, "parked", "list", "--json")
    return str(json.loads(done.stdout)["parked"][0]["id"])
