"""A house at another site sees the alias of whoever let it, on a real network: on its lists, and in nothing that is
stored there or on the way.
"""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.support.network import eventually
from tests.system.test_intake import dumped_with, lying_about
from tests.system.test_offers import INTAKE, PLACEMENT, SLOWLY, Case, case

__all__ = ["case"]

SILENT = "The desk of Noord does not answer now."
PAGE = {"Accept": "text/html", "Accept-Language": "en"}


class Told:
    """A household that noord has found a place for, in a house of west."""

    def __init__(self, case: Case, client: str, offer: str, house: str, stay: str) -> None:
        self.case, self.client, self.offer, self.house, self.stay = case, client, offer, house, stay

    async def say_so(self) -> str:
        body = {"offer_id": self.offer, "agreed": True}
        answer = await self.case.desk.post(f"{INTAKE}/clients/{self.client}/hand-alias-over", json=body)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["say_so"])

    async def take_back(self, say_so: str) -> None:
        body = {"offer_id": self.offer, "say_so": say_so}
        answer = await self.case.desk.post(f"{INTAKE}/clients/{self.client}/take-alias-back", json=body)
        assert (answer.status_code, answer.json()["say_so"]) == (200, None), answer.text

    async def lists(self, role: Any = "operator") -> list[str]:
        """The night list and the evacuation list, as a page."""
        async with self.case.city.client("west", role) as reader:
            pages = [
                await reader.get(f"/list?location={self.house}{more}", headers=PAGE)
                for more in ("", "&evacuation=true")
            ]
        assert [page.status_code for page in pages] == [200, 200]
        assert {page.headers["cache-control"] for page in pages} == {"no-store"}
        return [page.text for page in pages]

    async def shows(self, alias: str, role: Any = "operator") -> list[bool]:
        """Whether either list has it, once the desk has answered in time: a busy machine may be late."""
        found = list[bool]()

        async def answered() -> bool:
            pages = await self.lists(role)
            found[:] = [alias in page for page in pages]
            return not any(SILENT in page for page in pages)

        await eventually("the desk of noord answers", answered, SLOWLY)
        return found


async def housed(case: Case, alias: str) -> Told:
    house, _ = await case.unit("west")
    client = await case.client()
    named = {"reason": "news", "alias": alias}
    assert (await case.desk.post(f"{INTAKE}/clients/{client}/correct", json=named)).status_code == 200
    request = await case.ask(client)
    offer = str((await case.offered(request))["id"])
    code = (await case.accept(client, offer)).json()["arrival_code"]
    await case.word(request, offer, "expected")
    door = f"{PLACEMENT}/holds/{offer}/check-in"
    arrived = await case.hosts["west"].post(door, json={"arrival_code": code})
    assert arrived.status_code == 200, arrived.text
    await case.word(request, offer, "housed")
    return Told(case, client, offer, house, arrived.json()["stay_id"])


@pytest.fixture
async def told(case: Case) -> Any:
    made = await housed(case, f"kanarie-{uuid.uuid4().hex}")
    yield made
    await case.hosts["west"].post(f"{PLACEMENT}/stays/{made.stay}/end", json={"reason": "moved_on"})
    await case.close("west", made.house)


async def alias_of(told: Told) -> str:
    return str((await told.case.desk.get(f"{INTAKE}/clients/{told.client}")).json()["alias"])


async def lies(told: Told, alias: str) -> list[str]:
    """Where the alias is to be found: in files of servers, databases as they are dumped, and what sites show."""
    found = lying_about(told.case.city.data, (alias,)) + dumped_with(told.case.city, (alias,))
    for site in ("west", "noord", "stad"):
        async with told.case.city.client(site, "oncall") as watcher:
            for path in ("/metrics", "/api/console/journal?limit=200"):
                found += [f"{site}{path}"] if alias in (await watcher.get(path)).text else []
    return found


async def test_a_house_shows_the_alias_of_whoever_let_it_and_keeps_nothing_of_it(told: Told) -> None:
    alias = await alias_of(told)
    assert await told.shows(alias) == [False, False], "nobody said so"
    say_so = await told.say_so()
    assert await told.shows(alias) == [True, True]
    assert await told.shows(alias, "caseworker") == [True, True]
    assert await told.shows(alias, "auditor") == [False, False], "who only looks is told nothing"
    assert await lies(told, alias) == []
    await told.take_back(say_so)
    assert await told.shows(alias) == [False, False]
    await told.say_so()
    assert await told.shows(alias) == [True, True]
    assert (await told.case.desk.post(f"{INTAKE}/clients/{told.client}/erase")).status_code == 200
    assert await told.shows(alias) == [False, False]
    assert await lies(told, alias) == []


async def test_when_the_stay_ends_nobody_there_is_told_any_more(told: Told) -> None:
    alias = await alias_of(told)
    await told.say_so()
    assert await told.shows(alias) == [True, True]
    west = told.case.hosts["west"]
    ended = await west.post(f"{PLACEMENT}/stays/{told.stay}/end", json={"reason": "moved_on"})
    assert ended.status_code == 200, ended.text
    assert await told.shows(alias) == [False, False]

    async def not_told() -> bool:
        body = {"guests": [{"offer_id": told.offer, "site": "noord"}]}
        return list((await west.post(f"{INTAKE}/guests", json=body)).json()["items"]) == []

    await eventually("the desk has heard that they left", not_told, SLOWLY)
    home = (await told.case.desk.get(f"{INTAKE}/clients/{told.client}/home")).json()
    assert home == {"home": None}


async def test_a_house_that_is_cut_off_shows_what_it_heard_and_says_who_does_not_answer(told: Told) -> None:
    alias = await alias_of(told)
    await told.say_so()
    assert await told.shows(alias) == [True, True]
    await told.case.link("cut", "noord")
    try:
        for page in await told.lists():
            assert alias in page
            assert SILENT in page
    finally:
        await told.case.link("heal", "noord")

    async def answers() -> bool:
        return all(SILENT not in page and alias in page for page in await told.lists())

    await eventually("noord answers again", answers, SLOWLY)
