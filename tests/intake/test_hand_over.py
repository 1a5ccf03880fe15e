"""A file goes from one desk to another: whatever is lost, doubled, late or forged, one desk owns it, and nobody reads
along."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from services.intake import app_handover, policy
from services.intake.api_checks import LIKENESS
from services.intake.app_handover import ACTIVITY
from services.intake.app_likeness import Keys
from services.intake.app_line import Asked, Said, Wrapped
from services.intake.app_logbook import concerns_of
from services.intake.decider_file import File
from services.intake.handover import Carried
from shared.letters import LetterRefused, Seals
from shared.logbook import Concern, openings
from shared.ports import Append, Appended, StoreUnavailable
from tests.intake.test_api_clients import CANARY, WHOLE, dumped
from tests.support.border import SITE
from tests.support.desk import MovedClock
from tests.support.intake_desk import OTHER, SITES, IntakeDesk
from tests.support.letters import site_seals
from tests.support.memory_keys import MemoryKeys
from tests.support.memory_store import Disk

FACTS = {"kinds": ["family_shelter"], "features": ["cot"], "priority_facts": ["baby"], "not_at": ["west-9"]}


@dataclass
class Two:
    """The desk that has the file, and the one that is to have it."""

    here: IntakeDesk
    there: IntakeDesk

    def again(self, which: str) -> None:
        """Its process dies, and another begins."""
        before: IntakeDesk = getattr(self, which)
        desk = IntakeDesk(before.disk, before.keys, before.clock, before.site)
        desk.vault.shut = None
        setattr(self, which, desk)
        self.connect()

    def connect(self) -> None:
        self.here.line.desks = {self.there.site: self.there.receiving}
        self.there.line.desks = {self.here.site: self.here.receiving}

    async def later(self, seconds: float = 400) -> None:
        self.here.clock.ahead += timedelta(seconds=seconds)
        for desk in (self.here, self.there):
            await desk.fire_due()

    async def file(self, client_id: str) -> File:
        file: File = (await self.here.deciding[policy.CLIENT].load_settled(client_id))[0]
        return file

    async def taken(self) -> list[dict[str, Any]]:
        return list((await self.there.get("/takings")).json()["items"])

    async def status(self) -> str:
        [row] = (await self.here.get("/hand-overs")).json()["items"]
        return str(row["status"])

    async def owners(self, client_id: str) -> list[str]:
        """Where somebody can work with the file."""
        mine = await self.file(client_id)
        here = [] if mine.erased_at is not None or mine.hand_over is not None else [self.here.site]
        shown = (await self.there.get("/clients")).json()["items"]
        return here + [self.there.site for each in shown if each["erased_at"] is None]


async def opened_two(keys: type[MemoryKeys] = MemoryKeys) -> Two:
    clock = MovedClock()
    here, there = [IntakeDesk(Disk(), keys(), clock, site) for site in (SITE, OTHER)]
    for desk in (here, there):
        await desk.keeper.begin()
    made = Two(here, there)
    made.connect()
    return made


@pytest_asyncio.fixture
async def two() -> AsyncIterator[Two]:
    yield await opened_two()


async def begun(two: Two, days: int = 0) -> str:
    """Somebody with all a file may hold, about whom the other desk is asked; nobody there has said anything yet. days:
    since they began to wait."""
    client_id = await two.here.registered(**WHOLE)
    await two.here.post(f"/clients/{client_id}/requests", FACTS)
    way = await two.here.post(f"/clients/{client_id}/trajectories", {"goals": [f"goal {CANARY}"]})
    path = f"/clients/{client_id}/trajectories/{way.json()['id']}"
    await two.here.post(f"{path}/milestones", {"milestone": f"step {CANARY}"})
    await two.here.post(
        f"/clients/{client_id}/referrals", {"partner_kind": "legal_aid", "partner": f"partner {CANARY}"}
    )
    two.here.clock.ahead += timedelta(days=days)
    answer = await two.here.post(f"/clients/{client_id}/hand-over", {"site": OTHER})
    assert answer.status_code == 200, answer.text
    await two.here.fire_due()
    return client_id


async def agreed(two: Two) -> str:
    """Somebody at the other desk takes it. Returns the id of the hand-over."""
    [row] = await two.taken()
    answer = await two.there.post(f"/takings/{row['id']}/agree")
    assert answer.status_code == 200, answer.text
    return str(row["id"])


async def test_all_that_was_known_is_known_at_the_other_desk_and_nowhere_else(two: Two) -> None:
    client_id = await begun(two)
    assert (await two.owners(client_id), await two.status()) == ([], "under_way")
    await agreed(two)
    reached = [each["at"] for each in (await two.here.get("/trajectories")).json()["items"][0]["milestones"]]
    await two.later()
    assert (await two.owners(client_id), await two.status()) == ([OTHER], "taken")
    [row] = await two.taken()
    new_id = row["client_id"]
    assert (row["status"], new_id != client_id) == ("taken", True)
    shown = (await two.there.get(f"/clients/{new_id}")).json()
    for part in ("alias", "languages", "needs", "accessibility", "contact", "case_manager"):
        assert shown[part] == WHOLE[part], part
    assert [each["age_band"] for each in shown["household"]] == ["23-64", "0-3"]
    personal = (await two.there.post(f"/clients/{new_id}/read-personal", {"purpose": "contact"})).json()
    assert {name: personal[name] for name in WHOLE["personal"]} == WHOLE["personal"]
    [way] = (await two.there.get("/trajectories")).json()["items"]
    assert way["goals"] == [f"goal {CANARY}"]
    steps = [(f"step {CANARY}", at) for at in reached]
    assert [(each["milestone"], each["at"]) for each in way["milestones"]] == steps, "each when it was reached"
    [referral] = (await two.there.get("/referrals")).json()["items"]
    assert referral["partner"] == f"partner {CANARY}"
    assert (await two.here.get(f"/clients/{client_id}")).json()["erased_at"] is not None
    assert client_id not in two.here.keys.disk.keys  # type: ignore[attr-defined]
    for desk in (two.here, two.there):
        kept = dumped(desk)
        assert CANARY not in kept
        assert client_id not in kept or desk is two.here
    for wire in (*two.here.line.asked, *two.here.line.answered):
        assert wire is not None
        assert not re.search(rb"zilver|legal_aid|" + client_id.encode(), wire)
    assert not [row for desk in (two.here, two.there) for row in desk.disk.outbox.get((1, "pub"), [])
                if row.type not in ("nl.plek.intake.request-noticed.v1",)]  # fmt: skip


async def test_whoever_waits_goes_on_waiting_since_when_they_did(two: Two) -> None:
    await begun(two, days=3)
    [old] = (await two.here.get("/requests")).json()["items"]
    await agreed(two)
    await two.later()
    [closed], [new] = [(await desk.get("/requests")).json()["items"] for desk in (two.here, two.there)]
    assert (closed["status"], new["status"]) == ("withdrawn", "waiting")
    for part in ("kinds", "features", "household_size", "not_at", "priority_band", "reasons", "waiting_since"):
        assert new[part] == old[part], part
    assert new["id"] != old["id"]
    counted = [row for row in two.there.disk.tables["timers"].values() if row[2] == policy.COUNT]
    assert counted == [], "whoever was counted at the other desk is not counted here"


async def test_a_file_that_is_under_way_is_frozen(two: Two) -> None:
    client_id = await begun(two)
    for path, body in (
        ("correct", {"reason": "news", "alias": "new"}), ("erase", None),
        ("trajectories", {"goals": ["g"]}), ("hand-over", {"site": OTHER}),
    ):  # fmt: skip
        answer = await two.here.post(f"/clients/{client_id}/{path}", body)
        assert (answer.status_code, answer.json()["code"]) == (409, "hand-over-under-way"), path
    assert (await two.here.get(f"/clients/{client_id}")).json()["alias"] == WHOLE["alias"]


@pytest.mark.parametrize("which", ["lost", "unheard"])
@pytest.mark.parametrize("number", range(1, 7))
async def test_whichever_request_or_answer_is_lost_there_is_one_file_in_the_end(
    two: Two, which: str, number: int
) -> None:
    """Two to be proved and to ask; two more, and the file, when it was agreed to; and once more."""
    getattr(two.here.line, which).add(number)
    client_id = await begun(two)
    while not await two.taken():
        await two.later()
    await agreed(two)
    for _ in range(3):
        assert len(await two.owners(client_id)) <= 1
        await two.later()
    assert (await two.owners(client_id), await two.status()) == ([OTHER], "taken")
    assert len(await two.taken()) == 1
    assert len([event for event in two.there.disk.events if event.type == "file-taken-over.v1"]) == 1


async def test_a_process_that_dies_at_any_step_begins_it_anew(two: Two) -> None:
    client_id = await begun(two)
    two.again("there")
    await agreed(two)
    two.again("here")
    two.here.line.unheard = {3}  # the file came, and nobody heard that it had
    await two.later()
    assert [row["status"] for row in await two.taken()] == ["taken"]
    assert await two.owners(client_id) == [OTHER]
    assert await two.status() == "under_way"
    two.again("here")
    two.again("there")
    await two.later()
    assert (await two.owners(client_id), await two.status()) == ([OTHER], "taken")


async def test_a_key_that_went_with_its_process_is_given_anew(two: Two) -> None:
    """The file was sealed to it, and is sealed to another one."""
    client_id = await begun(two)
    await agreed(two)
    answer = two.there.receiving.answer
    died: list[bytes | None] = []

    async def dies(request: bytes) -> bytes | None:
        said = await answer(request)
        if not died and b"agreed" in opened(said):
            died.append(said)
            two.again("there")
        return said

    two.there.receiving.answer = dies  # type: ignore[method-assign]
    await two.later()
    await two.later()
    assert died
    assert (await two.owners(client_id), await two.status()) == ([OTHER], "taken")


def opened(answer: bytes | None) -> bytes:
    assert answer is not None
    return site_seals(SITES)[SITE].unseal(answer.decode())


async def test_a_file_and_that_it_was_taken_are_stored_together_or_not_at_all(two: Two) -> None:
    client_id = await begun(two)
    await agreed(two)
    store = two.there.store.append
    failed: list[Append] = []

    async def fails(append: Append) -> Appended:
        if not failed and any(write.stream.startswith("client/") for write in append.streams):
            failed.append(append)
            raise StoreUnavailable("the disk is full")
        return await store(append)

    two.there.store.append = fails  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):  # over the bus it is no answer
        await two.later()
    assert len(failed) == 1
    assert {write.stream.partition("/")[0] for write in failed[0].streams} == {"client", "taking"}
    assert [row["status"] for row in await two.taken()] == ["agreed"]
    await two.later()
    assert (await two.owners(client_id), await two.status()) == ([OTHER], "taken")


async def test_what_is_declined_is_this_desks_again(two: Two) -> None:
    client_id = await begun(two)
    [row] = await two.taken()
    assert (await two.there.post(f"/takings/{row['id']}/decline")).json()["status"] == "declined"
    await two.later()
    assert (await two.owners(client_id), await two.status()) == ([SITE], "declined")
    late = await two.there.post(f"/takings/{row['id']}/agree")
    assert (late.status_code, late.json()["code"]) == (409, "hand-over-ended")


async def test_what_is_called_off_is_this_desks_when_the_other_one_has_said_so(two: Two) -> None:
    client_id = await begun(two)
    await agreed(two)
    two.here.line.desks.clear()
    answer = await two.here.post(f"/clients/{client_id}/hand-over/call-off")
    assert answer.json()["status"] == "calling_off"
    await two.later()
    assert await two.owners(client_id) == [], "the link is cut: the other desk may have it"
    two.connect()
    await two.later()
    assert (await two.owners(client_id), await two.status()) == ([SITE], "called_off")
    assert [row["status"] for row in await two.taken()] == ["called_off"]


async def test_a_desk_that_heard_only_that_it_was_called_off_remembers_that(two: Two) -> None:
    two.here.line.lost = {1, 2, 3}
    client_id = await begun(two)
    await two.here.post(f"/clients/{client_id}/hand-over/call-off")
    while await two.status() != "called_off":
        await two.later()
    assert [row["status"] for row in await two.taken()] == ["called_off"]


async def test_what_was_taken_before_it_was_called_off_is_theirs(two: Two) -> None:
    client_id = await begun(two)
    await agreed(two)
    two.here.line.unheard = {len(two.here.line.asked) + 3}
    await two.later()
    await two.here.post(f"/clients/{client_id}/hand-over/call-off")
    await two.later()
    assert (await two.owners(client_id), await two.status()) == ([OTHER], "taken")


async def test_a_file_nobody_decides_about_comes_back_after_a_day(two: Two) -> None:
    client_id = await begun(two)
    two.here.line.desks.clear()
    await two.later(25 * 3600)
    await two.later(1)
    assert (await two.owners(client_id), await two.status()) == ([], "calling_off")
    two.connect()
    await two.later()
    assert (await two.owners(client_id), await two.status()) == ([SITE], "called_off")


async def test_a_desk_that_has_left_takes_nothing(two: Two) -> None:
    client_id = await begun(two)
    two.here.left.add(OTHER)
    await two.later()
    assert (await two.owners(client_id), await two.status()) == ([SITE], "site_left")


@pytest.mark.parametrize(
    ("site", "code", "status"), [("nowhere", "site-unknown", 404), (SITE, "site-unknown", 404), ("x y", "invalid", 422)]
)
async def test_a_desk_that_is_none(two: Two, site: str, code: str, status: int) -> None:
    client_id = await two.here.registered(**WHOLE)
    answer = await two.here.post(f"/clients/{client_id}/hand-over", {"site": site})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await two.here.get("/hand-overs")).json()["items"] == []


async def test_both_desks_have_to_be_there(two: Two) -> None:
    client_id = await two.here.registered(**WHOLE)
    two.here.silent.add(OTHER)
    answer = await two.here.post(f"/clients/{client_id}/hand-over", {"site": OTHER})
    assert (answer.status_code, answer.json()["code"]) == (409, "site-not-live")
    assert await two.owners(client_id) == [SITE]


async def test_a_shut_vault_holds_it_up_at_either_end(two: Two) -> None:
    client_id = await begun(two)
    await agreed(two)
    two.there.vault.shut = "vault-damaged"
    await two.later()
    two.there.vault.shut, two.here.vault.shut = None, "vault-damaged"
    await two.later()
    assert [row["status"] for row in await two.taken()] == ["agreed"]
    two.here.vault.shut = None
    await two.later()
    assert (await two.owners(client_id), await two.status()) == ([OTHER], "taken")


# --- whoever means ill ------------------------------------------------------------------------------------------------


def forged(seals: Seals, as_site: str, **fields: Any) -> bytes:
    """A request of whoever can seal to the other desk, which is everybody."""
    given: dict[str, Any] = {
        "about": "hand-over-asked", "id": "88888888-8888-4888-8888-888888888888", "sender": as_site, "to": OTHER,
        "nonce": "n", "kind": "ask",
    }  # fmt: skip
    sealed = seals.seal(OTHER, msgspec.json.encode(Asked(**(given | fields))))
    assert sealed is not None
    return msgspec.json.encode(Wrapped(as_site, sealed))


async def test_who_asks_in_another_sites_name_cannot_read_what_is_answered_and_gets_no_further(two: Two) -> None:
    thief = site_seals(SITES)["zuidoost"]
    for kind in ("ask", "call_off", "file"):
        answer = await two.there.receiving.answer(forged(thief, SITE, kind=kind, proof="0" * 64))
        assert answer is not None
        with pytest.raises(LetterRefused):
            thief.unseal(answer.decode())
        said = msgspec.json.decode(site_seals(SITES)[SITE].unseal(answer.decode()), type=Said)
        assert (said.answer, said.key) == ("prove", "")
    assert await two.taken() == []


async def test_what_went_over_the_wire_has_no_second_effect_and_no_site_key_opens_the_file_in_it(two: Two) -> None:
    await begun(two)
    await agreed(two)
    await two.later()
    before = len(two.there.disk.events)
    for request in two.here.line.asked:
        await two.there.receiving.answer(request)
    assert len(two.there.disk.events) == before
    theirs = site_seals(SITES)[OTHER]
    asked = [msgspec.json.decode(theirs.unseal(msgspec.json.decode(wire, type=Wrapped).sealed), type=Asked)
             for wire in two.here.line.asked]  # fmt: skip
    [file] = [each.file for each in asked if each.kind == "file"]
    with pytest.raises(LetterRefused):
        theirs.unseal(file)
    assert not two.there.receiving._keys._keys


async def test_an_answer_that_is_not_the_other_desks_is_not_believed(two: Two) -> None:
    client_id = await begun(two)
    thief = site_seals(SITES)["zuidoost"]

    class Lying:
        async def answer(self, request: bytes) -> bytes | None:
            [row] = await two.taken()
            said = Said("hand-over-said", row["id"], OTHER, SITE, "guessed", "taken")
            sealed = thief.seal(SITE, msgspec.json.encode(said))
            assert sealed is not None
            return sealed.encode()

    two.here.line.desks = {OTHER: Lying()}
    await two.later()
    assert (await two.status(), (await two.file(client_id)).erased_at) == ("under_way", None)


async def test_a_desk_that_gives_no_key_gets_no_file(two: Two) -> None:
    client_id = await begun(two)
    await agreed(two)

    class NoKeys(Keys):
        def give(self, check: str) -> str:
            return f"no key for {check}"

    two.there.receiving._keys = NoKeys(two.there.clock)
    await two.later()
    assert (await two.owners(client_id), await two.status()) == ([], "under_way")
    assert [row["status"] for row in await two.taken()] == ["agreed"]


@pytest.mark.parametrize("request_", [b"", b"{}", b"\xff" * 100, b"x" * 1_000_000, b'{"site":"west","sealed":"a.b.c"}'])
async def test_what_is_no_request_gets_no_answer(two: Two, request_: bytes) -> None:
    assert await two.there.receiving.answer(request_) is None


async def test_a_request_to_somebody_else_or_of_a_stranger_gets_no_answer(two: Two) -> None:
    seals = site_seals(SITES)[SITE]
    assert await two.there.receiving.answer(forged(seals, SITE, to="zuidoost")) is None
    assert await two.there.receiving.answer(forged(seals, "stranger")) is None
    assert await two.there.receiving.answer(forged(seals, OTHER)) is None


async def test_a_desk_that_asks_about_everybody_is_declined(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_handover, "OPEN_OF_A_SITE_MAX", 2)
    for _ in range(3):
        await begun(two)
    await two.later()
    assert sorted(row["status"] for row in await two.taken()) == ["asked", "asked", "declined"]


@pytest.mark.parametrize(("part", "times"), [("household", 2), ("languages", 10_000)])
async def test_a_file_no_desk_would_have_written_is_declined(two: Two, part: str, times: int) -> None:
    client_id = await begun(two)
    await agreed(two)
    carry, keys = two.here.giving._carried, two.there.keys.disk.keys  # type: ignore[attr-defined]
    before = set(keys)

    async def often(file: File) -> Carried:
        carried = await carry(file)
        card = msgspec.structs.replace(carried.card, **{part: getattr(carried.card, part) * times})
        return msgspec.structs.replace(carried, card=card)

    two.here.giving._carried = often  # type: ignore[method-assign]
    await two.later()
    assert (await two.owners(client_id), await two.status()) == ([SITE], "declined")
    assert set(keys) == before, "no key is left of it"


# --- what is written down ---------------------------------------------------------------------------------------------


async def test_the_logbook_has_a_line_at_each_desk_and_the_client_may_see_who_looked(two: Two) -> None:
    client_id = await begun(two)
    await agreed(two)
    await two.later()
    [row] = await two.taken()
    concerns = concerns_of(two.here.store)
    lines = {event.type: await concerns(event) for event in two.here.disk.events if event.type.startswith("hand-over")}
    assert lines == {name: [Concern(client_id, ACTIVITY)] for name in ("hand-over-begun.v1", "hand-over-ended.v1")}
    opened_for = [each[2] for each in two.here.disk.tables[openings.name].values() if each[1] == client_id]
    assert ACTIVITY in opened_for
    assert LIKENESS not in opened_for
    there = {event.type: await concerns_of(two.there.store)(event) for event in two.there.disk.events}
    assert there["file-taken-over.v1"] == [Concern(row["client_id"], ACTIVITY)]
    assert there["taking-finished.v1"] == [], "it is said once"


async def test_the_same_request_begins_one_hand_over(two: Two) -> None:
    client_id = await two.here.registered(**WHOLE)
    answers = [
        (await two.here.post(f"/clients/{client_id}/hand-over", {"site": OTHER}, key="tap")).json() for _ in range(2)
    ]
    assert answers[0]["id"] == answers[1]["id"]
    assert len((await two.here.get("/hand-overs")).json()["items"]) == 1
