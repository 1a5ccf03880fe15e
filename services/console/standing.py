"""How this site's logs stand on the bus, and how other sites stand in the network: what it would take to fill a stream
again, to let a site leave, or to bring one in, and the command that does it where it can be done. Pure.

A stream is filled anew by a request to its service. Sites join and leave at a machine: that takes keys and files no
browser has.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.console.state import worst_links
from services.console.words import Words

Row = Mapping[str, Any]

Said = Mapping[str, Row | None]
"""Service -> what it says of itself; None: it does not answer."""


@dataclass(frozen=True)
class LogStands:
    """One log of this site. told: rows the service keeps; published: of those, on the bus. verdict: in words. command:
    what to give on the site's machine, or nothing. alarm: somebody has to look.
    """

    service: str
    log: str
    told: str
    published: str
    verdict: str
    command: str
    alarm: bool
    fillable: bool


@dataclass(frozen=True)
class SiteStands:
    """One site of the network. against: what speaks against its leaving now, as far as this site knows. command:
    of its dry run, or nothing for a site the network cannot be without.
    """

    name: str
    link: str
    occupied: str
    held: str
    against: Sequence[str]
    command: str


@dataclass(frozen=True)
class Standing:
    """Everything the screen shows."""

    logs: Sequence[LogStands]
    sites: Sequence[SiteStands]


def standing(
    said: Said, rows: Sequence[Row] | None, sites: Sequence[str], own: str, bound: Container[str], words: Words
) -> Standing:
    """said: what this site's services say of themselves. rows: of `GET /api/placement/capacity`; None: not answered.
    sites: every one of the network. own: this site. bound: those the network cannot be without, its hub and its
    municipality.
    """
    logs = [_log(own, service, one, log, words) for service, one in said.items() if one for log in one["logs"]]
    links = {site: link["state"] for site, link in worst_links(one for one in said.values() if one).items()}
    return Standing(logs, [_site(name, rows, links, said, own, bound, words) for name in sorted(sites)])


def _log(site: str, service: str, one: Row, log: Row, words: Words) -> LogStands:
    told, published = log["outbox"], log["published"]
    shown = "" if published is None else words.number(published)
    if one["halted"]:
        verdict, command = words("standing.halted"), f"plek repair origin {site} {service} --dry-run"
    elif log["doubted"]:
        verdict, command = words("standing.doubted"), "plek doctor"
    elif published is None:
        verdict, command = words("standing.unknown", n=told), "plek repair streams --dry-run"
    elif published < told:
        verdict, command = words("standing.fills", n=told - published), "plek repair streams --dry-run"
    else:
        verdict, command = words("standing.whole"), ""
    return LogStands(service, log["log"], words.number(told), shown, verdict, command, bool(command),
                     fillable=not (one["halted"] or log["doubted"] or published is None))  # fmt: skip


def _site(
    name: str, rows: Sequence[Row] | None, links: Mapping[str, str], said: Said, own: str, bound: Container[str],
    words: Words,
) -> SiteStands:  # fmt: skip
    mine = [row for row in rows or () if row["site"] == name]
    occupied, held = (sum(row[what] for row in mine) for what in ("occupied", "held"))
    link = "live" if name == own else links.get(name, "unknown")
    against = []
    if name in bound:
        against.append(words("standing.hub"))
    if rows is None:
        against.append(words("standing.people_unknown"))
    elif occupied or held:
        against.append(words("standing.people", occupied=words.number(occupied), held=words.number(held)))
    if link != "live":
        against.append(words("standing.not_live"))
    behind = max((_behind(one, name) for one in said.values() if one), default=0)
    if behind:
        against.append(words("standing.behind", n=words.number(behind)))
    if name == own and any(one["halted"] or any(log["doubted"] for log in one["logs"]) for one in said.values() if one):
        against.append(words("standing.not_sure"))
    command = "" if name in bound else f"plek site remove {name} --dry-run"
    shown = ("", "") if rows is None else (words.number(occupied), words.number(held))
    return SiteStands(name, link, *shown, against, command)


def _behind(one: Row, site: str) -> int:
    """How many messages of a site a service here has not read."""
    counts = [n for reader in one["readers"] for origin, n in reader["behind"].items() if origin.startswith(f"{site}/")]
    return max(counts, default=0)
