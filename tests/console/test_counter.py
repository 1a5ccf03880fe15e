"""The counter: what waits, whose it is for who may know, and two forms that are whole requests of the service."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from starlette.responses import JSONResponse

from services.allowance import api_vouchers
from services.console import counter
from services.console.api_counter import NAMES_SECONDS
from services.console.api_counter import Counter as Till
from services.console.api_screens import Places, Screens, Viewer
from services.console.words import LANGUAGES, words
from shared.http_models import IDS_MAX
from tests.console.sample import uid
from tests.console.test_desk_forms import bodies
from tests.console.test_desk_pages import Desk
from tests.console.test_pages import COOKIE, Pages
from tests.support.desk import MovedClock

NOW = datetime(2026, 1, 10, 20, 0, tzinfo=UTC)
EN = words("en")


def voucher(number: int, status: str = "waiting", days: int = 5) -> dict[str, Any]:
    return {
        "id": uid(number), "entitlement_id": uid(100 + number), "programme_id": uid(9), "period": "2025-12",
        "cents": 45_000, "status": status, "expires_at": (NOW + timedelta(days=days)).isoformat(), "version": 1,
    }  # fmt: skip


ROWS = [voucher(1, days=9), voucher(2, "issued"), voucher(3, "redeemed"), voucher(4, "expired"), voucher(5, days=-1)]
CLIENTS = {uid(101): (uid(31), "blauwe reiger 7")}


def test_what_can_be_fetched_is_shown_what_goes_back_first_before_the_others() -> None:
    shown = counter.payments(ROWS, {uid(9): "Leefgeld"}, CLIENTS, "caseworker", NOW, EN)
    assert [(one.id, one.gives) for one in shown] == [(uid(5), False), (uid(2), True), (uid(1), True)]
    last = shown[-1]
    assert (last.amount, last.about, last.status_words) == ("€450.00", "Leefgeld · 2025-12", "No code yet")
    assert (last.client, last.alias) == (uid(31), "blauwe reiger 7")
    assert shown[1].client == ""


def test_an_operator_hands_out_and_gives_no_code() -> None:
    assert not any(one.gives for one in counter.payments(ROWS, {}, {}, "operator", NOW, EN))
    assert counter.give(uid(1), ROWS, "operator", EN) is None
    for number in (3, 4, 99):
        assert counter.give(uid(number), ROWS, "caseworker", EN) is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_a_form_can_send_is_a_request_the_service_knows(language: str) -> None:
    given, paid = counter.give(uid(1), ROWS, "caseworker", words(language)), counter.redeem(words(language))
    assert given is not None
    for form, model, shown in ((given, api_vouchers.VoucherBody, "code"), (paid, api_vouchers.RedeemBody, "cents")):
        assert form.elsewhere
        assert form.answer is not None
        assert form.answer.big == shown
        answers = {**api_vouchers.IssueAnswer.model_fields, **api_vouchers.RedeemAnswer.model_fields}
        assert shown in answers
        for body in bodies(form):
            model.model_validate_json(json.dumps(body))
    assert "{" not in paid.path, "a code is in no address"
    assert paid.answer is not None
    assert paid.answer.money == {"cents"}


def test_the_service_says_how_a_payment_stands_in_words_the_screen_has() -> None:
    said = api_vouchers.VouchersQuery.model_fields["status"].annotation
    for language in LANGUAGES:
        assert {*counter.OPEN} == words(language).part("voucher_status").keys()
    assert all(status in str(said) for status in counter.OPEN)


@pytest.mark.parametrize("path", ["/counter", "/counter/live"])
async def test_it_is_where_clients_are_and_says_when_it_cannot_be_read(tmp_path: Path, path: str) -> None:
    elsewhere = await Desk(Pages(tmp_path)).get(path)
    assert (elsewhere.status_code, EN("counter.trouble.no_counter_title") in elsewhere.text) == (404, True)
    here = Desk(Pages(tmp_path), municipality=False)
    silent = await here.get(path, "operator")
    assert (silent.status_code, EN("counter.trouble.no_answer_title") in silent.text) == (503, True)
    assert (await here.get(path, "finance")).status_code == 403
    form = await here.get("/counter/form?about=redeem", "operator")
    assert (form.status_code, 'data-path="/api/allowance/vouchers/redeem"' in form.text) == (200, True)
    assert "data-money" in form.text
    assert (await here.get("/counter/form?about=give&of=nobody")).status_code == 404
    assert (await here.get(f"/counter/form?about=give&of={uid(1)}")).status_code == 503


class Later(MovedClock):
    """Also what never goes back is moved ahead."""

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead.total_seconds()


OTHERS = 400
"""Files and entitlements of this site of whom nothing waits."""


class Site:
    """Answers what the counter's page asks, and counts how often it is asked what, and how much was looked up."""

    def __init__(self, waiting: int) -> None:
        self.waiting, self.asked, self.looked_up = waiting, Counter[str](), Counter[str]()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        name = scope["path"].rpartition("/")[2]
        self.asked[name] += 1
        vouchers = (
            [voucher(n) for n in range(1, self.waiting + 1)] if b"status=waiting" in scope["query_string"] else []
        )
        items = {
            "vouchers": vouchers, "programmes": [{"id": uid(9), "name": "Leefgeld", "period": "month"}],
            "transfers": [transfer(1, "paid")] if b"period=2026-01" in scope["query_string"] else [],
            "entitlements": [{"id": uid(100 + n), "client_id": uid(30 + n)} for n in range(1, self.waiting + OTHERS)],
            "clients": [{"id": uid(30 + n), "alias": f"blauwe reiger {n}"} for n in range(1, self.waiting + OTHERS)],
        }[name]  # fmt: skip
        named = parse_qs(scope["query_string"].decode()).get("id")
        assert named is None or len(named) <= IDS_MAX
        items = [item for item in items if named is None or item["id"] in named]
        self.looked_up[name] += len(items)
        await JSONResponse({"items": items, "next": None})(scope, receive, send)


