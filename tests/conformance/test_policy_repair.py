"""What can be done about a letter that was put aside, or that halted its origin: read again it has its effect once, in
the append that says so; let go, it has none. In memory and on the real PostgreSQL."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

import pytest
from joserfc.jwk import KeySet

from infra.keys import new_seal_key
from shared import inbox_batch, schema
from shared.contracts.base import Contract, Draft, Letter, LetterBody, Opened
from shared.envelope import Message, Origin
from shared.handling import KeyClaim
from shared.kernel import Reaction
from shared.letters import Seals
from shared.parked import headers_of
from shared.ports import Append, Appended, Delete, Put
from shared.repair import CODEC, MessageDiscarded, MessageRetried, Refused, Repaired, Who, delivery_of
from tests.conformance.stores import NOW, gather
from tests.conformance.test_policies import CALL, POLICY, SEALS, Post, Spoken, Word, letter, other, post, react
from tests.support.processes import soon

__all__ = ["post"]

ONCALL = Who("oncall")
WITHOUT = Seals("west", KeySet([new_seal_key()]), {})
"""The site's keys, but not the one that letters are sealed to."""

MADE, ACCEPTED, ENDED = "call-made.v1", "call-accepted.v1", "call-ended.v1"


class SpokenLater(Letter):
    """What the next program understands, too."""

    type_name: ClassVar[str] = "nl.plek.placement.spoken.v2"
    body_type: ClassVar[type[LetterBody]] = Word


NEXT = replace(POLICY, contracts={kind.type_name: kind for kind in (Spoken, SpokenLater)})


def later_letter(sequence: int, seals: Seals = SEALS["noord"]) -> Message:
    """A letter of the version only the next program knows."""
    plain = other(sequence, type=SpokenLater.type_name)
    data = seals.encode(Draft(SpokenLater, "west", CALL, Word(status="active")), plain.id)
    assert data is not None
    return other(sequence, type=SpokenLater.type_name, data=data)


async def put_aside(post: Post, *letters: Message) -> str:
    """A letter to a key the site does not have; the ones after it are put aside, too. Returns the id of the first."""
    post.seals = WITHOUT
    await post.restart()
    post.shelf.put(*(letters or (letter(1, "active"),)))
    await post.read()
    rows = await post.repair.parked()
    assert {(row["origin"], row["code"]) for row in rows} == {("", "letter-key-unknown")}
    return str(min(rows, key=lambda row: row["sequence"])["id"])


async def with_key(post: Post) -> None:
    """The key is there."""
    post.seals = SEALS["west"]
    await post.restart()


async def history(post: Post) -> list[Any]:
    return [CODEC.decode(stored.data) for stored in await post.store.read_stream("reader/words")]


def outcome(done: Repaired) -> str:
    assert isinstance(done.event, MessageRetried)
    return done.event.outcome


def watched(post: Post) -> list[Append]:
    """The appends from now on."""
    seen: list[Append] = []
    real = post.store.append

    async def append(append: Append) -> Appended:
        seen.append(append)
        return await real(append)

    post.store.append = append  # type: ignore[method-assign]
    return seen


# --- put aside, and read again ----------------------------------------------------------------------------------------


async def test_a_letter_put_aside_is_kept_whole_and_stands_under_no_origin(post: Post) -> None:
    sent = letter(1, "a" * 12_000)
    id_ = await put_aside(post, sent)
    row = await post.repair.find(id_)
    assert (row["origin"], row["epoch"], row["sequence"], row["type"]) == ("", 1, 1, Spoken.type_name)
    assert row["data"] == sent.data
    assert headers_of(row)["ce-id"] == sent.id
    assert delivery_of(row).message == sent
    assert await post.repair.parked(origin="noord/placement") == []
    assert post.reader.incomplete == {}
    await with_key(post)
    assert outcome(await post.repair.retry(id_, ONCALL)) == "digested"
    assert await post.happened() == [MADE, ENDED]


