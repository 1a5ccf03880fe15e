"""Rebuilds somebody asked for: one at a time in a service, watched while it goes on, and forgotten with its process.

A rebuild whose process ends leaves the old view serving (`projection.py`); who watches it finds the view idle again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, NamedTuple

from shared.clock import Clock
from shared.inbox import Reader
from shared.ports import BusUnavailable, StoreUnavailable
from shared.projection import Progress, RebuildRunning, RebuildStuck
from shared.telemetry import describe, logger

log = logger("rebuilds")

BEGUN_SECONDS = 5.0
"""How long asking for a rebuild waits to hear that it has begun, or that another process is at one."""

Status = Literal["idle", "running", "done", "failed"]


class Rebuildable(NamedTuple):
    """One view of a service.

    made_from: `events`, the service's own; `messages`, what its reader hears. work: rebuilds it while the old one
    serves, returns how many of those it took, and raises what `projection.py` does, or `BusUnavailable`.
    reader: of a view made from messages.
    """

    made_from: Literal["events", "messages"]
    work: Callable[[Progress], Awaitable[int]]
    reader: Reader | None = None

    @property
    def incomplete(self) -> dict[str, str]:
        """Origins the view does not show in full, and why."""
        return self.reader.incomplete if self.reader is not None else {}


@dataclass(frozen=True)
class Rebuilding:
    """How the last rebuild of a view is doing. done, total: events or messages, as far as is known by now.

    code, detail: why it failed; the old view serves on.
    """

    status: Status = "idle"
    done: int = 0
    total: int = 0
    began_at: datetime | None = None
    ended_at: datetime | None = None
    code: str | None = None
    detail: str = ""


class Rebuilds:
    """The views of one service, and the rebuild that is under way."""

    def __init__(self, views: Mapping[str, Rebuildable], clock: Clock) -> None:
        self.views = dict(views)
        self._clock = clock
        self._states = dict.fromkeys(self.views, Rebuilding())
        self._task: asyncio.Task[None] | None = None
        self._news = asyncio.Event()

    @property
    def running(self) -> bool:
        """Whether this process is rebuilding a view now."""
        return self._task is not None and not self._task.done()

    def state(self, view: str) -> Rebuilding:
        """How a view's rebuild is doing. Raises `KeyError` when there is no such view."""
        return self._states[view]

    async def begin(self, view: str) -> Rebuilding:
        """Begins to rebuild a view, and returns when that is under way, or over.

        Raises `RebuildRunning` when this process or another one is rebuilding a view of this service, and `KeyError`.
        """
        wanted = self.views[view]
        if self.running:
            raise RebuildRunning
        self._states[view] = Rebuilding("running", began_at=self._clock.now())
        self._news.clear()
        self._task = asyncio.create_task(self._run(view, wanted), name=f"rebuild-{view}")
        try:
            async with asyncio.timeout(BEGUN_SECONDS):
                await self._news.wait()
        except TimeoutError:
            return self._states[view]
        if self._states[view].code == "rebuild-running":
            raise RebuildRunning
        return self._states[view]

    async def _run(self, view: str, wanted: Rebuildable) -> None:
        def progress(done: int, total: int) -> None:
            self._states[view] = replace(self._states[view], done=done, total=total)
            self._news.set()

        try:
            took = await wanted.work(progress)
            self._ended(view, "done", done=took, total=took)
        except RebuildRunning:
            self._ended(view, "failed", code="rebuild-running")
        except RebuildStuck as stuck:
            self._ended(view, "failed", code="rebuild-stuck", detail=str(stuck))
        except StoreUnavailable:
            self._ended(view, "failed", code="store-unavailable")
        except BusUnavailable as error:
            self._ended(view, "failed", code="bus-unavailable", detail=str(error))
        except Exception as error:
            log.error("a rebuild failed", view=view, exc_info=error)
            self._ended(view, "failed", code="internal", detail=describe(error))

    def _ended(self, view: str, status: Status, **facts: object) -> None:
        ended = replace(self._states[view], status=status, ended_at=self._clock.now(), **facts)  # type: ignore[arg-type]
        self._states[view] = ended
        log.warning("rebuild ended", view=view, status=status, code=ended.code, done=ended.done)
        self._news.set()

    async def stop(self) -> None:
        """Ends a rebuild that is under way; the old view stays."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
