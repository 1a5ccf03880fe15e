"""The caseworker's lists: of this desk's own files, and of nobody who was erased."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from services.intake import policy
from services.intake.commands_flows import NoteSeat
from services.intake.commands_offers import HearStay
from shared.handling import Context
from shared.ids import SystemIds
from shared.logbook import openings
from shared.security import Role
from tests.intake.sample import READ
from tests.intake.test_api_offers import STAY, answered
from tests.support.intake_desk import IntakeDesk, open_intake

FAMILY = [{"age_band": "23-64"}, {"age_band": "0-3"}, {"age_band": "4-11"}, {"age_band": "12-17"}]


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[IntakeDesk]:
    async with open_intake() as opened:
        yield opened


async def listed(desk: IntakeDesk, name: str, **query: Any) -> list[dict[str, Any]]:
    """Every page of a list."""
    items: list[dict[str, Any]] = []
    cursor: dict[str, Any] = {}
    while True:
        page = (await desk.get(f"/lists/{name}", **query, **cursor)).json()
        items += page["items"]
        if page["next"] is None:
            return items
        cursor = {"cursor": page["next"]}


async def members(desk: IntakeDesk, client_id: str) -> dict[str, str]:
    """Who is in the household, by age band."""
    household = (await desk.get(f"/clients/{client_id}")).json()["household"]
    return {each["age_band"]: each["id"] for each in household}


async def lives(desk: IntakeDesk, claim: str, lived: tuple[tuple[str, datetime], ...]) -> None:
    """The owner has told all of a stay."""
    told = HearStay(
        at=desk.clock.now(), role="system", client_id="", request_id=claim, offer_id=claim, site="noord", lived=lived,
        ended_at=None, number=8,
    )  # fmt: skip
    letter = SystemIds().random_id()
    handled = await desk.deciding[policy.REQUEST].handle(claim, told, Context(letter, letter, letter))
    assert handled.rejected is None, handled.rejected


async def refer(desk: IntakeDesk, client_id: str, kind: str, member: str | None = None) -> str:
    answer = await desk.post(f"/clients/{client_id}/referrals", {"partner_kind": kind, "member_id": member})
    assert answer.status_code == 201
    return str(answer.json()["id"])


async def test_children_of_school_age_without_a_referral_of_their_own(desk: IntakeDesk) -> None:
    client_id = await desk.registered(alias="red heron", household=FAMILY)
    await desk.registered(household=[{"age_band": "23-64"}])
    ids = await members(desk, client_id)
    await refer(desk, client_id, "school")  # the client's own: no child's
    await refer(desk, client_id, "dental_care", ids["4-11"])
    wanted = {(ids["0-3"], "pre_school"), (ids["4-11"], "school"), (ids["12-17"], "school")}
    items = await listed(desk, "children-without-referral", limit=1)
    assert {(one["member_id"], one["wants"]) for one in items} == wanted
    assert {one["alias"] for one in items} == {"red heron"}
    await refer(desk, client_id, "school", ids["4-11"])
    await refer(desk, client_id, "vocational_education", ids["12-17"])
    left = await listed(desk, "children-without-referral")
    assert [one["member_id"] for one in left] == [ids["0-3"]]
    await desk.post(f"/clients/{client_id}/erase")
    assert await listed(desk, "children-without-referral") == []


async def test_days_from_a_referral_to_its_first_appointment(desk: IntakeDesk) -> None:
    client_id = await desk.registered()
    first, waiting, over = [await refer(desk, client_id, kind) for kind in ("legal_aid", "dental_care", "school")]
    path = f"/clients/{client_id}/referrals"
    for days in (3, 12, 40):  # moved once, and one more after the client went
        at = (desk.clock.now() + timedelta(days=days)).isoformat()
        follow = await desk.post(f"{path}/{first}/follow", {"state": "appointment", "appointment_at": at})
        assert follow.status_code == 200
        if days == 12:
            await desk.post(f"{path}/{first}/follow", {"state": "attended"})
    await desk.post(f"{path}/{over}/follow", {"state": "ended"})
    desk.clock.ahead += timedelta(days=5)
    items = {one["referral_id"]: one for one in await listed(desk, "first-appointments", limit=1)}
    assert {id_: one["days"] for id_, one in items.items()} == {first: 12, waiting: 5}
    assert [one["referral_id"] for one in await listed(desk, "first-appointments", waiting=True)] == [waiting]
    assert [one["referral_id"] for one in await listed(desk, "first-appointments", waiting=False)] == [first]


async def test_registrations_to_follow_up(desk: IntakeDesk) -> None:
    states = ("unknown", "pending", "registered", "stateless_claimed")
    ids = {state: await desk.registered(registration=state) for state in states}
    following = {one["client_id"] for one in await listed(desk, "registrations", limit=1)}
    assert following == set(ids.values()) - {ids["registered"]}
    for state, client_id in ids.items():
        assert [one["client_id"] for one in await listed(desk, "registrations", state=state)] == [client_id]
    news = {"reason": "news", "registration": "registered"}
    assert (await desk.post(f"/clients/{ids['pending']}/correct", news)).status_code == 200
    assert (await desk.get(f"/clients/{ids['pending']}")).json()["registration"] == "registered"
    assert await listed(desk, "registrations", state="pending") == []
    assert "stateless_claimed" not in repr((desk.disk.events, desk.disk.tables, desk.disk.outbox, desk.disk.keys))


@pytest.mark.parametrize(
    ("days", "announced"),
    [(456, []), (457, [(90, 90)]), (516, [(31, 90)]), (517, [(30, 30)]), (540, [(7, 7)]), (547, [(0, 7)]),
     (549, [(-2, 0)])],
)  # fmt: skip
async def test_a_stay_announces_itself_90_30_and_7_days_before_its_limit(
    desk: IntakeDesk, days: int, announced: list[tuple[int, int]]
) -> None:
    desk.clock.to_noon()
    client_id, other = await desk.registered(alias="red heron"), await desk.registered()
    for who, kind, stay in ((client_id, "shelter_24h", STAY), (other, "night_shelter", READ)):
        body = {"stay_id": stay, "site": "noord", "location": "noord", "kind": kind}
        claim = (await desk.post(f"/clients/{who}/stays", body)).json()["id"]
        assert await listed(desk, "stay-limits") == [], "nobody lives there before its owner has said so"
        await answered(desk, claim, "housed")
    desk.clock.ahead += timedelta(days=days)
    items = await listed(desk, "stay-limits", limit=1)
    assert [(one["days_left"], one["announced"]) for one in items] == announced
    assert {(one["client_id"], one["alias"], one["location"]) for one in items} <= {(client_id, "red heron", "noord")}
    await desk.post(f"/clients/{client_id}/erase")
    assert await listed(desk, "stay-limits") == []


async def test_who_moved_into_a_kind_of_place_may_stay_there_since_then(desk: IntakeDesk) -> None:
    """Also when an end that was tapped by mistake is taken back: that they live there is a newer word."""
    desk.clock.to_noon()
    moved = {}
    for kinds, stay in ((("night_shelter", "shelter_24h"), STAY), (("shelter_24h", "medical_respite"), READ)):
        client_id = moved[kinds[1]] = await desk.registered(alias="red heron")
        body = {"stay_id": stay, "site": "noord", "location": "noord", "kind": kinds[0]}
        claim = (await desk.post(f"/clients/{client_id}/stays", body)).json()["id"]
        await answered(desk, claim, "housed")
        since = desk.clock.now() - timedelta(days=10)
        lived = ((kinds[0], since - timedelta(days=300)), (kinds[1], since))
        await lives(desk, claim, lived)
        desk.clock.ahead += timedelta(days=100)
        await answered(desk, claim, "left", number=9)
        await answered(desk, claim, "housed", number=10)
    desk.clock.ahead += timedelta(days=547 - 10 - 200 - 31)
    [one] = await listed(desk, "stay-limits")
    assert (one["client_id"], one["kind"], one["days_left"]) == (moved["shelter_24h"], "shelter_24h", 31)


async def holds(desk: IntakeDesk, client_id: str, entitlement_id: str) -> None:
    """Allowance says that they have a seat."""
    id_ = SystemIds().event_id()
    note = NoteSeat(at=desk.clock.now(), role="system", client_id=client_id, entitlement_id=entitlement_id, held=True)
    await desk.deciding[policy.CLIENT].handle(client_id, note, Context(id_, id_, id_))


async def test_seats_of_files_are_listed_and_one_that_is_lost_is_taken_out(desk: IntakeDesk) -> None:
    anna, bram = await desk.registered(alias="red heron"), await desk.registered()
    kept, lost = (SystemIds().random_id() for _ in range(2))
    await holds(desk, anna, kept)
    await holds(desk, anna, lost)
    mine = [{"client_id": anna, "alias": "red heron", "entitlement_id": one} for one in (kept, lost)]
    assert await listed(desk, "seats", limit=1) == mine
    path = f"/clients/{anna}/seats/{lost}/give-up"
    assert (await desk.post(path, role="operator")).status_code == 403
    done, again = [await desk.post(path, key="once") for _ in range(2)]
    assert (done.status_code, done.json()["id"], again.json()) == (200, lost, done.json())
    assert await listed(desk, "seats") == mine[:1]
    for client_id, seat, code in ((anna, lost, "seat"), (bram, kept, "seat"), ("nobody", kept, "client")):
        unknown = await desk.post(f"/clients/{client_id}/seats/{seat}/give-up")
        assert (unknown.status_code, unknown.json()["code"]) == (404, f"{code}-unknown")
    await holds(desk, anna, lost)  # allowance knows it after all
    assert await listed(desk, "seats") == mine


async def test_a_card_that_cannot_be_read_hides_no_other(desk: IntakeDesk) -> None:
    lost = await desk.registered()
    there = await desk.registered()
    await desk.keys.remove(lost)
    desk.vault._known.clear()
    assert [one["client_id"] for one in await listed(desk, "registrations")] == [there]


async def test_only_caseworkers_of_the_desk_read_them(desk: IntakeDesk) -> None:
    roles: tuple[Role, ...] = ("operator", "coordinator", "oncall", "auditor")
    for role in roles:
        for name in ("children-without-referral", "first-appointments", "registrations", "stay-limits", "seats"):
            assert (await desk.get(f"/lists/{name}", role=role)).status_code == 403


@pytest.mark.parametrize(
    "path",
    ["/lists/children-without-referral", "/lists/registrations", "/lists/first-appointments", "/trajectories",
     "/referrals"],
)  # fmt: skip
async def test_while_the_vault_is_shut_no_list_says_that_there_is_nobody(desk: IntakeDesk, path: str) -> None:
    client = await desk.registered(household=FAMILY)
    await refer(desk, client, "general_practice")
    assert (await desk.post(f"/clients/{client}/trajectories", {"goals": ["a roof"]})).status_code == 201
    desk.vault.shut = "vault-key-missing"
    answer = await desk.get(path)
    assert (answer.status_code, answer.json()["code"]) == (503, "vault-key-missing")


async def test_lists_that_open_referrals_write_down_whose_and_what_for(desk: IntakeDesk) -> None:
    family = await desk.registered(household=[{"age_band": "23-64"}, {"age_band": "4-11"}])
    await refer(desk, family, "dental_care")
    single = await desk.registered()
    await listed(desk, "registrations")  # the card is what the desk works with
    assert (await desk.get("/personal-reads")).json()["items"] == []
    await listed(desk, "children-without-referral")
    await listed(desk, "first-appointments", purpose="medical_care")
    reads = (await desk.get("/personal-reads")).json()["items"]
    assert sorted((read["client_id"], read["purpose"]) for read in reads) == [
        (family, "guidance"), (family, "medical_care"),
    ]  # fmt: skip
    assert single not in str(reads)


async def test_the_list_of_seats_opens_no_file_without_one(desk: IntakeDesk) -> None:
    """It is looked through whenever the list of clients is shown: most of them get no allowance."""
    anna, _ = await desk.registered(alias="red heron"), await desk.registered(alias="grey gull")
    await holds(desk, anna, SystemIds().random_id())
    before = {row["id"] for row in await desk.store.rows(openings)}
    assert [one["alias"] for one in await listed(desk, "seats")] == ["red heron"]
    assert [row["subject"] for row in await desk.store.rows(openings) if row["id"] not in before] == [anna]
