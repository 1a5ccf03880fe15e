"""A whole network in one process: sites with their disks and clocks, the bus between them, and one source of chance."""

from __future__ import annotations

import asyncio
import random
import traceback
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

from services.placement.app_repair import first_rows
from shared import schema
from shared.envelope import LOGS, Log, stream_name
from shared.epochs import repair_origin
from shared.heard import Mark, Unanswered
from shared.logbook import Line
from shared.ports import BusUnavailable, StoreUnavailable, VersionConflict
from shared.worklist import Lost
from tests.simulation.asked import Asked
from tests.simulation.loop import SeededIds, SiteClock, VirtualLoop
from tests.simulation.oncall import Programs
from tests.simulation.oracle import CONSOLE, PLACEMENT, Oracle
from tests.simulation.oracle_allowance import ALLOWANCE
from tests.simulation.oracle_house import Violation
from tests.simulation.oracle_intake import INTAKE
from tests.simulation.oracle_post import NOTIFICATIONS
from tests.simulation.plan import Plan
from tests.simulation.process import Parts, Process
from tests.simulation.seals import seals_of
from tests.support.letters import site_seals
from tests.support.memory_bus import MemoryBus, Weather
from tests.support.memory_keys import KeyDisk
from tests.support.memory_store import Disk, MemoryStore

BEGAN = datetime(2026, 1, 5, 18, 0, tzinfo=UTC)

STEPS_MAX = 300_000
"""Far more than any seed takes."""

REPAIR_FAILS = 0.05
"""The chance that one step of a repair fails, so that it has to be done again."""


class JudgedBus(MemoryBus):
    """A memory bus whose every message on an origin's log the judge sees."""

    judge: Callable[[str, str], None]

    def put(self, site: str, name: str, *rest: Any) -> None:
        super().put(site, name, *rest)
        self.judge(site, name)


class Site:
    """What there is of a site beyond the life of its process."""

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name
        self.clock = SiteClock(world.loop, world.wall)
        self.disks = {PLACEMENT: Disk()} | ({CONSOLE: Disk()} if name in world.plan.consoles else {})
        self.intake = Disk() if name in world.plan.intakes else None
        self.post = Disk()
        self.allowance = Disk() if name in world.plan.allowances else None
        self.keys = KeyDisk()
        self.logbook: dict[str, dict[str, Line]] = {}
        self.locations = world.plan.locations[name]
        self.process: Process | None = None
        self.twin: Process | None = None
        self.store_down = False
        self.backup: Disk | None = None
        self.restored = 0
        self.repairing = False
        self.left = False

    def start(self) -> None:
        """A new process, if there is none."""
        if self.process is None and not self.left:
            self.world.note(self.name, "started")
            self.process = Process(self.world, self, self.world.parts)

    def disk_of(self, service: str) -> Disk:
        """What a service of this site has stored."""
        if service == INTAKE:
            assert self.intake is not None
            return self.intake
        if service == NOTIFICATIONS:
            return self.post
        if service == ALLOWANCE:
            assert self.allowance is not None
            return self.allowance
        return self.disks[service]

    @property
    def known(self) -> dict[str, Disk]:
        """What the services that know of clients have stored, where there are any."""
        there = {INTAKE: self.intake, NOTIFICATIONS: self.post, ALLOWANCE: self.allowance}
        return {} if self.intake is None else {name: disk for name, disk in there.items() if disk is not None}

    def overlap(self) -> None:
        """A second process of the same services beside the first: a deployment, or one that was believed dead."""
        if self.process is not None and self.twin is None:
            self.world.note(self.name, "started twice")
            self.twin = Process(self.world, self, self.world.parts)

    def single(self) -> None:
        """One of two processes ends; which one is chance."""
        if self.process is not None and self.twin is not None:
            stays, ends = self.world.chance.sample((self.process, self.twin), 2)
            self.process, self.twin = stays, None
            ends.kill()

    def stop(self) -> None:
        """Every process dies now."""
        for process in (self.process, self.twin):
            if process is not None:
                process.kill()
        self.process = self.twin = None

    def crash(self) -> None:
        """The process dies now and is started again by its supervisor after a moment."""
        if self.process is not None:
            self.stop()
            self.world.later(self.world.chance.choice((0.0, 0.1, 1.0)) * self.world.chance.random(), self.start)

    def restore(self) -> None:
        """The last backup is put back: the store is older than what others have heard."""
        assert self.backup is not None
        self.world.note(self.name, "restored")
        self.crash()
        self.disks[PLACEMENT] = self.backup.copy()
        self.restored += 1
        self.world.judge(lambda oracle: oracle.restored(self.name, self.disks[PLACEMENT]))


