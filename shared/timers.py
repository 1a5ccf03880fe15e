"""Timers: what has to happen later, kept in the same transaction as the events it follows from."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime

import msgspec

from shared import metrics
from shared.clock import Clock
from shared.ports import DueTimer, OriginHalted, Store, StoreUnavailable
from shared.telemetry import logger

log = logger("timers")

POLL_SECONDS = 0.25
"""How late a timer is noticed at most. Holds last half an hour and more; the answer to a late check-in does not wait
for it.
"""

PAUSE_SECONDS = 2.0
"""After the store or the origin refused to go on."""

AGAIN_SECONDS = 5.0
"""After one timer failed for a reason of its own: the others fire meanwhile."""

PAGE = 200
"""Timers handled between two looks at the clock."""

ASIDE_MAX = 16
"""Timers that wait for somebody elsewhere at once; the next ones wait for their turn."""


class TimerSet(msgspec.Struct, frozen=True, gc=False):
    """Something falls due.

    id: unique in the service; set again it moves. due_at: UTC, by the owner's clock. kind: what the policy does then.
    key: of the aggregate that will decide.
    """

    id: str
    due_at: datetime
    kind: str
    key: str


class TimerCleared(msgspec.Struct, frozen=True, gc=False):
    """It no longer has to happen."""

    id: str


class TimerLoop:
    """Fires what is due, by the owner's clock. A timer leaves its table in the append that follows from it, so it ends
    once.

    aside: kinds that wait for an answer from elsewhere when they fire. They do so beside the others, each timer by
    itself: whoever is silent there keeps nobody waiting here.
    """

    def __init__(
        self, store: Store, clock: Clock, fire: Callable[[DueTimer, datetime], Awaitable[None]],
        aside: Collection[str] = (),
    ) -> None:  # fmt: skip
        self._store, self._clock, self._fire, self._kinds_aside = store, clock, fire, aside
        self._again_at: dict[str, float] = {}
        self._aside: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Fires timers until cancelled."""
        try:
            while True:
                try:
                    if not await self._look():
                        await self._clock.sleep(POLL_SECONDS)
                except (StoreUnavailable, OriginHalted) as error:
                    log.warning("timers paused", reason=type(error).__name__, pause_seconds=PAUSE_SECONDS)
                    await self._clock.sleep(PAUSE_SECONDS)
        finally:
            waiting = list(self._aside.values())
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def _look(self) -> bool:
        """Whether anything fired."""
        now = self._clock.now()
        busy = frozenset(self._aside)  # before it is read what is due: one that ends meanwhile may have moved
        due = await self._store.due_timers(now, PAGE)
        metrics.TIMERS_DUE.labels(self._store.origin.service).set(len(due))
        self._again_at = {timer.id: self._again_at[timer.id] for timer in due if timer.id in self._again_at}
        fired = False
        for timer in due:
            if timer.kind not in self._kinds_aside:
                fired |= await self._fire_one(timer, now)
            elif timer.id not in busy and len(self._aside) < ASIDE_MAX:
                self._aside[timer.id] = asyncio.create_task(self._fire_aside(timer, now))
        return fired

    async def _fire_aside(self, timer: DueTimer, now: datetime) -> None:
        try:
            await self._fire_one(timer, now)
        except (StoreUnavailable, OriginHalted) as error:
            self._again_at[timer.id] = self._clock.monotonic() + PAUSE_SECONDS
            log.warning("a timer paused", kind=timer.kind, reason=type(error).__name__, pause_seconds=PAUSE_SECONDS)
        finally:
            del self._aside[timer.id]

    async def _fire_one(self, timer: DueTimer, now: datetime) -> bool:
        """Whether it fired. One that fails keeps nobody else waiting, and has another turn in a while."""
        if self._again_at.get(timer.id, 0.0) > self._clock.monotonic():
            return False
        try:
            await self._fire(timer, now)
        except (StoreUnavailable, OriginHalted):
            raise
        except Exception as error:
            self._again_at[timer.id] = self._clock.monotonic() + AGAIN_SECONDS
            log.error("a timer failed", kind=timer.kind, pause_seconds=AGAIN_SECONDS, exc_info=error)
            return False
        metrics.TIMERS_FIRED.labels(self._store.origin.service, timer.kind).inc()
        return True
