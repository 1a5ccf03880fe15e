"""What a service does in the background: relays, readers, timers and beats, each in a task of its own.

A service works without its bus: whatever needs it is begun when the bus answers, and begun again when it fails.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import NamedTuple

import nats.errors

from shared import metrics, schema
from shared.beats import Beat, Beats, Links
from shared.bus import JetStreamLog, StreamSource
from shared.bus_connection import Broker, BusClient, close_client, connect_broker, connect_relay
from shared.envelope import Log, Origin, stream_name
from shared.health import Health, LinkHealth, LogHealth, PaceHealth, ReaderHealth, versions
from shared.heard import BusWitnesses, Known, answer_on, doubted_at
from shared.inbox import Follow, Reader
from shared.kept import Keeps, answer_kept_on
from shared.lacking import BusEnds, Watch
from shared.logbook import Courier
from shared.measured import Measured
from shared.outbox import Relay
from shared.parked import GAP
from shared.ports import BusUnavailable, StoreUnavailable
from shared.roster import LOOK_SECONDS
from shared.service import Check, Host
from shared.store import PgStore
from shared.streams import CITY
from shared.tasks import until_one_fails
from shared.telemetry import logger
from shared.waiting import answer_waiting_on
from shared.worklist import PgWorklist

log = logger("runtime")

RESTART_SECONDS = (0.2, 1.0, 5.0)
"""Pauses before a task that failed in a way nobody foresaw is begun again; the last one repeats."""

MEASURE_SECONDS = 5.0
"""How old a gauge on `/metrics` is at most."""

ACCOUNTS: dict[Log, str] = {"pub": "city", "loc": "local"}

GATHER_SECONDS: dict[Log, float] = {"pub": 0.0, "loc": 0.1}
"""How long a busy relay gathers rows: the network hears at once, the services of the own site a moment later, and
sixteen rows together are one atomic batch, which the server writes in one piece."""

SWEEP_FROM_SECONDS = 0.05
"""A reader that gathers so long asks for what has gathered, instead of being told of every message as it comes."""

COLLECT_AFTER = (10_000, 20, 50)
"""Python's collector looks for cycles this seldom: what we keep has none (our structs are not even tracked), and a look
at everything stops a process for tens of milliseconds."""


def settle() -> None:
    """Call it once, when all runs: what a process has loaded by then stays, and the collector leaves it alone."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


class Beside(NamedTuple):
    """A reader that follows `CITY` beside a service's first one. own_logs: streams of this site it hears, too.
    gather_seconds: as in `Follow`, of `CITY`; 0: as the service does."""

    reader: Reader
    own_logs: Sequence[str] = ()
    gather_seconds: float = 0.0


