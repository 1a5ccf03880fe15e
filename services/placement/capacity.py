"""The network's capacity as one site sees it: figures, how old they are, and what may be true of a site that fell
silent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

FRESH = timedelta(hours=2)
STALE = timedelta(hours=8)
"""Architecture, rule 7: counted from the last observation by a person, never from what a system wrote."""

LinkState = Literal["live", "late", "silent", "unknown"]

_SUMS = ("total", "occupied", "held", "blocked", "overflow", "people")


class SiteLink(msgspec.Struct, frozen=True):
    """How this site hears another. caught_up: everything that site said it told has been applied here.

    silent_seconds: since its last beat, on this site's own monotonic clock; None if there was none since this process
    began.
    """

    state: LinkState
    silent_seconds: float | None
    caught_up: bool = True


class CapacityRow(msgspec.Struct, frozen=True):
    """One kind at one location. Counts are places; people are people.

    available: total + overflow - occupied - held - blocked. available_min, available_max: what may be true now.
    """

    site: str
    location: str
    title: str
    district: str
    kind: str
    total: int
    occupied: int
    held: int
    blocked: int
    overflow: int
    available: int
    available_min: int
    available_max: int
    people: int
    observed_at: datetime | None
    freshness: str
    link: str
    silent_seconds: int | None
    incomplete: str | None = None


def freshness(observed_at: datetime | None, now: datetime) -> str:
    """`fresh`, `aging` or `stale` by the last look of a person; `never` when nobody looked yet."""
    if observed_at is None:
        return "never"
    age = now - observed_at
    return "fresh" if age < FRESH else "aging" if age < STALE else "stale"


def capacity(
    rows: Iterable[Mapping[str, Any]],
    now: datetime,
    link: Callable[[str], SiteLink],
    incomplete: Mapping[str, str] | None = None,
) -> list[CapacityRow]:
    """One line a location and kind, in order of site, location and kind.

    rows: of the `figures` view. link: how each site is heard. incomplete: origins that halted here, with the reason.
    Figures are exact while a site is live and caught up, last known while it is late, and anything from 0 to all
    places that are not blocked once it fell silent.
    """
    held_up = incomplete or {}
    groups: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["site"], row["location"], row["kind"]), []).append(row)
    return [_row(key, groups[key], now, link(key[0]), held_up) for key in sorted(groups)]


def _row(
    key: tuple[str, str, str], parts: list[Mapping[str, Any]], now: datetime, link: SiteLink, held_up: Mapping[str, str]
) -> CapacityRow:
    site, location, kind = key
    sums = {name: sum(part[name] for part in parts) for name in _SUMS}
    places = sums["total"] + sums["overflow"] - sums["blocked"]
    available = places - sums["occupied"] - sums["held"]
    reason = held_up.get(parts[0]["origin"])
    certain = link.state in ("live", "late") and reason is None
    seen = [part["observed_at"] for part in parts if part["observed_at"] is not None]
    observed_at = max(seen, default=None)
    return CapacityRow(
        site=site,
        location=location,
        title=parts[0]["title"],
        district=parts[0]["district"],
        kind=kind,
        available=available,
        available_min=available if certain else 0,
        available_max=available if certain else places,
        observed_at=observed_at,
        freshness=freshness(observed_at, now),
        link="late" if link.state == "live" and not link.caught_up else link.state,
        silent_seconds=None if link.silent_seconds is None else int(link.silent_seconds),
        incomplete=reason,
        **sums,
    )


def totals(rows: Iterable[CapacityRow]) -> dict[str, int]:
    """The sums over lines, bounds included."""
    names = (*_SUMS, "available", "available_min", "available_max")
    listed = list(rows)
    return {name: sum(getattr(row, name) for row in listed) for name in names}
