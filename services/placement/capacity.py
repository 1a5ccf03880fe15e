"""The network's capacity as one site sees it: figures, how old they are, and what may be true of a site that fell
silent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from shared.contracts.vocabulary import SEAT_KINDS, SIZE_CLASSES

FRESH = timedelta(hours=2)
STALE = timedelta(hours=8)
"""Architecture, rule 7: counted from the last observation by a person, never from what a system wrote."""

LinkState = Literal["live", "late", "silent", "unknown", "retired"]

_SUMS = ("total", "occupied", "held", "blocked", "overflow", "people")


class SiteLink(msgspec.Struct, frozen=True):
    """How this site hears another. caught_up: everything that site said it told has been applied here.

    silent_seconds: since its last beat, on this site's own monotonic clock; None if there was none since this process
    began. `retired`: it has left the network, and says nothing more.
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
    certain = link.state in ("live", "late", "retired") and reason is None
    seen = [part["observed_at"] for part in parts if part["observed_at"] is not None]
    counted = kind in SEAT_KINDS  # by whoever gives them out: nobody has to look
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
        freshness="fresh" if counted else freshness(observed_at, now),
        link="late" if link.state == "live" and not link.caught_up else link.state,
        silent_seconds=None if link.silent_seconds is None else int(link.silent_seconds),
        incomplete=reason,
        **sums,
    )


def without_room(row: CapacityRow) -> CapacityRow:
    """A line of a site that has left the network, for the time after: its last figures, and nothing to be had."""
    return replace(row, available=0, available_min=0, available_max=0)


def totals(rows: Iterable[CapacityRow]) -> dict[str, int]:
    """The sums over lines, bounds included."""
    names = (*_SUMS, "available", "available_min", "available_max")
    listed = list(rows)
    return {name: sum(getattr(row, name) for row in listed) for name in names}


# --- who has room -----------------------------------------------------------------------------------------------------

SLEEPS_AT_MOST = dict(zip(SIZE_CLASSES, (1, 2, 4, 20), strict=True))
"""How many people a place of each size class may sleep."""
UNIT_KIND = "family_shelter"
_FRESHEST = ("fresh", "aging", "stale", "never")


class Wanted(msgspec.Struct, frozen=True):
    """What somebody looks for. household_size: people. district: where it would be best."""

    household_size: int
    features: frozenset[str]
    district: str | None


class Found(msgspec.Struct, frozen=True):
    """Room of one kind at one location. available: free places that may fit. available_min: what is sure.

    whole: one place may sleep the household. missing_features: asked for, and not there.
    """

    site: str
    location: str
    title: str
    district: str
    kind: str
    available: int
    available_min: int
    whole: bool
    missing_features: list[str]
    observed_at: datetime | None
    freshness: str
    link: str
    silent_seconds: int | None


def search(
    rows: Iterable[Mapping[str, Any]],
    wanted: Wanted,
    now: datetime,
    link: Callable[[str], SiteLink],
    incomplete: Mapping[str, str] | None = None,
) -> list[Found]:
    """Where a household may find room, the nearest match first: nothing missing before something, sure before unsure
    (a site that fell silent, or whose figures are not whole), one place before several, the district asked for before
    others, fresh before stale, much room before little.

    Figures know size classes, not places: whether a household fits is for the location to say when it is asked.
    """
    held_up = incomplete or {}
    groups: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        if _free(row) > 0:
            groups.setdefault((row["site"], row["location"], row["kind"]), []).append(row)
    found = []
    links = {site: link(site) for site in {site for site, _, _ in groups}}
    for (site, _, _), parts in groups.items():
        heard = links[site]
        sure = heard.state in ("live", "late") and parts[0]["origin"] not in held_up
        one = _found(parts, wanted, now, heard, sure)
        if one is not None:
            found.append(one)
    return sorted(found, key=lambda one: _distance(one, wanted))


def _distance(one: Found, wanted: Wanted) -> tuple[object, ...]:
    return (
        len(one.missing_features),
        one.available_min == 0,
        not one.whole,
        wanted.district not in (None, one.district),
        _FRESHEST.index(one.freshness),
        -one.available,
        one.site,
        one.location,
        one.kind,
    )


def _free(row: Mapping[str, Any]) -> int:
    return int(row["total"] + row["overflow"] - row["occupied"] - row["held"] - row["blocked"])


def _found(parts: list[Mapping[str, Any]], wanted: Wanted, now: datetime, heard: SiteLink, sure: bool) -> Found | None:
    """The groups of one location and kind that lack fewest of the features; None when they cannot sleep so many."""
    near, least = parts, list[str]()
    if wanted.features:
        lacking = [sorted(wanted.features.difference(part["feature_class"].split("+"))) for part in parts]
        least = min(lacking, key=len)
        near = [part for part, lacks in zip(parts, lacking, strict=True) if lacks == least]
    whole = [part for part in near if SLEEPS_AT_MOST[part["size_class"]] >= wanted.household_size]
    together = sum(_free(part) * SLEEPS_AT_MOST[part["size_class"]] for part in near)
    if not whole and (near[0]["kind"] == UNIT_KIND or together < wanted.household_size):
        return None
    first = parts[0]
    available = sum(map(_free, whole or near))
    observed_at = max((part["observed_at"] for part in parts if part["observed_at"] is not None), default=None)
    return Found(
        site=first["site"],
        location=first["location"],
        title=first["title"],
        district=first["district"],
        kind=first["kind"],
        available=available,
        available_min=available if sure else 0,
        whole=bool(whole),
        missing_features=least,
        observed_at=observed_at,
        freshness=freshness(observed_at, now),
        link="late" if heard.state == "live" and not heard.caught_up else heard.state,
        silent_seconds=None if heard.silent_seconds is None else int(heard.silent_seconds),
    )
