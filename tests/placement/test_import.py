"""An import reads ahead and sends ahead, and every location's nights come in their order all the same."""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from services.placement import jobs
from services.placement.overnight import COLUMNS
from tests.placement.test_overnight import ROW
from tests.support.desk import Desk, open_desk

FIRST = date(2021, 1, 1)
NIGHTS = jobs.NIGHTS_AT_ONCE * 2 + 1
AHEAD = (FIRST + timedelta(days=jobs.NIGHTS_AT_ONCE)).isoformat()
"""The first night that is read with the second part of a file."""


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as opened:
        yield opened


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Two locations, and beds that fill up night by night."""
    path = tmp_path / "nights.csv"
    with path.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, COLUMNS, restval="", extrasaction="ignore")
        writer.writeheader()
        for number in range(NIGHTS):
            occupied, night = number % 30, FIRST + timedelta(days=number)
            beds = {"OCCUPIED_BEDS": str(occupied), "UNOCCUPIED_BEDS": str(29 - occupied)}
            for location in ("1", "2"):
                where = {"LOCATION_ID": location, "PROGRAM_ID": location, "OCCUPANCY_DATE": night.isoformat()}
                writer.writerow(ROW | beds | where)
    return path


async def test_a_location_that_is_ahead_does_not_wait_for_another_and_no_night_overtakes_an_earlier(
    desk: Desk, file: Path
) -> None:
    ahead, done = asyncio.Event(), list[int]()

    async def in_turn(request: httpx.Request) -> None:
        if request.url.path != "/api/placement/imports/overnight":
            return
        body = json.loads(request.content)
        if body["location"] == "loc-2" and body["nights"][0]["night"] >= AHEAD:
            ahead.set()
        elif body["location"] == "loc-1":
            await asyncio.wait_for(ahead.wait(), 60)

    async with desk.caller("coordinator") as client:
        client.event_hooks["request"].append(in_turn)
        report = await jobs.import_overnight({"west": client}, [file], None, lambda now, _: done.append(now))
    assert (report.nights, report.accepted, report.not_accepted) == (NIGHTS, NIGHTS * 2, [])
    assert done[0] == 0
    assert done[-1] == file.stat().st_size
    shown = (await desk.get("/places", location="loc-1", limit=100)).json()["items"]
    assert sum(place["status"] == "occupied" for place in shown) == (NIGHTS - 1) % 30


async def test_a_site_that_refuses_ends_it_with_one_line(desk: Desk, file: Path) -> None:
    async with desk.caller("operator") as client:
        with pytest.raises(jobs.SiteRefuses, match="role-not-allowed"):
            await jobs.import_overnight({"west": client}, [file], None, lambda *_: None)
