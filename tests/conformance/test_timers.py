"""What the timer loop promises: whatever is due fires, and one that fails keeps nobody else waiting."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta

import pytest

from shared import schema
from shared.clock import SystemClock
from shared.ports import Append, Delete, DueTimer, Put, StoreUnavailable
from shared.timers import AGAIN_SECONDS, TimerLoop
from tests.conformance.stores import NOW
from tests.support.memory_store import Disk, MemoryStore

pytestmark = pytest.mark.asyncio


class FastClock(SystemClock):
    """Its time is how long was slept."""

    def __init__(self) -> None:
        self.passed = 0.0

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return self.passed

    async def sleep(self, seconds: float) -> None:
        self.passed += seconds
        await asyncio.sleep(0)


async def _fired(trouble: Exception, failures: int) -> list[tuple[str, float]]:
    """When the timers `bad`, which fails so often first, and `good`, due after it, were fired."""
    store, clock, fired = MemoryStore(Disk(), "west", "placement"), FastClock(), list[tuple[str, float]]()
    due = [
        Put(schema.timers, (id_, NOW + timedelta(seconds=at), "lapse", "west"))
        for id_, at in (("bad", -9), ("good", -1))
    ]
    await store.append(Append(NOW, rows=due))
    left = failures

    async def fire(timer: DueTimer, _: datetime) -> None:
        nonlocal left
        if timer.id == "bad" and left:
            left -= 1
            raise trouble
        fired.append((timer.id, clock.passed))
        await store.append(Append(NOW, rows=[Delete(schema.timers, (timer.id,))]))

    loop = asyncio.ensure_future(TimerLoop(store, clock, fire).run())
    with suppress(TimeoutError):
        async with asyncio.timeout(5):
            while len(fired) < 2:
                await asyncio.sleep(0)
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)
    return fired


async def test_a_timer_that_fails_has_another_turn_in_a_while_and_the_others_fire_meanwhile() -> None:
    (first, at_once), (second, later) = await _fired(ValueError("a bug"), failures=2)
    assert (first, second, at_once) == ("good", "bad", 0.0)
    assert 2 * AGAIN_SECONDS <= later < 3 * AGAIN_SECONDS


async def test_a_timer_that_waits_for_somebody_elsewhere_keeps_nobody_waiting_and_fires_once_meanwhile() -> None:
    store, clock = MemoryStore(Disk(), "west", "intake"), FastClock()
    answered, over, begun, done = asyncio.Event(), asyncio.Event(), list[str](), list[str]()
    due = [Put(schema.timers, (id_, NOW, kind, "west")) for id_, kind in (("a", "talk"), ("b", "lapse"))]
    await store.append(Append(NOW, rows=due))

    async def fire(timer: DueTimer, _: datetime) -> None:
        begun.append(timer.id)
        if timer.kind == "talk":
            await answered.wait()
        await store.append(Append(NOW, rows=[Delete(schema.timers, (timer.id,))]))
        done.append(timer.id)
        if len(done) == 2:
            over.set()

    loop = asyncio.ensure_future(TimerLoop(store, clock, fire, {"talk"}).run())
    async with asyncio.timeout(5):
        while not done or clock.passed < 10:
            await asyncio.sleep(0)
        assert (begun.count("a"), done) == (1, ["b"])
        answered.set()
        await over.wait()
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)
    assert (begun.count("a"), begun.count("b")) == (1, 1)


async def test_a_loop_that_is_stopped_leaves_nobody_behind_who_waits() -> None:
    store, clock, ended = MemoryStore(Disk(), "west", "intake"), FastClock(), list[str]()
    await store.append(Append(NOW, rows=[Put(schema.timers, ("a", NOW, "talk", "west"))]))
    begun = asyncio.Event()

    async def fire(timer: DueTimer, _: datetime) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(timer.id)

    loop = asyncio.ensure_future(TimerLoop(store, clock, fire, {"talk"}).run())
    async with asyncio.timeout(5):
        await begun.wait()
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)
    assert ended == ["a"]


async def test_while_the_store_is_away_nothing_fires_and_then_everything_in_order() -> None:
    assert [id_ for id_, _ in await _fired(StoreUnavailable("gone"), failures=2)] == ["bad", "good"]
