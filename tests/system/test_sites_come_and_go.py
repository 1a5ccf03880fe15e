"""A site joins a running network and leaves it again, on real servers: nobody restarts, nothing is lost, all agree."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from infra.keys import seal_key_ids
from infra.processes import before_exec
from infra.running import Files, supervisor
from tests.support.network import PAIR, PATIENCE_SECONDS, ROOT, Network, eventually, plek, running_network

HOLDS = "/api/placement/holds"
CAPACITY = "/api/placement/capacity"
PLACES = {"location": "zuid", "kind": "shelter_24h", "room": "1", "sleeps": 1, "features": []}
HOLD = {"site": "zuid", "location": "zuid", "kind": "shelter_24h"}


class Town:
    """Two sites that stay, and zuid, which comes and goes."""

    def __init__(self, network: Network) -> None:
        self.network = network

    async def plek(self, *words: str) -> dict[str, Any]:
        done = await asyncio.to_thread(self.network.plek, *words, "--json")
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        answer: dict[str, Any] = json.loads(done.stdout)
        self.network.urls |= {name: site["url"] for name, site in self.network.told()["sites"].items()}
        return answer

    async def refused(self, *words: str) -> str:
        done = await asyncio.to_thread(self.network.plek, *words)
        assert done.returncode == 1, (words, done.stdout, done.stderr)
        return done.stderr

    def pids(self) -> dict[str, Any]:
        sites = self.network.told()["sites"]
        return {name: [sites[name][part] for part in ("service", "nats", "postgres")] for name in ("stad", "west")}

    async def free(self, seen_by: str, **query: str) -> dict[str, tuple[str, int]]:
        """By location of zuid: how it is heard, and what is free, as a site sees it."""
        async with self.network.client(seen_by) as client:
            answer = (await client.get(CAPACITY, params=query)).json()
        here = {row["location"]: (row["link"], row["available"]) for row in answer["rows"] if row["site"] == "zuid"}
        assert answer["totals"]["available"] >= sum(free for _, free in here.values())
        return here

    async def all_show(self, expected: dict[str, tuple[str, int]], *sites: str) -> None:
        async def shown() -> bool:
            return all([await self.free(site) == expected for site in sites])

        await eventually(f"{sites} to show {expected}", shown)

    async def well(self) -> None:
        """What the on-call engineer asks; a reader that has just begun may be behind for a moment."""
        await self.plek("verify")

        found: list[str] = [""]

        async def nothing_found() -> bool:
            doctor = await asyncio.to_thread(self.network.plek, "doctor")
            found[0] = doctor.stdout
            return doctor.returncode == 0

        try:
            await eventually("the doctor to find nothing", nothing_found, 120)
        except AssertionError:
            raise AssertionError(f"the doctor still finds something:\n{found[0]}") from None


@asynccontextmanager
async def busy_desk(network: Network) -> AsyncIterator[list[int]]:
    """West's desk blocks and unblocks a place all the time; every answer has to be a success."""
    answers: list[int] = []
    async with network.client("west") as west:
        _, (place,) = await network.new_location(west, 1)

        async def work() -> None:
            while True:
                for path, body in (("block", {"reason": "cleaning"}), ("unblock", None)):
                    answer = await west.post(f"/api/placement/places/{place}/{path}", json=body)
                    answers.append(answer.status_code)
                    assert answer.status_code == 200, answer.text

        working = asyncio.create_task(work())
        try:
            yield answers
        finally:
            working.cancel()
            with suppress(asyncio.CancelledError):
                await working


async def test_a_site_joins_and_leaves_while_the_others_work() -> None:
    with running_network("--no-demo") as network:
        town = Town(network)
        before = town.pids()
        async with busy_desk(network) as answers:
            assert len((await town.plek("site", "add", "zuid", "--location", "zuid", "--dry-run"))["steps"]) == 3
            assert "zuid" not in network.told()["sites"]
            assert (await town.plek("site", "add", "zuid", "--location", "zuid"))["epoch"] == 1
            commands = len(answers)
            hold = await _opened_and_asked_for(town)
            assert len(answers) > commands
        await town.well()
        joined = datetime.now(UTC)
        said = await town.refused("site", "remove", "zuid")
        assert "1 held" in said
        await _leaves_with_something_open(town, hold)
        assert town.pids() == before
        async with network.client("west") as west:
            assert await town.free("west", at=joined.isoformat()) == {"zuid": ("retired", 2)}
            assert await town.free("west") == {}
            assert await town.free("west", site="zuid") == {"zuid": ("retired", 0)}
            again = await west.post(HOLDS, json=HOLD)
            assert (again.status_code, again.json()["code"]) == (409, "site-retired")
        await town.well()
        await _comes_back(town, joined)
        assert town.pids() == before


