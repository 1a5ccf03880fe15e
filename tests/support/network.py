"""A whole network for tests: the real one, as `plek up` starts it, on free ports and in a directory of its own."""

from __future__ import annotations

import asyncio
import atexit
import functools
import itertools
import json
import subprocess
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from infra.nursery import Forked, Nursery
from infra.running import token

ROOT = Path(__file__).resolve().parents[2]
PAIR = Path(__file__).with_name("pair.toml")
FOUR = ROOT / "infra" / "network.toml"
"""The network `plek up` starts when it is told nothing else."""
START_SECONDS_MAX = 150.0
"""How long a network may take to start on a machine that has much else to do."""

PATIENCE_SECONDS = 120.0
"""How long a condition may take to become true before a test fails; nothing waits that long when all is well."""


def network_of(*names: str, services: Sequence[str] = ("placement", "console")) -> str:
    """A network file: the municipality `stad`, and of these names a site each with one location of its own name.
    services: at each of them.
    """
    listed = ", ".join(f'"{service}"' for service in services)
    stad = """
[[site]]
name = "stad"
title = "Municipality"
hub = true
municipality = true
services = ["placement", "console"]
"""
    return stad + "".join(
        f"""
[[site]]
name = "{name}"
title = "{name.title()}"
link = "stad"
services = [{listed}]
[[site.location]]
name = "{name}"
title = "{name.title()}"
district = "{name.title()}"
"""
        for name in names
    )


class Verbs:
    """The command line for tests: each verb is a process of its own, forked from one that has loaded everything, as an
    embedded network forks its sites. Loading takes a core longer than most verbs do, and tests run hundreds of them.
    """

    def __init__(self, directory: Path) -> None:
        self._directory, self._numbers = directory, itertools.count(1)
        self._nursery = Nursery(directory / "nursery.log")
        self._asking = threading.Lock()
        self._nursery.start()

    def begin(self, words: Sequence[str], output: Path, errors: Path | None = None) -> Forked:
        """Begins a verb; it ends with the tests, whatever ends those."""
        with self._asking:
            return self._nursery.fork(words, output, errors)

    def run(self, words: Sequence[str], seconds_max: float) -> subprocess.CompletedProcess[str]:
        """Runs a verb to its end. Raises `subprocess.TimeoutExpired`."""
        output, errors = (self._directory / f"{next(self._numbers)}.{name}" for name in ("out", "err"))
        child = self.begin(words, output, errors)
        try:
            code = child.wait(seconds_max)
        except subprocess.TimeoutExpired:
            child.kill()
            raise
        said = [path.read_text("utf-8") if path.exists() else "" for path in (output, errors)]
        return subprocess.CompletedProcess(list(words), code, *said)

    def stop(self) -> None:
        self._nursery.stop()


@functools.cache
def verbs() -> Verbs:
    """This process's own, begun with the first use: in the main thread, since it ends with the thread that began it."""
    assert threading.current_thread() is threading.main_thread()
    directory = tempfile.TemporaryDirectory(prefix="plek-verbs-", ignore_cleanup_errors=True)
    begun = Verbs(Path(directory.name))
    atexit.register(directory.cleanup)
    atexit.register(begun.stop)
    return begun


def plek(data: Path, *words: str, seconds_max: float = 90) -> subprocess.CompletedProcess[str]:
    """Runs one verb of the command line against a network; the caller looks at its exit code."""
    return verbs().run([*words, "--data", str(data)], seconds_max)


