"""Holds at another site over HTTP, as the asking desk sees them; the other site is played by its letters' commands."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest_asyncio

from services.placement.views_capacity import figures
from shared import forward as fw
from shared.contracts import hold_letters
from shared.contracts import placement as told
from shared.handling import Context
from shared.letters import Seals
from shared.ports import Append, Put
from tests.support.desk import SITE, Desk, open_desk
from tests.support.letters import site_seals

NOBODY = "00000000-0000-4000-8000-000000000000"
ASK = {"site": "stad", "kind": "shelter_24h"}


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[Desk]:
    """A desk at west that knows of two locations at stad."""
    async with open_desk() as opened:
        for name, total in (("full-house", 1), ("large-house", 9)):
            await _knows(opened, name, total)
        yield opened


async def _knows(desk: Desk, location: str, total: int, kind: str = "shelter_24h") -> None:
    now = desk.clock.now()
    known = {
        "origin": "stad/placement", "location": location, "kind": kind, "size_class": "1", "feature_class": "",
        "site": "stad", "title": location, "district": "", "total": total, "overflow": 0, "occupied": 0, "held": 0,
        "blocked": 0, "people": 0, "observed_at": now, "effective_at": now,
    }  # fmt: skip
    row = tuple(known[name] for name in list(figures.columns.keys()))
    await desk.placement.store.append(Append(now, rows=[Put(figures, row)]))


async def _answers(desk: Desk, hold_id: str, status: str, code: str | None = None) -> None:
    """The owner's letter has come."""
    now = desk.clock.now()
    word = fw.HearAnswer(
        at=now, role="system", call_id=hold_id, site="stad", status=status, final=status != "active", code=code,
        expires_at=now + timedelta(minutes=80) if status == "active" else None,
    )  # fmt: skip
    handled = await desk.placement.calls.handle(hold_id, word, Context(NOBODY, NOBODY, NOBODY))
    assert handled.rejected is None


async def _ask(desk: Desk, **more: Any) -> dict[str, Any]:
    answer = await desk.post("/holds", "caseworker", json=ASK | more)
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


async def test_the_first_answer_is_that_it_is_on_its_way(desk: Desk) -> None:
    body = await _ask(desk, features=["quiet", "cot", "quiet"], household_size=2)
    assert [event["type"] for event in body["events"]] == ["call-made.v1"]
    assert (body["status"], body["site"], body["place_ids"]) == ("pending", "stad", [])
    shown = (await desk.get(f"/holds/{body['id']}", after=body["position"])).json()
    assert {name: shown[name] for name in ("id", "status", "kind", "household_size", "version")} == {
        "id": body["id"], "status": "pending", "kind": "shelter_24h", "household_size": 2, "version": 1,
    }  # fmt: skip


async def test_the_letter_is_sealed_to_the_owner_and_names_the_location_with_most_places(desk: Desk) -> None:
    body = await _ask(desk)
    assert body["location"] == "large-house"
    [message] = await desk.placement.store.read_outbox("pub", 0, 10)
    assert (message.type, message.subject) == (told.HoldAsked.type_name, "stad")
    letter = told.HoldAsked.model_validate_json(message.data)
    assert (letter.to, letter.request_id) == ("stad", body["id"])
    owner: Seals = site_seals(("stad", SITE))["stad"]
    asked = owner.open(message, letter).body
    assert isinstance(asked, hold_letters.HoldAskedBody)
    assert (asked.location, asked.hold_minutes) == ("large-house", 90)


async def test_a_location_of_another_site_is_enough(desk: Desk) -> None:
    answer = await desk.post("/holds", json={"location": "full-house", "kind": "shelter_24h"})
    assert (answer.status_code, answer.json()["site"]) == (202, "stad")


async def test_it_is_shown_as_the_owner_says(desk: Desk) -> None:
    hold = (await _ask(desk))["id"]
    await _answers(desk, hold, "active")
    shown = (await desk.get(f"/holds/{hold}")).json()
    assert (shown["status"], shown["place_ids"]) == ("active", [])
    await _answers(desk, hold, "checked_in")
    assert (await desk.get(f"/holds/{hold}")).json()["status"] == "checked_in"
    late = await desk.post(f"/holds/{hold}/cancel")
    assert (late.status_code, late.json()["code"], late.json()["facts"]) == (409, "hold-ended", {"how": "checked_in"})


async def test_refused_with_the_reason(desk: Desk) -> None:
    hold = (await _ask(desk))["id"]
    await _answers(desk, hold, "refused", "no-place-free")
    shown = (await desk.get(f"/holds/{hold}")).json()
    assert (shown["status"], shown["code"]) == ("refused", "no-place-free")


async def test_a_cancel_is_pending_until_the_owner_has_said_so(desk: Desk) -> None:
    hold = (await _ask(desk))["id"]
    await _answers(desk, hold, "active")
    version = (await desk.get(f"/holds/{hold}")).json()["version"]
    stale = await desk.post(f"/holds/{hold}/cancel", headers={"If-Match": f'"{version + 1}"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "version-stale")
    answer = await desk.post(f"/holds/{hold}/cancel", headers={"If-Match": f'"{version}"'})
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")
    shown = (await desk.get(f"/holds/{hold}")).json()
    assert (shown["status"], shown["given_up"]) == ("active", True)
    await _answers(desk, hold, "cancelled")
    shown = (await desk.get(f"/holds/{hold}")).json()
    assert (shown["status"], shown["given_up"]) == ("cancelled", False)


async def test_nobody_is_checked_in_from_afar(desk: Desk) -> None:
    hold = (await _ask(desk))["id"]
    answer = await desk.post(f"/holds/{hold}/check-in")
    assert (answer.status_code, answer.json()["code"]) == (409, "remote-hold-not-possible")


async def test_one_list_has_both_page_by_page(desk: Desk) -> None:
    await desk.opened(count=5)
    ids = {(await desk.post("/holds", json={"location": "west", "kind": "shelter_24h"})).json()["id"] for _ in range(3)}
    ids |= {(await _ask(desk))["id"] for _ in range(4)}
    found: list[str] = []
    cursor: dict[str, Any] = {}
    for _ in range(4):
        page = (await desk.get("/holds", limit=2, **cursor)).json()
        found += [row["id"] for row in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert found == sorted(ids)
    pending = (await desk.get("/holds", status="pending")).json()["items"]
    assert {row["site"] for row in pending} == {"stad"}


async def test_only_the_desk_and_who_checks_it_may_look(desk: Desk) -> None:
    hold = (await _ask(desk))["id"]
    assert (await desk.get(f"/holds/{hold}", "coordinator")).status_code == 403
    assert (await desk.get(f"/holds/{hold}", "auditor")).status_code == 200


async def test_a_hold_by_kind_with_a_key_tries_every_own_location(desk: Desk) -> None:
    """The one with most places free refuses a household of four: its places are in different rooms."""
    await desk.opened("west", count=3)
    await desk.opened("far-west", count=1, sleeps=4, room="1")
    request: Any = {"json": {"kind": "shelter_24h", "household_size": 4}, "headers": {"Idempotency-Key": "tap"}}
    first = await desk.post("/holds", **request)
    assert (first.status_code, first.json()["location"]) == (201, "far-west")
    again = await desk.post("/holds", **request)
    assert again.text == first.text
    other: Any = {"json": {"kind": "shelter_24h", "household_size": 4}, "headers": {"Idempotency-Key": "other"}}
    refused = [await desk.post("/holds", **other) for _ in range(2)]
    assert {answer.status_code for answer in refused} == {409}
    held = (await desk.get("/holds")).json()["items"]
    assert len(held) == 1
