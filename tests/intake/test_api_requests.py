"""Requests over HTTP: opened, prioritized, withdrawn, and what of them is told to whom."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from services.intake import views
from services.intake.app_keeper import Keeper
from services.intake.app_repair import first_rows
from services.intake.priority import Rules
from shared.epochs import begin_epoch
from shared.ids import SystemIds
from shared.policies import Handlers
from tests.support.intake_desk import IntakeDesk, open_intake, said, told
from tests.support.memory_store import MemoryStore

ASK: dict[str, Any] = {
    "kinds": ["family_shelter", "shelter_24h"], "features": ["cot"], "household_size": 5, "not_at": ["west"],
    "priority_facts": ["baby", "sleeping_rough"],
}  # fmt: skip


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[IntakeDesk]:
    async with open_intake() as opened:
        yield opened


def handlers_of(desk: IntakeDesk) -> Handlers:
    return {**desk.deciding}


def keeping(desk: IntakeDesk, rules: Rules, kind: type[Keeper] = Keeper) -> Keeper:
    """Whoever keeps the desk's files under these rules."""
    about = (desk.store, desk.vault, handlers_of(desk), desk.clock, desk.openings)
    return kind("west", *about, 365, desk.giving, rules)


async def test_a_request_has_a_band_and_its_reasons_in_words(desk: IntakeDesk) -> None:
    client_id = await desk.registered()
    answer = (await desk.post(f"/clients/{client_id}/requests", ASK)).json()
    assert (answer["priority_band"], answer["reasons"]) == (0, ["baby", "sleeping_rough"])
    shown = (await desk.get(f"/requests/{answer['id']}", after=answer["position"])).json()
    assert {name: shown[name] for name in ("kinds", "features", "household_size", "not_at")} == {
        name: ASK[name] for name in ("kinds", "features", "household_size", "not_at")
    }
    assert (shown["status"], shown["reasons"]) == ("waiting", ["baby", "sleeping_rough"])
    assert (await desk.get(f"/clients/{client_id}")).json()["requests"] == [answer["id"]]
    assert (await desk.get("/requests", status="waiting", client_id=client_id)).json()["items"] == [shown]


async def test_everybody_hears_of_it_under_an_id_and_a_cause_that_lead_nowhere(desk: IntakeDesk) -> None:
    client_id = await desk.registered()
    request = (await desk.post(f"/clients/{client_id}/requests", ASK)).json()["id"]
    [notice] = await told(desk, "pub")
    assert said(notice) == {
        "request_id": request, "kinds": ASK["kinds"], "size_class": "5+", "features": ["cot"], "not_at": ["west"],
        "priority_band": 0, "rules_version": 1, "waiting_since": desk.clock.now().date().isoformat(),
        "status": "waiting",
    }  # fmt: skip
    events = await desk.store.read_all(0, 100)
    local = await told(desk, "loc")
    inside = {event.meta.correlation_id for event in events} | {event.meta.causation_id for event in events}
    inside |= {event.id for event in events} | {one.correlation_id for one in local} | {client_id}
    assert {notice.correlation_id, notice.causation_id, notice.subject}.isdisjoint(inside)
    assert notice.causation_id == notice.id
    assert notice.traceparent is None
    # At the own site every one of them has its cause.
    assert {one.causation_id for one in local} <= {event.id for event in events}


async def test_two_notices_of_one_person_share_nothing_but_what_anybody_may_know(desk: IntakeDesk) -> None:
    client_id = await desk.registered()
    first = (await desk.post(f"/clients/{client_id}/requests", ASK)).json()["id"]
    await desk.post(f"/clients/{client_id}/requests/{first}/withdraw", {"reason": "mistake"})
    second = (await desk.post(f"/clients/{client_id}/requests", ASK)).json()["id"]
    notices = await told(desk, "pub")
    assert [(said(one)["request_id"], said(one)["status"]) for one in notices] == [
        (first, "waiting"), (first, "closed"), (second, "waiting"),
    ]  # fmt: skip
    ids = [(one.id, one.correlation_id) for one in notices]
    assert len({id_ for pair in ids for id_ in pair}) == 6


async def test_the_household_in_the_file_is_who_needs_a_place(desk: IntakeDesk) -> None:
    client_id = await desk.registered(household=[{"age_band": "23-64"}, {"age_band": "0-3"}, {"age_band": "4-11"}])
    request = (await desk.post(f"/clients/{client_id}/requests", {"kinds": ["family_shelter"]})).json()["id"]
    assert (await desk.get(f"/requests/{request}")).json()["household_size"] == 3
    alone = await desk.registered()
    request = (await desk.post(f"/clients/{alone}/requests", {"kinds": ["shelter_24h"]})).json()["id"]
    assert (await desk.get(f"/requests/{request}")).json()["household_size"] == 1


