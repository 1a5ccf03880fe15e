"""Weeks over the whole service: what clients add is counted once, whoever is erased before or after, and told small
counts excepted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest_asyncio

from services.intake import policy
from services.intake.app_repair import first_rows
from services.intake.commands_flows import NoteSeat
from services.intake.events_flows import SeatNoted
from services.placement.views_weeks import week_rows
from services.placement.weeks import Count, week_of_network
from shared import schema
from shared.contracts import allowance
from shared.contracts.base import Contract
from shared.contracts.intake import FlowsTold, WeekTold
from shared.contracts.weeks import week_ends, week_of
from shared.envelope import Message, Origin
from shared.handling import Context
from shared.ids import SystemIds
from shared.ports import Append, Put
from shared.timers import TimerSet
from tests.support.desk import MovedClock
from tests.support.intake_desk import IntakeDesk, open_intake
from tests.support.memory_keys import MemoryKeys
from tests.support.memory_store import Disk

SEAT, CLIENT_ID = "88888888-8888-4888-8888-888888888888", "11111111-1111-4111-8111-111111111111"


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[IntakeDesk]:
    async with open_intake() as opened:
        yield opened


async def guided(desk: IntakeDesk, kind: str = "medical_deferral", outcome: str = "semi_durable") -> str:
    """A client who is registered, sent to a doctor, and whose trajectory ends."""
    client_id = await desk.registered()
    assert (await desk.post(f"/clients/{client_id}/referrals", {"partner_kind": "dental_care"})).status_code == 201
    way = (await desk.post(f"/clients/{client_id}/trajectories", {"goals": ["teeth"]})).json()["id"]
    ended = await desk.post(f"/clients/{client_id}/trajectories/{way}/end", {"outcome": outcome, "kind": kind})
    assert ended.status_code == 200
    return client_id


async def week_over(desk: IntakeDesk) -> date:
    """Monday comes. Returns the week that is over."""
    week = week_of(desk.clock.now())
    desk.clock.ahead += week_ends(week) + timedelta(hours=2) - desk.clock.now()
    await desk.fire_due()
    return week


async def told(desk: IntakeDesk, week: date) -> list[dict[str, Any]]:
    """What was told of a week, in order."""
    rows = await desk.store.read_outbox("pub", 0, 500)
    weeks = [msgspec.json.decode(row.data) for row in rows if row.type == "nl.plek.intake.week-told.v1"]
    return [one for one in weeks if one["week"] == week.isoformat()]


def counts(said: dict[str, Any]) -> tuple[int, dict[str, Any], dict[str, int]]:
    """Registrations, referrals and outcomes, those that are not nobody's."""
    referrals = {each["group"]: each["count"] for each in said["referrals"] if each["count"] != 0}
    return said["registrations"], referrals, {each["kind"]: each["count"] for each in said["outcomes"] if each["count"]}


async def test_a_week_is_told_once_it_is_over_and_small_referrals_are_not(desk: IntakeDesk) -> None:
    for _ in range(4):
        await guided(desk)
    assert await told(desk, week_of(desk.clock.now())) == []
    [said] = await told(desk, await week_over(desk))
    assert counts(said) == (4, {"care": None}, {"medical_deferral": 4})
    for _ in range(5):
        await guided(desk, "return", "durable")
    [said] = await told(desk, await week_over(desk))
    assert counts(said) == (5, {"care": 5}, {"return": 5})


