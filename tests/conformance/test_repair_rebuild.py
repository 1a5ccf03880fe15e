"""Rebuilding a view of which something was parked or let go, in memory and on the real PostgreSQL."""

from __future__ import annotations

import asyncio

import pytest

from shared import projection, schema
from shared.clock import SystemClock
from shared.ports import StoreUnavailable
from shared.projection import RebuildRunning, RebuildStuck
from shared.rebuilds import Rebuildable, Rebuilds
from tests.conformance.test_inbox import NOORD, VIEW, Shelf, message
from tests.conformance.workshop import NEXT_PROGRAM, OF_WEST, ONCALL, UNLUCKY, Workshop, poisoned, shop
from tests.support.processes import soon

__all__ = ["shop"]


# --- rebuilding -------------------------------------------------------------------------------------------------------


async def test_a_rebuild_with_what_was_let_go_takes_the_mark_away(shop: Workshop) -> None:
    id_ = await poisoned(shop)
    await shop.repair.discard(id_, "cannot wait for the next program", ONCALL)
    await shop.reached(4)
    await shop.restart(NEXT_PROGRAM)
    assert shop.reader.incomplete == {OF_WEST: "message-discarded"}
    work = asyncio.create_task(shop.rebuild())
    sequence = 4
    while not work.done():
        sequence += 1
        shop.shelf.put(message(sequence, sequence))
        await asyncio.sleep(0)
    assert await work >= 5
    await shop.reached(sequence)
    assert (await shop.values())[OF_WEST, "unlucky"] == 50
    assert (shop.reader.incomplete, await shop.repair.discarded()) == ({}, [])
    assert len(await shop.history()) == 1, "that it was let go stays history"


async def test_a_rebuild_that_cannot_digest_it_either_keeps_the_mark(shop: Workshop) -> None:
    shop.shelf.put(("plek.noord.pub.placement.counted", "header-missing"), ("nobody", "no-headers"))
    id_ = (await poisoned_beside(shop))["handler-failed"]
    for other in await shop.repair.parked():
        if other["id"] != id_:
            await shop.repair.discard(other["id"], "a stranger", ONCALL)
    await shop.repair.discard(id_, "wrong for good", ONCALL)
    await shop.reached(4)
    before = await shop.repair.discarded()
    await shop.rebuild()
    assert shop.reader.incomplete == {OF_WEST: "message-discarded"}
    assert await shop.repair.discarded() == before
    assert await shop.repair.parked() == []
    assert (OF_WEST, "unlucky") not in await shop.values()
    shop.shelf.put(message(5))
    await shop.reached(5)


async def poisoned_beside(shop: Workshop) -> dict[str, str]:
    shop.shelf.put(message(1), UNLUCKY, message(3, 70), message(4, 80))
    await shop.read()
    return {row["code"]: row["id"] for row in await shop.repair.parked()}


async def test_what_never_came_is_marked_after_a_rebuild_too(shop: Workshop) -> None:
    shop.shelf.put(message(1), message(4, 40))
    await shop.read()
    await shop.repair.discard(await shop.only(), "lost with a disk", ONCALL)
    await shop.reached(4)
    await shop.rebuild()
    assert shop.reader.incomplete == {OF_WEST: "message-discarded"}
    whole = Shelf()
    whole.put(message(1), message(2), message(3), message(4, 40))
    await shop.rebuild(whole)
    assert shop.reader.incomplete == {}


async def test_what_is_parked_stays_so_over_a_rebuild_since_when_it_was(shop: Workshop) -> None:
    id_ = await poisoned(shop)
    await shop.repair.retry(id_, ONCALL)
    [before] = await shop.repair.parked()
    await shop.rebuild()
    shop.shelf.put(message(2, 7, NOORD))
    await shop.read()
    [after] = await shop.repair.parked()
    assert (after["id"], after["parked_at"], after["retries"]) == (id_, before["parked_at"], 1)


