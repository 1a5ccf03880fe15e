"""The demo city: houses are furnished and lived in over the real routes, and seldom ask for what is not there."""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.placement.city import Act, House, story
from services.placement.houses import first_night, last_night, rooms
from services.placement.jobs_demo import Sums, furnish, is_empty, live, look
from tests.support.desk import Desk, open_desk

AS_OF = datetime(2026, 1, 31, 23, 30, tzinfo=UTC)
REFUSALS = {"no-place-free", "household-too-large"}
"""What a house may say to somebody on the phone."""
SPEED = 1e9
SEEDS = (1, 7, 202, 1_234, 9_999)
"""The same lives every time, one of the quietest among them: how often something happens differs from life to life."""
HOUSE = {"shelter_24h": 40, "night_shelter": 10, "family_shelter": 2, "medical_respite": 2}


async def furnished(desk: Desk, client: httpx.AsyncClient, seed: int, as_of: datetime) -> Sums:
    await desk.post("/locations", json={"name": "west", "title": "West", "district": "West"})
    return await furnish({"west": client}, "west", "west", as_of, random.Random(seed))


async def statuses(client: httpx.AsyncClient) -> Counter[str]:
    places = (await client.get("/api/placement/places", params={"location": "west", "limit": 200})).json()
    assert places["next"] is None
    return Counter(place["status"] for place in places["items"])


async def test_an_empty_location_becomes_a_house_with_people_in_it() -> None:
    async with open_desk() as desk, desk.caller() as client:
        await desk.post("/locations", json={"name": "west", "title": "West", "district": "West"})
        assert await is_empty(client, "west")
        sums = await furnished(desk, client, 1, desk.clock.now())
        assert not await is_empty(client, "west")
        found = await statuses(client)
        assert 50 <= found.total() == sums.happened["places"] <= 80
        assert found["occupied"] > found.total() / 2
        assert found["blocked"] == 5
        assert found["held"] == 2
        assert sums.refused == {}
        places = (await client.get("/api/placement/places", params={"status": "blocked"})).json()["items"]
        assert {place["block"]["reason"] for place in places} == {"cleaning", "isolation", "repair"}
        assert (await client.get("/api/placement/head-counts")).json()["items"]
        stays = (await client.get("/api/placement/stays", params={"limit": 200})).json()["items"]
        assert len({stay["began_at"][:10] for stay in stays}) >= 5
        assert sum(stay["away_until"] is not None for stay in stays) == 1


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000), hour=st.integers(0, 23))
def test_no_house_is_refused_a_thing_whatever_the_hour(seed: int, hour: int) -> None:
    async def one() -> None:
        async with open_desk() as desk, desk.caller() as client:
            as_of = desk.clock.now()
            desk.clock.ahead = (as_of.replace(hour=hour, minute=12) - as_of) % timedelta(days=1)
            assert (await furnished(desk, client, seed, desk.clock.now())).refused == {}

    asyncio.run(one())


async def test_a_house_that_is_furnished_again_after_an_interruption_is_the_same_house() -> None:
    async with open_desk() as desk, desk.caller() as client:
        as_of = desk.clock.now()
        begun = asyncio.create_task(furnished(desk, client, 2, as_of))
        while (await statuses(client))["occupied"] < 10:
            assert not begun.done()
            await asyncio.sleep(0)
        begun.cancel()
        await asyncio.gather(begun, return_exceptions=True)
        desk.clock.ahead = timedelta(minutes=3)
        again = await furnished(desk, client, 2, as_of)
        found = await statuses(client)
    async with open_desk() as desk, desk.caller() as client:
        whole = await furnished(desk, client, 2, as_of)
        assert await statuses(client) == found
    assert again.happened == whole.happened


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_story_seldom_asks_for_what_is_not_there(seed: int) -> None:
    async with open_desk() as desk, desk.caller() as client:
        desk.clock.to_noon()
        await furnished(desk, client, seed, desk.clock.now())
        acts = story(await look(client, "west", "west"), [], 7 * 60, 2.0, random.Random(seed))
        sums, steps = Sums(), Counter[str]()
        await live(
            {"west": client}, acts, "k", SPEED, desk.clock.now, asyncio.Event(), sums,
            lambda: steps.update(["step"]),
        )  # fmt: skip
        assert steps["step"] == len(acts) > 50
        assert set(sums.refused) <= REFUSALS
        assert sums.refused.total() <= len(acts) / 20
        assert sums.happened["arrived"] > 0 < sums.happened["left"]


async def test_a_story_that_is_stopped_ends_between_two_acts() -> None:
    async with open_desk() as desk, desk.caller() as client:
        await furnished(desk, client, 3, desk.clock.now())
        acts = story(await look(client, "west", "west"), [], 7 * 60, 1.0, random.Random(3))
        sums, stop, steps = Sums(), asyncio.Event(), Counter[str]()

        def step() -> None:
            steps.update(["step"])
            if steps["step"] == 7:
                stop.set()

        await live({"west": client}, acts, "k", SPEED, desk.clock.now, stop, sums, step)
        assert sums.happened.total() + sums.refused.total() == 7


def house(**free: int) -> House:
    counts = HOUSE | free
    return House("west", "west", dict(counts), dict(HOUSE), {"family_shelter": 4})


@given(seed=st.integers(0, 2**32), days=st.floats(0.1, 5))
def test_the_same_seed_tells_the_same_story(seed: int, days: float) -> None:
    def told() -> list[Act]:
        return story(house(), ["noord", "stad"], 7 * 60, days, random.Random(seed))

    assert told() == told()


@given(seed=st.integers(0, 2**32), free=st.integers(0, 40))
def test_a_story_hangs_together(seed: int, free: int) -> None:
    known = house(shelter_24h=free)
    acts = story(known, ["noord"], 7 * 60, 3.0, random.Random(seed))
    names: set[str] = set()
    ended: Counter[str] = Counter()
    for act in acts:
        for name in re.findall(r"\{(\w+)\}", act.request.path):
            assert name in names, act
            if act.request.path.endswith(("/end", "/check-in", "/cancel")):
                ended[name] += 1
        assert act.request.name not in names
        names |= {act.request.name} - {""}
    assert all(many == 1 for many in ended.values())
    assert [act.minute for act in acts] == sorted(act.minute for act in acts)
    assert all(0 <= left <= HOUSE[kind] for kind, left in known.free.items())


@given(seed=st.integers(0, 2**32), hours=st.integers(0, 47))
def test_a_house_has_rooms_of_its_own_names_and_everybody_arrived_within_the_week(seed: int, hours: int) -> None:
    now = AS_OF + timedelta(hours=hours)
    made = rooms(random.Random(seed))
    assert len({room.name for room in made}) == len(made)
    assert 50 <= sum(room.count for room in made) <= 80
    places = {room.name: [f"{room.name}-{n}" for n in range(room.count)] for room in made}
    requests = first_night("west", made, places, now, random.Random(seed))
    seen = [datetime.fromisoformat(r.body["observed_at"]) for r in requests if "observed_at" in r.body]
    assert all(timedelta(0) < now - at <= timedelta(days=7) for at in seen)
    assert timedelta(hours=1) <= now - last_night(now) <= timedelta(hours=25)
    used = [place for r in requests for place in r.body.get("place_ids", ())]
    assert len(used) == len(set(used))
