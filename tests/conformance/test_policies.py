"""What a policy promises: every heard letter has its effect once, together with how far was read, whatever dies in
between; and a letter that cannot be believed holds nobody up. In memory and on the real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest
import pytest_asyncio
from joserfc.jwk import KeySet

from infra.keys import new_seal_key
from shared import forward as fw
from shared import policies, schema
from shared.aggregate import Aggregate
from shared.clock import SystemClock
from shared.contracts.base import Contract, Draft, Letter, LetterBody, Opened
from shared.envelope import Message, Origin
from shared.handling import Context, Handler
from shared.ids import derived_id
from shared.inbox import Follow
from shared.kernel import Reaction
from shared.letters import Seals
from shared.policies import Policy, PolicyReader
from shared.ports import Append, Appended, Delete, Store, StoreUnavailable
from shared.repair import Repair
from tests.conformance.stores import IDS, NOW, Backend, MemoryBackend, PgBackend
from tests.conformance.test_inbox import Shelf
from tests.support.letters import site_seals
from tests.support.processes import soon

CALL = "00000000-0000-4000-8000-000000000009"
SEALS = site_seals(("west", "noord", "stad"))
NOORD = Origin("noord", "placement", 1)


class Word(LetterBody):
    status: str


class Spoken(Letter):
    """A letter of the tests' own: how it stands with a call."""

    type_name: ClassVar[str] = "nl.plek.placement.spoken.v1"
    body_type: ClassVar[type[LetterBody]] = Word


def react(message: Message, said: Contract | Opened, at: datetime) -> Reaction | None:
    assert isinstance(said, Opened)
    assert isinstance(said.body, Word)
    command = fw.HearAnswer(
        at=at, role="system", call_id=said.request_id, site=said.sender, status=said.body.status,
        final=said.body.status != "active",
    )  # fmt: skip
    return Reaction("call", said.request_id, command)


POLICY = Policy("words", {Spoken.type_name: Spoken}, react)


def nothing(*_: Any) -> Iterable[Any]:
    return ()


CALLS: Aggregate[fw.Call, fw.CallCommand, fw.CallEvent] = Aggregate(fw.CALL, lambda *_: [], nothing, fw.timers)


def other(sequence: int, origin: Origin = NOORD, **more: Any) -> Message:
    """A message nobody here listens to."""
    fields: dict[str, Any] = {
        "origin": origin, "log": "pub", "sequence": sequence, "id": f"00000000-0000-7000-8000-{sequence:012d}",
        "type": "nl.plek.placement.other.v1", "subject": "x", "time": NOW, "data": b"{}",
        "correlation_id": CALL, "causation_id": CALL,
    }  # fmt: skip
    return Message(**(fields | more))


def letter(sequence: int, status: str, *, sender: str = "noord", to: str = "west", **more: Any) -> Message:
    plain = other(sequence, type=Spoken.type_name, **more)
    data = SEALS[sender].encode(Draft(Spoken, to, CALL, Word(status=status)), plain.id)
    assert data is not None
    return other(sequence, type=Spoken.type_name, **({"data": data} | more))


class Post:
    """A policy at work on a shelf; `restart` is what a crash and a new process amount to."""

    def __init__(self, backend: Backend) -> None:
        self.backend, self.shelf, self.clock = backend, Shelf(), SystemClock()
        self.policy, self.seals = POLICY, SEALS["west"]
        self._task: asyncio.Task[None] | None = None
        self.store: Store
        self.reader: PolicyReader
        self.handler: Handler[fw.Call, fw.CallCommand, fw.CallEvent]

    async def start(self) -> None:
        self.store = await self.backend.store()
        self.handler = Handler(self.store, CALLS, self.clock, IDS)
        self.reader = PolicyReader(self.store, self.policy, self.clock, {"call": self.handler}, self.seals)
        self._task = asyncio.create_task(self.reader.run(Follow(self.shelf, "west")))

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def asks(self) -> None:
        """This site has asked noord for something."""
        now = self.clock.now()
        make = fw.MakeCall(
            at=now, role="operator", call_id=CALL, site="noord", body={}, expires_at=now + timedelta(minutes=90)
        )
        assert not (await self.handler.handle(CALL, make, Context(CALL, CALL, CALL))).rejected

    async def read(self) -> None:
        """Returns when everything on the shelf was dealt with."""
        wanted = (str(self.shelf.number), len(self.shelf.deliveries))
        async with asyncio.timeout(20):
            while self.reader.looked_at(self.shelf.name) != wanted:
                await self.reader.applied.wait_at_most(self.reader.applied.count, 0.05, self.clock)

    async def happened(self) -> list[str]:
        return [event.type for event in await self.store.read_stream(f"call/{CALL}")]

    async def checkpoint(self) -> list[tuple[str, int]]:
        """What is written down of how far it has read."""
        return [(row["origin"], row["sequence"]) for row in await self.store.rows(schema.checkpoints, reader="words")]

    @property
    def repair(self) -> Repair:
        return Repair(self.store, [self.reader], self.clock, IDS)

    async def parked(self) -> list[tuple[str, str]]:
        return [(row["origin"], row["code"]) for row in await self.repair.parked()]


