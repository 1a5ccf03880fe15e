"""The database of a live site is put back to an hour ago: a new epoch, equal views everywhere, and a worklist.

On a real network; with the log on the bus intact, and with it lost as well.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import nats
import pytest

from shared.settings import SiteSettings
from tests.support.backups import back_up, findings, put_back, settings_of
from tests.support.network import Network, eventually, running_network

STAYS = "/api/placement/stays"


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with running_network("--no-demo") as started:
        yield started


async def _arrive(client: httpx.AsyncClient, location: str, count: int) -> list[str]:
    body = {"location": location, "kind": "shelter_24h", "household_size": 1}
    return [(await client.post(STAYS, json=body)).raise_for_status().json()["id"] for _ in range(count)]


async def _occupied(client: httpx.AsyncClient, location: str) -> int:
    rows = (await client.get("/api/placement/capacity", params={"location": location})).json()["rows"]
    return sum(row["occupied"] for row in rows)


async def _heard(engineer: httpx.AsyncClient, stays: list[str]) -> bool:
    """Whether the journal has heard of these stays: it gathers for a moment, and is what is left of a lost log."""
    entries = (await engineer.get("/api/console/journal", params={"type": "stay-began", "limit": 100})).json()["items"]
    return set(stays) <= {entry["data"]["stay_id"] for entry in entries}


def _trouble(network: Network, area: str, word: str) -> list[str]:
    """What the doctor says of one area that has this word in it: the texts, with what to do."""
    done = network.plek("doctor", "--json")
    return [
        f"{found['text']} -> {found['do']}"
        for found in findings(done.stdout)
        if found["area"] == area and word in found["text"]
    ]


async def _halted(network: Network, before: int) -> bool:
    """Named by a process that has begun anew: its predecessor (before) may halt too, and ends a moment later."""
    if network.told()["sites"]["west"]["service"] in (None, before):
        return False
    named = _trouble(network, "origins", "takes no command")
    return any("outbox" in text and "plek repair origin west placement --dry-run" in text for text in named)


def _repair(network: Network, *words: str) -> dict[str, Any]:
    done = network.plek("repair", "origin", "west", "placement", "--json", *words)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


async def _well(network: Network) -> bool:
    """Everybody agrees, and the doctor has nothing but the worklist."""
    if network.plek("verify", "--wait", "5").returncode:
        return False
    return {found["area"] for found in findings(network.plek("doctor", "--json").stdout)} <= {"worklist"}


async def _lose_logs(settings: SiteSettings) -> None:
    """The site's bus has lost what this site told."""
    for account, stream in (("city", "PUB_west_placement"), ("local", "LOC_west_placement")):
        client = await nats.connect(**settings.nats_options(f"{account}.admin"))
        await client.request(f"$JS.API.STREAM.DELETE.{stream}", b"", timeout=5)
        await client.close()


@pytest.mark.parametrize("log", ["kept", "lost"])
async def test_a_live_site_put_back_to_an_older_backup_goes_on_in_a_new_epoch(network: Network, log: str) -> None:
    settings = settings_of(network.data, "west")
    async with network.client("west") as desk, network.client("stad", "coordinator") as city:
        location, _ = await network.new_location(desk, 8)
        kept = await _arrive(desk, location, 2)

        async def shown(count: int) -> bool:
            return await _occupied(city, location) == count

        await eventually("the city shows both", lambda: shown(2))
        await back_up(settings, "placement")
        lost = await _arrive(desk, location, 3)
        await eventually("the city shows all five", lambda: shown(5))
        async with network.client("west", "oncall") as engineer:
            await eventually("the site's own journal has all three", lambda: _heard(engineer, lost))
        before = _repair(network, "--dry-run")
        assert (before["forked"], before["steps"]) == (False, [])
        process = network.told()["sites"]["west"]["service"]
        if log == "lost":
            await _lose_logs(settings)
        await put_back(settings, "placement")

        await eventually("the doctor names the halted origin", lambda: _halted(network, process))
        refused = await desk.post(STAYS, json={"location": location, "kind": "shelter_24h", "household_size": 1})
        assert (refused.status_code, refused.json()["code"]) == (503, "origin-halted")
        leaving = network.plek("site", "remove", "west", "--dry-run")
        assert (leaving.returncode, "plek repair origin west placement" in leaving.stderr) == (1, True), leaving.stderr

        told = _repair(network, "--dry-run")
        assert (told["forked"], told["epoch"], told["done"]) == (True, before["epoch"], False)
        assert network.plek("kill", "west", "service").returncode == 0
        done = _repair(network)  # waits for the site's process, which is beginning anew
        assert (done["forked"], done["epoch"], done["done"], done["unasked"]) == (True, before["epoch"] + 1, True, "")
        assert done["lost"] == told["lost"] > 0
        await eventually("all agree, and nothing is wrong but the worklist", lambda: _well(network))
        assert await _occupied(city, location) == await _occupied(desk, location) == 2
        again = _repair(network)
        assert (again["forked"], again["epoch"], again["steps"]) == (False, done["epoch"], [])

        items = (await desk.get("/api/placement/worklist", params={"limit": 500})).json()["items"]
        mine = [item for item in items if item["facts"].get("stay_id") in lost]
        assert sorted(item["facts"]["stay_id"] for item in mine) == sorted(lost)
        assert not [item for item in items if item["facts"].get("stay_id") in kept]
        assert {item["type"] for item in mine} == {"nl.plek.placement.stay-began.v1"}
        ticked = (await desk.post(f"/api/placement/worklist/{mine[0]['id']}/tick")).json()
        assert (ticked["done_by"], ticked["done_at"] is None) == ("operator", False)
        printed = network.plek("repair", "worklist", "west", "--json").stdout
        assert mine[0]["id"] not in {item["id"] for item in json.loads(printed)["items"]}
        assert mine[1]["id"] in {item["id"] for item in json.loads(printed)["items"]}
        assert len(await _arrive(desk, location, 1)) == 1
        await eventually("the city shows three", lambda: shown(3))


async def test_the_worklist_is_for_the_desk_to_tick_and_an_unknown_item_is_said_so(network: Network) -> None:
    async with network.client("west", "coordinator") as watcher, network.client("west") as desk:
        assert (await watcher.get("/api/placement/worklist")).status_code == 200
        assert (await watcher.post("/api/placement/worklist/x/tick")).status_code == 403
        unknown = await desk.post("/api/placement/worklist/x/tick")
        assert (unknown.status_code, unknown.json()["code"]) == (404, "work-item-unknown")
    refused = network.plek("repair", "origin", "west", "console")
    assert (refused.returncode, "tells nothing" in refused.stderr) == (2, True)
