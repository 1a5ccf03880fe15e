"""More belongs to a week."""

from __future__ import annotations

from datetime import timedelta

from services.intake import events_weeks as ev
from tests.intake.weekly import COUNTED, LAST, NOW, THIS, at_week, closed, count


def test_what_is_counted_adds_up() -> None:
    first = at_week.when(count(registrations=2, referrals={"care": 1}, outcomes={"left": 1})).then(COUNTED)
    more = count(registrations=1, referrals={"care": 1, "legal": 2}, unreadable=1)
    first.when(more).then(ev.WeekCounted("west", LAST, 3, {"care": 2, "legal": 2}, {"left": 1}, 1, NOW))


def test_the_week_that_goes_on_counts_what_is_erased_in_it() -> None:
    at_week.when(count(THIS, registrations=1)).then(ev.WeekCounted("west", THIS, 1, {}, {}, 0, NOW))


def test_a_week_that_is_closed_is_counted_on() -> None:
    late = at_week.given(COUNTED, closed(LAST)).when(count(outcomes={"return": 1}))
    late.then(ev.WeekCounted("west", LAST, 2, {"care": 1}, {"left": 1, "return": 1}, 0, NOW))


def test_what_nothing_was_found_for_adds_up_by_its_words() -> None:
    need, other = "family_shelter|5+|cot+quiet|Noord", "night_shelter|1||anywhere"
    first = at_week.when(count(unmet={need: 1})).then(ev.WeekCounted("west", LAST, 0, {}, {}, 0, NOW, {need: 1}))
    both = ev.WeekCounted("west", LAST, 0, {}, {}, 0, NOW, {need: 2, other: 1})
    first.when(count(unmet={need: 1, other: 1})).then(both)
    for wrong in (
        "family_shelter|5+|cot",
        "allowance|1||anywhere",
        "night_shelter|1|quiet+cot|anywhere",
        "x|1||Utrecht",
    ):
        at_week.when(count(unmet={wrong: 1})).then_rejected("week-count-invalid")


def test_nothing_more_changes_nothing() -> None:
    at_week.given(COUNTED).when(count()).then_nothing()


def test_what_cannot_be_counted_says_why() -> None:
    at_week.when(count(LAST + timedelta(days=1), registrations=1)).then_rejected("week-invalid")
    at_week.when(count(THIS + timedelta(days=7), registrations=1)).then_rejected("week-invalid")
    for wrong in ({"registrations": -1}, {"referrals": {"dental_care": 1}}, {"outcomes": {"durable": 1}}):
        at_week.when(count(**wrong)).then_rejected("week-count-invalid")