async def test_once_the_key_is_there_a_retry_has_its_effect_its_row_gone_and_its_record_in_one_append(
    post: Post,
) -> None:
    id_ = await put_aside(post)
    await with_key(post)
    assert await post.happened() == [MADE], "nothing happens by itself"
    claim = KeyClaim("oncall POST /parked", "key-1", b"h")
    appends = watched(post)
    done = await post.repair.retry(id_, Who("oncall", claim))
    [one] = appends
    assert [write.stream for write in one.streams] == [f"call/{CALL}", "reader/words"]
    assert Delete(schema.parked, ("words", id_)) in one.rows
    assert {(key.scope, key.key) for key in one.keys} == {
        ("policy/words", letter(1, "active").id), (claim.scope, claim.key),
    }  # fmt: skip
    assert outcome(done) == "digested"
    assert await post.happened() == [MADE, ACCEPTED]
    assert (await post.parked(), await history(post)) == ([], [done.event])
    assert done.position == (await post.store.read_stream("reader/words"))[-1].position
    assert await post.checkpoint() == [("noord/placement", 1)]
    again = await post.repair.retry(id_, Who("oncall", claim))
    assert (again.event_id, len(appends)) == (done.event_id, 1), "the same request, the same answer"
    with pytest.raises(Refused, match="parked-unknown"):
        await post.repair.retry(id_, ONCALL)
    post.shelf.put(letter(2, "checked_in"))
    await post.read()
    assert await post.happened() == [MADE, ACCEPTED, ENDED]


async def test_a_retry_that_fails_again_keeps_it_with_the_reason_of_today(post: Post) -> None:
    id_ = await put_aside(post, letter(1, "active", sender="stad"), letter(2, "active"))
    before = await post.repair.find(id_)
    assert outcome(await post.repair.retry(id_, ONCALL)) == "letter-key-unknown"
    await with_key(post)
    assert outcome(await post.repair.retry(id_, ONCALL)) == "letter-forged"
    after = await post.repair.find(id_)
    assert (after["code"], after["retries"], after["parked_at"]) == ("letter-forged", 2, before["parked_at"])
    assert (after["data"], after["origin"]) == (before["data"], "")
    assert after["detail"].startswith("from noord/placement")
    assert await post.happened() == [MADE]
    done = await post.repair.retry_all(ONCALL, reader="words")
    assert [outcome(each) for each in done] == ["letter-forged", "digested"]
    assert await post.happened() == [MADE, ACCEPTED]


async def test_what_a_retry_asks_may_be_refused_and_that_is_its_outcome(post: Post) -> None:
    stranger = letter(1, "active", sender="stad", origin=Origin("stad", "placement", 1))
    id_ = await put_aside(post, stranger)
    await with_key(post)
    assert outcome(await post.repair.retry(id_, ONCALL)) == "digested"
    known = await post.store.find_key("policy/words", stranger.id)
    assert known is not None
    assert known.refusal is not None
    assert b"call-of-another-site" in known.refusal
    assert (await post.happened(), await post.parked()) == ([MADE], [])
    assert len(await history(post)) == 1


async def test_a_letter_that_had_its_effect_has_no_second_one(post: Post) -> None:
    """A process that has the old keys parks what another one has read."""
    id_ = await put_aside(post)
    late = await post.repair.find(id_)
    await with_key(post)
    await post.repair.retry(id_, ONCALL)
    await post.store.append(Append(NOW, rows=[Put(schema.parked, tuple(late.values()))]))
    assert outcome(await post.repair.retry(id_, ONCALL)) == "duplicate"
    assert (await post.happened(), await post.parked()) == ([MADE, ACCEPTED], [])


async def test_another_letter_under_a_known_id_stays_aside(post: Post) -> None:
    first = letter(1, "active")
    post.shelf.put(first, letter(2, "checked_in", id=first.id))
    await post.read()
    [row] = await post.repair.parked()
    assert (row["code"], outcome(await post.repair.retry(row["id"], ONCALL))) == ("letter-replayed", "letter-replayed")
    assert await post.happened() == [MADE, ACCEPTED]
    assert len(await post.parked()) == 1


async def test_read_again_from_the_start_what_was_put_aside_is_not_put_aside_anew(post: Post) -> None:
    id_ = await put_aside(post)
    await post.repair.retry(id_, ONCALL)
    before = await post.repair.find(id_)
    lost = [Delete(schema.checkpoints, ("words", "noord/placement", "pub")), Delete(schema.cursors, ("words", "CITY"))]
    await post.store.append(Append(NOW, rows=lost))
    await post.restart()
    await post.read()
    assert await post.repair.parked() == [before]


