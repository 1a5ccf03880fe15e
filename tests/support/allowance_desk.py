"""The allowance service of the municipality and of one site, over HTTP, in this process and in memory: real routes,
real handlers, real seals; each hears the other's log, unless the link is cut.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx

from services.allowance import api, app
from services.allowance.views import PROGRAMMES
from shared.contracts.base import Contract
from shared.envelope import Meta
from shared.http import new_app
from shared.http_border import Border
from shared.http_repair import bench_of
from shared.ids import SystemIds
from shared.inbox import Follow, OutboxSource, Reader
from shared.money import day_of
from shared.policies import PolicyReader
from shared.ports import Append, Told
from shared.security import Role
from shared.timers import TimerLoop
from tests.support.border import SITE, Tokens, caller
from tests.support.desk import MovedClock
from tests.support.letters import site_seals
from tests.support.memory_store import Disk, MemoryStore

ALLOWANCE = "/api/allowance"
STAD = "stad"


class AllowanceDesk:
    """One site's service. disk: what is left when the process is gone."""

    def __init__(self, name: str, disk: Disk, clock: MovedClock) -> None:
        self.name, self.disk, self.clock = name, disk, clock
        ids, seals = SystemIds(), site_seals((STAD, SITE))[name]
        self.store = MemoryStore(disk, name, app.NAME)
        self.intake = MemoryStore(Disk(), name, "intake")
        self.handlers = app.handlers(self.store, clock, ids, seals)
        self.facts = PolicyReader(self.store, app.facts(name), clock, self.handlers, seals)
        self.reader = Reader(self.store, PROGRAMMES, clock)
        policy = app.listening(name, STAD)
        self.letters = PolicyReader(self.store, policy, clock, self.handlers, seals)
        self.allowance = api.Allowance(
            name, name == STAD, STAD, self.store, clock, ids, self.handlers["programme"], self.handlers["entitlement"],
            self.handlers["payroll"], self.handlers["client"], self.handlers["handout"], seals.knows,
        )  # fmt: skip
        bench = bench_of(app.NAME, self.store, [self.reader, self.letters], {}, lambda _: [], clock, ids)
        site, self._tokens = new_app("desk"), Tokens()
        site.mount(ALLOWANCE, api.build(self.allowance, bench, {"asyncapi": "3.0.0"}))
        self._border = Border(site, verify=self._tokens.verify)

    async def hears(self, contract: Contract) -> None:
        """This site's intake tells something."""
        id_ = SystemIds().event_id()
        meta = Meta(id_, id_, "caseworker")
        told = Told("loc", id_, contract.type_name, "client", contract.encode(), meta)
        await self.intake.append(Append(self.clock.now(), told=[told]))

    async def post(
        self, path: str, body: Any = None, role: Role | None = None, key: str | None = None, subject: str = "someone"
    ) -> httpx.Response:
        """A command; by finance at the municipality and a caseworker elsewhere, unless said otherwise."""
        given = {} if key is None else {"Idempotency-Key": key}
        token = self._tokens.token(role or ("finance" if self.name == STAD else "caseworker"), subject=subject)
        async with caller(self._border, token, **given) as client:
            return await client.post(f"{ALLOWANCE}{path}", json=body)

    async def get(self, path: str, role: Role | None = None, **params: Any) -> httpx.Response:
        token = self._tokens.token(role or ("finance" if self.name == STAD else "caseworker"))
        async with caller(self._border, token) as client:
            return await client.get(f"{ALLOWANCE}{path}", params=params)

    async def seen(self, path: str, found: Callable[[Any], bool]) -> Any:
        """The answer to a question once it is as expected."""
        async with asyncio.timeout(10):
            while True:
                before = self.store.appended.count
                answer = (await self.get(path)).json()
                if found(answer):
                    return answer
                await self.store.appended.wait_at_most(before, 0.2, self.clock)


class AllowanceNetwork:
    """Two sites and the link between them."""

    def __init__(self) -> None:
        self.clock = MovedClock()
        self.stad, self.west = (AllowanceDesk(name, Disk(), self.clock) for name in (STAD, SITE))
        self._link: list[asyncio.Task[None]] = []
        self._own: list[asyncio.Task[None]] = []

    def heal(self) -> None:
        """Each hears all the other has told."""
        self._link = [
            _run(reader.run(Follow(OutboxSource(other.store, "pub", self.clock))))
            for desk, other in ((self.stad, self.west), (self.west, self.stad))
            for reader in (desk.reader, desk.letters)
        ]

    async def cut(self) -> None:
        """Neither hears the other."""
        await _end(self._link)
        self._link = []

    def start(self) -> None:
        for desk in (self.stad, self.west):
            self._own.append(_run(desk.reader.run(Follow(OutboxSource(desk.store, "pub", self.clock)))))
            self._own.append(_run(desk.facts.run(Follow(OutboxSource(desk.intake, "loc", self.clock)))))
            fire = app.fire(desk.store, desk.handlers, self.clock, SystemIds())
            self._own.append(_run(TimerLoop(desk.store, self.clock, fire).run()))

    async def stop(self) -> None:
        await self.cut()
        await _end(self._own)

    async def programme(self, **fields: Any) -> str:
        """A programme that west has heard of; returns its id."""
        since = day_of(self.clock.now()) - timedelta(days=300)
        body = {
            "name": "Leefgeld", "places": 2, "period": "month", "methods": ["voucher"],
            "tariffs": [{"size_class": "1", "cents": 45_000, "valid_from": str(since)}],
        } | fields  # fmt: skip
        answer = await self.stad.post("/programmes", body)
        assert answer.status_code == 201, answer.text
        id_ = str(answer.json()["id"])
        await self.west.seen("/programmes", lambda page: id_ in {item["id"] for item in page["items"]})
        return id_


def _run(work: Awaitable[None]) -> asyncio.Task[None]:
    return asyncio.ensure_future(work)


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def open_allowance() -> AsyncIterator[AllowanceNetwork]:
    """Both sites at work, the link whole."""
    network = AllowanceNetwork()
    network.start()
    network.heal()
    try:
        yield network
    finally:
        await network.stop()
