"""The municipality opens a programme."""

from __future__ import annotations

from datetime import date

import pytest

from services.allowance.days import Tariff
from tests.allowance.sample import OPENED, TARIFF, at_municipality, open_programme


def test_a_programme_opens_with_its_tariffs() -> None:
    opened = at_municipality.when(open_programme()).then(OPENED, TARIFF)
    assert (opened.state.ceiling, opened.state.taken) == (2, 0)


def test_a_second_time_changes_nothing() -> None:
    at_municipality.given(OPENED, TARIFF).when(open_programme()).then_nothing()


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"programme_id": "leefgeld"}, "id-invalid"),
        ({"name": ""}, "programme-name-invalid"),
        ({"name": "<b>"}, "programme-name-invalid"),
        ({"ceiling": -1}, "ceiling-out-of-range"),
        ({"ceiling": 20_001}, "ceiling-out-of-range"),
        ({"methods": ()}, "methods-missing"),
        ({"methods": ("cash",)}, "method-unknown"),
        ({"tariffs": (Tariff("1", -1, date(2026, 1, 1)),)}, "amount-invalid"),
        ({"tariffs": (Tariff("1", 1.5, date(2026, 1, 1)),)}, "amount-invalid"),  # type: ignore[arg-type]
        ({"tariffs": (Tariff("1", 1, date(2026, 1, 1)), Tariff("1", 2, date(2026, 1, 1)))}, "tariff-overlaps"),
    ],
)
def test_what_no_programme_can_be_says_why(fields: dict[str, object], code: str) -> None:
    at_municipality.when(open_programme(**fields)).then_rejected(code)


def test_an_id_is_one_programmes() -> None:
    at_municipality.given(OPENED).when(open_programme(name="Another")).then_rejected("programme-id-used")
