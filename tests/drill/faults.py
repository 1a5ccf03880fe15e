"""The twelve faults of the drill. Each is a real one on real processes; what it says of itself is what an alert, the
doctor and a page have to find out.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import nats

from infra.running import replace_json, site_settings
from tests.chaos import faults as chaos
from tests.chaos.faults import HUB, VICTIM
from tests.drill.schema import one_back
from tests.support.network import Network

SLOW_SECONDS = 2.3
"""How long a slow database keeps everybody waiting, again and again; in between it works for a moment. No whole number
of such turns is as long as the pause between two measurements.
"""
MOMENT_SECONDS = 0.08
CLOCK_OFF_SECONDS = 600.0
HOUSE = "drill"
"""The house in which people come and go during the drill."""


class Named(NamedTuple):
    """What the doctor has to say: a line that is not well, of this area and site, with these words in it."""

    area: str
    site: str
    words: str


@dataclass(frozen=True)
class Fault:
    """name: for the command line. alert, labels: which fires. named: by the doctor. page: the runbook. block: which of
    its repairs.

    happens: makes the trouble as long as the context lasts; what a person has to see to outside of the network (a disk,
    a clock, somebody's session in a database) ends with it, before the page's commands are given. lasts: the trouble
    is over by the commands alone, given while the context lasts.
    """

    name: str
    alert: str
    labels: dict[str, str]
    named: Named
    page: str
    happens: Callable[[Network], AbstractAsyncContextManager[None]]
    block: int = 0
    lasts: bool = True
    namespace: bool = False
    all_down: bool = False


async def _verb(network: Network, *words: str) -> None:
    done = await asyncio.to_thread(network.plek, *words)
    assert done.returncode == 0, done.stdout + done.stderr


async def _sql(network: Network, site: str, service: str, *statements: str) -> None:
    connection = await asyncpg.connect(site_settings(network.data, site).databases[service].get_secret_value())
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def _jetstream(network: Network, site: str, question: str, body: Any = None) -> Any:
    """One question to a site's JetStream, as the administrator of what goes round the city."""
    client = await nats.connect(**site_settings(network.data, site).nats_options("city.admin"))
    try:
        payload = b"" if body is None else json.dumps(body).encode()
        answer = json.loads((await client.request(f"$JS.API.STREAM.{question}", payload, timeout=5)).data)
        assert "error" not in answer, answer
        return answer
    finally:
        await client.close()


def _family(pid: int) -> list[int]:
    return [pid, *chaos.children(pid)]


@asynccontextmanager
async def slow_database(network: Network) -> AsyncIterator[None]:
    """The victim's PostgreSQL stands still most of the time, as on a disk that somebody else keeps busy; until it is
    killed. Whatever it began goes on then, sees that, and ends: else nobody could start it again."""
    pid = network.told()["sites"][VICTIM]["postgres"]
    known: set[int] = set()

    async def stutter() -> None:
        try:
            while Path(f"/proc/{pid}").exists():
                with suppress(OSError):  # it is killed in this moment
                    known.update(_family(pid))
                chaos.send(signal.SIGSTOP, [*known])
                until = time.monotonic() + SLOW_SECONDS
                while time.monotonic() < until and Path(f"/proc/{pid}").exists():
                    await asyncio.sleep(MOMENT_SECONDS)
                chaos.send(signal.SIGCONT, [*known])
                await asyncio.sleep(MOMENT_SECONDS)
        finally:
            chaos.send(signal.SIGCONT, [*known])

    task = asyncio.create_task(stutter())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def dead_relay(network: Network) -> AsyncIterator[None]:
    """The victim's bus takes connections and does nothing: its relays get no answer any more."""
    pid = network.told()["sites"][VICTIM]["nats"]
    chaos.send(signal.SIGSTOP, [pid])
    try:
        yield
    finally:
        chaos.send(signal.SIGCONT, [pid])


@asynccontextmanager
async def poison(network: Network) -> AsyncIterator[None]:
    """The municipality's database refuses what the next figures say."""
    await _sql(
        network, HUB, "placement",
        f"alter table figures add constraint drill check (location <> '{HOUSE}') not valid",
    )  # fmt: skip
    try:
        yield
    finally:
        await _sql(network, HUB, "placement", "alter table figures drop constraint if exists drill")


@asynccontextmanager
async def looping(network: Network) -> AsyncIterator[None]:
    """The municipality's reader begins the same batch again and again: its database calls off what it does.

    Only a view made anew is rid of it, since what calls it off hangs on the old one's table.
    """
    await _sql(
        network, HUB, "placement",
        "create or replace function drill() returns trigger language plpgsql as"
        " $$ begin raise exception 'called off' using errcode = '57014'; end $$",
        f"create trigger drill before insert or update on figures for each row when (new.location = '{HOUSE}')"
        " execute function drill()",
    )  # fmt: skip
    try:
        yield
    finally:
        await _sql(network, HUB, "placement", "drop function if exists drill() cascade")


@asynccontextmanager
async def view_behind(network: Network) -> AsyncIterator[None]:
    """Somebody has had the municipality's reader stand still, and has gone home."""
    await _verb(network, "pause", HUB, "placement", "capacity", "--reason", "looking at the disk")
    yield


@asynccontextmanager
async def clock_off(network: Network) -> AsyncIterator[None]:
    """The victim's clock is ten minutes ahead of everybody's, until somebody puts it right."""
    path = network.data / "sites" / f"{VICTIM}.json"
    settings = json.loads(path.read_text("utf-8"))
    own = network.data / "sites" / VICTIM / "clock.json"
    offset = json.loads(Path(settings["clock_file"]).read_text("utf-8"))["offset_seconds"] if Path(
        settings["clock_file"]).exists() else 0.0  # fmt: skip
    replace_json(own, {"offset_seconds": offset + CLOCK_OFF_SECONDS})
    replace_json(path, settings | {"clock_file": str(own)})
    await _verb(network, "kill", VICTIM, "service")
    try:
        yield
    finally:
        replace_json(own, {"offset_seconds": offset})
        replace_json(path, settings)


@asynccontextmanager
async def full_disk(network: Network) -> AsyncIterator[None]:
    """Not a byte is free on the victim's disk, until somebody makes room."""
    filling = network.data / "sites" / VICTIM / "filling"
    try:
        chaos.fill(filling)
        yield
    finally:
        filling.unlink(missing_ok=True)


@asynccontextmanager
async def cut_link(network: Network) -> AsyncIterator[None]:
    """The victim's link is down."""
    await _verb(network, "link", "cut", VICTIM)
    yield


@asynccontextmanager
async def skewed_stream(network: Network) -> AsyncIterator[None]:
    """Somebody has changed how the victim's stream forgets repeats."""
    stream = f"PUB_{VICTIM}_placement"
    config = (await _jetstream(network, VICTIM, f"INFO.{stream}"))["config"]
    await _jetstream(network, VICTIM, f"UPDATE.{stream}", config | {"duplicate_window": 1_000_000_000})
    yield


@asynccontextmanager
async def lost_stream(network: Network) -> AsyncIterator[None]:
    """A stream of the victim's is deleted; its process, which would make it anew at once, stands still for a while."""
    pid = network.told()["sites"][VICTIM]["service"]
    os.kill(pid, signal.SIGSTOP)
    try:
        await _jetstream(network, VICTIM, f"DELETE.PUB_{VICTIM}_placement")
        done = await asyncio.to_thread(network.plek, "doctor", "--json")
        lines = json.loads(done.stdout)["findings"]
        assert any(line["area"] == "streams" and "is lost" in line["text"] for line in lines), done.stdout
    finally:
        os.kill(pid, signal.SIGCONT)
    yield


@asynccontextmanager
async def old_schema(network: Network) -> AsyncIterator[None]:
    """The victim's console runs on the schema of the version before."""
    await one_back(site_settings(network.data, VICTIM).databases["console"].get_secret_value(), "console")
    yield


@asynccontextmanager
async def crashed(network: Network) -> AsyncIterator[None]:
    """The machine goes down: whoever keeps the processes running, and all of them with it."""
    told = network.told()
    os.kill(told["pid"], signal.SIGKILL)
    pids = [pid for site in told["sites"].values() for pid in (site["service"], site["nats"], site["postgres"])]
    while any(Path(f"/proc/{pid}").exists() for pid in pids if pid):
        await asyncio.sleep(0.05)
    yield


WEST = {"site": VICTIM}
STAD = {"site": HUB}
FAULTS = (
    Fault("slow-database", "PlekDatabaseSlow", WEST, Named("database", VICTIM, " s for what takes no time"),
          "database-slow.md", slow_database),
    Fault("dead-relay", "PlekOutboxWaits", WEST | {"service": "placement", "log": "pub"},
          Named("lag", VICTIM, "the relay of placement (pub) has stood still"), "outbox-waits.md", dead_relay),
    Fault("poison-message", "PlekMessageParked", STAD | {"reader": "capacity"},
          Named("parked", HUB, "stands still for west/placement"), "message-parked.md", poison, lasts=False),
    Fault("poison-let-go", "PlekMessageParked", STAD | {"reader": "capacity"},
          Named("parked", HUB, "stands still for west/placement"), "message-parked.md", poison, block=1, lasts=False),
    Fault("clock-off", "PlekClockOff", WEST, Named("clocks", VICTIM, "ahead of the others"), "clock-off.md", clock_off,
          lasts=False),
    Fault("full-disk", "PlekDiskFull", WEST, Named("disk", VICTIM, "0.0 GB free"), "disk-full.md", full_disk,
          lasts=False, namespace=True),
    Fault("cut-link", "PlekSiteLate", STAD | {"from_site": VICTIM}, Named("links", VICTIM, "not linked"),
          "site-silent.md", cut_link),
    Fault("looping-reader", "PlekReaderBehind", STAD | {"reader": "capacity"},
          Named("lag", HUB, "capacity of placement has not gone on with west/placement"), "reader-behind.md", looping),
    Fault("skewed-stream", "PlekStreamWrong", WEST, Named("streams", VICTIM, "is not as declared"), "stream-wrong.md",
          skewed_stream),
    Fault("lost-stream", "PlekStreamLost", WEST, Named("streams", VICTIM, "is lost"), "stream-wrong.md", lost_stream),
    Fault("view-behind", "PlekReaderPaused", STAD | {"reader": "capacity"},
          Named("lag", HUB, "capacity of placement is paused"), "reader-paused.md", view_behind),
    Fault("wrong-schema", "PlekSchemaWrong", WEST | {"service": "console"},
          Named("versions", VICTIM, "the schema of console is"), "schema-wrong.md", old_schema),
    Fault("crashed-site", "PlekSiteDown", WEST, Named("process", VICTIM, "does not answer"), "site-down.md", crashed,
          all_down=True),
)  # fmt: skip
"""Twelve faults; of a poison message both ways out."""
