"""A real city: three years of its nightly reports through the running network with one command, and every night of them
asked again, which has to be as it was published.

The clock says how long it took with whatever else ran on the machine; the processor time of every process of the
network, and of the import itself, says how long two cores need that have nothing else to do.

The reports are the City of Toronto's (CONTRIBUTING.md, "Data"). Contains information licensed under the Open Government
Licence - Toronto.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
import msgspec
from rich.console import Console

from bench.ground import Ground, Line, percentile
from bench.network import NETWORK
from bench.processes import processor_seconds
from services.placement import app
from services.placement.views_capacity import SERIES_SQL, figures_at
from tests.support.network import Network, running_network
from tests.support.overnight import By, counted_at, expected, published, shown

DATA = Path(os.environ.get("PLEK_DATA_DIR") or Path(__file__).resolve().parents[2] / "shared" / "data")
REPORTS = tuple(f"toronto-overnight-{year}.csv.gz" for year in (2021, 2022, 2023))
"""Those that are there go in with one command; the first one has to be."""
YEAR_NIGHTS, QUICK_NIGHTS = 365, 60
YEAR_SECONDS_MAX = 60.0
CORES = 2
AT_MS_MAX = 150.0
GROUPS, HISTORY_NIGHTS, ASKED = 320, 3 * 365, 40
IMPORT_SECONDS_MAX = 1800.0
FIRST = datetime(2021, 1, 1, 9, tzinfo=UTC)

THREE_YEARS = f"""
insert into figure_history (series, teller, location, kind, size_class, feature_class, epoch, sequence, site, title,
  district, total, overflow, occupied, held, blocked, people, observed_at, effective_at)
select {SERIES_SQL}, told.*
from generate_series(0, $2::int - 1) n, generate_series(1, $1::int) g,
  lateral (select $3::timestamptz + n * interval '1 day') as night(at),
  lateral (select 'west/placement', 'loc-' || g, 'shelter_24h', '1', '', 1, n * $1::int + g, 'west', 'A house',
  'Toronto', 60, 0, n % 60, 0, 0, n % 60, at, at) as told(teller, location, kind, size_class, feature_class)
"""


def run(ground: Ground) -> list[Line]:
    """Without the reports there is nothing to import: then only the question is measured, and that is said."""
    lines = [ground.run(_asked(ground))]
    if (DATA / REPORTS[0]).is_file():
        lines = [*_imported(ground), *lines]
    else:
        Console(stderr=True).print(f"bench city: {DATA / REPORTS[0]} is not there, so no year is imported")
    return lines


def _imported(ground: Ground) -> list[Line]:
    reports = [path for name in REPORTS if (path := DATA / name).is_file()]
    nights = QUICK_NIGHTS if ground.quick else sum(len(published([path], 366)) for path in reports)
    file = ground.directory / "city.toml"
    file.write_text(NETWORK, "utf-8")
    with running_network("--network", str(file), "--no-demo") as network:
        began, taken_before = time.perf_counter(), processor_seconds()
        done = network.plek("import", "overnight", *map(str, reports), "--nights", str(nights), "--json",
                            seconds_max=IMPORT_SECONDS_MAX)  # fmt: skip
        seen = network.plek("verify", "--wait", "120", seconds_max=180)
        seconds, taken = time.perf_counter() - began, processor_seconds() - taken_before
        assert (done.returncode, seen.returncode) == (0, 0), done.stderr + seen.stdout
        took = _asked_over_http(network, published(reports, nights))
    report = msgspec.json.decode(done.stdout)
    assert report["nights"] == nights
    assert not report["not_accepted"]
    year, processing = seconds * YEAR_NIGHTS / nights, taken * YEAR_NIGHTS / nights
    note = (
        f"{nights} nights; {report['accepted'] / seconds:,.0f} programme-nights a second, until every site shows them"
    )
    slow = percentile(took, 0.99)
    return [
        Line("nights of a real city", nights / seconds, "nights/s", "seconds for a year", year,
             year / YEAR_SECONDS_MAX, 1.0, at_most=True, note=note),
        Line("the same on cores of its own", processing / CORES, "s a year", "limit, s", YEAR_SECONDS_MAX,
             processing / CORES / YEAR_SECONDS_MAX, 1.0, at_most=True,
             note=f"{processing:.0f} s of processor time a year, of all processes"),
        Line("every one of those nights asked at the municipality", statistics.median(took), "ms", "p99, ms", slow,
             slow / AT_MS_MAX, 1.0, at_most=True, note="each as published, location by location"),
    ]  # fmt: skip


def _asked_over_http(network: Network, nights: Mapping[date, By]) -> list[float]:
    """Asks the municipality for every night, which has to be as published. What each answer took, in milliseconds."""
    took = []
    headers = {"Authorization": f"Bearer {network.token('stad', 'coordinator')}"}
    with httpx.Client(base_url=network.urls["stad"], headers=headers, timeout=30) as stad:
        for night, figures in expected(nights):
            began = time.perf_counter()
            answer = stad.get("/api/placement/capacity", params={"at": counted_at(night).isoformat()})
            took.append((time.perf_counter() - began) * 1000)
            assert shown(answer.json()) == figures, f"the night of {night} is not as published"
    return took


async def _asked(ground: Ground) -> Line:
    """A past night with three years of a city in the store."""
    async with ground.store(app.READER_TABLES) as store:
        await store.query(lambda pool: pool.execute(THREE_YEARS, GROUPS, HISTORY_NIGHTS, FIRST, timeout=120))
        await store.query(lambda pool: pool.execute("analyze figure_history"))
        times = []
        for number in range(ASKED):
            at = FIRST + timedelta(days=number * HISTORY_NIGHTS // ASKED, hours=3)
            began = time.perf_counter()
            rows = await figures_at(store, at)
            times.append((time.perf_counter() - began) * 1000)
            assert len(rows) == GROUPS
    slow = percentile(times, 0.99)
    return Line("capacity of any past night, three years stored", statistics.median(times), "ms", "p99, ms", slow,
                slow / AT_MS_MAX, 1.0, at_most=True, note=f"{GROUPS * HISTORY_NIGHTS:,} lines of history")  # fmt: skip
