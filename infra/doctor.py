"""What is wrong with a network, from outside: every site's own word, its bus's monitor port, its files. One line each.

It asks everybody at once and waits for nobody long: it is run when things are down.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

from infra import doctor_looks as looks
from infra.doctor_looks import Finding, Seen
from infra.probe import get
from infra.processes import PlatformError
from infra.running import RunningNetwork, site_names, site_settings, token

ANSWER_SECONDS = 6.0
ASKED_AT_ONCE = 16

AREAS = (
    "network",
    "process",
    "database",
    "bus",
    "links",
    "streams",
    "copies",
    "consumers",
    "origins",
    "lag",
    "silence",
    "parked",
    "worklist",
    "disk",
    "clocks",
    "keys",
    "versions",
)


def examine(data: Path) -> list[Finding]:
    """Looks at the network in `data`. Raises `PlatformError` when there is none at all."""
    names = site_names(data)
    if not names:
        raise PlatformError(f"there is no network in {data}")
    monitors: dict[str, str] = {}
    findings: list[Finding] = []
    try:
        network = RunningNetwork.load(data)
        monitors = {name: site.nats_monitor for name, site in network.sites.items()}
        cut = [name for name, site in network.sites.items() if site.link == "cut"]
        findings += [
            Finding("network", "warn", name, "its link was cut on purpose", f"plek link heal {name}") for name in cut
        ]
    except PlatformError:
        findings.append(Finding("network", "bad", "", "no supervisor runs here", f"plek up --data {data}"))
    with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
        seen = dict(zip(names, pool.map(lambda name: look(data, name, monitors.get(name)), names), strict=True))
    hub = next(iter(seen.values())).settings.hub
    for part in (
        looks.processes,
        looks.databases,
        looks.buses,
        looks.origins,
        looks.lag,
        looks.silence,
        looks.parked,
        looks.worklists,
        looks.clocks,
        looks.keys,
        looks.versions,
        looks.copies,
        looks.consumers,
    ):
        findings += part(seen)
    for checked in (looks.links, looks.streams):
        findings += checked(seen, hub)
    findings += looks.disk(data)
    return in_order(findings)


def in_order(findings: Sequence[Finding]) -> list[Finding]:
    """By area; an area without trouble is one line that says so."""
    lines = []
    for area in AREAS:
        here = [finding for finding in findings if finding.area == area]
        lines += [one for one in here if one.state != "ok"] or here[:1] or [Finding(area, "ok", "", "all well")]
    return lines


def look(data: Path, name: str, monitor: str | None) -> Seen:
    """Asks one site, as far as it answers."""
    settings = site_settings(data, name)
    seen = Seen(settings)
    url = f"http://{settings.host}:{settings.port}"
    seen.alive = get(f"{url}/healthz", ANSWER_SECONDS)[0] == 200
    seen.health = dict.fromkeys(settings.services)
    if seen.alive:
        bearer = {"Authorization": f"Bearer {token(data, name, 'oncall')}"}
        for service in settings.services:
            began = time.time()
            status, said = get(f"{url}/api/{service}/health", ANSWER_SECONDS, bearer)
            if status == 200:
                seen.health[service] = said
                at = datetime.fromisoformat(said["time"]).timestamp()
                seen.clock_ahead = at - (began + time.time()) / 2
    if monitor:
        status, said = get(f"{monitor}/jsz?accounts=1&streams=1&config=1", ANSWER_SECONDS)
        seen.jetstream = said if status == 200 else None
        status, said = get(f"{monitor}/leafz", ANSWER_SECONDS)
        seen.leaves = said if status == 200 else None
    return seen
