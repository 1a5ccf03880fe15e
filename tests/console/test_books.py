"""Accounts, forecasts and one pay run in words; forms that are whole requests; pages that say when there is nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from pydantic import BaseModel
from starlette.responses import JSONResponse

from services.allowance import api_models, api_reports
from services.console import books
from services.console.api_books import ORDERS_SHOWN
from services.console.words import LANGUAGES, words
from shared.http_models import Body
from tests.console.sample import uid
from tests.console.test_desk_pages import Desk
from tests.console.test_pages import Pages

EN, NL = words("en"), words("nl")
RUN, ORDER, PROGRAMME = uid(2), uid(5), uid(1)


def statement(total: int = 0) -> dict[str, Any]:
    accounts = [("entitled", 90_000, 0), ("paid", 0, 45_000), ("reserved", 0, 45_000 - total)]
    made = api_reports.StatementView(
        accounts=[api_reports.AccountView(account=name, debit_cents=debit, credit_cents=credit,
                                          balance_cents=debit - credit) for name, debit, credit in accounts],
        total_cents=total, postings=4, version=12,
    )  # fmt: skip
    return made.model_dump(mode="json")


def test_a_statement_has_both_sides_of_each_account_and_says_whether_it_comes_to_zero() -> None:
    told = books.statement(statement(), "", EN)
    assert [(one.name, one.debit, one.credit, one.balance) for one in told.accounts] == [
        ("Entitled", "€900.00", "€0.00", "€900.00"),
        ("Paid", "€0.00", "€450.00", "-\u2060€450.00"),
        ("Reserved", "€0.00", "€450.00", "-\u2060€450.00"),
    ]
    assert (told.total, told.even, told.about) == ("€0.00", "comes to zero", "4 postings, as it stands after event 12")
    assert "on call" in books.statement(statement(100), "", EN).even
    assert "of one period" in books.statement(statement(100), "2026-01", EN).even


def forecast(budget: int, *left: int, short: str | None = None) -> dict[str, Any]:
    ahead = [
        api_reports.AheadView(period=f"2026-{n:02}", cents=45_000, left_cents=cents) for n, cents in enumerate(left, 1)
    ]
    made = api_reports.ForecastView(
        year=2026, budget_cents=budget, spent_cents=10_000, expected_cents=20_000, full_cents=30_000, short_from=short,
        ahead=ahead,
    )  # fmt: skip
    return made.model_dump(mode="json")


def test_a_forecast_shows_what_is_left_after_each_run_and_the_first_the_budget_does_not_cover() -> None:
    told = books.forecast(forecast(100_000, 50_000, 25_000, -20_000, short="2026-03"), EN)
    assert [(bar.period, bar.left, bar.height, bar.short) for bar in told.bars] == [
        ("2026-01", "€500.00", 60, False), ("2026-02", "€250.00", 30, False), ("2026-03", "-\u2060€200.00", 0, True),
    ]  # fmt: skip
    assert {bar.y + bar.height for bar in told.bars} == {books.MARGIN + books.CHART_HEIGHT}
    assert all(bar.x + books.BAR_WIDTH < told.width for bar in told.bars)
    assert "2026-03" in told.verdict
    assert dict(told.rows)["Expected by the end of the year"] == "€200.00"
    assert "lasts" in books.forecast(forecast(100_000, 50_000), EN).verdict
    none = books.forecast(forecast(0, -45_000, short="2026-01"), EN)
    assert (none.verdict, none.bars[0].height) == ("No budget was granted for this year", 0)


def test_a_report_leaves_out_what_is_left_out_for_it() -> None:
    part = api_reports.PartView
    made = api_reports.ReportView(
        run_id=RUN, programme_id=PROGRAMME, period="2026-01", small_counts_below=5, households=40, cents=1_800_000,
        sites={"west": part(households=31, cents=None), "noord": part(households=None, cents=None)},
        methods={"voucher": part(households=40, cents=1_800_000)}, outcomes={},
    )  # fmt: skip
    told = books.report(made.model_dump(mode="json"), NL)
    assert (told.whole.households, told.whole.cents, told.below) == ("40", "€\u00a018.000,00", 5)
    assert [(title, [(one.name, one.households, one.cents) for one in rows]) for title, rows in told.lists] == [
        ("Per site", [("West", "31", "–"), ("Noord", "–", "–")]),
        ("Per betaalwijze", [("bon", "40", "€\u00a018.000,00")]),
    ]


def order(status: str, method: str = "transfer", id_: str = ORDER) -> dict[str, Any]:
    made = api_models.OrderView(
        id=id_, run_id=RUN, site="west", method=method, lines=3, cents=135_000, paid_cents=0, status=status,  # type: ignore[arg-type]
        reason="AC04" if status == "returned" else "",
    )  # fmt: skip
    return made.model_dump(mode="json")


def test_orders_are_told_what_waits_first_and_only_finance_settles_or_has_files() -> None:
    rows = [order("paid"), order("returned", id_=uid(6)), order("sent", "prepaid_card", uid(7))]
    told = books.orders(rows, "finance", EN)
    assert [(one.status_words, one.reason, [do.about for do in one.doing]) for one in told] == [
        ("Waiting", "", ["settle"]), ("Came back", "AC04", []), ("Paid", "", []),
    ]  # fmt: skip
    assert not any(one.doing for one in books.orders(rows, "auditor", EN))
    methods = [row["method"] for row in rows]
    assert books.files(methods, "finance") == ["transfers", "loads"]
    assert (books.files(methods, "auditor"), books.files(methods[:1], "finance")) == ([], ["transfers"])


TOTAL = api_models.OrdersSum(
    total=2_105, sent=2_100, paid=4, returned=1, sent_cents=9_450_000, paid_cents=18_000, returned_cents=4_500,
    methods=["prepaid_card", "transfer"],
)  # fmt: skip


def test_all_orders_of_a_run_are_counted_however_many_are_shown() -> None:
    shown = [(one.status, one.words, one.number, one.amount) for one in books.order_sums(TOTAL.model_dump(), EN)]
    assert shown == [
        ("", "All", "2,105", "€94,725.00"), ("sent", "Waiting", "2,100", "€94,500.00"),
        ("returned", "Came back", "1", "€45.00"), ("paid", "Paid", "4", "€180.00"),
    ]  # fmt: skip


def checked(**fields: Any) -> dict[str, Any]:
    change = {"households": 0, "cents": 0}
    given = {
        "budget_cents": 100, "left_cents": 50_000, "households": 2, "ceiling": 3, "twice": 0, "last": uid(8),
        "last_period": "2025-12", "last_total_cents": 100, "difference_cents": 4_500, "new": change, "gone": change,
        "other": {"households": 1, "cents": 4_500}, "corrections": change, "carried": change,
    }  # fmt: skip
    return api_models.RunCheck.model_validate(given | fields).model_dump(mode="json")


def test_a_run_is_held_against_budget_ceiling_and_the_run_before_it() -> None:
    good = books.check(checked(), EN)
    assert not any(wrong for _, wrong in good.states)
    assert good.told == "The difference with the run of 2025-12 is €45.00. That is because of:"
    assert [(one.name, one.households, one.cents) for one in good.why] == [
        ("Another amount: days, household or tariff", "1", "€45.00")
    ]
    bad = books.check(checked(left_cents=-1, households=4, twice=1, last=None, last_period=None), EN)
    assert all(wrong for _, wrong in bad.states)
    assert (bad.why, bad.told) == ([], EN("books.check.first"))
    for language in LANGUAGES:
        assert books.check(checked(left_cents=-1, households=4, twice=1), words(language)).why


class Municipality:
    """Answers what a run's page asks, and keeps what it was asked."""

    def __init__(self, following: str | None) -> None:
        self.following, self.asked = following, dict[str, dict[str, list[str]]]()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        name = scope["path"].rpartition("/")[2]
        self.asked[name] = parse_qs(scope["query_string"].decode())
        if self.asked[name].get("cursor") == ["garbage"]:
            await JSONResponse({"code": "cursor-invalid"}, 422)(scope, receive, send)
            return
        detail = {
            "id": RUN, "programme_id": uid(2), "period": "2026-01", "pay_on": "2026-01-30", "status": "approved",
            "total_cents": 100, "version": 3, "lines": [], "corrections_cents": 0, "handouts": [],
        }  # fmt: skip
        pages = {
            "pay-runs": {"items": [detail], "next": None}, "programmes": {"items": [], "next": None}, RUN: detail,
            "check": checked(), "orders": {"items": [order("sent")], "next": self.following},
            "orders-sum": TOTAL.model_dump(mode="json"),
        }  # fmt: skip
        await JSONResponse(pages[name])(scope, receive, send)