async def _memory(_: pytest.FixtureRequest) -> Backend:
    return MemoryBackend()


async def _postgres(request: pytest.FixtureRequest) -> Backend:
    return await PgBackend.make(request.getfixturevalue("postgres"))


@pytest_asyncio.fixture(params=[_memory, _postgres], ids=["memory", "postgres"])
async def post(request: pytest.FixtureRequest) -> AsyncIterator[Post]:
    backend = await request.param(request)
    post = Post(backend)
    await post.start()
    await post.asks()
    yield post
    await post.stop()
    await backend.close()


async def test_a_letter_becomes_a_command_whose_id_follows_from_it(post: Post) -> None:
    post.shelf.put(letter(1, "active"))
    await post.read()
    assert await post.happened() == ["call-made.v1", "call-accepted.v1"]
    [_, accepted] = await post.store.read_stream(f"call/{CALL}")
    assert accepted.meta.causation_id == derived_id(letter(1, "active").id, "words")
    assert accepted.meta.correlation_id == CALL
    assert await post.checkpoint() == [("noord/placement", 1)]


async def test_the_effect_and_how_far_was_read_are_stored_together_or_not_at_all(post: Post) -> None:
    class Failing:
        """The database goes away as the effect is stored; whether before or after, nobody is told."""

        tried = 0
        after = False

        async def append(self, append: Append) -> Appended:
            self.tried += 1
            if self.tried == 1:
                if self.after:
                    await real(append)
                raise StoreUnavailable("a test says so")
            return await real(append)

    for sequence, after in ((1, False), (2, True)):
        real, failing = post.store.append, Failing()
        failing.after = after
        post.store.append = failing.append  # type: ignore[method-assign]
        post.shelf.put(letter(sequence, "active" if sequence == 1 else "checked_in"))
        while await post.checkpoint() != [("noord/placement", sequence)] or failing.tried == 0:
            await asyncio.sleep(0.01)
        post.store.append = real  # type: ignore[method-assign]
    post.shelf.put(letter(3, "cancelled"))
    await post.read()
    assert await post.happened() == ["call-made.v1", "call-accepted.v1", "call-ended.v1"]


async def test_read_again_from_the_start_it_has_no_second_effect(post: Post) -> None:
    post.shelf.put(letter(1, "active"), other(2), letter(3, "checked_in"))
    await post.read()
    before = await post.happened()
    lost = [Delete(schema.checkpoints, ("words", "noord/placement", "pub")), Delete(schema.cursors, ("words", "CITY"))]
    await post.store.append(Append(NOW, rows=lost))
    await post.restart()
    await post.read()
    assert await post.happened() == before
    assert await post.checkpoint() == [("noord/placement", 3)]
    assert await post.parked() == []


async def test_two_processes_that_read_the_same_letters_have_one_effect(post: Post) -> None:
    second = Post(post.backend)
    second.shelf = post.shelf
    await second.start()
    post.shelf.put(letter(1, "active"), other(2), letter(3, "cancelled"))
    for each in (post, second):
        await soon(lambda each=each: each.reader.checkpoint("noord/placement") == (1, 3), "both have read all of it")  # type: ignore[misc]
    await second.stop()
    assert await post.happened() == ["call-made.v1", "call-accepted.v1", "call-ended.v1"]


async def test_a_refused_command_is_an_outcome_that_is_kept(post: Post) -> None:
    post.shelf.put(letter(1, "active", sender="stad", origin=Origin("stad", "placement", 1)), letter(1, "active"))
    await post.read()
    known = await post.store.find_key("policy/words", letter(1, "active").id)
    assert known is not None
    assert await post.happened() == ["call-made.v1"]
    assert await post.checkpoint() == [("noord/placement", 1), ("stad/placement", 1)]
    assert known.refusal is not None
    assert b"call-of-another-site" in known.refusal