async def test_files_are_not_asked_for_each_time_and_at_once_when_somebody_new_waits(tmp_path: Path) -> None:
    site, clock, settings = Site(2), Later(), Pages(tmp_path).settings
    here = settings.model_copy(update={"services": ["intake", "allowance", "console"], "municipality": False})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=site), base_url="http://west.test") as client:
        desk = Till(Screens(here, Places(client), clock, COOKIE))
        anna, bram = Viewer("caseworker", "anna"), Viewer("caseworker", "bram")

        async def aliases(viewer: Viewer) -> list[str]:
            return [one.alias for one in await desk.page(viewer, EN)]

        assert [await aliases(anna) for _ in range(5)] == [["blauwe reiger 1", "blauwe reiger 2"]] * 5
        assert (site.asked["clients"], site.asked["entitlements"], site.asked["vouchers"]) == (1, 1, 10)
        await aliases(bram)
        assert site.asked["clients"] == 2, "what another viewer was told is not shown to this one"
        site.waiting = 3
        assert await aliases(anna) == [f"blauwe reiger {n}" for n in (1, 2, 3)]
        assert site.asked["clients"] == 3
        clock.ahead += timedelta(seconds=NAMES_SECONDS)
        await aliases(anna)
        assert site.asked["clients"] == 4
        site.waiting = 0
        clock.ahead += timedelta(seconds=NAMES_SECONDS)
        assert await aliases(anna) == []
        assert await aliases(Viewer("operator", "carl")) == []
        assert site.asked["clients"] == 4


# --- what came by transfer --------------------------------------------------------------------------------------------


def transfer(number: int, status: str, period: str = "2026-01") -> dict[str, Any]:
    return {
        "id": uid(number), "entitlement_id": voucher(number)["entitlement_id"], "programme_id": uid(9),
        "period": period, "cents": 45_000, "status": status, "moved_at": "2026-02-02T10:00:00Z", "version": 2,
    }  # fmt: skip


