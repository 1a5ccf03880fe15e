"""Reported nights over HTTP: taken over, shown as published, and known again when an import begins anew."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from tests.support.desk import Desk, open_desk


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as opened:
        await opened.opened("loc-1001")
        yield opened


def night(day: int, occupied: int = 2, **more: Any) -> dict[str, Any]:
    return {
        "programme": "11791", "kind": "shelter_24h", "night": f"2025-01-0{day}",
        "observed_at": f"2025-01-0{day + 1}T09:00:00Z", "total": 4, "blocked": 1, "occupied": occupied, "overflow": 0,
        "funded": 5, "unavailable": 1, "words": ["Red Door ", "Families"],
    } | more  # fmt: skip


async def record(desk: Desk, *nights: dict[str, Any]) -> list[str]:
    body = {"location": "loc-1001", "nights": list(nights)}
    answer = await desk.post("/imports/overnight", "coordinator", json=body)
    assert answer.status_code == 200, answer.text
    return [row["code"] or row["result"] for row in answer.json()["results"]]


async def test_nights_are_shown_as_published_and_in_order(desk: Desk) -> None:
    assert await record(desk, night(1), night(2, occupied=3)) == ["accepted", "accepted"]
    shown = (await desk.get("/nights", "auditor")).json()
    assert [(row["night"], row["occupied"], row["funded"], row["words"]) for row in shown["items"]] == [
        ("2025-01-01", 2, 5, ["Red Door ", "Families"]),
        ("2025-01-02", 3, 5, ["Red Door ", "Families"]),
    ]
    (one,) = (await desk.get("/nights", night="2025-01-02", location="loc-1001")).json()["items"]
    assert one == shown["items"][1]
    assert one["id"] == "2025-01-02/loc-1001/11791"


async def test_an_import_that_begins_anew_finds_its_nights_known(desk: Desk) -> None:
    assert await record(desk, night(1), night(2)) == ["accepted", "accepted"]
    assert await record(desk, night(1), night(2), night(3)) == ["ignored", "ignored", "accepted"]
    assert await record(desk, night(1, occupied=3), night(1, words=[])) == ["night-superseded", "night-superseded"]