async def test_a_trajectory_that_ended_in_each_way_gives_the_share_that_is_computed_by_hand(desk: IntakeDesk) -> None:
    """From seven desks' conversations to the figure of the network: eight ended, four with a perspective."""
    for outcome, kind in (
        ("durable", "legal_stay"), ("durable", "legal_stay"), ("durable", "return"), ("durable", "onward_migration"),
        ("semi_durable", "new_application"), ("semi_durable", "medical_deferral"), ("none", "left"),
        ("none", "lost_contact"),
    ):  # fmt: skip
        await guided(desk, kind, outcome)
    week = await week_over(desk)
    [said] = [row for row in await desk.store.read_outbox("pub", 0, 500) if row.type == WeekTold.type_name]
    rows = [put for put in week_rows(said, WeekTold.model_validate_json(said.data)) if isinstance(put, Put)]
    counted = [Count(desk.site, *row.values[2:]) for row in rows]
    shown = week_of_network(week, counted, (desk.site,), 1)
    assert shown.outcomes == {
        "legal_stay": 2, "return": 1, "onward_migration": 1, "new_application": 1, "medical_deferral": 1, "left": 1,
        "lost_contact": 1,
    }  # fmt: skip
    # 2 legal stay, 1 new application and 1 deferral of 8 that ended.
    assert (shown.ended, shown.perspective, shown.share) == (8, 4, 4 / 8)


async def test_who_is_erased_before_the_week_is_over_is_counted_all_the_same(desk: IntakeDesk) -> None:
    everybody = [await guided(desk) for _ in range(5)]
    for client_id in everybody[:3]:
        assert (await desk.post(f"/clients/{client_id}/erase")).status_code == 200
    week = await week_over(desk)
    [said] = await told(desk, week)
    assert counts(said) == (5, {"care": 5}, {"medical_deferral": 5})
    for client_id in everybody[3:]:  # and afterwards nothing is counted again
        assert (await desk.post(f"/clients/{client_id}/erase")).status_code == 200
    await week_over(desk)
    assert await told(desk, week) == [said]


async def test_a_week_in_which_everybody_was_erased_or_nobody_came_is_told_too(desk: IntakeDesk) -> None:
    await desk.post(f"/clients/{await guided(desk)}/erase")
    [said] = await told(desk, await week_over(desk))
    assert counts(said) == (1, {"care": None}, {"medical_deferral": 1})
    [said] = await told(desk, await week_over(desk))
    assert counts(said) == (0, {}, {})


async def unmet(desk: IntakeDesk, week: date) -> list[dict[str, Any]]:
    """What was told of needs that were not met in a week, in order."""
    rows = await desk.store.read_outbox("pub", 0, 500)
    weeks = [msgspec.json.decode(row.data) for row in rows if row.type == "nl.plek.intake.unmet-told.v1"]
    return [one for one in weeks if one["week"] == week.isoformat()]


async def asks(desk: IntakeDesk, **more: Any) -> str:
    """Somebody with a child asks for a place; returns the request."""
    body = {"kinds": ["family_shelter", "shelter_24h"], "household_size": 2, "features": ["cot"]} | more
    opened = await desk.post(f"/clients/{await desk.registered()}/requests", body)
    assert opened.status_code == 201, opened.text
    return str(opened.json()["id"])


async def test_one_search_that_found_nothing_is_counted_once(desk: IntakeDesk) -> None:
    request_id = await asks(desk)
    for _ in range(3):
        looked = await desk.post("/unmet-needs", {"request_id": request_id, "district": "Noord"})
        assert looked.status_code == 200, looked.text
    assert looked.json()["counted"] is False
    desk.clock.ahead += timedelta(hours=25)  # and a day later it has waited in vain
    await desk.fire_due()
    [said] = await unmet(desk, await week_over(desk))
    needed = {part: [each for each in said[part] if each["count"]] for part in ("kinds", "size_classes", "features")}
    assert (said["total"], needed) == (1, {
        "kinds": [{"kind": "family_shelter", "count": 1}], "size_classes": [{"size_class": "2", "count": 1}],
        "features": [{"feature": "cot", "count": 1}],
    })  # fmt: skip
    assert [each["district"] for each in said["districts"] if each["count"]] == ["Noord"]
    assert [one["total"] for one in await unmet(desk, await week_over(desk))] == [0]


