"""Who looks at the waiting list offers what falls to this site, and keeps no place for anybody who cannot be asked."""

from __future__ import annotations

import asyncio

import pytest

from services.placement.app_offers import LOOK_SECONDS, REFUSED_SECONDS, REST_SECONDS_MAX, Offering, offer_command
from services.placement.capacity import LinkState, SiteLink
from services.placement.views_capacity import NetworkCapacity, offer_modes
from services.placement.views_offers import offers
from services.placement.views_waiting import WAITING, WaitingList
from shared.clock import Clock, SystemClock
from shared.ids import SystemIds
from shared.inbox import Reader
from shared.ports import Append, Put
from tests.placement.test_waiting import FIRST, NOW, SECOND, noticed
from tests.support.desk import Desk, MovedClock, open_desk


class StoppedClock(SystemClock):
    """A clock that goes on by hand."""

    passed = 0.0

    def monotonic(self) -> float:
        return self.passed


async def caught_up(desk: Desk) -> None:
    await desk.placement.capacity.caught_up(await desk.placement.store.last_position())


def looking(
    desk: Desk, clock: Clock | None = None, made: type[Offering] = Offering, site: str = "west", **links: LinkState
) -> Offering:
    """As the service wires it. clock: default the desk's. site: which looks. links: how a site is heard, live unless
    said otherwise."""

    def link(site: str) -> SiteLink:
        return SiteLink(links.get(site, "live"), 0.0)

    store, capacity = desk.placement.store, desk.placement.capacity
    assert isinstance(capacity, NetworkCapacity)
    listed = WaitingList(store, Reader(store, WAITING, desk.clock), link, capacity.current)
    return made(site, store, listed, desk.placement.handler, clock or desk.clock, SystemIds())


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


async def turned(desk: Desk, location: str = "west", offers: str = "ask") -> None:
    answer = await desk.post(f"/locations/{location}/offers", json={"offers": offers})
    assert answer.status_code == 200, answer.text
    await caught_up(desk)


async def test_a_location_that_asks_is_asked_once_and_offers_after_a_yes() -> None:
    async with open_desk() as desk:
        await desk.opened(count=1)
        await turned(desk)
        await desk.placement.store.append(Append(NOW, rows=[*noticed()]))
        look = looking(desk)
        for _ in range(3):
            await look.look()
            await caught_up(desk)
        assert await offered(desk) == []
        [question] = (await desk.get("/offer-questions", location="west")).json()["items"]
        assert (question["request_id"], question["desk"], question["kind"]) == (FIRST, "noord", "shelter_24h")
        path, body = f"/offer-questions/{question['id']}", {"location": "west"}
        assert (await desk.post(f"{path}/yes", json=body)).status_code == 200
        late = await desk.post(f"{path}/no", json=body)
        assert (late.status_code, late.json()["code"]) == (409, "question-over")
        assert await offered(desk) == [FIRST]
        assert (await desk.get("/offer-questions")).json()["items"] == []


async def test_a_location_that_asks_no_longer_does_not_wait_for_what_it_asked() -> None:
    async with open_desk() as desk:
        await desk.opened(count=1)
        await turned(desk)
        await desk.placement.store.append(Append(NOW, rows=[*noticed()]))
        look = looking(desk)
        await look.look()
        [question] = (await desk.get("/offer-questions")).json()["items"]
        await turned(desk, offers="automatic")
        await look.look()
        assert await offered(desk) == [FIRST]
        assert (await desk.post(f"/offer-questions/{question['id']}/yes", json={"location": "west"})).status_code == 200
        assert await offered(desk) == [FIRST]


async def test_a_request_that_was_put_off_is_not_asked_about_again_and_goes_to_the_next_best() -> None:
    async with open_desk() as desk:
        await desk.opened(count=1)
        await desk.opened("zuid", count=1)
        await turned(desk)
        await desk.placement.store.append(Append(NOW, rows=[*noticed()]))
        look = looking(desk)
        await look.look()
        [question] = (await desk.get("/offer-questions")).json()["items"]
        later = await desk.post(f"/offer-questions/{question['id']}/later", json={"location": "west"})
        assert later.status_code == 200, later.text
        for _ in range(2):
            await look.look()
            await caught_up(desk)
        [made] = await desk.placement.store.rows(offers)
        assert (made["location"], made["request_id"]) == ("zuid", FIRST)


@pytest.mark.parametrize(("mode", "passes_seconds"), [("automatic", 60.0), ("ask", 900.0)])
async def test_the_others_wait_longer_for_a_location_that_asks(mode: str, passes_seconds: float) -> None:
    async with open_desk() as desk:
        await desk.opened(count=1)
        await desk.placement.store.append(
            Append(NOW, rows=[*noticed(), Put(offer_modes, ("west/placement", "west", "west", mode))])
        )
        await caught_up(desk)
        clock = StoppedClock()
        store, capacity = desk.placement.store, desk.placement.capacity
        assert isinstance(capacity, NetworkCapacity)
        listed = WaitingList(
            store, Reader(store, WAITING, desk.clock), lambda _: SiteLink("live", 0.0), capacity.current
        )
        elsewhere = Offering("zuid", store, listed, desk.placement.handler, clock, SystemIds())
        await elsewhere.look()
        clock.passed = passes_seconds - 1
        await elsewhere.look()
        assert not elsewhere.passed_over(FIRST)
        clock.passed = passes_seconds
        await elsewhere.look()
        assert elsewhere.passed_over(FIRST) == {"west"}


async def test_locations_whose_operators_do_not_answer_do_not_keep_the_others_from_offering_for_ever() -> None:
    async with open_desk() as desk:
        modes = [("oost", "ask"), ("west", "ask"), ("zuid", "automatic")]
        for name, _ in modes:
            await desk.opened(name, count=1)
        rows = [Put(offer_modes, ("west/placement", name, "west", mode)) for name, mode in modes]
        await desk.placement.store.append(Append(NOW, rows=[*noticed(), *rows]))
        await caught_up(desk)
        clock = StoppedClock()
        elsewhere = looking(desk, clock, site="noord")
        for minute in range(60):
            clock.passed = minute * 60.0
            await elsewhere.look()
        assert elsewhere.passed_over(FIRST) == {"oost", "west", "zuid"}


async def test_a_location_that_was_passed_over_does_not_come_back_before_the_next_has_had_its_time() -> None:
    async with open_desk() as desk:
        for name in ("oost", "west"):
            await desk.opened(name, count=1)
        asks = Put(offer_modes, ("west/placement", "west", "west", "ask"))
        await desk.placement.store.append(Append(NOW, rows=[*noticed(), asks]))
        await caught_up(desk)
        clock = StoppedClock()
        elsewhere = looking(desk, clock, site="noord")
        for minute in range(30):
            clock.passed = minute * 60.0
            await elsewhere.look()
        assert elsewhere.passed_over(FIRST) == {"oost", "west"}
