"""All of a stay is known from the owner of its places: days follow every move between kinds of place."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.allowance import commands_client as cc
from services.allowance import events_client as ec
from services.allowance.decider_client import STAYS_MAX
from services.allowance.policy import of_clients, with_meals
from shared.contracts import intake
from shared.money import day_of
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
from tests.console.sample import WEST, message

NIGHT, HOUSE, FAMILY = "night_shelter", "shelter_24h", "family_shelter"
BACK = date(2026, 1, 25)
DAYS = ((MOVED_IN, LEFT_ON), (BACK, None))
LIVED = noted(cc.NoteStay, stay_id=STAY, days=DAYS)


def stayed(revision: int, *days: tuple[date, date | None]) -> ec.StayNoted:
    return ec.StayNoted(ANNA, STAY, days, revision, T0)


def noon(day: int) -> datetime:
    return datetime(2026, 1, day, 11, tzinfo=UTC)


def test_a_stay_that_was_moved_away_from_meals_and_back_has_both_pieces() -> None:
    state = about_client.given(HAS_MEALS).when(LIVED).then(stayed(2, *DAYS)).state
    assert state.days == DAYS


def test_said_again_it_changes_nothing_and_nor_does_the_word_it_came_with() -> None:
    known = about_client.given(HAS_MEALS, stayed(2, *DAYS))
    known.when(LIVED).then_nothing()
    known.when(noted(cc.NoteHoused, stay_id=STAY, first=date(2026, 1, 1))).then_nothing()


def test_days_that_were_put_right_are_in_place_of_those_before() -> None:
    right = noted(cc.NoteStay, stay_id=STAY, days=((date(2026, 1, 8), LEFT_ON),))
    about_client.given(stayed(1, *DAYS)).when(right).then(stayed(2, (date(2026, 1, 8), LEFT_ON)))
    none = noted(cc.NoteStay, stay_id=STAY, days=())
    assert about_client.given(HAS_MEALS, HAD_MEALS).when(none).then(stayed(3)).state.days == ()


def test_whoever_left_by_their_own_desk_left_whatever_was_known_whole() -> None:
    left = noted(cc.NoteLeft, stay_id=STAY, until=date(2026, 1, 27))
    known = about_client.given(stayed(1, *DAYS))
    known.when(left).then(stayed(2, (MOVED_IN, LEFT_ON), (BACK, date(2026, 1, 27))))
    known.when(noted(cc.NoteLeft, stay_id=STAY, until=date(2026, 1, 15))).then(stayed(2, (MOVED_IN, date(2026, 1, 15))))
    about_client.given(stayed(1, (MOVED_IN, LEFT_ON))).when(left).then_nothing()


def test_a_stay_without_meals_is_no_news() -> None:
    about_client.when(noted(cc.NoteStay, stay_id=STAY, days=())).then_nothing()


def test_days_of_stays_long_over_stay_days_with_meals() -> None:
    scenario = about_client.given()
    days: list[tuple[date, date | None]] = []
    for number in range(STAYS_MAX + 2):
        first = MOVED_IN + timedelta(days=5 * number)
        both = ((first, first + timedelta(days=1)), (first + timedelta(days=2), first + timedelta(days=3)))
        scenario = scenario.after(noted(cc.NoteStay, stay_id=f"{number:08}-8888-4888-8888-888888888888", days=both))
        days += both
    assert (len(scenario.state.meals), scenario.state.days) == (STAYS_MAX, tuple(days))


@pytest.mark.parametrize("days", [((LEFT_ON, MOVED_IN),), ((MOVED_IN, None), (BACK, None)), (*DAYS[1:], DAYS[0])])
def test_days_that_run_backwards_are_refused(days: Any) -> None:
    about_client.when(noted(cc.NoteStay, stay_id=STAY, days=days)).then_rejected("days-invalid")


def test_whoever_is_erased_has_no_news_and_what_is_no_id_is_refused() -> None:
    about_client.given(FORGOTTEN).when(LIVED).then_nothing()
    about_client.when(noted(cc.NoteStay, client_id="anna", stay_id=STAY, days=DAYS)).then_rejected("id-invalid")


# --- which days those are ---------------------------------------------------------------------------------------------


def test_the_day_of_a_move_belongs_to_the_kind_they_moved_to() -> None:
    lived = [(HOUSE, noon(5)), (NIGHT, noon(9)), (FAMILY, noon(12)), (HOUSE, noon(14))]
    assert with_meals(lived, None, noon(20)) == ((date(2026, 1, 5), date(2026, 1, 9)), (date(2026, 1, 12), None))
    assert with_meals(lived, noon(15), noon(20))[-1] == (date(2026, 1, 12), date(2026, 1, 15))
    assert with_meals(lived, noon(7), noon(20)) == ((date(2026, 1, 5), date(2026, 1, 7)),)
    assert with_meals([(HOUSE, noon(5)), (NIGHT, noon(5))], None, noon(20)) == ()
    assert with_meals([(HOUSE, noon(25))], None, noon(20)) == ((date(2026, 1, 20), None),)


KINDS = st.sampled_from((NIGHT, HOUSE, FAMILY, "medical_respite"))
HOURS = st.integers(0, 24 * 400)


@given(
    moves=st.lists(st.tuples(KINDS, HOURS), min_size=1, max_size=12, unique_by=lambda row: row[1]),
    ends=st.none() | HOURS,
)
def test_each_day_belongs_to_the_last_kind_of_that_day(moves: list[tuple[str, int]], ends: int | None) -> None:
    """Over daylight-saving changes and the end of a year, one calendar day of Amsterdam at a time."""
    begin = datetime(2025, 10, 1, 22, tzinfo=UTC)
    lived = [(kind, begin + timedelta(hours=hours)) for kind, hours in sorted(moves, key=lambda row: row[1])]
    ended_at = None if ends is None else begin + timedelta(hours=ends)
    days = with_meals(lived, ended_at, begin + timedelta(days=500))
    for number in range(-2, 410):
        day = date(2025, 10, 1) + timedelta(days=number)
        kinds = [kind for kind, since in lived if day_of(since) <= day]
        cooks = bool(kinds) and kinds[-1] != NIGHT and (ended_at is None or day < day_of(ended_at))
        assert any(first <= day and (until is None or day < until) for first, until in days) == cooks, day


def test_it_is_heard_of_this_sites_own_intake_only() -> None:
    told = intake.ClientStayTold.of(client_id=ANNA, offer_id=STAY, lived=((HOUSE, noon(5)),), ended_at=None, at=noon(5))
    reaction = of_clients("west")(message(told, 1), told, noon(20))
    assert reaction is not None
    assert reaction.command == cc.NoteStay(
        at=noon(20), role="system", client_id=ANNA, stay_id=STAY, days=((date(2026, 1, 5), None),)
    )
    assert of_clients("noord")(message(told, 1, origin=WEST), told, noon(20)) is None