async def test_a_search_for_nobody_in_particular_counts_each_time_but_a_repeat_does_not(desk: IntakeDesk) -> None:
    looked = {"kind": "night_shelter", "household_size": 1}
    for key in ("one", "one", "two"):
        assert (await desk.post("/unmet-needs", looked, key=key)).status_code == 200
    assert (await desk.post("/unmet-needs", {})).json()["code"] == "kinds-missing"
    assert (await desk.post("/unmet-needs", looked, role="operator")).status_code == 200
    theirs = await desk.post("/unmet-needs", {"request_id": await asks(desk)}, role="operator")
    assert (theirs.status_code, theirs.json()["code"]) == (403, "role-not-allowed")
    assert (await desk.post("/unmet-needs", looked | {"district": "Utrecht"})).status_code == 422
    [said] = await unmet(desk, await week_over(desk))
    assert said["total"] == 3


async def test_who_waits_for_a_day_found_nothing_and_who_is_erased_before_does_too(desk: IntakeDesk) -> None:
    await asks(desk)
    client_id = await desk.registered()
    await desk.post(f"/clients/{client_id}/requests", {"kinds": ["night_shelter"]})
    assert (await desk.post(f"/clients/{client_id}/erase")).status_code == 200
    desk.clock.ahead += timedelta(hours=25)
    assert "unmet" in await desk.fire_due()
    [said] = await unmet(desk, await week_over(desk))
    assert said["total"] == 2
    assert not [row for row in await desk.store.rows(schema.timers) if row["kind"] == "unmet"]


async def test_two_processes_that_count_at_once_count_once() -> None:
    disk, keys, clock = Disk(), MemoryKeys(), MovedClock()
    async with open_intake(disk, keys, clock) as one, open_intake(disk, keys, clock) as other:
        for _ in range(6):
            await guided(one)
        week = week_of(clock.now())
        clock.ahead += week_ends(week) + timedelta(hours=2) - clock.now()
        due = await one.store.due_timers(clock.now(), 100)
        for timer in due:
            await one.keeper.fire(timer, clock.now())
            await other.keeper.fire(timer, clock.now())
        assert counts((await told(one, week))[-1]) == (6, {"care": 6}, {"medical_deferral": 6})


async def test_one_that_lost_the_race_counts_the_rest(desk: IntakeDesk) -> None:
    first = await guided(desk)
    counter = desk.keeper._counter
    await guided(desk)
    rows = await desk.store.rows(schema.timers, kind="count")
    await counter.count_client(first)
    await counter._count(rows, erasing=False)
    assert counts((await told(desk, await week_over(desk)))[-1]) == (2, {"care": None}, {"medical_deferral": 2})


async def test_what_cannot_be_read_any_more_is_counted_as_that_and_keeps_nobody_from_being_forgotten(
    desk: IntakeDesk,
) -> None:
    client_id = await guided(desk)
    keys = desk.keys
    assert isinstance(keys, MemoryKeys)
    del keys.disk.keys[client_id]
    desk.vault._known.clear()
    assert (await desk.post(f"/clients/{client_id}/erase")).status_code == 200
    week = await week_over(desk)
    assert counts((await told(desk, week))[-1]) == (1, {}, {})
    counted = [event for event in desk.disk.events if event.type == "week-counted.v1"]
    assert msgspec.json.decode(counted[-1].data)["unreadable"] == 2


async def test_a_new_epoch_tells_the_weeks_anew(desk: IntakeDesk) -> None:
    for _ in range(5):
        await guided(desk)
    week = await week_over(desk)
    rows = await first_rows(desk.store, desk.clock, SystemIds(), frozenset())
    weeks = [
        msgspec.json.decode(row.contract.encode())
        for row in rows
        if row.subject == week.isoformat() and isinstance(row.contract, Contract)
    ]
    assert weeks == [*await told(desk, week), *await unmet(desk, week), *await moved(desk, week)]


async def moved(desk: IntakeDesk, week: date) -> list[dict[str, Any]]:
    """What was told of who went from one kind of place to another in a week, in order."""
    rows = await desk.store.read_outbox("pub", 0, 500)
    weeks = [msgspec.json.decode(row.data) for row in rows if row.type == FlowsTold.type_name]
    return [one for one in weeks if one["week"] == week.isoformat()]


