"""Two desks and the letters between them: whether somebody may be known at the other one, whatever goes wrong."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from services.intake import app_likeness, policy
from services.intake.api_checks import LIKENESS
from services.intake.app import HEARD
from services.intake.app_likeness import Question
from services.intake.app_logbook import concerns_of
from services.intake.commands_likeness import GiveCheckKey, ReplyToCheck
from services.intake.events_likeness import CHECK_CODEC, REPLY_CODEC, CheckAsked, CheckReplied
from services.intake.likeness import FULL, PIECES_MAX, SENT_MAX, WORDS_MAX, kept, marks_of, of_one_person, under
from shared.contracts import intake as told
from shared.contracts.base import Letter, Opened
from shared.contracts.likeness import CheckAskedBody, CheckBegunBody
from shared.envelope import Message
from shared.handling import Context
from shared.ids import SystemIds, derived_id
from shared.letters import LetterRefused, seal_to
from shared.logbook import Concern, Openings, openings
from shared.ports import StoreUnavailable
from tests.support.border import SITE
from tests.support.desk import MovedClock
from tests.support.intake_desk import OTHER, SITES, IntakeDesk
from tests.support.letters import site_seals
from tests.support.memory_keys import MemoryKeys
from tests.support.memory_store import Disk

WHO = {"name": "Fatima Khalidi", "birth_date": "1990-05-06"}
ALIKE = {"name": "Khalidi, Fatma", "birth_date": "1990-05-06"}
SOMEBODY_ELSE = {"name": "Oksana Shevchenko", "birth_date": "1990-05-06"}
IDS = SystemIds()


@dataclass
class Post:
    """Carries letters between two desks in the order they were written. lost: numbers of letters that are; twice: every
    one comes once more."""

    here: IntakeDesk
    there: IntakeDesk
    lost: frozenset[int] = frozenset()
    twice: bool = False
    carried: int = 0
    letters: list[Message] = field(default_factory=list)
    _read: dict[str, int] = field(default_factory=dict)

    async def carry(self) -> None:
        """Until nobody has written anything more."""
        moved = True
        while moved:
            moved = False
            for sender, reader in ((self.here, self.there), (self.there, self.here)):
                seen = self._read.get(sender.site, 0)
                for message in await sender.store.read_outbox("pub", seen, 100):
                    self._read[sender.site] = message.sequence
                    if message.type in HEARD.contracts:
                        moved = True
                        self.letters.append(message)
                        self.carried += 1
                        times = 0 if self.carried in self.lost else 2 if self.twice else 1
                        for _ in range(times):
                            await deliver(reader, message)

    async def later(self, seconds: float) -> None:
        """Timers fire at both desks, and what they write is carried."""
        self.here.clock.ahead += timedelta(seconds=seconds)
        for desk in (self.here, self.there):
            await desk.fire_due()
        await self.carry()


async def deliver(desk: IntakeDesk, message: Message) -> None:
    """As the reader of letters does it, without its idempotency: a letter that comes twice is handled twice."""
    contract = HEARD.contracts[message.type]
    letter = contract.model_validate_json(message.data)
    assert isinstance(letter, Letter)
    if letter.to != desk.site:
        return
    reaction = policy.heard(message, desk.seals.open(message, letter), desk.clock.now())
    assert reaction is not None
    command_id = derived_id(message.id, IDS.random_id())
    context = Context(command_id, IDS.random_id(), command_id)
    await desk.deciding[reaction.aggregate].handle(reaction.key, reaction.command, context)


@pytest_asyncio.fixture
async def post() -> AsyncIterator[Post]:
    clock = MovedClock()
    here, there = [IntakeDesk(Disk(), MemoryKeys(), clock, site) for site in (SITE, OTHER)]
    for desk in (here, there):
        await desk.keeper.begin()
    yield Post(here, there)


async def asked(post: Post, who: dict[str, str] = WHO) -> str:
    """A client here, about whom the other desk is asked; nothing is carried yet."""
    client_id = await post.here.registered(personal=who)
    answer = await post.here.post(f"/clients/{client_id}/look-alikes")
    assert answer.json()["asked"] == [OTHER], answer.text
    return client_id


async def shown(desk: IntakeDesk, client_id: str) -> dict[str, Any]:
    return dict((await desk.get(f"/clients/{client_id}/look-alikes")).json())


async def statuses(post: Post, client_id: str) -> list[str]:
    return [each["status"] for each in (await shown(post.here, client_id))["checks"]]


def replies(desk: IntakeDesk) -> list[CheckReplied]:
    found = [REPLY_CODEC.decode(row.data) for row in desk.disk.events if row.stream.startswith("reply/")]
    return [event for event in found if isinstance(event, CheckReplied)]


async def test_who_is_known_at_another_desk_is_shown_at_both_and_named_by_neither(post: Post) -> None:
    theirs = await post.there.registered(personal=ALIKE)
    await post.there.registered(personal=SOMEBODY_ELSE)
    mine = await asked(post)
    assert await statuses(post, mine) == ["pending"]
    await post.carry()
    assert await shown(post.here, mine) | {"checks": []} == {
        "maybe_known_at": [OTHER], "checks": [], "desks": [OTHER],
    }  # fmt: skip
    assert await statuses(post, mine) == ["known"]
    assert (await shown(post.there, theirs))["maybe_known_at"] == [SITE]
    post.here.silent.add(OTHER)
    assert (await shown(post.here, mine))["desks"] == [], "a file is handed to a desk that is heard"
    assert [reply.clients for reply in replies(post.there)] == [(theirs,)]
    [line] = (await post.there.get("/checks", "auditor")).json()["items"]
    assert (line["site"], line["answer"]) == (SITE, "known")
    assert theirs not in str(line)
    assert len(post.letters) == 4
    stored = b"".join(row.data for desk in (post.here, post.there) for row in desk.disk.events)
    told = b"".join(message.data for message in post.letters)
    assert not re.search(rb"Khalidi|Fatima|khalidi", stored + told)
    unsealed = re.sub(rb'"[\w.-]{30,}"', b'""', stored + told)  # what is sealed, and ids, may hold any few letters
    assert not re.search(rb"1990|ftm|hlt", unsealed)
    for id_ in (mine.encode(), theirs.encode()):
        assert id_ not in told


async def test_every_file_that_is_opened_for_a_check_has_a_line_at_its_own_desk(post: Post) -> None:
    """At the desk that is asked also of whoever is nothing like the one who is looked for."""
    theirs = await post.there.registered(personal=ALIKE)
    else_ = await post.there.registered(personal=SOMEBODY_ELSE)
    mine = await asked(post)
    await post.carry()
    there = [(row[1], row[2], row[3]) for row in post.there.disk.tables[openings.name].values()]
    assert sorted(there) == sorted([(theirs, LIKENESS, "system"), (else_, LIKENESS, "system")])
    assert openings.name not in post.here.disk.tables, "the events of the check say it"
    concerns, said = concerns_of(post.here.store), [Concern(mine, LIKENESS)]
    lines = {row.type: await concerns(row) for row in post.here.disk.events if row.stream.startswith("check/")}
    assert lines == {"check-begun.v1": said, "check-asked.v1": said, "check-answered.v1": said}
    [told_of] = [row for row in post.there.disk.events if row.type == "check-replied.v1"]
    assert await concerns_of(post.there.store)(told_of) == [Concern(theirs, LIKENESS)]


async def test_that_other_desks_had_a_file_compared_is_one_look_a_day(post: Post) -> None:
    """A hundred of them would hide the people who looked."""
    theirs = await post.there.registered(personal=SOMEBODY_ELSE)
    for name in ("Fatima Khalidi", "Omar Haddad"):
        await asked(post, {"name": name, "birth_date": "1990-05-06"})
        await post.carry()
    await post.there.get(f"/clients/{theirs}")
    assert len(post.there.disk.tables[openings.name]) == 3
    looks = (await post.there.get(f"/clients/{theirs}/looks")).json()["looks"]
    assert [(look["role"], look["why"]) for look in looks] == [("caseworker", "consultation-v1"), ("system", LIKENESS)]


async def test_another_desk_gets_no_answer_while_nobody_can_write_down_what_was_opened_for_it(post: Post) -> None:
    await post.there.registered(personal=ALIKE)
    mine = await asked(post)
    write = Openings.write

    async def full(self: Openings, subjects: Sequence[str], *rest: Any) -> None:
        if subjects and self.store is post.there.store:
            raise StoreUnavailable("the disk is full")
        await write(self, subjects, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Openings, "write", full)
        with pytest.raises(StoreUnavailable):
            await post.carry()
    assert replies(post.there) == []
    await post.later(10)
    assert await statuses(post, mine) == ["known"]


async def test_nobody_like_that_is_known(post: Post) -> None:
    await post.there.registered(personal=SOMEBODY_ELSE)
    mine = await asked(post)
    await post.carry()
    assert (await statuses(post, mine), (await shown(post.here, mine))["maybe_known_at"]) == (["unknown"], [])
    again = await post.here.post(f"/clients/{mine}/look-alikes")
    assert again.json()["asked"] == [], "a desk is asked once in seven days"
    post.here.clock.ahead += timedelta(days=8)
    assert (await post.here.post(f"/clients/{mine}/look-alikes")).json()["asked"] == [OTHER]


@pytest.mark.parametrize("number", [1, 2, 3, 4])
async def test_whichever_letter_is_lost_it_is_asked_again_until_it_is_answered(post: Post, number: int) -> None:
    await post.there.registered(personal=ALIKE)
    mine = await asked(post)
    post.lost = frozenset({number})
    await post.carry()
    assert await statuses(post, mine) == ["pending"]
    await post.later(10)
    assert await statuses(post, mine) == ["known"]
    assert len(replies(post.there)) == 1
    await post.later(3600)
    assert len(post.letters) <= 8, "who has an answer asks no more"


async def test_a_site_that_is_silent_for_an_hour_answers_then(post: Post) -> None:
    mine = await asked(post)
    post.lost = frozenset(range(1, 15))
    while post.carried < 14:
        await post.later(300)
    await post.later(300)
    assert await statuses(post, mine) == ["unknown"]


async def test_letters_that_come_twice_have_one_effect(post: Post) -> None:
    await post.there.registered(personal=ALIKE)
    post.twice = True
    mine = await asked(post)
    await post.carry()
    assert await statuses(post, mine) == ["known"]
    assert len(replies(post.there)) == 1


async def test_a_desk_that_starts_anew_has_lost_the_key_and_gives_another(post: Post) -> None:
    await post.there.registered(personal=ALIKE)
    mine = await asked(post)
    post.lost = frozenset({3})
    await post.carry()
    before = post.there
    post.there = IntakeDesk(before.disk, before.keys, before.clock, OTHER)
    await post.there.keeper.begin()
    question = next(message for message in post.letters if message.type.endswith("check-asked.v1"))
    await deliver(post.there, question)
    await post.carry()
    assert await statuses(post, mine) == ["known"]
    keys = [row.data for row in post.there.disk.events if row.type == "check-key-given.v1"]
    assert len(set(keys)) == 2


async def test_who_is_erased_while_it_is_under_way_is_asked_about_no_more(post: Post) -> None:
    mine = await asked(post)
    assert (await post.here.post(f"/clients/{mine}/erase")).status_code == 200
    await post.carry()
    assert not [row for row in post.here.disk.events if row.type == "check-asked.v1"]
    [check] = list(post.here.disk.tables["checks"].values())
    assert check[3] == "client_erased"
    assert (await post.here.get(f"/clients/{mine}/look-alikes")).status_code == 410
    await post.later(3600)
    waiting = await post.here.store.due_timers(post.here.clock.now() + timedelta(days=30), 100)
    assert "check" not in [timer.kind for timer in waiting]


async def test_who_is_erased_at_the_other_desk_is_not_known_there(post: Post) -> None:
    theirs = await post.there.registered(personal=ALIKE)
    mine = await asked(post)
    post.lost = frozenset({3})
    await post.carry()
    assert (await post.there.post(f"/clients/{theirs}/erase")).status_code == 200
    await post.later(10)
    assert await statuses(post, mine) == ["unknown"]


async def test_a_site_that_asks_about_everybody_is_refused_and_that_is_kept(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_likeness, "CHECKS_A_DAY_MAX", 2)
    await post.there.registered(personal=ALIKE)
    clients = []
    for number in range(3):
        clients.append(await asked(post, {"name": f"Fatima Khalidi {'abc'[number]}x", "birth_date": "1990-05-06"}))
        await post.carry()
    assert [await statuses(post, client) for client in clients] == [["known"], ["known"], ["refused"]]
    lines = (await post.there.get("/checks", "caseworker")).json()["items"]
    assert sorted(line["answer"] for line in lines) == ["known", "known", "refused"]
    post.here.clock.ahead += timedelta(days=1, minutes=1)
    assert (await post.here.post(f"/clients/{clients[2]}/look-alikes")).json()["asked"] == [OTHER]
    await post.carry()
    assert await statuses(post, clients[2]) == ["refused", "known"]


async def test_no_key_of_any_site_opens_a_question_when_it_is_answered(post: Post) -> None:
    """The letter opens for whom it is to; what is in it was sealed to a key that is nowhere any more."""
    await asked(post)
    await post.carry()
    every = site_seals(SITES)
    for message in post.letters:
        letter = HEARD.contracts[message.type].model_validate_json(message.data)
        assert isinstance(letter, Letter)
        for site, seals in every.items():
            if site != letter.to:
                with pytest.raises(LetterRefused):
                    seals._unsealed(letter.sealed)
    [question] = [message for message in post.letters if message.type == told.CheckAsked.type_name]
    body = post.there.seals.open(question, told.CheckAsked.model_validate_json(question.data)).body
    assert isinstance(body, CheckAskedBody)
    [kept] = [CHECK_CODEC.decode(row.data) for row in post.here.disk.events if row.type == "check-asked.v1"]
    assert isinstance(kept, CheckAsked)
    assert kept.question == body.question
    for seals in every.values():
        with pytest.raises(LetterRefused):
            seals._unsealed(body.question)
    replying = post.there.deciding[policy.REPLY]
    assert not replying._at_hand._keys  # type: ignore[attr-defined]


@pytest.mark.parametrize(("dates", "answer"), [(1, "known"), (6, "unknown")])
async def test_a_question_about_many_at_once_is_about_nobody(post: Post, dates: int, answer: str) -> None:
    """A site that is taken over asks once about everybody born on any of these days."""
    await post.there.registered(personal=WHO)
    check_id, secret = IDS.random_id(), b"s" * 32
    about: dict[str, Any] = {"at": post.there.clock.now(), "role": "system", "check_id": check_id, "site": SITE}
    replying = post.there.deciding[policy.REPLY]
    await replying.handle(check_id, GiveCheckKey(**about), Context(IDS.random_id(), IDS.random_id(), IDS.random_id()))
    key = (await replying.load(check_id))[0].key
    mine = under(kept(marks_of(WHO["name"], date(1990, 5, 6))), secret)
    full = {text: bits for text, bits in mine.born.items() if bits == FULL}
    born = full | {f"{number:016x}": FULL for number in range(dates - 1)}
    question = seal_to(key, msgspec.json.encode(Question(secret, dict(mine.names), dict(mine.nearly), born)))
    command = ReplyToCheck(**about, question=question)
    await replying.handle(check_id, command, Context(IDS.random_id(), IDS.random_id(), IDS.random_id()))
    assert [reply.answer for reply in replies(post.there)] == [answer]


def test_no_name_and_no_birth_date_has_more_marks_than_a_question_may_hold() -> None:
    name = " ".join(f"{first}achimokarinaltufes" for first in "bfklmnr")
    longest = under(kept(marks_of(name, date(1990, 5, 6))), b"s" * 32)
    assert of_one_person(longest)
    parts = (longest.names, longest.nearly, longest.born)
    assert [len(part) for part in parts] == [WORDS_MAX, SENT_MAX, PIECES_MAX]


async def test_a_desk_whose_vault_is_shut_answers_when_it_is_open(post: Post) -> None:
    await post.there.registered(personal=ALIKE)
    mine = await asked(post)
    post.there.vault.shut = "vault-damaged"
    await post.carry()
    assert await statuses(post, mine) == ["pending"]
    post.there.vault.shut = None
    await post.later(600)
    assert await statuses(post, mine) == ["known"]


async def test_another_site_that_uses_the_same_id_first_stands_in_nobodys_way(post: Post) -> None:
    """Every letter shows the id of its check to the whole network."""
    await post.there.registered(personal=ALIKE)
    mine = await asked(post)
    [check] = post.here.disk.tables["checks"].values()
    [letter] = [each for each in await post.here.store.read_outbox("pub", 0, 100) if each.type in HEARD.contracts]
    for site in ("zuidoost", "stad"):
        reaction = policy.heard(letter, Opened(site, str(check[0]), CheckBegunBody()), post.there.clock.now())
        assert reaction is not None
        context = Context(IDS.random_id(), IDS.random_id(), IDS.random_id())
        await post.there.deciding[reaction.aggregate].handle(reaction.key, reaction.command, context)
    await post.carry()
    assert await statuses(post, mine) == ["known"]
    lines = (await post.there.get("/checks", "auditor")).json()["items"]
    assert sorted((line["id"], line["site"], line["answer"]) for line in lines) == sorted([
        (check[0], SITE, "known"), (check[0], "stad", ""), (check[0], "zuidoost", ""),
    ])  # fmt: skip


async def test_a_site_that_left_is_not_asked_any_more(post: Post) -> None:
    mine = await asked(post)
    post.here.left.add(OTHER)
    await post.later(10)
    assert await statuses(post, mine) == ["site_left"]
