"""The worst a stranger can do on the bus is with a stolen relay credential: what he says is parked where it is read,
seen, and believed by nobody; the origin whose log he spoiled halts instead of going on beside him.
"""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import nats
import nats.js.errors
import pytest

from infra.running import site_settings
from tests.support.network import Network, eventually, running_network


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with running_network() as started:
        yield started


async def _stays(client: httpx.AsyncClient, location: str) -> httpx.Response:
    return await client.post(
        "/api/placement/stays", json={"location": location, "kind": "shelter_24h", "household_size": 1}
    )


async def test_a_stolen_credential_spoils_one_log_and_everybody_sees_it(network: Network) -> None:
    async with (
        network.client("west") as desk,
        network.client("stad", "oncall") as oncall,
        network.client("west", "oncall") as oncall_west,
    ):
        location, _ = await network.new_location(desk, 3)
        assert (await _stays(desk, location)).status_code == 201

        async def told() -> bool:
            rows = (await oncall.get("/api/placement/capacity", params={"location": location})).json()["rows"]
            return [row["occupied"] for row in rows] == [1]

        await eventually("stad to show the stay", told)
        settings = site_settings(network.data, "west")
        thief = await nats.connect(**settings.nats_options("city.placement.relay"))
        try:
            await thief.jetstream().publish("plek.west.pub.placement.capacity-told", b'{"rows":"mine"}')
        finally:
            await thief.close()

        async def parked() -> bool:
            items = (await oncall.get("/api/placement/parked")).json()["items"]
            return {(item["reader"], item["origin"], item["code"]) for item in items} == {
                ("capacity", "west/placement", "header-missing"),
                ("letters", "west/placement", "header-missing"),
                ("waiting", "west/placement", "header-missing"),
            }

        await eventually("stad to park what nobody said", parked)
        [row] = (await oncall.get("/api/placement/capacity", params={"location": location})).json()["rows"]
        assert (row["occupied"], row["incomplete"]) == (1, "header-missing")
        assert (row["available_min"], row["available_max"]) == (0, 3), "what waits behind it is not known"

        async def halted() -> bool:
            answer = await _stays(desk, location)
            return answer.status_code == 503 and answer.json()["code"] == "origin-halted"

        await eventually("west to take no more commands rather than fork", halted)
        ready = await desk.get("/readyz")
        assert ready.status_code == 503
        assert "ends at" in ready.json()["facts"]["placement-origin"]

        async def measured() -> bool:
            return 'plek_origin_halted{service="placement"} 1.0' in (await oncall_west.get("/metrics")).text

        await eventually("the gauge to say so", measured)
        board = (await desk.get("/api/placement/places", params={"location": location})).json()["items"]
        assert sum(place["status"] == "occupied" for place in board) >= 1, "the desk still sees its own places"
