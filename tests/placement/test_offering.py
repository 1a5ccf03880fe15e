"""Who looks at the waiting list offers what falls to this site, and keeps no place for anybody who cannot be asked."""

from __future__ import annotations

import pytest

from services.placement.app_offers import Offering, offer_command
from services.placement.capacity import LinkState, SiteLink
from services.placement.views_capacity import NetworkCapacity
from services.placement.views_offers import offers
from services.placement.views_waiting import WAITING, WaitingList
from shared.ids import SystemIds
from shared.inbox import Reader
from shared.ports import Append
from tests.placement.test_waiting import FIRST, NOW, SECOND, noticed
from tests.support.desk import Desk, open_desk


async def caught_up(desk: Desk) -> None:
    await desk.placement.capacity.caught_up(await desk.placement.store.last_position())


def looking(desk: Desk, **links: LinkState) -> Offering:
    """As the service wires it. links: how a site is heard, live unless said otherwise."""

    def link(site: str) -> SiteLink:
        return SiteLink(links.get(site, "live"), 0.0)

    store, capacity = desk.placement.store, desk.placement.capacity
    assert isinstance(capacity, NetworkCapacity)
    listed = WaitingList(store, Reader(store, WAITING, desk.clock), link, capacity.current)
    return Offering("west", store, listed, desk.placement.handler, desk.clock, SystemIds())


async def offered(desk: Desk) -> list[str]:
    return [str(row["request_id"]) for row in await desk.placement.store.rows(offers)]


async def test_the_first_in_rank_is_offered_the_only_place_and_once() -> None:
    async with open_desk() as desk:
        await desk.opened(count=1)
        await desk.placement.store.append(Append(NOW, rows=[*noticed(), *noticed(request_id=SECOND, priority_band=0)]))
        await caught_up(desk)
        look = looking(desk)
        for _ in range(2):
            await look.look()
            await caught_up(desk)
        assert await offered(desk) == [SECOND]


@pytest.mark.parametrize("state", ["late", "silent"])
async def test_a_place_does_not_wait_for_requests_whose_desk_is_not_heard(state: LinkState) -> None:
    async with open_desk() as desk:
        await desk.opened(count=1)
        first = noticed(priority_band=0)
        second = noticed(request_id=SECOND, desk="zuid")
        await desk.placement.store.append(Append(NOW, rows=[*first, *second]))
        await caught_up(desk)
        await looking(desk, noord=state).look()
        assert await offered(desk) == [SECOND]


async def test_what_is_told_of_an_offer_leads_to_no_request() -> None:
    """Every site knows the ids of all requests, and the offer's from the envelope."""
    async with open_desk() as desk:
        await desk.opened(count=1)
        await desk.placement.store.append(Append(NOW, rows=noticed()))
        await caught_up(desk)
        await looking(desk).look()
        [offer] = await desk.placement.store.rows(offers)
        rows = await desk.placement.store.read_outbox("pub", 0, 100)
        told = [(row.correlation_id, row.causation_id) for row in rows]
        known = {FIRST, offer_command(FIRST, offer["id"])}
        assert offer["id"] in {correlation for correlation, _ in told}
        assert known.isdisjoint({id_ for pair in told for id_ in pair})