def test_the_service_says_how_a_transfer_stands_in_words_the_screen_has() -> None:
    said = str(api_vouchers.TransfersQuery.model_fields["status"].annotation)
    for language in LANGUAGES:
        statuses = words(language).part("transfer_status").keys()
        assert statuses == {"sent", "paid", "returned"}
        assert all(status in said for status in statuses)
    rows = [transfer(1, "sent"), transfer(2, "returned", "2025-12")]
    assert all(api_vouchers.TransferView.model_validate(row) for row in rows)
    first, second = counter.transfers(rows, {uid(9): "Leefgeld"}, {rows[0]["entitlement_id"]: (uid(31), "reiger")}, EN)
    assert (first.client, first.alias, first.amount) == (uid(31), "reiger", "€450.00")
    assert first.about == "Leefgeld · 2026-01"
    assert (second.client, second.status_words) == ("", "Came back; follows later")


def test_the_last_four_periods_are_shown_of_each_way_to_pay() -> None:
    assert counter.periods({"month"}, date(2026, 2, 3)) == ["2026-02", "2026-01", "2025-12", "2025-11"]
    assert counter.periods({"week", "month"}, date(2026, 1, 1))[4:] == ["2026-W01", "2025-W52", "2025-W51", "2025-W50"]
    assert counter.periods(set(), date(2026, 1, 1)) == []


async def test_a_caseworker_sees_for_whom_money_came_and_an_operator_that_it_did(tmp_path: Path) -> None:
    site, clock, settings = Site(1), Later(), Pages(tmp_path).settings
    clock.ahead += datetime(2026, 2, 10, 12, tzinfo=UTC) - clock.now()
    here = settings.model_copy(update={"services": ["intake", "allowance", "console"], "municipality": False})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=site), base_url="http://west.test") as client:
        desk = Till(Screens(here, Places(client), clock, COOKIE))
        [seen] = await desk.transfers(Viewer("caseworker", "anna"), EN)
        assert (seen.alias, seen.status, seen.amount) == ("blauwe reiger 1", "paid", "€450.00")
        [seen] = await desk.transfers(Viewer("operator", "carl"), EN)
        assert (seen.alias, seen.client, seen.amount) == ("", "", "€450.00")


async def test_its_page_is_at_the_desk_and_says_when_it_cannot_be_read(tmp_path: Path) -> None:
    elsewhere = await Desk(Pages(tmp_path)).get("/counter/transfers")
    assert (elsewhere.status_code, EN("counter.trouble.no_counter_title") in elsewhere.text) == (404, True)
    here = Desk(Pages(tmp_path), municipality=False)
    silent = await here.get("/counter/transfers", "operator")
    assert (silent.status_code, EN("counter.trouble.no_answer_title") in silent.text) == (503, True)
    assert (await here.get("/counter/transfers", "finance")).status_code == 403
    assert "/counter/transfers" in (await here.get("/counter", "operator")).text


async def test_no_file_is_opened_but_of_those_whose_payment_waits(tmp_path: Path) -> None:
    many = IDS_MAX + 20
    site, settings = Site(many), Pages(tmp_path).settings
    here = settings.model_copy(update={"services": ["intake", "allowance", "console"], "municipality": False})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=site), base_url="http://west.test") as client:
        desk = Till(Screens(here, Places(client), Later(), COOKIE))
        shown = await desk.page(Viewer("caseworker", "anna"), EN)
        assert {one.alias for one in shown} == {f"blauwe reiger {n}" for n in range(1, many + 1)}
        assert (site.looked_up["clients"], site.looked_up["entitlements"]) == (many, many)
        assert site.asked["clients"] == 2, "as many at once as may be asked for"
        assert not any(one.alias for one in await desk.page(Viewer("operator", "carl"), EN))
        assert site.asked["clients"] == 2, "who may not see clients has nobody looked up"
