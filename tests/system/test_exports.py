"""`plek export` on a running network: the same figures as the site's own, as CSV and as Parquet."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import polars
import pytest

from services.placement.columns import CAPACITY, SERVICE_CAPACITY
from tests.support.network import ROOT, Network, eventually


async def house(network: Network) -> str:
    """A location with three places, known at the municipality."""
    async with network.client("west") as west, network.client("stad", "coordinator") as stad:
        name, _ = await network.new_location(west, 3)

        async def known() -> bool:
            rows = (await stad.get("/api/placement/capacity", params={"location": name})).json()["rows"]
            return [(row["total"], row["link"]) for row in rows] == [(3, "live")]  # the first beat may be still to come

        await eventually("the municipality to know the house", known)
    return name


async def test_capacity_comes_out_as_it_is_shown(network: Network, tmp_path: Path) -> None:
    name = await house(network)
    done = network.plek("export", "capacity")
    assert done.returncode == 0, done.stderr
    reader = csv.DictReader(io.StringIO(done.stdout))
    (row,) = [row for row in reader if row["location"] == name]
    assert reader.fieldnames == list(CAPACITY)
    assert (row["site"], row["total"], row["available"], row["link"]) == ("west", "3", "3", "live")
    out = tmp_path / "capacity.parquet"
    assert network.plek("export", "capacity", "--format", "parquet", "--output", str(out)).returncode == 0
    frame = polars.read_parquet(out)
    assert frame.columns == list(CAPACITY)
    assert frame.filter(polars.col("location") == name)["available"].to_list() == [3]
    shown = json.loads(network.plek("capacity", "--json").stdout)
    assert frame.height == len(shown["rows"])


async def test_hsds_has_a_line_for_each_kind_at_each_location(network: Network, tmp_path: Path) -> None:
    await house(network)
    out = tmp_path / "service_capacity.csv"
    done = network.plek("export", "hsds", "--kind", "shelter_24h", "--output", str(out))
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(out.open(encoding="utf-8", newline="")))
    assert list(rows[0]) == list(SERVICE_CAPACITY)
    assert done.stderr.strip() == f"{len(rows)} rows."
    assert len({row["service_id"] for row in rows}) == len(rows)
    assert all(int(row["available"]) <= int(row["maximum"]) for row in rows)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("capacity", "--format", "parquet"), "say where to with --output FILE"),
        (("capacity", "--output", "/no/such/folder/x.csv"), "cannot write /no/such/folder/x.csv"),
        (("hsds", "--site", "atlantis"), "atlantis"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_is_said_in_one_line(network: Network, words: tuple[str, ...], says: str) -> None:
    done = network.plek("export", *words)
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_without_polars_one_line_says_what_to_install(network: Network, tmp_path: Path) -> None:
    (tmp_path / "polars.py").write_text("raise ImportError('not here')\n")
    out = tmp_path / "x.parquet"
    words = ("export", "overnight", "--format", "parquet", "--output", str(out), "--data", str(network.data))
    done = subprocess.run(
        [sys.executable, "-m", "infra.cli", *words], cwd=ROOT, capture_output=True, text=True, timeout=90, check=False,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 2
    assert "plek[parquet]" in done.stderr
    assert not out.exists()


def test_reported_nights_come_out_as_parquet_too(network: Network, tmp_path: Path) -> None:
    out = tmp_path / "nights.parquet"
    done = network.plek("export", "overnight", "--format", "parquet", "--output", str(out))
    assert done.returncode == 0, done.stderr
    assert "OCCUPANCY_DATE" in polars.read_parquet(out).columns
