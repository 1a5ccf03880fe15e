"""How a house is kept, over HTTP: opening hours, who may stay longer, what is cleaned; and sessions in the figures."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from services.placement import app
from tests.support.desk import Desk, open_desk

HOURS = {"in_from": "16:30", "in_until": "22:00", "out_by": "09:30"}
NIGHT = "night_shelter"


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as opened:
        yield opened


async def timers_fire(desk: Desk) -> None:
    """What is due by the clock on the wall happens, as the timer loop has it."""
    store, now = desk.placement.store, desk.clock.now()
    fire = app.fire(store, {"location": desk.placement.handler}, lambda _: False)
    for timer in await store.due_timers(now, 100):
        if timer.kind != "regimes-of-location":
            await fire(timer, now)


async def house(desk: Desk) -> dict[str, Any]:
    [shown] = (await desk.get("/locations", "finance")).json()["items"]
    return dict(shown)


async def test_hours_are_shown_and_stays_end_by_them(desk: Desk) -> None:
    first, second = await desk.opened(kind=NIGHT)
    assert ((await house(desk))["hours"], (await house(desk))["cleaned"]) == (None, [])
    assert (await desk.post("/locations/west/hours", "coordinator", json=HOURS)).status_code == 200
    assert (await house(desk))["hours"] == HOURS
    early, late = [(await desk.post("/stays", json={"place_ids": [id_]})).json()["id"] for id_ in (first, second)]
    out_by = datetime.fromisoformat((await desk.get(f"/stays/{early}")).json()["ends_at"])
    assert out_by > desk.clock.now()
    assert (await desk.post(f"/stays/{late}/extend")).status_code == 200
    assert datetime.fromisoformat((await desk.get(f"/stays/{late}")).json()["ends_at"]) > out_by
    desk.clock.ahead = out_by - desk.clock.now() + timedelta(seconds=1)
    await timers_fire(desk)
    gone, there = [(await desk.get(f"/stays/{id_}")).json() for id_ in (early, late)]
    assert (datetime.fromisoformat(gone["ended_at"]), gone["end_reason"], there["ended_at"]) == (
        out_by, "moved_on", None,
    )  # fmt: skip
    assert [(await desk.get(f"/places/{id_}")).json()["status"] for id_ in (first, second)] == ["free", "occupied"]


async def test_hours_are_taken_away_again(desk: Desk) -> None:
    await desk.opened(kind=NIGHT)
    await desk.post("/locations/west/hours", json=HOURS)
    stay = (await desk.post("/stays", json={"kind": NIGHT, "location": "west"})).json()["id"]
    none = dict.fromkeys(HOURS)
    assert (await desk.post("/locations/west/hours", json=none)).status_code == 200
    assert ((await house(desk))["hours"], (await desk.get(f"/stays/{stay}")).json()["ends_at"]) == (None, None)
    refused = await desk.post(f"/stays/{stay}/extend", json={"until": None})
    assert (refused.status_code, refused.json()["code"]) == (409, "stay-without-end")


@pytest.mark.parametrize(("body", "status", "code"), [
    (HOURS | {"out_by": None}, 422, "hours-invalid"), (HOURS | {"out_by": "25:00"}, 422, "invalid"),
    (HOURS | {"in_from": 59400}, 422, "invalid"), ({"in_from": "16:30"}, 422, "invalid"),
])  # fmt: skip
async def test_hours_that_are_none(desk: Desk, body: dict[str, Any], status: int, code: str) -> None:
    await desk.opened(kind=NIGHT)
    refused = await desk.post("/locations/west/hours", json=body)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert (await house(desk))["hours"] is None
    assert (await desk.post("/locations/nowhere/hours", json=HOURS)).status_code == 404
    assert (await desk.post("/locations/west/hours", "caseworker", json=HOURS)).status_code == 403


async def test_a_place_is_cleaned_before_somebody_else_has_it(desk: Desk) -> None:
    [place] = await desk.opened(count=1)
    said = await desk.post("/locations/west/cleaning", json={"kind": "shelter_24h", "cleaned": True})
    assert (said.status_code, (await house(desk))["cleaned"]) == (200, ["shelter_24h"])
    stay = (await desk.post("/stays", json={"place_ids": [place]})).json()["id"]
    assert (await desk.post(f"/stays/{stay}/end", json={"reason": "moved_on"})).status_code == 200
    shown = (await desk.get(f"/places/{place}")).json()
    assert (shown["status"], shown["block"]) == ("blocked", {"reason": "cleaning", "until": None})
    assert (await desk.post("/stays", json={"place_ids": [place]})).json()["code"] == "place-not-free"
    assert (await desk.post(f"/places/{place}/unblock")).status_code == 200
    assert (await desk.post("/stays", json={"place_ids": [place]})).status_code == 201
    wrong = await desk.post("/locations/west/cleaning", json={"kind": "internship", "cleaned": True})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "kind-without-beds")


async def test_sessions_are_in_everybodys_figures_and_in_no_sum_of_beds(desk: Desk) -> None:
    await desk.opened()
    starts, ends = ((desk.clock.now() + timedelta(hours=hours)).isoformat() for hours in (1, 2))
    body = {"location": "west", "kind": "consultation", "starts_at": starts, "ends_at": ends, "seats": 5}
    session = (await desk.post("/sessions", json=body)).json()["id"]
    last = (await desk.post(f"/sessions/{session}/book")).json()["position"]
    seen = (await desk.get("/capacity", "finance", after=last)).json()
    [row] = [row for row in seen["rows"] if row["kind"] == "consultation"]
    assert (row["total"], row["occupied"], row["available"], row["freshness"]) == (5, 1, 4, "fresh")
    assert seen["totals"]["total"] == 2
    only = (await desk.get("/capacity", "finance", kind="consultation")).json()
    assert only["totals"]["available"] == 4
    assert [one["kind"] for one in (await desk.get("/search")).json()["items"]] == ["shelter_24h"]
    desk.clock.ahead = timedelta(hours=3)
    await timers_fire(desk)
    last = (await desk.post("/stays", json={"kind": "shelter_24h", "location": "west"})).json()["position"]
    over = (await desk.get("/capacity", "finance", after=last, kind="consultation")).json()
    assert (over["totals"]["total"], over["totals"]["occupied"]) == (0, 0)
