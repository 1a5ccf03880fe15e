"""Vouchers at a desk, over HTTP, with and without the link to whoever pays."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from services.allowance import app
from services.allowance.api_vouchers import VoucherRoutes
from services.allowance.app_repair import first_rows
from services.allowance.views_handout import voucher_id
from shared.contracts import allowance, intake
from shared.ids import SystemIds
from shared.security import Actor
from tests.allowance.test_api import paid_programme, run
from tests.support.allowance_desk import AllowanceNetwork, open_allowance
from tests.support.memory_store import MemoryStore


@pytest.fixture
async def network() -> AsyncIterator[AllowanceNetwork]:
    async with open_allowance() as opened:
        yield opened


async def voucher(network: AllowanceNetwork) -> tuple[str, str, int]:
    """A payment of a run that waits at west: the programme, the payment and its cents."""
    programme, period = await paid_programme(network)
    cents = (await run(network, programme, period))["total_cents"]
    await network.west.seen("/vouchers", lambda page: len(page["items"]) == 1)
    [row] = (await network.west.get("/vouchers")).json()["items"]
    assert (row["status"], row["cents"]) == ("waiting", cents)
    return programme, row["id"], cents


async def issued(network: AllowanceNetwork, id_: str, key: str | None = None) -> Any:
    answer = await network.west.post("/vouchers", {"voucher": id_}, key=key)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def ledger_is(network: AllowanceNetwork, **cents: int) -> None:
    """Waits until the accounts come to this."""

    def there(ledger: Any) -> bool:
        sums = dict.fromkeys(cents, 0)
        for posting in ledger["items"]:
            if posting["account"] in sums:
                sums[posting["account"]] -= posting["cents"]
        return sums == cents

    await network.stad.seen("/ledger", there)


async def test_one_shown_twenty_times_at_once_with_the_link_cut_pays_once(network: AllowanceNetwork) -> None:
    _, id_, cents = await voucher(network)
    await network.cut()
    lost = (await issued(network, id_))["code"]
    first, again = await issued(network, id_, "once"), await issued(network, id_, "once")
    code = first["code"]
    assert (again["code"], again["events"]) == (None, first["events"])  # a code is shown once
    for desk, shown in ((network.west, lost), (network.stad, code)):
        answer = await desk.post(f"/vouchers/{shown}/redeem", role="operator")
        assert (answer.status_code, answer.json()["code"]) == (404, "voucher-unknown")
    redeem = f"/vouchers/{code.lower()}/redeem"
    answers = await asyncio.gather(*(network.west.post(redeem, role="operator", key=f"{n % 15}") for n in range(20)))
    paid = [answer.json() for answer in answers if answer.status_code == 200]
    refused = [answer.json()["code"] for answer in answers if answer.status_code != 200]
    assert len({answer["events"][0]["id"] for answer in paid}) == 1
    assert {answer["cents"] for answer in paid} == {cents}
    assert set(refused) == {"voucher-redeemed"}
    network.heal()
    await ledger_is(network, paid=cents, reserved=0)
    kept = "".join(
        [str(event.data) for desk in (network.west, network.stad) for event in desk.disk.events]
        + [str(list(table.items())) for table in network.west.disk.tables.values()]
        + [str(key) for key in network.west.disk.keys.items()]
    )
    assert not any(one in kept for one in (code, code.lower(), code.replace("-", ""), lost))


async def test_a_code_in_the_body_of_a_request_is_as_good_and_kept_nowhere(network: AllowanceNetwork) -> None:
    _, id_, cents = await voucher(network)
    code = (await issued(network, id_))["code"]
    path = "/vouchers/redeem"
    for wrong, status in (({"code": ""}, 422), ({"code": "AAAA-AAAA-AAAA-AAAA"}, 404), ({}, 422)):
        assert (await network.west.post(path, wrong, role="operator")).status_code == status
    first, again = [await network.west.post(path, {"code": code.lower()}, "operator", "once") for _ in range(2)]
    assert (first.status_code, first.json()["cents"], first.json()["id"]) == (200, cents, id_)
    assert again.json() == first.json()
    twice = await network.west.post(f"/vouchers/{code}/redeem", role="operator")
    assert (twice.status_code, twice.json()["code"]) == (409, "voucher-redeemed")
    kept = str(list(network.west.disk.keys.items())) + str(network.west.disk.tables)
    assert not any(one in kept for one in (code, code.lower(), code.replace("-", "")))


async def test_the_services_of_the_site_hear_whose_cash_waits_once_and_again_in_a_new_epoch(
    network: AllowanceNetwork,
) -> None:
    await voucher(network)
    [entitlement] = (await network.west.get("/entitlements")).json()["items"]
    [row] = (await network.west.get("/vouchers")).json()["items"]

    def ready() -> list[dict[str, Any]]:
        rows = [row for log in network.west.disk.outbox.values() for row in log]
        return [json.loads(row.data) for row in rows if row.type == allowance.AllowanceReady.type_name]

    async with asyncio.timeout(60):
        while not ready():
            before = network.west.store.appended.count
            await network.west.store.appended.wait_at_most(before, 0.2, network.clock)
    [told] = ready()
    assert (told["client_id"], told["entitlement_id"]) == (entitlement["client_id"], entitlement["id"])
    assert voucher_id(told["handout_id"], told["entitlement_id"]) == row["id"]
    await network.stop()
    again = await first_rows(network.west.store, network.clock, SystemIds())
    anew = [row.contract for row in again if isinstance(row.contract, allowance.AllowanceReady)]
    assert [(one.client_id, one.handout_id) for one in anew] == [(told["client_id"], told["handout_id"])]
    network.clock.ahead += timedelta(days=21)
    late = await first_rows(network.west.store, network.clock, SystemIds())
    assert not any(isinstance(row.contract, allowance.AllowanceReady) for row in late)


async def test_one_nobody_comes_for_returns_its_cents_to_the_ledger_and_the_budget(network: AllowanceNetwork) -> None:
    programme, id_, cents = await voucher(network)
    code = (await issued(network, id_))["code"]
    network.clock.ahead += timedelta(days=21)
    await ledger_is(network, paid=0, reserved=0, refused=cents)
    late = await network.west.post(f"/vouchers/{code}/redeem", role="operator")
    assert (late.status_code, late.json()["code"]) == (409, "voucher-expired")
    balance = (await network.stad.get("/trial-balance", programme=programme)).json()
    assert list(balance["paid_cents"].values()) == [0]


async def test_nobody_guesses_codes_or_is_paid_after_an_erasure(network: AllowanceNetwork) -> None:
    _, id_, _ = await voucher(network)
    code = (await issued(network, id_))["code"]
    for guess in range(10):
        wrong = f"/vouchers/AAAA-AAAA-AAAA-{guess:04}/redeem"
        answer = await network.west.post(wrong, role="operator", subject="guesser")
        assert answer.status_code == 404
    blocked = await network.west.post(f"/vouchers/{code}/redeem", role="operator", subject="guesser")
    assert (blocked.status_code, blocked.json()["code"]) == (429, "too-many-attempts")
    [entitlement] = (await network.west.get("/entitlements")).json()["items"]
    erased = intake.ClientErased.of(client_id=entitlement["client_id"], at=network.clock.now())
    await network.west.hears(erased)
    await network.west.seen(f"/entitlements/{entitlement['id']}", lambda it: it["status"] == "ended")
    refused = await network.west.post(f"/vouchers/{code}/redeem", role="operator")
    assert (refused.status_code, refused.json()["code"]) == (410, "client-erased")
    assert (await network.west.post("/vouchers", {"voucher": id_})).status_code == 410


class OverTheWire(MemoryStore):
    """A store whose answers others do not wait for."""

    async def rows(self, table: sa.Table, **where: Any) -> list[dict[str, Any]]:
        await asyncio.sleep(0)
        return await super().rows(table, **where)


async def test_two_who_mistype_a_code_at_once_are_both_told_so(network: AllowanceNetwork) -> None:
    west = network.west
    routes = VoucherRoutes(replace(west.allowance, store=OverTheWire(west.disk, west.name, app.NAME)))
    people = [Actor(f"one-{number}", "operator", west.name) for number in range(3)]
    tries = (routes.redeem("AAAA-AAAA-AAAA-AAAA", one, None) for one in people)
    told = await asyncio.gather(*tries, return_exceptions=True)
    assert [getattr(one, "code", one) for one in told] == ["voucher-unknown"] * 3


async def test_a_municipality_that_was_not_heard_says_so_again(network: AllowanceNetwork) -> None:
    programme, period = await paid_programme(network)
    await network.cut()
    await run(network, programme, period)
    network.heal()
    await network.west.seen("/vouchers", lambda page: [row["status"] for row in page["items"]] == ["waiting"])


async def test_cash_that_was_handed_out_before_the_desk_heard_of_a_take_back_is_in_the_ledger_as_paid(
    network: AllowanceNetwork,
) -> None:
    gone: dict[str, datetime] = {}
    object.__setattr__(network.stad.allowance, "left_at", gone.get)
    programme, id_, cents = await voucher(network)
    await network.cut()
    code = (await issued(network, id_))["code"]
    assert (await network.west.post("/vouchers/redeem", {"code": code}, role="operator")).status_code == 200
    [made] = (await network.stad.get("/pay-runs", programme=programme)).json()["items"]
    path = f"/pay-runs/{made['id']}"
    [handout] = (await network.stad.get(path)).json()["handouts"]
    gone["west"] = network.clock.now()
    assert (await network.stad.post(f"{path}/handouts/{handout['id']}/take-back")).status_code == 200
    await ledger_is(network, paid=0, reserved=0, refused=cents)
    network.heal()
    await network.stad.seen(path, lambda it: it["handouts"][0]["after_all_cents"] == cents)
    await ledger_is(network, paid=cents, reserved=0, refused=0)
    balance = (await network.stad.get("/trial-balance", programme=programme)).json()
    assert (balance["total_cents"], list(balance["paid_cents"].values())) == (0, [cents])


async def test_what_waits_at_a_site_that_left_is_taken_back_and_at_no_other(network: AllowanceNetwork) -> None:
    gone: dict[str, datetime] = {}
    object.__setattr__(network.stad.allowance, "left_at", gone.get)
    programme, period = await paid_programme(network)
    await network.cut()
    drafted = await run(network, programme, period)
    path = f"/pay-runs/{drafted['id']}"
    [handout] = (await network.stad.get(path)).json()["handouts"]
    assert (handout["site"], handout["waiting"], handout["waiting_cents"]) == ("west", 1, drafted["total_cents"])
    take_back = f"{path}/handouts/{handout['id']}/take-back"
    present = await network.stad.post(take_back)
    assert (present.status_code, present.json()["code"]) == (409, "site-present")
    gone["west"] = network.clock.now()
    assert (await network.stad.post(take_back, role="coordinator")).status_code == 403
    first, again = [await network.stad.post(take_back, key="once") for _ in range(2)]
    assert (first.status_code, again.json()) == (200, first.json())
    await ledger_is(network, paid=0, reserved=0, refused=drafted["total_cents"])
    assert (await network.stad.get(path)).json()["handouts"][0]["waiting"] == 0
    balance = (await network.stad.get("/trial-balance", programme=programme)).json()
    assert list(balance["paid_cents"].values()) == [0]
    assert (await network.stad.get(path)).json()["handouts"][0]["after_all"] == 0
    unknown = await network.stad.post(f"{path}/handouts/{programme}/take-back")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "handout-unknown")
