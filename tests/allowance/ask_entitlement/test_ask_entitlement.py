"""A seat is asked for a client."""

from __future__ import annotations

from datetime import date

import pytest

from services.allowance import commands_entitlement as en
from tests.allowance.sample import ANNA, ASKED, LEEFGELD, T0, TODAY, at_desk, desk

GIVEN = {
    "client_id": ANNA, "programme_id": LEEFGELD, "site": "stad", "household_size": 1, "method": "voucher",
    "from_day": TODAY,
}  # fmt: skip
ASK = desk(en.AskEntitlement, **GIVEN)


def test_the_municipality_is_asked_until_it_has_answered() -> None:
    asked = at_desk.when(ASK).then(ASKED)
    assert (asked.state.status, asked.state.settled) == ("asked", False)


def test_the_same_again_changes_nothing() -> None:
    at_desk.given(ASKED).when(ASK).then_nothing()


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"client_id": "Anna"}, "id-invalid"),
        ({"household_size": 0}, "household-size-invalid"),
        ({"household_size": 21}, "household-size-invalid"),
        ({"method": "cash"}, "method-unknown"),
        ({"from_day": date(2020, 1, 1)}, "day-too-far"),
        ({"from_day": date(2030, 1, 1)}, "day-too-far"),
    ],
)
def test_what_cannot_be_asked_says_why(fields: dict[str, object], code: str) -> None:
    at_desk.when(desk(en.AskEntitlement, **(GIVEN | fields))).then_rejected(code)


def test_an_id_is_one_entitlements() -> None:
    other = desk(en.AskEntitlement, **(GIVEN | {"client_id": LEEFGELD}), at=T0)
    at_desk.given(ASKED).when(other).then_rejected("entitlement-id-used")
