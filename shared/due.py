"""Which timers of a store are due: asked four times a second by everybody who has some, and nearly always none is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import asyncpg

from shared.ports import DueTimer, Wake

OTHERS_SECONDS = 2.0
"""How late this process hears of a timer that another one set: of its own it knows when the next is due."""

NEVER = datetime.max.replace(tzinfo=UTC)

DUE = "select id, due_at, kind, key from timers where due_at <= $1 order by due_at, id limit $2"
FOLLOWING = "select min(due_at) from timers"


class _None(NamedTuple):
    """Nothing is due before `until`, by the clock; known while nothing more is stored, and until it is `look_again`."""

    stored: int
    until: datetime
    look_again: float


class DueTimers:
    """Looks for them, and remembers when the next one is due while there is none.

    query: runs what it is given on the store's pool. appended: wakes when this process has stored something.
    """

    def __init__(
        self,
        query: Callable[[Callable[[asyncpg.Pool[asyncpg.Record]], Awaitable[Any]]], Awaitable[Any]],
        appended: Wake,
    ) -> None:
        self._query, self._appended = query, appended
        self._none: _None | None = None

    def forget(self) -> None:
        """It may be another database by now."""
        self._none = None

    async def look(self, now: datetime, limit: int) -> list[DueTimer]:
        """At most `limit` timers due at `now` or before, the longest overdue first. Raises `StoreUnavailable`."""
        # Both before anything is read: what is stored or told meanwhile is looked for again.
        stored, at = self._appended.count, asyncio.get_running_loop().time()
        known = self._none
        if known is not None and known.stored == stored and now < known.until and at < known.look_again:
            return []
        rows = await self._query(lambda pool: pool.fetch(DUE, now, limit))
        if not rows:
            following = await self._query(lambda pool: pool.fetchval(FOLLOWING))
            self._none = _None(stored, following or NEVER, at + OTHERS_SECONDS)
        return [DueTimer(*row) for row in rows]
