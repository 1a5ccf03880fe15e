"""The demo city of an embedded network: every location that is empty when `plek up` first sees it becomes a house with
people in it.

`demo.json` in the data directory remembers which houses are furnished, and as of when: a network that is stopped while
that goes on finishes it at its next start, and a house that had places, or was emptied since, is left as it is.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.running import Files, RunningNetwork, clock_offset, replace_json, site_settings

if TYPE_CHECKING:
    import httpx

    from services.placement.jobs_demo import Sums

SEED = 1
PAUSE_SECONDS = 5.0
"""Between two attempts while a site does not answer."""
ANSWER_SECONDS_MAX = 20.0

Say = Callable[[str], None]


def now(data: Path) -> datetime:
    """The network's own time, which may be ahead of the machine's."""
    return datetime.now(UTC) + timedelta(seconds=clock_offset(data))


def homes(data: Path, network: RunningNetwork) -> list[tuple[str, str]]:
    """Every location of the network file with its site, where that site has a placement service."""
    settings = [site_settings(data, site) for site in network.sites]
    return [
        (site.site, location.name) for site in settings if "placement" in site.services for location in site.locations
    ]


@asynccontextmanager
async def desks(network: RunningNetwork) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
    """A client of each site, signed in as its operator."""
    import httpx

    async with AsyncExitStack() as stack:
        clients = {}
        for site, running in network.sites.items():
            headers = {"Authorization": f"Bearer {network.token(site, 'operator')}"}
            client = httpx.AsyncClient(
                base_url=running.url, headers=headers, timeout=ANSWER_SECONDS_MAX, trust_env=False
            )
            clients[site] = await stack.enter_async_context(client)
        yield clients


async def furnish_all(data: Path, say: Say) -> None:
    """Furnishes every location nobody has touched, side by side, and says when it is done. A site that is down is
    waited for."""
    network = RunningNetwork.load(data)
    houses, began = _Houses(data), time.monotonic()
    async with desks(network) as clients:
        sums = await asyncio.gather(
            *(_furnish(clients, site, location, houses, say) for site, location in homes(data, network))
        )
    done = [found for found in sums if found is not None]
    if done:
        places, people = (sum(found.happened[what] for found in done) for what in ("places", "people"))
        took = time.monotonic() - began
        say(f"the demo city is there: {len(done)} houses, {places} places, {people} people ({took:.0f} s)")


class _Houses:
    """What `demo.json` says of each location."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self._path = Files(data).demo
        self._known: dict[str, dict[str, Any]] = {}
        with suppress(FileNotFoundError):
            self._known = json.loads(self._path.read_text("utf-8"))

    def get(self, location: str) -> Mapping[str, Any] | None:
        return self._known.get(location)

    def put(self, location: str, as_of: datetime, *, done: bool) -> None:
        self._known[location] = {"as_of": as_of.isoformat(), "done": done}
        replace_json(self._path, self._known)


async def _furnish(
    clients: Mapping[str, httpx.AsyncClient], site: str, location: str, houses: _Houses, say: Say
) -> Sums | None:
    """None when the house is left as it is."""
    from services.placement.jobs import SiteRefuses
    from services.placement.jobs_demo import furnish, is_empty

    said = False
    while True:
        try:
            known = houses.get(location)
            if known is None:
                known = {"as_of": now(houses.data).isoformat(), "done": not await is_empty(clients[site], location)}
                houses.put(location, datetime.fromisoformat(known["as_of"]), done=known["done"])
            if known["done"]:
                return None
            as_of = datetime.fromisoformat(known["as_of"])
            sums = await furnish(clients, site, location, as_of, random.Random(f"{SEED}/{location}"))
            houses.put(location, as_of, done=True)
            return sums
        except SiteRefuses as error:
            if not said:
                say(f"{location} is not furnished yet: {error}")
            said = True
            await asyncio.sleep(PAUSE_SECONDS)
