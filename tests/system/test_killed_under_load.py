"""A process killed with -9 in the middle of load: nothing lost, nothing twice, and the views agree by themselves."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx
import pytest

from tests.support.network import Network, eventually, running_network

DESKS = 8
STAYS_A_DESK = 40


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with running_network() as started:
        yield started


async def _insist(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Posts until there is an answer, always with the same key: what a good client does when the line goes dead."""
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    while True:
        try:
            answer = await client.post(path, json=body, headers=headers)
        except httpx.TransportError:
            await asyncio.sleep(0.05)
            continue
        if answer.status_code != 503:
            assert answer.status_code in {200, 201}, answer.text
            document: dict[str, Any] = answer.json()
            return document
        await asyncio.sleep(0.05)


async def _desk(client: httpx.AsyncClient, location: str, acknowledged: list[str]) -> list[str]:
    """Lets people in and, every second one, out again; returns who is still there."""
    there: list[str] = []
    for number in range(STAYS_A_DESK):
        began = await _insist(
            client, "/api/placement/stays", {"location": location, "kind": "shelter_24h", "household_size": 1}
        )
        acknowledged += [event["id"] for event in began["events"]]
        if number % 2:
            ended = await _insist(client, f"/api/placement/stays/{began['id']}/end", {"reason": "moved_on"})
            acknowledged += [event["id"] for event in ended["events"]]
        else:
            there.append(began["id"])
    return there


@pytest.mark.parametrize("part", ["service", "postgres"])
async def test_a_killed_part_loses_nothing_and_doubles_nothing(network: Network, part: str) -> None:
    async with network.client("west") as client, network.client("stad", "coordinator") as city:
        locations = [(await network.new_location(client, STAYS_A_DESK))[0] for _ in range(DESKS)]
        acknowledged: list[str] = []
        load = asyncio.gather(*(_desk(client, location, acknowledged) for location in locations))
        for third in (1, 2):
            await eventually(
                "the load to be under way",
                partial(_reached, acknowledged, third * DESKS * STAYS_A_DESK // 3),
            )
            assert not load.done(), "the load was over before the part was killed"
            killed = await asyncio.to_thread(network.plek, "kill", "west", part)
            assert killed.returncode == 0, killed.stderr
        there = await load
        assert len(set(acknowledged)) == len(acknowledged) == DESKS * STAYS_A_DESK * 3 // 2
        for location, present in zip(locations, there, strict=True):
            rows = await _all(client, "/api/placement/stays", location)
            assert {row["id"] for row in rows if row["ended_at"] is None} == set(present)
            assert len(rows) == STAYS_A_DESK
            assert len({row["id"] for row in rows}) == STAYS_A_DESK

        async def the_city_agrees() -> bool:
            seen = (await city.get("/api/placement/capacity", params={"site": "west"})).json()["rows"]
            occupied = {row["location"]: row["occupied"] for row in seen}
            return all(occupied.get(name) == STAYS_A_DESK // 2 for name in locations)

        await eventually("the municipality to see every stay", the_city_agrees)
    verified = await asyncio.to_thread(network.plek, "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr


async def _reached(acknowledged: list[str], count: int) -> bool:
    return len(acknowledged) >= count


async def _all(client: httpx.AsyncClient, path: str, location: str) -> list[dict[str, Any]]:
    """Every row of a list, over all its pages."""
    rows: list[dict[str, Any]] = []
    query: dict[str, Any] = {"location": location, "limit": 100}
    while True:
        page = (await client.get(path, params=query)).json()
        rows += page["items"]
        if page["next"] is None:
            return rows
        query["cursor"] = page["next"]