async def page_of(tmp_path: Path, following: str | None, query: str = "") -> tuple[str, dict[str, list[str]]]:
    """A run's page, and what was asked of its orders."""
    answers = Municipality(following)
    desk = Desk(Pages(tmp_path), answers=httpx.ASGITransport(app=answers))
    shown = await desk.get(f"/money/runs/{RUN}{query}", "finance")
    assert shown.status_code == 200, shown.text
    return shown.text, answers.asked["orders"]


async def test_a_run_shows_its_orders_a_page_at_a_time_with_a_way_to_the_next_and_to_find_one(tmp_path: Path) -> None:
    text, asked = await page_of(tmp_path, "Y3Vyc29y")
    assert asked == {"limit": [str(ORDERS_SHOWN)]}
    assert f'href="/money/runs/{RUN}?cursor=Y3Vyc29y"' in text
    assert ("2,105" in text, 'name="find"' in text, EN("books.check.title") in text) == (True, True, True)
    text, asked = await page_of(tmp_path, None, "?status=sent&cursor=Y3Vyc29y")
    assert (asked["status"], asked["cursor"]) == (["sent"], ["Y3Vyc29y"])
    assert f'/money/runs/{RUN}/live?status=sent&amp;cursor=Y3Vyc29y"' in text
    assert f'href="/money/runs/{RUN}?status=sent">{EN("books.first_orders")}' in text
    assert 'rel="next"' not in text
    text, asked = await page_of(tmp_path, None, f"?find={ORDER}")
    assert asked["find"] == [ORDER]
    assert EN("books.found", n="1", what=ORDER) in text


