"""A year at one desk, and somebody who has read every word it told the network: which of them are about one person?"""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import timedelta

import pytest

from services.intake import commands_offers as oc
from services.intake import policy
from shared.handling import Context
from shared.ids import SystemIds
from tests.simulation.oracle_house import Violation
from tests.simulation.oracle_unlinked import unlinked
from tests.support.intake_desk import OTHER, IntakeDesk, open_intake
from tests.support.joining import Joined, marks_of

WEEKS = 52


async def a_year(desk: IntakeDesk) -> dict[str, list[str]]:
    """Twenty people come back again and again, ask, are offered something, take it or not, leave, or are forgotten.
    Returns the requests of each."""
    chance, ids = random.Random(5), SystemIds()
    people: dict[str, list[str]] = {await desk.registered(): [] for _ in range(20)}
    gone: set[str] = set()
    for _ in range(WEEKS):
        for client in chance.sample(sorted(people.keys() - gone), 2):
            asked = await desk.post(f"/clients/{client}/requests", {"kinds": ["night_shelter"]})
            assert asked.status_code == 201, asked.text
            request = str(asked.json()["id"])
            people[client].append(request)
            desk.clock.ahead += timedelta(minutes=chance.randint(1, 500))
            for _ in range(chance.randint(0, 2)):
                await _offered(desk, client, request, ids.random_id(), take=chance.random() < 0.15)
            await desk.post(f"/clients/{client}/requests/{request}/withdraw", {"reason": "found_elsewhere"})
            if chance.random() < 0.03:
                assert (await desk.post(f"/clients/{client}/erase")).status_code == 200
                gone.add(client)
        desk.clock.ahead += timedelta(days=7)
        await desk.fire_due()
    return people


async def _offered(desk: IntakeDesk, client: str, request: str, offer: str, *, take: bool) -> None:
    now = desk.clock.now()
    letter = oc.HearOffer(
        at=now, role="system", client_id="", request_id=request, offer_id=offer, site=OTHER, location="noord",
        kind="night_shelter", sleeps=2, expires_at=now + timedelta(hours=4),
    )  # fmt: skip
    handled = await desk.deciding[policy.REQUEST].handle(request, letter, Context(offer, offer, offer))
    assert handled.rejected is None
    path = f"/clients/{client}/offers/{offer}"
    if take:
        await desk.post(f"{path}/accept", {"expected_by": (now + timedelta(hours=3)).isoformat()})
    await desk.post(f"{path}/decline", {"reason": "too_far"})


async def test_no_two_requests_of_one_person_can_be_joined_by_what_a_year_of_them_told_the_network() -> None:
    async with open_intake() as desk:
        people = await a_year(desk)
        messages = await desk.store.read_outbox("pub", 0, 100_000)
    joined = Joined()
    for message in messages:
        joined.join(sorted(marks_of(message)))
    assert sum(message.type == "nl.plek.intake.place-declined.v1" for message in messages) > 30
    told = {message.subject for message in messages} & {each for requests in people.values() for each in requests}
    assert len(told) > 80
    for client, requests in people.items():
        assert all(client not in message.data.decode() for message in messages)
        roots = defaultdict(list)
        for request in requests:
            roots[joined.root(request)].append(request)
        assert max(map(len, roots.values()), default=1) == 1, "two requests of one person hang together"


async def test_whoever_told_a_clients_id_or_cause_would_be_found_out() -> None:
    """The same reader, with the log that does not leave the site in hand: there everything hangs together."""
    async with open_intake() as desk:
        client = await desk.registered()
        for _ in range(2):
            asked = await desk.post(f"/clients/{client}/requests", {"kinds": ["night_shelter"]})
            desk.clock.ahead += timedelta(hours=1)
            await desk.post(f"/clients/{client}/requests/{asked.json()['id']}/withdraw", {"reason": "found_elsewhere"})
        messages = await desk.store.read_outbox("loc", 0, 100)
    joined = Joined()
    for message in messages:
        joined.join(sorted(marks_of(message)))
    assert len({joined.root(message.id) for message in messages}) == 1


async def test_the_judge_of_the_simulation_finds_what_can_be_joined() -> None:
    """What looks at all logs of all sites after every seed, given the log that does not leave a site."""
    async with open_intake() as desk:
        client, ids = await desk.registered(), []
        for _ in range(2):
            ids.append((await desk.post(f"/clients/{client}/requests", {"kinds": ["night_shelter"]})).json()["id"])
            await desk.post(f"/clients/{client}/requests/{ids[-1]}/withdraw", {"reason": "found_elsewhere"})
        outside, inside = [await desk.store.read_outbox(log, 0, 100) for log in ("pub", "loc")]
    unlinked(outside, {client: ids})
    assert {*ids} <= {message.subject for message in outside}
    with pytest.raises(Violation, match="a client's id is told"):
        unlinked(inside, {client: ids})
    with pytest.raises(Violation, match="can be joined"):
        unlinked(inside, {"nobody": ids})
