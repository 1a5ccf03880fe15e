"""A regime on real servers: told by the municipality, opened and closed at a location, also one that was cut off."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.support.network import Network, eventually, running_network

REGIMES = "/api/placement/regimes"


@pytest.fixture(scope="module")
def pair() -> Iterator[Network]:
    with running_network("--no-demo") as started:
        yield started


async def beds(west: httpx.AsyncClient, location: str) -> list[tuple[str, bool]]:
    rows = (await west.get("/api/placement/places", params={"location": location})).json()["items"]
    return sorted((row["status"], row["overflow"]) for row in rows)


def cold(**change: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    times = {"starts_at": now.isoformat(), "ends_at": (now + timedelta(days=4)).isoformat()}
    return {"name": "Winter cold", "kinds": ["shelter_24h"]} | times | change


async def test_a_regime_reaches_a_site_and_a_cut_keeps_neither_its_beginning_nor_its_end(pair: Network) -> None:
    async with pair.client("stad", "coordinator") as stad, pair.client("west") as west:
        location, _ = await pair.new_location(west, 2, standby=True)
        assert await beds(west, location) == [("closed", False)] * 2
        first = (await stad.post(REGIMES, json=cold())).json()["id"]

        async def is_open() -> bool:
            return await beds(west, location) == [("free", True)] * 2

        async def is_closed() -> bool:
            return await beds(west, location) == [("closed", False)] * 2

        await eventually("the standby places to open", is_open)

        async def shown_everywhere() -> bool:
            rows = (await stad.get("/api/placement/capacity", params={"location": location})).json()["rows"]
            return [row["overflow"] for row in rows] == [2]

        await eventually("the municipality to see them", shown_everywhere)
        assert (await asyncio.to_thread(pair.plek, "link", "cut", "west")).returncode == 0
        assert (await stad.post(f"{REGIMES}/{first}/end")).status_code == 200
        second = (await stad.post(REGIMES, json=cold(reason="Storm"))).json()["id"]
        assert (await stad.post(f"{REGIMES}/{second}/end")).status_code == 200
        assert await is_open()
        assert (await asyncio.to_thread(pair.plek, "link", "heal", "west")).returncode == 0
        await eventually("the standby places to close after the heal", is_closed)

        async def both_known() -> bool:
            rows = (await west.get(REGIMES)).json()["items"]
            return {row["id"]: row["status"] for row in rows} == {first: "over", second: "over"}

        await eventually("west to know both regimes as over", both_known)
        assert await is_closed()
