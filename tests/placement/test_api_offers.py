"""What an operator does about offers, over HTTP."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest_asyncio

from services.placement import commands_offers as oc
from shared.arrival import hashed
from shared.handling import Context
from tests.placement.sample import uid
from tests.support.desk import Desk, open_desk

CODE, SALT = "7K2M-9QXD", "ab" * 16
OFFER, REQUEST = uid(301), uid(401)


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as opened:
        yield opened


async def expected(desk: Desk) -> None:
    """West keeps a place for somebody of noord, who has accepted it."""
    await desk.opened(count=1)
    now = desk.clock.now()
    about: dict[str, Any] = {
        "at": now, "role": "system", "location": "west", "offer_id": OFFER, "request_id": REQUEST, "site": "noord",
        "household_size": 1,
    }  # fmt: skip
    accepted: dict[str, Any] = {"turn": 1, "expected_by": now + timedelta(hours=5), "arrival": hashed(CODE, SALT)}
    said: list[oc.OfferCommand] = [oc.OfferPlace(**about, kind="shelter_24h"), oc.TakeOffer(**about, **accepted)]
    for number, command in enumerate(said, 1):
        handled = await desk.placement.handler.handle("west", command, Context(uid(number), uid(3), uid(number)))
        assert handled.rejected is None


async def test_a_code_is_remembered_by_no_quick_hash_and_its_request_is_known_again(desk: Desk) -> None:
    await expected(desk)
    headers = {"Idempotency-Key": "at-the-door", "Content-Type": "application/json"}
    raw = b'{"arrival_code":"' + CODE.encode() + b'"}'
    door = f"/holds/{OFFER}/check-in"
    first = await desk.post(door, content=raw, headers=headers)
    assert first.status_code == 200, first.text
    again = await desk.post(door, content=raw, headers=headers)
    assert (again.status_code, again.json()) == (200, first.json())
    other = await desk.post(door, json={"arrival_code": "0000-0000"}, headers={"Idempotency-Key": "at-the-door"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")
    kept = await desk.placement.store.find_key(f"someone POST /api/placement{door}", "at-the-door")
    assert kept is not None
    quick = msgspec.json.encode([raw, []])
    assert kept.body_hash != hashlib.sha256(quick).digest()
    slow = hashed(CODE, OFFER.replace("-", ""))
    assert kept.body_hash == hashlib.sha256(f'{slow} {{"observed_at":null}}'.encode()).digest()