class World:
    """One seed's world. `failure` is what went wrong first. sites: those that belong to the network now; `left` did."""

    def __init__(self, loop: VirtualLoop, chance: random.Random, plan: Plan, parts: Parts) -> None:
        self.loop, self.chance, self.plan, self.parts = loop, chance, plan, parts
        self.ids = SeededIds(chance)
        self.programs = Programs()
        self.seals = {site: seals_of(seals, whole=plan.sealed) for site, seals in site_seals(plan.sites).items()}
        self.left: set[str] = set()
        self.passed = timedelta()
        self.trace: list[str] = []
        self.steps = 0
        self.failure: BaseException | None = None
        self.failed = asyncio.Event()
        self.calm = False
        self.offering = True
        self._tasks: dict[asyncio.Task[Any], None] = {}
        clock = SiteClock(loop, self.wall)
        tellers = {
            site: (PLACEMENT, *((INTAKE,) if site in plan.intakes else ()),
                   *((ALLOWANCE,) if site in plan.allowances else ()))
            for site in plan.sites
        }  # fmt: skip
        self.bus = JudgedBus(plan.sites[0], tellers, clock, chance, self.carry, Weather((0.0, 0.02), plan.duplicate))
        self.bus.judge = lambda site, name: self.judge(lambda oracle: oracle.published(site, name))
        self.oracle = Oracle(self.bus, lambda: [disk for site in self.sites for disk in site.disks.values()])
        self.sites: list[Site] = []
        for name in plan.sites:
            if name == plan.late:
                self.bus.down(name)  # there is no such server yet
            else:
                self.join(name)
        for flow in self.bus.flows:
            self.spawn(self.bus.run(flow))

    # --- who belongs to it --------------------------------------------------------------------------------------------

    def join(self, name: str) -> Site:
        """A site belongs to the network from now on."""
        site = Site(self, name)
        self.sites.append(site)
        self.oracle.begin(name, site.disks[PLACEMENT])
        if site.intake is not None:
            self.oracle.intake.begin(name, site.intake, site.keys)
            self.oracle.post.begin(name, site.post, site.intake, site.allowance)
        if site.allowance is not None:
            self.oracle.allowance.begin(name, site.allowance, site.intake)
        self.bus.up(name)
        return site

    def leave(self, site: Site) -> None:
        """A site leaves for good: its servers stop, and everybody knows."""
        self.note(site.name, "leaves")
        site.left = True
        site.stop()
        self.sites.remove(site)
        self.left.add(site.name)
        self.oracle.left.add(site.name)
        self.bus.down(site.name)

    def heard_everywhere(self, site: Site) -> bool:
        """Whether all that a site has told is in every other's view, as `plek site remove` asks."""
        disk = site.disks[PLACEMENT]
        told = (disk.epoch, len(disk.outbox.get((disk.epoch, "pub"), ())))
        key = f"{site.name}/{PLACEMENT}"
        return all(
            kept.tables.get(schema.checkpoints.name, {}).get(("capacity", key, "pub"), (0,) * 5)[3:] == told
            for other in self.sites if other is not site
            for kept in other.disks.values()
        ) and self.bus.gathered(site.name)  # fmt: skip

    # --- time and trace -----------------------------------------------------------------------------------------------

    def wall(self) -> datetime:
        """The true time."""
        return BEGAN + timedelta(seconds=round(self.loop.time(), 6)) + self.passed

    def note(self, where: str, what: str) -> None:
        """One line of the trace: the same seed writes the same lines."""
        self.steps += 1
        if self.steps > STEPS_MAX:
            raise Violation("the world never comes to an end: something goes round in circles")
        self.trace.append(f"{self.loop.time():.6f} {where} {what}")

    def pause(self) -> float:
        """How long an effect takes: mostly nothing, sometimes a while."""
        if self.calm:
            return 0.0
        draw = self.chance.random()
        if draw > self.plan.slow_io:
            return 0.0
        return self.chance.uniform(0.0, 0.01) if draw > self.plan.slow_io / 10 else self.chance.uniform(0.0, 0.4)

    async def carry(self, what: str) -> None:
        """Around every step of a flow between sites."""
        self.note("bus", what)

    # --- trouble ------------------------------------------------------------------------------------------------------

    def fail(self, error: BaseException, what: str = "") -> None:
        """Ends the run, once."""
        if self.failure is None:
            where = "".join(traceback.format_exception(error)[-6:])
            self.failure = error if isinstance(error, Violation) else Violation(f"{what}: {error!r}\n{where}")
            self.note("world", f"failed: {error}")
        self.failed.set()

    def judge(self, look: Callable[[Oracle], None]) -> None:
        """Lets the judge look; what is wrong ends the run."""
        if self.failure is None:
            try:
                look(self.oracle)
            except Violation as wrong:
                self.fail(wrong)

    # --- tasks --------------------------------------------------------------------------------------------------------

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """A task of the world, not of a site's process."""

        async def run() -> Any:
            try:
                return await work
            except Exception as error:
                self.fail(error, "a task of the world failed")

        task = self.loop.create_task(run())
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))
        return task

    def later(self, seconds: float, what: Callable[[], None]) -> None:
        """Does something after a while, unless the world has ended."""
        self.loop.call_later(seconds, lambda: None if self.failed.is_set() else what())

    async def end(self) -> None:
        """Ends every task."""
        self.failed.set()
        for site in self.sites:
            site.stop()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- repair -------------------------------------------------------------------------------------------------------

    async def operate(self) -> None:
        """The operator on call: whatever origin has halted is repaired, as often as it takes."""
        while True:
            await asyncio.sleep(0.4)
            for site in self.sites:
                if any(process.store.halted for process in (site.process, site.twin) if process is not None):
                    await self._repair(site)

    async def _marks(self, witnesses: Asked) -> list[Mark]:
        """As `shared.repair_origin` does it: an operator who can ask nobody repairs what can be seen from here."""
        marks: list[Mark] = []
        for log in LOGS:
            try:
                marks += await witnesses.marks(log)
            except Unanswered:
                continue
        return marks

    async def _repair(self, site: Site) -> None:
        """Repairs an origin beside its halted service, which ends once it notices that another epoch has begun. It may
        fail at any step and is done again then.
        """
        self.note(site.name, "repair begins")
        site.repairing = True

        async def io(what: str) -> None:
            self.note(site.name, f"repair: {what}")
            await asyncio.sleep(self.pause())
            if not self.calm and self.chance.random() < REPAIR_FAILS:
                raise BusUnavailable("the simulation says so")

        store = MemoryStore(site.disks[PLACEMENT], site.name, PLACEMENT, io)
        witnesses = Asked(self, site.name, io)

        async def nobody_keeps_it(_log: Log, _epoch: int, _after: int) -> list[Lost]:
            return []

        async def remake(log: Log) -> None:
            await io(f"remake {log}")
            self.bus.remake(site.name, stream_name(log, site.name, PLACEMENT))

        writers = {log: self.bus.log(site.name, PLACEMENT, log, io) for log in LOGS}
        try:
            marks = await self._marks(witnesses)
            found = await repair_origin(
                store, writers, remake, lambda: first_rows(store, site.clock, self.ids), self.ids, site.clock, marks,
                nobody_keeps_it,
            )  # fmt: skip
            self.judge(lambda oracle: oracle.stored(site.name, ()))
            self.judge(lambda oracle: oracle.listed(site.name, found))
        except (BusUnavailable, StoreUnavailable, VersionConflict) as error:
            self.note(site.name, f"repair failed: {error}")
        site.repairing = False
        self.judge(lambda oracle: oracle.stored(site.name, ()))
        await asyncio.sleep(self.chance.uniform(0.0, 0.5))
        site.stop()
        site.start()