async def test_a_letter_for_somebody_else_means_nothing_here(post: Post) -> None:
    post.shelf.put(letter(1, "active", to="stad"), letter(2, "active"))
    await post.read()
    assert await post.happened() == ["call-made.v1", "call-accepted.v1"]
    assert await post.parked() == []


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (lambda: letter(1, "active", data=letter(9, "active").data), "letter-replayed"),
        (lambda: letter(1, "active", sender="stad"), "letter-forged"),
        (lambda: letter(1, "active", data=b'{"to":"west"}'), "letter-body-invalid"),
        (lambda: letter(1, "active", data=b"\xff"), "letter-body-invalid"),
        (
            lambda: letter(1, "active", data=letter(1, "active").data.replace(b"..", b"..A")[:-3] + b'"}'),
            "letter-body-invalid",
        ),
    ],
)
async def test_a_letter_that_cannot_be_believed_is_put_aside_and_the_next_one_counts(
    post: Post, bad: Any, code: str
) -> None:
    post.shelf.put(bad(), letter(2, "active"))
    await post.read()
    assert await post.happened() == ["call-made.v1", "call-accepted.v1"]
    assert await post.parked() == [("", code)]
    assert post.reader.incomplete == {}
    [row] = await post.repair.parked()
    assert row["detail"].startswith("from noord/placement")


async def test_a_letter_sealed_to_a_site_of_this_name_that_has_left_means_nothing_here(post: Post) -> None:
    """Whoever had not heard yet that it left asked it again; asked anew, this site answers."""
    key = new_seal_key()
    own = KeySet([key])
    earlier = str(SEALS["noord"]._network["west"].kid)
    post.seals = Seals("west", own, {}, [earlier])
    await post.restart()
    post.shelf.put(letter(1, "held"))
    await post.read()
    assert (await post.parked(), await post.happened()) == ([], ["call-made.v1"])
    anew = Seals("noord", KeySet([new_seal_key()]), {"west": key})
    data = anew.encode(Draft(Spoken, "west", CALL, Word(status="active")), other(2).id)
    post.shelf.put(letter(2, "active", data=data))
    await post.read()
    assert (await post.parked(), await post.happened()) == ([], ["call-made.v1", "call-accepted.v1"])


async def test_another_letter_under_an_id_that_came_before_is_put_aside(post: Post) -> None:
    first = letter(1, "active")
    post.shelf.put(first, letter(2, "checked_in", id=first.id), letter(3, "cancelled"))
    await post.read()
    assert await post.parked() == [("", "letter-replayed")]
    assert await post.happened() == ["call-made.v1", "call-accepted.v1", "call-ended.v1"]


async def test_a_version_this_code_does_not_know_waits_for_the_upgrade(post: Post) -> None:
    later = Spoken.type_name.replace(".v1", ".v2")
    post.shelf.put(letter(1, "active"), other(2, type=later), letter(3, "checked_in"))
    await post.read()
    assert await post.parked() == [("noord/placement", "version-unknown")]
    assert await post.happened() == ["call-made.v1", "call-accepted.v1"]


async def test_the_sites_own_messages_are_not_read_again_for_ever(post: Post) -> None:
    own = Origin("west", "placement", 1)
    post.shelf.put(*(other(sequence, own) for sequence in range(1, 502)))
    await post.read()
    [cursor] = await post.store.rows(schema.cursors, reader="words")
    assert cursor["position"] == 501


async def test_what_it_does_not_listen_to_costs_no_append_until_there_are_many(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    stad = Origin("stad", "placement", 1)
    post.shelf.put(other(1), other(1, stad), other(2, stad))
    await post.read()
    assert await post.checkpoint() == []
    post.shelf.put(letter(2, "active"))
    await post.read()
    assert await post.checkpoint() == [("noord/placement", 2), ("stad/placement", 2)]
    monkeypatch.setattr(policies, "CURSOR_EVERY", 2)
    post.shelf.put(*(other(sequence) for sequence in range(3, 9)))
    await post.read()
    post.shelf.put(other(9))
    await post.read()
    assert dict(await post.checkpoint())["noord/placement"] >= 8
    await post.restart()
    post.shelf.put(letter(10, "checked_in"))
    await post.read()
    assert (await post.happened())[-1] == "call-ended.v1"
    assert await post.parked() == []


async def test_what_was_passed_on_one_stream_is_known_when_another_is_begun_anew(post: Post) -> None:
    """Else the first one, which goes on where it is, would never see it again."""
    post.shelf.put(other(1), other(2))
    await post.read()
    assert await post.checkpoint() == []
    second = Shelf()
    second.name = "PUB_west_placement"
    second.put(other(1, Origin("west", "placement", 1)))
    reading = asyncio.create_task(post.reader.run(Follow(second, None)))
    try:
        await soon(lambda: post.reader.checkpoint("west/placement") == (1, 1), "the second stream to be read")
        assert post.reader.checkpoint("noord/placement") == (1, 2)
        assert await post.checkpoint() == []
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
