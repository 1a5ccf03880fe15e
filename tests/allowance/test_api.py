"""Programmes at the municipality and entitlements at a desk, over HTTP, with and without the link between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, time, timedelta
from typing import Any

import pytest

from shared.contracts import intake
from shared.contracts.base import Contract
from shared.ids import SystemIds
from shared.money import ZONE, period_named, period_of
from tests.allowance.sample import STAY
from tests.support.allowance_desk import AllowanceNetwork, open_allowance


@pytest.fixture
async def network() -> AsyncIterator[AllowanceNetwork]:
    async with open_allowance() as opened:
        yield opened


BEGIN = datetime.now(ZONE).date() - timedelta(days=60)


def day(number: int) -> str:
    """A day of some weeks ago: days are corrected two years back at most."""
    return (BEGIN + timedelta(days=number)).isoformat()


def client() -> str:
    return SystemIds().random_id()


async def ask(network: AllowanceNetwork, programme: str, key: str | None = None, **fields: Any) -> dict[str, Any]:
    body = {"programme": programme, "client_id": client()} | fields
    answer = await network.west.post("/entitlements", body, key=key)
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def stands(network: AllowanceNetwork, entitlement_id: str, status: str, *, told: bool = True) -> dict[str, Any]:
    """An entitlement once it stands so."""
    path = f"/entitlements/{entitlement_id}"
    found: dict[str, Any] = await network.west.seen(path, lambda it: (it["status"], it["told"]) == (status, told))
    return found


async def seats(network: AllowanceNetwork, *, at: str = "west", **counts: int) -> None:
    """Waits until a site shows these counts of its one programme."""
    desk = network.west if at == "west" else network.stad
    await desk.seen("/programmes", lambda page: counts.items() <= page["items"][0].items())


async def test_entitlements_are_asked_for_by_their_ids(network: AllowanceNetwork) -> None:
    programme = await network.programme()
    made = [(await ask(network, programme))["id"] for _ in range(3)]
    named = (await network.west.get("/entitlements", id=[made[2], client(), made[0]])).json()["items"]
    assert sorted(row["id"] for row in named) == sorted([made[0], made[2]])
    assert (await network.west.get("/entitlements", id=["no id"])).status_code == 422


async def test_a_seat_is_asked_for_reserved_and_granted(network: AllowanceNetwork) -> None:
    programme = await network.programme()
    answer = await ask(network, programme, household_size=1, from_day=day(1))
    assert answer["status"] == "asked"
    shown = await stands(network, answer["id"], "granted")
    assert shown["spans"] == [{"first": day(1), "until": None, "size_class": "1"}]
    await seats(network, total=2, occupied=1, held=0, available=1)
    [seat] = (await network.stad.get("/seats")).json()["items"]
    assert (seat["id"], seat["site"], seat["status"]) == (answer["id"], "west", "granted")


async def test_a_ceiling_shows_elsewhere_and_is_not_lowered_below_what_is_taken(network: AllowanceNetwork) -> None:
    programme = await network.programme()
    await stands(network, (await ask(network, programme))["id"], "granted")
    raised = await network.stad.post(f"/programmes/{programme}/ceiling", {"places": 102})
    assert raised.status_code == 200
    await seats(network, total=102, available=101)
    refused = await network.stad.post(f"/programmes/{programme}/ceiling", {"places": 0})
    assert (refused.status_code, refused.json()["code"]) == (409, "seats-taken")
    assert refused.json()["facts"] == {"taken": 1, "ceiling": 0}
    planned = await network.stad.post(f"/programmes/{programme}/ceiling", {"places": 0, "planned": True})
    assert planned.status_code == 200
    await seats(network, total=1, available=0)


async def test_the_last_seat_is_given_once_whoever_asks(network: AllowanceNetwork) -> None:
    programme = await network.programme(places=1)
    asked = await asyncio.gather(*(ask(network, programme) for _ in range(6)))
    shown = []
    for answer in asked:
        path = f"/entitlements/{answer['id']}"
        shown.append(await network.west.seen(path, lambda it: it["status"] in ("granted", "refused") and it["told"]))
    assert sorted(it["status"] for it in shown) == ["granted"] + ["refused"] * 5
    assert {it["code"] for it in shown if it["status"] == "refused"} == {"no-seat-free"}
    await seats(network, at="stad", total=1, occupied=1, held=0)


async def test_a_client_has_one_entitlement_however_many_desks_ask(network: AllowanceNetwork) -> None:
    programme = await network.programme(places=10)
    body = {"programme": programme, "client_id": client()}
    answers = await asyncio.gather(*(network.west.post("/entitlements", body) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 7
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"client-has-entitlement"}
    [won] = [answer.json()["id"] for answer in answers if answer.status_code == 202]
    await stands(network, won, "granted")
    await network.west.post(f"/entitlements/{won}/end", {"reason": "sheltered"})
    again = await network.west.post("/entitlements", body)
    assert again.status_code == 202
    assert again.json()["id"] != won


async def test_who_was_refused_for_a_wrong_day_may_ask_again(network: AllowanceNetwork) -> None:
    body = {"programme": await network.programme(), "client_id": client()}
    refused = await network.west.post("/entitlements", body | {"from_day": "2999-01-01"}, key="wrong-day")
    assert (refused.status_code, refused.json()["code"]) == (422, "day-too-far")
    asked = await network.west.post("/entitlements", body)
    assert asked.status_code == 202, asked.text


async def test_one_key_asks_once(network: AllowanceNetwork) -> None:
    programme = await network.programme()
    body = {"programme": programme, "client_id": client()}
    answers = await asyncio.gather(*(network.west.post("/entitlements", body, key="once") for _ in range(5)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.text for answer in answers}) == 1


async def test_across_a_cut_link_a_seat_is_asked_for_exactly_once(network: AllowanceNetwork) -> None:
    programme = await network.programme()
    await network.cut()
    answer = await ask(network, programme)
    for _ in range(3):  # it is asked again and again, and nobody hears
        network.clock.ahead += network.clock.ahead.resolution * 60_000_000
        before = network.west.store.appended.count
        await network.west.store.appended.wait_at_most(before, 2, network.clock)
    assert (await network.west.get(f"/entitlements/{answer['id']}")).json()["status"] == "asked"
    network.heal()
    await stands(network, answer["id"], "granted")
    await seats(network, at="stad", occupied=1, held=0)


async def test_a_seat_is_taken_back_from_a_site_that_left_and_not_from_one_that_has_it(
    network: AllowanceNetwork,
) -> None:
    programme = await network.programme(places=1)
    answer = await ask(network, programme)
    await stands(network, answer["id"], "granted")
    ended = f"/seats/{answer['id']}/end"
    assert (await network.stad.post(ended, {}, "coordinator")).status_code == 403
    assert (await network.stad.post(ended, {})).status_code == 200
    await stands(network, answer["id"], "granted")  # it says that it has it
    await seats(network, at="stad", occupied=1, available=0)
    await network.cut()
    assert (await network.stad.post(ended, {})).status_code == 200
    await seats(network, at="stad", occupied=0, available=1)
    assert (await network.stad.post(f"/seats/{client()}/end", {})).json()["code"] == "seat-unknown"


async def test_what_was_given_up_while_the_link_was_cut_takes_no_seat(network: AllowanceNetwork) -> None:
    programme = await network.programme(places=1)
    await network.cut()
    answer = await ask(network, programme)
    await network.west.post(f"/entitlements/{answer['id']}/end", {"reason": "own_income"})
    network.heal()
    await stands(network, answer["id"], "ended")
    await seats(network, at="stad", occupied=0, held=0, available=1)


async def test_days_go_to_the_municipality_without_whose_they_are(network: AllowanceNetwork) -> None:
    programme, anna = await network.programme(), client()
    answer = await ask(network, programme, client_id=anna, from_day=day(1))
    await stands(network, answer["id"], "granted")
    await network.west.post(f"/entitlements/{answer['id']}/suspend", {"from_day": day(10)})
    await network.west.post(f"/entitlements/{answer['id']}/resume", {"from_day": day(20)})
    fix = {"first": day(3), "until": day(5), "household_size": 0}
    await network.west.post(f"/entitlements/{answer['id']}/correct", fix)
    ended = await network.west.post(f"/entitlements/{answer['id']}/end", {"reason": "sheltered", "from_day": day(25)})
    assert ended.json()["status"] == "ended"
    shown = await stands(network, answer["id"], "ended")
    state, _ = await network.stad.handlers["programme"].load(programme)
    there = [(str(it.first), str(it.until)) for it in state.seats[answer["id"]].spans]
    assert there == [(span["first"], span["until"]) for span in shown["spans"]]
    assert there == [(day(1), day(3)), (day(5), day(10)), (day(20), day(25))]
    again = await ask(network, programme, client_id=anna)
    await stands(network, again["id"], "granted")
    kept = b"".join(
        [event.data + event.meta.correlation_id.encode() for event in network.stad.disk.events]
        + [row.data + row.correlation_id.encode() for rows in network.west.disk.outbox.values() for row in rows
           if row.log == "pub"]
    )  # fmt: skip
    assert anna.encode() not in kept
    _two_entitlements_cannot_be_joined(network, answer["id"], again["id"])


def _two_entitlements_cannot_be_joined(network: AllowanceNetwork, first: str, second: str) -> None:
    """No id that stands with one of them at the municipality or on the log stands with the other one."""
    marks: dict[str, set[str]] = {first: set(), second: set()}
    for rows in network.west.disk.outbox.values():
        for row in rows:
            if row.log == "pub":
                for seat, found in marks.items():
                    if seat.encode() in row.data:
                        found |= {row.id, row.correlation_id, row.causation_id}
    for event in network.stad.disk.events:
        for seat, found in marks.items():
            if seat.encode() in event.data:
                found |= {event.id, event.meta.correlation_id, event.meta.causation_id}
    assert marks[first]
    assert marks[second]
    assert not marks[first] & marks[second]


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/programmes", {"name": "X", "places": -1, "period": "month"}, 422, "invalid"),
        ("/programmes", {"name": "X", "places": 1, "period": "year"}, 422, "invalid"),
        ("/programmes", {"name": "X", "places": 1, "period": "month", "methods": []}, 422, "invalid"),
        ("/programmes/x/ceiling", {"places": 1}, 404, "programme-unknown"),
        ("/programmes/x/budget", {"year": 2026, "cents": 1.5}, 422, "invalid"),
    ],
)
async def test_bad_input_has_a_code(
    network: AllowanceNetwork, path: str, body: dict[str, Any], status: int, code: str
) -> None:
    answer = await network.stad.post(path, body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_each_path_says_where_to_go(network: AllowanceNetwork) -> None:
    programme = await network.programme()
    elsewhere = await network.west.post("/programmes", {"name": "X", "places": 1, "period": "month"}, "finance")
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (409, "municipality-only")
    body = {"programme": programme, "client_id": client()}
    clients = await network.stad.post("/entitlements", body, "caseworker")
    assert (clients.status_code, clients.json()["code"]) == (409, "clients-elsewhere")
    unknown = await network.west.post("/entitlements", body | {"programme": client()})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "programme-unknown")
    card = await network.west.post("/entitlements", body | {"method": "prepaid_card"})
    assert (card.status_code, card.json()["code"]) == (409, "method-not-offered")


async def test_a_programme_shows_its_tariffs_and_budgets_to_whoever_pays(network: AllowanceNetwork) -> None:
    programme = await network.programme()
    await network.stad.post(f"/programmes/{programme}/tariffs",
                            {"size_class": "2", "cents": 70_000, "valid_from": day(0)})  # fmt: skip
    await network.stad.post(f"/programmes/{programme}/budget", {"year": 2026, "cents": 5_000_000})
    twice = await network.stad.post(f"/programmes/{programme}/tariffs",
                                    {"size_class": "2", "cents": 1, "valid_from": day(0)})  # fmt: skip
    assert (twice.status_code, twice.json()["code"]) == (409, "tariff-overlaps")
    shown = (await network.stad.get(f"/programmes/{programme}")).json()
    assert [tariff["cents"] for tariff in shown["tariffs"]] == [45_000, 70_000]
    assert shown["budgets"] == {"2026": 5_000_000}
    assert (await network.stad.get(f"/programmes/{programme}", "operator")).status_code == 403


async def paid_programme(network: AllowanceNetwork) -> tuple[str, str]:
    """A programme with a seat and a budget, and a period of it that has ended."""
    programme = await network.programme()
    answer = await ask(network, programme, from_day=day(0))
    await stands(network, answer["id"], "granted")
    period = period_of("month", BEGIN + timedelta(days=20))
    budget = {"year": period.first.year, "cents": 200_000}
    assert (await network.stad.post(f"/programmes/{programme}/budget", budget)).status_code == 200
    return programme, period.name


async def run(network: AllowanceNetwork, programme: str, period: str) -> dict[str, Any]:
    """A run from draft to execution; as it was drafted."""
    found = period_named(period)
    assert found is not None
    await network.stad.post(f"/programmes/{programme}/budget", {"year": found.first.year, "cents": 10_000_000})
    drafted: dict[str, Any] = (await network.stad.post("/pay-runs", {"programme": programme, "period": period})).json()
    await network.stad.post(f"/pay-runs/{drafted['id']}/approve", subject="somebody-else")
    executed = await network.stad.post(f"/pay-runs/{drafted['id']}/execute")
    assert executed.status_code == 200, executed.text
    return drafted


async def test_a_run_is_drafted_approved_by_somebody_else_and_executed_once(network: AllowanceNetwork) -> None:
    programme, period = await paid_programme(network)
    body = {"programme": programme, "period": period}
    drafted = (await network.stad.post("/pay-runs", body)).json()
    assert drafted["lines"] == 1
    run = f"/pay-runs/{drafted['id']}"
    early = await network.stad.post(f"{run}/execute")
    assert (early.status_code, early.json()["code"]) == (409, "pay-run-not-approved")
    own = await network.stad.post(f"{run}/approve")
    assert (own.status_code, own.json()["code"]) == (409, "pay-run-own")
    approved = await network.stad.post(f"{run}/approve", subject="somebody-else")
    assert approved.status_code == 200, approved.text
    answers = await asyncio.gather(*(network.stad.post(f"{run}/execute") for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert sum(bool(answer.json()["events"]) for answer in answers) == 1
    assert (await network.stad.get(run)).json()["status"] == "executed"
    balance = (await network.stad.get("/trial-balance", programme=programme)).json()
    assert balance["total_cents"] == 0
    sides = {(line["account"], line["cents"] > 0) for line in balance["lines"]}
    assert sides == {("entitled", True), ("reserved", False)}
    assert list(balance["paid_cents"].values()) == [drafted["total_cents"]]
    unknown = await network.stad.get("/trial-balance", programme=client())
    assert (unknown.status_code, unknown.json()["code"]) == (404, "programme-unknown")
    ledger = (await network.stad.get("/ledger", programme=programme)).json()["items"]
    events = await network.stad.store.read_stream(f"payroll/{programme}")
    assert {events[posting["event_version"] - 1].type for posting in ledger} == {"pay-run-executed.v3"}
    again = await network.stad.post("/pay-runs", body)
    assert (again.status_code, again.json()["code"]) == (409, "period-paid")


async def test_a_run_for_a_period_far_away_is_refused_before_anything_is_counted(network: AllowanceNetwork) -> None:
    tariffs = [{"size_class": "1", "cents": 45_000, "valid_from": day(number)} for number in range(40)]
    programme = await network.programme(period="week", tariffs=tariffs)
    await stands(network, (await ask(network, programme))["id"], "granted")
    began = asyncio.get_running_loop().time()
    refused = await network.stad.post("/pay-runs", {"programme": programme, "period": "9998-W10"})
    assert asyncio.get_running_loop().time() - began < 5  # to count eight thousand years of weeks takes more
    assert (refused.status_code, refused.json()["code"]) == (409, "period-not-ended")


async def test_days_that_are_corrected_later_are_made_up_for_and_nothing_past_changes(
    network: AllowanceNetwork,
) -> None:
    programme, period = await paid_programme(network)
    first = (await network.stad.post("/pay-runs", {"programme": programme, "period": period})).json()
    await network.stad.post(f"/pay-runs/{first['id']}/approve", subject="somebody-else")
    await network.stad.post(f"/pay-runs/{first['id']}/execute")
    before = (await network.stad.get("/ledger", programme=programme)).json()["items"]
    [entitlement] = (await network.west.get("/entitlements")).json()["items"]
    fix = {"first": day(0), "until": day(3), "household_size": 0}
    assert (await network.west.post(f"/entitlements/{entitlement['id']}/correct", fix)).status_code == 200
    await stands(network, entitlement["id"], "granted")
    following = period_named(period)
    assert following is not None
    network.clock.ahead += timedelta(days=62)
    later = period_of("month", following.until)
    budget = {"year": later.first.year, "cents": 10_000_000}
    await network.stad.post(f"/programmes/{programme}/budget", budget)
    second = (await network.stad.post("/pay-runs", {"programme": programme, "period": later.name})).json()
    detail = (await network.stad.get(f"/pay-runs/{second['id']}")).json()
    assert detail["corrections_cents"] < 0
    await network.stad.post(f"/pay-runs/{second['id']}/approve", subject="somebody-else")
    await network.stad.post(f"/pay-runs/{second['id']}/execute")
    after = (await network.stad.get("/ledger", programme=programme)).json()["items"]
    assert after[: len(before)] == before
    assert (await network.stad.get("/trial-balance", programme=programme)).json()["total_cents"] == 0


async def test_a_run_that_would_pass_the_budget_is_not_approved(network: AllowanceNetwork) -> None:
    programme, period = await paid_programme(network)
    found = period_named(period)
    assert found is not None
    await network.stad.post(f"/programmes/{programme}/budget", {"year": found.first.year, "cents": 1})
    drafted = (await network.stad.post("/pay-runs", {"programme": programme, "period": period})).json()
    refused = await network.stad.post(f"/pay-runs/{drafted['id']}/approve", subject="somebody-else")
    assert (refused.status_code, refused.json()["code"]) == (409, "budget-exceeded")
    dropped = await network.stad.post(f"/pay-runs/{drafted['id']}/drop")
    assert dropped.status_code == 200
    runs = (await network.stad.get("/pay-runs", programme=programme)).json()["items"]
    assert [run["status"] for run in runs] == ["dropped"]


def told_by_intake(client_id: str, kind: str | None, at: datetime) -> Contract:
    """That a client was housed in a bed of this kind or has left it (None)."""
    about = {"client_id": client_id, "request_id": STAY, "offer_id": STAY, "at": at}
    if kind is None:
        return intake.ClientLeft.of(**about)
    return intake.ClientHoused.of(**about, site="west", location="west", kind=kind)


async def test_days_follow_where_a_client_has_meals_and_a_late_correction_is_made_up_for(
    network: AllowanceNetwork,
) -> None:
    programme, period = await paid_programme(network)
    [entitlement] = (await network.west.get("/entitlements")).json()["items"]
    client_id, path = entitlement["client_id"], f"/entitlements/{entitlement['id']}"
    first = await run(network, programme, period)
    assert first["total_cents"] > 0
    noon = datetime.combine(BEGIN, time(12), ZONE)
    await network.west.hears(told_by_intake(client_id, "night_shelter", noon))
    await network.west.hears(told_by_intake(client_id, "shelter_24h", noon + timedelta(days=3)))
    await network.west.seen(path, lambda it: it["spans"] == [{"first": day(0), "until": day(3), "size_class": "1"}])
    await network.west.hears(told_by_intake(client_id, None, noon + timedelta(days=10)))
    shown = await network.west.seen(path, lambda it: len(it["spans"]) == 2 and it["told"])
    assert (shown["meals"], shown["status"]) == ([[day(3), day(10)]], "granted")
    before = (await network.stad.get("/ledger", programme=programme)).json()["items"]
    network.clock.ahead += timedelta(days=62)
    found = period_named(period)
    assert found is not None
    second = await run(network, programme, period_of("month", found.until).name)
    detail = (await network.stad.get(f"/pay-runs/{second['id']}")).json()
    assert detail["corrections_cents"] < 0
    after = (await network.stad.get("/ledger", programme=programme)).json()["items"]
    assert after[: len(before)] == before


async def test_a_move_to_another_kind_of_place_and_a_day_that_is_put_right_move_what_is_paid(
    network: AllowanceNetwork,
) -> None:
    programme, period = await paid_programme(network)
    [entitlement] = (await network.west.get("/entitlements")).json()["items"]
    path = f"/entitlements/{entitlement['id']}"
    noon = datetime.combine(BEGIN, time(12), ZONE)

    async def told(ended_on: int | None, *lived: tuple[str, int]) -> None:
        await network.west.hears(intake.ClientStayTold.of(
            client_id=entitlement["client_id"], offer_id=STAY, at=noon,
            lived=tuple((kind, noon + timedelta(days=on)) for kind, on in lived),
            ended_at=None if ended_on is None else noon + timedelta(days=ended_on),
        ))  # fmt: skip

    await network.west.hears(told_by_intake(entitlement["client_id"], "night_shelter", noon))
    await told(None, ("night_shelter", 0), ("shelter_24h", 3))
    await network.west.seen(path, lambda it: it["spans"] == [{"first": day(0), "until": day(3), "size_class": "1"}])
    await told(None, ("night_shelter", 0), ("shelter_24h", 3), ("night_shelter", 10))
    await network.west.seen(path, lambda it: it["meals"] == [[day(3), day(10)]] and it["told"])
    first = await run(network, programme, period)
    await told(20, ("night_shelter", 0), ("shelter_24h", 1), ("night_shelter", 10))
    await network.west.seen(path, lambda it: it["meals"] == [[day(1), day(10)]] and it["told"])
    before = (await network.stad.get("/ledger", programme=programme)).json()["items"]
    network.clock.ahead += timedelta(days=62)
    found = period_named(period)
    assert found is not None
    second = await run(network, programme, period_of("month", found.until).name)
    assert (await network.stad.get(f"/pay-runs/{second['id']}")).json()["corrections_cents"] < 0
    after = (await network.stad.get("/ledger", programme=programme)).json()["items"]
    assert (first["total_cents"] > 0, after[: len(before)]) == (True, before)


async def test_nothing_is_paid_after_an_erasure_also_to_whom_a_seat_was_asked_for_in_that_moment(
    network: AllowanceNetwork,
) -> None:
    programme = await network.programme()
    anna, later = client(), client()
    granted = (await ask(network, programme, client_id=anna, from_day=day(1)))["id"]
    await stands(network, granted, "granted")
    at = datetime.combine(BEGIN + timedelta(days=9), time(12), ZONE)
    await network.west.hears(intake.ClientErased.of(client_id=anna, at=at))
    shown = await stands(network, granted, "ended")
    assert (shown["code"], shown["spans"][-1]["until"]) == ("client-erased", day(9))
    await seats(network, at="stad", occupied=0, held=0)
    again = await network.west.post("/entitlements", {"programme": programme, "client_id": anna})
    assert (again.status_code, again.json()["code"]) == (410, "client-erased")
    asked, _ = await asyncio.gather(
        ask(network, programme, client_id=later), network.west.hears(intake.ClientErased.of(client_id=later, at=at))
    )
    await stands(network, asked["id"], "ended")
    await seats(network, at="stad", occupied=0, held=0)
