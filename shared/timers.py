"""Timers: what has to happen later, kept in the same transaction as the events it follows from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
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

PAGE = 200
"""Timers handled between two looks at the clock."""


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
    """

    def __init__(self, store: Store, clock: Clock, fire: Callable[[DueTimer, datetime], Awaitable[None]]) -> None:
        self._store, self._clock, self._fire = store, clock, fire

    async def run(self) -> None:
        """Fires timers until cancelled."""
        service = self._store.origin.service
        while True:
            try:
                now = self._clock.now()
                due = await self._store.due_timers(now, PAGE)
                metrics.TIMERS_DUE.labels(service).set(len(due))
                for timer in due:
                    await self._fire(timer, now)
                    metrics.TIMERS_FIRED.labels(service, timer.kind).inc()
                if not due:
                    await self._clock.sleep(POLL_SECONDS)
            except (StoreUnavailable, OriginHalted) as error:
                log.warning("timers paused", reason=type(error).__name__, pause_seconds=PAUSE_SECONDS)
                await self._clock.sleep(PAUSE_SECONDS)
