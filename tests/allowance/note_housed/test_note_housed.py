"""A client has meals where they live."""

from __future__ import annotations

from datetime import date

from services.allowance import commands_client as cc
from services.allowance import events_client as ec
from tests.allowance.sample import ANNA, FORGOTTEN, HAD_MEALS, HAS_MEALS, MOVED_IN, STAY, T0, about_client, noted

HOUSED = noted(cc.NoteHoused, stay_id=STAY, first=MOVED_IN)


def test_it_is_known_since_when() -> None:
    about_client.when(HOUSED).then(HAS_MEALS)


def test_said_again_it_changes_nothing_and_a_later_day_is_the_log_being_told_anew() -> None:
    about_client.given(HAS_MEALS).when(HOUSED).then_nothing()
    about_client.given(HAS_MEALS).when(noted(cc.NoteHoused, stay_id=STAY, first=date(2026, 2, 1))).then_nothing()


def test_a_stay_that_was_told_as_ended_goes_on_from_its_own_beginning() -> None:
    again = noted(cc.NoteHoused, stay_id=STAY, first=date(2026, 1, 22))
    about_client.given(HAS_MEALS, HAD_MEALS).when(again).then(ec.MealsNoted(ANNA, STAY, MOVED_IN, None, 3, T0))


def test_whoever_is_erased_has_no_news() -> None:
    about_client.given(FORGOTTEN).when(HOUSED).then_nothing()


def test_what_is_no_id_is_refused() -> None:
    about_client.when(noted(cc.NoteHoused, client_id="anna", stay_id=STAY, first=MOVED_IN)).then_rejected("id-invalid")
