"""Allowance on real servers: a seat is granted across the link, cut or whole, and a ceiling shows everywhere."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from infra.running import site_settings
from shared.ids import SystemIds
from shared.money import day_of, period_of
from shared.security import Role, issue_token, load_signing_key
from tests.support.network import Network, eventually

PROGRAMMES, ENTITLEMENTS = "/api/allowance/programmes", "/api/allowance/entitlements"
PAY_RUNS, VOUCHERS = "/api/allowance/pay-runs", "/api/allowance/vouchers"


async def programme(stad: httpx.AsyncClient, places: int) -> str:
    body = {
        "name": "Leefgeld", "places": places, "period": "month",
        "tariffs": [{"size_class": "1", "cents": 45_000, "valid_from": str(day_of(datetime.now(UTC)))}],
    }  # fmt: skip
    answer = await stad.post(PROGRAMMES, json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def row(client: httpx.AsyncClient, programme_id: str) -> dict[str, Any]:
    """The programme in the network's capacity, as one site shows it; empty while it does not."""
    asked = {"kind": "allowance", "location": programme_id}
    rows = (await client.get("/api/placement/capacity", params=asked)).json()["rows"]
    return dict(rows[0]) if rows else {}


async def shows(client: httpx.AsyncClient, programme_id: str, **counts: int) -> None:
    async def there() -> bool:
        return counts.items() <= (await row(client, programme_id)).items()

    await eventually(f"the seats to be {counts}", there)


