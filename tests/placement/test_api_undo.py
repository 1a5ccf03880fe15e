"""Taps that were wrong, over HTTP: holds and blocks taken back within a minute, and somebody who did not come."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest_asyncio

from tests.support.desk import Desk, open_desk


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as opened:
        yield opened


async def test_a_hold_is_taken_back_and_a_cancelled_one_held_again_under_another_id(desk: Desk) -> None:
    place, _ = await desk.opened()
    hold = (await desk.post("/holds", json={"place_ids": [place]})).json()
    assert (await desk.post(f"/holds/{hold['id']}/undo")).json()["id"] == hold["id"]
    assert (await desk.get(f"/holds/{hold['id']}")).json()["status"] == "cancelled"
    second = (await desk.post("/holds", json={"place_ids": [place]})).json()
    assert (await desk.post(f"/holds/{second['id']}/cancel", json={})).status_code == 200
    again = (await desk.post(f"/holds/{second['id']}/undo")).json()["id"]
    shown = (await desk.get(f"/holds/{again}")).json()
    assert (shown["status"], shown["place_ids"], shown["expires_at"]) == ("active", [place], second["expires_at"])
    desk.clock.ahead = timedelta(minutes=2)
    late = await desk.post(f"/holds/{again}/cancel", json={})
    assert late.status_code == 200
    desk.clock.ahead = timedelta(minutes=4)
    assert (await desk.post(f"/holds/{again}/undo")).json()["code"] == "undo-too-late"


async def test_somebody_did_not_come(desk: Desk) -> None:
    place, _ = await desk.opened()
    hold = (await desk.post("/holds", json={"place_ids": [place]})).json()["id"]
    assert (await desk.post(f"/holds/{hold}/no-show")).status_code == 200
    assert (await desk.get(f"/holds/{hold}")).json()["status"] == "no_show"
    assert (await desk.get(f"/places/{place}")).json()["status"] == "free"
    again = await desk.post(f"/holds/{hold}/cancel", json={})
    assert (again.status_code, again.json()["code"], again.json()["facts"]) == (409, "hold-ended", {"how": "no_show"})


async def test_a_block_and_the_end_of_one_are_taken_back(desk: Desk) -> None:
    place, _ = await desk.opened()
    body = {"reason": "repair", "until": (desk.clock.now() + timedelta(days=1)).isoformat()}
    assert (await desk.post(f"/places/{place}/block", json=body)).status_code == 200
    assert (await desk.post(f"/places/{place}/undo")).status_code == 200
    assert (await desk.get(f"/places/{place}")).json()["status"] == "free"
    assert (await desk.post(f"/places/{place}/block", json=body)).status_code == 200
    assert (await desk.post(f"/places/{place}/unblock")).status_code == 200
    assert (await desk.post(f"/places/{place}/undo")).status_code == 200
    shown = (await desk.get(f"/places/{place}")).json()
    assert (shown["status"], shown["block"]["reason"]) == ("blocked", "repair")
