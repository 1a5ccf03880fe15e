"""What can go wrong, done to real processes. A fault ends where the network has to come back from it by itself."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from infra.running import RunningNetwork
from tests.chaos import backlog
from tests.support.network import Network

VICTIM = "west"
HUB = "stad"
SHORT_SECONDS = 3.0
"""How long every lasting fault lasts in the suite."""

DISK_MEGABYTES = 400
"""Room on the victim's disk when it is a small one: its database, its bus, and some minutes of work."""

FILLING = 1024 * 1024
HOGS = 4
HOG = """
import os
while True:
    os.pwrite(0, b"x" * 2**23, 0)
    os.fsync(0)
"""


@dataclass(frozen=True)
class Scene:
    """Where a fault happens. seconds: how long it lasts. events: how many wait when it is over."""

    network: Network
    seconds: float
    events: int = 0

    @property
    def running(self) -> RunningNetwork:
        """Addresses and process ids as they are now."""
        return RunningNetwork.load(self.network.data)

    async def plek(self, *words: str) -> None:
        """Runs one verb, which must succeed."""
        done = await asyncio.to_thread(self.network.plek, *words)
        assert done.returncode == 0, done.stdout + done.stderr

    async def last(self) -> None:
        """Lets the fault last."""
        await asyncio.sleep(self.seconds)


@dataclass(frozen=True)
class Fault:
    """name: for the command line. seconds: how long it lasts; 0: it is over at once. work: does it, and returns when it
    is over. namespace: it needs one of its own, which only root can make. events: how many wait when it is over. small:
    the victim has to be on a small disk, which twenty rounds of what takes longer would fill by themselves.
    """

    name: str
    seconds: float
    work: Callable[[Scene], Awaitable[None]]
    namespace: bool = False
    events: int = 0
    small: bool = False


# --- the link ---------------------------------------------------------------------------------------------------------


async def cut_link(scene: Scene) -> None:
    """Both ends know that the link is down."""
    await scene.plek("link", "cut", VICTIM)
    await scene.last()
    await scene.plek("link", "heal", VICTIM)


async def drop_packets(scene: Scene) -> None:
    """Nobody is told: what is sent over the link gets lost."""
    with dropping(_leaf_port(scene.network.data)):
        await scene.last()


def _leaf_port(data: Path) -> int:
    configuration = json.loads((data / "sites" / HUB / "nats" / "nats.conf").read_text("utf-8"))
    return int(configuration["leafnodes"]["port"])


async def cut_for_long(scene: Scene) -> None:
    """The link is down until so much waits on the other side."""
    await scene.plek("link", "cut", VICTIM)
    await backlog.tell(scene.network, VICTIM, scene.events)
    await scene.plek("link", "heal", VICTIM)


# --- processes --------------------------------------------------------------------------------------------------------


def kill(site: str, part: str) -> Callable[[Scene], Awaitable[None]]:
    """SIGKILL: the part is started again by its supervisor."""

    async def work(scene: Scene) -> None:
        await scene.plek("kill", site, part)

    return work


def freeze(site: str, part: str) -> Callable[[Scene], Awaitable[None]]:
    """SIGSTOP, and SIGCONT afterwards: the part is there and does nothing."""

    async def work(scene: Scene) -> None:
        pid = getattr(scene.running.site(site), part)
        family = [pid, *children(pid)]
        try:
            send(signal.SIGSTOP, family)
            await scene.last()
        finally:
            send(signal.SIGCONT, family)

    return work


def children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text("ascii").split()]


def send(number: signal.Signals, pids: Sequence[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


# --- the disk ---------------------------------------------------------------------------------------------------------


async def slow_disk(scene: Scene) -> None:
    """Others write and sync without pause on the disk all sites share."""
    async with hogs(scene.network.data):
        await scene.last()


async def full_disk(scene: Scene) -> None:
    """Not a byte is free on the victim's disk."""
    filling = scene.network.data / "sites" / VICTIM / "filling"
    try:
        fill(filling)
        await scene.last()
    finally:
        filling.unlink()


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, suppress(OSError):
        size = FILLING
        while size:
            try:
                file.write(b"\0" * size)
            except OSError:
                size //= 2


@asynccontextmanager
async def hogs(directory: Path) -> AsyncIterator[None]:
    """Processes that keep a disk busy."""
    files = [directory / f"hog-{number}" for number in range(HOGS)]
    processes = []
    try:
        for path in files:
            path.touch()
            with path.open("r+b") as file:
                processes.append(subprocess.Popen([sys.executable, "-S", "-c", HOG], stdin=file))
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()
        for path in files:
            path.unlink()


# --- a namespace of our own -------------------------------------------------------------------------------------------


def settle_in() -> None:
    """Makes a fresh network namespace fit to live in, and rules in it obeyed even for addresses of this machine."""
    for words in ("link set lo up", "rule add pref 100 lookup local", "rule del pref 0"):
        subprocess.run(["ip", *words.split()], check=True)


@contextmanager
def dropping(port: int) -> Iterator[None]:
    """Loses every packet from and to a port. Only in a namespace of our own."""
    rules = [f"pref {pref} {end} {port} ipproto tcp blackhole" for pref, end in ((10, "dport"), (11, "sport"))]
    for rule in rules:
        subprocess.run(["ip", "rule", "add", *rule.split()], check=True)
    try:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.5):
            raise AssertionError("the rules are not obeyed")
        yield
    finally:
        for rule in rules:
            subprocess.run(["ip", "rule", "del", *rule.split()], check=True)


def small_disk(data: Path) -> None:
    """Puts the victim on a small disk of its own, before the network starts. Only in a namespace of our own."""
    directory = data / "sites" / VICTIM
    directory.mkdir(parents=True)
    options = f"size={DISK_MEGABYTES}m,mode=0755"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(directory)], check=True)


FAULTS = (
    Fault("link-cut-3", 3, cut_link),
    Fault("link-cut-20", 20, cut_link),
    Fault("link-cut-60", 60, cut_link),
    Fault("packets-dropped", 20, drop_packets, namespace=True),
    Fault("hub-killed", 0, kill(HUB, "nats")),
    Fault("leaf-killed", 0, kill(VICTIM, "nats")),
    Fault("service-killed", 0, kill(VICTIM, "service")),
    Fault("database-killed", 0, kill(VICTIM, "postgres")),
    Fault("hub-frozen", 10, freeze(HUB, "nats")),
    Fault("leaf-frozen", 10, freeze(VICTIM, "nats")),
    Fault("service-frozen", 10, freeze(VICTIM, "service")),
    Fault("database-frozen", 10, freeze(VICTIM, "postgres")),
    Fault("disk-slow", 10, slow_disk),
    Fault("disk-full", 10, full_disk, namespace=True, small=True),
    Fault("backlog", 0, cut_for_long, events=50_000),
)
