"""One site's process as production runs it: what it answers, how it ends, and one line when it cannot start."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest_asyncio

from infra.postgres import Postgres
from infra.processes import free_ports
from infra.site import listen, migrate
from shared.bus import close_client, connect_relay
from shared.security import Role, issue_token, load_signing_key
from shared.settings import SITE_FILE_VARIABLE, SiteSettings
from tests.support.network import ROOT, eventually
from tests.support.servers import PAIR, TestBuses, drop_database, fresh_database, running_buses

SECONDS_MAX = 120


class Process:
    """A site's process that was started by hand. services: only these of the site's; none named: all."""

    def __init__(self, settings: SiteSettings, directory: Path, *services: str) -> None:
        self.settings, self._services = settings, services
        name = "-".join((settings.site, *services))
        self._file, self._log = directory / f"{name}.json", directory / f"{name}.log"
        settings.save(self._file)
        self.url = f"http://127.0.0.1:{settings.port}"
        self.child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "infra.cli", "serve", self.settings.site, *self._services]
        environment = os.environ | {SITE_FILE_VARIABLE: str(self._file)}
        with self._log.open("wb") as log:
            self.child = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)

    async def ready(self) -> bool:
        assert self.child is not None
        assert self.child.poll() is None, self.log()
        async with httpx.AsyncClient(base_url=self.url) as client:
            try:
                return (await client.get("/readyz")).status_code == 200
            except httpx.TransportError:
                return False

    def kill(self) -> None:
        if self.child is not None and self.child.poll() is None:
            self.child.kill()
            self.child.wait()

    async def ended(self) -> int:
        assert self.child is not None
        return await asyncio.to_thread(self.child.wait, SECONDS_MAX)

    def log(self) -> str:
        return self._log.read_text("utf-8")

    def client(self, role: Role | None = None) -> httpx.AsyncClient:
        headers = {}
        if role is not None:
            assert self.settings.token_signing_key is not None
            key = load_signing_key(self.settings.token_signing_key)
            token = issue_token(key, "someone", role, self.settings.site, datetime.now(UTC))
            headers["Authorization"] = f"Bearer {token}"
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=SECONDS_MAX)


@pytest_asyncio.fixture
async def process(postgres: Postgres, nats_single: TestBuses) -> AsyncIterator[Process]:
    dsns = {name: await fresh_database(postgres) for name in ("placement", "console")}
    with tempfile.TemporaryDirectory(prefix="plek-site-") as directory:
        (port,) = free_ports(1)
        settings = nats_single.settings("stad", dsns, port, services=list(dsns))
        await migrate(settings)
        process = Process(settings, Path(directory))
        try:
            yield process
        finally:
            process.kill()
            for dsn in dsns.values():
                await drop_database(postgres, dsn)


async def test_a_process_answers_health_to_all_and_metrics_to_the_on_call_engineer(process: Process) -> None:
    process.start()
    await eventually("the site is ready", process.ready)
    async with process.client() as stranger:
        assert (await stranger.get("/healthz")).json() == {"site": "stad", "services": ["placement", "console"]}
        for path in ("/metrics", "/api/placement/capacity", "/api/placement/docs", "/api/console/openapi.json"):
            answer = await stranger.get(path)
            assert (answer.status_code, answer.json()["code"]) == (401, "not-signed-in"), path
    async with process.client("oncall") as engineer:
        exposition = (await engineer.get("/metrics")).text
        assert 'plek_http_requests_total{method="GET",route="/healthz",status="200"} 1.0' in exposition
        assert "process_cpu_seconds_total" in exposition
        document = (await engineer.get("/api/placement/asyncapi.json")).json()
        assert document["asyncapi"].startswith("3.")
    async with process.client("operator") as operator:
        assert (await operator.get("/metrics")).status_code == 403


async def test_a_process_ends_cleanly_though_somebody_is_listening(process: Process) -> None:
    process.start()
    await eventually("the site is ready", process.ready)
    async with process.client("operator") as client, client.stream("GET", "/api/placement/stream") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.aiter_lines()
        while not (line := await anext(lines)).startswith("data:"):
            pass
        assert json.loads(line.removeprefix("data:"))["change"] == "open"
        assert process.child is not None
        process.child.send_signal(signal.SIGTERM)
        assert [line async for line in lines if line.startswith("data:")] == []
    assert await process.ended() == 0, process.log()
    assert "Traceback" not in process.log()


async def test_a_port_in_use_is_one_line(process: Process) -> None:
    with listen("127.0.0.1", process.settings.port):
        process.start()
        assert await process.ended() == 1
    (line,) = process.log().splitlines()
    assert line == f"plek: cannot listen on 127.0.0.1:{process.settings.port}: address already in use"


async def test_a_database_that_does_not_answer_is_one_line_at_the_end(process: Process, postgres: Postgres) -> None:
    for dsn in process.settings.databases.values():
        await drop_database(postgres, dsn.get_secret_value())
    process.start()
    assert await process.ended() == 1
    last = process.log().splitlines()[-1]
    assert last.startswith("plek: ")
    assert all(dsn.get_secret_value() not in process.log() for dsn in process.settings.databases.values())


@asynccontextmanager
async def _split(postgres: Postgres) -> AsyncIterator[tuple[Process, Process, Process]]:
    """West with a process for each of its services, and the hub with one for all: placement, console, hub."""
    sites = {site: {name: await fresh_database(postgres) for name in ("placement", "console")} for site in PAIR.sites}
    own = [("west", ("placement",)), ("west", ("console",)), ("stad", ())]
    # Nobody else keeps the sources: at a site it is the process with its first service.
    async with running_buses(PAIR, kept=False) as buses:
        with tempfile.TemporaryDirectory(prefix="plek-split-") as directory:
            processes = [
                Process(buses.settings(site, sites[site], port), Path(directory), *services)
                for port, (site, services) in zip(free_ports(len(own)), own, strict=True)
            ]
            try:
                for process in processes[1:]:
                    await migrate(process.settings)
                for process in processes:
                    process.start()
                for process in processes:
                    await eventually(f"{process.url} is ready", process.ready, 90)
                yield processes[0], processes[1], processes[2]
            finally:
                for process in processes:
                    process.kill()
                for dsn in (dsn for dsns in sites.values() for dsn in dsns.values()):
                    await drop_database(postgres, dsn)


async def test_a_site_split_by_service_is_one_site_to_everybody(postgres: Postgres) -> None:
    """Either process dies and comes back while the other serves; the site's services hear each other on its bus."""
    async with (
        _split(postgres) as (placement, console, hub),
        placement.client("operator") as west,
        hub.client("operator") as stad,
    ):
        assert (await west.get("/healthz")).json() == {"site": "west", "services": ["placement"]}
        waits = await _asked(console, "ask.west.placement.waiting")
        assert waits == {"readers": []}, "who waits is asked of every process, whatever it runs"
        console.kill()
        await _open(west, "house", 2)
        assert (await west.get("/api/console/journal")).status_code == 404, "it is the other process's"
        console.start()
        await eventually("the console is back", console.ready)
        await eventually("the journal has what happened meanwhile", lambda: _in_journal(console, "house"))
        placement.kill()
        await eventually("the journal is still there", lambda: _in_journal(console, "house"))
        placement.start()
        await eventually("placement is back", placement.ready)
        await eventually("stad to see both places", lambda: _available(stad, 2))
        asked = await stad.post("/api/placement/holds", json={"location": "house", "kind": "shelter_24h"})
        assert asked.status_code == 202, asked.text
        hold = f"/api/placement/holds/{asked.json()['id']}"

        async def held() -> bool:
            return bool((await stad.get(hold)).json()["status"] == "active")

        await eventually("west to have answered", held)
        await eventually("stad to see the last place", lambda: _available(stad, 1))


async def _open(client: httpx.AsyncClient, name: str, places: int) -> None:
    opened = await client.post("/api/placement/locations", json={"name": name, "title": name, "district": "West"})
    assert opened.status_code == 201, opened.text
    make = {"location": name, "kind": "shelter_24h", "room": "1", "sleeps": 1, "features": [], "count": places}
    assert (await client.post("/api/placement/places", json=make)).status_code == 201


async def _asked(asker: Process, subject: str) -> object:
    """What is answered to a question on the site's own bus."""
    client = await connect_relay(asker.settings.nats_options("city.console"))
    try:
        return json.loads((await client.request(subject, b"", SECONDS_MAX)).data)
    finally:
        await close_client(client)


async def _in_journal(console: Process, location: str) -> bool:
    async with console.client("oncall") as client:
        query = {"origin": "west/placement", "log": "loc", "subject": location}
        return bool((await client.get("/api/console/journal", params=query)).json()["items"])


async def _available(client: httpx.AsyncClient, places: int) -> bool:
    rows = (await client.get("/api/placement/capacity", params={"location": "house"})).json()["rows"]
    return bool(sum(row["available"] for row in rows) == places)
