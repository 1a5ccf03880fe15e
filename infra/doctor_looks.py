"""What `plek doctor` looks at, a function an area: from what was seen of every site to the lines about it."""

from __future__ import annotations

import shutil
import stat
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from infra.running import Files
from shared.parked import DISCARDED, GAP
from shared.settings import SiteSettings
from shared.streams import ACCOUNTS, CITY, Topology, declared, difference

State = Literal["ok", "warn", "bad"]

SOURCE_SILENT_SECONDS = 5.0

LAG_WARN = 1_000
LOGBOOK_WARN_SECONDS = 60
STANDING_WARN_SECONDS = 10.0
"""Twice as long as a gauge may be old: what has not moved for so long stands still, however little waits."""
DATABASE_SLOW_SECONDS = 0.5
DISK_WARN_BYTES, DISK_BAD_BYTES = 2 * 1024**3, 256 * 1024**2
SKEW_WARN_SECONDS, SKEW_BAD_SECONDS = 2.0, 60.0
"""A device may be two minutes ahead of the owner's clock; a site that is a minute off refuses honest taps."""


@dataclass(frozen=True)
class Finding:
    """One line. site: empty for the network as a whole. do: the command or the step that helps; empty when ok."""

    area: str
    state: State
    site: str
    text: str
    do: str = ""

    def as_json(self) -> dict[str, str]:
        return asdict(self)


