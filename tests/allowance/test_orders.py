"""A run that is paid by transfer and card, over HTTP: its files are made once, and read back line by line."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.money import ZONE, period_of
from tests.allowance.sample import STAD_ACCOUNT, WEST_ACCOUNT
from tests.allowance.test_api import ask, run, stands
from tests.support.allowance_desk import AllowanceNetwork, open_allowance

BEGIN = datetime.now(ZONE).date() - timedelta(days=60)
PERIOD = period_of("month", BEGIN + timedelta(days=20))


@pytest.fixture
async def network() -> AsyncIterator[AllowanceNetwork]:
    async with open_allowance() as opened:
        yield opened


async def ordering(network: AllowanceNetwork) -> str:
    """A programme of which somebody is paid by transfer and somebody by card, with the accounts for it."""
    programme = await network.programme(methods=["transfer", "prepaid_card"], period="month")
    for method in ("transfer", "prepaid_card"):
        asked = await ask(network, programme, method=method, from_day=BEGIN.isoformat())
        await stands(network, asked["id"], "granted")
    for account in (STAD_ACCOUNT, WEST_ACCOUNT):
        body = {"site": account.site, "name": account.name, "iban": account.iban}
        named = await network.stad.post(f"/programmes/{programme}/accounts", body, subject="third")
        assert named.status_code == 200, named.text
    return programme


def camt(*payments: tuple[str, int, str]) -> dict[str, str]:
    """A statement of debits: reference, cents, side."""
    entries = "".join(
        f'<Ntry><Amt Ccy="EUR">{cents // 100}.{cents % 100:02}</Amt><CdtDbtInd>{side}</CdtDbtInd><Sts>BOOK</Sts>'
        f"<RvslInd>{str(side == 'CRDT').lower()}</RvslInd><NtryDtls><TxDtls><Refs><EndToEndId>{reference}</EndToEndId>"
        "</Refs></TxDtls></NtryDtls></Ntry>"
        for reference, cents, side in payments
    )
    return {"text": f"<Document><BkToCstmrStmt><Stmt>{entries}</Stmt></BkToCstmrStmt></Document>"}


async def file_of(network: AllowanceNetwork, run_id: str, kind: str) -> str:
    answer = await network.stad.get(f"/pay-runs/{run_id}/files/{kind}")
    assert answer.status_code == 200, answer.text
    text: str = answer.json()["text"]
    return text


async def test_twenty_who_execute_a_run_make_one_file(network: AllowanceNetwork) -> None:
    programme = await ordering(network)
    await network.stad.post(f"/programmes/{programme}/budget", {"year": PERIOD.first.year, "cents": 10_000_000})
    body = {"programme": programme, "period": PERIOD.name}
    drafted = (await network.stad.post("/pay-runs", body)).json()
    path = f"/pay-runs/{drafted['id']}"
    own = await network.stad.post(f"{path}/approve", subject="third")
    assert (own.status_code, own.json()["code"]) == (409, "account-own")
    approved = await network.stad.post(f"{path}/approve", subject="second")
    assert approved.status_code == 200, approved.text
    unknown = await network.stad.get(f"{path}/files/transfers")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "pay-file-unknown")
    answers = await asyncio.gather(*(network.stad.post(f"{path}/execute") for _ in range(20)))
    assert sum(bool(answer.json()["events"]) for answer in answers) == 1
    files = [await file_of(network, drafted["id"], kind) for kind in ("transfers", "loads")]
    assert files[0].count("<EndToEndId>") == 1
    assert files[1].count("\r\n") == 2
    assert [await file_of(network, drafted["id"], kind) for kind in ("transfers", "loads")] == files


async def accounts(network: AllowanceNetwork, programme: str) -> dict[str, int]:
    """The ledger's sums by account."""
    sums: dict[str, int] = {}
    for line in (await network.stad.get("/trial-balance", programme=programme)).json()["lines"]:
        sums[line["account"]] = sums.get(line["account"], 0) + line["cents"]
    assert sum(sums.values()) == 0
    return {account: cents for account, cents in sums.items() if cents}


