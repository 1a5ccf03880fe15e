"""Whether all sites of a running network have seen the same: digests per origin at the highest sequence they share."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from infra.verbs.asking import NoAnswer, get_json, site_client

if TYPE_CHECKING:
    import httpx

    from infra.running import RunningNetwork

LOOK_SECONDS = 0.2
FACTS = ("total", "overflow", "occupied", "held", "blocked", "people", "observed_at")


@dataclass
class Compared:
    """One origin. sequence: the highest all sites have. behind: sites without its last word, and how far they are."""

    epoch: int
    sequence: int
    digest: str
    agree: bool
    sites: list[str]
    behind: dict[str, int] = field(default_factory=dict)


@dataclass
class Verified:
    """What was found. difference: the first one: origin, two sites, sequence, event, and a row that differs now.

    incomplete: by site, origins it does not show in full, and why: something is parked there, or was let go.
    """

    origins: dict[str, Compared]
    unreachable: dict[str, str]
    incomplete: dict[str, dict[str, str]] = field(default_factory=dict)
    difference: dict[str, Any] | None = None

    @property
    def agree(self) -> bool:
        return self.difference is None and not self.unreachable and not self.incomplete

    def as_json(self) -> dict[str, Any]:
        return {"agree": self.agree, **asdict(self)}

    def no(self) -> str:
        """The answer in one line, when it is no."""
        if self.difference is None:
            parts = [
                f"{site} does not show all of {origin} ({code}): see `plek parked list`"
                for site, origins in self.incomplete.items()
                for origin, code in origins.items()
            ]
            return "; ".join([*self.unreachable.values(), *parts])
        found = self.difference
        one, other = found["sites"]
        line = f"{one} and {other} disagree about {found['origin']} from sequence {found['sequence']} on"
        if found["event"] is not None:
            line += f", event {found['event']['id']} ({found['event']['type']}, {found['event']['subject']})"
        if found["row"] is not None:
            row = found["row"]
            line += f"; now {row['location']} {row['kind']} {row['figure']}:"
            line += f" {row[one]} at {one}, {row[other]} at {other}"
        return line


def compare(network: RunningNetwork, wait_seconds: float) -> Verified:
    """Ask every site until all show the same sequences, at most `wait_seconds`; then compare."""
    with ExitStack() as stack:
        clients = {name: stack.enter_context(site_client(network, name, "oncall")) for name in sorted(network.sites)}
        seen, unreachable = _wait_until_level(clients, wait_seconds)
        names = sorted({origin for digests in seen.values() for origin in digests})
        found = Verified({name: _compare(name, seen, clients) for name in names}, unreachable, _incomplete(seen))
        for name, origin in found.origins.items():
            if not origin.agree:
                found.difference = _difference(name, origin, clients)
                break
        return found


Digests = Mapping[str, Mapping[str, Any]]
"""One site's answer: by origin, epoch, sequence and digest."""


def _wait_until_level(
    clients: Mapping[str, httpx.Client], wait_seconds: float
) -> tuple[dict[str, Digests], dict[str, str]]:
    deadline = time.monotonic() + wait_seconds
    while True:
        seen: dict[str, Digests] = {}
        unreachable: dict[str, str] = {}
        for name, client in clients.items():
            try:
                seen[name] = get_json(client, name, "/api/placement/capacity/digest")["origins"]
            except NoAnswer as no:
                unreachable[name] = str(no)
        reached = [{name: (at["epoch"], at["sequence"]) for name, at in digests.items()} for digests in seen.values()]
        level = not unreachable and all(positions == reached[0] for positions in reached)
        if level or time.monotonic() > deadline:
            return seen, unreachable
        time.sleep(LOOK_SECONDS)


def _incomplete(seen: Mapping[str, Digests]) -> dict[str, dict[str, str]]:
    by_site = {
        name: {origin: at["incomplete"] for origin, at in digests.items() if at["incomplete"] is not None}
        for name, digests in seen.items()
    }
    return {name: origins for name, origins in by_site.items() if origins}


