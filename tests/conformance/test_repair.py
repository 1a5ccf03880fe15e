"""What can be done about a parked message, in memory and on the real PostgreSQL: look, read it again, let it go."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from typing import Any

import pytest

from shared import schema
from shared.clock import SystemClock
from shared.envelope import Origin
from shared.handling import KeyClaim, KeyReused
from shared.ids import SystemIds
from shared.inbox import Reader
from shared.metrics import REGISTRY
from shared.ports import Append, Appended, Put, Store
from shared.repair import MessageDiscarded, MessageRetried, Refused, Repair, Repaired, Who
from tests.conformance.stores import gather
from tests.conformance.test_inbox import NOORD, VIEW, Counted, _postgres, message
from tests.conformance.workshop import NEXT_PROGRAM, OF_WEST, ONCALL, UNLUCKY, Workshop, poisoned, shop
from tests.support.processes import soon

__all__ = ["shop"]


def parked_gauge(origin: str = OF_WEST) -> float | None:
    labels = {"service": "placement", "reader": "counts", "origin": origin}
    return REGISTRY.get_sample_value("plek_reader_parked_messages", labels)


# --- reading again ----------------------------------------------------------------------------------------------------


async def test_what_the_next_program_can_digest_is_taken_up_and_its_origin_goes_on(shop: Workshop) -> None:
    id_ = await poisoned(shop)
    await shop.restart(NEXT_PROGRAM)
    assert shop.reader.incomplete == {OF_WEST: "handler-failed"}, "nothing happens by itself"
    done = await shop.repair.retry(id_, ONCALL)
    assert isinstance(done.event, MessageRetried)
    assert (done.event.id, done.event.code, done.event.outcome) == (id_, "handler-failed", "digested")
    await shop.reached(4)
    assert await shop.values() == {
        (OF_WEST, "beds"): 80, (OF_WEST, "unlucky"): 50, ("noord/placement", "beds"): 6,
    }  # fmt: skip
    assert (await shop.repair.parked(), shop.reader.incomplete) == ([], {})
    assert await shop.history() == [done.event]
    shop.shelf.put(message(5, 90))
    await shop.reached(5)


async def test_what_still_cannot_be_digested_stays_with_the_reason_of_today(shop: Workshop) -> None:
    unknown = message(2, type="nl.plek.placement.counted.v2", name="unlucky")
    shop.shelf.put(message(1), unknown, message(3))
    await shop.read()
    [before] = await shop.repair.parked()
    assert (before["code"], before["retries"], before["retried_at"]) == ("version-unknown", 0, None)
    await shop.restart(replace(VIEW, contracts={**VIEW.contracts, unknown.type: Counted}))
    done = await shop.repair.retry(before["id"], ONCALL)
    assert isinstance(done.event, MessageRetried)
    assert done.event.code == "version-unknown"
    assert done.event.outcome == "handler-failed"
    [after] = await shop.repair.parked()
    assert (after["code"], after["retries"], after["parked_at"]) == ("handler-failed", 1, before["parked_at"])
    assert after["retried_at"] is not None
    assert (after["data"], after["headers"]) == (before["data"], before["headers"])
    assert shop.reader.incomplete == {OF_WEST: "handler-failed"}
    await shop.restart()
    assert shop.reader.checkpoint(OF_WEST) == (1, 1)


@pytest.mark.parametrize("shop", [_postgres], ids=["postgres"], indirect=True)  # memory refuses no value
async def test_what_the_database_refuses_once_more_stays_parked(shop: Workshop) -> None:
    shop.shelf.put(message(1), message(2, 10**6, name="seats"), message(3))
    await shop.read()
    done = await shop.repair.retry(await shop.only(), ONCALL)
    assert isinstance(done.event, MessageRetried)
    assert done.event.outcome == "not-storable"
    assert shop.reader.checkpoint(OF_WEST) == (1, 1)
    [row] = await shop.repair.parked()
    assert row["retries"] == 1


async def test_all_of_an_origin_is_read_again_in_its_order(shop: Workshop) -> None:
    shop.shelf.put(message(1), UNLUCKY, message(1, name="unlucky", origin=NOORD), ("somewhere", "no-headers"))
    await shop.read()
    await shop.restart(NEXT_PROGRAM)
    done = await shop.repair.retry_all(ONCALL, origin="noord/placement")
    assert [each.event.origin for each in done if isinstance(each.event, MessageRetried)] == ["noord/placement"]
    assert await shop.parked() == [("", "no-headers"), (OF_WEST, "handler-failed")]
    done = await shop.repair.retry_all(ONCALL)
    outcomes = [each.event.outcome for each in done if isinstance(each.event, MessageRetried)]
    assert outcomes == ["no-headers", "digested"]
    assert await shop.parked() == [("", "no-headers")]


async def test_a_message_that_waits_for_an_earlier_one_is_not_taken_up_before_it(shop: Workshop) -> None:
    shop.shelf.put(message(1), message(4, 40))
    await shop.read()
    shop.shelf.put(UNLUCKY, message(3, 30))
    await shop.read()
    assert await shop.parked() == [(OF_WEST, "handler-failed"), (OF_WEST, "sequence-gap")]
    await shop.restart(NEXT_PROGRAM)
    ids = {row["code"]: row["id"] for row in await shop.repair.parked()}
    done = await shop.repair.retry(ids["sequence-gap"], ONCALL)
    assert isinstance(done.event, MessageRetried)
    assert done.event.outcome == "sequence-gap"
    with pytest.raises(Refused, match="earlier-parked"):
        await shop.repair.discard(ids["sequence-gap"], "it came too early", ONCALL)
    assert shop.reader.checkpoint(OF_WEST) == (1, 1)
    await shop.repair.retry(ids["handler-failed"], ONCALL)
    await shop.reached(4)
    assert (await shop.values())[OF_WEST, "beds"] == 40
    assert (await shop.repair.parked(), shop.reader.incomplete) == ([], {})


async def test_a_message_of_a_stream_that_was_made_anew_is_taken_up_and_the_rest_found(shop: Workshop) -> None:
    id_ = await poisoned(shop)
    shop.shelf.remake(message(1, 6, NOORD), message(1), UNLUCKY, message(3, 70), message(4, 81))
    await shop.read()
    await shop.restart(NEXT_PROGRAM)
    await shop.repair.retry(id_, ONCALL)
    await shop.reached(4)
    assert (await shop.values())[OF_WEST, "beds"] == 81


# --- letting go -------------------------------------------------------------------------------------------------------


async def test_what_is_let_go_is_history_and_marks_the_view(shop: Workshop) -> None:
    id_ = await poisoned(shop)
    done = await shop.repair.discard(id_, "told by a program that was taken back", ONCALL)
    await shop.reached(4)
    assert await shop.values() == {(OF_WEST, "beds"): 80, ("noord/placement", "beds"): 6}
    assert await shop.repair.parked() == []
    for _again in range(2):
        assert shop.reader.incomplete == {OF_WEST: "message-discarded"}
        await shop.restart()
    [event] = await shop.history()
    assert event == done.event
    assert isinstance(event, MessageDiscarded)
    assert (event.reason, event.from_sequence, event.to_sequence) == ("told by a program that was taken back", 2, 2)
    [stored] = await shop.store.read_stream("reader/counts")
    assert (stored.type, stored.meta.role) == ("message-discarded.v1", "oncall")
    [mark] = await shop.repair.discarded()
    assert (mark["origin"], mark["from_sequence"], mark["sequence"], mark["role"]) == (OF_WEST, 2, 2, "oncall")


async def test_what_never_came_can_be_let_go_and_what_came_after_it_counts(shop: Workshop) -> None:
    shop.shelf.put(message(1), message(4, 40), message(5, 50))
    await shop.read()
    done = await shop.repair.discard(await shop.only(), "lost with a disk", ONCALL)
    assert isinstance(done.event, MessageDiscarded)
    assert (done.event.from_sequence, done.event.to_sequence) == (2, 3)
    await shop.reached(5)
    assert (await shop.values())[OF_WEST, "beds"] == 50
    assert shop.reader.incomplete == {OF_WEST: "message-discarded"}
    shop.shelf.put(message(2, 99), message(3, 98))
    await shop.read()
    assert (await shop.values())[OF_WEST, "beds"] == 50, "what was let go does not come back by itself"


async def test_a_gap_and_the_message_after_it_are_let_go_apart_and_both_marked(shop: Workshop) -> None:
    shop.shelf.put(message(1), message(3, name="unlucky"), message(4, 40))
    await shop.read()
    await shop.repair.discard(await shop.only(), "lost with a disk", ONCALL)
    await soon(lambda: shop.reader.incomplete == {OF_WEST: "handler-failed"}, "what follows is met")
    await shop.repair.discard(await shop.only(), "and this one is wrong", ONCALL)
    await shop.reached(4)
    marks = sorted((mark["from_sequence"], mark["sequence"]) for mark in await shop.repair.discarded())
    assert marks == [(2, 2), (3, 3)]
    await shop.rebuild()
    assert sorted((mark["from_sequence"], mark["sequence"]) for mark in await shop.repair.discarded()) == marks


async def test_a_new_epoch_whose_beginning_is_let_go_still_ends_the_old_one(shop: Workshop) -> None:
    second = Origin("west", "placement", 2)
    shop.shelf.put(message(1, name="seats"), message(1, name="unlucky", origin=second), message(2, 7, second))
    await shop.read()
    await shop.repair.discard(await shop.only(), "the figures come again", ONCALL)
    await shop.reached(2, epoch=2)
    assert await shop.values() == {(OF_WEST, "beds"): 7}


async def test_a_stranger_among_an_origins_messages_is_let_go_without_a_mark(shop: Workshop) -> None:
    """It has no number, so nothing of the origin is gone with it: the next number says so."""
    shop.shelf.put(message(1), ("plek.west.pub.placement.counted", "header-missing"), message(2, 20))
    await shop.read()
    id_ = await shop.only()
    done = await shop.repair.discard(id_, "put there by a stranger", ONCALL)
    assert isinstance(done.event, MessageDiscarded)
    assert (done.event.from_sequence, done.event.to_sequence) == (0, 0)
    await shop.reached(2)
    assert (shop.reader.incomplete, await shop.repair.parked()) == ({}, [])
    async with shop.reader.resting():
        shop.reader.begin_again(back=True)
    shop.shelf.put(message(3, 30))
    await shop.reached(3)
    assert await shop.repair.parked() == [], "read again, it is known"


async def test_a_message_of_nobodys_log_is_let_go(shop: Workshop) -> None:
    shop.shelf.put(message(1), ("somewhere.else", "no-headers"), message(2))
    await shop.read()
    assert parked_gauge("none") == 1
    await shop.repair.discard(await shop.only(), "nobody knows it", ONCALL)
    assert (await shop.repair.parked(), shop.reader.incomplete, parked_gauge("none")) == ([], {}, 0)
    async with shop.reader.resting():
        shop.reader.begin_again(back=True)
    shop.shelf.put(message(3))
    await shop.reached(3)
    assert await shop.repair.parked() == []


async def test_the_gauge_says_how_many_are_parked_now(shop: Workshop) -> None:
    id_ = await poisoned(shop)
    assert parked_gauge() == 1
    await shop.restart(NEXT_PROGRAM)
    assert parked_gauge() == 1
    await shop.repair.retry(id_, ONCALL)
    assert parked_gauge() == 0


# --- two at once, and deaths in between -------------------------------------------------------------------------------


async def test_of_two_retries_at_once_one_takes_it_up(shop: Workshop) -> None:
    id_ = await poisoned(shop)
    await shop.restart(NEXT_PROGRAM)
    repair = shop.repair
    answers = await gather(repair.retry(id_, ONCALL), repair.retry(id_, ONCALL))
    assert sorted(type(answer).__name__ for answer in answers) == ["Refused", "Repaired"]
    await shop.reached(4)
    assert len(await shop.history()) == 1


@pytest.mark.parametrize("round_", range(6))
async def test_of_a_retry_and_a_discard_in_two_processes_one_is_done(shop: Workshop, round_: int) -> None:
    id_ = await poisoned(shop)
    await shop.restart(NEXT_PROGRAM)
    other = await shop.another()
    try:
        work = [shop.repair.retry(id_, ONCALL), other.repair.discard(id_, "both at once", ONCALL)]
        answers = await gather(*(work if round_ % 2 else work[::-1]))
        assert sorted(type(answer).__name__ for answer in answers) == ["Refused", "Repaired"], answers
        [done] = [answer.event for answer in answers if isinstance(answer, Repaired)]
        assert await shop.history() == [done]
        for process in (shop, other):
            await process.reader.look_again()
            await process.reached(4)
        marked = isinstance(done, MessageDiscarded)
        assert (len(await shop.repair.discarded()), (OF_WEST, "unlucky") in await shop.values()) == (marked, not marked)
        assert await shop.repair.parked() == []
    finally:
        await other.stop()


async def test_what_another_process_repaired_is_noticed(shop: Workshop) -> None:
    """Its own cursor had passed by what came after: it looks from the start."""
    id_ = await poisoned(shop)
    await shop.restart(NEXT_PROGRAM)
    other = await shop.another()
    await soon(lambda: OF_WEST in other.reader.incomplete, "the other knows what is parked")
    await shop.repair.retry(id_, ONCALL)
    await shop.reached(4)
    await shop.stop()
    await other.reader.look_again()
    assert other.reader.incomplete == {}
    other.shelf.put(message(5, 90))
    await other.reached(5)
    await other.stop()


async def test_what_was_parked_too_late_halts_nobody(shop: Workshop) -> None:
    """A process that had fallen asleep parks what another one has had repaired meanwhile."""
    id_ = await poisoned(shop)
    [late] = await shop.repair.parked()
    await shop.restart(NEXT_PROGRAM)
    await shop.repair.retry(id_, ONCALL)
    await shop.reached(4)
    await shop.store.append(Append(late["parked_at"], rows=[Put(schema.parked, tuple(late.values()))]))
    await shop.restart()
    assert shop.reader.incomplete == {}
    shop.shelf.put(message(5, 90))
    await shop.reached(5)
    seen = duplicates()
    looked = await shop.repair.would(id_, ONCALL, discard=False)
    assert isinstance(looked, MessageRetried)
    assert (looked.outcome, duplicates() - seen) == ("duplicate", 0), "only looked at: nothing has come twice"
    done = await shop.repair.retry(id_, ONCALL)
    assert isinstance(done.event, MessageRetried)
    assert (done.event.outcome, duplicates() - seen) == ("duplicate", 1)
    assert await shop.repair.parked() == []
    assert (await shop.values())[OF_WEST, "beds"] == 90


def duplicates() -> float:
    found = [sample.value for family in REGISTRY.collect() for sample in family.samples
             if sample.name == "plek_reader_duplicate_messages_total"]  # fmt: skip
    return sum(found)


class Dying:
    """A store whose process dies at its next append: before it is stored, or after, when nobody hears the answer."""

    def __init__(self, store: Store) -> None:
        self._store, self.dies = store, ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def append(self, append: Append) -> Appended:
        if self.dies == "before":
            raise asyncio.CancelledError
        stored = await self._store.append(append)
        if self.dies == "after":
            raise asyncio.CancelledError
        return stored


@pytest.mark.parametrize("dies", ["before", "after"])
@pytest.mark.parametrize("act", ["retry", "discard"])
async def test_a_process_that_dies_in_the_middle_leaves_all_of_it_or_nothing(
    shop: Workshop, dies: str, act: str
) -> None:
    id_ = await poisoned(shop)
    await shop.stop()
    store = Dying(shop.store)
    reader = Reader(store, NEXT_PROGRAM, SystemClock())
    repair = Repair(store, [reader], SystemClock(), SystemIds())
    who = Who("oncall", KeyClaim("oncall POST /parked", "key-1", b"h"))
    store.dies = dies
    work = repair.retry(id_, who) if act == "retry" else repair.discard(id_, "for the test", who)
    with pytest.raises(asyncio.CancelledError):
        await work
    await shop.restart(NEXT_PROGRAM)
    stored = dies == "after"
    assert (len(await shop.repair.parked()), len(await shop.history())) == (int(not stored), int(stored))
    assert ((OF_WEST, "unlucky") in await shop.values()) == (stored and act == "retry")
    assert len(await shop.repair.discarded()) == int(stored and act == "discard")
    again = shop.repair.retry(id_, who) if act == "retry" else shop.repair.discard(id_, "for the test", who)
    done = await again  # with the same key: the answer that was not heard, or the first one
    assert [done.event] == await shop.history()
    await shop.reached(4)


async def test_the_same_request_has_the_same_answer(shop: Workshop) -> None:
    id_ = await poisoned(shop)
    claim = KeyClaim("oncall POST /parked", str(uuid.uuid4()), b"h")
    who = Who("oncall", claim)
    answers = await gather(*(shop.repair.discard(id_, "once", who) for _ in range(3)))
    assert {(answer.event_id, answer.version) for answer in answers} == {(answers[0].event_id, 1)}
    with pytest.raises(KeyReused):
        await shop.repair.discard(id_, "twice", Who("oncall", KeyClaim(claim.scope, claim.key, b"other")))
    with pytest.raises(Refused, match="parked-unknown"):
        await shop.repair.discard(id_, "again", ONCALL)
