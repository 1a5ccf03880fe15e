"""A week is over."""

from __future__ import annotations

from datetime import timedelta

from services.intake import events_weeks as ev
from services.intake.decider_weeks import WEEKS_KEPT
from tests.intake.weekly import COUNTED, EARLIER, LAST, NEXT, NOW, THIS, at_week, close, closed


def test_a_week_is_closed_also_with_nothing_in_it() -> None:
    at_week.when(close()).then(closed(LAST))
    at_week.given(COUNTED).when(close()).then(closed(LAST))


def test_weeks_that_were_slept_through_are_closed_too() -> None:
    at_week.given(closed(EARLIER - timedelta(days=7))).when(close()).then(closed(EARLIER), closed(LAST))
    counted = ev.WeekCounted("west", EARLIER, 1, {}, {}, 0, NOW)
    at_week.given(counted).when(close()).then(closed(EARLIER), closed(LAST))


def test_a_closed_week_changes_nothing() -> None:
    at_week.given(closed(LAST)).when(close()).then_nothing()
    at_week.given(closed(LAST)).when(close(EARLIER)).then_nothing()


def test_what_was_counted_early_in_the_week_that_goes_on_stays() -> None:
    counted = ev.WeekCounted("west", THIS, 1, {}, {}, 0, NOW)
    assert THIS in at_week.given(counted).when(close()).then(closed(LAST)).state.weeks


def test_two_years_are_kept() -> None:
    old = LAST - WEEKS_KEPT * timedelta(days=7)
    given = at_week.given(ev.WeekCounted("west", old, 1, {}, {}, 0, NOW), closed(LAST - timedelta(days=7)))
    assert old not in given.when(close()).then(closed(LAST)).state.weeks
    slept = at_week.given(closed(old - timedelta(days=700))).when(close())
    after = slept.then(*(closed(LAST - n * timedelta(days=7)) for n in range(WEEKS_KEPT, -1, -1))).state
    assert len(after.weeks) == WEEKS_KEPT


def test_what_cannot_be_closed_says_why() -> None:
    at_week.when(close(THIS)).then_rejected("week-not-over")
    at_week.when(close(LAST + timedelta(days=2))).then_rejected("week-invalid")
    at_week.when(close(THIS + timedelta(days=7))).then_rejected("week-invalid")
    at_week.when(close(again_at=NOW)).then_rejected("again-at-past")
    assert NEXT > NOW
