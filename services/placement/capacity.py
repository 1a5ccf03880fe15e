"""The network's capacity as one site sees it: figures, how old they are, and what may be true of a site that fell
silent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from heapq import nsmallest
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from shared.contracts.vocabulary import BED_KINDS, SIZE_CLASSES

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


def caught_up(marks: Iterable[tuple[tuple[int, int], tuple[int, int]]]) -> bool:
    """Whether everything is applied that was told.

    marks: of each origin, the epoch and the sequence it has told last, and those applied last. An origin that never
    told anything keeps nobody waiting: there is nothing of it that could be applied.
    """
    return all(applied >= told or (told[1] == 0 and applied == (0, 0)) for told, applied in marks)


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
    counted = kind not in BED_KINDS  # by whoever gives them out: nobody has to look
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


class Part(msgspec.Struct, frozen=True, gc=False):
    """The free places of one size class and feature class of a house. sleeps: people each of them may sleep at most."""

    free: int
    sleeps: int
    features: frozenset[str]


class Room(msgspec.Struct, frozen=True, gc=False):
    """A location that has free places of a kind, as everybody's figures tell: what each search begins with. most: free
    places of all parts."""

    site: str
    location: str
    title: str
    district: str
    kind: str
    origin: str
    parts: tuple[Part, ...]
    most: int
    observed_at: datetime | None


def rooms(rows: Iterable[Mapping[str, Any]]) -> list[Room]:
    """Every location and kind with a free place. rows: of the `figures` view."""
    groups: dict[tuple[str, str, str], list[tuple[Part, Mapping[str, Any]]]] = {}
    for row in rows:
        free = row["total"] + row["overflow"] - row["occupied"] - row["held"] - row["blocked"]
        if free > 0:
            part = Part(free, SLEEPS_AT_MOST[row["size_class"]], frozenset(row["feature_class"].split("+")))
            groups.setdefault((row["site"], row["location"], row["kind"]), []).append((part, row))
    made = []
    for (site, location, kind), there in groups.items():
        parts, first = tuple(part for part, _ in there), there[0][1]
        seen = max((row["observed_at"] for _, row in there if row["observed_at"] is not None), default=None)
        most = sum(part.free for part in parts)
        made.append(Room(site, location, first["title"], first["district"], kind, first["origin"], parts, most, seen))
    return made


_Order = tuple[int, bool, bool, bool, int, int, str, str, str]
"""How near a room is, the least first: features missing, unsure, in several places, in another district, age of its
figures, free places (below zero), site, location, kind."""


def search(
    places: Iterable[Room],
    wanted: Wanted,
    now: datetime,
    link: Callable[[str], SiteLink],
    incomplete: Mapping[str, str] | None = None,
    limit: int | None = None,
) -> list[Found]:
    """Where a household may find room, the nearest match first: nothing missing before something, sure before unsure
    (a site that fell silent, or whose figures are not whole), one place before several, the district asked for before
    others, fresh before stale, much room before little. At most `limit` of them.

    Figures know size classes, not places: whether a household fits is for the location to say when it is asked.
    """
    held_up = incomplete or {}
    links: dict[str, SiteLink] = {}
    fresh_from, stale_before = now - FRESH, now - STALE
    found: list[tuple[_Order, Room, list[str]]] = []
    for room in places:
        heard = links.get(room.site)
        if heard is None:
            heard = links[room.site] = link(room.site)
        fits = _fits(room, wanted)
        if fits is None:
            continue
        available, whole, lacking = fits
        seen = room.observed_at
        age = 3 if seen is None else 0 if seen > fresh_from else 1 if seen > stale_before else 2
        sure = heard.state in ("live", "late") and room.origin not in held_up
        elsewhere = wanted.district is not None and wanted.district != room.district
        order = (len(lacking), not sure, not whole, elsewhere, age, -available, room.site, room.location, room.kind)
        found.append((order, room, lacking))
    nearest = sorted(found) if limit is None else nsmallest(limit, found)
    return [_found(order, room, lacking, links[room.site]) for order, room, lacking in nearest]


def _fits(room: Room, wanted: Wanted) -> tuple[int, bool, list[str]] | None:
    """Free places that may fit, whether one of them sleeps the household, and the features that are missing where
    fewest are; None when they cannot sleep so many."""
    near, least, size = room.parts, list[str](), wanted.household_size
    if wanted.features:
        lacking = [sorted(wanted.features - part.features) for part in near]
        least = min(lacking, key=len)
        near = tuple(part for part, lacks in zip(near, lacking, strict=True) if lacks == least)
    whole = sum([part.free for part in near if part.sleeps >= size])
    if whole:
        return whole, True, least
    if room.kind == UNIT_KIND or sum(part.free * part.sleeps for part in near) < size:
        return None
    return sum(part.free for part in near), False, least


def _found(order: _Order, room: Room, lacking: list[str], heard: SiteLink) -> Found:
    _, unsure, in_parts, _, age, less, *_ = order
    return Found(
        site=room.site,
        location=room.location,
        title=room.title,
        district=room.district,
        kind=room.kind,
        available=-less,
        available_min=0 if unsure else -less,
        whole=not in_parts,
        missing_features=lacking,
        observed_at=room.observed_at,
        freshness=_FRESHEST[age],
        link="late" if heard.state == "live" and not heard.caught_up else heard.state,
        silent_seconds=None if heard.silent_seconds is None else int(heard.silent_seconds),
    )
