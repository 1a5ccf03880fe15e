"""What goes on at a house, over HTTP: moves, counts, corrections, many at once, and the search for room."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from services.placement import views_capacity
from shared.security import Role
from tests.support.desk import Desk, open_desk


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as opened:
        yield opened


async def test_a_household_moves_is_away_and_is_put_right(desk: Desk) -> None:
    first, second = await desk.opened(sleeps=2)
    stay = (await desk.post("/stays", json={"place_ids": [first]})).json()["id"]
    moved = await desk.post(f"/stays/{stay}/move", json={"place_ids": [second]})
    assert [event["type"] for event in moved.json()["events"]] == ["stay-moved.v1"]
    until = (desk.clock.now() + timedelta(days=1)).isoformat()
    assert (await desk.post(f"/stays/{stay}/away", json={"until": until})).status_code == 200
    assert (await desk.post(f"/stays/{stay}/correct", json={"household_size": 2})).status_code == 200
    shown = (await desk.get(f"/stays/{stay}")).json()
    assert (shown["place_ids"], shown["household_size"]) == ([second], 2)
    assert shown["away_until"] is not None
    assert [(await desk.get(f"/places/{id_}")).json()["status"] for id_ in (first, second)] == ["free", "occupied"]
    back = await desk.post(f"/stays/{stay}/away", json={"until": None})
    assert back.status_code == 200
    assert (await desk.get(f"/stays/{stay}")).json()["away_until"] is None


async def test_a_wrong_tap_is_taken_back_within_a_minute(desk: Desk) -> None:
    await desk.opened()
    asked = {"kind": "shelter_24h", "location": "west"}
    stay = (await desk.post("/stays", json=asked)).json()
    ended = await desk.post(f"/stays/{stay['id']}/end", json={"reason": "moved_on"})
    assert ended.status_code == 200
    assert (await desk.post(f"/stays/{stay['id']}/undo")).status_code == 200
    shown = (await desk.get(f"/stays/{stay['id']}")).json()
    assert (shown["ended_at"], shown["end_reason"]) == (None, None)
    desk.clock.ahead = timedelta(minutes=2)
    other = (await desk.post("/stays", json=asked)).json()["id"]
    desk.clock.ahead = timedelta(minutes=4)
    late = await desk.post(f"/stays/{other}/undo")
    assert (late.status_code, late.json()["code"]) == (409, "undo-too-late")


async def test_a_head_count_names_what_differs_and_is_kept(desk: Desk) -> None:
    first, second = await desk.opened()
    await desk.post("/stays", json={"place_ids": [first]})
    body = {"location": "west", "kind": "shelter_24h", "counted": 2, "occupied_place_ids": [second]}
    answer = await desk.post("/head-counts", json=body)
    assert answer.status_code == 201
    count = answer.json()
    assert (count["expected"], count["difference"], count["superseded"]) == (1, 1, False)
    assert (count["missing"], count["unexpected"]) == ([first], [second])
    assert (await desk.get(f"/head-counts/{count['id']}")).json()["difference"] == 1
    early = body | {"observed_at": (desk.clock.now() - timedelta(hours=1)).isoformat()}
    assert (await desk.post("/head-counts", json=early)).json()["superseded"] is True
    assert len((await desk.get("/head-counts", "coordinator", location="west")).json()["items"]) == 2


async def test_a_room_is_blocked_and_left_at_once(desk: Desk) -> None:
    first, second = await desk.opened()
    await desk.post("/stays", json={"place_ids": [first]})
    body = {"location": "west", "room": "101", "reason": "cleaning", "after_stay": True}
    blocked = (await desk.post("/places/block", json=body)).json()
    assert (blocked["place_ids"], blocked["later_ids"]) == ([second], [first])
    left = await desk.post("/stays/end", json={"location": "west", "room": "101", "reason": "moved_on"})
    assert len(left.json()["stay_ids"]) == 1
    assert {row["status"] for row in (await desk.get("/places")).json()["items"]} == {"blocked"}


async def test_a_room_is_for_whom_it_was_said(desk: Desk) -> None:
    await desk.opened()
    said = await desk.post("/rooms", json={"location": "west", "room": "101", "composition": "women"})
    assert said.status_code == 200
    asked = {"location": "west", "kind": "shelter_24h"}
    assert (await desk.post("/stays", json=asked)).json()["code"] == "no-place-free"
    assert (await desk.post("/holds", json=asked | {"composition": "women"})).status_code == 201
    wrong = await desk.post("/rooms", json={"location": "west", "room": "101", "composition": "cats"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "composition-unknown")


async def test_seats_of_a_session_are_booked_and_given_back(desk: Desk) -> None:
    await desk.opened()
    starts, ends = ((desk.clock.now() + timedelta(hours=hours)).isoformat() for hours in (1, 2))
    body = {"location": "west", "kind": "consultation", "starts_at": starts, "ends_at": ends, "seats": 1}
    opened = await desk.post("/sessions", "coordinator", json=body)
    assert opened.status_code == 201
    path = f"/sessions/{opened.json()['id']}"
    booking = (await desk.post(f"{path}/book")).json()["booking_id"]
    assert (await desk.post(f"{path}/book")).json()["code"] == "session-full"
    assert (await desk.get(path)).json()["booked"] == 1
    assert (await desk.post(f"{path}/give-back", json={"booking_id": booking})).status_code == 200
    shown = (await desk.get("/sessions", "finance", kind="consultation")).json()["items"]
    assert [(row["seats"], row["booked"]) for row in shown] == [(1, 0)]
    wrong = await desk.post("/sessions", json=body | {"kind": "shelter_24h"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "kind-without-seats")


async def test_who_came_to_a_session_is_counted_and_taken_back(desk: Desk) -> None:
    await desk.opened()
    starts, ends = ((desk.clock.now() + timedelta(hours=hours)).isoformat() for hours in (1, 2))
    body = {"location": "west", "kind": "consultation", "starts_at": starts, "ends_at": ends, "seats": 2}
    path = f"/sessions/{(await desk.post('/sessions', 'coordinator', json=body)).json()['id']}"
    await desk.post(f"{path}/book")
    early = await desk.post(f"{path}/attended", json={"attended": 1})
    assert (early.status_code, early.json()["code"]) == (409, "session-not-begun")
    desk.clock.ahead = timedelta(hours=1)
    wrong = await desk.post(f"{path}/attended", json={"attended": 2})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "attendance-invalid")
    assert (await desk.get(path)).json()["attended"] is None
    assert (await desk.post(f"{path}/attended", "finance", json={"attended": 1})).status_code == 403
    assert (await desk.post(f"{path}/attended", json={"attended": 1})).status_code == 200
    assert (await desk.get(path)).json()["attended"] == 1
    assert (await desk.post(f"{path}/undo")).status_code == 200
    assert (await desk.get(path)).json()["attended"] is None


async def test_a_municipality_keeps_its_own_sessions_and_a_number_is_enough(desk: Desk) -> None:
    """Nobody but a coordinator works there."""
    await desk.opened()
    starts, ends = ((desk.clock.now() + timedelta(hours=hours)).isoformat() for hours in (0, 1))
    body = {"location": "west", "kind": "activation", "starts_at": starts, "ends_at": ends, "seats": 2}
    path = f"/sessions/{(await desk.post('/sessions', 'coordinator', json=body)).json()['id']}"
    booking = (await desk.post(f"{path}/book", "coordinator")).json()
    assert booking["booking_id"].startswith(booking["number"])
    number = {"booking_id": booking["number"].upper()}
    assert (await desk.post(f"{path}/give-back", "coordinator", json=number)).status_code == 200
    assert (await desk.post(f"{path}/attended", "coordinator", json={"attended": 0})).status_code == 200
    wrong = await desk.post(f"{path}/give-back", json={"booking_id": "5b1e"})
    assert wrong.status_code == 422


async def test_recent_sessions_are_those_that_are_coming_or_may_be_counted(desk: Desk) -> None:
    await desk.opened()

    async def opens(kind: str, hours: int) -> str:
        starts, ends = ((desk.clock.now() + timedelta(hours=at)).isoformat() for at in (hours, hours + 1))
        body = {"location": "west", "kind": kind, "starts_at": starts, "ends_at": ends, "seats": 3}
        return str((await desk.post("/sessions", json=body)).json()["id"])

    async def recent(**query: Any) -> list[str]:
        page = (await desk.get("/sessions", recent="true", **query)).json()
        assert page["next"] is None
        return [row["id"] for row in page["items"]]

    first, second = await opens("consultation", 1), await opens("activation", 0)
    assert await recent() == [second, first]
    assert (await recent(kind="activation"), await recent(location="noord")) == ([second], [])
    desk.clock.ahead = timedelta(days=3)
    third = await opens("consultation", 0)  # what was over is over now
    assert await recent() == [second, first, third]
    desk.clock.ahead = timedelta(days=9)
    assert await recent() == [third]
    shown = (await desk.get("/sessions", recent="true")).json()["items"][0]
    assert shown == (await desk.get(f"/sessions/{third}")).json()


async def test_who_came_to_one_session_is_seen_by_those_who_count_it(desk: Desk) -> None:
    await desk.opened(count=1)
    starts, ends = ((desk.clock.now() + timedelta(hours=at)).isoformat() for at in (0, 1))
    body = {"location": "west", "kind": "consultation", "starts_at": starts, "ends_at": ends, "seats": 3}
    path = f"/sessions/{(await desk.post('/sessions', json=body)).json()['id']}"
    await desk.post(f"{path}/book")
    assert (await desk.post(f"{path}/attended", json={"attended": 1})).status_code == 200
    seen_by: dict[Role, int | None] = {
        "operator": 1, "caseworker": 1, "coordinator": 1, "finance": None, "oncall": None, "auditor": None,
    }  # fmt: skip
    for role, seen in seen_by.items():
        shown = [(await desk.get(path, role)).json()]
        for query in ({}, {"recent": "true"}):
            shown += (await desk.get("/sessions", role, **query)).json()["items"]
        assert [(one["booked"], one["attended"]) for one in shown] == [(1, seen)] * 3, role


async def test_an_extra_place_is_opened_in_the_same_tap(desk: Desk) -> None:
    await desk.opened(count=1)
    asked = {"kind": "shelter_24h", "location": "west", "extra": True}
    stays = [(await desk.post("/stays", json=asked)).json() for _ in range(2)]
    (extra,) = stays[1]["place_ids"]
    assert (await desk.get(f"/places/{extra}")).json()["overflow"] is True


async def test_a_house_closes_and_says_so(desk: Desk) -> None:
    await desk.opened()
    hold = (await desk.post("/holds", json={"location": "west", "kind": "shelter_24h"})).json()["id"]
    closed = await desk.post("/locations/west/close", "coordinator")
    assert closed.status_code == 200
    assert (await desk.get(f"/holds/{hold}")).json()["status"] == "cancelled"
    for nobody in ("nowhere", "%00", "x" * 300):
        assert (await desk.post(f"/locations/{nobody}/close", "coordinator")).status_code in (404, 422), nobody
    refused = await desk.post("/stays", json={"kind": "shelter_24h", "location": "west", "extra": True})
    assert (refused.status_code, refused.json()["code"]) == (409, "location-closed")


async def test_room_is_found_the_nearest_match_first(desk: Desk) -> None:
    await desk.opened("west", count=2)
    await desk.opened("far-west", count=1, features=["pets"])
    last = (await desk.post("/holds", json={"location": "west", "kind": "shelter_24h"})).json()["position"]
    await desk.get("/capacity", after=last)  # the view is read as soon as it shows what was just done
    found = (await desk.get("/search", "caseworker", kind="shelter_24h", features="pets")).json()["items"]
    assert [(one["location"], one["available"], one["missing_features"]) for one in found] == [
        ("far-west", 1, []), ("west", 1, ["pets"]),
    ]  # fmt: skip
    assert {(one["freshness"], one["link"]) for one in found} == {("fresh", "live")}


async def test_who_asks_the_same_within_a_moment_is_answered_from_one_look_and_then_anew(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = await desk.opened("west", count=2, sleeps=2)
    assert opened
    last = (await desk.post("/holds", json={"location": "west", "kind": "shelter_24h"})).json()["position"]
    await desk.get("/capacity", after=last)

    async def free(**asked: Any) -> list[int]:
        items = (await desk.get("/search", kind="shelter_24h", **asked)).json()["items"]
        return [item["available"] for item in items]

    monkeypatch.setattr(views_capacity, "SEARCH_SECONDS", 1_000.0)
    assert (await free(), await free(household_size=3), await free(household_size=2)) == ([1], [], [1])
    last = (await desk.post("/holds", json={"location": "west", "kind": "shelter_24h"})).json()["position"]
    await desk.get("/capacity", after=last)
    assert await free() == [1], "for as long as a look is believed"
    monkeypatch.setattr(views_capacity, "SEARCH_SECONDS", 0.0)
    assert await free() == []
