"""Messages a program cannot digest, and the engineer on call who does something about them: the right thing, the wrong
thing, or two things at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from shared import schema
from shared.contracts.base import Contract, Opened
from shared.envelope import Message
from shared.inbox import View
from shared.kernel import Reaction
from shared.parked import NEW
from shared.pauses import PAUSED
from shared.policies import Policy
from shared.ports import BusUnavailable, OriginHalted, RowChange, StoreUnavailable, VersionConflict
from shared.projection import ReaderTables, RebuildRunning, RebuildStuck
from shared.rebuilds import Rebuilds
from shared.repair import Refused, Repair, Who
from shared.replay import Replays
from tests.simulation.oracle_intake import INTAKE
from tests.support.memory_rebuild import memory_tables
from tests.support.memory_store import MemoryStore

if TYPE_CHECKING:
    from tests.simulation.process import Process
    from tests.simulation.world import Site, World

ONCALL = Who("oncall")
ROUND_SECONDS = 0.5
NOT_DONE = (Refused, StoreUnavailable, OriginHalted, VersionConflict, BusUnavailable, RebuildRunning, RebuildStuck)
"""What a person is told, and tries again later."""


class Programs:
    """What the programs of the sites cannot digest until the next one comes. A reader: (site, service, view)."""

    def __init__(self) -> None:
        self._cannot: dict[tuple[str, str, str], set[str]] = {}
        self._armed: dict[tuple[str, str, str], int] = {}
        self.met = 0

    def view(self, site: str, service: str, view: View) -> View:
        """A view as the program of a site keeps it."""

        def project(message: Message, contract: Contract) -> Iterable[RowChange]:
            self._look((site, service, view.name), message)
            return view.project(message, contract)

        return replace(view, project=project)

    def policy(self, site: str, service: str, policy: Policy) -> Policy:
        """A policy as the program of a site follows it."""

        def react(message: Message, said: Contract | Opened, at: datetime) -> Reaction | None:
            self._look((site, service, policy.name), message)
            return policy.react(message, said, at)

        return replace(policy, react=react)

    def _look(self, reader: tuple[str, str, str], message: Message) -> None:
        cannot = self._cannot.setdefault(reader, set())
        if message.id not in cannot and self._armed.get(reader):
            self._armed[reader] -= 1
            self.met += 1
            cannot.add(message.id)
        if message.id in cannot:
            raise ArithmeticError("only the next program can make sense of this")

    def poison(self, reader: tuple[str, str, str]) -> None:
        """The next message this reader digests is one too many."""
        self._armed[reader] = self._armed.get(reader, 0) + 1

    def upgrade(self, site: str | None = None) -> None:
        """The next program of a site (of all of them): it can digest everything there is today."""
        for reader in self._cannot.keys() | self._armed.keys():
            if site in (None, reader[0]):
                self._cannot.pop(reader, None)
                self._armed.pop(reader, None)


class Engineer:
    """Looks at what is parked everywhere, every now and then, and acts. `did` counts what was done, by act."""

    def __init__(self, world: World) -> None:
        self._world, self._chance = world, world.chance
        self.did: dict[str, int] = {}

    async def work(self) -> None:
        while True:
            await asyncio.sleep(ROUND_SECONDS * self._chance.uniform(0.2, 1.8))
            for site in list(self._world.sites):
                for service in [*site.disks, *([] if site.intake is None else [INTAKE])]:
                    process = self._chance.choice((site.process, site.twin)) if site.twin else site.process
                    if process is not None:
                        await self._look(site, process, service)

    async def _look(self, site: Site, process: Process, service: str) -> None:
        """One look at one service, and what follows from it."""
        tables, calm = site.disk_of(service).tables, self._world.calm
        parked = [key for key in tables.get(schema.parked.name, {}) if not key[0].endswith(NEW)]
        marked = sorted({key[0] for key in tables.get(schema.discarded.name, {}) if key[0] in process.views[service]})
        repair = process.repairs[service]
        paused = sorted(key[1] for key in tables.get(schema.cursors.name, {}) if key[0] == PAUSED)
        if paused and (calm or self._chance.random() < 0.3):
            await self._do(process, "resume", repair.resume(paused[0], ONCALL))
        elif not calm and repair.readers and self._chance.random() < 0.02:
            name = self._chance.choice(repair.readers)
            await self._do(process, "pause", repair.pause(name, "the simulation says so", ONCALL))
        if self._world.plan.replays and self._chance.random() < 0.2:
            await self._replay(process, service)
        if parked and calm:
            await self._do(process, "retry-all", repair.retry_all(ONCALL))
        elif parked:
            await self._act(site, process, service, self._chance.choice(sorted(parked))[1])
        elif marked and (calm or self._chance.random() < 0.3):
            await self._do(process, "rebuild", process.rebuild(service, self._chance.choice(marked)))
        elif not calm and process.views[service] and self._chance.random() < 0.03:
            await self._do(process, "rebuild", process.rebuild(service, self._chance.choice(process.views[service])))

    async def _replay(self, process: Process, service: str) -> None:
        """Has a reader hear an origin again, at any moment. At rest there is nothing to put right, nor ever was."""
        if not process.views[service]:
            return
        store, reader, anew = process.rebuildable[service, self._chance.choice(process.views[service])]
        origins = sorted({origin for origin, _ in reader.checkpoints})
        if origins:
            repair, origin = process.repairs[service], self._chance.choice(origins)
            again = Replays(store, repair, Rebuilds({}, process.site.clock), lambda _: [make() for make in anew],
                            process.site.clock)  # fmt: skip
            await self._do(process, "replay", again.replay(reader.view.name, origin, "the simulation says so", ONCALL))

    async def _act(self, site: Site, process: Process, service: str, id_: str) -> None:
        repair, draw = process.repairs[service], self._chance.random()
        if draw < 0.3:
            await self._do(process, "retry", repair.retry(id_, ONCALL))
        elif draw < 0.4:
            await self._do(process, "retry-all", repair.retry_all(ONCALL))
        elif draw < 0.6:
            await self._do(process, "discard", repair.discard(id_, "the simulation says so", ONCALL))
        elif draw < 0.8:  # two people, perhaps at two processes
            other = self._chance.choice((site.process, site.twin)) or process
            second: Repair = other.repairs[service]
            await asyncio.gather(
                self._do(process, "retry", repair.retry(id_, ONCALL)),
                self._do(other, "discard", second.discard(id_, "both at once", ONCALL)),
            )

    async def _do(self, process: Process, name: str, work: Coroutine[Any, Any, object]) -> None:
        """One act at a process, which may die of it; what is refused is tried again another time."""
        self._world.note(process.site.name, f"oncall: {name}")
        if not (process.alive and process.ready.is_set()):
            work.close()
            return
        task = process.spawn(work)
        await asyncio.wait([task])
        if not task.cancelled() and task.exception() is None:
            self.did[name] = self.did.get(name, 0) + 1
        elif not task.cancelled() and not isinstance(task.exception(), NOT_DONE):
            self._world.fail(task.exception() or AssertionError(), f"{name} at {process.site.name} failed")


@asynccontextmanager
async def judged_tables(process: Process, service: str, store: MemoryStore, view: View, now: datetime) -> (
    AsyncIterator[ReaderTables]
):  # fmt: skip
    """Tables a view is rebuilt in; the judge looks at the view the moment they take the old ones' place."""
    async with memory_tables(store, view, now) as made:
        yield _Judged(process, service, view, made)


class _Judged:
    def __init__(self, process: Process, service: str, view: View, made: ReaderTables) -> None:
        self.fresh, self.store = made.fresh, made.store
        self._process, self._service, self._view, self._made = process, service, view, made

    async def take_over(self) -> bool:
        taken = await self._made.take_over()
        site = self._process.site
        if taken:
            self._process.world.judge(
                lambda oracle: oracle.rebuilt(site.name, self._service, site.disks[self._service], self._view.name)
            )
        return taken
