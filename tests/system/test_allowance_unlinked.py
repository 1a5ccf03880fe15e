"""Whoever has the municipality's databases and the files of every bus finds no client there, and cannot join what one
person had at one time with what they have later.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest

from services.placement.views_capacity import SEATS, series_of
from shared.money import Period, day_of, period_of
from tests.support.backups import settings_of
from tests.support.laid_open import dumped, joinable, messages
from tests.support.network import Network, eventually, network_of, running_network
from tests.system.test_allowance import ENTITLEMENTS, PAY_RUNS, PROGRAMMES, VOUCHERS, becomes, sign

CLIENT = {"languages": ["nl"], "household": [{"age_band": "23-64"}]}
LAST = period_of("month", period_of("month", day_of(datetime.now(UTC))).first - timedelta(days=1))
BEFORE = period_of("month", LAST.first - timedelta(days=1))


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    services = ("intake", "placement", "allowance", "console")
    text = network_of("west", services=services).replace(
        'services = ["placement", "console"]', 'services = ["placement", "allowance", "console"]', 1
    )
    path = tmp_path_factory.mktemp("city") / "city.toml"
    path.write_text(text)
    with running_network("--no-demo", network=path) as started:
        yield started


async def entitled(west: httpx.AsyncClient, programme: str, client_id: str, since: Period) -> str:
    body = {"programme": programme, "client_id": client_id, "from_day": str(since.first)}
    answer = await west.post(ENTITLEMENTS, json=body)
    assert answer.status_code == 202, answer.text
    id_ = str(answer.json()["id"])
    assert await becomes(west, id_, "granted") == "granted"
    return id_


async def paid(city: Network, stad: httpx.AsyncClient, west: httpx.AsyncClient, programme: str, period: Period) -> None:
    """A run from draft to the counter: everybody is given a code and fetches their cash, and stad hears of it."""
    budget = {"year": period.first.year, "cents": 1_000_000}
    assert (await stad.post(f"{PROGRAMMES}/{programme}/budget", json=budget)).status_code == 200
    run = (await stad.post(PAY_RUNS, json={"programme": programme, "period": period.name})).json()
    assert run["lines"] == 2, run
    path = f"{PAY_RUNS}/{run['id']}"
    assert (await stad.post(f"{path}/approve", headers=sign(city, "stad", "finance", "other"))).status_code == 200
    assert (await stad.post(f"{path}/execute")).status_code == 200

    async def there() -> bool:
        return len((await west.get(VOUCHERS, params={"status": "waiting"})).json()["items"]) == 2

    await eventually("the payments to wait at west", there)
    for one in (await west.get(VOUCHERS, params={"status": "waiting"})).json()["items"]:
        code = (await west.post(VOUCHERS, json={"voucher": one["id"]})).json()["code"]
        assert (await west.post(f"{VOUCHERS}/{code}/redeem")).status_code == 200

    async def heard() -> bool:
        lines = (await stad.get("/api/allowance/trial-balance", params={"programme": programme})).json()["lines"]
        return not any(line["cents"] for line in lines if line["account"] == "reserved")

    await eventually("stad to hear who was paid", heard)


async def test_nothing_at_the_municipality_or_on_a_bus_says_who_or_joins_what_one_person_had(city: Network) -> None:
    async with city.client("stad", "finance") as stad, city.client("west", "caseworker") as west:
        tariffs = [{"size_class": "1", "cents": 45_000, "valid_from": str(BEFORE.first)}]
        body = {"name": "Leefgeld", "places": 9, "period": "month", "tariffs": tariffs}
        programme = str((await stad.post(PROGRAMMES, json=body)).json()["id"])

        async def known() -> bool:
            return bool((await west.get(PROGRAMMES)).json()["items"])

        await eventually("west to know the programme", known)
        registered = [await west.post("/api/intake/clients", json=CLIENT) for _ in range(3)]
        anna, bert, carl = (str(answer.json()["id"]) for answer in registered)
        first, other = [await entitled(west, programme, one, BEFORE) for one in (anna, bert)]
        await paid(city, stad, west, programme, BEFORE)
        ended = {"reason": "own_income", "from_day": str(LAST.first)}
        assert (await west.post(f"{ENTITLEMENTS}/{first}/end", json=ended)).status_code == 200
        second = await entitled(west, programme, anna, LAST)
        await paid(city, stad, west, programme, LAST)
        third = await entitled(west, programme, carl, LAST)

        async def told() -> bool:
            items = (await west.get(ENTITLEMENTS)).json()["items"]
            return all(item["told"] for item in items)

        await eventually("stad to know all there is to know", told)

    rows = [row for dsn in settings_of(city.data, "stad").databases.values() for row in dumped(dsn.get_secret_value())]
    blocks = sorted(city.data.glob("sites/*/nats/jetstream/**/*.blk"))
    between = [path for path in blocks if not any(part.startswith("LOC_") for part in path.parts)]
    spoken, inside = list(messages(between)), list(messages(set(blocks) - set(between)))
    people = {"anna": [first, second], "bert": [other], "carl": [third]}
    for id_ in (first, second, other, third):  # it is looked where they are
        assert any(id_ in row for row in rows)
        assert any(id_ in message for message in spoken)
    for client_id in (anna, bert, carl):
        assert any(client_id in message for message in inside), "the services of west speak of clients among themselves"
        assert not [row for row in [*rows, *spoken] if client_id in row]
    # Every line of a programme's figures has its series, which follows from the programme's id and says no more.
    series = series_of("stad/allowance", programme, SEATS, "", "")
    assert any(series in row and programme in row for row in rows)
    assert not [row for row in [*rows, *spoken] if series in row and programme not in row]
    ways = joinable([*rows, *spoken], people, [series])
    steps = [step for way in ways for step in pairwise(way)]
    assert ways == [], [row for row in [*rows, *spoken] if any(one in row and other in row for one, other in steps)]
    own = [row for dsn in settings_of(city.data, "west").databases.values() for row in dumped(dsn.get_secret_value())]
    assert {way[0] for way in joinable(own, people)} == {"anna"}, "their own desk knows that they are one"


ANNA, BERT = {"anna": ["a" * 16, "b" * 16]}, {"bert": ["c" * 16]}
TAG = "0123456789abcdef"


def row(*entitlements: str, **more: Any) -> str:
    return f"17\t{json.dumps([{'id': one, **more} for one in entitlements])}\t2"


@pytest.mark.parametrize(
    ("records", "found"),
    [
        ([row("a" * 16), row("b" * 16)], False),
        ([row("a" * 16, tag=TAG), row("b" * 16, tag=TAG)], True),
        ([row("a" * 16, tag=TAG), row("b" * 16, tag=TAG), row("c" * 16, tag=TAG)], False),
        ([row("a" * 16, tag=TAG), f"{TAG} {'d' * 16}", f"{'d' * 16} {'b' * 16}"], True),
        ([json.dumps({"lines": [["c" * 16], {"id": "b" * 16, "by": TAG}, {"a" * 16: [1, TAG]}]})], True),
        ([f"{'a' * 16} at 2026-01-05 18:00:00.123456", f"{'b' * 16} at 2026-01-05 18:00:00.123456"], True),
        ([f"{'a' * 16} {'b' * 16}"], True),
    ],
)  # fmt: skip
def test_whoever_looks_finds_what_joins_two(records: list[str], found: bool) -> None:
    assert bool(joinable(records, ANNA | BERT)) == found