async def test_a_rebuild_of_what_the_bus_has_no_longer_says_so_and_leaves_the_old_view(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projection, "STALL_SECONDS", 0.05)
    shop.shelf.put(message(1), message(2, 20))
    await shop.read()
    empty = Shelf()
    empty.put(message(1))
    with pytest.raises(RebuildStuck, match="west/placement: not all that was read of it is on this site's bus now"):
        await shop.rebuild(empty)
    assert await shop.values() == {(OF_WEST, "beds"): 20}
    shop.shelf.put(message(3, 30))
    await shop.reached(3)


async def test_a_rebuild_that_was_killed_leaves_the_old_view_and_the_next_one_begins_anew(shop: Workshop) -> None:
    id_ = await poisoned(shop)
    await shop.repair.discard(id_, "for now", ONCALL)
    await shop.reached(4)
    await shop.restart(NEXT_PROGRAM)
    for steps in range(1, 40, 3):
        task = asyncio.ensure_future(shop.rebuild())
        for _step in range(steps):
            await asyncio.sleep(0)
        killed = task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if not killed:
            break
        assert (OF_WEST, "beds") in await shop.values()
    await shop.rebuild()
    assert (await shop.values())[OF_WEST, "unlucky"] == 50
    assert shop.reader.incomplete == {}
    names = {row["reader"] for table in (schema.checkpoints, schema.cursors) for row in await shop.store.rows(table)}
    assert names == {"counts"}


# --- rebuilds somebody asked for --------------------------------------------------------------------------------------


async def test_one_rebuild_at_a_time_and_everybody_sees_how_it_is_doing(shop: Workshop) -> None:
    shop.shelf.put(message(1), message(2, 20))
    await shop.read()
    gate = asyncio.Event()

    async def work(progress: projection.Progress) -> int:
        progress(0, 2)
        await gate.wait()
        return await shop.rebuild()

    rebuilds = Rebuilds({"counts": Rebuildable("messages", work, shop.reader)}, SystemClock())
    assert rebuilds.state("counts").status == "idle"
    begun = await rebuilds.begin("counts")
    assert (begun.status, begun.done, begun.total) == ("running", 0, 2)
    with pytest.raises(RebuildRunning):
        await rebuilds.begin("counts")
    gate.set()
    await soon(lambda: rebuilds.state("counts").status == "done", "the rebuild is done")
    assert rebuilds.state("counts").done == 2
    assert (await rebuilds.begin("counts")).status in ("running", "done")
    await rebuilds.stop()


async def test_a_rebuild_another_process_is_at_is_refused(shop: Workshop) -> None:
    shop.shelf.put(message(1))
    await shop.read()

    async def work(_: projection.Progress) -> int:
        return await shop.rebuild()

    rebuilds = Rebuilds({"counts": Rebuildable("messages", work, shop.reader)}, SystemClock())
    async with type(shop).tables(shop.store, VIEW, SystemClock().now()):
        with pytest.raises(RebuildRunning):
            await rebuilds.begin("counts")
    assert rebuilds.state("counts").code == "rebuild-running"
    assert (await rebuilds.begin("counts")).code is None
    await soon(lambda: rebuilds.state("counts").status == "done", "it is done")


async def test_a_rebuild_that_fails_says_why(shop: Workshop) -> None:
    async def away(_: projection.Progress) -> int:
        raise StoreUnavailable("gone")

    async def broken(_: projection.Progress) -> int:
        raise ArithmeticError("a fault of ours")

    views = {"away": Rebuildable("events", away), "broken": Rebuildable("events", broken)}
    rebuilds = Rebuilds(views, SystemClock())
    assert (await rebuilds.begin("away")).code == "store-unavailable"
    failed = await rebuilds.begin("broken")
    assert (failed.status, failed.code, failed.detail) == ("failed", "internal", "ArithmeticError")