@dataclass
class Seen:
    """Everything heard of one site. clock_ahead: its clock against this machine's, in seconds."""

    settings: SiteSettings
    alive: bool = False
    health: dict[str, Mapping[str, Any] | None] = field(default_factory=dict)
    clock_ahead: float | None = None
    jetstream: Mapping[str, Any] | None = None
    leaves: Mapping[str, Any] | None = None

    @property
    def streams(self) -> dict[tuple[str, str], Mapping[str, Any]]:
        """(account, name) -> what the monitor port says of a stream."""
        accounts = (self.jetstream or {}).get("account_details") or ()
        return {(a["name"], s["name"]): s for a in accounts for s in a.get("stream_detail") or ()}

    @property
    def answers(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Each service that answered, and how it is doing."""
        return ((name, said) for name, said in self.health.items() if said is not None)


Sites = Mapping[str, Seen]


def processes(sites: Sites) -> Iterator[Finding]:
    for name, seen in sites.items():
        if not seen.alive:
            yield Finding(
                "process",
                "bad",
                name,
                "the site's process does not answer",
                f"plek serve {name} (under a supervisor it starts by itself: see its service.log)",
            )
        for service, said in seen.health.items():
            if seen.alive and said is None:
                yield Finding("process", "bad", name, f"{service} does not say how it is", f"restart {service}")


def databases(sites: Sites) -> Iterator[Finding]:
    for name, seen in sites.items():
        for service, said in seen.answers:
            if not said["database"]:
                yield Finding(
                    "database",
                    "bad",
                    name,
                    f"the database of {service} does not answer",
                    f"start PostgreSQL of {name}; {service} goes on by itself",
                )
            elif said["database_seconds"] > DATABASE_SLOW_SECONDS:
                yield Finding(
                    "database",
                    "warn",
                    name,
                    f"the database of {service} took {said['database_seconds']:.1f} s for what takes no time",
                    "see docs/runbooks/database-slow.md",
                )


def buses(sites: Sites) -> Iterator[Finding]:
    for name, seen in sites.items():
        if seen.jetstream is None:
            yield Finding(
                "bus",
                "bad",
                name,
                "the bus does not answer on its monitor port",
                f"start nats-server of {name}; everybody reconnects by itself",
            )
        for service, said in seen.answers:
            if not said["bus"] and seen.jetstream is not None:
                yield Finding("bus", "warn", name, f"{service} is not connected to the bus", "wait: it tries for ever")


def links(sites: Sites, hub: str) -> Iterator[Finding]:
    leaves = sites[hub].leaves if hub in sites else None
    if leaves is None:
        yield Finding("links", "warn", hub, "the hub cannot be asked who is linked", f"start nats-server of {hub}")
        return
    linked = {leaf.get("name") for leaf in leaves.get("leafs") or ()}
    others = [name for name in sites if name != hub]
    for name in others:
        if name not in linked:
            yield Finding(
                "links",
                "bad",
                name,
                f"not linked to the hub {hub}",
                f"look at the way from {name} to {hub}; it heals by itself",
            )
    yield Finding("links", "ok", "", f"{len(linked)} of {len(others)} sites are linked to {hub}")


def streams(sites: Sites, hub: str) -> Iterator[Finding]:
    topology = Topology(hub, {name: tuple(seen.settings.services) for name, seen in sites.items()})
    for stream in declared(topology):
        seen = sites[stream.site]
        if seen.jetstream is None:
            continue
        there = seen.streams.get((stream.account, stream.name))
        line = difference(stream, None if there is None else there["config"])
        if line is not None:
            yield Finding("streams", "bad", stream.site, line.partition(": ")[2], "plek repair streams")


def copies(sites: Sites) -> Iterator[Finding]:
    """Whether each CITY hears what it gathers."""
    for name, seen in sites.items():
        for source in seen.streams.get(("CITY", CITY), {}).get("sources") or ():
            active = source.get("active", -1)
            if "external" in source and not 0 <= active < SOURCE_SILENT_SECONDS * 1e9:
                yield Finding(
                    "copies",
                    "warn",
                    name,
                    f"its CITY does not hear {source['name']} of {source['external']['api'].split('.')[1]}",
                    "wait: it is made to ask again every few seconds while the link is up",
                )


def consumers(sites: Sites) -> Iterator[Finding]:
    for name, seen in sites.items():
        city = seen.streams.get(("CITY", CITY))
        # One reads for all services of a process (`shared/together.py`).
        if city is not None and not city["state"]["consumer_count"]:
            yield Finding(
                "consumers",
                "warn",
                name,
                "nobody reads CITY",
                "wait: a process whose consumer was deleted makes another within seconds",
            )


def origins(sites: Sites) -> Iterator[Finding]:
    for name, seen in sites.items():
        for service, said in seen.answers:
            if said["halted"]:
                yield Finding(
                    "origins",
                    "bad",
                    name,
                    f"{service} takes no command: {said['halted']}",
                    f"plek repair origin {name} {service} --dry-run",
                )
            if said["logbook_waiting_seconds"] > LOGBOOK_WARN_SECONDS:
                yield Finding(
                    "origins",
                    "warn",
                    name,
                    f"lines of {service} have waited for the logbook for {said['logbook_waiting_seconds']:.0f} seconds",
                    "see to the logbook, or to its address and certificate: nothing is lost meanwhile",
                )
            for log in said["logs"]:
                if log["published"] is None and not said["halted"]:
                    yield Finding(
                        "origins",
                        "warn",
                        name,
                        f"the {log['log']} log of {service} waits: others must say how far they heard it",
                        "see to the hub and the site's other services",
                    )


def lag(sites: Sites) -> Iterator[Finding]:
    for name, seen in sites.items():
        for service, said in seen.answers:
            for log in said["logs"]:
                waiting = log["outbox"] - (log["published"] or 0)
                if waiting > LAG_WARN:
                    yield Finding(
                        "lag",
                        "warn",
                        name,
                        f"{waiting} messages of {service} wait for the bus ({log['log']})",
                        f"see to the bus of {name}",
                    )
                elif (stands := log["pace"]["standing_seconds"]) > STANDING_WARN_SECONDS:
                    text = f"the relay of {service} ({log['log']}) has stood still for {stands:.0f} s"
                    yield Finding("lag", "bad", name, text, "see docs/runbooks/outbox-waits.md")
            for reader in said["readers"]:
                if reader["paused"]:
                    text = f"{reader['view']} of {service} is paused, and does not go on by itself"
                    yield Finding("lag", "warn", name, text, f"plek resume {name} {service} {reader['view']}")
                    continue
                for origin, missing in reader["behind"].items():
                    stands = reader["pace"][origin]["standing_seconds"]
                    if stands > STANDING_WARN_SECONDS and origin not in reader["incomplete"]:
                        since = f"for {stands:.0f} s ({missing} wait)"
                        text = f"{reader['view']} of {service} has not gone on with {origin} {since}"
                        yield Finding("lag", "bad", name, text, "see docs/runbooks/reader-behind.md")
                    elif missing > LAG_WARN or origin in reader["incomplete"]:
                        yield Finding(
                            "lag",
                            "warn",
                            name,
                            f"{reader['view']} lacks {missing} messages of {origin}",
                            "wait: it is catching up; if it stays, see parked, copies and links",
                        )


def silence(sites: Sites) -> Iterator[Finding]:
    for name, seen in sites.items():
        for service, said in seen.answers:
            for link in said["links"]:
                if link["state"] != "live":
                    since = link["silent_seconds"]
                    how = "was never heard" if since is None else f"is {link['state']}: silent for {since:.0f} seconds"
                    yield Finding(
                        "silence",
                        "bad" if link["state"] == "silent" else "warn",
                        name,
                        f"{link['site']} {how} ({service})",
                        f"see to {link['site']} and the links",
                    )


def parked(sites: Sites) -> Iterator[Finding]:
    for name, seen in sites.items():
        for service, said in seen.answers:
            for reader in said["readers"]:
                for origin, code in reader["incomplete"].items():
                    what, then = _aside(code, f"{name} {service} {reader['view']}")
                    yield Finding("parked", "bad", name, f"{reader['view']} of {service} {what} {origin}: {code}", then)
                if reader["parked"] and not reader["incomplete"]:
                    what = f"{reader['parked']} messages under no origin at {reader['view']}"
                    yield Finding("parked", "warn", name, what, "plek parked list")


def _aside(code: str, view: str) -> tuple[str, str]:
    """What a view that is incomplete does, and what to do about it."""
    if code == GAP:
        return "waits for", "wait: a missing message is fetched; if it is gone for good, see plek parked list"
    if code == DISCARDED:
        return "does without a message of", f"plek rebuild {view}"
    return "stands still for", "plek parked list"


def worklists(sites: Sites) -> Iterator[Finding]:
    for name, seen in sites.items():
        for service, said in seen.answers:
            if said["worklist"]:
                yield Finding(
                    "worklist",
                    "warn",
                    name,
                    f"{said['worklist']} lost rows of {service} wait for an operator",
                    f"plek repair worklist {name}{'' if service == 'placement' else f' --service {service}'}",
                )


def clocks(sites: Sites) -> Iterator[Finding]:
    """Against the others, not against this machine: an embedded network's clock may have been moved as a whole."""
    ahead = {name: seen.clock_ahead for name, seen in sites.items() if seen.clock_ahead is not None}
    middle = statistics.median(ahead.values()) if ahead else 0.0
    for name, seconds in ahead.items():
        off = seconds - middle
        if abs(off) > SKEW_WARN_SECONDS:
            yield Finding(
                "clocks",
                "bad" if abs(off) > SKEW_BAD_SECONDS else "warn",
                name,
                f"its clock is {abs(off):.1f} s {'ahead of' if off > 0 else 'behind'} the others'",
                f"let {name} keep its time by NTP",
            )


def keys(sites: Sites) -> Iterator[Finding]:
    for name, seen in sites.items():
        settings = seen.settings
        wanted = [f"{account.lower()}.admin" for account in ACCOUNTS.values()]
        for user in sorted({*wanted, *settings.credentials}):
            path = settings.credentials.get(user)
            if path is None or not path.is_file():
                yield Finding(
                    "keys", "bad", name, f"the key of bus user {user} is missing", f"plek up makes it: {path}"
                )
            elif stat.S_IMODE(path.stat().st_mode) & 0o077:
                yield Finding("keys", "warn", name, f"others may read the key of bus user {user}", f"chmod 600 {path}")
        if not settings.token_keys.is_file():
            yield Finding(
                "keys",
                "bad",
                name,
                "the keys that tokens are checked with are missing",
                f"put them back: {settings.token_keys}",
            )


def versions(sites: Sites) -> Iterator[Finding]:
    running = {(name, service): said["versions"] for name, seen in sites.items() for service, said in seen.answers}
    for what in ("release", "contracts"):
        kinds = sorted({versions[what] for versions in running.values()})
        if len(kinds) > 1:
            where = {kind: sorted({name for (name, _), v in running.items() if v[what] == kind}) for kind in kinds}
            told = "; ".join(f"{kind} at {', '.join(names)}" for kind, names in where.items())
            yield Finding("versions", "warn", "", f"sites run different {what}: {told}", "upgrade the older ones")
    for (name, service), versions in running.items():
        now, wanted = versions["schema_now"], versions["schema_wanted"]
        if now is not None and now != wanted:
            yield Finding(
                "versions",
                "bad",
                name,
                f"the schema of {service} is {now}, its code wants {wanted}",
                f"plek migrate {name}",
            )


def disk(data: Path) -> Iterator[Finding]:
    """Room on the disk all sites share, and on that of each site with one of its own."""
    sites = Files(data).sites
    seen: set[int] = set()
    for place in [sites if sites.exists() else data, *sorted(path for path in sites.glob("*") if path.is_dir())]:
        device = place.stat().st_dev
        if device in seen:
            continue
        seen.add(device)
        name = "" if place in (sites, data) else place.name
        usage = shutil.disk_usage(place)
        free = f"{usage.free / 1024**3:.1f} GB free of {usage.total / 1024**3:.0f} under {place}"
        if usage.free < DISK_WARN_BYTES:
            state: State = "bad" if usage.free < DISK_BAD_BYTES else "warn"
            yield Finding("disk", state, name, free, "make room")
        yield Finding("disk", "ok", name, free)