async def test_a_bank_file_is_read_back_and_what_came_back_is_in_the_next_run(network: AllowanceNetwork) -> None:
    programme = await ordering(network)
    drafted = await run(network, programme, PERIOD.name)
    path, total = f"/pay-runs/{drafted['id']}", drafted["total_cents"]
    [reference] = re.findall("<EndToEndId>(.*?)</EndToEndId>", await file_of(network, drafted["id"], "transfers"))
    half = total // 2
    assert await accounts(network, programme) == {"entitled": total, "reserved": -total}
    statement = camt((reference, half, "DBIT"), ("0" * 32, half, "DBIT"), (reference, half - 1, "DBIT"))
    read = await network.stad.post(f"{path}/transfers", statement, key="first")
    assert read.status_code == 200, read.text
    seen = await network.west.seen("/transfers", lambda it: [one["status"] for one in it["items"]] == ["paid"])
    [shown] = seen["items"]
    seats = (await network.west.get("/entitlements")).json()["items"]
    [mine] = [it["id"] for it in seats if it["method"] == "transfer"]
    assert (shown["period"], shown["cents"], shown["entitlement_id"]) == (PERIOD.name, half, mine)
    wrong = [{"line": 2, "code": "order-unknown"}, {"line": 3, "code": "amount-differs"}]
    assert (read.json()["paid"], read.json()["returned"], read.json()["refused"]) == (1, 0, wrong)
    again = await network.stad.post(f"{path}/transfers", statement, key="first")
    assert (again.json()["paid"], again.json()["events"]) == (1, read.json()["events"])
    assert await accounts(network, programme) == {"entitled": total, "reserved": half - total, "paid": -half}
    back = (await network.stad.post(f"{path}/transfers", camt((reference, half, "CRDT")))).json()
    assert (back["paid"], back["returned"], back["refused"]) == (0, 1, [])
    assert await accounts(network, programme) == {"entitled": total, "reserved": -total}
    await network.west.seen("/transfers", lambda it: it["items"][0]["status"] == "returned")
    for asked in ({"status": "paid"}, {"period": "2019-01"}, {"entitlement_id": drafted["id"]}):
        assert (await network.west.get("/transfers", **asked)).json()["items"] == []
    late = (await network.stad.post(f"{path}/transfers", camt((reference, half, "DBIT")))).json()
    assert (late["events"], late["refused"]) == ([], [{"line": 1, "code": "order-noted"}])
    nothing = await network.stad.post(f"{path}/transfers", {"text": "<html/>"})
    assert (nothing.status_code, nothing.json()["code"]) == (422, "bank-file-invalid")
    [order] = [it for it in (await network.stad.get(f"{path}/orders")).json()["items"] if it["method"] == "transfer"]
    for find in (order["id"], reference.upper(), f" {mine} "):
        assert (await network.stad.get(f"{path}/orders", find=find)).json()["items"] == [order], find
    for none in ({"find": "nobody"}, {"find": drafted["id"]}, {"find": order["id"], "status": "paid"}):
        assert (await network.stad.get(f"{path}/orders", **none)).json()["items"] == []
    waiting = (await network.stad.get(f"{path}/orders", status="sent")).json()["items"]
    assert [it["method"] for it in waiting] == ["prepaid_card"]
    sums = (await network.stad.get(f"{path}/orders-sum")).json()
    assert (sums["total"], sums["sent"], sums["returned"], sums["paid"]) == (2, 1, 1, 0)
    assert (sums["sent_cents"], sums["returned_cents"], sums["methods"]) == (
        total - half, half, ["prepaid_card", "transfer"]
    )  # fmt: skip
    assert (order["status"], order["paid_cents"], order["site"]) == ("returned", 0, "west")
    network.clock.ahead += timedelta(days=62)
    second = await run(network, programme, period_of("month", PERIOD.until).name)
    detail: dict[str, Any] = (await network.stad.get(f"/pay-runs/{second['id']}")).json()
    checks = [(await network.stad.get(f"/pay-runs/{id_}/check")).json() for id_ in (drafted["id"], second["id"])]
    assert [(it["last"], it["households"], it["twice"]) for it in checks] == [(None, 2, 0), (drafted["id"], 2, 0)]
    assert checks[0]["difference_cents"] == total
    assert checks[1]["difference_cents"] == second["total_cents"] - total
    assert checks[1]["carried"] == {"households": 1, "cents": half}
    assert checks[1]["left_cents"] == checks[1]["budget_cents"] - second["total_cents"] - (total - half)
    [line] = [it for it in detail["lines"] if it["method"] == "transfer"]
    assert (line["before"], line["cents"]) == (half, half + sum(cents for _, cents in line["parts"]))