def went(said: dict[str, Any]) -> dict[tuple[str, str], int]:
    """The flows that are not nobody's."""
    return {(each["came_from"], each["went_to"]): each["count"] for each in said["flows"] if each["count"]}


async def seat(desk: IntakeDesk, client_id: str, held: bool = True) -> None:
    """The allowance service of this site says that they have a seat, or have it no more."""
    note = NoteSeat(at=desk.clock.now(), role="system", client_id=client_id, entitlement_id=SEAT, held=held)
    id_ = SystemIds().event_id()
    handled = await desk.deciding[policy.CLIENT].handle(client_id, note, Context(id_, id_, id_))
    assert handled.rejected is None, handled.rejected


async def test_who_went_from_where_to_where_is_told_once_a_week_is_over_and_nobody_who_came_back(
    desk: IntakeDesk,
) -> None:
    first, second, third = [await desk.registered() for _ in range(3)]
    for client_id in (first, second, third):
        await seat(desk, client_id)
    await seat(desk, third, held=False)  # within the same week
    week = await week_over(desk)
    [said] = await moved(desk, week)
    assert went(said) == {("out", "allowance"): 2}
    await seat(desk, first, held=False)
    following = await week_over(desk)
    assert [went(each) for each in await moved(desk, following)] == [{("allowance", "out"): 1}]
    assert await moved(desk, week) == [said], "a week is told once"
    assert not await desk.store.rows(schema.timers, kind="count")


async def test_who_is_erased_within_the_week_has_gone_where_they_were_then(desk: IntakeDesk) -> None:
    client_id = await desk.registered()
    await seat(desk, client_id)
    assert (await desk.post(f"/clients/{client_id}/erase")).status_code == 200
    [said] = await moved(desk, await week_over(desk))
    assert went(said) == {("out", "allowance"): 1}


async def test_a_word_that_comes_late_about_a_week_that_was_counted_counts_nothing_again(desk: IntakeDesk) -> None:
    client_id = await desk.registered()
    await seat(desk, client_id)
    week = await week_over(desk)
    [said] = await moved(desk, week)
    late = policy.timers([SeatNoted(client_id, SEAT, True, week_ends(week) - timedelta(seconds=1))])
    rows = [Put(schema.timers, (set_.id, set_.due_at, set_.kind, set_.key))
            for set_ in late if isinstance(set_, TimerSet)]  # fmt: skip
    assert len(rows) == 1
    await desk.store.append(Append(desk.clock.now(), rows=rows))
    await desk.fire_due()
    assert await moved(desk, week) == [said]
    assert not await desk.store.rows(schema.timers, kind="count"), "its timer does not fire for ever"


async def test_what_is_heard_of_the_allowance_service_is_noted_in_the_file() -> None:
    """The message of a seat becomes a command, whichever way it is said."""
    about: dict[str, Any] = {"entitlement_id": SEAT, "client_id": CLIENT_ID, "at": datetime(2026, 1, 5, tzinfo=UTC)}
    granted = allowance.EntitlementGranted.of(**about, programme_id=SEAT)
    ended = allowance.EntitlementEnded.of(**about, from_day=date(2026, 1, 5), reason="own_income")
    assert set(policy.SEATS) == {granted.type_name, ended.type_name}
    for contract, held in ((granted, True), (ended, False)):
        message = Message(
            Origin("west", "allowance", 1), "loc", 1, SEAT, contract.type_name, SEAT, about["at"], SEAT, SEAT,
            contract.encode(),
        )  # fmt: skip
        reaction = policy.seat_heard(message, contract, about["at"])
        assert reaction is not None
        assert isinstance(reaction.command, NoteSeat)
        assert (reaction.aggregate, reaction.key, reaction.command.held) == (policy.CLIENT, CLIENT_ID, held)
