"""Memory: what four sites at work take on one machine, every process of the network counted, shared pages once."""

from __future__ import annotations

import asyncio
import statistics
from pathlib import Path

from bench.ground import ROUNDS, Ground, Line
from bench.processes import below
from tests.support.network import FOUR, Network, running_network

MEGABYTES_MAX = 2048.0
COMMANDS = 500
"""At each site: a process that has served nobody yet is smaller than one at work."""


def run(ground: Ground) -> list[Line]:
    """Starts the network, gives commands at every site, and adds up."""
    found: list[dict[str, float]] = []
    for _ in range(1 if ground.quick else ROUNDS):
        with running_network("--no-demo", network=FOUR) as network:
            asyncio.run(work(network, 50 if ground.quick else COMMANDS))
            found.append(by_program(network.told()["pid"]))
    taken = statistics.median(sum(one.values()) for one in found)
    parts = ", ".join(f"{name} {megabytes:.0f}" for name, megabytes in sorted(found[-1].items()))
    return [
        Line("memory of four sites", taken, "MB", "limit", MEGABYTES_MAX, taken / MEGABYTES_MAX, 1.0, at_most=True,
             note=parts)
    ]  # fmt: skip


async def work(network: Network, commands: int) -> None:
    """Holds and cancels a place so often at every site, and looks at the network's capacity now and then."""

    async def at(site: str) -> None:
        async with network.client(site) as client:
            house, _ = await network.new_location(client, 1)
            for number in range(commands // 2):
                body = {"location": house, "kind": "shelter_24h"}
                hold = (await client.post("/api/placement/holds", json=body)).json()["id"]
                assert (await client.post(f"/api/placement/holds/{hold}/cancel")).status_code == 200
                if number % 50 == 0:
                    assert (await client.get("/api/placement/capacity")).status_code == 200

    await asyncio.gather(*(at(site) for site in network.urls))


def by_program(root: int) -> dict[str, float]:
    """Megabytes of a process and all below it, by program. A page that several share counts in part for each (PSS)."""
    found: dict[str, float] = {}
    for pid in [root, *below(root)]:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()
            name = Path(f"/proc/{pid}/comm").read_text("utf-8").strip()
        except OSError:
            continue  # it ended meanwhile: a connection of a database that nobody needs any more
        kilobytes = next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        program = name if name in ("nats-server", "postgres") else "python"
        found[program] = found.get(program, 0.0) + kilobytes / 1024
    return found
