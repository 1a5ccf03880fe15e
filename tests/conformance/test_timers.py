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


async def test_while_the_store_is_away_nothing_fires_and_then_everything_in_order() -> None:
    assert [id_ for id_, _ in await _fired(StoreUnavailable("gone"), failures=2)] == ["bad", "good"]