class Network:
    """A running network: its directory, its sites' addresses, and tokens to speak to them with."""

    def __init__(self, data: Path, urls: dict[str, str]) -> None:
        self.data, self.urls = data, urls
        self._tokens: dict[tuple[str, str], str] = {}
        self._names = itertools.count(1)

    def token(self, site: str, role: str) -> str:
        if (site, role) not in self._tokens:
            self._tokens[site, role] = token(self.data, site, role)
        return self._tokens[site, role]

    def sign_in_again(self) -> None:
        """The clock was moved: whoever signed in before is signed in no longer."""
        self._tokens.clear()

    @asynccontextmanager
    async def client(self, site: str, role: str = "operator", **options: Any) -> AsyncIterator[httpx.AsyncClient]:
        """An HTTP client of one site, signed in with one role."""
        headers = {"Authorization": f"Bearer {self.token(site, role)}"}
        # On a busy machine connections were found gone that had been kept for 5 seconds; a site closes them after 15.
        limits = httpx.Limits(max_connections=100, keepalive_expiry=1.0)
        async with httpx.AsyncClient(
            base_url=self.urls[site], headers=headers, limits=limits, **({"timeout": PATIENCE_SECONDS} | options)
        ) as client:
            yield client

    def told(self) -> dict[str, Any]:
        """`network.json`: addresses and process ids."""
        document: dict[str, Any] = json.loads((self.data / "network.json").read_text("utf-8"))
        return document

    def plek(self, *words: str, seconds_max: float = 90) -> subprocess.CompletedProcess[str]:
        return plek(self.data, *words, seconds_max=seconds_max)

    def new_name(self, stem: str) -> str:
        """A location's name nobody else in this network has."""
        return f"{stem}-{next(self._names)}"

    async def new_location(self, client: httpx.AsyncClient, places: int, **make: Any) -> tuple[str, list[str]]:
        """Opens a location with `places` single places of 24-hour shelter; returns its name and their ids."""
        name = self.new_name("house")
        body = {"name": name, "title": name.title(), "district": "West"}
        opened = await client.post("/api/placement/locations", json=body)
        assert opened.status_code == 201, opened.text
        if not places:
            return name, []
        made = {"location": name, "kind": "shelter_24h", "room": "1", "sleeps": 1, "features": [], "count": places}
        answer = await client.post("/api/placement/places", json=made | make)
        assert answer.status_code == 201, answer.text
        return name, list(answer.json()["place_ids"])


@contextmanager
def running_network(
    *words: str, network: Path = PAIR, prepare: Callable[[Path], None] | None = None
) -> Iterator[Network]:
    """Starts a network and takes it down afterwards, whatever happens: it also goes when the tests are killed.

    network: its file; two sites unless a test needs more. words: more arguments for `plek up`; without `--demo` its
    houses are empty. prepare: is given the data directory before there is anything in it.
    """
    with tempfile.TemporaryDirectory(prefix="plek-net-", ignore_cleanup_errors=True) as directory:
        data, printed = Path(directory) / "data", Path(directory) / "printed"
        given = ["--network", str(network), "--data", str(data), "--port-base", "0", "--no-demo", *words]
        if prepare is not None:
            prepare(data)
        process = verbs().begin(["up", *given], printed)
        try:
            yield Network(data, _ready(process, data, printed))
        finally:
            process.terminate()
            code = process.wait(60)
        assert code == 0, printed.read_text("utf-8", "replace")


def _ready(process: Forked, data: Path, printed: Path) -> dict[str, str]:
    """Every site's address, as soon as all of them answer."""
    until = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError, ValueError):
            told = json.loads((data / "network.json").read_text("utf-8"))
            if told["ready"]:
                return {name: site["url"] for name, site in told["sites"].items()}
        time.sleep(0.05)
    raise AssertionError(f"the network did not start: {printed.read_text('utf-8', 'replace')}")


async def eventually(what: str, check: Callable[[], Awaitable[bool]], seconds_max: float = PATIENCE_SECONDS) -> None:
    """Waits until `check` is true; fails with `what` when it does not become so."""
    until = time.monotonic() + seconds_max
    while not await check():
        if time.monotonic() > until:
            raise AssertionError(f"not within {seconds_max:g} seconds: {what}")
        await asyncio.sleep(0.05)
