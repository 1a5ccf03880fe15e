"""Holds at another site on a real network of four: asked by letter, answered truthfully, also across a cut."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.keys import new_seal_key
from infra.running import site_settings
from tests.support.network import Network, eventually

HOLDS = "/api/placement/holds"
ROUNDS = 50
OPEN = {"pending", "active"}


class Street:
    """West with its own desk, and two sites that ask it for places."""

    def __init__(self, city: Network, west: httpx.AsyncClient, callers: dict[str, httpx.AsyncClient]) -> None:
        self.city, self.west, self.callers = city, west, callers

    async def houses(self, count: int, places: int = 1) -> list[str]:
        """New locations at west, known to everybody who may ask."""
        made = await asyncio.gather(*(self.city.new_location(self.west, places) for _ in range(count)))
        names = [name for name, _ in made]

        async def known() -> bool:
            told = [(await client.get("/api/placement/capacity")).json()["rows"] for client in self.callers.values()]
            return all({row["location"] for row in rows} >= set(names) for rows in told)

        await eventually("the new houses to be known", known)
        return names

    async def ask(self, site: str, location: str, **more: Any) -> httpx.Response:
        body = {"site": "west", "location": location, "kind": "shelter_24h"} | more
        return await self.callers[site].post(HOLDS, json=body)

    async def take(self, location: str) -> httpx.Response:
        """The desk of west holds a place itself."""
        return await self.west.post(HOLDS, json={"location": location, "kind": "shelter_24h"})

    async def show(self, site: str, hold_id: str) -> dict[str, Any]:
        client = self.west if site == "west" else self.callers[site]
        answer = await client.get(f"{HOLDS}/{hold_id}")
        assert answer.status_code in (200, 404), answer.text
        return dict(answer.json()) if answer.status_code == 200 else {}

    async def until(self, site: str, hold_id: str, *statuses: str) -> dict[str, Any]:
        async def there() -> bool:
            return (await self.show(site, hold_id)).get("status") in statuses

        await eventually(f"hold {hold_id} at {site} to be {' or '.join(statuses)}", there)
        return await self.show(site, hold_id)

    async def places(self, location: str) -> Counter[str]:
        rows = (await self.west.get("/api/placement/places", params={"location": location})).json()["items"]
        return Counter(row["status"] for row in rows)

    async def cut(self, site: str, how: str) -> None:
        assert (await asyncio.to_thread(self.city.plek, "link", how, site)).returncode == 0


@pytest.fixture
async def street(city: Network) -> Any:
    async with AsyncExitStack() as stack:
        clients = {site: await stack.enter_async_context(city.client(site)) for site in city.urls}
        yield Street(city, clients.pop("west"), clients)


async def test_a_hold_at_another_site_from_the_ask_to_the_arrival(street: Street) -> None:
    [house] = await street.houses(1)
    asked = await street.ask("noord", house)
    assert asked.status_code == 202, asked.text
    body = asked.json()
    assert (body["status"], body["site"], body["location"], body["place_ids"]) == ("pending", "west", house, [])
    mine = await street.until("noord", body["id"], "active")
    assert (mine["site"], mine["place_ids"], mine["expected_from"]) == ("west", [], None)
    theirs = await street.show("west", body["id"])
    assert (theirs["status"], theirs["expected_from"], len(theirs["place_ids"])) == ("active", "noord", 1)
    assert theirs["expires_at"] == mine["expires_at"]
    listed = (await street.callers["noord"].get(HOLDS, params={"location": house})).json()["items"]
    assert [(row["id"], row["status"]) for row in listed] == [(body["id"], "active")]
    elsewhere = await street.callers["noord"].post(f"{HOLDS}/{body['id']}/check-in")
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (409, "remote-hold-not-possible")
    arrived = await street.west.post(f"{HOLDS}/{body['id']}/check-in")
    assert arrived.status_code == 200, arrived.text
    await street.until("noord", body["id"], "checked_in")
    late = await street.callers["noord"].post(f"{HOLDS}/{body['id']}/cancel")
    assert (late.status_code, late.json()["code"]) == (409, "hold-ended")


async def test_every_site_asks_every_other_by_location_alone_or_by_site_and_kind(street: Street) -> None:
    [house] = await street.houses(1, places=3)
    by_location = await street.callers["stad"].post(HOLDS, json={"location": house, "kind": "shelter_24h"})
    assert by_location.status_code == 202, by_location.text
    await street.until("stad", by_location.json()["id"], "active")
    by_kind = await street.callers["zuidoost"].post(HOLDS, json={"site": "west", "kind": "shelter_24h"})
    assert by_kind.status_code == 202, by_kind.text
    await street.until("zuidoost", by_kind.json()["id"], "active")
    async with street.city.client("noord") as noord:
        north, _ = await street.city.new_location(noord, 1)

        async def known() -> bool:
            rows = await street.west.get("/api/placement/capacity", params={"location": north})
            return bool(rows.json()["rows"])

        await eventually("west to know the house in noord", known)
        back = await street.west.post(HOLDS, json={"location": north, "kind": "shelter_24h"})
        assert back.status_code == 202, back.text
        await street.until("west", back.json()["id"], "active")


async def test_cancelled_by_the_caller_the_place_is_free_again(street: Street) -> None:
    [house] = await street.houses(1)
    hold = (await street.ask("noord", house)).json()["id"]
    await street.until("noord", hold, "active")
    answer = await street.callers["noord"].post(f"{HOLDS}/{hold}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")
    await street.until("noord", hold, "cancelled")
    assert (await street.show("west", hold))["status"] == "cancelled"
    assert await street.places(house) == {"free": 1}
    again = await street.callers["noord"].post(f"{HOLDS}/{hold}/cancel")
    assert (again.status_code, again.json()["status"]) == (200, "cancelled")


async def test_refused_with_the_owners_reason(street: Street) -> None:
    [house] = await street.houses(1)
    hold = (await street.ask("noord", house, household_size=2)).json()["id"]
    assert (await street.until("noord", hold, "refused"))["code"] == "household-too-large"
    assert await street.places(house) == {"free": 1}


async def test_one_key_is_one_ask(street: Street) -> None:
    [house] = await street.houses(1, places=3)
    body, key = {"location": house, "kind": "shelter_24h"}, {"Idempotency-Key": "one"}
    answers = [street.callers["noord"].post(HOLDS, json=body, headers=key) for _ in range(5)]
    done = await asyncio.gather(*answers)
    assert {answer.status_code for answer in done} == {202}
    assert len({answer.text for answer in done}) == 1
    await street.until("noord", done[0].json()["id"], "active")
    assert await street.places(house) == {"held": 1, "free": 2}


async def _race(street: Street, houses: Sequence[str]) -> None:
    """Two other sites and the own desk ask for the last place of each house at once: one of them has it in the end."""

    async def one(house: str) -> None:
        asked = await asyncio.gather(street.ask("noord", house), street.ask("zuidoost", house), street.take(house))
        noord, zuidoost, own = asked
        assert (noord.status_code, zuidoost.status_code) == (202, 202), (noord.text, zuidoost.text)
        assert own.status_code in (201, 409), own.text
        ends = await asyncio.gather(
            street.until("noord", noord.json()["id"], "active", "refused"),
            street.until("zuidoost", zuidoost.json()["id"], "active", "refused"),
        )
        won = [end["status"] == "active" for end in ends] + [own.status_code == 201]
        assert sum(won) == 1, (house, ends, own.text)
        assert {end["code"] for end in ends if end["status"] == "refused"} <= {"no-place-free"}
        assert await street.places(house) == {"held": 1}

    for start in range(0, len(houses), 5):
        await asyncio.gather(*(one(house) for house in houses[start : start + 5]))


async def test_the_last_place_from_two_other_sites_and_the_own_desk(street: Street) -> None:
    await _race(street, await street.houses(ROUNDS))


async def test_the_last_place_across_a_cut_has_one_winner_and_everybody_a_true_answer(street: Street) -> None:
    houses = await street.houses(ROUNDS)
    await street.cut("west", "cut")
    asks = [_pending(street, site, house) for house in houses for site in ("noord", "zuidoost")]
    ids = iter(await asyncio.gather(*asks))
    asked = {house: (next(ids), next(ids)) for house in houses}
    own = {house: (await street.take(house)).json()["id"] for house in houses[::3]}
    for house in houses[1::3]:
        answer = await street.callers["noord"].post(f"{HOLDS}/{asked[house][0]}/cancel")
        assert (answer.status_code, answer.json()["status"]) == (202, "pending")
    await street.cut("west", "heal")
    for number, house in enumerate(houses):
        noord, zuidoost = asked[house]
        first = await street.until("noord", noord, "cancelled" if number % 3 == 1 else "active", "refused")
        second = await street.until("zuidoost", zuidoost, "active", "refused")
        won = [first["status"] == "active", second["status"] == "active", house in own]
        # Whoever asked while noord still had it, before noord's call-off came, was told so.
        assert sum(won) == 1 or (number % 3 == 1 and sum(won) == 0), (first, second)
        assert await street.places(house) == {"held" if any(won) else "free": 1}
        for site, end in (("noord", first), ("zuidoost", second)):
            theirs = (await street.show("west", end["id"])).get("status", "refused")
            assert theirs == end["status"], (site, end)


async def _pending(street: Street, site: str, house: str) -> str:
    """The id of a hold whose owner cannot be heard: its own site says so."""
    answer = await street.ask(site, house)
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")
    assert (await street.show(site, answer.json()["id"]))["status"] == "pending"
    return str(answer.json()["id"])


async def test_without_an_answer_it_lapses_and_is_not_held_afterwards(street: Street) -> None:
    houses = await street.houses(2)
    answered = (await street.ask("noord", houses[0])).json()["id"]
    await street.until("noord", answered, "active")
    await street.cut("west", "cut")
    unheard = (await street.ask("zuidoost", houses[1], hold_minutes=30)).json()["id"]
    assert (await street.show("zuidoost", unheard))["status"] == "pending"
    assert (await asyncio.to_thread(street.city.plek, "clock", "advance", "31m")).returncode == 0
    assert (await street.until("zuidoost", unheard, "lapsed"))["code"] is None
    late = await street.callers["zuidoost"].post(f"{HOLDS}/{unheard}/cancel")
    assert (late.status_code, late.json()["code"]) == (409, "hold-ended")
    assert (await street.west.post(f"{HOLDS}/{answered}/check-in")).status_code == 200
    assert (await street.show("noord", answered))["status"] == "active"
    await street.cut("west", "heal")
    await street.until("noord", answered, "checked_in")

    async def settled() -> bool:
        row = await street.show("zuidoost", unheard)
        return row["status"] == "lapsed" and not row["given_up"]

    await eventually("the owner to have said that nothing was held", settled)
    assert await street.places(houses[1]) == {"free": 1}


LETTER = re.compile(
    rb"ce-subject: *(?P<to>[a-z]+)\r\n(?:(?!NATS/1\.0)[\s\S]){0,2000}?"
    rb'\{"to":"(?P<addressee>[a-z]+)","request_id":"[0-9a-f-]{36}","sealed":"(?P<sealed>[\w.-]+)"\}'
)


def letters_on_disk(data: Path) -> list[re.Match[bytes]]:
    """Every letter in the files of every site's bus, as whoever has the disk reads it."""
    files = [path for path in data.glob("sites/*/nats/jetstream/**/*.blk") if path.is_file()]
    return [found for path in files for found in LETTER.finditer(path.read_bytes())]


