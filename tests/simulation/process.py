"""One site's process: the real pieces, wired as `services/placement/app.py` wires them, on the memory twins.

Everything it does to a disk or the bus goes through `io`, where time passes, trouble comes and the process may die.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa

from services.console.app import GATHER_SECONDS as JOURNAL_SECONDS
from services.placement.app import CITY_SECONDS, OWN_SECONDS, WAITING_SECONDS, fire, handlers
from services.placement.app import HEARD as LETTERS
from services.placement.views_capacity import CAPACITY
from services.placement.views_waiting import WAITING
from shared.contracts.base import Letter, Opened
from shared.envelope import LOGS, Log, Message, Origin, Recorded, stream_name
from shared.handling import Context, Handled
from shared.inbox import Follow, OutboxSource, Reader, View
from shared.kernel import Reaction
from shared.lacking import Ends, Reached, Watch
from shared.letters import LetterRefused, Seals
from shared.logbook import Courier
from shared.outbox import Relay
from shared.policies import LETTER_SECONDS, Handlers, PolicyReader
from shared.ports import (
    Append,
    Appended,
    BusUnavailable,
    DueTimer,
    KeyRecord,
    OriginHalted,
    Source,
    Store,
    StoreUnavailable,
)
from shared.projection import rebuild_reader
from shared.repair import Repair
from shared.runtime import GATHER_SECONDS
from shared.timers import TimerLoop
from shared.together import ReadTogether
from tests.simulation.allowance import AllowanceProcess
from tests.simulation.asked import Asked
from tests.simulation.heard import HEARD
from tests.simulation.intake import IntakeProcess
from tests.simulation.logbook import courier_of
from tests.simulation.notifications import NotificationsProcess
from tests.simulation.offers import SimOffering
from tests.simulation.oncall import judged_tables
from tests.simulation.oracle import CONSOLE, PLACEMENT, Oracle
from tests.simulation.oracle_allowance import ALLOWANCE
from tests.simulation.oracle_intake import INTAKE
from tests.simulation.oracle_post import NOTIFICATIONS
from tests.support.memory_bus import CITY
from tests.support.memory_store import Disk, MemoryStore

if TYPE_CHECKING:
    from tests.simulation.world import Site, World

T = TypeVar("T")

LOOK_AGAIN_SECONDS = 2.0


class Lost(Exception):
    """The process died, or was not there: the caller knows nothing."""


class Mislaid(Seals):
    """A site's keys, now and then the wrong ones: then a letter cannot be opened and is put aside, so that asks are
    lost, call-offs come before what they call off, and answers have to be asked for again.
    """

    def __init__(self, process: Process) -> None:
        self._world, self._right = process.world, process.world.seals[process.site.name]
        self.__dict__.update(vars(self._right))

    def open(self, message: Message, letter: Letter) -> Opened:
        if not self._world.calm and self._world.chance.random() < self._world.plan.unread:
            raise LetterRefused("letter-key-unknown", "the simulation says so")
        return self._right.open(message, letter)


class Parts:
    """Where the pieces of a process come from. A test that breaks something on purpose replaces one."""

    def store(self, process: Process, service: str) -> WatchedStore:
        return WatchedStore(process, process.site.disk_of(service), service)

    def relay(self, process: Process, log: Log) -> Relay:
        writer = process.world.bus.log(process.site.name, PLACEMENT, log, process.io)
        witnesses = Asked(process.world, process.site.name, process.io)
        return Relay(process.store, log, writer, process.site.clock, witnesses, GATHER_SECONDS[log])

    def reader(self, process: Process, store: Store, view: View) -> Reader:
        return Reader(store, view, process.site.clock)

    def handlers(self, process: Process) -> Handlers:
        world = process.world
        return handlers(process.store, process.site.clock, world.ids, world.seals[process.site.name])

    def intake(self, process: Process) -> IntakeProcess:
        return IntakeProcess(process)

    def post(self, process: Process) -> NotificationsProcess:
        return NotificationsProcess(process)

    def allowance(self, process: Process) -> AllowanceProcess:
        return AllowanceProcess(process)

    def courier(self, process: Process, store: WatchedStore, service: str) -> Courier:
        return courier_of(process, store, service)

    async def watch(self, process: Process, readers: Sequence[Reader]) -> None:
        told, hub = Told(process), process.site.name == process.world.bus.hub
        await Watch(readers, told.everywhere, told.ends, None if hub else told.remake, process.site.clock).run()

    def retired(self, world: World, site: str) -> bool:
        return site in world.left

    def letters(self, process: Process) -> PolicyReader:
        policy = process.world.programs.policy(process.site.name, PLACEMENT, LETTERS)
        return PolicyReader(process.store, policy, process.site.clock, process.handlers, Mislaid(process))


class Told:
    """What a process hears of how far others go: by beats, from its own bus, and from the hub."""

    def __init__(self, process: Process) -> None:
        self._world, self._site, self._io = process.world, process.site, process.io

    def everywhere(self) -> list[tuple[Origin, int]]:
        """Every origin of every other site, as beats carry them."""
        heard = [site for site in self._world.sites if self._world.bus.reachable(self._site.name, site.name)]
        return [told for site in heard if site is not self._site for told in _origins(site)]

    async def ends(self, origin: Origin, _told: int) -> Ends | None:
        await self._io("ask how far")
        bus, hub = self._world.bus, self._world.bus.hub
        if not bus.reachable(self._site.name, hub):
            return None
        position, here = self._last(self._site.name, origin)
        copied = [flow for flow in bus.flows if flow.target == (self._site.name, CITY) and self._site.name != hub]
        at_rest = all(flow.cursor == len(bus.stream(hub, CITY).messages) for flow in copied)
        return Ends(here, position, self._last(hub, origin)[1], at_rest)

    def _last(self, site: str, origin: Origin) -> tuple[int, Reached]:
        messages = self._world.bus.stream(site, CITY).messages
        for position in range(len(messages), 0, -1):
            message = messages[position - 1].read.message
            if message is not None and message.origin.key == origin.key:
                return position, (message.origin.epoch, message.sequence)
        return 0, (0, 0)

    def remake(self) -> None:
        self._world.note(self._site.name, "CITY is taken anew")
        self._world.bus.remake(self._site.name, CITY)


def _origins(site: Site) -> list[tuple[Origin, int]]:
    """What its services that tell the network something have told so far."""
    disks = {PLACEMENT: site.disks[PLACEMENT], INTAKE: site.intake, ALLOWANCE: site.allowance}
    return [
        (Origin(site.name, service, disk.epoch), len(disk.outbox.get((disk.epoch, "pub"), ())))
        for service, disk in disks.items()
        if disk is not None
    ]


class WatchedStore(MemoryStore):
    """A memory store whose every effect the judge sees, and which can finish what a dead process had asked of it."""

    def __init__(self, process: Process, disk: Disk, service: str) -> None:
        super().__init__(disk, process.site.name, service, process.io)
        self._process, self._service = process, service
        self.under_way: dict[int, Append] = {}

    async def append(self, append: Append) -> Appended:
        self.under_way[id(append)] = append
        try:
            return await super().append(append)
        finally:
            self.under_way.pop(id(append), None)

    async def _answered(self, answer: Awaitable[T]) -> T:
        """A read's answer is on its way for a while, too: what it says may be old when it comes."""
        found = await answer
        await self._process.io("read-done")
        return found

    async def read_stream(self, stream: str, after_version: int = 0, limit: int | None = None) -> list[Recorded]:
        return await self._answered(super().read_stream(stream, after_version, limit))

    async def read_outbox(self, log: Log, after_sequence: int, limit: int) -> list[Message]:
        return await self._answered(super().read_outbox(log, after_sequence, limit))

    async def outbox_last(self, log: Log) -> int:
        return await self._answered(super().outbox_last(log))

    async def find_key(self, scope: str, key: str) -> KeyRecord | None:
        return await self._answered(super().find_key(scope, key))

    async def due_timers(self, now: datetime, limit: int) -> list[DueTimer]:
        return await self._answered(super().due_timers(now, limit))

    async def rows(self, table: sa.Table, **equals: Any) -> list[dict[str, Any]]:
        return await self._answered(super().rows(table, **equals))

    def _store(self, append: Append) -> Appended:
        self.under_way.pop(id(append), None)
        stored = super()._store(append)
        self._process.world.judge(lambda oracle: self._judge(oracle, append))
        return stored

    def _judge(self, oracle: Oracle, append: Append) -> None:
        site = self._process.site.name
        if self._service == INTAKE:
            oracle.intake.stored(site)
            return
        if self._service == NOTIFICATIONS:
            oracle.post.stored(site)
            return
        if self._service == ALLOWANCE:
            oracle.allowance.stored(site)
            return
        if self._service == PLACEMENT and (append.streams or append.keys or append.told):
            oracle.stored(site, append.rows)
        oracle.read(site, self._service, self.disk, append.rows)

    def finish_late(self, seconds: float) -> None:
        """The process is dead, but the database has its transactions already: they are stored after a while."""
        world, name, appends = self._process.world, self._process.site.name, list(self.under_way.values())

        def finish() -> None:
            if self.disk is not self._process.site.disk_of(self._service):
                return  # a backup was put back meanwhile: that database is gone
            if self._process.site.left:
                return  # it was stopped with all that was under way, before anybody could hear of it
            for append in appends:
                world.note(name, "late append")
                try:
                    self._store(append)
                except Exception as refused:
                    world.note(name, f"refused: {type(refused).__name__}")

        if appends:
            world.later(seconds, finish)


