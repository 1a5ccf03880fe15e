"""Two at once: 50 rounds of every race for the same thing over HTTP, and exactly the right winners each time."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from typing import Any

import httpx

from tests.support.network import Network, eventually

ROUNDS = 50
HOLD = {"kind": "shelter_24h", "household_size": 1}


async def _hold(client: httpx.AsyncClient, location: str, **more: Any) -> httpx.Response:
    return await client.post("/api/placement/holds", json=HOLD | {"location": location}, **more)


async def _statuses(client: httpx.AsyncClient, location: str) -> Counter[str]:
    rows = (await client.get("/api/placement/places", params={"location": location, "limit": 500})).json()["items"]
    return Counter(row["status"] for row in rows)


async def test_two_holds_for_the_last_place(network: Network) -> None:
    async with network.client("west") as client:
        for _ in range(ROUNDS):
            location, _ = await network.new_location(client, 1)
            answers = await asyncio.gather(*(_hold(client, location) for _ in range(2)))
            assert sorted(answer.status_code for answer in answers) == [201, 409]
            assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"no-place-free"}
            assert await _statuses(client, location) == {"held": 1}


async def test_three_holds_for_the_last_two_places(network: Network) -> None:
    async with network.client("west") as client:
        for _ in range(ROUNDS):
            location, places = await network.new_location(client, 2)
            answers = await asyncio.gather(*(_hold(client, location) for _ in range(3)))
            assert sorted(answer.status_code for answer in answers) == [201, 201, 409]
            held = [place for answer in answers if answer.status_code == 201 for place in answer.json()["place_ids"]]
            assert sorted(held) == sorted(places)


async def test_ten_requests_with_one_key_are_one_hold(network: Network) -> None:
    async with network.client("west") as client:
        for _ in range(ROUNDS):
            location, _ = await network.new_location(client, 3)
            key = {"Idempotency-Key": str(uuid.uuid4())}
            answers = await asyncio.gather(*(_hold(client, location, headers=key) for _ in range(10)))
            assert {answer.status_code for answer in answers} == {201}
            assert len({answer.text for answer in answers}) == 1
            assert await _statuses(client, location) == {"held": 1, "free": 2}


async def test_check_in_against_check_in(network: Network) -> None:
    async with network.client("west") as client:
        for _ in range(ROUNDS):
            location, _ = await network.new_location(client, 1)
            hold = (await _hold(client, location)).json()["id"]
            path = f"/api/placement/holds/{hold}/check-in"
            answers = await asyncio.gather(*(client.post(path) for _ in range(2)))
            assert sorted(answer.status_code for answer in answers) == [200, 409]
            assert await _statuses(client, location) == {"occupied": 1}
            stays = (await client.get("/api/placement/stays", params={"location": location})).json()["items"]
            assert len(stays) == 1


async def test_close_against_hold(network: Network) -> None:
    async with network.client("west") as client:
        for _ in range(ROUNDS):
            location, [place] = await network.new_location(client, 1)
            held, closed = await asyncio.gather(
                _hold(client, location), client.post(f"/api/placement/places/{place}/close", json={})
            )
            outcome = (held.status_code, closed.status_code)
            assert outcome in {(201, 409), (409, 200)}, (held.text, closed.text)
            assert await _statuses(client, location) == ({"held": 1} if held.status_code == 201 else {"closed": 1})


async def test_check_in_against_expiry(network: Network) -> None:
    """Every hold lasts half an hour. The clock is moved to some minutes before, so that a busy machine has time to make
    all of them and to let ten in, then over it while 30 of 50 check-ins are on their way; ten come too late for
    certain."""
    async with network.client("west") as client:
        holds: dict[str, str] = {}
        for _ in range(ROUNDS):
            location, _ = await network.new_location(client, 1)
            answer = await client.post("/api/placement/holds", json=HOLD | {"location": location, "hold_minutes": 30})
            holds[location] = answer.json()["id"]
        assert (await asyncio.to_thread(network.plek, "clock", "advance", "24m")).returncode == 0

        async def arrive(hold: str) -> httpx.Response:
            return await client.post(f"/api/placement/holds/{hold}/check-in")

        async def arrive_one_by_one(some: list[str]) -> list[httpx.Response]:
            return [await arrive(hold) for hold in some]

        every = list(holds.values())
        early = await arrive_one_by_one(every[:10])
        racing, moved = await asyncio.gather(
            arrive_one_by_one(every[10:40]), asyncio.to_thread(network.plek, "clock", "advance", "7m")
        )
        assert moved.returncode == 0, moved.stderr
        late = await arrive_one_by_one(every[40:])
        assert {answer.status_code for answer in early} == {200}
        assert {answer.json()["code"] for answer in late} <= {"hold-lapsed", "hold-ended"}

        async def all_ended() -> bool:
            rows = [(await client.get(f"/api/placement/holds/{hold}")).json() for hold in every]
            return all(row["status"] in {"checked_in", "lapsed"} for row in rows)

        await eventually("every hold to have ended", all_ended)
        for (location, hold), answer in zip(holds.items(), early + racing + late, strict=True):
            row = (await client.get(f"/api/placement/holds/{hold}")).json()
            won = answer.status_code == 200
            assert row["status"] == ("checked_in" if won else "lapsed"), answer.text
            assert await _statuses(client, location) == {"occupied" if won else "free": 1}