def _compare(origin: str, seen: Mapping[str, Digests], clients: Mapping[str, httpx.Client]) -> Compared:
    reached = {name: (digests[origin]["epoch"], digests[origin]["sequence"]) if origin in digests else (0, 0)
               for name, digests in seen.items()}  # fmt: skip
    epoch, last = max(reached.values())
    # A site that has not heard of this epoch yet, or of this origin at all, has nothing of it to disagree about.
    sites = [name for name, (its_epoch, _) in reached.items() if its_epoch == epoch]
    common = min(reached[name][1] for name in sites)
    digests = {}
    for name in sites:
        now = seen[name][origin]
        current = now["sequence"] == common
        digests[name] = now["digest"] if current else _digest(clients[name], name, origin, epoch, common)
    behind = {name: at[1] if at[0] == epoch else 0 for name, at in reached.items() if at != (epoch, last)}
    return Compared(epoch, common, digests[sites[0]], len(set(digests.values())) == 1, sites, behind)


def _digest(client: httpx.Client, site: str, origin: str, epoch: int, sequence: int) -> str:
    answer = get_json(client, site, "/api/placement/capacity/digest", origin=origin, epoch=epoch, sequence=sequence)
    return str(answer["origins"][origin]["digest"])


def _difference(origin: str, found: Compared, clients: Mapping[str, httpx.Client]) -> dict[str, Any]:
    """The first sequence at which two sites' figures differ while they were the same just before it."""

    def digests(sequence: int) -> dict[str, str]:
        return {name: _digest(clients[name], name, origin, found.epoch, sequence) for name in found.sites}

    at_end = digests(found.sequence)
    low, high = 0, found.sequence  # nothing was told at 0: there all are the same
    while high - low > 1:
        middle = (low + high) // 2
        if len(set(digests(middle).values())) == 1:
            low = middle
        else:
            high = middle
    if len(set(at_end.values())) == 1:
        # What was heard is the same everywhere; only what is shown now differs: a view to rebuild.
        high = found.sequence
    pair = _pair(digests(high)) or (found.sites[0], found.sites[1])
    event = next((told for name in pair if (told := _event(clients[name], name, origin, found.epoch, high))), None)
    return {"origin": origin, "sites": list(pair), "sequence": high, "event": event, "row": _row(origin, pair, clients)}


def _pair(digests: Mapping[str, str]) -> tuple[str, str] | None:
    """Two sites that disagree: the first, and the first that differs from it."""
    first, *others = digests
    other = next((name for name in others if digests[name] != digests[first]), None)
    return None if other is None else (first, other)


def _event(client: httpx.Client, site: str, origin: str, epoch: int, sequence: int) -> dict[str, Any] | None:
    which: dict[str, str | int | None] = {"origin": origin, "log": "pub", "epoch": epoch, "sequence": sequence}
    found = get_json(client, site, "/api/console/journal", **which)["items"]
    return {name: found[0][name] for name in ("id", "type", "subject", "time")} if found else None


def _row(origin: str, pair: Sequence[str], clients: Mapping[str, httpx.Client]) -> dict[str, Any] | None:
    """The first figure of the origin's site that two sites show differently now."""
    shown = []
    for name in pair:
        answer = get_json(clients[name], name, "/api/placement/capacity", site=origin.partition("/")[0])
        shown.append({(row["location"], row["kind"]): row for row in answer["rows"]})
    for location, kind in sorted(set(shown[0]) | set(shown[1])):
        one, other = shown[0].get((location, kind), {}), shown[1].get((location, kind), {})
        for figure in FACTS:
            if one.get(figure) != other.get(figure):
                facts = {pair[0]: one.get(figure), pair[1]: other.get(figure)}
                return {"location": location, "kind": kind, "figure": figure, **facts}
    return None
