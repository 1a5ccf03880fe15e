"""Places, stays, locations, imports and lists over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from shared.http_access import check_routes
from shared.security import ROLES
from tests.support.desk import PLACEMENT, Desk, open_desk

NOBODY = "00000000-0000-4000-8000-000000000000"
WALK_IN = {"location": "west", "kind": "shelter_24h"}


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as opened:
        yield opened


async def test_a_location_is_opened_once(desk: Desk) -> None:
    body = {"name": "west", "title": "West", "district": "West"}
    first = await desk.post("/locations", "coordinator", json=body)
    assert (first.status_code, first.json()["id"]) == (201, "west")
    again = await desk.post("/locations", "coordinator", json=body)
    assert (again.status_code, again.json()["events"]) == (201, [])
    other = await desk.post("/locations", "coordinator", json=body | {"title": "East"})
    assert (other.status_code, other.json()["code"]) == (409, "location-differs")
    listed = (await desk.get("/locations")).json()["items"]
    assert [(item["id"], item["title"], item["site"]) for item in listed] == [("west", "West", "west")]


async def test_places_open_free_and_are_listed(desk: Desk) -> None:
    ids = await desk.opened(count=3, features=["quiet"], sleeps=2)
    listed = (await desk.get("/places", location="west", status="free")).json()
    assert sorted(item["id"] for item in listed["items"]) == sorted(ids)
    assert listed["next"] is None
    place = listed["items"][0]
    assert (place["sleeps"], place["features"], place["block"], place["site"]) == (2, ["quiet"], None, "west")
    assert (await desk.get("/places", location="elsewhere")).json()["items"] == []


async def test_lists_come_in_pages(desk: Desk) -> None:
    ids = await desk.opened(count=5)
    seen: list[str] = []
    cursor: str | None = None
    while len(seen) < 5:
        asked: dict[str, Any] = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await desk.get("/places", **asked)).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
    assert (seen, cursor) == (sorted(ids), None)


async def test_a_place_is_blocked_and_unblocked(desk: Desk) -> None:
    place = (await desk.opened())[0]
    until = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    answer = await desk.post(f"/places/{place}/block", json={"reason": "cleaning", "until": until})
    assert answer.status_code == 200, answer.text
    shown = (await desk.get(f"/places/{place}")).json()
    assert (shown["status"], shown["block"]["reason"]) == ("blocked", "cleaning")
    assert datetime.fromisoformat(shown["block"]["until"]) == datetime.fromisoformat(until)
    assert (await desk.post(f"/places/{place}/unblock")).status_code == 200
    assert (await desk.get(f"/places/{place}")).json()["status"] == "free"


async def test_an_occupied_place_closes_after_the_stay(desk: Desk) -> None:
    place = (await desk.opened(count=1))[0]
    stay = (await desk.post("/stays", json={"place_ids": [place]})).json()
    refused = await desk.post(f"/places/{place}/close")
    assert (refused.status_code, refused.json()["code"]) == (409, "place-occupied")
    assert (await desk.post(f"/places/{place}/close", json={"after_stay": True})).status_code == 200
    await desk.post(f"/stays/{stay['id']}/end", json={"reason": "moved_on"})
    assert (await desk.get(f"/places/{place}")).json()["status"] == "closed"


async def test_a_stay_begins_and_ends(desk: Desk) -> None:
    await desk.opened()
    seen = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    began = await desk.post("/stays", json={"location": "west", "kind": "shelter_24h", "observed_at": seen})
    assert began.status_code == 201, began.text
    stay = began.json()
    assert datetime.fromisoformat(stay["began_at"]) == datetime.fromisoformat(seen)
    assert [item["id"] for item in (await desk.get("/stays", present=True)).json()["items"]] == [stay["id"]]
    ended = await desk.post(f"/stays/{stay['id']}/end", json={"reason": "moved_on"})
    assert ended.json()["events"][0]["type"] == "stay-ended.v1"
    shown = (await desk.get(f"/stays/{stay['id']}")).json()
    assert (shown["end_reason"], shown["ended_at"] is None) == ("moved_on", False)
    assert (await desk.get("/stays", present=True)).json()["items"] == []


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/stays", WALK_IN | {"observed_at": "2021-01-01T10:00:00"}, 422, "time-without-zone"),
        ("/stays", WALK_IN | {"observed_at": "2199-01-01T10:00:00Z"}, 422, "observed-in-future"),
        ("/stays", WALK_IN | {"observed_at": "2001-01-01T10:00:00Z"}, 422, "observed-too-old"),
        ("/stays", {"kind": "shelter_24h"}, 422, "location-missing"),
        ("/stays", {}, 422, "places-missing"),
        (f"/stays/{NOBODY}/end", {"reason": "moved_on"}, 404, "stay-unknown"),
        (f"/places/{NOBODY}/block", {"reason": "cleaning"}, 404, "place-unknown"),
        ("/places", {"location": "west", "kind": "shelter_24h", "room": "1", "sleeps": 0}, 422, "sleeps-out-of-range"),
        ("/places", {"location": "west", "kind": "shelter_24h", "room": "", "sleeps": 1}, 422, "room-invalid"),
        ("/places", {"location": "west", "kind": "shelter_24h", "room": "1", "count": 501}, 422, "invalid"),
        ("/places", {"location": "nowhere", "kind": "shelter_24h", "room": "1"}, 404, "location-unknown"),
        ("/locations", {"name": "1west", "title": "West"}, 422, "location-name-invalid"),
        ("/locations", {"name": "north", "title": ""}, 422, "title-invalid"),
    ],
)  # fmt: skip
async def test_bad_input_has_a_code_and_stores_nothing(
    desk: Desk, path: str, body: dict[str, Any], status: int, code: str
) -> None:
    await desk.opened()
    before = await desk.placement.store.last_position()
    answer = await desk.post(path, json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await desk.placement.store.last_position() == before


async def test_a_block_in_the_past_or_of_a_place_in_use_is_refused(desk: Desk) -> None:
    place = (await desk.opened(count=1))[0]
    past = await desk.post(f"/places/{place}/block", json={"reason": "cleaning", "until": "2021-01-01T00:00:00Z"})
    assert (past.status_code, past.json()["code"]) == (422, "until-in-past")
    why = await desk.post(f"/places/{place}/block", json={"reason": "boredom"})
    assert (why.status_code, why.json()["code"]) == (422, "block-reason-unknown")
    await desk.post("/stays", json={"place_ids": [place]})
    used = await desk.post(f"/places/{place}/block", json={"reason": "cleaning"})
    assert (used.status_code, used.json()["code"]) == (409, "place-not-free")


def night(day: int, occupied: int, total: int = 10) -> dict[str, Any]:
    return {
        "programme": "12011", "kind": "shelter_24h", "night": f"2021-01-{day:02}",
        "observed_at": f"2021-01-{day:02}T23:00:00Z",
        "total": total,
        "blocked": 1, "occupied": occupied, "overflow": max(0, occupied - (total - 1)),
    }  # fmt: skip


async def test_nights_are_adopted_in_order_and_once(desk: Desk) -> None:
    await desk.opened(count=1, room="elsewhere", kind="night_shelter")
    body = {"location": "west", "nights": [night(1, 5), night(2, 7), night(2, 7), night(1, 6)]}
    answer = await desk.post("/imports/overnight", "coordinator", json=body, headers={"Idempotency-Key": "file-1"})
    assert answer.status_code == 200, answer.text
    results = [(result["result"], result["code"]) for result in answer.json()["results"]]
    assert results == [("accepted", None), ("accepted", None), ("ignored", None), ("refused", "night-superseded")]
    again = await desk.post("/imports/overnight", "coordinator", json=body, headers={"Idempotency-Key": "file-1"})
    assert again.json()["results"] == answer.json()["results"]
    assert again.json()["events"] == answer.json()["events"]
    row = (await desk.get("/capacity", kind="shelter_24h", after=answer.json()["position"])).json()["rows"][0]
    assert (row["total"], row["occupied"], row["blocked"], row["available"]) == (10, 7, 1, 2)


async def test_capacity_shows_what_was_just_done(desk: Desk) -> None:
    await desk.opened(count=3)
    held = (await desk.post("/holds", json={"kind": "shelter_24h"})).json()
    seen = (await desk.get("/capacity", "auditor", after=held["position"])).json()
    assert set(seen) == {"as_of", "rows", "totals"}
    row = seen["rows"][0]
    assert (row["site"], row["location"], row["kind"]) == ("west", "west", "shelter_24h")
    assert (row["total"], row["held"], row["available"], row["link"]) == (3, 1, 2, "live")
    assert seen["totals"]["available"] == 2
    assert (await desk.get("/capacity", location="elsewhere")).json()["rows"] == []
    assert (await desk.get("/capacity", at="2021-01-01T00:00:00")).json()["code"] == "time-without-zone"
    digest = (await desk.get("/capacity/digest", "oncall")).json()
    assert digest["origins"]["west/placement"]["sequence"] >= 1
    half = await desk.get("/capacity/digest", origin="west/placement")
    assert (half.status_code, half.json()["code"]) == (422, "invalid")


async def test_a_position_that_never_comes_is_503(desk: Desk) -> None:
    answer = await desk.get("/places", after=10**6)
    assert (answer.status_code, answer.json()["code"]) == (503, "view-behind")


async def test_the_stream_tells_what_changed_without_what_is_in_it(desk: Desk) -> None:
    await desk.opened(count=1)
    routes = desk.placement.streams
    from services.placement.api_stream import Changes

    changes = Changes(desk.placement.store, desk.placement.capacity.changed)
    following = changes.follow()
    first = await anext(following)
    assert first.data["change"] == "open"
    held = (await desk.post("/holds", json={"kind": "shelter_24h"})).json()
    told = [await anext(following), await anext(following)]
    by_change = {message.data["change"]: message.data for message in told}
    assert by_change["events"] == {
        "change": "events", "position": held["position"], "types": ["place-held.v1"], "locations": ["west"],
    }  # fmt: skip
    assert by_change["capacity"] == {"change": "capacity"}
    await following.aclose()  # type: ignore[attr-defined]
    routes.close()


async def test_every_role_passes_exactly_where_the_table_says(desk: Desk) -> None:
    from services.placement.api import build

    declared = check_routes(build(desk.placement, desk.bench, {}).routes)
    paths = {name: access for name, access in declared.items() if not name.startswith("MOUNT") and "stream" not in name}
    assert len(paths) >= 20
    for role in ROLES:
        async with desk.caller(role) as client:
            for name, access in paths.items():
                method, _, path = name.partition(" ")
                answer = await client.request(method, PLACEMENT + path.replace("{", "").replace("}", ""))
                assert access.roles is not None
                refused = answer.status_code == 403
                assert refused == (role not in access.roles), (role, name, answer.text)
