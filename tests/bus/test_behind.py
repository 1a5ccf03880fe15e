"""Of whom a reader is behind: of those it hears, and of nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.beats import Beat
from shared.clock import SystemClock
from shared.envelope import Origin
from shared.http import Streams
from shared.ids import SystemIds
from shared.inbox import Reader, View
from shared.ports import Append, Put
from shared.roster import Roster
from shared.runtime import Beside, Runtime
from shared.schema import checkpoints
from shared.service import Host
from shared.settings import SiteSettings
from shared.store import PgStore
from tests.bus.test_roster import write
from tests.support.memory_store import Disk, MemoryStore
from tests.system.test_site_settings import VALUES

pytestmark = pytest.mark.asyncio

ORIGINS = [Origin(site, service, 1) for site in ("stad", "west") for service in ("allowance", "placement")]
OF_INTAKE = "LOC_west_intake"
PLACES = "PUB_west_placement"


class Quiet(Runtime):
    """Knows what its readers hear, and begins no work."""

    def spawn(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        return


def named(name: str, store: MemoryStore | None = None) -> Reader:
    view = View(name, (), {}, lambda _message, _contract: ())
    return Reader(store or MemoryStore(Disk(), "west", "allowance"), view, SystemClock())


@pytest.fixture
async def runtime(tmp_path: Path) -> Runtime:
    """Allowance at west, which has heard that everybody has told nine."""
    keys = write(tmp_path / "letters.json", "stad", "west")
    settings = SiteSettings.model_validate(VALUES | {"site": "west", "sites": ["stad", "west"], "hub": "stad",
                                                     "network_keys": str(keys)})  # fmt: skip
    ending = asyncio.get_running_loop().create_future()
    host = Host(settings, SystemClock(), SystemIds(), Streams(), ending, Roster(settings))
    runtime = Quiet(host, "allowance", PgStore("", "west", "allowance"))
    for origin in ORIGINS:
        runtime.links.heard(Beat.of(origin, {"pub": 9}), 0.0)
    return runtime


def behind(runtime: Runtime, reader: Reader) -> dict[str, int]:
    found = {origin.key: runtime.missing(reader, origin) for origin in ORIGINS}
    return {key: missing for key, missing in found.items() if missing}


async def test_who_hears_only_what_never_leaves_the_site_is_behind_nobody(runtime: Runtime) -> None:
    first, of_clients = named("seats"), named("of-clients")
    runtime.city(first)
    runtime.local(of_clients, [OF_INTAKE, "LOC_west_placement"])
    assert behind(runtime, of_clients) == {}
    assert behind(runtime, first) == {"stad/allowance": 9, "stad/placement": 9, "west/allowance": 9}


async def test_who_hears_the_network_and_the_site_is_not_behind_what_the_site_tells_the_network(
    runtime: Runtime,
) -> None:
    duty = named("duty")
    runtime.city(also=[duty])
    runtime.local(named("news"), ["LOC_west_placement"], also=[duty])
    assert behind(runtime, duty) == {"stad/allowance": 9, "stad/placement": 9}


async def test_who_hears_a_log_of_its_own_site_is_behind_that_until_it_has_read_it(runtime: Runtime) -> None:
    store = MemoryStore(Disk(), "west", "allowance")
    letters = named("letters", store)
    runtime.city(also=[Beside(letters, [PLACES])])
    assert behind(runtime, letters) == {"stad/allowance": 9, "stad/placement": 9, "west/placement": 9}
    read = [Put(checkpoints, ("letters", key, "pub", 1, 9)) for key in ("west/placement", "stad/allowance")]
    await store.append(Append(datetime(2026, 1, 5, tzinfo=UTC), rows=[*read]))
    async with letters.resting():
        assert behind(runtime, letters) == {"stad/placement": 9}