class Process:
    """One life of one site's process, from its start to its crash."""

    def __init__(self, world: World, site: Site, parts: Parts) -> None:
        self.world, self.site, self.parts = world, site, parts
        self.alive = True
        self.crash_in: int | None = None
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self.store = parts.store(self, PLACEMENT)
        self.stores = [self.store]
        self.city: ReadTogether = ReadTogether(lambda: self._source(CITY), site.clock)
        self.handlers: Handlers = parts.handlers(self)
        self.readers: list[Reader] = []
        self.repairs: dict[str, Repair] = {}
        self.rebuildable: dict[tuple[str, str], tuple[WatchedStore, Reader, list[Callable[[], Follow]]]] = {}
        self.ready = asyncio.Event()
        self.keep("start", lambda: self._start(parts))
        self._start_readers(parts)
        self._start_console(parts)
        self.intake = None if site.intake is None else parts.intake(self)
        if self.intake is not None:
            self.keep("intake start", self.intake.start)
            self.readers.append(self.intake.letters)
            self.repairs[INTAKE] = Repair(self.intake.store, self.intake.hears, site.clock, world.ids)
        self.post = None if self.intake is None else parts.post(self)
        self.allowance = None if site.allowance is None else parts.allowance(self)
        if self.allowance is not None:
            self.keep("allowance start", self.allowance.start)
        self.keep("look-again", self._look_again)
        for service, disk in site.known.items():
            store = next(store for store in self.stores if store.disk is disk)
            self.keep(f"{service} logbook", parts.courier(self, store, service).run)

    async def _start(self, parts: Parts) -> None:
        """What a service does before it serves anybody, reads or decides: it writes down where its logs stand."""
        while not self.ready.is_set():
            try:
                for log in LOGS:
                    await self.store.doubt(log)
            except StoreUnavailable:
                await asyncio.sleep(0.2)  # in production the process ends and is started again
                continue
            fired = fire(self.store, self.handlers, lambda site: parts.retired(self.world, site))
            self.keep_timers("timers", self.store, fired)
            for log in LOGS:
                relay = parts.relay(self, log)
                self.keep(f"relay-{log}", relay.run)
                self.keep(f"prove-{log}", relay.prove)
            self.ready.set()

    def _start_readers(self, parts: Parts) -> None:
        clock = self.site.clock
        reader = parts.reader(self, self.store, self.world.programs.view(self.site.name, PLACEMENT, CAPACITY))
        own, city = OutboxSource(self.store, "pub", clock), self.city.source()
        self._hear(PLACEMENT, self.store, reader, [
            (own, None, OWN_SECONDS), (city, self.site.name, CITY_SECONDS), *self._own_seats(CITY_SECONDS),
        ])  # fmt: skip
        waits = parts.reader(self, self.store, self.world.programs.view(self.site.name, PLACEMENT, WAITING))
        intake = [self._source(stream_name("pub", self.site.name, INTAKE))] if self.site.intake is not None else []
        self._hear(PLACEMENT, self.store, waits, [
            *((source, None, CITY_SECONDS) for source in intake),
            (self.city.source(), self.site.name, WAITING_SECONDS),
        ])  # fmt: skip
        self.letters = parts.letters(self)
        self.keep("offers", SimOffering(self, reader, waits).run)
        for source in intake:
            self._follow(PLACEMENT, self.letters, Follow(self._source(source.name), None, CITY_SECONDS))
        self.keep("watch", lambda: parts.watch(self, [reader, waits, self.letters]))
        self._follow(PLACEMENT, self.letters, Follow(self.city.source(), self.site.name, LETTER_SECONDS))
        self.readers.append(self.letters)
        self.repairs[PLACEMENT] = Repair(self.store, [reader, waits, self.letters], clock, self.world.ids)

    def _start_console(self, parts: Parts) -> None:
        """Another service of the site, with a store of its own: it hears the site's streams and the network's."""
        if CONSOLE not in self.site.disks:
            return
        store, site = parts.store(self, CONSOLE), self.site.name
        self.stores.append(store)
        heard, capacity = (
            parts.reader(self, store, self.world.programs.view(site, CONSOLE, view)) for view in (HEARD, CAPACITY)
        )
        loc, pub = (self._source(stream_name(log, site, PLACEMENT)) for log in ("loc", "pub"))
        city = self.city.source()
        self._hear(CONSOLE, store, heard, [(loc, None, JOURNAL_SECONDS)])
        self.keep("console-watch", lambda: parts.watch(self, [capacity]))
        self._hear(CONSOLE, store, capacity, [
            (pub, None, JOURNAL_SECONDS), (city, site, JOURNAL_SECONDS), *self._own_seats(JOURNAL_SECONDS),
        ])  # fmt: skip
        self.repairs[CONSOLE] = Repair(store, [heard, capacity], self.site.clock, self.world.ids)

    def _own_seats(self, seconds: float) -> list[tuple[Source, str | None, float]]:
        """What the site's own allowance service tells the network, where there is one."""
        if self.site.allowance is None:
            return []
        return [(self._source(stream_name("pub", self.site.name, ALLOWANCE)), None, seconds)]

    def mislaid(self) -> Seals:
        """The site's keys, now and then the wrong ones."""
        return Mislaid(self)

    def watched(self, service: str) -> WatchedStore:
        """A store of this process that is not placement's or the console's."""
        store = WatchedStore(self, self.site.disk_of(service), service)
        self.stores.append(store)
        return store

    def _hear(
        self, service: str, store: WatchedStore, reader: Reader, sources: list[tuple[Source, str | None, float]]
    ) -> None:
        """One task for each source; a second reader, that rebuilds the view, gets sources of its own."""
        anew: list[Callable[[], Follow]] = []
        for source, skip, seconds in sources:
            self._follow(service, reader, Follow(source, skip, seconds))
            anew.append(partial(self._again, source, skip))
        self.rebuildable[service, reader.view.name] = (store, reader, anew)
        self.readers.append(reader)

    def _again(self, source: Source, skip: str | None) -> Follow:
        return Follow(source if isinstance(source, OutboxSource) else self._source(source.name), skip)

    def _follow(self, service: str, reader: Reader, follow: Follow) -> None:
        async def read() -> None:
            if service == PLACEMENT:
                await self.ready.wait()  # a letter it reads may have something told
            await reader.run(follow)

        self.keep(f"{service} {reader.view.name} {follow.source.name}", read)

    async def _look_again(self) -> None:
        """As `Runtime.measure` does."""
        while True:
            await self.site.clock.sleep(LOOK_AGAIN_SECONDS)
            for reader in self.readers:
                with suppress(StoreUnavailable):
                    await reader.look_again()

    @property
    def views(self) -> dict[str, list[str]]:
        """The views of each service that can be rebuilt."""
        return {name: [view for owner, view in self.rebuildable if owner == name] for name in self.repairs}

    async def rebuild(self, service: str, view: str) -> int:
        """As a service does when it is asked to."""
        store, reader, anew = self.rebuildable[service, view]
        tables = partial(judged_tables, self, service)
        return await rebuild_reader(store, reader, [make() for make in anew], self.site.clock, lambda *_: None, tables)

    def _source(self, name: str) -> Any:
        return self.world.bus.source(self.site.name, name, self.io)

    # --- life and death -----------------------------------------------------------------------------------------------

    def keep(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """A background task. In production one that fails is begun again; nothing should ever make it fail."""

        async def run() -> None:
            try:
                await work()
            except Exception as error:
                self.world.fail(error, f"the task {name} of {self.site.name} failed")

        self.spawn(run())

    def keep_timers(
        self, name: str, store: Store, fire: Callable[[DueTimer, datetime], Awaitable[None]],
        aside: Collection[str] = (),
    ) -> None:  # fmt: skip
        """In production a timer that fails is tried again, and the others fire; nothing should ever make it fail."""

        async def fired(timer: DueTimer, now: datetime) -> None:
            try:
                await fire(timer, now)
            except (StoreUnavailable, OriginHalted):
                raise
            except Exception as error:
                self.world.fail(error, f"a timer of {self.site.name} failed")
                raise

        self.keep(name, TimerLoop(store, self.site.clock, fired, aside).run)

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))
        return task

    async def call(self, asked: Reaction, context: Context) -> Handled:
        """A request from outside. Raises `Lost` when the process dies before it answers, and what `handle` raises."""
        task = self.spawn(self._handle(asked, context))
        await asyncio.wait([task])
        if task.cancelled():
            raise Lost
        return task.result()

    async def _handle(self, asked: Reaction, context: Context) -> Handled:
        await self.ready.wait()
        return await self.handlers[asked.aggregate].handle(asked.key, asked.command, context)

    def kill(self) -> None:
        """The process is gone between two awaits: nothing of it runs any more, not even to tidy up."""
        if not self.alive:
            return
        self.alive = False
        self.world.note(self.site.name, "killed")
        if self.world.chance.random() < self.world.plan.late_commit:
            pause = self.world.chance.uniform(0.0, 1.0)
            for store in self.stores:
                store.finish_late(pause)
        current = asyncio.current_task()
        for task in list(self._tasks):
            if task is not current:
                task.cancel()

    async def io(self, what: str) -> None:
        """What happens around every effect of this process."""
        world = self.world
        self._die_if_dead()
        world.note(self.site.name, what)
        if self.crash_in is not None:
            self.crash_in -= 1
            if self.crash_in <= 0:
                self.site.crash()
                self._die_if_dead()
        pause = world.pause()
        if pause:
            await asyncio.sleep(pause)
            self._die_if_dead()
        if self.site.store_down and what in {"append", "append-done", "read"}:
            raise StoreUnavailable("the simulation says so")
        if (
            world.plan.flaky_bus
            and not what.startswith(("append", "read"))
            and world.chance.random() < world.plan.flaky_bus
        ):
            raise BusUnavailable("the simulation says so")

    def _die_if_dead(self) -> None:
        if not self.alive:
            raise asyncio.CancelledError
