"""What is asked about money after it was paid, over HTTP: reports, statements, forecasts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date

import pytest

from shared.money import period_named, period_of
from tests.allowance.test_api import ask, client, day, paid_programme, run, stands
from tests.support.allowance_desk import AllowanceNetwork, open_allowance


@pytest.fixture
async def network() -> AsyncIterator[AllowanceNetwork]:
    async with open_allowance() as opened:
        yield opened


async def test_a_report_tells_many_and_leaves_out_few(network: AllowanceNetwork) -> None:
    """Six by voucher. When one is left who has not fetched theirs, how many have would tell that, and is left out."""
    programme = await network.programme(places=6)
    for _ in range(6):
        await stands(network, (await ask(network, programme, from_day=day(0)))["id"], "granted")
    period = period_of("month", date.fromisoformat(day(20)))
    drafted = (await network.stad.post("/pay-runs", {"programme": programme, "period": period.name})).json()
    early = await network.stad.get(f"/pay-runs/{drafted['id']}/report", "coordinator")
    assert (early.status_code, early.json()["code"]) == (409, "pay-run-not-executed")
    await network.stad.post(f"/pay-runs/{drafted['id']}/drop")
    path = f"/pay-runs/{(await run(network, programme, period.name))['id']}/report"
    told = (await network.stad.get(path, "coordinator")).json()
    lines = (await network.stad.get(path.removesuffix("/report"))).json()["lines"]
    cents = sum(cents for line in lines for name, cents in line["parts"] if name == period.name)
    whole = {"households": 6, "cents": cents}
    assert (told["households"], told["cents"], told["small_counts_below"]) == (6, cents, 5)
    assert (told["sites"], told["methods"]) == ({"west": whole}, {"voucher": whole})
    assert told["outcomes"] == {"waiting": whole}
    await network.west.seen("/vouchers", lambda page: len(page["items"]) == 6)
    vouchers = (await network.west.get("/vouchers")).json()["items"]
    for voucher in vouchers[:5]:
        code = (await network.west.post("/vouchers", {"voucher": voucher["id"]})).json()["code"]
        assert (await network.west.post(f"/vouchers/{code}/redeem")).status_code == 200
    left_out = {"households": None, "cents": None}
    await network.stad.seen(path, lambda it: it["outcomes"] == {"paid": left_out, "waiting": left_out})
    after = (await network.stad.get(path, "coordinator")).json()
    assert after | {"outcomes": told["outcomes"]} == told, "six, all at west, as before"
    assert (await network.stad.get(path, "operator")).status_code == 403
    unknown = await network.stad.get(f"/pay-runs/{client()}/report")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "pay-run-unknown")


async def test_a_statement_is_even_at_every_version_and_leads_to_the_events(network: AllowanceNetwork) -> None:
    programme, period = await paid_programme(network)
    first = await run(network, programme, period)
    balance = (await network.stad.get("/trial-balance", programme=programme)).json()["lines"]
    whole = (await network.stad.get("/statements", programme=programme)).json()
    found = {line["account"]: line["balance_cents"] for line in whole["accounts"]}
    assert sum(found.values()) == 0
    assert found["reserved"] == sum(line["cents"] for line in balance if line["account"] == "reserved") < 0
    for version in range(whole["version"] + 1):
        asked = await network.stad.get("/statements", programme=programme, until_version=version)
        shown = asked.json()
        assert (shown["total_cents"], bool(shown["accounts"])) == (0, version == whole["version"])
    [entitlement] = (await network.west.get("/entitlements")).json()["items"]
    for asked_for, count in (
        ({"site": "west"}, whole["postings"]), ({"site": "noord"}, 0), ({"method": "voucher"}, whole["postings"]),
        ({"method": "transfer"}, 0), ({"entitlement_id": entitlement["id"]}, whole["postings"]),
        ({"entitlement_id": client()}, 0),
    ):  # fmt: skip
        shown = (await network.stad.get("/statements", programme=programme, **asked_for)).json()
        assert shown["postings"] == count, asked_for
        ledger = (await network.stad.get("/ledger", programme=programme, **asked_for)).json()["items"]
        assert len(ledger) == count, asked_for
    one = (await network.stad.get("/statements", programme=programme, period=period)).json()
    ledger = (await network.stad.get("/ledger", programme=programme, period=period)).json()["items"]
    assert 0 < one["postings"] == len(ledger) < whole["postings"], "some of it was due for an earlier one"
    assert {posting["run_id"] for posting in ledger} == {first["id"]}
    assert (await network.stad.get("/statements", "coordinator", programme=programme)).status_code == 403
    unknown = await network.stad.get("/statements", programme=client())
    assert (unknown.status_code, unknown.json()["code"]) == (404, "programme-unknown")


async def test_a_forecast_tells_what_runs_will_come_to_until_the_end_of_the_year(network: AllowanceNetwork) -> None:
    programme, period = await paid_programme(network)
    found = period_named(period)
    assert found is not None
    year = found.first.year
    path = f"/programmes/{programme}/forecast"
    before = (await network.stad.get(path, "coordinator", year=year)).json()
    assert (before["budget_cents"], before["spent_cents"], before["year"]) == (200_000, 0, year)
    drafted = await run(network, programme, period)
    after = (await network.stad.get(path, year=year)).json()
    assert after["spent_cents"] == drafted["total_cents"]
    assert after["expected_cents"] - after["spent_cents"] == sum(one["cents"] for one in after["ahead"])
    assert period not in {one["period"] for one in after["ahead"]}
    late = await network.stad.get(path, year=year + 3)
    assert (late.status_code, late.json()["code"]) == (422, "year-invalid")
    elsewhere = await network.west.get(path, "finance")
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (409, "municipality-only")
