"""Pausing a reader, in memory and on the real PostgreSQL: it stands still, says so, and loses nothing."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from shared.handling import KeyClaim
from shared.inbox import Follow
from shared.kernel import Rejected
from shared.metrics import REGISTRY
from shared.pauses import ReaderPaused, ReaderResumed
from shared.repair import Refused, Who
from tests.conformance.stores import gather
from tests.conformance.test_inbox import NOORD, Shelf, message
from tests.conformance.workshop import NEXT_PROGRAM, OF_WEST, ONCALL, Workshop, poisoned, shop
from tests.support.processes import soon

__all__ = ["shop"]

WHY = "the disk is moved tonight"


async def refused(work: object) -> Rejected:
    with pytest.raises(Refused) as caught:
        await work  # type: ignore[misc]
    return caught.value.rejected


def gauge() -> float | None:
    return REGISTRY.get_sample_value("plek_reader_paused", {"service": "placement", "reader": "counts"})


async def standing(shop: Workshop, sequence: int) -> None:
    """It has been at its sources since, and has read nothing of them."""
    for _ in range(3):
        await shop.reader.look_again()
        await asyncio.sleep(0)
    assert shop.reader.checkpoint(OF_WEST) == (1, sequence)


async def test_a_paused_reader_stands_still_and_goes_on_where_it_stood(shop: Workshop) -> None:
    shop.shelf.put(message(1))
    await shop.read()
    done = await shop.repair.pause("counts", WHY, ONCALL)
    assert isinstance(done.event, ReaderPaused)
    shop.shelf.put(message(2, 70), message(1, 6, NOORD))
    await standing(shop, 1)
    assert (shop.reader.pause.on, gauge()) == (True, 1.0)
    stored = await shop.repair.paused("counts")
    assert stored is not None
    assert (stored.id, stored.meta.role) == (done.event_id, "oncall")
    again = await shop.repair.resume("counts", ONCALL)
    await shop.reached(2)
    assert await shop.values() == {(OF_WEST, "beds"): 70, ("noord/placement", "beds"): 6}
    assert (shop.reader.pause.on, gauge(), await shop.repair.paused("counts")) == (False, 0.0, None)
    assert await shop.history() == [done.event, again.event]
    assert isinstance(again.event, ReaderResumed)


async def test_it_is_still_paused_when_its_process_has_ended(shop: Workshop) -> None:
    shop.shelf.put(message(1))
    await shop.read()
    await shop.repair.pause("counts", WHY, ONCALL)
    await shop.restart()
    shop.shelf.put(message(2))
    await standing(shop, 1)
    assert shop.reader.pause.on
    await shop.repair.resume("counts", ONCALL)
    await shop.reached(2)


async def test_another_process_of_the_service_stands_still_and_goes_on_too(shop: Workshop) -> None:
    shop.shelf.put(message(1))
    await shop.read()
    other = await shop.another()
    try:
        await shop.repair.pause("counts", WHY, ONCALL)
        await other.reader.look_again()
        assert other.reader.pause.on
        shop.shelf.put(message(2))
        await standing(other, 1)
        await other.repair.resume("counts", ONCALL)
        await shop.reader.look_again()
        await shop.reached(2)
    finally:
        await other.stop()


async def test_every_source_stands_still_also_when_one_of_them_knew_before(shop: Workshop) -> None:
    """Another process has paused it, and one source began anew before this one looked again: it waits, and the other
    source is followed."""
    shop.shelf.put(message(1))
    await shop.read()
    other, second = await shop.another(), Shelf()
    second.name = "SECOND"
    task = asyncio.create_task(other.reader.run(Follow(second)))
    try:
        await soon(lambda: len(second.reads) == 1, "the second source to be followed")
        await shop.repair.pause("counts", WHY, ONCALL)
        shop.shelf.remake(message(1))
        await soon(lambda: other.reader.pause.on, "the first source to begin anew")
        await other.reader.look_again()
        second.put(message(1, 6, NOORD))
        for _ in range(3):
            await other.reader.look_again()
            await asyncio.sleep(0)
        assert ("noord/placement", "beds") not in await shop.values()
        await shop.repair.resume("counts", ONCALL)
        await other.reader.look_again()
        await soon(lambda: other.reader.checkpoint("noord/placement") == (1, 1), "the second source to be read")
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await other.stop()


async def test_what_is_done_already_is_refused_and_a_repeat_of_the_request_is_not(shop: Workshop) -> None:
    assert (await refused(shop.repair.resume("counts", ONCALL))).code == "reader-not-paused"
    claim = KeyClaim("oncall", str(uuid.uuid4()), b"the request")
    first = await shop.repair.pause("counts", WHY, Who("oncall", claim))
    second = await shop.repair.pause("counts", WHY, Who("oncall", claim))
    assert (second.event_id, second.version) == (first.event_id, first.version)
    assert (await refused(shop.repair.pause("counts", WHY, ONCALL))).code == "reader-paused"
    assert len(await shop.history()) == 1
    with pytest.raises(KeyError):
        await shop.repair.pause("nobody", WHY, ONCALL)


async def test_of_two_who_pause_at_once_one_has(shop: Workshop) -> None:
    other = await shop.another()
    try:
        done = await gather(shop.repair.pause("counts", WHY, ONCALL), other.repair.pause("counts", WHY, ONCALL))
    finally:
        await other.stop()
    assert sorted(type(each).__name__ for each in done) == ["Refused", "Repaired"]
    assert len(await shop.history()) == 1


async def test_what_is_parked_can_be_taken_up_and_a_view_made_anew_while_it_stands_still(shop: Workshop) -> None:
    id_ = await poisoned(shop)
    await shop.restart(NEXT_PROGRAM)
    await shop.repair.pause("counts", WHY, ONCALL)
    await shop.repair.retry(id_, ONCALL)
    await shop.rebuild()
    assert shop.reader.pause.on
    at = shop.reader.checkpoint(OF_WEST)[1]
    shop.shelf.put(message(5, 90))
    await standing(shop, at)
    await shop.repair.resume("counts", ONCALL)
    await shop.reached(5)
