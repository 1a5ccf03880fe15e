"""Regimes over HTTP: who may declare one, what is shown of it, and what it does to standby places."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest_asyncio

from services.placement.app import fire, handlers
from shared.ids import SystemIds
from tests.support.border import SITE
from tests.support.desk import Desk, open_desk
from tests.support.letters import site_seals


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk(municipality=True) as opened:
        yield opened


async def timers_fire(desk: Desk) -> None:
    """Everything that is due by the desk's clock, as the service's timer loop does it."""
    store, clock = desk.placement.store, desk.clock
    deciding = handlers(store, clock, SystemIds(), site_seals(("stad", SITE))[SITE])
    fired = fire(store, deciding, lambda _: False)
    while due := await store.due_timers(clock.now(), 100):
        for timer in due:
            await fired(timer, clock.now())


def regime(desk: Desk, **change: Any) -> dict[str, Any]:
    now = desk.clock.now()
    times = {"starts_at": now.isoformat(), "ends_at": (now + timedelta(days=3)).isoformat()}
    return {"name": "Winter cold", "kinds": ["shelter_24h"]} | times | change


async def places(desk: Desk) -> list[tuple[str, bool, bool]]:
    rows = (await desk.get("/places")).json()["items"]
    return [(row["status"], row["overflow"], row["standby"]) for row in rows]


async def test_a_regime_opens_standby_places_and_its_end_closes_those_that_are_free(desk: Desk) -> None:
    first, _ = await desk.opened(standby=True)
    assert await places(desk) == [("closed", False, True)] * 2
    declared = await desk.post("/regimes", "coordinator", json=regime(desk))
    assert declared.status_code == 201, declared.text
    shown = (await desk.get(f"/regimes/{declared.json()['id']}")).json()
    assert (shown["status"], shown["kinds"], shown["version"]) == ("running", ["shelter_24h"], 1)
    await timers_fire(desk)
    assert await places(desk) == [("free", True, True)] * 2
    capacity = (await desk.get("/capacity", after=await desk.placement.store.last_position())).json()
    assert (capacity["totals"]["total"], capacity["totals"]["overflow"], capacity["totals"]["available"]) == (0, 2, 2)
    stay = (await desk.post("/stays", json={"place_ids": [first]})).json()["id"]
    ended = await desk.post(f"/regimes/{shown['id']}/end", "coordinator", headers={"If-Match": '"1"'})
    assert [event["type"] for event in ended.json()["events"]] == ["regime-cut-short.v1"]
    await timers_fire(desk)
    assert sorted(await places(desk)) == [("closed", False, True), ("occupied", True, True)]
    assert (await desk.get(f"/regimes/{shown['id']}")).json()["status"] == "over"
    assert (await desk.post(f"/stays/{stay}/end", json={"reason": "moved_on"})).status_code == 200
    assert await places(desk) == [("closed", False, True)] * 2


async def test_a_house_opened_while_it_runs_follows_it_and_it_ends_by_the_clock(desk: Desk) -> None:
    assert (await desk.post("/regimes", "coordinator", json=regime(desk))).status_code == 201
    await timers_fire(desk)
    await desk.opened("late", standby=True)
    await timers_fire(desk)
    assert await places(desk) == [("free", True, True)] * 2
    desk.clock.ahead = timedelta(days=3, seconds=1)
    await timers_fire(desk)
    assert await places(desk) == [("closed", False, True)] * 2


async def test_it_is_the_municipalitys_coordinator_who_decides(desk: Desk) -> None:
    assert (await desk.post("/regimes", "operator", json=regime(desk))).status_code == 403
    short = (desk.clock.now() + timedelta(hours=30)).isoformat()
    refused = await desk.post("/regimes", "coordinator", json=regime(desk, ends_at=short))
    assert (refused.status_code, refused.json()["code"]) == (422, "regime-too-short")
    answer = await desk.post("/regimes", "coordinator", json=regime(desk, ends_at=short, reason="A storm"))
    listed = (await desk.get("/regimes", "auditor")).json()["items"]
    assert [(row["id"], row["reason"]) for row in listed] == [(answer.json()["id"], "A storm")]
    unknown = await desk.post("/regimes/00000000-0000-4000-8000-000000000001/end", "coordinator")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "regime-unknown")


async def test_another_site_declares_none() -> None:
    async with open_desk() as west:
        refused = await west.post("/regimes", "coordinator", json=regime(west))
        assert (refused.status_code, refused.json()["code"]) == (409, "municipality-only")
