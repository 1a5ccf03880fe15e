"""One site's intake service over HTTP, in this process and in memory: real routes, real handlers, a real vault whose
keys are on this machine's disk or in memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Protocol

import httpx
import msgspec

from services.intake import api, app, policy
from services.intake.app_alias import Listener, Teller
from services.intake.app_handover import Giving, Receiving
from services.intake.app_keeper import Keeper
from shared.envelope import Log, Message
from shared.http import Streams, new_app
from shared.http_border import Border
from shared.http_repair import bench_of
from shared.ids import SystemIds
from shared.logbook import Openings
from shared.ports import DueTimer
from shared.security import Role
from shared.timers import TimerLoop
from shared.vault import KeyStore, Vault
from tests.support.border import SITE, Tokens, caller
from tests.support.desk import MovedClock
from tests.support.letters import site_seals
from tests.support.memory_keys import SITE_KEY, MemoryKeys
from tests.support.memory_store import Disk, MemoryStore

INTAKE = "/api/intake"
OTHER = "noord"
"""A site that may offer places, and has a desk."""
SITES = (SITE, OTHER, "zuidoost")
RETENTION_DAYS = 365
ALIAS_KEPT = timedelta(hours=12)


class Answers(Protocol):
    """Whoever answers what is asked of a desk."""

    async def answer(self, request: bytes) -> bytes | None: ...


class DirectLine:
    """Asks desks in this process. desks: by site; lost: requests that never arrive, by number, the first is 1; unheard:
    those whose answer never does."""

    def __init__(self) -> None:
        self.desks: dict[str, Answers] = {}
        self.lost, self.unheard = set[int](), set[int]()
        self.asked: list[bytes] = []
        self.answered: list[bytes | None] = []

    async def ask(self, site: str, request: bytes) -> bytes | None:
        self.asked.append(request)
        number = len(self.asked)
        if number in self.lost or site not in self.desks:
            return None
        answer = await self.desks[site].answer(request)
        self.answered.append(answer)
        return None if number in self.unheard else answer


class IntakeDesk:
    """A desk where clients are known. disk, keys: what is left when the process is gone."""

    def __init__(self, disk: Disk, keys: KeyStore, clock: MovedClock, site_name: str = SITE) -> None:
        self.disk, self.keys, self.clock = disk, keys, clock
        ids = SystemIds()
        self.site, self.left, self.silent = site_name, set[str](), set[str]()
        self.store = MemoryStore(disk, site_name, "intake")
        self.vault = Vault([SITE_KEY], keys)
        self.seals = seals = site_seals(SITES)[site_name]
        self.deciding = deciding = app.handlers(self.store, clock, ids, seals, self.vault)
        self.openings = Openings(self.store, clock, ids.random_id)
        self.line, clients = DirectLine(), deciding[policy.CLIENT]
        self.giving = Giving(site_name, clients, self.vault, seals, self.line, self.openings)
        self.receiving = Receiving(
            site_name, self.store, clients, deciding[policy.TAKING], self.vault, seals, clock, ids
        )  # fmt: skip
        self.teller = Teller(site_name, clients, self.vault, seals, self.openings)
        self.asking = DirectLine()
        self.listener = Listener(site_name, self.teller, seals, self.asking, self.openings, clock, ALIAS_KEPT)
        self.keeper = Keeper(
            site_name, self.store, self.vault, deciding, clock, self.openings, RETENTION_DAYS, self.giving,
            retired=lambda site: site in self.left,
        )  # fmt: skip
        self.intake = api.Intake(
            site_name,
            deciding[policy.CLIENT],
            self.store,
            self.vault,
            self.keeper.destroy_key,
            clock,
            ids,
            deciding[policy.WEEKS],
            Streams(),
            seals.knows,
            deciding[policy.CHECK],
            deciding[policy.TAKING],
            lambda: [OTHER if site_name == SITE else SITE],
            self.openings,
            lambda site: site not in self.silent,
            self.listener,
        )
        bench = bench_of("intake", self.store, [], {}, lambda _: [], clock, ids)
        site, self._tokens = new_app("desk"), Tokens()
        site.mount(INTAKE, api.build(self.intake, bench, {"asyncapi": "3.0.0"}))
        self._border = Border(site, verify=self._tokens.verify)

    async def post(
        self,
        path: str,
        body: Any = None,
        role: Role = "caseworker",
        key: str | None = None,
        if_match: int | None = None,
    ) -> httpx.Response:
        given = {} if key is None else {"Idempotency-Key": key}
        if if_match is not None:
            given["If-Match"] = f'"{if_match}"'
        async with caller(self._border, self._tokens.token(role), **given) as client:
            return await client.post(f"{INTAKE}{path}", json=body)

    async def get(
        self, path: str, role: Role = "caseworker", traceparent: str | None = None, **params: Any
    ) -> httpx.Response:
        given = {} if traceparent is None else {"traceparent": traceparent}
        async with caller(self._border, self._tokens.token(role), **given) as client:
            return await client.get(f"{INTAKE}{path}", params=params)

    async def registered(self, **body: Any) -> str:
        """A client; returns the id."""
        answer = await self.post("/clients", body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def fire_due(self) -> list[str]:
        """What is due now is done, once each. Returns the kinds."""
        due: list[DueTimer] = await self.store.due_timers(self.clock.now(), 100)
        for timer in due:
            await self.keeper.fire(timer, self.clock.now())
        return [timer.kind for timer in due]


@asynccontextmanager
async def open_intake(
    disk: Disk | None = None, keys: KeyStore | None = None, clock: MovedClock | None = None, *, timers: bool = False
) -> AsyncIterator[IntakeDesk]:
    """The service of one site; timers: whether they fire by themselves."""
    desk = IntakeDesk(disk or Disk(), keys or MemoryKeys(), clock or MovedClock())
    await desk.keeper.begin()
    loop = TimerLoop(desk.store, desk.clock, desk.keeper.fire, policy.ASIDE)
    running = [asyncio.create_task(loop.run())] if timers else []
    try:
        yield desk
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def told(desk: IntakeDesk, log: Log) -> list[Message]:
    """What a desk has told so far."""
    return await desk.store.read_outbox(log, 0, 100)


def said(message: Message) -> dict[str, Any]:
    """The facts of what was told."""
    facts: dict[str, Any] = msgspec.json.decode(message.data)
    return facts
