"""Who waits, as a site lists it: one row an open request, in rank order, with where each would go."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import pytest
import pytest_asyncio

from services.placement.capacity import SiteLink
from services.placement.views_waiting import WAITING, WaitingList, waiting, waiting_rows
from shared import schema
from shared.clock import SystemClock
from shared.contracts.intake import RequestNoticed
from shared.envelope import Message, Origin
from shared.inbox import Reader
from shared.ports import Append, Delete, Put
from tests.support.desk import Desk, open_desk

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
FIRST, SECOND = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
NOTICE: dict[str, Any] = {
    "request_id": FIRST, "kinds": ("shelter_24h",), "size_class": "1", "features": (), "not_at": (), "priority_band": 1,
    "rules_version": 1, "waiting_since": date(2026, 1, 5), "status": "waiting",
}  # fmt: skip


def noticed(desk: str = "noord", **fields: Any) -> list[Put | Delete]:
    contract = RequestNoticed.of(**(NOTICE | fields))
    message = Message(
        Origin(desk, "intake", 1), "pub", 1, FIRST, contract.type_name, FIRST, NOW, FIRST, FIRST, contract.encode()
    )
    return list(waiting_rows(message, contract))


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as opened:
        yield opened


async def test_whoever_is_first_in_rank_is_first_and_gets_the_only_place(desk: Desk) -> None:
    await desk.opened(count=1)
    later = noticed(request_id=SECOND, waiting_since=date(2026, 1, 4))
    await desk.placement.store.append(Append(NOW, rows=[*noticed(), *later]))
    await desk.placement.capacity.caught_up(await desk.placement.store.last_position())
    answer = (await desk.get("/waiting-list", role="coordinator")).json()
    assert [(one["id"], one["rank"]) for one in answer["items"]] == [(SECOND, 1), (FIRST, 2)]
    assert answer["items"][0]["chosen"] == {"site": "west", "location": "west", "kind": "shelter_24h", "places": 1}
    assert answer["items"][1]["chosen"] is None
    assert (answer["total"], answer["incomplete"], answer["not_heard"]) == (2, [], [])
    limited = (await desk.get("/waiting-list", limit=1)).json()
    assert (len(limited["items"]), limited["total"]) == (1, 2)


async def test_only_requests_for_a_kind_are_listed_with_their_rank_among_all(desk: Desk) -> None:
    other = noticed(request_id=SECOND, kinds=("night_shelter",), priority_band=0)
    await desk.placement.store.append(Append(NOW, rows=[*noticed(), *other]))
    answer = (await desk.get("/waiting-list", kind="shelter_24h")).json()
    assert [(one["id"], one["rank"]) for one in answer["items"]] == [(FIRST, 2)]
    assert (await desk.get("/waiting-list", kind="castle")).status_code == 422


async def nowhere() -> Sequence[Mapping[str, Any]]:
    """No room at all."""
    return ()


@pytest.mark.parametrize(("state", "not_heard"), [("live", []), ("late", ["noord"]), ("silent", ["noord"])])
async def test_the_list_says_whose_desks_are_not_heard_now(state: Any, not_heard: list[str], desk: Desk) -> None:
    store = desk.placement.store
    heard = [Put(schema.checkpoints, (WAITING.name, origin, "pub", 1, 5))
             for origin in ("noord/intake", "west/intake", "zuid/placement")]  # fmt: skip
    await store.append(Append(NOW, rows=heard))
    links = {"noord": SiteLink(state, 60.0), "zuid": SiteLink("silent", 60.0), "west": SiteLink("live", 0.0)}
    waiting_list = WaitingList(store, Reader(store, WAITING, desk.clock), lambda site: links[site], nowhere)
    assert await waiting_list.not_heard() == not_heard


async def test_nothing_of_a_request_outlives_it(desk: Desk) -> None:
    await desk.placement.store.append(Append(NOW, rows=noticed()))
    await desk.placement.store.append(Append(NOW, rows=noticed(status="closed")))
    assert await desk.placement.store.rows(waiting) == []


async def test_who_left_asks_for_nobody_also_when_another_site_has_its_name(desk: Desk) -> None:
    """Until the new one's intake says something, which may take weeks, nobody hears that the old one's word is over."""
    store = desk.placement.store
    there = Put(schema.checkpoints, (WAITING.name, "noord/intake", "pub", 1, 1))
    await store.append(Append(NOW, rows=[*noticed(), there]))
    reader = Reader(store, WAITING, SystemClock())
    async with reader.resting():
        assert reader.checkpoint("noord/intake") == (1, 1)

    def lists(left: int) -> WaitingList:
        """left: the last epoch of the site of this name that has left."""
        return WaitingList(
            store, reader, lambda _: SiteLink("live", 0.0), nowhere, lambda _site, epoch, _at: epoch > left
        )

    assert [one.request_id for one in (await lists(left=0).ranked())[0]] == [FIRST]
    assert [one.request_id for one in (await lists(left=1).ranked())[0]] == []