async def test_more_than_are_kept_are_read_over(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox_batch, "NOBODYS_MAX", 2)
    await put_aside(post, *(letter(sequence, "active") for sequence in range(1, 5)))
    assert sorted(row["sequence"] for row in await post.repair.parked()) == [1, 2]
    await with_key(post)
    post.shelf.put(letter(5, "active"))
    await post.read()
    assert await post.happened() == [MADE, ACCEPTED]


# --- halted, and read again -------------------------------------------------------------------------------------------


async def halted(post: Post, *after: Message, bad: Message | None = None) -> str:
    post.shelf.put(bad or later_letter(1), *after)
    await post.read()
    [row] = await post.repair.parked()
    assert (row["origin"], post.reader.incomplete) == ("noord/placement", {"noord/placement": row["code"]})
    return str(row["id"])


async def test_a_version_that_waited_for_the_upgrade_has_its_effect_with_its_checkpoint(post: Post) -> None:
    id_ = await halted(post, letter(2, "checked_in"))
    post.policy = NEXT
    await post.restart()
    appends = watched(post)
    assert outcome(await post.repair.retry(id_, ONCALL)) == "digested"
    first = appends[0]
    assert [write.stream for write in first.streams] == [f"call/{CALL}", "reader/words"]
    assert Put(schema.checkpoints, ("words", "noord/placement", "pub", 1, 1)) in first.rows
    await soon(lambda: post.reader.checkpoint("noord/placement") == (1, 2), "the origin goes on")
    assert await post.happened() == [MADE, ACCEPTED, ENDED]
    assert (await post.parked(), post.reader.incomplete) == ([], {})


async def test_a_policy_that_failed_halts_and_the_next_program_takes_it_up(post: Post) -> None:
    def fails(message: Message, said: Contract | Opened, at: datetime) -> Reaction | None:
        raise ArithmeticError("it cannot make sense of it")

    post.policy = replace(POLICY, react=fails)
    await post.restart()
    id_ = await halted(post, letter(2, "checked_in"), bad=letter(1, "active"))
    post.policy = replace(POLICY, react=react)
    await post.restart()
    assert (await post.repair.find(id_))["code"] == "handler-failed"
    assert outcome(await post.repair.retry(id_, ONCALL)) == "digested"
    await soon(lambda: post.reader.checkpoint("noord/placement") == (1, 2), "the origin goes on")
    assert await post.happened() == [MADE, ACCEPTED, ENDED]


async def test_what_halted_and_cannot_be_opened_after_the_upgrade_holds_nobody_up_any_more(post: Post) -> None:
    id_ = await halted(post, letter(2, "active"), bad=later_letter(1, SEALS["stad"]))
    post.policy = NEXT
    await post.restart()
    assert outcome(await post.repair.retry(id_, ONCALL)) == "letter-forged"
    await soon(lambda: post.reader.checkpoint("noord/placement") == (1, 2), "the origin goes on")
    row = await post.repair.find(id_)
    assert (row["origin"], row["code"], row["retries"]) == ("", "letter-forged", 1)
    assert post.reader.incomplete == {}
    assert await post.happened() == [MADE, ACCEPTED]


# --- letting go -------------------------------------------------------------------------------------------------------


async def test_a_letter_let_go_has_no_effect_and_marks_nothing(post: Post) -> None:
    id_ = await put_aside(post)
    done = await post.repair.discard(id_, "whoever wrote it asks again", ONCALL)
    assert isinstance(done.event, MessageDiscarded)
    assert (done.event.from_sequence, done.event.to_sequence, done.event.code) == (0, 0, "letter-key-unknown")
    assert (await post.parked(), await post.repair.discarded(), post.reader.incomplete) == ([], [], {})
    assert await history(post) == [done.event]
    await with_key(post)
    post.shelf.put(letter(2, "active"))
    await post.read()
    assert await post.happened() == [MADE, ACCEPTED]
    assert await post.checkpoint() == [("noord/placement", 2)]


