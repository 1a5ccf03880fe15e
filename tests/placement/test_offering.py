"""Who looks at the waiting list offers what falls to this site, and keeps no place for anybody who cannot be asked."""

from __future__ import annotations

import asyncio

import pytest

from services.placement.app_offers import LOOK_SECONDS, REFUSED_SECONDS, REST_SECONDS_MAX, Offering, offer_command
from services.placement.capacity import LinkState, SiteLink
from services.placement.views_capacity import NetworkCapacity
from services.placement.views_offers import offers
from services.placement.views_waiting import WAITING, WaitingList
from shared.clock import Clock
from shared.ids import SystemIds
from shared.inbox import Reader
from shared.ports import Append
from tests.placement.test_waiting import FIRST, NOW, SECOND, noticed
from tests.support.desk import Desk, MovedClock, open_desk


async def caught_up(desk: Desk) -> None:
    await desk.placement.capacity.caught_up(await desk.placement.store.last_position())


def looking(desk: Desk, clock: Clock | None = None, made: type[Offering] = Offering, **links: LinkState) -> Offering:
    """As the service wires it. clock: default the desk's. links: how a site is heard, live unless said otherwise."""

    def link(site: str) -> SiteLink:
        return SiteLink(links.get(site, "live"), 0.0)

    store, capacity = desk.placement.store, desk.placement.capacity
    assert isinstance(capacity, NetworkCapacity)
    listed = WaitingList(store, Reader(store, WAITING, desk.clock), link, capacity.current)
    return made("west", store, listed, desk.placement.handler, clock or desk.clock, SystemIds())


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


class Watched(MovedClock):
    """A clock that moves by hand, and notes for how long it was asked to sleep; asked for the second time, it ends the
    task that asks."""

    def __init__(self) -> None:
        self.seconds, self.slept = 1_000.0, list[float]()

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if len(self.slept) == 2:
            raise asyncio.CancelledError


@pytest.mark.parametrize(("took", "rests"), [(0.0, LOOK_SECONDS), (0.1, 2.0), (5.0, REST_SECONDS_MAX)])
async def test_after_a_look_of_some_length_it_rests_and_never_for_long(took: float, rests: float) -> None:
    """Five seconds of a busy machine are no reason to let anybody wait for another hundred."""

    class Slow(Offering):
        async def look(self) -> None:
            clock.seconds += took

    async with open_desk() as desk:
        clock = Watched()
        with pytest.raises(asyncio.CancelledError):
            await looking(desk, clock, Slow).run()
        assert clock.slept == pytest.approx([rests, rests])


async def test_a_location_that_refuses_is_asked_again_soon() -> None:
    """The list may show a place that went a moment ago, and comes free again a moment later."""
    async with open_desk() as desk:
        await desk.opened(count=1)
        await desk.placement.store.append(Append(NOW, rows=noticed()))
        await caught_up(desk)
        clock, capacity = Watched(), desk.placement.capacity
        look = looking(desk, clock)
        assert isinstance(capacity, NetworkCapacity)
        async with capacity._reader.still:  # the view hears of nothing meanwhile
            held = await desk.post("/holds", json={"location": "west", "kind": "shelter_24h"})
            assert held.status_code == 201, held.text
            await look.look()
            cancelled = await desk.post(f"/holds/{held.json()['id']}/cancel")
            assert cancelled.status_code == 200, cancelled.text
        await caught_up(desk)
        await look.look()
        assert await offered(desk) == []
        clock.seconds += REFUSED_SECONDS
        await look.look()
        await caught_up(desk)
        assert await offered(desk) == [FIRST]


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
