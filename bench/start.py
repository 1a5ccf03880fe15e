"""Start: from `plek up` to every screen answering, for the municipality and three sites, on a warm machine. With its
demo city, as `make run` has it: the houses fill up while the screens answer."""

from __future__ import annotations

import statistics
import time
import urllib.request

from bench.ground import ROUNDS, Ground, Line
from infra.running import token
from tests.support.network import FOUR, running_network

SECONDS_MAX = 15.0


def run(ground: Ground) -> list[Line]:
    """One start to warm the caches, then the rounds."""
    with running_network("--demo", network=FOUR):
        """Binaries, bytecode and the database template are in the caches now."""
    times = []
    for _ in range(1 if ground.quick else ROUNDS):
        began = time.perf_counter()
        with running_network("--demo", network=FOUR) as network:
            for site, url in network.urls.items():
                headers = {"Authorization": f"Bearer {token(network.data, site, 'coordinator')}"}
                with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as screen:
                    assert screen.status == 200
            times.append(time.perf_counter() - began)
    taken = statistics.median(times)
    return [Line("start of four sites", taken, "s", "limit", SECONDS_MAX, taken / SECONDS_MAX, 1.0, at_most=True)]