async def test_a_halted_origin_goes_on_behind_what_is_let_go_and_no_view_is_marked(post: Post) -> None:
    id_ = await halted(post, letter(2, "active"))
    done = await post.repair.discard(id_, "no upgrade will come", ONCALL)
    assert isinstance(done.event, MessageDiscarded)
    assert (done.event.from_sequence, done.event.to_sequence) == (1, 1)
    await soon(lambda: post.reader.checkpoint("noord/placement") == (1, 2), "the origin goes on")
    assert await post.happened() == [MADE, ACCEPTED]
    assert (await post.repair.discarded(), post.reader.incomplete) == ([], {})
    assert not post.repair.keeps_view("words")


# --- two at once, and deaths in between -------------------------------------------------------------------------------


async def test_of_a_retry_and_a_discard_in_two_processes_one_is_done(post: Post) -> None:
    id_ = await put_aside(post)
    await with_key(post)
    second = Post(post.backend)
    second.shelf = post.shelf
    await second.start()
    try:
        answers = await gather(post.repair.retry(id_, ONCALL), second.repair.discard(id_, "both at once", ONCALL))
    finally:
        await second.stop()
    assert sorted(type(answer).__name__ for answer in answers) == ["Refused", "Repaired"], answers
    [done] = await history(post)
    taken_up = isinstance(done, MessageRetried)
    assert (await post.happened() == [MADE, ACCEPTED]) == taken_up
    assert await post.parked() == []


async def test_what_another_process_does_between_two_looks_is_noticed(post: Post) -> None:
    """It has repaired the message just as this process reads how often there was a repair."""
    id_ = await put_aside(post)
    await with_key(post)
    second = Post(post.backend)
    second.shelf = post.shelf
    await second.start()
    real = second.store.read_to_fold

    async def overtaken(stream: str, after_version: int = 0) -> Any:
        if not await history(post):
            assert outcome(await post.repair.retry(id_, ONCALL)) == "digested"
        return await real(stream, after_version)

    second.store.read_to_fold = overtaken  # type: ignore[method-assign]
    try:
        with pytest.raises(Refused, match="parked-unknown"):
            await second.repair.discard(id_, "both at once", ONCALL)
    finally:
        await second.stop()
    assert (len(await history(post)), await post.happened()) == (1, [MADE, ACCEPTED])


async def test_of_two_retries_in_two_processes_one_has_the_effect(post: Post) -> None:
    id_ = await put_aside(post)
    await with_key(post)
    second = Post(post.backend)
    second.shelf = post.shelf
    await second.start()
    try:
        answers = await gather(post.repair.retry(id_, ONCALL), second.repair.retry(id_, ONCALL))
    finally:
        await second.stop()
    assert sorted(type(answer).__name__ for answer in answers) == ["Refused", "Repaired"], answers
    assert (await post.happened(), len(await history(post))) == ([MADE, ACCEPTED], 1)


@pytest.mark.parametrize("stored", [False, True])
async def test_a_process_that_dies_in_the_middle_leaves_all_of_it_or_nothing(post: Post, stored: bool) -> None:
    id_ = await put_aside(post)
    await with_key(post)
    real, who = post.store.append, Who("oncall", KeyClaim("oncall POST /parked", "key-1", b"h"))

    async def dies(append: Append) -> Appended:
        if stored:
            await real(append)
        raise asyncio.CancelledError

    post.store.append = dies  # type: ignore[method-assign]
    with pytest.raises(asyncio.CancelledError):
        await post.repair.retry(id_, who)
    post.store.append = real  # type: ignore[method-assign]
    await post.restart()
    assert await post.happened() == ([MADE, ACCEPTED] if stored else [MADE])
    assert (len(await post.parked()), len(await history(post))) == (int(not stored), int(stored))
    done = await post.repair.retry(id_, who)
    assert await history(post) == [done.event]
    assert await post.happened() == [MADE, ACCEPTED]


async def test_what_was_read_but_not_written_down_is_read_again_at_once(post: Post) -> None:
    post.shelf.put(other(1), other(2))
    await post.read()
    assert await post.checkpoint() == []
    async with post.reader.resting():
        assert post.reader.checkpoint("noord/placement") == (0, 0)
    await soon(lambda: post.reader.checkpoint("noord/placement") == (1, 2), "nothing new has to come for it")
