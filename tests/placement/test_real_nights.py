"""The first 14 nights of 2021 of a real city through the decider: after each, every location is as published.

Contains information licensed under the Open Government Licence - Toronto.
"""

from __future__ import annotations

import gzip
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from services.placement.decider import LOCATION, decide
from services.placement.decider_location import Location
from services.placement.overnight import Tonight, by_night, open_location, read_nights, record_night
from services.placement.publish import figures
from shared.kernel import Rejected
from tests.placement.sample import AT

NIGHTS = 14


def published_nights(data_dir: Path) -> Iterator[Tonight]:
    with gzip.open(data_dir / "toronto-overnight-2021.csv.gz", "rt", encoding="utf-8", newline="") as lines:
        for count, tonight in enumerate(by_night(read_nights(lines))):
            if count == NIGHTS:
                return
            yield tonight


def adopt(tonight: Tonight, locations: dict[str, Location]) -> None:
    for row in (*tonight.reported, *tonight.vanished):
        state = locations.get(row.location, LOCATION.initial)
        for command in (open_location(row, "west", AT, "system"), record_night(row, AT, "system")):
            outcome = decide(state, command)
            assert not isinstance(outcome, Rejected), outcome
            state = LOCATION.fold(state, outcome)
        locations[row.location] = state


def test_after_every_night_every_location_is_as_published(data_dir: Path) -> None:
    locations: dict[str, Location] = {}
    remarks: Counter[str] = Counter()
    nights = 0
    for tonight in published_nights(data_dir):
        nights += 1
        assert not tonight.problems
        adopt(tonight, locations)
        published: dict[str, Counter[str]] = defaultdict(Counter)
        for row in tonight.reported:
            remarks.update(row.remarks)
            published[row.location].update(
                occupied=row.occupied, available=row.available, blocked=row.blocked, total=row.total
            )
        for name, state in locations.items():
            rows = figures(state).rows
            assert {
                "occupied": sum(row.occupied for row in rows),
                "available": sum(row.available for row in rows),
                "blocked": sum(row.blocked for row in rows),
                "total": sum(row.total for row in rows),
            } == {column: published[name][column] for column in ("occupied", "available", "blocked", "total")}
    assert nights == NIGHTS
    # What the file holds: 103 location ids in these nights, and one place that is only known by its shelter.
    assert len(locations) == 104
    assert sum(name.startswith("shelter-") for name in locations) == 2
    assert remarks["location-id-missing"] == 28
