"""A real city's nights, imported with one command at west, are at the municipality exactly as they were published."""

from __future__ import annotations

import csv
import gzip
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from tests.support.network import Network, running_network

NIGHTS = 14
REPORT = "toronto-overnight-2021.csv.gz"
SECONDS_MAX = 170


class Figures(NamedTuple):
    """What a location's report says of one night, over all its programmes."""

    occupied: int
    available: int
    blocked: int


NOBODY = Figures(0, 0, 0)

MADE_UP = "90000"
"""How the ids of locations begin that a test here invents; the tests run in any order, on one network."""


def published(path: Path, nights: int) -> dict[date, dict[str, Figures]]:
    """The first nights of a file, read here on its own: not with the code that is tested."""
    found: dict[date, dict[str, Figures]] = {}
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            night = date.fromisoformat(row["OCCUPANCY_DATE"][:10])
            if night not in found and len(found) == nights:
                break
            unit = "BED" if row["CAPACITY_TYPE"].startswith("Bed") else "ROOM"
            numbers = [int(row[f"{name}_{unit}S"] or 0) for name in ("OCCUPIED", "UNOCCUPIED", "UNAVAILABLE")]
            location = f"loc-{row['LOCATION_ID']}" if row["LOCATION_ID"] else f"shelter-{row['SHELTER_ID']}"
            before = found.setdefault(night, defaultdict(lambda: NOBODY))[location]
            one = Figures(numbers[0], max(0, numbers[1]), numbers[2])
            found[night][location] = Figures(*(a + b for a, b in zip(before, one, strict=True)))
    return found


def shown(capacity: Mapping[str, Any]) -> dict[str, Figures]:
    """What a site shows, by location."""
    found: dict[str, Figures] = defaultdict(lambda: NOBODY)
    for row in capacity["rows"]:
        if row["location"].startswith(f"loc-{MADE_UP}"):
            continue
        one = Figures(row["occupied"], row["available"], row["blocked"])
        found[row["location"]] = Figures(*(a + b for a, b in zip(found[row["location"]], one, strict=True)))
    return found


@pytest.fixture(scope="module")
def imported(data_dir: Path) -> Iterator[tuple[Network, Path, dict[str, Any]]]:
    """A network of its own with the first nights in it, and what the command said."""
    with running_network("--no-demo") as network:
        path = data_dir / REPORT
        done = network.plek(
            "import", "overnight", str(path), "--nights", str(NIGHTS), "--json", seconds_max=SECONDS_MAX
        )
        assert done.returncode == 0, done.stderr
        yield network, path, json.loads(done.stdout)


@pytest.mark.timeout(300)
def test_every_published_night_shows_at_stad_as_it_was_published(
    imported: tuple[Network, Path, dict[str, Any]],
) -> None:
    network, path, report = imported
    nights = published(path, NIGHTS)
    assert len(nights) == NIGHTS
    verified = network.plek("verify", "--wait", "60")
    assert verified.returncode == 0, verified.stderr + verified.stdout
    headers = {"Authorization": f"Bearer {network.token('stad', 'coordinator')}"}
    known: set[str] = set()
    with httpx.Client(base_url=network.urls["stad"], headers=headers, timeout=20) as stad:
        for night, figures in nights.items():
            known |= figures.keys()
            counted = datetime.combine(night + timedelta(days=1), datetime.min.time(), UTC) + timedelta(hours=12)
            answer = stad.get("/api/placement/capacity", params={"at": counted.isoformat()})
            assert answer.status_code == 200, answer.text
            # A location that was reported before and is not tonight has nobody in it and nothing free.
            expected = {location: figures.get(location, NOBODY) for location in known}
            assert dict(shown(answer.json())) == expected, f"the night of {night}"
        now = dict(shown(stad.get("/api/placement/capacity").json()))
        last = nights[max(nights)]
        assert now == {location: last.get(location, NOBODY) for location in known}
    assert report["nights"] == NIGHTS
    assert report["locations"] == len(known)
    assert report["not_accepted"] == []


def test_importing_the_same_again_changes_nothing(imported: tuple[Network, Path, dict[str, Any]]) -> None:
    network, path, first = imported
    before = network.plek("capacity", "--json")
    again = network.plek("import", "overnight", str(path), "--nights", "2", "--json", seconds_max=SECONDS_MAX)
    assert again.returncode in (0, 1)
    report = json.loads(again.stdout)
    assert report["accepted"] == 0
    # Nights older than the last one recorded are refused by name; none is taken over twice.
    assert {row["why"] for row in report["not_accepted"]} <= {"night-superseded"}
    after = network.plek("capacity", "--json")
    assert json.loads(after.stdout)["totals"] == json.loads(before.stdout)["totals"]
    assert first["accepted"] > 0


def test_rows_that_cannot_be_adopted_are_listed_with_the_reason(
    imported: tuple[Network, Path, dict[str, Any]], tmp_path: Path
) -> None:
    network, path, _ = imported
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        header, good, bad = (next(lines) for _ in range(3))
    (columns, first, second) = next(csv.reader([header])), next(csv.reader([good])), next(csv.reader([bad]))
    for row, location, programme in ((first, f"{MADE_UP}1", f"{MADE_UP}1"), (second, f"{MADE_UP}2", f"{MADE_UP}2")):
        row[columns.index("LOCATION_ID")], row[columns.index("PROGRAM_ID")] = location, programme
    second[columns.index("SECTOR")] = "Penguins"
    made = tmp_path / "made.csv"
    with made.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns, first, second])

    done = network.plek("import", "overnight", str(made))

    assert done.returncode == 0, done.stderr
    assert "1 programme-nights taken over, 0 known already, 1 not accepted" in " ".join(done.stdout.split())
    assert "sector-unknown" in done.stdout
    assert "Open Government Licence - Toronto" in done.stdout


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00nonsense", b"a,b\n1,2\n"])
def test_a_file_that_is_no_report_is_refused_in_one_line(
    imported: tuple[Network, Path, dict[str, Any]], tmp_path: Path, content: bytes | None
) -> None:
    network, _, _ = imported
    path = tmp_path / "report.csv"
    if content is not None:
        path.write_bytes(content)
    done = network.plek("import", "overnight", str(path))
    assert done.returncode == (1 if content == b"a,b\n1,2\n" else 2)
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert "Traceback" not in done.stderr
