"""A real city's nights, imported with one command over two sites, are at the municipality exactly as published, and
come out again as they went in.

Contains information licensed under the Open Government Licence - Toronto.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.network import Network, network_of, running_network
from tests.support.overnight import MADE_UP, Figures, counted_at, expected, published, shown

NIGHTS = 90
"""January to March 2021."""
REPORT = "toronto-overnight-2021.csv.gz"
SECONDS_MAX = 240

NETWORK = network_of("west", "noord")


@pytest.fixture(scope="module")
def imported(
    data_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Network, Path, dict[str, Any]]]:
    """A network of its own with the first nights in it, and what the command said."""
    file = tmp_path_factory.mktemp("network") / "network.toml"
    file.write_text(NETWORK, "utf-8")
    with running_network("--network", str(file), "--no-demo") as network:
        path = data_dir / REPORT
        done = network.plek(
            "import", "overnight", str(path), "--nights", str(NIGHTS), "--json", seconds_max=SECONDS_MAX
        )
        assert done.returncode == 0, done.stderr
        yield network, path, json.loads(done.stdout)


@pytest.mark.timeout(400)
def test_every_published_night_shows_at_stad_as_it_was_published(
    imported: tuple[Network, Path, dict[str, Any]],
) -> None:
    network, path, report = imported
    nights = published([path], NIGHTS)
    assert len(nights) == NIGHTS
    verified = network.plek("verify", "--wait", "60")
    assert verified.returncode == 0, verified.stderr + verified.stdout
    headers = {"Authorization": f"Bearer {network.token('stad', 'coordinator')}"}
    last: dict[str, Figures] = {}
    with httpx.Client(base_url=network.urls["stad"], headers=headers, timeout=20) as stad:
        for night, last in expected(nights):
            answer = stad.get("/api/placement/capacity", params={"at": counted_at(night).isoformat()})
            assert answer.status_code == 200, answer.text
            assert shown(answer.json()) == last, f"the night of {night}"
            if night.day == 1:
                assert seen_from(network, "noord", counted_at(night)) == last, f"the night of {night}, seen from noord"
        assert shown(stad.get("/api/placement/capacity").json()) == last
    assert report["nights"] == NIGHTS
    assert report["locations"] == len(last)
    assert report["not_accepted"] == []
    assert sorted(report["sites"]) == ["noord", "west"]
    assert min(report["sites"].values()) > report["locations"] // 3


def seen_from(network: Network, site: str, at: datetime) -> dict[str, Figures]:
    headers = {"Authorization": f"Bearer {network.token(site, 'coordinator')}"}
    with httpx.Client(base_url=network.urls[site], headers=headers, timeout=20) as client:
        return shown(client.get("/api/placement/capacity", params={"at": at.isoformat()}).json())


def test_what_went_in_comes_out_in_the_same_columns(
    imported: tuple[Network, Path, dict[str, Any]], tmp_path: Path
) -> None:
    network, path, _ = imported
    out = tmp_path / "nights.csv"
    done = network.plek("export", "overnight", "--format", "csv", "--output", str(out))
    assert done.returncode == 0, done.stderr
    assert "Open Government Licence - Toronto" in done.stderr
    last = max(published([path], NIGHTS)).isoformat()
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        given = [row for row in csv.DictReader(lines) if row["OCCUPANCY_DATE"] <= last]
    with out.open(encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines)
        columns = list(reader.fieldnames or ())
        got = [row for row in reader if not row["LOCATION_ID"].startswith(MADE_UP)]
    assert columns == [name for name in given[0] if name != "_id"]
    assert sorted(tuple(row.values()) for row in got) == sorted(tuple(row[name] for name in columns) for row in given)
    assert [row["OCCUPANCY_DATE"] for row in got] == sorted(row["OCCUPANCY_DATE"] for row in got)


def test_the_whole_rows_of_a_torn_file_are_taken_over_and_the_next_file_too(
    imported: tuple[Network, Path, dict[str, Any]], tmp_path: Path
) -> None:
    network, path, _ = imported
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(islice(lines, 400)))
    reported = [row | {"LOCATION_ID": f"{MADE_UP}9", "PROGRAM_ID": f"{n % 90}"} for n, row in enumerate(rows)]
    whole, torn = tmp_path / "whole.csv.gz", tmp_path / "torn.csv.gz"
    later = [row | {"OCCUPANCY_DATE": "2021-04-01"} for row in reported[:3]]
    for file, content in ((torn, reported), (whole, later)):
        with gzip.open(file, "wt", encoding="utf-8", newline="") as text:
            writer = csv.DictWriter(text, list(content[0]))
            writer.writeheader()
            writer.writerows(content)
    torn.write_bytes(torn.read_bytes()[: torn.stat().st_size // 2])
    done = network.plek("import", "overnight", str(torn), str(whole), "--sites", "1", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert {(row["file"], row["why"]) for row in report["not_accepted"] if "file-torn" in row["why"]} == {
        ("torn.csv.gz", "file-torn")
    }
    assert 3 < report["accepted"] < 400
    headers = {"Authorization": f"Bearer {network.token(next(iter(report['sites'])), 'coordinator')}"}
    with httpx.Client(base_url=network.urls[next(iter(report["sites"]))], headers=headers, timeout=20) as client:
        found = client.get("/api/placement/nights", params={"location": f"loc-{MADE_UP}9", "night": "2021-04-01"})
    assert sum(bool(row["words"]) for row in found.json()["items"]) == 3


def test_importing_the_same_again_changes_nothing(imported: tuple[Network, Path, dict[str, Any]]) -> None:
    network, path, first = imported
    before = network.plek("capacity", "--json")
    again = network.plek("import", "overnight", str(path), "--nights", "2", "--json", seconds_max=SECONDS_MAX)
    assert again.returncode in (0, 1)
    report = json.loads(again.stdout)
    assert report["accepted"] == 0
    assert (report["not_accepted"], report["ignored"] > 200) == ([], True)
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
