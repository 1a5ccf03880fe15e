"""The municipality hears what sessions of a house came to when their week is over: of those that were full, and of a
year's internship that is full too."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.network import Network, eventually, running_network


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with running_network("--no-demo") as started:
        yield started


async def test_full_sessions_and_days_without_a_seat_show_to_the_municipality_by_week_and_kind(
    network: Network,
) -> None:
    begins = datetime.now(UTC)
    async with network.client("west") as house:
        location, _ = await network.new_location(house, 1)
        for kind, ends in (("consultation", timedelta(hours=2)), ("internship", timedelta(days=300))):
            times = {"starts_at": begins.isoformat(), "ends_at": (begins + ends).isoformat()}
            body = {"location": location, "kind": kind, "seats": 1} | times
            session = (await house.post("/api/placement/sessions", json=body)).json()["id"]
            assert (await house.post(f"/api/placement/sessions/{session}/book")).status_code == 200
    for _ in range(2):  # the week of the session, and one in which nothing ended
        assert (await asyncio.to_thread(network.plek, "clock", "advance", "8d")).returncode == 0

    async def weeks() -> list[dict[str, Any]]:
        async with network.client("stad", "coordinator") as city:
            return list((await city.get("/api/placement/weeks?weeks=3")).json()["items"])

    async def told() -> bool:
        shown = await weeks()
        ended = sum(week["sessions"]["consultation"]["full"] for week in shown)
        return bool(ended == 1 and shown[0]["sessions"]["internship"]["without_seat"] == 1)

    await eventually("the municipality to know both weeks", told)
    newest = (await weeks())[0]["sessions"]
    assert (newest["internship"]["sessions"], newest["consultation"]["without_seat"]) == (0, 0)
    week = next(week["sessions"] for week in await weeks() if week["sessions"]["consultation"]["full"])
    assert (week["consultation"]["sessions"], week["consultation"]["without_seat"]) == (1, 1)
    assert week["consultation"]["booked"] is None, "one person is few"
