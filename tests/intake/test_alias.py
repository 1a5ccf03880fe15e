"""A house shows the alias of those who handed it over, and of nobody else: whatever is lost, late, forged, put back or
restored, and nothing of it stays behind there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio

from services.intake.api_alias import GUESTS_MAX
from services.intake.app_alias import ACTIVITY, ASKED_AT_ONCE, SIZE, Aliases, AliasesAsked, AliasesSaid, Teller
from services.intake.app_line import Wrapped
from shared.letters import LetterRefused, OneKey, Seals, seal_to
from shared.logbook import openings
from shared.ports import Append, Appended, StoreUnavailable
from shared.vault import VaultProblem
from tests.intake.offers import OFFER, OFFER_2
from tests.intake.test_api_clients import CANARY, dumped
from tests.intake.test_api_offers import answered, offered, soon, waiting
from tests.support.border import SITE
from tests.support.desk import MovedClock
from tests.support.intake_desk import OTHER, SITES, IntakeDesk
from tests.support.letters import site_seals
from tests.support.memory_keys import MemoryKeys
from tests.support.memory_store import Disk

ALIAS = f"alias {CANARY}"


@dataclass
class Two:
    """The desk that has the files, and the house its clients live in."""

    desk: IntakeDesk
    house: IntakeDesk

    def again(self, which: str, disk: Disk | None = None) -> None:
        """Its process dies, and another begins: on this disk, where one is given."""
        before: IntakeDesk = getattr(self, which)
        made = IntakeDesk(disk or before.disk, before.keys, before.clock, before.site)
        made.vault.shut = None
        setattr(self, which, made)
        self.connect()

    def connect(self) -> None:
        self.house.asking.desks = {self.desk.site: self.desk.teller}

    async def shown(self, *offers: str, site: str = SITE, role: Any = "operator") -> dict[str, str]:
        answer = await self.asked(*offers, site=site, role=role)
        assert answer.status_code == 200, answer.text
        return {item["offer_id"]: item["alias"] for item in answer.json()["items"]}

    async def asked(self, *offers: str, site: str = SITE, role: Any = "operator") -> httpx.Response:
        guests = [{"offer_id": offer_id, "site": site} for offer_id in offers or (OFFER,)]
        return await self.house.post("/guests", {"guests": guests}, role)

    async def unheard(self) -> list[str]:
        return list((await self.asked()).json()["unheard"])


@pytest_asyncio.fixture
async def two() -> AsyncIterator[Two]:
    clock = MovedClock()
    made = Two(*(IntakeDesk(Disk(), MemoryKeys(), clock, site) for site in (SITE, OTHER)))
    for desk in (made.desk, made.house):
        await desk.keeper.begin()
    made.connect()
    yield made


async def housed(two: Two, offer_id: str = OFFER, alias: str = ALIAS) -> str:
    """A client of the desk who lives in the house; returns the file's id."""
    client, request = await waiting(two.desk)
    named = await two.desk.post(f"/clients/{client}/correct", {"reason": "news", "alias": alias})
    assert named.status_code == 200, named.text
    await offered(two.desk, request, offer_id)
    await two.desk.post(f"/clients/{client}/offers/{offer_id}/accept", soon(two.desk))
    await answered(two.desk, offer_id, "housed", request)
    return client


async def hand_over(two: Two, client: str, offer_id: str = OFFER, key: str | None = None) -> dict[str, Any]:
    body = {"offer_id": offer_id, "agreed": True}
    answer = await two.desk.post(f"/clients/{client}/hand-alias-over", body, key=key)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def take_back(two: Two, client: str, say_so: str, key: str | None = None) -> dict[str, Any]:
    body = {"offer_id": OFFER, "say_so": say_so}
    answer = await two.desk.post(f"/clients/{client}/take-alias-back", body, key=key)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def says(two: Two, client: str) -> str | None:
    """The say-so as the client's page shows it."""
    home = (await two.desk.get(f"/clients/{client}/home")).json()["home"]
    return None if home is None else home["say_so"]


async def test_nobody_is_shown_who_did_not_say_so(two: Two) -> None:
    client = await housed(two)
    assert (await two.shown(), await says(two, client)) == ({}, None)


