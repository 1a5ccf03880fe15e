"""Time, ids and chance of a simulated world: nothing waits, and the same seed gives the same world."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from contextvars import Context, copy_context
from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush
from typing import Any, TypeVarTuple

Ts = TypeVarTuple("Ts")


class Deadlock(Exception):
    """Every task waits for another: nothing will ever happen again."""


class _Step(asyncio.TimerHandle):
    """A callback and its context. The standard one also asks its loop, each time, whether anybody debugs it."""

    __slots__ = ()
    _callback: Callable[..., Any] | None
    _context: Context
    _loop: VirtualLoop
    _scheduled: bool

    def __init__(
        self, callback: Callable[..., Any], args: tuple[Any, ...], loop: VirtualLoop, context: Context | None,
        when: float | None = None,
    ) -> None:  # fmt: skip
        self._callback, self._args, self._loop = callback, args, loop
        self._context = copy_context() if context is None else context
        self._cancelled, self._source_traceback, self._repr = False, None, None
        self._when, self._scheduled = when or 0.0, when is not None

    def cancel(self) -> None:
        if not self._cancelled:
            self._loop.cancelled += self._scheduled
            self._cancelled, self._callback, self._args = True, None, ()

    def run(self) -> None:
        assert self._callback is not None
        try:
            self._context.run(self._callback, *self._args)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            about = {"message": "a callback failed", "exception": error, "handle": self}
            self._loop.call_exception_handler(about)


CANCELLED_MAX = 100
"""Timers that were cancelled and lie among those that wait: past that, and past half of all, they are thrown out."""


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop whose time is a number. When nothing is ready it jumps to the next timer; it never looks at a
    socket. Of two timers of one moment the one that was set first goes first.

    It does what the standard one does, without what only a real one needs: a simulated life is a hundred thousand such
    steps.
    """

    def __init__(self) -> None:
        super().__init__()
        self._now, self._count, self.cancelled = 0.0, 0, 0
        self._soon: deque[_Step] = deque()
        self._later: list[tuple[float, int, _Step]] = []

    def time(self) -> float:
        return self._now

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        step = _Step(callback, args, self, context)
        self._soon.append(step)
        return step

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        step = _Step(callback, args, self, context, when)
        self._count += 1
        heappush(self._later, (when, self._count, step))
        return step

    def close(self) -> None:
        super().close()
        self._soon.clear()
        self._later.clear()

    def _run_once(self) -> None:
        """What is ready by now, once. Time passes only here, and only when nothing is. Raises `Deadlock`."""
        soon, later = self._soon, self._later
        if self.cancelled > CANCELLED_MAX and self.cancelled > len(later) / 2:
            later[:] = [each for each in later if not each[2].cancelled()]
            heapify(later)
            self.cancelled = 0
        while later and later[0][2].cancelled():
            heappop(later)
            self.cancelled -= 1
        if not soon:
            if not later:
                raise Deadlock
            self._now = max(self._now, later[0][0])
        while later and later[0][0] <= self._now:
            step = heappop(later)[2]
            step._scheduled = False
            if step.cancelled():
                self.cancelled -= 1
            else:
                soon.append(step)
        for _ in range(len(soon)):
            step = soon.popleft()
            if not step.cancelled():
                step.run()


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
