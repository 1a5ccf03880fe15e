"""Who has not been seen for some nights: what the night walks say of each stay. Pure.

A walk that notes places names the ones where somebody should have been and was not (`missing` of a head count). After
some nights of that the board proposes to end the stay, dated when they were last seen; a person decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from services.placement.decider_limits import OLD_MAX
from services.placement.decider_location import Stay

NIGHTS_DEFAULT = 3
"""Nights in a row, as the domain has it; a house may ask for more or fewer."""

ZONE = ZoneInfo("Europe/Amsterdam")
TO_TAP = timedelta(hours=1)
"""How long whoever sees a proposal has to follow it."""
NOON = timedelta(hours=12)
"""A walk before noon belongs to the night that began the evening before."""


class Absence(msgspec.Struct, frozen=True):
    """A stay nobody has seen for `nights` nights in a row. last_seen_at: by a walk, or when it began, moved or was last
    dealt with. end_at: the same, or the earliest time an end may still be dated at.
    """

    stay: Stay
    nights: int
    last_seen_at: datetime
    end_at: datetime


def absences(
    stays: Iterable[Stay], counts: Iterable[Mapping[str, Any]], now: datetime, nights: int = NIGHTS_DEFAULT
) -> list[Absence]:
    """The stays that were missing in at least `nights` nights in a row, the longest missing first.

    stays: of one location, present. counts: its head counts, rows of the view, in any order. now: UTC. Whoever is away
    with their places kept is not missing; nor is a stay that only night reports know.
    """
    walks = sorted((count for count in counts if not count["superseded"]), key=lambda count: count["observed_at"])
    found = []
    for stay in stays:
        if stay.programme is None and (stay.away_until is None or stay.away_until <= now):
            absence = _absence(stay, [walk for walk in walks if walk["kind"] == stay.kind], now)
            if absence.nights >= nights:
                found.append(absence)
    return sorted(found, key=lambda one: (-one.nights, one.last_seen_at, one.stay.id))


def _absence(stay: Stay, walks: Iterable[Mapping[str, Any]], now: datetime) -> Absence:
    last_seen, missing = max(stay.began_at, stay.tapped_at or stay.began_at), set[date]()
    for walk in walks:
        seen_at = walk["observed_at"]
        if walk["version"] < stay.version:  # somebody has dealt with this household since
            last_seen = max(last_seen, seen_at)
        elif walk["missing"] and set(stay.place_ids) <= set(walk["missing"]):
            if seen_at > last_seen and (stay.away_until is None or seen_at >= stay.away_until):
                missing.add(night_of(seen_at))
        elif walk["missing"] or walk["counted"] >= walk["expected"]:  # else people were counted, and no places noted
            last_seen = max(last_seen, seen_at)
            missing.clear()
    return Absence(stay, len(missing - {night_of(last_seen)}), last_seen, max(last_seen, now - OLD_MAX + TO_TAP))


def night_of(at: datetime) -> date:
    """The evening of the night a moment lies in, as the city counts days."""
    return (at.astimezone(ZONE) - NOON).date()