async def test_who_says_so_is_shown_and_nobody_else(two: Two) -> None:
    client, other = await housed(two), await housed(two, OFFER_2, "Somebody else")
    answer = await hand_over(two, client)
    assert [event["type"] for event in answer["events"]] == ["alias-handed-over.v1"]
    assert await two.shown(OFFER, OFFER_2) == {OFFER: ALIAS}
    assert (await says(two, client), await says(two, other)) == (answer["say_so"], None)


async def test_without_the_clients_word_nothing_is_handed_over(two: Two) -> None:
    client = await housed(two)
    for body in ({"offer_id": OFFER}, {"offer_id": OFFER, "agreed": False}):
        assert (await two.desk.post(f"/clients/{client}/hand-alias-over", body)).status_code == 422
    assert await two.shown() == {}


async def test_only_of_where_they_live(two: Two) -> None:
    client, request = await waiting(two.desk)
    await offered(two.desk, request)
    refused = await two.desk.post(f"/clients/{client}/hand-alias-over", {"offer_id": OFFER, "agreed": True})
    assert (refused.status_code, refused.json()["code"]) == (409, "client-not-housed")
    refused = await two.desk.post(f"/clients/{client}/hand-alias-over", {"offer_id": OFFER_2, "agreed": True})
    assert (refused.status_code, refused.json()["code"]) == (404, "offer-unknown")
    assert (await two.desk.get(f"/clients/{client}/home")).json() == {"home": None}


async def test_where_they_live_is_known_as_soon_as_its_owner_has_said_so(two: Two) -> None:
    client = await housed(two)
    home = (await two.desk.get(f"/clients/{client}/home")).json()["home"]
    assert home == {
        "offer_id": OFFER, "site": OTHER, "location": OTHER, "kind": "family_shelter", "say_so": None,
    }  # fmt: skip
    assert (await two.desk.get("/clients/nobody/home")).status_code == 404
    await two.desk.post(f"/clients/{client}/erase")
    assert (await two.desk.get(f"/clients/{client}/home")).status_code == 410


async def test_what_is_said_twice_is_said_once_and_can_be_taken_back_and_said_anew(two: Two) -> None:
    client = await housed(two)
    first = await hand_over(two, client, key="one")
    assert await hand_over(two, client, key="one") == first
    assert (await hand_over(two, client))["events"] == []
    taken = await take_back(two, client, first["say_so"], key="two")
    assert ([event["type"] for event in taken["events"]], taken["say_so"]) == (["alias-taken-back.v1"], None)
    assert (await two.shown(), await says(two, client)) == ({}, None)
    again = await hand_over(two, client)
    assert again["say_so"] not in (None, first["say_so"])
    assert await take_back(two, client, first["say_so"], key="two") == taken | {"say_so": again["say_so"]}
    assert await two.shown() == {OFFER: ALIAS}, "a request that comes late takes back nothing that was said since"


@pytest.mark.parametrize("how", ["taken back", "erased", "left"])
async def test_then_it_is_shown_no_more_and_stays_nowhere(two: Two, how: str) -> None:
    client = await housed(two)
    say_so = (await hand_over(two, client))["say_so"]
    assert await two.shown() == {OFFER: ALIAS}
    backups = two.desk.disk.copy(), two.house.disk.copy()
    if how == "taken back":
        await take_back(two, client, say_so)
    elif how == "erased":
        await two.desk.post(f"/clients/{client}/erase")
    else:
        [request] = (await two.desk.get("/requests")).json()["items"]
        await answered(two.desk, OFFER, "left", request["id"], number=12)
    assert (await two.shown(), await two.unheard()) == ({}, [])
    assert not two.house.listener._known
    assert (two.house.keys.destroyed(), len(await two.house.keys.everything())) == ({}, 1), "a house keeps no key"
    for desk in (two.desk, two.house):
        assert CANARY not in dumped(desk)
    two.again("desk", backups[0])
    two.again("house", backups[1])
    for desk in (two.desk, two.house):
        assert CANARY not in dumped(desk)
    if how != "left":  # a desk that is put back to before that asks the owner, who does not ask for who has left
        assert await two.shown() == {}
    if how == "taken back":
        assert await says(two, client) is None
        assert (await hand_over(two, client))["say_so"] != say_so
        assert await two.shown() == {OFFER: ALIAS}, "said anew, it counts"


async def test_a_corrected_alias_is_the_one_that_is_shown(two: Two) -> None:
    client = await housed(two)
    await hand_over(two, client)
    answer = await two.desk.post(f"/clients/{client}/correct", {"reason": "mistake", "alias": "Another name"})
    assert answer.status_code == 200, answer.text
    assert await two.shown() == {OFFER: "Another name"}


