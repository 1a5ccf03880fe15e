"""A client has left where they had meals."""

from __future__ import annotations

from datetime import date

from services.allowance import commands_client as cc
from services.allowance import events_client as ec
from tests.allowance.sample import (
    ANNA,
    FORGOTTEN,
    HAD_MEALS,
    HAS_MEALS,
    LEFT_ON,
    MOVED_IN,
    STAY,
    T0,
    about_client,
    noted,
)  # fmt: skip

LEFT = noted(cc.NoteLeft, stay_id=STAY, until=LEFT_ON)


def test_the_days_have_an_end() -> None:
    about_client.given(HAS_MEALS).when(LEFT).then(HAD_MEALS)


def test_the_first_word_of_an_end_counts() -> None:
    about_client.given(HAS_MEALS, HAD_MEALS).when(
        noted(cc.NoteLeft, stay_id=STAY, until=date(2026, 3, 1))
    ).then_nothing()


def test_a_stay_without_meals_has_no_days() -> None:
    about_client.when(LEFT).then_nothing()


def test_a_clock_that_was_set_back_makes_no_negative_days() -> None:
    early = noted(cc.NoteLeft, stay_id=STAY, until=date(2026, 1, 1))
    about_client.given(HAS_MEALS).when(early).then(ec.MealsNoted(ANNA, STAY, MOVED_IN, MOVED_IN, 2, T0))


def test_whoever_is_erased_has_no_news() -> None:
    about_client.given(HAS_MEALS, FORGOTTEN).when(LEFT).then_nothing()


def test_what_is_no_id_is_refused() -> None:
    about_client.when(noted(cc.NoteLeft, client_id="anna", stay_id=STAY, until=LEFT_ON)).then_rejected("id-invalid")