async def ask(client: httpx.AsyncClient, programme_id: str, **more: Any) -> str:
    body = {"programme": programme_id, "client_id": SystemIds().random_id()} | more

    async def heard() -> bool:
        return programme_id in {it["id"] for it in (await client.get(PROGRAMMES)).json()["items"]}

    await eventually("the programme to be heard of", heard)
    answer = await client.post(ENTITLEMENTS, json=body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def sign(city: Network, site: str, role: Role, subject: str) -> dict[str, str]:
    """The header of another person in a role: `plek token` is always the same one."""
    key = site_settings(city.data, site).token_signing_key
    assert key is not None
    token = issue_token(load_signing_key(key), subject, role, site, datetime.now(UTC))
    return {"Authorization": f"Bearer {token}"}


async def becomes(client: httpx.AsyncClient, entitlement_id: str, *statuses: str) -> str:
    async def there() -> bool:
        return (await client.get(f"{ENTITLEMENTS}/{entitlement_id}")).json()["status"] in statuses

    await eventually(f"an entitlement to be {statuses}", there)
    return str((await client.get(f"{ENTITLEMENTS}/{entitlement_id}")).json()["status"])


async def test_a_hundred_more_seats_at_stad_show_at_zuidoost_beside_the_beds(city: Network) -> None:
    async with city.client("stad", "finance") as stad, city.client("zuidoost", "operator") as zuidoost:
        programme_id = await programme(stad, 20)
        await shows(zuidoost, programme_id, total=20, available=20)
        raised = await stad.post(f"{PROGRAMMES}/{programme_id}/ceiling", json={"places": 120})
        assert raised.status_code == 200, raised.text
        await shows(zuidoost, programme_id, total=120, available=120, occupied=0, held=0)
        shown = await row(zuidoost, programme_id)
        assert (shown["site"], shown["title"], shown["freshness"]) == ("stad", "Leefgeld", "fresh")
        everything = (await zuidoost.get("/api/placement/capacity")).json()
        beds = sum(line["total"] for line in everything["rows"] if line["kind"] != "allowance")
        assert everything["totals"]["total"] == beds  # a seat is no bed


async def test_a_seat_is_granted_across_the_link_also_when_it_was_cut(city: Network) -> None:
    async with city.client("stad", "finance") as stad, city.client("zuidoost", "caseworker") as zuidoost:
        programme_id = await programme(stad, 1)
        first = await ask(zuidoost, programme_id)
        assert await becomes(zuidoost, first, "granted") == "granted"
        await shows(zuidoost, programme_id, total=1, occupied=1, available=0)
        assert (await asyncio.to_thread(city.plek, "link", "cut", "zuidoost")).returncode == 0
        ended = await zuidoost.post(f"{ENTITLEMENTS}/{first}/end", json={"reason": "sheltered"})
        assert ended.status_code == 200
        second = await ask(zuidoost, programme_id)
        assert (await zuidoost.get(f"{ENTITLEMENTS}/{second}")).json()["status"] == "asked"
        await shows(stad, programme_id, occupied=1, available=0)
        assert (await asyncio.to_thread(city.plek, "link", "heal", "zuidoost")).returncode == 0
        assert await becomes(zuidoost, second, "granted", "refused") == "granted"
        await shows(stad, programme_id, occupied=1, held=0, available=0)
        seats = (await stad.get("/api/allowance/seats", params={"programme": programme_id})).json()["items"]
        assert {seat["id"]: seat["status"] for seat in seats} == {first: "ended", second: "granted"}


async def test_two_sites_that_want_the_last_seat_meet_at_the_municipality(city: Network) -> None:
    async with (
        city.client("stad", "finance") as stad,
        city.client("west", "caseworker") as west,
        city.client("noord", "caseworker") as noord,
    ):
        for _ in range(3):
            programme_id = await programme(stad, 1)
            asked = await asyncio.gather(ask(west, programme_id), ask(noord, programme_id))
            stand = [
                await becomes(site, id_, "granted", "refused") for site, id_ in zip((west, noord), asked, strict=True)
            ]
            assert sorted(stand) == ["granted", "refused"]
            await shows(west, programme_id, total=1, occupied=1, held=0)


async def test_all_sites_agree_about_seats_as_about_beds(city: Network) -> None:
    async with city.client("stad", "finance") as stad:
        await programme(stad, 3)
    done = await asyncio.to_thread(city.plek, "verify", "--json")
    verified = json.loads(done.stdout)
    assert done.returncode == 0, done.stdout
    assert verified["origins"]["stad/allowance"]["agree"]


async def test_a_run_executed_twenty_times_at_once_is_paid_once(city: Network) -> None:
    ended = period_of("month", period_of("month", day_of(datetime.now(UTC))).first - timedelta(days=1))
    async with city.client("stad", "finance") as stad, city.client("west", "caseworker") as west:
        programme_id = await programme(stad, 5)
        tariff = {"size_class": "2", "cents": 70_000, "valid_from": str(ended.first)}
        assert (await stad.post(f"{PROGRAMMES}/{programme_id}/tariffs", json=tariff)).status_code == 200
        entitlement = await ask(west, programme_id, from_day=str(ended.first), household_size=2)
        assert await becomes(west, entitlement, "granted") == "granted"
        await shows(stad, programme_id, occupied=1, held=0)
        budget = {"year": ended.first.year, "cents": 100_000}
        assert (await stad.post(f"{PROGRAMMES}/{programme_id}/budget", json=budget)).status_code == 200
        run = (await stad.post(PAY_RUNS, json={"programme": programme_id, "period": ended.name})).json()
        assert (run["lines"], run["total_cents"]) == (1, 70_000)
        other = sign(city, "stad", "finance", "somebody-else")
        approved = await stad.post(f"{PAY_RUNS}/{run['id']}/approve", headers=other)
        assert approved.status_code == 200, approved.text
        answers = await asyncio.gather(*(stad.post(f"{PAY_RUNS}/{run['id']}/execute") for _ in range(20)))
        assert [answer.status_code for answer in answers] == [200] * 20
        assert sum(bool(answer.json()["events"]) for answer in answers) == 1
        waiting = {"entitled": 70_000, "reserved": -70_000}
        await eventually("the payment to wait at the desk", lambda: books_show(stad, programme_id, waiting))

        async def there() -> bool:
            return bool((await west.get(VOUCHERS)).json()["items"])

        await eventually("west to hear of the payment", there)
        [voucher] = (await west.get(VOUCHERS)).json()["items"]
        code = (await west.post(VOUCHERS, json={"voucher": voucher["id"]})).json()["code"]
        async with city.client("west", "operator") as counter:
            redeemed = await counter.post(f"{VOUCHERS}/{code}/redeem")
        assert (redeemed.status_code, redeemed.json()["cents"]) == (200, 70_000), redeemed.text
        paid = {"entitled": 70_000, "paid": -70_000}
        await eventually("the payment to be booked", lambda: books_show(stad, programme_id, paid))


async def books_show(stad: httpx.AsyncClient, programme_id: str, cents: dict[str, int]) -> bool:
    """Whether the accounts of a programme come to this; they come to zero together, always."""
    balance = (await stad.get("/api/allowance/trial-balance", params={"programme": programme_id})).json()
    assert balance["total_cents"] == 0
    return {line["account"]: line["cents"] for line in balance["lines"] if line["cents"]} == cents


async def test_whoever_is_erased_at_intake_is_paid_no_more_and_the_seat_is_free(city: Network) -> None:
    async with city.client("stad", "finance") as stad, city.client("west", "caseworker") as west:
        programme_id = await programme(stad, places=1)
        body = {"alias": "Bo", "languages": ["nl"], "household": [{"age_band": "23-64"}], "needs": []}
        client_id = (await west.post("/api/intake/clients", json=body)).json()["id"]
        entitlement = await ask(west, programme_id, client_id=client_id)
        await shows(stad, programme_id, occupied=1)
        erased = await west.post(f"/api/intake/clients/{client_id}/erase", json={})
        assert erased.status_code == 200, erased.text
        await shows(stad, programme_id, occupied=0, held=0)
        shown = (await west.get(f"{ENTITLEMENTS}/{entitlement}")).json()
        assert (shown["status"], shown["code"]) == ("ended", "client-erased")
