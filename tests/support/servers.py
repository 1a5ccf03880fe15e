"""Real servers for tests: PostgreSQL once per test worker, a fresh nats-server (or a hub and a leaf) per test.

async def test_something(postgres, nats_pair):
    dsn = await fresh_database(postgres)
    client = await nats.connect(**nats_pair.options("west", "city.placement"))
"""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import asyncpg
import nats
import pytest
import pytest_asyncio
from pydantic import SecretStr

from infra.keys import ensure_letter_keys, ensure_token_key
from infra.nats_server import Buses, wait_for_nats
from infra.postgres import Postgres, start_postgres
from shared.bus_connection import close_client
from shared.settings import LocationSettings, SiteSettings, inbox_prefix
from shared.sourcing import SourceKeeper
from shared.streams import Topology, apply
from tests.support.processes import soon

SINGLE = Topology("stad", {"stad": ("placement", "console")})
PAIR = Topology("stad", {"stad": ("placement", "console"), "west": ("placement", "console")})

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL per test worker, without fsync, gone with the worker."""
    with tempfile.TemporaryDirectory(prefix="plek-test-", ignore_cleanup_errors=True) as directory:
        server = start_postgres(Path(directory) / "pg", fsync=False)
        yield server
        server.stop()


@pytest_asyncio.fixture
async def database(postgres: Postgres) -> AsyncIterator[str]:
    """The address of an empty database of the test's own, dropped after it."""
    dsn = await fresh_database(postgres)
    yield dsn
    await drop_database(postgres, dsn)


async def fresh_database(server: Postgres, template: str | None = None) -> str:
    """Make a database of the test's own and return its address.

    `template` is the name or the address of a database to copy (nobody may be connected to it); default: an empty one.
    """
    name = f"test_{next(_numbers)}"
    source = "template1" if template is None else database_name(template)
    await _run(server, f'create database "{name}" template "{source}" strategy file_copy')
    return server.dsn(name)


async def drop_database(server: Postgres, dsn: str) -> None:
    """Drop a database by its address, whoever is still connected."""
    await _run(server, f'drop database if exists "{database_name(dsn)}" with (force)')


def database_name(dsn: str) -> str:
    """The database's name out of an address as `Postgres.dsn` makes it (or a bare name)."""
    return dsn.partition("?")[0].rpartition("/")[2]


async def _run(server: Postgres, statement: str) -> None:
    connection = await asyncpg.connect(server.dsn())
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


class TestBuses(Buses):
    """The buses of a network, with what tests want to know; also `launch`, `cut`, `heal`, `servers[site].kill()`."""

    __test__ = False

    def __init__(self, topology: Topology, directory: Path) -> None:
        super().__init__(topology, directory)
        self.directory = directory

    def options(self, site: str, user: str) -> dict[str, Any]:
        """Keyword arguments for `nats.connect` or `NatsBroker` as `user` (such as `city.placement.relay`) of `site`."""
        return {
            "servers": [self.servers[site].url],
            "nkeys_seed": str(self.credentials[site][user]),
            "inbox_prefix": inbox_prefix(site, user),
            "max_reconnect_attempts": -1,
            "reconnect_time_wait": 0.05,
        }

    def restart(self, site: str) -> None:
        """Start a killed server again and wait until clients can connect."""
        self.launch(site)
        wait_for_nats(self.servers[site])

    def settings(
        self, site: str, databases: Mapping[str, str], port: int = 1, locations: Sequence[str] = (), **more: Any
    ) -> SiteSettings:
        """What a process of `site` needs; `databases` maps each service to its address."""
        signing, public = ensure_token_key(self.directory / "keys")
        public_seals = self.directory / "keys" / "letters.json"
        seals = ensure_letter_keys(self.directory, self.topology.sites, public_seals)
        values: dict[str, Any] = {
            "site": site,
            "hub": self.topology.hub,
            "sites": self.topology.sites,
            "municipality": site == self.topology.hub,
            "locations": [LocationSettings(name=name, title=name.title()) for name in locations],
            "services": list(self.topology.services[site]),
            "port": port,
            "databases": {service: SecretStr(dsn) for service, dsn in databases.items()},
            "nats_url": self.servers[site].url,
            "credentials": self.credentials[site],
            "token_keys": public,
            "seal_keys": seals[site],
            "network_keys": public_seals,
            "token_signing_key": signing,
            "embedded": True,
            "log_format": "console",
        }
        return SiteSettings(**(values | more))


@asynccontextmanager
async def running_buses(
    topology: Topology, *, directory: Path | None = None, kept: bool = True
) -> AsyncIterator[TestBuses]:
    """Servers for every site of `topology`, linked, every stream applied; stopped at the end. kept: whether somebody
    watches their sources, as each site's process does.

    Keys and stores are kept under `directory` when it is given, else removed with everything at the end.
    """
    with tempfile.TemporaryDirectory(prefix="plek-test-", ignore_cleanup_errors=True) as temporary:
        buses = TestBuses(topology, directory or Path(temporary))
        try:
            for site in topology.sites:
                buses.launch(site)
            for server in buses.servers.values():
                wait_for_nats(server)
            await soon(buses.linked, "the links are up")
            await apply(topology, buses.admins())
            async with _kept(buses) if kept else nullcontext():
                yield buses
        finally:
            buses.stop()


@asynccontextmanager
async def _kept(buses: TestBuses) -> AsyncIterator[None]:
    """What every site's process does beside serving: sources that fell silent are made to ask again."""

    async def quiet(_: Exception) -> None:
        """Servers come and go in tests."""

    async with AsyncExitStack() as stack:
        for site in buses.topology.sites:
            client = await nats.connect(**buses.options(site, "city.admin"), error_cb=quiet)
            stack.push_async_callback(close_client, client)
            task = asyncio.create_task(SourceKeeper(client, site, buses.topology.hub).run())
            stack.callback(task.cancel)
        yield


@pytest_asyncio.fixture
async def nats_single() -> AsyncIterator[TestBuses]:
    """One nats-server: the hub `stad`, with placement and console, streams applied."""
    async with running_buses(SINGLE) as buses:
        yield buses


@pytest_asyncio.fixture
async def nats_pair() -> AsyncIterator[TestBuses]:
    """Two linked nats-servers: the hub `stad` and the leaf `west`, each with placement and console, streams applied."""
    async with running_buses(PAIR) as buses:
        yield buses
