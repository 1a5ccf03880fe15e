"""One site's placement service over HTTP, in this process and in memory: real routes, real handler, real views, no
servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import httpx

from services.placement import api, app
from services.placement.capacity import SiteLink
from services.placement.views_capacity import CAPACITY, NetworkCapacity
from services.placement.views_waiting import WAITING, WaitingList
from shared.clock import SystemClock
from shared.http import Streams, new_app
from shared.http_border import Border
from shared.http_repair import Bench, bench_of
from shared.ids import SystemIds
from shared.inbox import Follow, OutboxSource, Reader
from shared.projection import Progress, rebuild_reader
from shared.rebuilds import Rebuildable
from shared.security import Role
from tests.support.border import SITE, Tokens, caller
from tests.support.letters import site_seals
from tests.support.memory_rebuild import memory_tables
from tests.support.memory_store import Disk, MemoryStore

PLACEMENT = "/api/placement"


class MovedClock(SystemClock):
    """The machine's clock, moved ahead by hand."""

    ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead

    def to_noon(self) -> None:
        """Ahead to the next noon: days added to it stay days of the city, also over the change to summer time."""
        self.ahead += (timedelta(hours=36) - (self.now() - self.now().replace(hour=0, minute=0))) % timedelta(days=1)


class Desk:
    """Callers of every role at one site, and the clock on its wall."""

    def __init__(
        self, border: Border, tokens: Tokens, clock: MovedClock, placement: api.Placement, bench: Bench
    ) -> None:
        self._border, self._tokens = border, tokens
        self.clock, self.placement, self.bench = clock, placement, bench

    def caller(self, role: Role = "operator", subject: str = "someone", **headers: str) -> httpx.AsyncClient:
        """A client that is signed in."""
        return caller(self._border, self._tokens.token(role, subject=subject), **headers)

    async def post(self, path: str, role: Role = "operator", **request: Any) -> httpx.Response:
        async with self.caller(role) as client:
            return await client.post(f"{PLACEMENT}{path}", **request)

    async def get(self, path: str, role: Role = "operator", **params: Any) -> httpx.Response:
        async with self.caller(role) as client:
            return await client.get(f"{PLACEMENT}{path}", params=params)

    async def opened(self, location: str = "west", count: int = 2, **make: Any) -> list[str]:
        """A location with places, free. Returns the places' ids."""
        await self.post("/locations", json={"name": location, "title": location.title(), "district": "West"})
        body = {"location": location, "kind": "shelter_24h", "room": "101", "count": count} | make
        answer = await self.post("/places", json=body)
        assert answer.status_code == 201, answer.text
        ids: list[str] = answer.json()["place_ids"]
        return ids


@asynccontextmanager
async def open_desk(*, municipality: bool = False) -> AsyncIterator[Desk]:
    """The service of one site, its reader of its own figures running."""
    clock, ids, streams = MovedClock(), SystemIds(), Streams()
    store = MemoryStore(Disk(), SITE, "placement")
    reader = Reader(store, CAPACITY, clock)
    capacity = NetworkCapacity(store, reader, lambda _: SiteLink("live", 0.0), clock)  # type: ignore[arg-type]
    seals = site_seals(("stad", SITE))[SITE]
    deciding = app.handlers(store, clock, ids, seals)
    waiting = WaitingList(store, Reader(store, WAITING, clock), lambda _: SiteLink("live", 0.0), capacity.current)
    placement = api.Placement(
        SITE, ("stad", SITE), deciding["location"], store, capacity, clock, ids, streams, deciding["call"],
        deciding["regime"], seals.knows, municipality, waiting,
    )  # fmt: skip
    site, tokens = new_app("desk"), Tokens()
    outbox = OutboxSource(store, "pub", clock)

    async def anew(progress: Progress) -> int:
        return await rebuild_reader(store, reader, [Follow(outbox)], clock, progress, memory_tables)

    views = {"capacity": Rebuildable("messages", anew, reader)}
    bench = bench_of("placement", store, [reader], views, lambda _: [Follow(outbox)], clock, ids)
    site.mount(PLACEMENT, api.build(placement, bench, {"asyncapi": "3.0.0"}))
    reading = asyncio.create_task(reader.run(Follow(outbox)))
    try:
        yield Desk(Border(site, verify=tokens.verify), tokens, clock, placement, bench)
    finally:
        streams.close()
        await bench.rebuilds.stop()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


__all__ = ["PLACEMENT", "SITE", "Desk", "MovedClock", "open_desk"]
