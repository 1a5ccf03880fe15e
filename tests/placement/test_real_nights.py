"""The first quarter of 2021 of a real city through the decider: after each night every location is as published, and
what is kept of the nights is the file again.

Contains information licensed under the Open Government Licence - Toronto.
"""

from __future__ import annotations

import csv
import gzip
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from services.placement import views
from services.placement.decider import LOCATION, decide
from services.placement.decider_location import Location
from services.placement.nights import EXPORTED, by_night, open_location, published_row, record_night
from services.placement.overnight import Tonight, read_nights
from services.placement.publish import figures
from shared.kernel import Rejected
from shared.ports import Put
from tests.placement.sample import AT

LAST = date(2021, 3, 31)
REPORT = "toronto-overnight-2021.csv.gz"


def published_nights(data_dir: Path) -> Iterator[Tonight]:
    with gzip.open(data_dir / REPORT, "rt", encoding="utf-8", newline="") as lines:
        for tonight in by_night(read_nights(lines)):
            if tonight.night is None or tonight.night > LAST:
                return
            yield tonight


def adopt(tonight: Tonight, locations: dict[str, Location], kept: dict[str, dict[str, str] | None]) -> None:
    columns = [column.name for column in views.nights.columns]
    for row in (*tonight.vanished, *tonight.reported):
        state = locations.get(row.location, LOCATION.initial)
        for command in (open_location(row, "west", AT, "system"), record_night(row, AT, "system")):
            outcome = decide(state, command)
            if isinstance(outcome, Rejected):
                assert outcome.code == "location-differs"  # another title since: the first one stays
                continue
            before, state = state, LOCATION.fold(state, outcome)
            for change in views.project(before, outcome, state, AT):
                if change.table is views.nights:
                    assert isinstance(change, Put)
                    kept[change.values[0]] = published_row(dict(zip(columns, change.values, strict=True)))
        locations[row.location] = state


def test_after_every_night_every_location_is_as_published_and_the_file_comes_back(data_dir: Path) -> None:
    locations: dict[str, Location] = {}
    kept: dict[str, dict[str, str] | None] = {}
    remarks: Counter[str] = Counter()
    nights = 0
    for tonight in published_nights(data_dir):
        nights += 1
        assert not tonight.problems
        adopt(tonight, locations, kept)
        published: dict[str, Counter[str]] = defaultdict(Counter)
        for row in tonight.reported:
            remarks.update(row.remarks)
            published[row.location].update(
                occupied=row.occupied, available=row.available, blocked=row.blocked, total=row.total
            )
        for name, state in locations.items():
            rows = figures(state).read().rows
            assert {
                "occupied": sum(row.occupied for row in rows),
                "available": sum(row.available for row in rows),
                "blocked": sum(row.blocked for row in rows),
                "total": sum(row.total for row in rows),
            } == {column: published[name][column] for column in ("occupied", "available", "blocked", "total")}
    assert nights == 90
    assert remarks["location-id-missing"] > 28
    with gzip.open(data_dir / REPORT, "rt", encoding="utf-8", newline="") as lines:
        rows_of_the_file = [row for row in csv.DictReader(lines) if row["OCCUPANCY_DATE"] <= LAST.isoformat()]
    exported = [row for row in kept.values() if row is not None]
    assert len(exported) == len(rows_of_the_file) > 12_000

    def facts(row: dict[str, str]) -> tuple[str, ...]:
        return tuple(row[name] for name in EXPORTED)

    assert sorted(map(facts, exported)) == sorted(map(facts, rows_of_the_file))
