"""Real nats-servers for the benchmarks, with the settings of production, streams as declared."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client

from infra.nats_server import Buses, wait_for_nats
from shared.settings import inbox_prefix
from shared.streams import Topology, apply

ONE = Topology("west", {"west": ("placement", "console")})


class Bus:
    """One site's server among those of a network."""

    def __init__(self, buses: Buses, site: str) -> None:
        self.buses, self.site = buses, site

    def options(self, user: str) -> dict[str, Any]:
        """Keyword arguments for any client, to connect as `user` of the site."""
        return {
            "servers": [self.buses.servers[self.site].url],
            "nkeys_seed": str(self.buses.credentials[self.site][user]),
            "inbox_prefix": inbox_prefix(self.site, user),
        }

    async def bare(self, user: str) -> Client:
        """The library's own client, as it comes."""
        return await nats.connect(**self.options(user))


@asynccontextmanager
async def running(topology: Topology) -> AsyncIterator[Buses]:
    """Servers for every site of `topology`, linked, every stream applied; stopped and removed at the end."""
    with tempfile.TemporaryDirectory(prefix="plek-bench-", ignore_cleanup_errors=True) as directory:
        buses = Buses(topology, Path(directory))
        try:
            for site in topology.sites:
                buses.launch(site)
            for server in buses.servers.values():
                wait_for_nats(server)
            await apply(topology, buses.admins())
            yield buses
        finally:
            buses.stop()