async def test_other_facts_give_another_band_and_the_wait_stays(desk: IntakeDesk) -> None:
    client_id = await desk.registered()
    opened = (await desk.post(f"/clients/{client_id}/requests", {"kinds": ["shelter_24h"]})).json()
    path = f"/clients/{client_id}/requests/{opened['id']}"
    moved = (await desk.post(f"{path}/prioritize", {"priority_facts": ["medical_urgent"]})).json()
    assert (opened["priority_band"], moved["priority_band"]) == (3, 0)
    assert moved["waiting_since"] == opened["waiting_since"]
    assert [said(one)["priority_band"] for one in await told(desk, "pub")] == [3, 0]


async def test_a_file_asks_for_one_place_at_a_time_whoever_is_first(desk: IntakeDesk) -> None:
    client_id = await desk.registered()
    answers = await asyncio.gather(*(desk.post(f"/clients/{client_id}/requests", ASK) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"request-open"}


async def test_one_key_is_one_request(desk: IntakeDesk) -> None:
    client_id = await desk.registered()
    answers = await asyncio.gather(*(desk.post(f"/clients/{client_id}/requests", ASK, key="tap") for _ in range(5)))
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].status_code == 201


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"kinds": []}, "invalid"),
        ({"kinds": ["castle"]}, "invalid"),
        ({"kinds": ["allowance"]}, "invalid"),
        ({"kinds": ["shelter_24h", "shelter_24h"]}, "kind-repeated"),
        ({"kinds": ["shelter_24h"], "household_size": 21}, "invalid"),
        ({"kinds": ["shelter_24h"], "priority_facts": ["rich"]}, "invalid"),
        ({"kinds": ["shelter_24h"], "not_at": ["Jan's house"]}, "invalid"),
        ({"kinds": ["shelter_24h"], "not_at": ["0west"]}, "location-name-invalid"),
        ({"kinds": ["shelter_24h"], "waiting_since": "2001-01-01"}, "invalid"),
    ],
)
async def test_what_cannot_be_asked_says_why(desk: IntakeDesk, body: dict[str, Any], code: str) -> None:
    client_id = await desk.registered()
    answer = await desk.post(f"/clients/{client_id}/requests", body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert await told(desk, "pub") == []


async def test_a_withdrawn_request_is_closed_to_everybody(desk: IntakeDesk) -> None:
    client_id = await desk.registered()
    request = (await desk.post(f"/clients/{client_id}/requests", ASK)).json()["id"]
    path = f"/clients/{client_id}/requests/{request}"
    answer = (await desk.post(f"{path}/withdraw", {"reason": "found_elsewhere"})).json()
    assert (answer["reason"], [event["type"] for event in answer["events"]]) == (
        "found_elsewhere", ["request-unmet.v1", "request-withdrawn.v1"],
    )  # fmt: skip
    again = await desk.post(f"{path}/withdraw", {"reason": "mistake"})
    assert (again.status_code, again.json()["events"], again.json()["reason"]) == (200, [], "found_elsewhere")
    refused = await desk.post(f"{path}/prioritize", {"priority_facts": []})
    assert (refused.status_code, refused.json()["code"]) == (409, "request-ended")
    unknown = await desk.post(f"/clients/{client_id}/requests/{client_id}/withdraw", {"reason": "mistake"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "request-unknown")
    assert [said(one)["status"] for one in await told(desk, "pub")] == ["waiting", "closed"]


async def test_new_rules_place_every_open_request_anew_and_the_file_stays_unused(desk: IntakeDesk) -> None:
    client_id = await desk.registered()
    request = (await desk.post(f"/clients/{client_id}/requests", ASK)).json()["id"]
    before = (await desk.get(f"/clients/{client_id}")).json()["active_at"]
    turned = Rules(2, {"baby": 1}, (8, 5, 2))
    keeper = keeping(desk, turned)
    await keeper.reconcile()
    await keeper.reconcile()
    assert [(said(one)["priority_band"], said(one)["rules_version"]) for one in await told(desk, "pub")] == [
        (0, 1), (3, 2),
    ]  # fmt: skip
    assert (await desk.get(f"/requests/{request}")).json()["rules_version"] == 2
    assert (await desk.get(f"/clients/{client_id}")).json()["active_at"] == before


async def test_a_new_epoch_begins_with_whoever_is_there_and_waits(desk: IntakeDesk) -> None:
    here, gone = await desk.registered(), await desk.registered()
    for client_id in (here, gone):
        await desk.post(f"/clients/{client_id}/requests", ASK)
    await desk.post(f"/clients/{gone}/erase")
    rows = await first_rows(desk.store, desk.clock, SystemIds(), {})
    names = [type(row.contract).__name__ for row in rows]
    first = ["EpochBegan", "SiteEpochBegan"]
    told_of_here = ["ClientRegistered", "RequestOpened", "RequestNoticed"]
    assert names in ([*first, *told_of_here, "ClientErased"], [*first, "ClientErased", *told_of_here])
    assert {row.subject for row in rows if type(row.contract).__name__ == "ClientErased"} == {gone}
    assert {row.subject for row in rows if type(row.contract).__name__ == "ClientRegistered"} == {here}


async def test_an_epochs_notices_lead_nowhere_either(desk: IntakeDesk) -> None:
    for _ in range(2):
        await desk.post(f"/clients/{await desk.registered()}/requests", ASK)
    await begin_epoch(desk.store, await first_rows(desk.store, desk.clock, SystemIds(), {}), SystemIds(), desk.clock)
    _, *notices = await told(desk, "pub")
    local = {message.correlation_id for message in await told(desk, "loc")}
    assert len({notice.correlation_id for notice in notices} - local) == len(notices) == 2
    assert [notice.causation_id for notice in notices] == [notice.id for notice in notices]


async def test_a_new_epoch_tells_nobody_of_whom_only_the_vault_knows_as_erased(desk: IntakeDesk) -> None:
    client_id = await desk.registered()
    await desk.post(f"/clients/{client_id}/requests", ASK)
    backup = copy.deepcopy(desk.disk)
    await desk.post(f"/clients/{client_id}/erase")
    restored = MemoryStore(backup, "west", "intake")
    rows = await first_rows(restored, desk.clock, SystemIds(), desk.vault.destroyed())
    assert [type(row.contract).__name__ for row in rows] == ["EpochBegan", "SiteEpochBegan"]


TURNED = Rules(2, {"baby": 1, "medical_urgent": 9}, (8, 5, 2))


async def test_new_rules_go_by_what_the_file_says_by_then(desk: IntakeDesk) -> None:
    client_id = await desk.registered()
    request = (await desk.post(f"/clients/{client_id}/requests", ASK)).json()["id"]

    class Late(Keeper):
        async def _pages(self, table: Any, **where: Any) -> AsyncIterator[dict[str, Any]]:
            async for row in Keeper._pages(self, table, **where):
                if table is views.requests:  # somebody at the desk is faster
                    body = {"priority_facts": ["medical_urgent"]}
                    await desk.post(f"/clients/{client_id}/requests/{request}/prioritize", body)
                yield row

    await keeping(desk, TURNED, Late).reconcile()
    shown = (await desk.get(f"/requests/{request}")).json()
    assert (shown["priority_band"], shown["rules_version"], shown["reasons"]) == (0, 2, ["medical_urgent"])


async def test_a_file_that_cannot_be_read_keeps_no_other_from_new_rules(desk: IntakeDesk) -> None:
    requests = []
    for lost in (True, False):
        client_id = await desk.registered()
        requests.append((await desk.post(f"/clients/{client_id}/requests", ASK)).json()["id"])
        if lost:
            await desk.vault.remove(client_id)
    await keeping(desk, TURNED).reconcile()
    versions = [(await desk.get(f"/requests/{request}")).json()["rules_version"] for request in requests]
    assert versions == [1, 2]


async def test_a_request_that_was_seen_as_it_is_can_be_changed_whatever_else_was_done_with_the_file(
    desk: IntakeDesk,
) -> None:
    client_id = await desk.registered()
    request = (await desk.post(f"/clients/{client_id}/requests", ASK)).json()["id"]
    read = (await desk.post(f"/clients/{client_id}/read-personal", {"purpose": "contact"})).json()
    seen = (await desk.get(f"/requests/{request}")).json()["version"]
    path = f"/clients/{client_id}/requests/{request}"
    for version in (seen - 1, read["version"] + 1):
        stale = await desk.post(f"{path}/withdraw", {"reason": "mistake"}, if_match=version)
        assert (stale.status_code, stale.json()["code"]) == (412, "version-stale")
    moved = await desk.post(f"{path}/prioritize", {"priority_facts": []}, if_match=seen)
    assert moved.status_code == 200
    stale = await desk.post(f"{path}/prioritize", {"priority_facts": []}, if_match=seen)
    assert (stale.status_code, stale.json()["code"]) == (412, "version-stale")
    assert (await desk.post(f"{path}/withdraw", {"reason": "mistake"}, if_match=moved.json()["version"])).is_success
