"""`plek up`: starts every part of a network, keeps it running, and takes all of it down again.

Parts are direct children that die with us; one that dies is started again at its old address (`infra/parts.py`).
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from infra.changing import Changing
from infra.keys import ensure_letter_keys, ensure_token_key
from infra.members import Members, set_aside
from infra.nats_server import Buses
from infra.network import Network, Site
from infra.nursery import Nursery
from infra.parts import Part, Service, last_line
from infra.platform import PostgresServer, choose_postgres, make_databases
from infra.processes import Child, PlatformError, explain, free_ports, lock_file, port_is_free, stop_child
from infra.running import Files, links_cut, replace_json
from shared.settings import LocationSettings, SiteSettings
from shared.streams import apply

HOST = "127.0.0.1"
PORT_BASE = 8400
LOOK_SECONDS = 0.1
BUS_LOOK_SECONDS = 2.0
SERVERS_READY_SECONDS_MAX = 60.0
SITES_READY_SECONDS_MAX = 90.0
LINKS_SECONDS_MAX = 5.0

Say = Callable[[str], None]


Begin = Callable[[Sequence[str], Path], Child]
"""Starts the process that runs `plek WORDS`, its output appended to a log, and returns at once."""


@dataclass
class Supervisor:
    """One network in one data directory.

    `port_base` is the first site's HTTP port, the others follow; 0 takes any free ones. `fsync=False` is for tests, and
    so is `begin`: other programs in the place of ours; None: the nursery forks ours. `beside` begins once all is ready,
    and is cancelled when the network stops.
    network: as its file says, and from `run` on with the sites that were added and removed since (`infra/members.py`).
    """

    network: Network
    data: Path
    port_base: int = PORT_BASE
    demo: bool = True
    fsync: bool = True
    begin: Begin | None = None
    say: Say = lambda _: None
    beside: Callable[[], Awaitable[None]] | None = None

    def __post_init__(self) -> None:
        self.data = self.data.absolute()
        self.files = Files(self.data)
        self._migrate_log = self.files.sites / "migrate.log"
        self._nursery = Nursery(self.files.sites / "nursery.log")
        self.parts: list[Part] = []
        self.urls: dict[str, str] = {}
        self.given = self.network
        self.databases: dict[str, PostgresServer] = {}
        self._letter_keys: dict[str, Path] = {}
        self._ports: dict[str, int] = {}
        self._changing = Changing(self)
        self._stopping = asyncio.Event()
        self._told: object = None
        self._ready = False
        self._trouble = ""
        self._lock: int | None = None

    def stop(self) -> None:
        """Ask `run` to end; safe in a signal handler of the event loop."""
        self._stopping.set()

    async def run(self, when_ready: Callable[[dict[str, str]], None]) -> None:
        """Start everything, call `when_ready` with each site's address, keep it running until `stop`.

        Raises `PlatformError` or `StreamsError` with one line when the network cannot start; nothing is left behind.
        """
        self._take_data_directory()
        try:
            starting = asyncio.create_task(self._start())
            stopping = asyncio.create_task(self._stopping.wait())
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if not starting.done():
                starting.cancel()
                with suppress(asyncio.CancelledError):
                    await starting
                return
            starting.result()
            self._ready = True
            self.tell()
            when_ready(self.urls)
            beside = [asyncio.create_task(self._watch_buses()), asyncio.create_task(self._beside())]
            while not self._stopping.is_set():
                self._look()
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), LOOK_SECONDS)
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await self._changing.stop()
        finally:
            self._take_down()

    async def _beside(self) -> None:
        """What is done once all is ready; its failure stops nothing, and is said."""
        if self.beside is None:
            return
        try:
            await self.beside()
        except Exception as error:
            self.say(f"{type(error).__name__}: {error}")

    def _take_data_directory(self) -> None:
        try:
            self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise explain(error, self.data) from None
        self._lock = lock_file(
            self.files.lock, 0.2, f"a network is already running in {self.data}: `plek down` stops it"
        )
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, str(os.getpid()).encode(), 0)
        for stale in (self.files.network, self.files.links):
            stale.unlink(missing_ok=True)

    async def _start(self) -> None:
        members = Members.load(self.files.members)
        self.network = members.over(self.given)
        set_aside(self.files, members)
        for name in sorted({site.name for site in self.given.sites}.intersection(members.removed)):
            self.say(f"{name} has left this network: `plek site add {name} --network FILE` lets a new one in")
        self._ports = self._choose_ports()
        topology = self.network.topology
        self.buses = Buses(topology, self.files.sites)
        self.say("starting PostgreSQL and nats-server")
        servers = [part for site in self.network.sites for part in self.servers_of(site)]
        if self.begin is None:
            self.files.sites.mkdir(mode=0o700, exist_ok=True)
            self._nursery.start()  # it loads for seconds: meanwhile the servers start
        await self.launch(servers)
        await self.until_ready(servers, SERVERS_READY_SECONDS_MAX)
        await self.wait_for_links()
        self.say("applying streams and schemas")
        self.publish(self.network, members)
        await asyncio.gather(
            apply(topology, self.buses.admins()),
            *(make_databases(self.databases[site.name], site.services) for site in self.network.sites),
        )
        await self.migrate()
        self.say("starting the sites")
        services = [self.service_of(site.name) for site in self.network.sites]
        await self.launch(services)
        await self.until_ready(services, SITES_READY_SECONDS_MAX)
        self._changing.begin_with(members)

    def servers_of(self, site: Site) -> list[Part]:
        """The bus and the database of a site, not launched yet."""
        directory = self.files.sites / site.name / "postgres"
        database = self.databases[site.name] = choose_postgres(self.network, site, directory, fsync=self.fsync)
        return [
            Part(site.name, "nats", self.buses.servers[site.name], lambda: self.buses.launch(site.name)),
            Part(site.name, "postgres", database, database.launch),
        ]

    def service_of(self, name: str) -> Part:
        """A site's process, not launched yet."""
        self.urls[name] = f"http://{HOST}:{self._port_of(name)}"
        log, words = self.files.service_log(name), ["serve", name, "--data", str(self.data)]
        service = Service(lambda: self._begin(words, log), self.urls[name], log)
        return Part(name, "service", service, service.launch)

    def _begin(self, words: Sequence[str], log: Path) -> Child:
        return self.begin(words, log) if self.begin is not None else self._nursery.fork(words, log)

    def _choose_ports(self) -> dict[str, int]:
        names = [site.name for site in self.network.sites]
        if self.port_base == 0:
            return dict(zip(names, free_ports(len(names)), strict=True))
        ports = dict(zip(names, range(self.port_base, self.port_base + len(names)), strict=True))
        for port in ports.values():
            if not port_is_free(port, HOST):
                raise PlatformError(f"port {port} is in use: choose others with --port-base N (0 takes any free ones)")
        return ports

    def _port_of(self, name: str) -> int:
        """A site's HTTP port; one that joins later gets the next after the others', or a free one."""
        if name not in self._ports:
            follows = max(self._ports.values()) + 1
            self._ports[name] = follows if self.port_base and port_is_free(follows, HOST) else free_ports(1)[0]
        return self._ports[name]

    async def launch(self, parts: list[Part]) -> None:
        """Start parts and keep them running."""
        for part in parts:
            self.parts.append(part)
            part.start()
            # Between two launches: a stop asked for meanwhile is seen at once.
            await asyncio.sleep(0)

    async def until_ready(self, parts: list[Part], seconds_max: float) -> None:
        """Wait until all are ready, side by side; one that ends while starting ends the attempt."""
        deadline = time.monotonic() + seconds_max
        waiting = list(parts)
        while waiting:
            readiness = [await asyncio.to_thread(part.server.ready) for part in waiting]
            waiting = [part for part, ready in zip(waiting, readiness, strict=True) if not ready]
            if waiting and time.monotonic() > deadline:
                names = ", ".join(f"{part.kind} of {part.site}" for part in waiting)
                raise PlatformError(
                    f"not ready after {seconds_max:.0f} seconds: {names}; logs are in {self.files.sites}"
                )
            self.tell()
            await asyncio.sleep(LOOK_SECONDS / 5 if waiting else 0)

    async def wait_for_links(self) -> None:
        """A source made while its link is down asks again only after seconds; a link that stays down stops nothing."""
        deadline = time.monotonic() + LINKS_SECONDS_MAX
        while not await asyncio.to_thread(self.buses.linked) and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_SECONDS / 5)

    def publish(self, network: Network, members: Members) -> None:
        """Write down who belongs to the network, for its running processes, and each site's settings for the next."""
        names = [site.name for site in network.sites]
        told = {"origins": network.topology.origins, "left": members.as_told()}
        self._letter_keys = ensure_letter_keys(self.files.sites, names, self.files.network_keys, told)
        for name in names:
            self._settings(network, name, members.first_epoch(name)).save(self.files.settings(name))

    def _settings(self, network: Network, name: str, first_epoch: int) -> SiteSettings:
        site, database = network.site(name), self.databases[name]
        signing, public = ensure_token_key(self.files.keys)
        telemetry, asked = self.network.telemetry, _share_asked_for()
        return SiteSettings.model_validate(
            {
                "site": name,
                "hub": network.hub.name,
                "sites": [other.name for other in network.sites],
                "origins": network.topology.origins,
                "municipality": site.municipality,
                "municipality_site": next((other.name for other in network.sites if other.municipality), None),
                "locations": [
                    LocationSettings(name=at.name, title=at.title, district=at.district) for at in site.locations
                ],
                "services": site.services,
                "host": HOST,
                "port": self._port_of(name),
                "first_epoch": first_epoch,
                "small_counts_below": network.small_counts_below,
                "databases": {service: database.dsn(service) for service in site.services},
                "nats_url": self.buses.servers[name].url,
                "credentials": self.buses.credentials[name],
                "token_keys": public,
                "seal_keys": self._letter_keys[name],
                "network_keys": self.files.network_keys,
                "vault": self.files.vault(site) if "intake" in site.services else None,
                "notes": self.files.notes(name) if "console" in site.services else None,
                **{setting: Path(path).absolute() for setting, path in site.files.items()},
                "token_signing_key": signing,
                "clock_file": self.files.clock,
                "otlp_endpoint": os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or telemetry.otlp_endpoint,
                "trace_link": telemetry.trace_link,
                "logbook": self.files.logbook(name, telemetry.logbook_endpoint) if "intake" in site.services else None,
                "log_level": telemetry.log_level,
                "trace_sample_ratio": telemetry.trace_sample_ratio if asked is None else asked,
                "embedded": True,
                "demo": self.demo,
            }
        )

    async def migrate(self, *sites: str) -> None:
        """Bring the schemas of these sites (none named: of all) up to date. Raises `PlatformError` in one line."""
        self._migrate_log.unlink(missing_ok=True)
        child = self._begin(["migrate", *sites, "--data", str(self.data)], self._migrate_log)
        try:
            while child.poll() is None:  # noqa: ASYNC110  (another process sets no event of ours)
                await asyncio.sleep(LOOK_SECONDS / 5)
        finally:
            stop_child(child)
        if child.returncode != 0:
            raise PlatformError(f"the schemas could not be brought up to date: {last_line(self._migrate_log)}")

    async def _watch_buses(self) -> None:
        """End a server that stores nothing any more: started again, it does, as soon as its disk has room."""
        while True:
            for site, server in self.buses.servers.items():
                if server.alive() and await asyncio.to_thread(self.buses.gave_up, site):
                    self.say(f"{site}: nats-server stores nothing any more, most likely for want of disk")
                    server.kill()
            await asyncio.sleep(BUS_LOOK_SECONDS)

    def _look(self) -> None:
        """One round: links as asked, dead parts started again, `network.json` up to date."""
        try:
            self._look_once()
        except PlatformError as error:
            # A full disk must not take down what still runs; say it when it changes.
            if str(error) != self._trouble:
                self._trouble = str(error)
                self.say(self._trouble)
        else:
            self._trouble = ""

    def _look_once(self) -> None:
        for name, cut in self._asked_links().items():
            self.say(f"{name}: link {'cut' if cut else 'healed'}")
            (self.buses.cut if cut else self.buses.heal)(name)
        now = time.monotonic()
        for part in self.parts:
            if line := part.look(now):
                self.say(line)
        self._changing.look(now)
        self.tell()

    def _asked_links(self) -> dict[str, bool]:
        """Links that must change: site -> whether to cut."""
        asked = links_cut(self.data)
        return {
            site.name: site.name in asked
            for site in self.network.sites
            if not site.hub and (site.name in asked) != self.buses.is_cut(site.name)
        }

    def tell(self) -> None:
        """Write `network.json` when anything in it changed."""
        told = {
            "pid": os.getpid(),
            "hub": self.network.hub.name,
            "ready": self._ready,
            "change": self._changing.told,
            "sites": {site.name: self._tell_site(site.name) for site in self.network.sites},
        }
        if told != self._told:
            replace_json(self.files.network, told)
            self._told = told

    def _tell_site(self, name: str) -> dict[str, object]:
        pids = {part.kind: part.server.pid if part.server.alive() else None for part in self.parts if part.site == name}
        return {
            "url": self.urls.get(name, ""),
            "service": pids.get("service"),
            "nats": pids.get("nats"),
            "postgres": pids.get("postgres"),
            "nats_monitor": self.buses.monitor_url(name),
            "link": "cut" if self.buses.is_cut(name) else "up",
            "log": str(self.files.service_log(name)),
        }

    def _take_down(self) -> None:
        """Sites first, so that their last writes find servers; then the servers."""
        for kinds in (("service",), ("nats", "postgres")):
            going = [part for part in self.parts if part.kind in kinds and part.wanted]
            for part in going:
                process = getattr(part.server, "process", None)
                if part.kind != "postgres" and process is not None and process.poll() is None:
                    process.terminate()
            for part in going:
                part.wanted = False
                part.server.stop()
        self._nursery.stop()
        for told in (self.files.network, self.files.links):
            told.unlink(missing_ok=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _share_asked_for() -> float | None:
    """Which share of traces the environment asks to keep. Raises `PlatformError` when that is no share."""
    asked = os.environ.get("OTEL_TRACES_SAMPLER_ARG")
    with suppress(ValueError):
        if not asked or 0 <= float(asked) <= 1:
            return float(asked) if asked else None
    raise PlatformError(f"OTEL_TRACES_SAMPLER_ARG is {asked!r}: a share of traces to keep is from 0 to 1")


async def run_until_signalled(supervisor: Supervisor, when_ready: Callable[[dict[str, str]], None]) -> None:
    """`Supervisor.run`, ended by SIGINT, SIGTERM or SIGHUP."""
    loop, numbers = asyncio.get_running_loop(), (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, supervisor.stop)
    try:
        await supervisor.run(when_ready)
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
