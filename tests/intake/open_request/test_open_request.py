"""A client asks for a place."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.intake import commands as cmd
from tests.intake.sample import (
    ASKED,
    ASKED_AGAIN,
    ERASED,
    OPENED,
    REGISTERED,
    T0,
    WITHDRAWN,
    asked,
    at_desk,
    open_request,
)


def test_a_client_asks_for_a_place() -> None:
    at_desk.given(REGISTERED).when(open_request()).then(OPENED)


def test_the_same_once_more_changes_nothing() -> None:
    at_desk.given(REGISTERED, OPENED).when(open_request()).then_nothing()


def test_a_file_asks_for_one_place_at_a_time() -> None:
    again = open_request(request_id=ASKED_AGAIN)
    at_desk.given(REGISTERED, OPENED).when(again).then_rejected("request-open", request_id=ASKED)
    asked_anew = at_desk.given(REGISTERED, OPENED, WITHDRAWN).after(again)
    assert [request.id for request in asked_anew.state.open_requests] == [ASKED_AGAIN]


def test_an_ended_requests_id_is_used() -> None:
    at_desk.given(REGISTERED, OPENED, WITHDRAWN).when(open_request()).then_rejected("request-id-used")


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"request_id": "x"}, "id-invalid"),
        ({"kinds": ()}, "kinds-missing"),
        ({"kinds": ("castle",)}, "kind-unknown"),
        ({"kinds": ("allowance",)}, "kind-without-beds"),
        ({"kinds": ("shelter_24h", "shelter_24h")}, "kind-repeated"),
        ({"features": ("sea_view",)}, "feature-unknown"),
        ({"household_size": 0}, "household-size-invalid"),
        ({"household_size": 21}, "household-size-invalid"),
        ({"not_at": ("Anna's house",)}, "location-name-invalid"),
        ({"not_at": tuple(f"house-{n}" for n in range(21))}, "too-many-locations"),
        ({"facts": "pregnant"}, "not-sealed"),
        ({"priority_band": 4}, "priority-invalid"),
        ({"rules_version": 0}, "priority-invalid"),
    ],
)
def test_what_cannot_be_asked_says_why_and_repeats_nothing(wish: dict[str, object], code: str) -> None:
    at_desk.given(REGISTERED).when(open_request(**wish)).then_rejected(code)


def test_nobody_asks_out_of_an_erased_file() -> None:
    at_desk.given(REGISTERED, ERASED).when(open_request()).then_rejected("client-erased")
    at_desk.when(open_request()).then_rejected("client-unknown")


def test_a_file_has_so_many_requests_and_no_more() -> None:
    given = at_desk.given(REGISTERED)
    for number in range(200):
        id_ = f"{number:08x}-0000-4000-8000-000000000000"
        asked_for = open_request(request_id=id_)
        given = given.after(asked_for, asked(cmd.WithdrawRequest, request_id=id_, reason="mistake"))
    given.when(open_request()).then_rejected("too-many-requests", requests_max=200)
    a_year_later = given.after(open_request(at=T0 + timedelta(days=366)))
    assert len(a_year_later.state.open_requests) == 1, "what ended long ago keeps nobody from asking"