class Runtime:
    """The background work of one service. Everything it began ends with `stop`."""

    def __init__(self, host: Host, service: str, store: PgStore) -> None:
        self.host, self.service, self.store = host, service, store
        self.links = Links(host.settings.site, host.roster)
        self.relays: dict[Log, Relay] = {}
        self.broker: Broker | None = None
        self.readers: list[Reader] = []
        self.known: Known | None = None
        self.keeps: Keeps | None = None
        self.courier: Courier | None = None
        self._heard: dict[str, list[tuple[Log, str, str | None]]] = {}
        self._hears_others: set[str] = set()
        self._clients: dict[Log, BusClient] = {}
        self.witnesses = BusWitnesses(host.settings, service, lambda: self._clients.get("pub"), host.roster)
        self._tasks: list[asyncio.Task[None]] = []
        self._measured: set[str] = set()
        self._measures = Measured(service)
        self._database_asked: float | None = None
        self._database_seconds = 0.0
        self._stopping = False

    async def start(self, logs: Sequence[Log] = ()) -> None:
        """Opens the store. logs: those it will relay. Raises `StoreUnavailable` when the database does not answer."""
        self.store.on_batch = metrics.STORE_BATCH_APPENDS.labels(self.service).observe
        self.store.on_over = self._over
        await self.store.open(self.host.clock.now(), self.host.settings.first_epoch)
        for which in logs:
            await self.store.doubt(which)
        self.spawn("roster", self._watch_roster)

    async def _watch_roster(self) -> None:
        while True:
            self.host.roster.look()
            await self.host.clock.sleep(LOOK_SECONDS)

    def _over(self, reason: str) -> None:
        log.error("the process ends to begin anew", service=self.service, reason=reason)
        if not self.host.ending.done():
            self.host.ending.set_result(reason)

    def spawn(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Runs `work` until `stop`; when it fails, says so and begins it again."""

        async def keep() -> None:
            failures = 0
            while not self._stopping:
                try:
                    await work()
                    return
                except Exception as error:
                    pause = RESTART_SECONDS[min(failures, len(RESTART_SECONDS) - 1)]
                    failures += 1
                    log.error("a task failed", task=name, service=self.service, pause_seconds=pause, exc_info=error)
                    await asyncio.sleep(pause)

        self._tasks.append(asyncio.create_task(keep(), name=f"{self.service}-{name}"))

    def relay(self, which: Log) -> None:
        """Relays one log with the only credential that may publish on it."""
        settings = self.host.settings

        async def work() -> None:
            client = await connect_relay(settings.nats_options(f"{ACCOUNTS[which]}.{self.service}.relay"))
            try:
                writer = JetStreamLog(client, settings.site, self.service, which)
                relay = self.relays[which] = Relay(
                    self.store, which, writer, self.host.clock, self.witnesses, GATHER_SECONDS[which]
                )
                relay.on_published = metrics.RELAY_SEQUENCE.labels(self.service, which).set
                await until_one_fails([relay.run(), relay.prove()])
            finally:
                await close_client(client)

        self.spawn(f"relay-{which}", work)

    def city(
        self, reader: Reader | None = None, own_logs: Sequence[str] = (), gather_seconds: float = 0.0,
        also: Sequence[Reader | Beside] = (),
    ) -> None:  # fmt: skip
        """Hears the network: beats, and `CITY` for every other site out of this process's one reading of it
        (`together.py`); `own_logs` are streams of this site in that account. gather_seconds: as in `Follow`. also:
        readers beside it, which hear nothing of this site but the streams that come with them (`Beside`). Without any
        reader it only tells that this service is alive."""
        settings = self.host.settings
        source = partial(StreamSource, sweeps=(sweeps := gather_seconds >= SWEEP_FROM_SECONDS))
        beside = [other if isinstance(other, Beside) else Beside(other) for other in also]
        hears = beside if reader is None else [Beside(reader, own_logs), *beside]
        for one in hears:
            heard = self._heard.setdefault(one.reader.view.name, [])
            heard += [("pub", CITY, settings.site), *(("pub", name, None) for name in one.own_logs)]
        self._hears_others |= {one.reader.view.name for one in beside}

        async def work() -> None:
            broker = await connect_broker(settings.nats_options(f"city.{self.service}"))
            try:
                beats = Beats(broker, self.links, self.service, self._beat, self.host.clock)
                await broker.start()
                self.broker = broker
                client = self._clients["pub"] = await broker.bus()
                await answer_on(client, settings.site, self.service, self.store, self.known)
                if self.keeps is not None:
                    await answer_kept_on(client, settings.site, self.service, self.keeps)
                await answer_waiting_on(client, settings.site, self.service)
                works = [beats.run()]
                city = partial(source, client, CITY, skip_site=settings.site)
                for one in hears:
                    pace = one.gather_seconds or gather_seconds
                    works.append(one.reader.run(Follow(self.host.city.source(city), settings.site, pace)))
                    own = [Follow(source(client, name), None, gather_seconds) for name in one.own_logs]
                    works += [one.reader.run(follow) for follow in own]
                if hears:
                    works.append(self._watch(client, [one.reader for one in hears]).run())
                with self.host.lenders.lent(city, lambda: client.is_connected, last=sweeps):
                    await until_one_fails(works)
            finally:
                self.broker = None
                self._clients.pop("pub", None)
                await broker.stop()

        self.spawn("city", work)

    def _watch(self, client: BusClient, readers: Sequence[Reader]) -> Watch:
        settings, links = self.host.settings, self.links

        def told() -> list[tuple[Origin, int]]:
            return [(origin, links.told(origin)) for origin in links.origins() if origin.site != settings.site]

        ends = BusEnds(client, settings, self.service)
        return Watch(readers, told, ends, None if settings.is_hub else self.host.remake_city.set, self.host.clock)

    def local(
        self, reader: Reader, logs: Sequence[str], gather_seconds: float = 0.0, also: Sequence[Reader] = ()
    ) -> None:
        """Hears the services of this site on streams that never leave it. gather_seconds: as in `Follow`. also: readers
        that hear the same, each at its own pace."""
        settings = self.host.settings
        source = partial(StreamSource, sweeps=gather_seconds >= SWEEP_FROM_SECONDS)
        for one in (reader, *also):
            self._heard.setdefault(one.view.name, []).extend(("loc", name, None) for name in logs)

        async def work() -> None:
            client = self._clients["loc"] = await connect_relay(settings.nats_options(f"local.{self.service}"))
            try:
                follows = [
                    (one, Follow(source(client, name), None, gather_seconds))
                    for one in (reader, *also)
                    for name in logs
                ]
                await until_one_fails([one.run(follow) for one, follow in follows])
            finally:
                self._clients.pop("loc", None)
                await close_client(client)

        self.spawn("local", work)

    def follows(self, reader: Reader) -> list[Follow]:
        """What a reader hears on the bus once more, for a second one beside it. Raises `BusUnavailable`."""
        found = []
        for which, name, skip_site in self._heard[reader.view.name]:
            client = self._clients.get(which)
            if client is None or not client.is_connected:
                raise BusUnavailable("the site's bus does not answer")
            found.append(Follow(StreamSource(client, name, skip_site=skip_site), skip_site))
        return found

    def measure(self, *readers: Reader) -> None:
        """Keeps the gauges of this service's store, logs, readers and links true to within a few seconds, and its
        readers aware of what another process repaired.
        """
        self.readers = list(readers)

        async def work() -> None:
            while True:
                metrics.ORIGIN_HALTED.labels(self.service).set(self.store.halted is not None)
                with contextlib.suppress(StoreUnavailable):  # the gauges keep their last value; readiness says why
                    metrics.STORE_POSITION.labels(self.service).set(await self.store.last_position())
                    for which, relay in list(self.relays.items()):
                        told = await self.store.outbox_last(which)
                        self._measures.relay(which, told, relay.published, self.host.clock.monotonic())
                    for reader in readers:
                        await reader.look_again()
                    await self.store.compare()
                    if (epoch := await self.store.latest_epoch()) != self.store.origin.epoch:
                        self._over(f"epoch {epoch} has begun; this process wrote epoch {self.store.origin.epoch}")
                self._measure_links(readers)
                await self.host.clock.sleep(MEASURE_SECONDS)

        self.spawn("measure", work)
        metrics.DATABASE_SECONDS.labels(self.service).set_function(self.database_seconds)
        self.spawn("measure-database", self._measure_database)

    async def _measure_database(self) -> None:
        clock = self.host.clock
        while True:
            self._database_asked = clock.monotonic()
            with contextlib.suppress(StoreUnavailable):  # it took as long as it took
                await self.store.behind_lock()
                wrong = await versions(self.store, self.service)
                metrics.SCHEMA_WRONG.labels(self.service).set(wrong.schema_now not in (None, wrong.schema_wanted))
            self._database_seconds = clock.monotonic() - self._database_asked
            self._database_asked = None
            await clock.sleep(MEASURE_SECONDS)

    def database_seconds(self) -> float:
        """How long the database took last to do something; while it is asked, for how long it has been, if longer."""
        under_way = self._database_asked
        asked = 0.0 if under_way is None else self.host.clock.monotonic() - under_way
        return max(self._database_seconds, asked)

    def _measure_links(self, readers: Sequence[Reader]) -> None:
        for gone in self._measured - {origin.key for origin in self.links.origins()}:  # its site has left
            for reader in readers:
                self._measures.gone(reader.view.name, gone)
        self._measured = {origin.key for origin in self.links.origins()}
        for site in self.host.roster:
            silent = self.links.link(site, self.host.clock.monotonic()).silent_seconds
            if silent is not None and site != self.host.settings.site:
                metrics.LINK_SILENT_SECONDS.labels(site).set(silent)
        for reader in readers:
            for origin in self.links.origins():
                at, missing = reader.checkpoint(origin.key), self.missing(reader, origin)
                self._measures.reader(reader.view.name, origin.key, at, missing, self.host.clock.monotonic())

    async def health(self) -> Health:
        """How this service is doing, also while its database or its bus is down."""
        store, now = self.store, self.host.clock.monotonic()
        logs, work, late, database = [], 0, 0.0, True
        try:
            for which, relay in list(self.relays.items()):
                doubted = await doubted_at(store, which) is not None
                logs.append(LogHealth(log=which, outbox=await store.outbox_last(which), published=relay.published,
                                      doubted=doubted, pace=self._pace(which)))  # fmt: skip
            work = await PgWorklist(store).open_items() if self.relays else 0
            due = await store.query(lambda pool: pool.fetchval("select min(due_at) from timers"))
            late = 0.0 if due is None else max(0.0, (self.host.clock.now() - due).total_seconds())
        except StoreUnavailable:
            database = False
        others = [site for site in self.host.roster if site != self.host.settings.site]
        links = {site: self.links.link(site, now) for site in others}
        return Health(
            site=self.host.settings.site, service=self.service,
            time=self.host.clock.now(), epoch=store.origin.epoch, database=database,
            database_seconds=round(self.database_seconds(), 3),
            bus=self.broker is not None and self.broker.connected,
            halted=store.halted, logs=logs,
            readers=[await self._reader_health(reader) for reader in self.readers] if database else [],
            links=[LinkHealth(site=site, state=at.state, silent_seconds=at.silent_seconds)
                   for site, at in links.items()],
            worklist=work, timers_late_seconds=late,
            logbook_waiting_seconds=0.0 if self.courier is None else round(self.courier.waiting_seconds, 1),
            versions=await versions(store, self.service),
        )  # fmt: skip

    async def _reader_health(self, reader: Reader) -> ReaderHealth:
        try:
            rows = await self.store.rows(schema.parked, reader=reader.view.name)
        except StoreUnavailable:
            rows = []
        parked = [row for row in rows if row["code"] != GAP]
        behind = {origin.key: self.missing(reader, origin) for origin in self.links.origins()}
        return ReaderHealth(
            view=reader.view.name, parked=len(parked), incomplete=reader.incomplete, paused=reader.pause.on,
            behind={key: missing for key, missing in behind.items() if missing},
            pace={key: self._pace(reader.view.name, key) for key in behind},
        )  # fmt: skip

    def _pace(self, *key: str) -> PaceHealth:
        return PaceHealth(**self._measures.pace(*key, monotonic=self.host.clock.monotonic())._asdict())

    def missing(self, reader: Reader, origin: Origin) -> int:
        """How many messages there are of what an origin told the network that a reader hears and has not read."""
        if not self._hears(reader.view.name, origin):
            return 0
        epoch, sequence = reader.checkpoint(origin.key)
        return max(0, self.links.told(origin) - (sequence if epoch == origin.epoch else 0))

    def _hears(self, view: str, origin: Origin) -> bool:
        """Whether a view is made of what this origin tells the network. One that hears what never leaves the site only
        is behind nobody: what beats say is not told to it. Of its own service a view that follows `CITY` by itself
        hears, out of the outbox.
        """
        streams = {name for which, name, _ in self._heard.get(view, ()) if which == "pub"}
        if origin.site != self.host.settings.site:
            return CITY in streams
        by_itself = CITY in streams and view not in self._hears_others
        mine = origin.service == self.service and by_itself
        return mine or stream_name("pub", origin.site, origin.service) in streams

    async def _beat(self) -> Beat:
        """To the whole city, so of what it hears only: how much happens inside a site is nobody else's business."""
        sequences: dict[Log, int] = {which: await self.store.outbox_last(which) for which in self.relays
                                     if which == "pub"}  # fmt: skip
        return Beat.of(self.store.origin, sequences)

    def checks(self) -> list[Check]:
        """What readiness asks: the database answers, the bus answers, this origin is not halted."""

        async def database() -> str | None:
            try:
                await self.store.last_position()
            except StoreUnavailable:
                return "the database does not answer"
            return None

        async def bus() -> str | None:
            return None if self.broker is not None and self.broker.connected else "the site's bus does not answer"

        async def origin() -> str | None:
            return self.store.halted

        return [Check(f"{self.service}-{check.__name__}", check) for check in (database, bus, origin)]

    async def stop(self) -> None:
        """Ends every task, then the store: what was accepted is stored first."""
        self._stopping = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(nats.errors.Error, OSError):
            await self.store.close()
