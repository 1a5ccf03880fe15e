"""A client's allowance in words, and forms that are whole requests of the allowance service."""

from __future__ import annotations

import json
from datetime import date
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from services.allowance import api_models
from services.console.seats import LIVE, OFFERED, seat_form, seats
from services.console.words import LANGUAGES, words
from shared.contracts import vocabulary as said
from tests.console.sample import uid
from tests.console.test_clients import client
from tests.console.test_desk_forms import bodies

TODAY = date(2026, 1, 10)
SEAT, PROGRAMME = uid(101), uid(102)
NAMES = [(PROGRAMME, "Leefgeld")]
EN = words("en")


def entitlement(status: str = "granted", **more: Any) -> dict[str, Any]:
    return {
        "id": SEAT, "client_id": uid(31), "programme_id": PROGRAMME, "household_size": 2, "method": "voucher",
        "status": status, "code": None, "spans": [{"first": "2026-01-05", "until": None, "size_class": "2"}],
        "told": True, "version": 3,
    } | more  # fmt: skip


@pytest.mark.parametrize("status", ["asked", "granted", "suspended", "ended", "refused"])
def test_an_entitlement_says_how_it_stands_and_what_may_be_done(status: str) -> None:
    [shown] = seats([entitlement(status)], dict(NAMES), EN)
    assert (shown.title, shown.about) == ("Leefgeld", "2 people · voucher · since 5 Jan 2026")
    assert shown.state == EN(f"seat_status.{status}")
    assert shown.live == (status in LIVE)
    assert tuple(about for about, _ in shown.doing) == tuple(OFFERED.get(status, ()))


def test_one_that_was_refused_says_why_and_days_that_are_over_until_when() -> None:
    [shown] = seats([entitlement("refused", code="no-seat-free", spans=[])], {}, EN)
    assert (shown.title, shown.state) == ("Programme", "Refused · no seat is free")
    over = entitlement(spans=[{"first": "2026-01-05", "until": "2026-01-09", "size_class": "1"}])
    assert seats([over], {}, EN)[0].about.endswith("5 Jan 2026 to before 9 Jan 2026")


def test_the_one_that_goes_on_comes_first() -> None:
    found = seats([entitlement("ended"), entitlement(id=uid(103))], {}, EN)
    assert [one.live for one in found] == [True, False]


BODIES: dict[str, tuple[type[BaseModel], str]] = {
    "seat": (api_models.EntitlementBody, ""), "seat_suspend": (api_models.FromBody, "granted"),
    "seat_resume": (api_models.FromBody, "suspended"), "seat_end": (api_models.EndBody, "granted"),
}  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("about", BODIES)
def test_everything_a_form_can_send_is_a_request_the_service_knows(about: str, language: str) -> None:
    model, status = BODIES[about]
    rows = [entitlement(status)] if status else []
    form = seat_form(about, SEAT, client(), rows, NAMES, TODAY, words(language))
    assert form is not None
    assert form.elsewhere  # the page of a client is asked of intake
    for body in bodies(form):
        model.model_validate_json(json.dumps(body))


def test_nothing_is_asked_that_would_be_refused() -> None:
    def form(about: str, *rows: dict[str, Any], names: list[tuple[str, str]] = NAMES, **more: Any) -> Any:
        return seat_form(about, SEAT, client(**more), rows, names, TODAY, EN)

    assert form("seat", entitlement("asked")) is None
    assert form("seat", names=[]) is None
    assert form("seat", erased_at="2026-01-09T00:00:00+00:00") is None
    assert form("seat_suspend", entitlement("suspended")) is None
    assert form("seat_end") is None
    assert form("seat_nonsense", entitlement()) is None
    assert form("seat", entitlement("ended")) is not None


def test_every_way_it_ends_can_be_said() -> None:
    for language in LANGUAGES:
        assert words(language).part("entitlement_end").keys() == set(get_args(said.EntitlementEnd))
