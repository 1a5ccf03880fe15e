"""Time, ids and chance of a simulated world: nothing waits, and the same seed gives the same world."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any


class Deadlock(Exception):
    """Every task waits for another: nothing will ever happen again."""


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop whose time is a number. When nothing is ready it jumps to the next timer; it never looks at a
    socket.
    """

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._selector = self

    def time(self) -> float:
        return self._now

    def select(self, timeout: float | None) -> list[Any]:
        """What the loop asks its selector: wait so long. It is the only place where time passes."""
        if timeout is None:
            raise Deadlock
        self._now += timeout
        return []

    def _process_events(self, events: list[Any]) -> None:
        pass

    def _write_to_self(self) -> None:
        pass


class SiteClock:
    """The clock of one site: the world's time, a little wrong.

    wall: the world's time now. skew_seconds: how far this site's clock is ahead of it; a fault may change it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, wall: Callable[[], datetime]) -> None:
        self._loop, self._wall = loop, wall
        self.skew_seconds = 0.0

    def now(self) -> datetime:
        return self._wall() + timedelta(seconds=self.skew_seconds)

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class SeededIds:
    """Ids out of the world's one source of chance."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def event_id(self) -> str:
        return self._id("7")

    def random_id(self) -> str:
        return self._id("4")

    def _id(self, version: str) -> str:
        digits = f"{self._chance.getrandbits(128):032x}"
        return f"{digits[:8]}-{digits[8:12]}-{version}{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"
