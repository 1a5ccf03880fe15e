"""A service's database backed up and put back while everything around it lives, as an operator would at night."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

from shared.settings import SiteSettings


def settings_of(data: Path, site: str) -> SiteSettings:
    """One site's settings, of a network that `plek up` runs."""
    return SiteSettings.load(data / "sites" / f"{site}.json")


@asynccontextmanager
async def _server(settings: SiteSettings, service: str) -> AsyncIterator[tuple[Any, str]]:
    """The database server of a service, on a connection to another database, and the service's database's name."""
    dsn = settings.databases[service].get_secret_value()
    name = dsn.partition("?")[0].rpartition("/")[2]
    connection = await asyncpg.connect(dsn.replace(f"/{name}?", "/postgres?"))
    try:
        yield connection, name
    finally:
        await connection.close()


async def back_up(settings: SiteSettings, service: str) -> None:
    """Copies the database's files to one beside it. Whoever was connected is cut off for a moment and comes back."""
    async with _server(settings, service) as (server, name):
        await server.execute(f'alter database "{name}" allow_connections false')
        try:
            await _cut_off(server, name)
            await server.execute(f'create database "{name}_backup" template "{name}" strategy file_copy')
        finally:
            await server.execute(f'alter database "{name}" allow_connections true')
        await server.execute(f'alter database "{name}_backup" allow_connections true')


async def put_back(settings: SiteSettings, service: str) -> None:
    """The backup takes the database's place; what was stored since is gone."""
    async with _server(settings, service) as (server, name):
        await server.execute(f'alter database "{name}" allow_connections false')
        await _cut_off(server, name)
        await server.execute(f'alter database "{name}" rename to "{name}_lost"')
        await server.execute(f'alter database "{name}_backup" rename to "{name}"')
        await server.execute(f'drop database "{name}_lost"')


async def _cut_off(server: Any, name: str) -> None:
    await server.execute("select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1", name)


def findings(printed: str) -> list[dict[str, str]]:
    """What `plek doctor --json` printed, without what is well."""
    return [line for line in json.loads(printed)["findings"] if line["state"] != "ok"]
