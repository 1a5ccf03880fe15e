"""A file on its way to another desk, one that comes, and who may be known elsewhere, in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.console.handing import TAKINGS, coming, handing, handing_form, taking_form
from services.console.words import words
from shared.contracts.vocabulary import CHECK_ENDS
from tests.console.sample import uid

NOW = datetime(2026, 1, 10, 20, 0, tzinfo=UTC)
EN, NL = words("en"), words("nl")
CLIENT: dict[str, Any] = {"id": uid(31), "erased_at": None}
GONE: dict[str, Any] = {"maybe_known_at": [], "checks": [], "desks": []}


def given(status: str, **ago: float) -> dict[str, Any]:
    begun = (NOW - timedelta(**ago)).isoformat()
    return {"id": uid(41), "client_id": uid(31), "site": "noord", "status": status, "begun_at": begun}


def taking(status: str, n: int = 51, client_id: str | None = None, **ago: float) -> dict[str, Any]:
    since = (NOW - timedelta(**ago)).isoformat()
    return {"id": uid(n), "site": "west", "status": status, "client_id": client_id, "since": since}


def known(*maybe: str, desks: tuple[str, ...] = ("noord", "west"), **checks: str) -> dict[str, Any]:
    asked = [{"site": site, "status": status} for site, status in checks.items()]
    return {"maybe_known_at": list(maybe), "checks": asked, "desks": list(desks)}


def test_a_file_that_is_under_way_says_where_to_and_by_which_number() -> None:
    shown = handing([given("declined", days=2), given("under_way", hours=1)], known(), NOW, EN)
    assert shown.going.startswith("This file is being handed over to Noord since 20:00, as ")
    assert uid(41)[:8] in shown.going
    assert shown.off
    off = handing([given("calling_off", hours=1)], known(), NOW, NL)
    assert (off.off, "afgeblazen" in off.going) == (False, True)


@pytest.mark.parametrize("how", ["declined", "called_off", "site_left"])
def test_what_was_not_taken_is_as_any_other_file(how: str) -> None:
    shown = handing([given(how)], known(), NOW, EN)
    assert (shown.going, shown.went, shown.off) == ("", "", False)


def test_an_erased_file_says_who_has_it_now() -> None:
    shown = handing([given("taken")], GONE, NOW, EN)
    assert (shown.going, shown.went) == ("", "It was handed over to Noord, which has it now.")


def test_where_somebody_may_be_known_and_what_every_desk_has_said() -> None:
    shown = handing([], known("noord", noord="known", west="pending"), NOW, EN)
    assert shown.maybe == ["Noord"]
    assert shown.checks == [
        "Noord: somebody like this is known there", "West was asked and has not answered yet",
    ]  # fmt: skip


@pytest.mark.parametrize("spoken", [EN, NL])
def test_there_is_a_word_for_everything_a_check_may_come_to(spoken: Any) -> None:
    for status in ("pending", "known", "unknown", "refused", *CHECK_ENDS):
        assert "Noord" in handing([], known(noord=status), NOW, spoken).checks[0]


def test_files_that_come_are_listed_those_that_wait_first_and_over_ones_not_at_all() -> None:
    rows = [
        taking("taken", 52, uid(60), days=1), taking("agreed", 53, hours=1), taking("asked", 54, hours=2),
        taking("declined", 55), taking("called_off", 56), taking("taken", 57, uid(61), days=9),
    ]  # fmt: skip
    shown = coming(rows, NOW, EN)
    assert [(one.id, one.asked, one.open, one.client_id) for one in shown] == [
        (uid(54), True, True, ""), (uid(53), False, True, ""), (uid(52), False, False, uid(60)),
    ]  # fmt: skip
    assert (shown[0].site, shown[0].short, shown[0].since) == ("West", uid(54)[:8], "19:00")


def test_it_is_handed_to_the_desk_where_they_may_be_known_unless_somebody_chooses_another() -> None:
    form = handing_form("hand-over", CLIENT, known("noord"), EN)
    assert form is not None
    where, sure = form.fields
    assert (form.path, form.grave) == (f"/api/intake/clients/{uid(31)}/hand-over", True)
    assert (where.value, [value for value, _ in where.options]) == ("noord", ["noord", "west"])
    assert sure.required
    unasked = handing_form("hand-over", CLIENT, known(), EN)
    assert unasked is not None
    assert unasked.fields[0].options[0] == ("", "Choose")


def test_nobody_is_handed_to_a_desk_that_is_not_heard_nor_once_they_are_forgotten() -> None:
    assert handing_form("hand-over", CLIENT, known(desks=()), EN) is None
    for about in ("look", "hand-over", "call-off"):
        assert handing_form(about, CLIENT | {"erased_at": NOW.isoformat()}, known(), EN) is None


def test_looking_and_calling_off_are_one_request_each() -> None:
    look, off = (handing_form(about, CLIENT, known(), NL) for about in ("look", "call-off"))
    assert look is not None
    assert off is not None
    assert (look.path, off.path) == tuple(
        f"/api/intake/clients/{uid(31)}/{path}" for path in ("look-alikes", "hand-over/call-off")
    )
    assert look.answer is not None
    assert [name for name, _ in look.answer.lines] == [*look.answer.people] == ["maybe_known"]


def test_a_file_that_waits_is_taken_or_left() -> None:
    take, leave = (taking_form(about, taking("asked"), EN) for about in TAKINGS)
    assert (take.path, leave.path) == tuple(f"/api/intake/takings/{uid(51)}/{word}" for word in ("agree", "decline"))
    assert uid(51)[:8] in take.title
