"""A nats-server comes back without what it had last written: a lost power takes what was not synced yet.

The hub's CITY gathers again in another order; a site's logs are filled again from its outboxes.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from infra.probe import get
from infra.running import Files, replace_json
from tests.support.network import Network, eventually, network_of, running_network
from tests.support.processes import gone, soon

Desks = dict[str, httpx.AsyncClient]

CITY = Path("CITY", "streams", "CITY")


@asynccontextmanager
async def server_down(network: Network, number: signal.Signals, site: str = "stad") -> AsyncIterator[Path]:
    """Ends a site's nats-server; the supervisor is stopped, so that it is not started again before the end of this.

    Gives the directory of its streams, by account.
    """
    told = network.told()
    server = told["sites"][site]["nats"]
    os.kill(told["pid"], signal.SIGSTOP)
    try:
        os.kill(server, number)
        await soon(lambda: gone([server]), "the server to end")
        yield network.data / "sites" / site / "nats" / "jetstream" / "jetstream"
    finally:
        os.kill(told["pid"], signal.SIGCONT)


def gathered(network: Network) -> int:
    """How many messages the hub's CITY holds; -1 while it does not say."""
    status, said = get(f"{network.told()['sites']['stad']['nats_monitor']}/jsz?accounts=1&streams=1")
    accounts = said.get("account_details") or () if status == 200 else ()
    found = [stream["state"]["messages"] for one in accounts for stream in one.get("stream_detail") or ()
             if (one["name"], stream["name"]) == ("CITY", "CITY")]  # fmt: skip
    return found[0] if found else -1


async def blocks(desks: Desks, site: str, house: str) -> None:
    """Two messages more of a site: two places of a house are blocked."""
    for _ in range(2):
        free = (await desks[site].get("/api/placement/places", params={"location": house, "status": "free"})).json()
        answer = await desks[site].post(
            f"/api/placement/places/{free['items'][0]['id']}/block", json={"reason": "repair"}
        )
        assert answer.status_code == 200, answer.text


async def shown(desks: Desks, sites: str, house: str, blocked: int) -> None:
    """Until these sites show so many places of a house as blocked."""

    async def so() -> bool:
        answers = [(await desks[site].get("/api/placement/capacity")).json()["rows"] for site in sites.split()]
        rows: list[dict[str, Any]] = [row for answer in answers for row in answer if row["location"] == house]
        return [row["blocked"] for row in rows] == [blocked] * len(answers)

    await eventually(f"{sites} to show {blocked} blocked at {house}", so)


async def test_nobody_misses_what_the_hub_gathered_again_in_another_order(tmp_path: Path) -> None:
    """noord's copy and the hub's own reader had read noord's messages where west's stand now."""
    file, kept = tmp_path / "three.toml", tmp_path / "CITY"
    file.write_text(network_of("west", "noord"), "utf-8")
    with running_network("--no-demo", network=file) as network:
        async with AsyncExitStack() as stack:
            desks = {site: await stack.enter_async_context(network.client(site)) for site in network.urls}
            houses = {site: (await network.new_location(desks[site], 4))[0] for site in ("west", "noord")}
            for house in houses.values():
                await shown(desks, "stad west noord", house, 0)
            async with server_down(network, signal.SIGTERM) as streams:
                shutil.copytree(streams / CITY, kept)
            before = await _linked(network, 2)
            await blocks(desks, "noord", houses["noord"])
            await shown(desks, "stad west noord", houses["noord"], 2)
            async with server_down(network, signal.SIGKILL) as streams:
                shutil.rmtree(streams / CITY)
                shutil.copytree(kept, streams / CITY)
                replace_json(Files(network.data).links, {"cut": ["noord"]})
            assert await _linked(network, 1) == before
            await blocks(desks, "west", houses["west"])
            await soon(lambda: gathered(network) == before + 2, "the hub to gather west's", 30)
            assert network.plek("link", "heal", "noord").returncode == 0
            await soon(lambda: gathered(network) == before + 4, "the hub to gather noord's again", 30)
            await shown(desks, "stad west noord", houses["west"], 2)
            assert network.plek("verify").returncode == 0


async def test_logs_that_lost_their_end_are_filled_again_from_the_outboxes(tmp_path: Path) -> None:
    """All streams of west are put back to before what everybody, and its own services, had read."""
    file, kept = tmp_path / "two.toml", tmp_path / "kept"
    file.write_text(network_of("west"), "utf-8")
    with running_network("--no-demo", network=file) as network:
        async with AsyncExitStack() as stack:
            desks = {site: await stack.enter_async_context(network.client(site)) for site in network.urls}
            house = (await network.new_location(desks["west"], 6))[0]
            await shown(desks, "stad west", house, 0)
            async with server_down(network, signal.SIGTERM, "west") as streams:
                shutil.copytree(streams, kept)
            await blocks(desks, "west", house)
            await shown(desks, "stad west", house, 2)
            async with server_down(network, signal.SIGKILL, "west") as streams:
                shutil.rmtree(streams)
                shutil.copytree(kept, streams)
            await blocks(desks, "west", house)
            await shown(desks, "stad west", house, 4)
            assert network.plek("verify").returncode == 0

            def well() -> bool:
                return network.plek("doctor").returncode == 0

            await soon(well, "the doctor to find nothing", 90)


async def _linked(network: Network, links: int) -> int:
    """Until so many sites are linked to the hub that has come back. Returns what it has gathered."""

    def so() -> bool:
        status, leaves = get(f"{network.told()['sites']['stad']['nats_monitor']}/leafz")
        return status == 200 and len(leaves.get("leafs") or ()) == links and gathered(network) >= 0

    await soon(so, f"{links} sites to be linked", 30)
    return gathered(network)