async def test_while_a_desk_is_silent_its_last_word_is_shown_for_some_hours(two: Two) -> None:
    client = await housed(two)
    say_so = (await hand_over(two, client))["say_so"]
    assert await two.shown() == {OFFER: ALIAS}
    two.house.silent = {SITE}
    await take_back(two, client, say_so)
    asked_before = len(two.house.asking.asked)
    assert (await two.shown(), await two.unheard()) == ({OFFER: ALIAS}, [SITE])
    assert len(two.house.asking.asked) == asked_before, "nobody waits for a desk that is not heard"
    two.house.clock.ahead += timedelta(hours=13)
    assert (await two.shown(), await two.unheard()) == ({}, [SITE])
    assert not two.house.listener._known
    two.house.silent = set()
    assert (await two.shown(), await two.unheard()) == ({}, [])


class Late:
    """A desk whose first answer is on its way for long."""

    def __init__(self, teller: Teller) -> None:
        self._teller, self._first = teller, True
        self.said, self.arrives = asyncio.Event(), asyncio.Event()

    async def answer(self, request: bytes) -> bytes | None:
        answer = await self._teller.answer(request)
        if self._first:
            self._first = False
            self.said.set()
            await self.arrives.wait()
        return answer


async def test_an_older_answer_that_comes_after_a_newer_one_counts_no_more(two: Two) -> None:
    client = await housed(two)
    say_so = (await hand_over(two, client))["say_so"]
    assert await two.shown() == {OFFER: ALIAS}
    late = Late(two.desk.teller)
    two.house.asking.desks = {SITE: late}
    older = asyncio.create_task(two.shown())
    await late.said.wait()
    await take_back(two, client, say_so)
    assert await two.shown() == {}
    late.arrives.set()
    assert await older == {}
    assert not two.house.listener._known
    assert not two.house.listener._answered, "nothing is under way: nothing has to be held against anything"
    two.house.silent = {SITE}
    assert await two.shown() == {}


async def test_a_house_that_starts_anew_knows_nobody_until_the_desk_answers(two: Two) -> None:
    await hand_over(two, await housed(two))
    assert await two.shown() == {OFFER: ALIAS}
    two.again("house")
    two.house.silent = {SITE}
    assert (await two.shown(), await two.unheard()) == ({}, [SITE])
    two.house.silent = set()
    assert await two.shown() == {OFFER: ALIAS}


async def test_a_lost_question_or_answer_is_no_answer_and_a_desk_that_starts_anew_is_asked_again(two: Two) -> None:
    await hand_over(two, await housed(two))
    two.house.asking.lost, two.house.asking.unheard = {1}, {2}
    assert await two.unheard() == [SITE]
    assert await two.unheard() == [SITE]
    assert await two.shown() == {OFFER: ALIAS}
    two.again("desk")
    assert await two.shown() == {OFFER: ALIAS}


async def test_of_its_own_clients_a_house_asks_itself(two: Two) -> None:
    two.desk = two.house
    client = await housed(two)
    assert await two.shown(site=OTHER) == {}
    await hand_over(two, client)
    assert await two.shown(site=OTHER) == {OFFER: ALIAS}
    assert two.house.asking.asked == []
    rows = [row for row in await two.house.store.rows(openings) if row["activity"] == ACTIVITY]
    assert [(row["subject"], row["role"]) for row in rows] == [(client, "operator")]


async def test_many_are_asked_about_a_few_at_a_time_and_a_desk_does_other_things_between_two_files(two: Two) -> None:
    await hand_over(two, await housed(two))
    others = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(2 * ASKED_AT_ONCE)]
    assert await two.shown() == {OFFER: ALIAS}
    asked, turns, over = len(two.house.asking.asked), 0, asyncio.Event()

    async def something_else() -> None:
        nonlocal turns
        while not over.is_set():
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(something_else())
    assert await two.shown(*others, OFFER) == {OFFER: ALIAS}
    over.set()
    await beside
    assert len(two.house.asking.asked) - asked == 3
    assert turns > len(others)
    two.house.asking.lost = {len(two.house.asking.asked) + 2}
    answer = (await two.asked(*others, OFFER)).json()
    assert (answer["unheard"], [one["alias"] for one in answer["items"]]) == ([SITE], [ALIAS]), "its last word"


