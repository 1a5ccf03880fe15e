"""The finance desk in words: seats, tariffs, budgets, runs, the ledger, regimes; forms that are whole requests."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel

from services.allowance import api_models, api_payroll
from services.allowance.ledger import ENTITLED, OVERPAID, PAID, REFUSED, RESERVED
from services.console import money
from services.console.words import LANGUAGES, words
from services.placement import api_regimes
from shared.contracts import vocabulary as said
from shared.http_models import Body
from shared.money import period_named
from tests.console.sample import uid
from tests.console.test_desk_forms import bodies

NOW = datetime(2026, 1, 10, 20, 0, tzinfo=UTC)
EN, NL = words("en"), words("nl")
PROGRAMME, RUN, REGIME = uid(1), uid(2), uid(3)
DETAIL: dict[str, Any] = {
    "id": PROGRAMME, "site": "stad", "name": "Leefgeld", "period": "month", "methods": ["voucher"], "total": 200,
    "occupied": 190, "held": 4, "available": 6, "planned": None, "budgets": {"2026": 1_000_000_00}, "version": 9,
    "tariffs": [{"size_class": "1", "cents": 45_000, "valid_from": "2026-01-01"}],
}  # fmt: skip
LINES = [(ENTITLED, 45_000), (PAID, -45_000)]
BALANCE: dict[str, Any] = {
    "lines": [{"account": account, "site": "noord", "method": "voucher", "period": "2025-12", "cents": cents}
              for account, cents in LINES],
    "total_cents": 0, "paid_cents": {"2026": 45_000}, "budget_cents": {"2026": 1_000_000_00},
}  # fmt: skip


def run(status: str = "drafted", **more: Any) -> dict[str, Any]:
    return {"id": RUN, "programme_id": PROGRAMME, "period": "2025-12", "pay_on": "2026-01-09", "status": status,
            "total_cents": 45_000, "version": 2} | more  # fmt: skip


def regime(status: str = "running", **more: Any) -> dict[str, Any]:
    return {"id": REGIME, "site": "stad", "name": "Winterkou", "kinds": ["night_shelter"],
            "starts_at": "2026-01-10T16:00:00+00:00", "ends_at": "2026-01-13T09:00:00+00:00", "reason": None,
            "status": status, "version": 1} | more  # fmt: skip


def doing(of: Any) -> list[str]:
    return [one.about for one in of.doing]


@pytest.mark.parametrize(
    ("cents", "english", "dutch"),
    [(0, "€0.00", "€\u00a00,00"), (5, "€0.05", "€\u00a00,05"), (123_456_789, "€1,234,567.89", "€\u00a01.234.567,89"),
     (-45_000, "-\u2060€450.00", "€\u00a0-450,00")],
)  # fmt: skip
def test_money_is_told_to_the_cent(cents: int, english: str, dutch: str) -> None:
    assert (EN.euros(cents), NL.euros(cents)) == (english, dutch)


def test_a_programme_says_its_seats_tariffs_and_what_is_left_of_its_budget() -> None:
    shown = money.programme(DETAIL, DETAIL, BALANCE, "finance", EN)
    assert shown.seats == {"total": "200", "occupied": "190", "held": "4", "available": "6"}
    assert shown.tariffs == [("1 person", "€450.00", "1 Jan 2026")]
    assert shown.budgets == [("2026", "€1,000,000.00", "€450.00")]
    assert shown.balance[1] == ("Paid", "Noord", "voucher", "2025-12", "-\u2060€450.00")
    assert shown.even == "comes to zero"
    uneven = money.programme(DETAIL, DETAIL, BALANCE | {"total_cents": 1}, "finance", EN)
    assert "on call" in uneven.even
    assert money.programme(DETAIL, DETAIL | {"planned": 150}, None, "finance", EN).planned == "on the way to 150"


def test_each_role_is_offered_what_it_may_do_and_no_more() -> None:
    offered = {
        role: doing(money.programme(DETAIL, DETAIL, None, role, EN)) for role in ("coordinator", "finance", "auditor")
    }
    assert offered == {
        "coordinator": ["ceiling", "tariff"],
        "finance": ["ceiling", "tariff", "budget", "draft"],
        "auditor": [],
    }
    assert doing(money.programme(DETAIL, None, None, "finance", EN)) == []
    statuses = ("drafted", "approved", "executed", "dropped")
    steps = {status: doing(money.runs([run(status)], {}, "finance", EN)[0]) for status in statuses}
    assert steps == {"drafted": ["approve", "drop"], "approved": ["execute", "drop"], "executed": [], "dropped": []}
    assert doing(money.runs([run()], {}, "coordinator", EN)[0]) == []
    assert doing(money.regimes([regime()], "coordinator", NOW, EN)[0]) == ["end_regime"]
    assert doing(money.regimes([regime("over")], "coordinator", NOW, EN)[0]) == []
    assert doing(money.regimes([regime()], "finance", NOW, EN)[0]) == []


def test_runs_are_told_the_newest_pay_day_first_and_a_line_by_what_it_is_for() -> None:
    found = money.runs([run(), run(id=uid(9), pay_on="2026-02-06")], {PROGRAMME: "Leefgeld"}, "auditor", EN)
    assert [(one.programme, one.pay_on) for one in found] == [("Leefgeld", "6 Feb 2026"), ("Leefgeld", "9 Jan 2026")]
    line = {"entitlement_id": uid(5), "site": "noord", "method": "voucher",
            "parts": [["2025-11", -1_000], ["2025-12", 45_000]], "before": 0, "cents": 44_000, "after": 0}  # fmt: skip
    [told] = money.run_lines(run(lines=[line]), EN)
    assert told.parts == "2025-11: -\u2060€10.00, 2025-12: €450.00"
    assert (told.where, told.amount, told.carried) == ("Noord", "€440.00", "")
    [over] = money.run_lines(run(lines=[line | {"after": 500}]), EN)
    assert over.carried == "€0.00 before, €5.00 after"
    assert uid(5) not in repr([told, over])  # an entitlement's id is of no use on a screen


def test_regimes_are_told_those_that_run_first() -> None:
    found = money.regimes([regime("over", id=uid(7)), regime("planned", id=uid(8)), regime()], "auditor", NOW, EN)
    assert [one.status for one in found] == ["running", "planned", "over"]
    assert found[0].when == "17:00 to Tue 13 Jan 10:00"


BODIES: dict[str, type[BaseModel]] = {
    "open": api_models.ProgrammeBody, "ceiling": api_models.CeilingBody, "tariff": api_models.TariffBody,
    "budget": api_models.BudgetBody, "draft": api_payroll.PayRunBody, "regime": api_regimes.RegimeBody,
    "approve": Body, "execute": Body, "drop": Body, "end_regime": Body,
}  # fmt: skip
ROLE = {"regime": "coordinator", "end_regime": "coordinator"}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("about", BODIES)
def test_everything_a_form_can_send_is_a_request_the_service_knows(about: str, language: str) -> None:
    found = run() if about in ("approve", "execute", "drop") else DETAIL
    form = money.money_form(about, REGIME, found, ROLE.get(about, "finance"), NOW, words(language))
    assert form is not None
    for body in bodies(form):
        for field in form.fields:  # as `static/forms.js` sends money and moments
            if field.sort == "money":
                body[field.name] = 45_000
        if about == "open":
            body["name"] = "Leefgeld 2026"
        BODIES[about].model_validate_json(json.dumps(body))


def test_more_seats_begin_with_a_hundred_more_than_there_are() -> None:
    form = money.money_form("ceiling", PROGRAMME, DETAIL, "coordinator", NOW, EN)
    assert form is not None
    assert (form.fields[0].value, form.version) == (300, 9)


@pytest.mark.parametrize(("kind", "names"), [("month", ["2025-12", "2025-11"]), ("week", ["2026-W01", "2025-W52"])])
def test_a_run_is_drafted_for_a_period_that_has_ended(kind: str, names: list[str]) -> None:
    form = money.money_form("draft", PROGRAMME, DETAIL | {"period": kind}, "finance", NOW, EN)
    assert form is not None
    offered = [name for name, _ in form.fields[0].options]
    assert offered[:2] == names
    periods = [period_named(name) for name in offered]
    assert all(period is not None and period.until <= NOW.date() for period in periods)


def test_a_regime_begins_this_evening_and_lasts_three_nights() -> None:
    for hour in (3, 12, 15, 16, 23):
        now = NOW.replace(hour=hour)
        form = money.money_form("regime", "", None, "coordinator", now, EN)
        assert form is not None
        begins, ends = (datetime.fromisoformat(field.value) for field in form.fields if field.sort == "when")
        assert (ends.date() - begins.date()).days >= 3


@pytest.mark.parametrize("about", [*BODIES, "nonsense"])
def test_nobody_is_shown_a_form_that_would_be_refused(about: str) -> None:
    assert money.money_form(about, REGIME, DETAIL, "auditor", NOW, EN) is None
    if about not in ("open", "regime", "end_regime"):
        assert money.money_form(about, REGIME, None, "finance", NOW, EN) is None


def test_every_word_of_the_books_can_be_said() -> None:
    for spoken in (EN, NL):
        assert set(said.PAY_METHODS) <= spoken.part("pay_method").keys()
        assert set(said.SIZE_CLASSES) <= spoken.part("size_class").keys()
        assert {ENTITLED, PAID, RESERVED, REFUSED, OVERPAID} == spoken.part("ledger_account").keys()
        assert {"drafted", "dropped", "approved", "executed"} == spoken.part("run_status").keys()
