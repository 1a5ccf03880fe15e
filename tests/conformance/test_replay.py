"""Replaying an origin to one reader, in memory and on the real PostgreSQL: what is wrong with it is put right at once,
nothing else is touched, and nothing is done that would do harm."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from shared import replay as replaying
from shared.clock import SystemClock
from shared.envelope import Origin
from shared.handling import KeyClaim
from shared.ids import SystemIds
from shared.inbox import Follow, Reader
from shared.kernel import Rejected
from shared.ports import Append, Appended, Delete, Put, Store
from shared.rebuilds import Rebuildable, Rebuilds
from shared.repair import Refused, Repair, Who
from shared.repair_events import OriginReplayed
from shared.replay import Found, Replays
from tests.conformance.stores import NOW, gather
from tests.conformance.test_inbox import NOORD, VIEW, counts, message
from tests.conformance.workshop import NEXT_PROGRAM, OF_WEST, ONCALL, UNLUCKY, Workshop, poisoned, shop

__all__ = ["shop"]

WHY = "somebody wrote in the table"


def replays(shop: Workshop, views: dict[str, Rebuildable] | None = None) -> Replays:
    def follows(reader: Reader) -> list[Follow]:
        return [Follow(shop.shelf)]

    return Replays(shop.store, shop.repair, Rebuilds(views or {}, SystemClock()), follows, SystemClock())


async def spoiled(shop: Workshop) -> dict[Any, Any]:
    """A view that shows of west one row otherwise, one not at all and one that nobody told. What it showed before."""
    shop.shelf.put(message(1), message(2, 8, name="seats"), message(1, 6, NOORD), message(3, 30), message(2, 7, NOORD))
    await shop.read()
    before = await shop.values()
    at = shop.reader.checkpoint(OF_WEST)
    await shop.store.append(Append(NOW, rows=[
        Put(counts, (OF_WEST, "beds", 99, 3)), Delete(counts, (OF_WEST, "seats")),
        Put(counts, (OF_WEST, "ghosts", 1, 1)), Put(counts, ("noord/placement", "beds", 66, 2)),
    ]))  # fmt: skip
    assert shop.reader.checkpoint(OF_WEST) == at
    return before


async def refusal(work: Any) -> Rejected:
    with pytest.raises(Refused) as caught:
        await work
    return caught.value.rejected


async def test_what_is_wrong_of_one_origin_is_put_right_and_nothing_else_is_touched(shop: Workshop) -> None:
    before = await spoiled(shop)
    done = await replays(shop).replay("counts", OF_WEST, WHY, ONCALL)
    event = done.event
    assert isinstance(event, OriginReplayed)
    assert (event.messages, event.changed, event.gone, event.unmarked, event.reason) == (3, 2, 1, 0, WHY)
    assert await shop.values() == before | {("noord/placement", "beds"): 66}, "of noord nobody asked"
    assert await shop.history() == [event]
    [stored] = await shop.store.read_stream("reader/counts")
    assert (stored.type, stored.meta.role) == ("origin-replayed.v1", "oncall")
    shop.shelf.put(message(4, 44))
    await shop.reached(4)
    assert (await shop.values())[OF_WEST, "beds"] == 44


async def test_a_dry_run_says_what_would_change_and_changes_nothing(shop: Workshop) -> None:
    await spoiled(shop)
    shown = await shop.values()
    assert await replays(shop).look("counts", OF_WEST) == Found(3, 2, 1, 0)
    assert (await shop.values(), await shop.history()) == (shown, [])
    await replays(shop).replay("counts", OF_WEST, WHY, ONCALL)
    assert await replays(shop).look("counts", OF_WEST) == Found(3, 0, 0, 0), "it is as it was told"
    shop.shelf.put(message(4, 44))
    await shop.reached(4)


async def test_what_a_view_took_away_for_its_age_is_not_put_back_but_the_last_of_a_log_is(shop: Workshop) -> None:
    old = {"seats"}
    await spoiled(shop)
    await shop.restart(replace(VIEW, outlived=lambda put: put.values[1] in old))
    assert await replays(shop).look("counts", OF_WEST) == Found(3, 1, 1, 0), "beds are otherwise; the seats were old"
    old.add("beds")
    await shop.store.append(Append(NOW, rows=[Delete(counts, (OF_WEST, "beds"))]))
    assert await replays(shop).look("counts", OF_WEST) == Found(3, 1, 1, 0), "beds are what was told last"
    event = (await replays(shop).replay("counts", OF_WEST, WHY, ONCALL)).event
    assert isinstance(event, OriginReplayed)
    assert {name for origin, name in await shop.values() if origin == OF_WEST} == {"beds"}


async def test_what_was_let_go_and_can_be_read_by_now_is_shown_and_its_mark_is_gone(shop: Workshop) -> None:
    await shop.repair.discard(await poisoned(shop), "told by a program that was taken back", ONCALL)
    await shop.reached(4)
    assert await replays(shop).look("counts", OF_WEST) == Found(3, 0, 0, 0), "this program cannot read it either"
    assert shop.reader.incomplete == {OF_WEST: "message-discarded"}
    await shop.restart(NEXT_PROGRAM)
    event = (await replays(shop).replay("counts", OF_WEST, "the next program is here", ONCALL)).event
    assert isinstance(event, OriginReplayed)
    assert (event.messages, event.changed, event.unmarked) == (4, 1, 1)
    assert (await shop.values())[OF_WEST, "unlucky"] == 50
    assert (await shop.repair.discarded(), shop.reader.incomplete) == ([], {})


async def test_what_never_came_stays_let_go(shop: Workshop) -> None:
    shop.shelf.put(message(1), message(4, 40), message(5, 50))
    await shop.read()
    await shop.repair.discard(await shop.only(), "lost with a disk", ONCALL)
    await shop.reached(5)
    await replays(shop).replay("counts", OF_WEST, WHY, ONCALL)
    assert (await shop.values())[OF_WEST, "beds"] == 50
    assert [mark["from_sequence"] for mark in await shop.repair.discarded()] == [2]


async def test_an_origin_that_stands_still_is_replayed_as_far_as_it_was_read(shop: Workshop) -> None:
    id_ = await poisoned(shop)
    assert await replays(shop).look("counts", OF_WEST) == Found(1, 0, 0, 0)
    await replays(shop).replay("counts", OF_WEST, WHY, ONCALL)
    assert (await shop.only(), shop.reader.incomplete) == (id_, {OF_WEST: "handler-failed"})
    assert shop.reader.checkpoint(OF_WEST) == (1, 1)


async def test_a_paused_reader_is_put_right_and_stands_still(shop: Workshop) -> None:
    before = await spoiled(shop)
    await shop.repair.pause("counts", WHY, ONCALL)
    shop.shelf.put(message(4, 44))
    await replays(shop).replay("counts", OF_WEST, WHY, ONCALL)
    assert await shop.values() == before | {("noord/placement", "beds"): 66}
    assert shop.reader.pause.on
    assert shop.reader.checkpoint(OF_WEST) == (1, 3)


async def test_only_the_epoch_that_counts_is_replayed(shop: Workshop) -> None:
    second = Origin("west", "placement", 2)
    shop.shelf.put(message(1, name="seats"), message(2, 20), message(1, 5, second))
    await shop.read()
    assert await replays(shop).look("counts", OF_WEST) == Found(1, 0, 0, 0)
    assert await shop.values() == {(OF_WEST, "beds"): 5}


async def test_messages_that_the_bus_holds_in_another_order_are_taken_in_theirs(shop: Workshop) -> None:
    before = await spoiled(shop)
    shop.shelf.remake(
        message(3, 30), message(1), message(1, 6, NOORD), message(2, 8, name="seats"), message(2, 7, NOORD)
    )
    await replays(shop).replay("counts", OF_WEST, WHY, ONCALL)
    assert {key: value for key, value in (await shop.values()).items() if key[0] == OF_WEST} == {
        key: value for key, value in before.items() if key[0] == OF_WEST
    }


# --- what it refuses --------------------------------------------------------------------------------------------------


async def test_it_is_refused_while_the_bus_does_not_hold_all_that_was_read(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await spoiled(shop)
    shown = await shop.values()
    monkeypatch.setattr(replaying, "STALL_SECONDS", 0.2)
    await shop.stop()
    shop.shelf.remake(message(1), message(3, 30))
    for act in (replays(shop).look("counts", OF_WEST), replays(shop).replay("counts", OF_WEST, WHY, ONCALL)):
        no = await refusal(act)
        assert (no.code, no.facts) == (
            "replay-incomplete", {"origin": OF_WEST, "log": "pub", "sequence": 2, "read": 3},
        )  # fmt: skip
    assert (await shop.values(), await shop.history()) == (shown, [])


async def test_what_others_go_on_telling_does_not_hide_that_something_is_missing(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await spoiled(shop)
    monkeypatch.setattr(replaying, "STALL_SECONDS", 0.3)
    monkeypatch.setattr(replaying, "SECONDS_MAX", 4.0)
    await shop.stop()
    shop.shelf.remake(message(1), message(3, 30))

    async def busy() -> None:
        for sequence in range(1, 1_000):
            shop.shelf.put(message(sequence, 1, NOORD), message(sequence + 3, 1))
            await asyncio.sleep(0.05)

    others = asyncio.create_task(busy())
    try:
        no = await refusal(replays(shop).look("counts", OF_WEST))
    finally:
        others.cancel()
    assert (no.code, no.facts["sequence"]) == ("replay-incomplete", 2), "not too large: a rebuild would not help"


async def test_it_is_refused_when_a_message_the_view_shows_cannot_be_read_any_more(shop: Workshop) -> None:
    shop.shelf.put(message(1))
    await shop.read()
    await shop.restart(NEXT_PROGRAM)
    shop.shelf.put(UNLUCKY)
    await shop.reached(2)
    await shop.restart(VIEW)
    shown = await shop.values()
    no = await refusal(replays(shop).replay("counts", OF_WEST, WHY, ONCALL))
    assert (no.code, no.facts["sequence"], no.facts["reason"]) == ("replay-undigestible", 2, "handler-failed")
    assert (await shop.values(), await shop.history()) == (shown, [])


async def test_what_is_too_much_for_one_append_is_refused(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    await spoiled(shop)
    monkeypatch.setattr(replaying, "ROWS_MAX", 1)
    assert (await refusal(replays(shop).replay("counts", OF_WEST, WHY, ONCALL))).code == "replay-too-large"
    assert await shop.history() == []


async def test_it_is_refused_while_the_view_is_being_made_anew_where_nothing_was_heard_and_for_a_policy(
    shop: Workshop,
) -> None:
    await spoiled(shop)
    going = asyncio.Event()

    async def slowly(progress: Any) -> int:
        progress(0, 1)
        await going.wait()
        return 1

    busy = Rebuilds({"counts": Rebuildable("messages", slowly, shop.reader)}, SystemClock())
    await busy.begin("counts")
    during = Replays(shop.store, shop.repair, busy, lambda _: [Follow(shop.shelf)], SystemClock())
    assert (await refusal(during.replay("counts", OF_WEST, WHY, ONCALL))).code == "rebuild-running"
    going.set()
    await busy.stop()
    assert (await refusal(replays(shop).look("counts", "oost/placement"))).code == "origin-unheard"
    policy = Reader(shop.store, replace(VIEW, name="letters", tables=()), SystemClock())
    repair = Repair(shop.store, [policy], SystemClock(), SystemIds())
    of_policy = Replays(shop.store, repair, Rebuilds({}, SystemClock()), lambda _: [], SystemClock())
    assert (await refusal(of_policy.replay("letters", OF_WEST, WHY, ONCALL))).code == "reader-keeps-no-view"
    with pytest.raises(KeyError):
        await replays(shop).look("nobody", OF_WEST)


# --- two at once, and repeats -----------------------------------------------------------------------------------------


async def test_the_same_request_has_the_same_answer(shop: Workshop) -> None:
    await spoiled(shop)
    who = Who("oncall", KeyClaim("oncall POST /replay", str(uuid.uuid4()), b"h"))
    answers = await gather(*(replays(shop).replay("counts", OF_WEST, WHY, who) for _ in range(3)))
    assert {answer.event_id for answer in answers} == {answers[0].event_id}
    assert len(await shop.history()) == 1


@pytest.mark.parametrize("round_", range(4))
async def test_a_reader_that_reads_on_meanwhile_ends_with_what_was_told_last(shop: Workshop, round_: int) -> None:
    await spoiled(shop)
    other = await shop.another()
    try:
        work = [
            replays(shop).replay("counts", OF_WEST, WHY, ONCALL),
            replays(shop).replay("counts", OF_WEST, WHY, ONCALL),
        ]
        both = asyncio.gather(*work)
        for sequence in range(4, 4 + 5 * (round_ + 1)):
            shop.shelf.put(message(sequence, 100 + sequence))
            await asyncio.sleep(0)
        await both
        last = 3 + 5 * (round_ + 1)
        await shop.reached(last)
        await other.reached(last)
        shown = await shop.values()
        assert (shown[OF_WEST, "beds"], (OF_WEST, "ghosts") in shown) == (100 + last, False)
        assert await replays(shop).look("counts", OF_WEST) == Found(last, 0, 0, 0)
    finally:
        await other.stop()


class Overtaken:
    """A store in whose next append of an event another process has read on a moment before."""

    def __init__(self, store: Store, first: Callable[[], Awaitable[None]]) -> None:
        self._store, self._first, self.tried = store, first, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def append(self, append: Append) -> Appended:
        if append.streams:
            self.tried += 1
            if self.tried == 1:
                await self._first()
        return await self._store.append(append)


async def test_what_another_process_has_read_on_over_is_found_anew(shop: Workshop) -> None:
    """The checkpoint goes with the rows: they would be older than what the view shows by then."""
    await spoiled(shop)
    other = await shop.another()
    await shop.stop()

    async def read_on() -> None:
        shop.shelf.put(message(4, 44))
        await other.reached(4)

    store = Overtaken(shop.store, read_on)
    reader = Reader(store, VIEW, SystemClock())
    async with reader.resting():
        assert reader.checkpoint(OF_WEST) == (1, 3)
    repair = Repair(store, [reader], SystemClock(), SystemIds())
    again = Replays(store, repair, Rebuilds({}, SystemClock()), lambda _: [Follow(shop.shelf)], SystemClock())
    event = (await again.replay("counts", OF_WEST, WHY, ONCALL)).event
    await other.stop()
    assert isinstance(event, OriginReplayed)
    assert (event.messages, store.tried) == (4, 2)
    shown = await shop.values()
    assert (shown[OF_WEST, "beds"], shown[OF_WEST, "seats"], (OF_WEST, "ghosts") in shown) == (44, 8, False)
