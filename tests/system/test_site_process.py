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
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest_asyncio

from infra.postgres import Postgres
from infra.processes import free_ports
from infra.site import listen, migrate
from shared.security import Role, issue_token, load_signing_key
from shared.settings import SITE_FILE_VARIABLE, SiteSettings
from tests.support.network import ROOT, eventually
from tests.support.servers import TestBuses, drop_database, fresh_database

SECONDS_MAX = 30


class Process:
    """A site's process that was started by hand."""

    def __init__(self, settings: SiteSettings, directory: Path) -> None:
        self.settings = settings
        self._file, self._log = directory / "site.json", directory / "site.log"
        settings.save(self._file)
        self.url = f"http://127.0.0.1:{settings.port}"
        self.child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "infra.cli", "serve", self.settings.site]
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
            if process.child is not None and process.child.poll() is None:
                process.child.kill()
                process.child.wait()
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