async def _opened_and_asked_for(town: Town) -> str:
    """Three places at zuid, seen everywhere, and one of them held by west, letters both ways. Returns the hold."""
    async with town.network.client("zuid") as zuid, town.network.client("west") as west:
        assert (await zuid.post("/api/placement/places", json=PLACES | {"count": 3})).status_code == 201
        await town.all_show({"zuid": ("live", 3)}, "stad", "west", "zuid")
        asked = await west.post(HOLDS, json=HOLD)
        assert asked.status_code == 202, asked.text
        await _until(west, asked.json()["id"], "active")
        await town.all_show({"zuid": ("live", 2)}, "stad", "west", "zuid")
    return str(asked.json()["id"])


async def _until(client: httpx.AsyncClient, hold_id: str, status: str) -> dict[str, Any]:
    async def so() -> bool:
        return bool((await client.get(f"{HOLDS}/{hold_id}")).json()["status"] == status)

    await eventually(f"the hold to be {status}", so)
    found: dict[str, Any] = (await client.get(f"{HOLDS}/{hold_id}")).json()
    return found


async def _leaves_with_something_open(town: Town, hold: str) -> None:
    """One hold is active and one was never answered when zuid goes; neither is waited for any longer."""
    files = Files(town.network.data)
    keys = seal_key_ids(files.network_keys, "zuid")
    assert keys
    async with town.network.client("west") as west:
        await asyncio.to_thread(town.network.plek, "link", "cut", "zuid")
        asked = await west.post(HOLDS, json=HOLD)
        assert asked.status_code == 202, asked.text
        assert (await town.plek("site", "remove", "zuid", "--force"))["held"] == 1
        for hold_id in (hold, asked.json()["id"]):
            assert (await _until(west, hold_id, "lapsed"))["code"] == "site-retired"
    assert "zuid" not in town.network.told()["sites"]
    [left] = json.loads(files.network_keys.read_text("utf-8"))["left"]["zuid"]
    assert left["keys"] == keys, "its successor tells letters to it from letters to itself"


async def _comes_back(town: Town, joined: datetime) -> None:
    """Another site of the same name: a new epoch, and nothing of the old one."""
    assert (await town.plek("site", "add", "zuid", "--location", "zuid"))["epoch"] == 2
    async with town.network.client("zuid") as zuid, town.network.client("west") as west:
        assert (await zuid.post("/api/placement/places", json=PLACES | {"count": 5})).status_code == 201
        await town.all_show({"zuid": ("live", 5)}, "stad", "west", "zuid")
        asked = await west.post(HOLDS, json=HOLD)
        await _until(west, asked.json()["id"], "active")
    assert await town.free("west", at=joined.isoformat()) == {"zuid": ("live", 2)}
    assert [path.name for path in (town.network.data / "retired").iterdir()] == ["zuid-1"]
    await town.well()


def test_whoever_is_killed_in_the_middle_the_change_is_completed(tmp_path: Path) -> None:
    """`kill -9` of the verb and the supervisor at once, at one step of joining and one of leaving."""
    data = tmp_path / "data"
    up = ("up", "--network", str(PAIR), "--port-base", "0", "--no-demo", "--detach", "--json")
    try:
        assert plek(data, *up).returncode == 0
        _killed_at(data, "site", "add", "zuid", step="applying streams and schemas")
        started = plek(data, *up)
        assert set(json.loads(started.stdout)["sites"]) == {"stad", "west", "zuid"}, started.stderr
        for words in (("site", "add", "zuid"), ("verify",)):
            assert plek(data, *words).returncode == 0
        _killed_at(data, "site", "remove", "zuid", step="")
        started = plek(data, *up)
        assert set(json.loads(started.stdout)["sites"]) == {"stad", "west"}, started.stderr
        assert [path.name for path in (data / "retired").iterdir()] == ["zuid-1"]
        assert not (data / "sites" / "zuid.json").exists()
        for words in (("site", "remove", "zuid"), ("verify",)):
            assert plek(data, *words).returncode == 0
    finally:
        plek(data, "down")


def _killed_at(data: Path, *words: str, step: str) -> None:
    """Runs a verb, and kills it and the supervisor as soon as that is at a step (none: at any)."""
    verb = subprocess.Popen(
        [sys.executable, "-m", "infra.cli", *words, "--data", str(data)], cwd=ROOT, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, preexec_fn=before_exec(signal.SIGKILL),
    )  # fmt: skip

    def there() -> bool:
        change = json.loads((data / "network.json").read_text("utf-8"))["change"]
        return change is not None and step in change["step"]

    pid = supervisor(data)
    assert pid is not None
    _wait(there)
    os.kill(pid, signal.SIGKILL)
    verb.kill()
    verb.wait()
    _wait(lambda: supervisor(data) is None)


def _wait(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.005)
