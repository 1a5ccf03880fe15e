"""What the public overnight reports say of every night and location, and what a site shows of it: read on its own, not
with the code that imports them.

Contains information licensed under the Open Government Licence - Toronto.
"""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple


class Figures(NamedTuple):
    """What a location's report says of one night, over all its programmes."""

    occupied: int
    available: int
    blocked: int
    total: int


NOBODY = Figures(0, 0, 0, 0)

MADE_UP = "90000"
"""How the ids of locations begin that a test invents beside the real ones."""

By = dict[str, Figures]
"""By location."""


def published(paths: Iterable[Path], nights: int) -> dict[date, By]:
    """The first nights of these files, one after the other."""
    found: dict[date, By] = {}
    for path in paths:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                night = date.fromisoformat(row["OCCUPANCY_DATE"][:10])
                if night not in found and len(found) == nights:
                    return found
                location, one = _figures(row)
                before = found.setdefault(night, defaultdict(lambda: NOBODY))[location]
                found[night][location] = _sum(before, one)
    return found


def _figures(row: Mapping[str, str]) -> tuple[str, Figures]:
    """A row's location and counts. Unavailable below zero was never a count of places (decision 16)."""
    unit = "BED" if row["CAPACITY_TYPE"].startswith("Bed") else "ROOM"
    occupied, unoccupied, unavailable = (
        int(row[f"{name}_{unit}S"] or 0) for name in ("OCCUPIED", "UNOCCUPIED", "UNAVAILABLE")
    )
    blocked = max(0, unavailable)
    location = f"loc-{row['LOCATION_ID']}" if row["LOCATION_ID"] else f"shelter-{row['SHELTER_ID']}"
    return location, Figures(occupied, max(0, unoccupied), blocked, int(row[f"CAPACITY_ACTUAL_{unit}"]) + blocked)


def _sum(one: Figures, other: Figures) -> Figures:
    return Figures(*(a + b for a, b in zip(one, other, strict=True)))


def expected(nights: Mapping[date, By]) -> Iterator[tuple[date, By]]:
    """Night by night what has to be shown: a location that was reported before and is not tonight has nobody in it and
    nothing free."""
    known: set[str] = set()
    for night, figures in nights.items():
        known |= figures.keys()
        yield night, {location: figures.get(location, NOBODY) for location in known}


def counted_at(night: date) -> datetime:
    """A moment at which a night's report holds: noon after it."""
    return datetime.combine(night + timedelta(days=1), datetime.min.time(), UTC) + timedelta(hours=12)


def shown(capacity: Mapping[str, Any]) -> By:
    """What a site shows, by location."""
    found: By = {}
    for row in capacity["rows"]:
        name = row["location"]
        if name.startswith(("loc-", "shelter-")) and not name.startswith(f"loc-{MADE_UP}"):
            one = Figures(row["occupied"], row["available"], row["blocked"], row["total"])
            found[name] = _sum(found.get(name, NOBODY), one)
    return found