async def test_another_house_is_told_nothing_and_neither_is_who_only_looks(two: Two) -> None:
    await hand_over(two, await housed(two))
    elsewhere = IntakeDesk(Disk(), MemoryKeys(), two.desk.clock, "zuidoost")
    await elsewhere.keeper.begin()
    third = Two(two.desk, elsewhere)
    third.connect()
    assert (await third.shown(), await third.unheard()) == ({}, [])
    for role in ("auditor", "coordinator", "finance", "oncall"):
        assert (await two.asked(role=role)).status_code == 403


async def test_a_desk_nobody_knows_answers_nothing_and_a_list_that_is_none_is_refused(two: Two) -> None:
    answer = await two.asked(site="nowhere")
    assert (answer.status_code, answer.json()) == (200, {"items": [], "unheard": ["nowhere"]})
    assert (await two.house.post("/guests", {"guests": []}, "operator")).json() == {"items": [], "unheard": []}
    many = [{"offer_id": OFFER, "site": SITE}] * (GUESTS_MAX + 1)
    for guests in (many, [{"offer_id": "x", "site": SITE}], [{"offer_id": OFFER, "site": "No site"}]):
        assert (await two.house.post("/guests", {"guests": guests}, "operator")).status_code == 422
    twice = {"guests": [{"offer_id": OFFER, "site": SITE}] * 2}
    await hand_over(two, await housed(two))
    assert (await two.house.post("/guests", twice, "operator")).json()["items"] == [{"offer_id": OFFER, "alias": ALIAS}]


async def test_a_desk_names_nobody_it_was_not_asked_about_and_no_alias_nobody_would_write_down(
    two: Two, caplog: pytest.LogCaptureFixture
) -> None:
    false = Forged(site_seals(SITES)[SITE], {OFFER: "line\nbreak", OFFER_2: ALIAS})
    two.house.asking.desks = {SITE: false}
    with caplog.at_level(logging.WARNING):
        assert (await two.shown(), await two.unheard()) == ({}, [])
    assert "alias-invalid" in caplog.text
    assert CANARY not in caplog.text


@pytest.mark.parametrize("wrong", ["sender", "to", "nonce"])
async def test_what_another_site_says_of_a_desks_clients_is_put_aside(
    two: Two, caplog: pytest.LogCaptureFixture, wrong: str
) -> None:
    """Whoever answers in its place, is not who was asked, or repeats an answer to another question."""
    two.house.asking.desks = {SITE: Forged(site_seals(SITES)[SITE], {OFFER: ALIAS}, {wrong: "zuidoost"})}
    with caplog.at_level(logging.WARNING):
        assert (await two.shown(), await two.unheard()) == ({}, [SITE])
    assert "letter-forged" in caplog.text
    assert CANARY not in caplog.text


class Forged:
    """Answers in a desk's place, as it would, but for what is wrong."""

    def __init__(self, seals: Seals, aliases: dict[str, str], wrong: dict[str, str] | None = None) -> None:
        self._seals, self._aliases, self._wrong = seals, aliases, wrong or {}

    async def answer(self, request: bytes) -> bytes | None:
        wrapped = msgspec.json.decode(request, type=Wrapped)
        asked = msgspec.json.decode(self._seals.unseal(wrapped.sealed), type=AliasesAsked)
        said = AliasesSaid(
            "aliases-said", asked.to, asked.sender, asked.nonce,
            told=seal_to(asked.key, msgspec.json.encode(Aliases(self._aliases))),
        )  # fmt: skip
        sealed = self._seals.seal(asked.sender, msgspec.json.encode(msgspec.structs.replace(said, **self._wrong)))
        return None if sealed is None else sealed.encode()


async def test_whoever_asks_in_a_houses_name_hears_nothing_and_nothing_is_written_down(two: Two) -> None:
    """The proof goes to the house itself, and what is told to the key of the question."""
    await hand_over(two, await housed(two))
    before = len(await two.desk.store.rows(openings))
    seals, key = site_seals(SITES)["zuidoost"], OneKey()
    asked = AliasesAsked("aliases-asked", OTHER, SITE, "n" * 32, key.public, (OFFER,), "guessed")
    sealed = seals.seal(SITE, msgspec.json.encode(asked))
    assert sealed is not None
    answer = await two.desk.teller.answer(msgspec.json.encode(Wrapped(OTHER, sealed)))
    assert answer is not None
    with pytest.raises(LetterRefused):
        seals.unseal(answer.decode())
    assert len(await two.desk.store.rows(openings)) == before
    for said in (b"", b"{}", msgspec.json.encode(Wrapped("zuidoost", sealed)), b"x" * 1_000_000):
        assert await two.desk.teller.answer(said) is None
    many = msgspec.structs.replace(asked, offers=(OFFER,) * (GUESTS_MAX + 1))
    sealed = seals.seal(SITE, msgspec.json.encode(many))
    assert sealed is not None
    assert await two.desk.teller.answer(msgspec.json.encode(Wrapped(OTHER, sealed))) is None