async def test_whoever_reads_the_files_of_the_bus_learns_nothing_from_a_letter(street: Street) -> None:
    [house] = await street.houses(1, places=4)
    asks: list[dict[str, Any]] = [{}, {"household_size": 2}, {"features": ["quiet", "step_free", "women_only"]}]
    before = len(letters_on_disk(street.city.data))
    for more in asks:
        hold = (await street.ask("noord", house, **more)).json()["id"]
        await street.until("noord", hold, "active", "refused")
        await street.callers["noord"].post(f"{HOLDS}/{hold}/cancel")

    async def written() -> bool:
        return len(letters_on_disk(street.city.data)) >= before + 8

    await eventually("the letters to be on disk", written)
    found = letters_on_disk(street.city.data)
    places = [row["id"] for row in (await street.west.get("/api/placement/places")).json()["items"]]
    for letter in found:
        assert letter["to"] == letter["addressee"]
        for word in (house.encode(), b"shelter_24h", b"household", b"quiet", *(place.encode() for place in places)):
            assert word not in letter[0]
    assert len({len(letter["sealed"]) for letter in found}) == 1


async def test_a_letter_to_a_key_that_is_missing_is_taken_up_when_it_is_back(street: Street) -> None:
    [house] = await street.houses(1)
    keys = site_settings(street.city.data, "west").seal_keys
    right = keys.read_text("utf-8")

    async def plek(*words: str) -> Any:
        done = await asyncio.to_thread(street.city.plek, *words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def process() -> int | None:
        found: int | None = street.city.told()["sites"]["west"]["service"]
        return found

    async def begin_with(text: str) -> None:
        """West's next process reads other keys."""
        keys.write_text(text, "utf-8")
        before = process()
        assert (await asyncio.to_thread(street.city.plek, "kill", "west", "service")).returncode == 0

        async def serves() -> bool:
            """The next one, not the one that is being killed."""
            with suppress(httpx.TransportError):
                return process() not in (None, before) and (await street.west.get("/readyz")).status_code == 200
            return False

        await eventually("west to serve again", serves)

    async def put_aside() -> list[dict[str, Any]]:
        return list((await plek("parked", "list", "--site", "west", "--reader", "letters"))["parked"])

    async def listed() -> bool:
        return bool(await put_aside())

    try:
        await begin_with(json.dumps({"keys": [new_seal_key().as_dict(private=True)]}))
        hold = (await street.ask("noord", house)).json()["id"]
        await eventually("the letter to be listed", listed)
        first = (await put_aside())[0]
        assert (first["origin"], first["code"], first["retries"]) == ("", "letter-key-unknown", 0)
        shown = await plek("parked", "show", first["id"])
        assert json.loads(shown["body"]).keys() == {"to", "request_id", "sealed"}
        assert re.fullmatch(r"\(\d+ characters, sealed\)", json.loads(shown["body"])["sealed"])
        assert "from noord/placement" in shown["detail"]
        assert (await street.show("noord", hold))["status"] == "pending"
        capacity = (await street.west.get("/api/placement/capacity")).json()["rows"]
        assert {row["incomplete"] for row in capacity} == {None}, "letters mark no figures"
        async with street.city.client("west", "oncall") as oncall:
            health = (await oncall.get("/api/placement/health")).json()
        [letters] = [reader for reader in health["readers"] if reader["view"] == "letters"]
        assert (letters["parked"] > 0, letters["incomplete"]) == (True, {})
        assert "west/placement" not in letters["behind"], "a site writes itself no letters"
    finally:
        await begin_with(right)
    tried = (await plek("parked", "retry", "--site", "west", "--reader", "letters"))["tried"]
    assert {each["outcome"] for each in tried} == {"digested"}
    await street.until("noord", hold, "active")
    assert (await put_aside(), await street.places(house)) == ([], {"held": 1})
