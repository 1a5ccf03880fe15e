"""From a waiting request to a person living in a place at another site, on a real network of four."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.support.network import Network, eventually

INTAKE, PLACEMENT = "/api/intake", "/api/placement"
SLOWLY = 90.0
"""A site is held to be live for 15 seconds after its last beat, and is asked again after pauses that grow."""


class Case:
    """A caseworker at noord, and operators at the sites with places."""

    def __init__(self, city: Network, desk: httpx.AsyncClient, hosts: dict[str, httpx.AsyncClient]) -> None:
        self.city, self.desk, self.hosts = city, desk, hosts

    async def unit(self, site: str) -> tuple[str, str]:
        """A new house with one family unit for six; its name and the place."""
        name, [place] = await self.city.new_location(self.hosts[site], 1, kind="family_shelter", sleeps=6)
        return name, place

    async def close(self, site: str, *names: str) -> None:
        """So that the next test has nothing but its own."""
        for name in names:
            assert (await self.hosts[site].post(f"{PLACEMENT}/locations/{name}/close")).status_code == 200

    async def client(self) -> str:
        bands = ("23-64", "23-64", "12-17", "4-11", "0-3")
        body = {"languages": ["ti"], "household": [{"age_band": band} for band in bands]}
        answer = await self.desk.post(f"{INTAKE}/clients", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def ask(self, client: str) -> str:
        body = {"kinds": ["family_shelter"], "priority_facts": ["children"]}
        answer = await self.desk.post(f"{INTAKE}/clients/{client}/requests", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def withdraw(self, client: str, request_id: str) -> None:
        path = f"{INTAKE}/clients/{client}/requests/{request_id}/withdraw"
        answer = await self.desk.post(path, json={"reason": "no_longer_needed"})
        assert answer.status_code == 200, answer.text

    async def request(self, request_id: str) -> dict[str, Any]:
        return dict((await self.desk.get(f"{INTAKE}/requests/{request_id}")).json())

    async def until(self, request_id: str, status: str) -> dict[str, Any]:
        async def there() -> bool:
            return str((await self.request(request_id))["status"]) == status

        await eventually(f"the request to be {status}", there, SLOWLY)
        return await self.request(request_id)

    async def offered(self, request_id: str) -> dict[str, Any]:
        [offer] = (await self.until(request_id, "offered"))["offers"]
        return dict(offer)

    async def accept(self, client: str, offer_id: str, **more: Any) -> httpx.Response:
        body = {"expected_by": (datetime.now(UTC) + timedelta(hours=6)).isoformat()} | more
        return await self.desk.post(f"{INTAKE}/clients/{client}/offers/{offer_id}/accept", json=body)

    async def word(self, request_id: str, offer_id: str, word: str) -> dict[str, Any]:
        """The offer as the desk sees it, once its owner has said this of it."""

        async def said() -> bool:
            return str((await self._offer(request_id, offer_id))["word"]) == word

        await eventually(f"the owner to say {word}", said, SLOWLY)
        return await self._offer(request_id, offer_id)

    async def _offer(self, request_id: str, offer_id: str) -> dict[str, Any]:
        return next(one for one in (await self.request(request_id))["offers"] if one["id"] == offer_id)

    async def made(self, site: str, offer_id: str) -> dict[str, Any]:
        return dict((await self.hosts[site].get(f"{PLACEMENT}/offers/{offer_id}")).json())

    async def place(self, site: str, place_id: str) -> str:
        return str((await self.hosts[site].get(f"{PLACEMENT}/places/{place_id}")).json()["status"])

    async def hour(self) -> None:
        """An hour goes by, at every site."""
        assert (await asyncio.to_thread(self.city.plek, "clock", "advance", "61m")).returncode == 0

    async def link(self, how: str, site: str) -> None:
        assert (await asyncio.to_thread(self.city.plek, "link", how, site)).returncode == 0


@pytest.fixture
async def case(city: Network) -> Any:
    async with AsyncExitStack() as stack:
        hosts = {site: await stack.enter_async_context(city.client(site)) for site in ("west", "zuidoost")}
        desk = await stack.enter_async_context(city.client("noord", "caseworker"))
        yield Case(city, desk, hosts)


async def test_a_household_of_five_registered_at_noord_gets_a_family_place_at_west(case: Case) -> None:
    house, place = await case.unit("west")
    client = await case.client()
    request = await case.ask(client)
    offer = await case.offered(request)
    assert (offer["site"], offer["location"], offer["kind"], offer["sleeps"]) == ("west", house, "family_shelter", 6)
    assert await case.place("west", place) == "held"
    other = await case.client()
    stranger = await case.accept(other, offer["id"])
    assert (stranger.status_code, stranger.json()["code"]) == (404, "offer-unknown")
    taken = await case.accept(client, offer["id"])
    assert taken.status_code == 200, taken.text
    code = taken.json()["arrival_code"]
    sure = await case.word(request, offer["id"], "expected")
    assert (sure["status"], sure["in_slot"], sure["answered"]) == ("accepted", True, True)
    assert "arrival_code" not in sure
    door = f"{PLACEMENT}/holds/{offer['id']}/check-in"
    west = case.hosts["west"]
    assert (await west.post(door)).json()["code"] == "arrival-code-missing"
    wrong = await west.post(door, json={"arrival_code": "0000-0000"})
    assert (wrong.status_code, wrong.json()["code"]) == (409, "arrival-code-wrong")
    assert wrong.json()["facts"]["tries_left"] == 4
    arrived = await west.post(door, json={"arrival_code": code.lower().replace("-", " ")})
    assert arrived.status_code == 200, arrived.text
    stay = (await west.get(f"{PLACEMENT}/stays/{arrived.json()['stay_id']}")).json()
    assert (stay["household_size"], stay["place_ids"]) == (5, [place])
    await case.until(request, "placed")
    assert (await case.word(request, offer["id"], "housed"))["in_slot"]
    listed = (await case.desk.get(f"{PLACEMENT}/waiting-list")).json()["items"]
    assert request not in {one["id"] for one in listed}
    await every_step_is_told(case, client, offer["id"])
    left = await west.post(f"{PLACEMENT}/stays/{arrived.json()['stay_id']}/end", json={"reason": "moved_on"})
    assert left.status_code == 200, left.text
    assert not (await case.word(request, offer["id"], "left"))["in_slot"]
    await case.close("west", house)


async def every_step_is_told(case: Case, client: str, offer: str) -> None:
    """From the registration to the bed: at the client's own site what happened in the file, for a purpose; at the other
    one what happened to the place, without a word of whose it is."""
    file = ("client-registered.v1", "request-opened.v1", "offer-received.v1", "offer-accepted.v1",
            "offer-word-heard.v1", "request-placed.v1")  # fmt: skip
    place = ("place-held.v1", "place-offered.v1", "offer-accepted.v1", "arrival-refused.v1", "stay-began.v1")

    async def told(id_: str, *more: str) -> list[dict[str, Any]]:
        done = await asyncio.to_thread(case.city.plek, "trace", id_, "--json", *more)
        assert done.returncode in (0, 1), done.stderr
        return list(json.loads(done.stdout)["steps"])

    async def all_there() -> bool:
        mine = {step["name"] for step in await told(client, "--site", "noord", "--purpose", "guidance")}
        theirs = {step["name"] for step in await told(offer) if step["site"] == "west"}
        return mine >= set(file) and theirs >= set(place)

    await eventually("every step to be told", all_there, SLOWLY)
    assert client not in json.dumps([step for step in await told(offer) if step["site"] == "west"])


async def test_nobody_comes_the_place_is_free_and_the_request_waits_since_when_it_did(case: Case) -> None:
    house, place = await case.unit("west")
    client = await case.client()
    request = await case.ask(client)
    before = await case.request(request)
    offer = await case.offered(request)
    assert (await case.accept(client, offer["id"])).status_code == 200
    await case.word(request, offer["id"], "expected")
    tapped = await case.hosts["west"].post(f"{PLACEMENT}/holds/{offer['id']}/no-show")
    assert tapped.status_code == 200, tapped.text
    after = await case.until(request, "waiting")
    assert after["waiting_since"] == before["waiting_since"]
    assert await case.place("west", place) == "free"
    assert (await case.made("west", offer["id"]))["word"] == "no_show"
    await case.withdraw(client, request)
    await case.close("west", house)


async def test_an_acceptance_whose_answer_is_cut_off_keeps_the_slot_or_is_overridden(case: Case) -> None:
    house, place = await case.unit("west")
    client = await case.client()
    first = await case.ask(client)
    offer = await case.offered(first)
    await case.link("cut", "west")
    taken = await case.accept(client, offer["id"])
    assert (taken.status_code, taken.json()["answered"], taken.json()["in_slot"]) == (200, False, True)
    await case.hour()
    kept = (await case.request(first))["offers"][0]
    assert (kept["answered"], kept["in_slot"], kept["word"]) == (False, True, None), "no clock frees the slot"
    await case.link("heal", "west")  # without an override: the slot waits for its owner
    assert (await case.word(first, offer["id"], "expected"))["in_slot"]
    await case.link("cut", "west")
    other, _ = await case.unit("zuidoost")
    await case.withdraw(client, first)
    second = await case.ask(client)
    elsewhere = await case.offered(second)
    assert elsewhere["location"] == other
    refused = await case.accept(client, elsewhere["id"])
    assert (refused.status_code, refused.json()["code"]) == (409, "slot-unanswered")
    in_spite = await case.accept(client, elsewhere["id"], override="owner_silent")
    assert (in_spite.status_code, in_spite.json()["possible_double"]) == (200, True)
    await case.word(second, elsewhere["id"], "expected")
    await case.hour()
    assert (await case.made("zuidoost", elsewhere["id"]))["possible_double"]
    await case.link("heal", "west")
    await case.word(first, offer["id"], "called_off")
    assert await case.place("west", place) == "free"

    async def single() -> bool:
        return not (await case.made("zuidoost", elsewhere["id"]))["possible_double"]

    await eventually("the double to be over at zuidoost", single, SLOWLY)
    assert not (await case.word(second, elsewhere["id"], "expected"))["possible_double"]
    await case.withdraw(client, second)  # it would wait again once its house is closed, and be offered the next test's
    await case.close("west", house)
    await case.close("zuidoost", other)