async def test_no_site_key_opens_what_went_over_the_wire_and_its_length_says_nothing(two: Two) -> None:
    await hand_over(two, await housed(two))
    await housed(two, OFFER_2)
    assert await two.shown(OFFER_2) == {}
    assert await two.shown(OFFER, OFFER_2) == {OFFER: ALIAS}
    wires = [*two.house.asking.asked, *(one for one in two.house.asking.answered if one is not None)]
    assert CANARY.encode() not in b"".join(wires)
    house = site_seals(SITES)[OTHER]
    said = [msgspec.json.decode(house.unseal(one.decode()), type=AliasesSaid)
            for one in two.house.asking.answered if one is not None]  # fmt: skip
    told = [each.told for each in said if each.told]
    for sealed in told:
        with pytest.raises(LetterRefused):
            house.unseal(sealed)
    assert len({len(sealed) for sealed in told}) == 1
    assert len({len(one) for one in two.house.asking.asked}) == 1
    assert len(two.house.asking.asked[0]) > SIZE


async def test_each_end_writes_down_who_was_shown_before_anybody_sees_it(two: Two) -> None:
    client, other = await housed(two), await housed(two, OFFER_2)
    await hand_over(two, client)
    before = len(await two.desk.store.rows(openings))
    await two.shown(OFFER, OFFER_2)
    at_desk = (await two.desk.store.rows(openings))[before:]
    assert [(row["subject"], row["activity"], row["role"]) for row in at_desk] == [(client, ACTIVITY, "system")]
    at_house = await two.house.store.rows(openings)
    assert [(row["subject"], row["activity"], row["role"]) for row in at_house] == [(OFFER, ACTIVITY, "operator")]
    assert other not in repr(at_desk)
    looks = await two.desk.get(f"/clients/{client}/looks", role="auditor")
    assert ACTIVITY in looks.text


async def test_what_cannot_be_written_down_is_not_shown(two: Two) -> None:
    await hand_over(two, await housed(two))
    assert await two.shown() == {OFFER: ALIAS}

    async def away(append: Append) -> Appended:
        raise StoreUnavailable("away")

    two.house.store.append = away  # type: ignore[method-assign]
    answer = await two.asked()
    assert (answer.status_code, CANARY in answer.text) == (503, False)


async def test_while_nobody_can_say_what_was_taken_back_nobody_is_told(two: Two) -> None:
    client = await housed(two)
    await hand_over(two, client)
    two.desk.vault.shut = "vault-damaged"
    assert (await two.shown(), await two.unheard()) == ({}, [SITE])
    two.desk.vault.shut = None

    async def full(key_id: str, at: Any) -> Any:
        raise VaultProblem("vault-disk-full")

    two.desk.vault.destroy = full  # type: ignore[method-assign]
    body = {"offer_id": OFFER, "say_so": await says(two, client)}
    refused = await two.desk.post(f"/clients/{client}/take-alias-back", body)
    assert (refused.status_code, refused.json()["code"]) == (503, "vault-disk-full")
    assert await says(two, client) == body["say_so"], "nothing has happened"


async def test_a_desk_that_dies_between_the_list_and_the_file_has_taken_it_back(two: Two) -> None:
    client = await housed(two)
    say_so = (await hand_over(two, client))["say_so"]
    await two.desk.vault.destroy(say_so, two.desk.clock.now())
    assert (await two.shown(), await says(two, client)) == ({}, None)
    assert (await hand_over(two, client))["say_so"] != say_so
    assert await two.shown() == {OFFER: ALIAS}


def test_what_holds_an_alias_is_not_printed() -> None:
    assert CANARY not in f"{Aliases({OFFER: ALIAS})!r} {Aliases({OFFER: ALIAS})}"
