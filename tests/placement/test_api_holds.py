"""Holds over HTTP: asked, answered, ended once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from tests.support.desk import Desk, open_desk

NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as opened:
        yield opened


async def test_a_hold_is_answered_with_what_it_led_to(desk: Desk) -> None:
    places = await desk.opened()
    answer = await desk.post("/holds", json={"location": "west", "kind": "shelter_24h", "hold_minutes": 30})
    assert answer.status_code == 201
    body = answer.json()
    assert body["place_ids"][0] in places
    assert [event["type"] for event in body["events"]] == ["place-held.v1"]
    assert (body["site"], body["location"], body["status"]) == ("west", "west", "active")
    shown = (await desk.get(f"/holds/{body['id']}", after=body["position"])).json()
    assert shown["status"] == "active"
    assert shown["place_ids"] == body["place_ids"]
    assert shown["version"] == body["version"]
    place = await desk.get(f"/places/{body['place_ids'][0]}")
    assert place.json()["status"] == "held"
    assert place.headers["etag"] == f'"{body["version"]}"'


async def test_a_hold_by_kind_goes_where_most_is_free(desk: Desk) -> None:
    await desk.opened("west", count=1)
    await desk.opened("far-west", count=2)
    asked = {"kind": "shelter_24h"}
    held = [(await desk.post("/holds", json=asked)).json()["location"] for _ in range(3)]
    assert sorted(held) == ["far-west", "far-west", "west"]
    assert held[0] == "far-west"
    refused = await desk.post("/holds", json=asked)
    assert (refused.status_code, refused.json()["code"]) == (409, "no-place-free")


async def test_a_household_too_large_for_one_location_gets_a_place_at_another(desk: Desk) -> None:
    await desk.opened("west", count=3)
    await desk.opened("family", count=1, sleeps=4, room="1")
    answer = await desk.post("/holds", json={"kind": "shelter_24h", "household_size": 4})
    assert (answer.status_code, answer.json().get("location")) == (201, "family")


async def test_the_places_themselves_can_be_named(desk: Desk) -> None:
    places = await desk.opened()
    answer = await desk.post("/holds", json={"place_ids": places, "household_size": 2})
    assert sorted(answer.json()["place_ids"]) == sorted(places)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"location": "west", "kind": "shelter_24h", "hold_minutes": 29}, 422, "hold-minutes-out-of-range"),
        ({"location": "west", "kind": "shelter_24h", "hold_minutes": 241}, 422, "hold-minutes-out-of-range"),
        ({"location": "west", "kind": "shelter_24h", "hold_minutes": 10**12}, 422, "invalid"),
        ({"location": "west", "kind": "shelter_24h", "household_size": 0}, 422, "household-size-invalid"),
        ({"location": "west", "kind": "castle"}, 422, "kind-unknown"),
        ({"kind": "castle"}, 422, "kind-unknown"),
        ({"location": "west", "kind": "allowance"}, 422, "kind-without-beds"),
        ({"location": "west", "kind": "shelter_24h", "features": ["sea_view"]}, 422, "feature-unknown"),
        ({"location": "west"}, 422, "places-missing"),
        ({}, 422, "places-missing"),
        ({"location": "nowhere", "kind": "shelter_24h"}, 404, "location-unknown"),
        ({"place_ids": [NOBODY]}, 404, "place-unknown"),
        ({"place_ids": []}, 422, "invalid"),
        ({"kind": "shelter_24h", "site": "stad"}, 409, "no-place-free"),
        ({"kind": "shelter_24h", "site": "stad", "place_ids": [NOBODY]}, 409, "remote-hold-not-possible"),
        ({"kind": "shelter_24h", "site": "stad", "location": "nowhere"}, 404, "location-unknown"),
        ({"kind": "shelter_24h", "site": "stad", "hold_minutes": 29}, 422, "hold-minutes-out-of-range"),
        ({"kind": "shelter_24h", "site": "stad", "household_size": 0}, 422, "household-size-invalid"),
        ({"kind": "allowance", "site": "stad"}, 422, "kind-without-beds"),
        ({"kind": "shelter_24h", "site": "stad", "features": ["sea_view"]}, 422, "feature-unknown"),
        ({"site": "stad"}, 422, "places-missing"),
        ({"kind": "shelter_24h", "site": "atlantis"}, 404, "site-unknown"),
        ({"kind": "medical_respite"}, 409, "no-place-free"),
        ({"kind": "shelter_24h", "colour": "red"}, 422, "invalid"),
    ],
)
async def test_what_cannot_be_held_says_why_and_stores_nothing(
    desk: Desk, body: dict[str, object], status: int, code: str
) -> None:
    await desk.opened()
    before = await desk.placement.store.last_position()
    answer = await desk.post("/holds", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await desk.placement.store.last_position() == before


async def test_the_municipality_has_nothing_to_hold(desk: Desk) -> None:
    answer = await desk.post("/holds", json={"kind": "shelter_24h"})
    assert (answer.status_code, answer.json()["code"]) == (409, "no-place-free")


async def test_a_check_in_makes_a_stay_of_the_hold(desk: Desk) -> None:
    await desk.opened()
    hold = (await desk.post("/holds", json={"kind": "shelter_24h"})).json()
    answer = await desk.post(f"/holds/{hold['id']}/check-in")
    assert answer.status_code == 200
    assert answer.json()["id"] == hold["id"]
    stay = (await desk.get(f"/stays/{answer.json()['stay_id']}")).json()
    assert stay["place_ids"] == hold["place_ids"]
    assert stay["ended_at"] is None
    shown = (await desk.get(f"/holds/{hold['id']}")).json()
    assert (shown["status"], shown["stay_id"]) == ("checked_in", stay["id"])
    again = await desk.post(f"/holds/{hold['id']}/check-in")
    assert (again.status_code, again.json()["code"]) == (409, "hold-ended")


async def test_a_hold_that_ran_out_cannot_be_checked_in(desk: Desk) -> None:
    await desk.opened()
    hold = (await desk.post("/holds", json={"kind": "shelter_24h", "hold_minutes": 30})).json()
    desk.clock.ahead = timedelta(minutes=31)
    for action in ("check-in", "cancel"):
        answer = await desk.post(f"/holds/{hold['id']}/{action}")
        assert (answer.status_code, answer.json()["code"]) == (409, "hold-lapsed")


async def test_cancelling_frees_the_place_and_a_repeat_changes_nothing(desk: Desk) -> None:
    places = await desk.opened(count=1)
    hold = (await desk.post("/holds", json={"kind": "shelter_24h"})).json()
    first = await desk.post(f"/holds/{hold['id']}/cancel", json={})
    assert [event["type"] for event in first.json()["events"]] == ["hold-cancelled.v1"]
    again = await desk.post(f"/holds/{hold['id']}/cancel")
    assert (again.status_code, again.json()["events"]) == (200, [])
    assert (await desk.get(f"/places/{places[0]}")).json()["status"] == "free"


async def test_unknown_holds_are_unknown(desk: Desk) -> None:
    for id_ in (NOBODY, "nonsense", "x" * 3000, "%00"):
        for answer in (await desk.get(f"/holds/{id_}"), await desk.post(f"/holds/{id_}/cancel")):
            assert (answer.status_code, answer.json()["code"]) == (404, "hold-unknown")


async def test_a_stale_version_is_412(desk: Desk) -> None:
    await desk.opened()
    hold = (await desk.post("/holds", json={"kind": "shelter_24h"})).json()
    path = f"/holds/{hold['id']}/check-in"
    stale = await desk.post(path, headers={"If-Match": f'"{hold["version"] + 1}"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "version-stale")
    assert (await desk.post(path, headers={"If-Match": f'"{hold["version"]}"'})).status_code == 200


async def test_one_key_is_one_hold_however_often_it_is_sent(desk: Desk) -> None:
    await desk.opened(count=5)
    request: Any = {"json": {"kind": "shelter_24h"}, "headers": {"Idempotency-Key": "tap-1"}}
    answers = await asyncio.gather(*(desk.post("/holds", **request) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    held = (await desk.get("/holds")).json()["items"]
    assert len(held) == 1


async def test_one_key_gives_the_first_refusal_again(desk: Desk) -> None:
    await desk.opened(count=1)
    request: Any = {"json": {"kind": "shelter_24h"}, "headers": {"Idempotency-Key": "tap-1"}}
    hold = (await desk.post("/holds", json={"kind": "shelter_24h"})).json()
    first = await desk.post("/holds", **request)
    await desk.post(f"/holds/{hold['id']}/cancel")
    again = await desk.post("/holds", **request)
    assert first.status_code == again.status_code == 409
    assert first.json() | {"trace_id": ""} == again.json() | {"trace_id": ""}


async def test_one_key_gives_the_first_answer_also_when_nothing_is_free_any_more(desk: Desk) -> None:
    await desk.opened("west", count=1)
    await desk.opened("far-west", count=1)
    request: Any = {"json": {"kind": "shelter_24h"}, "headers": {"Idempotency-Key": "tap-1"}}
    first = await desk.post("/holds", **request)
    await desk.post("/holds", json={"kind": "shelter_24h"})
    again = await desk.post("/holds", **request)
    assert first.text == again.text


async def test_the_same_key_with_another_body_is_refused(desk: Desk) -> None:
    await desk.opened()
    key = {"Idempotency-Key": "tap-1"}
    await desk.post("/holds", json={"kind": "shelter_24h"}, headers=key)
    other = await desk.post("/holds", json={"kind": "shelter_24h", "hold_minutes": 60}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")


async def test_two_people_may_use_the_same_key(desk: Desk) -> None:
    await desk.opened()
    ids = set()
    for subject in ("one", "two"):
        async with desk.caller(subject=subject) as client:
            answer = await client.post(
                "/api/placement/holds", json={"kind": "shelter_24h"}, headers={"Idempotency-Key": "tap-1"}
            )
            ids.add(answer.json()["id"])
    assert len(ids) == 2


async def test_a_check_in_repeated_with_its_key_names_the_same_stay(desk: Desk) -> None:
    await desk.opened()
    hold = (await desk.post("/holds", json={"kind": "shelter_24h"})).json()
    path, key = f"/holds/{hold['id']}/check-in", {"Idempotency-Key": "tap-1"}
    answers = await asyncio.gather(*(desk.post(path, headers=key) for _ in range(5)))
    assert len({answer.json()["stay_id"] for answer in answers}) == 1


@pytest.mark.parametrize("round_", range(5))
async def test_two_holds_for_the_last_place_have_one_winner(desk: Desk, round_: int) -> None:
    await desk.opened(count=1)
    answers = await asyncio.gather(*(desk.post("/holds", json={"kind": "shelter_24h"}) for _ in range(2)))
    assert sorted(answer.status_code for answer in answers) == [201, 409]
