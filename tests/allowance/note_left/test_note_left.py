"""A client has left where they had meals."""

from __future__ import annotations

from datetime import date, timedelta

from services.allowance import commands_client as cc
from services.allowance import events_client as ec
from services.allowance.decider_client import STAYS_MAX
from services.allowance.policy import followed
from tests.allowance.sample import (
    ANNA,
    FORGOTTEN,
    HAD_MEALS,
    HAS_MEALS,
    LEFT_ON,
    MOVED_IN,
    SEAT,
    STAY,
    T0,
    about_client,
    follow,
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


def test_days_of_stays_long_over_stay_days_with_meals_and_are_not_paid_after_all() -> None:
    """A run counts every period anew: what is forgotten of a stay would be paid in the next one."""
    given, days = about_client.given(), []
    for number in range(STAYS_MAX + 2):
        first, until = MOVED_IN + timedelta(days=3 * number), MOVED_IN + timedelta(days=3 * number + 1)
        stay_id = f"{number:08}-8888-4888-8888-888888888888"
        given = given.after(noted(cc.NoteHoused, stay_id=stay_id, first=first))
        given = given.after(noted(cc.NoteLeft, stay_id=stay_id, until=until))
        days.append((first, until))
    assert len(given.state.meals) == STAYS_MAX
    assert followed(given.state, SEAT, T0).command == follow(given.state.revision, meals=tuple(days), role="system")


def test_a_clock_that_was_set_back_makes_no_negative_days() -> None:
    early = noted(cc.NoteLeft, stay_id=STAY, until=date(2026, 1, 1))
    about_client.given(HAS_MEALS).when(early).then(ec.MealsNoted(ANNA, STAY, MOVED_IN, MOVED_IN, 2, T0))


def test_whoever_is_erased_has_no_news() -> None:
    about_client.given(HAS_MEALS, FORGOTTEN).when(LEFT).then_nothing()


def test_what_is_no_id_is_refused() -> None:
    about_client.when(noted(cc.NoteLeft, client_id="anna", stay_id=STAY, until=LEFT_ON)).then_rejected("id-invalid")
