"""Which days are paid was wrong, or the household is another."""

from __future__ import annotations

from datetime import date

import pytest

from services.allowance import commands_entitlement as en
from services.allowance import events_entitlement as ee
from services.allowance.days import Span
from tests.allowance.sample import ASKED, ENDED, SEAT, SOON, SUSPENDED, T0, TODAY, TOMORROW, WON, at_desk, desk

given = at_desk.given(ASKED, WON)


def fix(first: date, until: date | None, size: int, **fields: object) -> en.CorrectDays:
    made: en.CorrectDays = desk(en.CorrectDays, first=first, until=until, household_size=size, **fields)
    return made


def test_a_child_was_born_and_the_household_is_larger() -> None:
    spans = (Span(TODAY, date(2026, 3, 1), "1"), Span(date(2026, 3, 1), None, "2"))
    corrected = given.when(fix(date(2026, 3, 1), None, 2)).then(ee.DaysCorrected(SEAT, 2, spans, 3, SOON, T0))
    assert corrected.state.household_size == 2


def test_days_somebody_had_board_are_not_paid() -> None:
    spans = (Span(TODAY, date(2026, 1, 7), "1"), Span(date(2026, 1, 9), None, "1"))
    given.when(fix(date(2026, 1, 7), date(2026, 1, 9), 0)).then(ee.DaysCorrected(SEAT, 1, spans, 3, SOON, T0))


def test_days_are_corrected_after_the_end_too() -> None:
    spans = (Span(date(2026, 1, 2), TOMORROW, "1"),)
    given.given(ENDED).when(fix(date(2026, 1, 2), TODAY, 1)).then(ee.DaysCorrected(SEAT, 1, spans, 4, SOON, T0))


def test_what_is_over_has_no_days_to_come() -> None:
    over = given.given(ENDED)
    over.when(fix(TOMORROW, date(2026, 1, 7), 1)).then_rejected("day-ahead", day_max="2026-01-06")
    spans = ()
    over.when(fix(TODAY, date(2026, 1, 7), 0)).then(ee.DaysCorrected(SEAT, 1, spans, 4, SOON, T0))


def test_what_is_right_already_changes_nothing() -> None:
    given.when(fix(date(2026, 1, 7), date(2026, 1, 9), 1)).then_nothing()


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (fix(date(2026, 1, 9), date(2026, 1, 9), 1), "days-invalid"),
        (fix(date(2020, 1, 1), date(2026, 1, 9), 1), "day-too-far"),
        (fix(date(2026, 1, 1), date(2036, 1, 9), 1), "day-too-far"),
        (fix(date(2026, 1, 1), date(2026, 1, 9), -1), "household-size-invalid"),
        (fix(date(2026, 1, 1), None, 0), "days-open"),
        (fix(date(2026, 1, 1), None, 1, if_version=1), "version-stale"),
    ],
)
def test_what_cannot_be_corrected_says_why(command: en.CorrectDays, code: str) -> None:
    given.when(command).then_rejected(code)


def test_nothing_is_paid_until_further_notice_but_what_is_granted() -> None:
    given.given(SUSPENDED).when(fix(date(2026, 3, 1), None, 2)).then_rejected("days-open", status="suspended")
    given.given(ENDED).when(fix(date(2026, 3, 1), None, 2)).then_rejected("days-open", status="ended")
    at_desk.given(ASKED).when(fix(TODAY, None, 2)).then_rejected("entitlement-not-granted")