async def test_a_card_at_its_limit_has_the_rest_reserved_and_loaded_later(network: AllowanceNetwork) -> None:
    programme = await ordering(network)
    limited = {"balance_cents_max": 10_000, "cash_cents_a_day_max": 5_000}
    assert (await network.stad.post(f"/programmes/{programme}/cards", limited)).status_code == 200
    drafted = await run(network, programme, PERIOD.name)
    path, half = f"/pay-runs/{drafted['id']}", drafted["total_cents"] // 2
    load_id, _, cents, most, cash = (await file_of(network, drafted["id"], "loads")).splitlines()[1].split(",")
    assert (cents, most, cash) == ("10000", "10000", "5000")
    head = "load_id,loaded_cents,balance_cents\n"
    answer = {"text": f"{head}{load_id},9000,10000\nnonsense\n{load_id},1,1\n"}
    read = (await network.stad.post(f"{path}/loads", answer)).json()
    wrong = [{"line": 3, "code": "line-invalid"}, {"line": 4, "code": "order-noted"}]
    assert (read["paid"], read["refused"]) == (1, wrong)
    sums = await accounts(network, programme)
    assert (sums["paid"], sums["reserved"]) == (-9_000, 9_000 - 2 * half)
    network.clock.ahead += timedelta(days=62)
    await network.stad.post(f"/programmes/{programme}/cards", limited | {"balance_cents_max": 200_000})
    second = await run(network, programme, period_of("month", PERIOD.until).name)
    loads = (await file_of(network, second["id"], "loads")).splitlines()[1].split(",")
    new = sum(line["cents"] for line in (await network.stad.get(f"/pay-runs/{second['id']}")).json()["lines"]
              if line["method"] == "prepaid_card")  # fmt: skip
    assert (int(loads[2]), new > half - 9_000) == (new, True)
    other = await network.stad.post(f"{path}/loads", {"text": "load,cents\n"})
    assert (other.status_code, other.json()["code"]) == (422, "card-file-invalid")


async def test_an_order_no_file_can_settle_is_settled_by_hand_once(network: AllowanceNetwork) -> None:
    """As if the bank had kept an earlier making of the file, with another amount."""
    programme = await ordering(network)
    drafted = await run(network, programme, PERIOD.name)
    path, total = f"/pay-runs/{drafted['id']}", drafted["total_cents"]
    [reference] = re.findall("<EndToEndId>(.*?)</EndToEndId>", await file_of(network, drafted["id"], "transfers"))
    read = (await network.stad.post(f"{path}/transfers", camt((reference, total // 2 - 7, "DBIT")))).json()
    assert read["refused"] == [{"line": 1, "code": "amount-differs"}]
    orders = {it["method"]: it["id"] for it in (await network.stad.get(f"{path}/orders")).json()["items"]}
    settle = f"{path}/orders/{orders['transfer']}/settle"
    first, again = [await network.stad.post(settle, {"paid": True}, key="once") for _ in range(2)]
    assert (first.status_code, again.json()) == (200, first.json())
    twice = await network.stad.post(settle, {"paid": False})
    assert (twice.status_code, twice.json()["code"]) == (409, "order-noted")
    assert await accounts(network, programme) == {"entitled": total, "paid": -total // 2, "reserved": -total // 2}
    not_paid = await network.stad.post(f"{path}/orders/{orders['prepaid_card']}/settle", {"paid": False})
    assert not_paid.status_code == 200, not_paid.text
    assert await accounts(network, programme) == {"entitled": total, "paid": -total // 2, "reserved": -total // 2}
    network.clock.ahead += timedelta(days=62)
    second = await run(network, programme, period_of("month", PERIOD.until).name)
    lines = {it["method"]: it for it in (await network.stad.get(f"/pay-runs/{second['id']}")).json()["lines"]}
    assert (lines["prepaid_card"]["before"], lines["transfer"]["before"]) == (total // 2, 0)
    unknown = await network.stad.post(f"/pay-runs/{second['id']}/orders/{orders['transfer']}/settle", {"paid": True})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "order-unknown")
    assert (await network.stad.post(settle, {"paid": True}, "coordinator")).status_code == 403