def test_cash_for_what_had_gone_back_stands_with_its_handout() -> None:
    made = api_models.HandoutView(
        id=uid(8),
        site="west",
        waiting=2,
        waiting_cents=90_000,
        after_all=1,
        after_all_cents=45_000,
        otherwise=2,
        otherwise_cents=-5_000,
    ).model_dump(mode="json")
    [told] = books.handouts([made], "finance", EN)
    assert told.after_all == "Cash handed out for 1 that had gone back: €450.00"
    assert told.otherwise == "Paid otherwise to 2 than this run says: -\u2060€50.00; the next run makes up for it"
    assert [do.about for do in told.doing] == ["take_back"]
    [settled] = books.handouts([made | {"waiting": 0, "after_all": 0, "otherwise": 0}], "finance", EN)
    assert (settled.after_all, settled.otherwise, settled.doing) == ("", "", [])


FORMS: dict[str, tuple[type[BaseModel], dict[str, Any]]] = {
    "transfers": (api_models.FileBody, {"text": "<Document/>"}), "loads": (api_models.FileBody, {"text": "load_id"}),
    "settle": (api_models.SettleBody, {"paid": False}), "take_back": (Body, {}),
}  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("about", FORMS)
def test_everything_a_form_can_send_is_a_request_the_service_knows(about: str, language: str) -> None:
    form = books.books_form(about, RUN, ORDER, "finance", words(language))
    assert form is not None
    model, body = FORMS[about]
    assert {field.name for field in form.fields} == body.keys()
    model.model_validate_json(json.dumps(dict(form.body) | body))
    assert form.path.startswith(f"/api/allowance/pay-runs/{RUN}/")
    for role in ("coordinator", "auditor"):
        assert books.books_form(about, RUN, ORDER, role, words(language)) is None
    assert books.books_form("drop", RUN, ORDER, "finance", words(language)) is None
    if form.answer is not None:
        assert {name for name, _ in form.answer.lines} <= api_models.FileAnswer.model_fields.keys()


def test_what_a_service_says_has_words_in_both_languages() -> None:
    statuses = str(api_models.OrderView.model_fields["status"].annotation)
    outcomes = str(api_reports.ReportView.model_fields["outcomes"].annotation)
    for language in LANGUAGES:
        assert all(status in statuses for status in words(language).part("order_status"))
        assert len(words(language).part("order_status")) == statuses.count("'") // 2
        assert all(outcome in outcomes for outcome in words(language).part("books.outcome"))


async def test_an_address_that_asks_for_what_does_not_exist_says_so_and_not_that_the_service_is_silent(
    tmp_path: Path,
) -> None:
    desk = Desk(Pages(tmp_path), answers=httpx.ASGITransport(app=Municipality(None)))
    for path in (f"/money/runs/{RUN}", f"/money/runs/{RUN}/live"):
        shown = await desk.get(f"{path}?cursor=garbage", "finance")
        assert shown.status_code == 422
        assert EN("money.trouble.not_understood_title") in shown.text
        assert (await desk.get(f"{path}?cursor=Y3Vyc29y", "finance")).status_code == 200


PATHS = ("/money/books", "/money/books/live", f"/money/runs/{RUN}", f"/money/runs/{RUN}/live")


@pytest.mark.parametrize("path", [*PATHS, f"/money/runs/{RUN}/files/transfers"])
async def test_when_the_books_cannot_be_read_or_are_elsewhere_the_page_says_so(tmp_path: Path, path: str) -> None:
    silent = await Desk(Pages(tmp_path)).get(path, "finance")
    assert (silent.status_code, "cannot be read at this moment" in silent.text) == (503, True)
    elsewhere = await Desk(Pages(tmp_path), municipality=False).get(path, "finance")
    assert (elsewhere.status_code, "decided at the municipality" in elsewhere.text) == (404, True)


async def test_what_is_no_id_is_asked_of_nobody_and_files_are_finances(tmp_path: Path) -> None:
    desk = Desk(Pages(tmp_path))
    for path in ("/money/runs/nobody", "/money/runs/nobody/form?about=transfers", "/money/runs/nobody/files/loads"):
        assert (await desk.get(path, "finance")).status_code == 404
    assert (await desk.get(f"/money/runs/{RUN}/form?about=settle&of=../../x", "finance")).status_code == 404
    for role in ("auditor", "coordinator"):
        assert (await desk.get(f"/money/runs/{RUN}/files/transfers", role)).status_code == 403
    assert (await desk.get("/money/books?period=whenever", "finance")).status_code == 422
    shown = await desk.get(f"/money/runs/{RUN}/form?about=transfers", "finance")
    assert (shown.status_code, 'type="file"' in shown.text) == (200, True)
