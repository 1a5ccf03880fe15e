"""An entitlement follows what is known of its client."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from services.allowance import commands_entitlement as en
from services.allowance import events_entitlement as ee
from services.allowance import policy
from services.allowance.commands import HearEntitlement
from services.allowance.days import SPANS_MAX, Span
from services.allowance.publish import stated
from shared.contracts import allowance
from shared.contracts.base import Draft, Opened
from shared.letters import SIZES
from tests.allowance.sample import (
    ASKED,
    ENDED,
    LEFT_ON,
    MOVED_IN,
    OPENED,
    REFUSED,
    RESERVED,
    SEAT,
    SOON,
    SUSPENDED,
    T0,
    TODAY,
    TOMORROW,
    WON,
    at_desk,
    at_municipality,
    desk,
    follow,
)  # fmt: skip

WITH_MEALS = ee.MealsFollowed(SEAT, ((MOVED_IN, None),), 1, 3, SOON, T0)
GONE = ee.EntitlementForgotten(SEAT, TOMORROW, (Span(TODAY, TOMORROW, "1"),), 3, SOON, T0)


def test_days_with_meals_are_not_paid_and_the_seat_stays() -> None:
    followed = at_desk.given(ASKED, WON).when(follow(meals=((MOVED_IN, None),))).then(WITH_MEALS)
    assert (followed.state.status, followed.state.paid) == ("granted", (Span(TODAY, MOVED_IN, "1"),))


def test_after_the_stay_it_is_paid_again() -> None:
    left = follow(2, meals=((MOVED_IN, LEFT_ON),))
    again = ee.MealsFollowed(SEAT, ((MOVED_IN, LEFT_ON),), 2, 4, SOON, T0)
    followed = at_desk.given(ASKED, WON, WITH_MEALS).when(left).then(again)
    assert followed.state.paid == (Span(TODAY, MOVED_IN, "1"), Span(LEFT_ON, None, "1"))


def test_a_stay_that_never_was_gives_every_day_back() -> None:
    followed = at_desk.given(ASKED, WON, WITH_MEALS).when(follow(2)).then(ee.MealsFollowed(SEAT, (), 2, 4, SOON, T0))
    assert followed.state.paid == (Span(TODAY, None, "1"),)


def test_what_the_desk_says_of_other_days_stands_beside_it() -> None:
    given = at_desk.given(ASKED, WON, WITH_MEALS)
    fixed = given.after(desk(en.CorrectDays, first=date(2026, 1, 6), until=date(2026, 1, 7), household_size=0))
    assert fixed.state.paid == (Span(TODAY, date(2026, 1, 6), "1"), Span(date(2026, 1, 7), MOVED_IN, "1"))
    resumed = given.given(SUSPENDED).after(desk(en.ResumeEntitlement, from_day=date(2026, 1, 15)))
    assert resumed.state.paid == (Span(TODAY, MOVED_IN, "1"),)


def test_the_desk_knows_that_they_had_no_meals_on_days_of_a_stay() -> None:
    """They left without a word, say, and the stay was ended nights later; or its end was never heard of."""
    today = date(2026, 1, 25)
    at = T0 + timedelta(days=20)
    stay = at_desk.given(ASKED, WON, WITH_MEALS)
    wrong = {"at": at, "first": date(2026, 1, 12), "until": today, "household_size": 1}
    stay.when(desk(en.CorrectDays, **wrong)).then_nothing()
    spared = stay.after(desk(en.CorrectDays, **wrong, no_meals=True))
    assert spared.state.paid == (Span(TODAY, MOVED_IN, "1"), Span(date(2026, 1, 12), today, "1"))
    spared.when(desk(en.CorrectDays, **wrong, no_meals=True)).then_nothing()
    left = spared.after(follow(2, at=at, meals=((MOVED_IN, today),)))
    assert (left.state.paid[1:], left.state.elsewhere) == (
        (Span(date(2026, 1, 12), None, "1"),), ((MOVED_IN, date(2026, 1, 12)),)
    )  # fmt: skip
    undone = spared.after(desk(en.CorrectDays, **wrong | {"household_size": 0}))
    assert (undone.state.paid, undone.state.no_meals) == ((Span(TODAY, MOVED_IN, "1"),), ())
    for until, code in ((None, "days-open"), (today + timedelta(days=9), "day-ahead")):
        ahead = stay.when(desk(en.CorrectDays, **wrong | {"until": until}, no_meals=True))
        facts = {"status": "granted"} if until is None else {"day_max": "2026-01-26"}
        ahead.then_rejected(code, **facts)


def test_a_day_that_is_also_the_last_takes_nothing() -> None:
    same_day = follow(meals=((MOVED_IN, MOVED_IN),))
    kept = ee.MealsFollowed(SEAT, ((MOVED_IN, MOVED_IN),), 1, 3, SOON, T0)
    assert at_desk.given(ASKED, WON).when(same_day).then(kept).state.paid == (Span(TODAY, None, "1"),)


def test_also_what_is_over_is_put_right() -> None:
    followed = at_desk.given(ASKED, WON, ENDED).when(follow(meals=((TODAY, None),)))
    followed.then(ee.MealsFollowed(SEAT, ((TODAY, None),), 1, 4, SOON, T0))


def test_whoever_is_erased_is_paid_for_no_day_more_and_gives_the_seat_back() -> None:
    followed = at_desk.given(ASKED, WON).when(follow(forgotten_from=TOMORROW)).then(GONE)
    assert (followed.state.status, followed.state.code) == ("ended", "client-erased")
    followed.when(desk(en.CorrectDays, first=TODAY, until=TOMORROW, household_size=1)).then_rejected("client-erased")
    followed.when(desk(en.ResumeEntitlement, from_day=TODAY)).then_rejected("entitlement-not-granted")
    followed.when(follow(9)).then_nothing()


def test_days_with_meals_before_an_erasure_are_not_paid_either() -> None:
    both = follow(2, meals=((TODAY, None),), forgotten_from=TOMORROW)
    gone = ee.EntitlementForgotten(SEAT, TOMORROW, (Span(TODAY, TOMORROW, "1"),), 4, SOON, T0)
    followed = at_desk.given(ASKED, WON).when(both)
    followed.then(ee.MealsFollowed(SEAT, ((TODAY, None),), 2, 3, SOON, T0), gone)
    assert followed.then(ee.MealsFollowed(SEAT, ((TODAY, None),), 2, 3, SOON, T0), gone).state.paid == ()


def test_a_seat_that_was_asked_for_is_asked_for_no_more() -> None:
    gone = ee.EntitlementForgotten(SEAT, TODAY, (), 2, SOON, T0)
    assert at_desk.given(ASKED).when(follow(forgotten_from=TODAY)).then(gone).state.status == "ended"


def test_what_is_known_already_or_is_older_changes_nothing() -> None:
    at_desk.given(ASKED, WON, WITH_MEALS).when(follow(meals=((TODAY, None),))).then_nothing()
    at_desk.given(ASKED, WON, WITH_MEALS).when(follow(2, meals=((MOVED_IN, None),))).then_nothing()
    at_desk.given(ASKED, REFUSED).when(follow(meals=((TODAY, None),))).then_nothing()


PIECES = tuple((TODAY + timedelta(days=2 * n + 1), TODAY + timedelta(days=2 * n + 2)) for n in range(SPANS_MAX))


def test_days_in_too_many_pieces_are_refused() -> None:
    at_desk.given(ASKED, WON).when(follow(meals=PIECES)).then_rejected("days-in-too-many-pieces", pieces_max=SPANS_MAX)


@pytest.mark.parametrize("pieces", [allowance.SPANS_MAX - 1, allowance.SPANS_MAX, SPANS_MAX - 1])
def test_days_in_many_pieces_are_followed_and_the_municipality_pays_just_those(pieces: int) -> None:
    """Every other day with meals, for two years: whoever says so fits it into one letter."""
    entitlement = at_desk.given(ASKED, WON).after(follow(meals=PIECES[:pieces])).state
    assert len(entitlement.paid) == pieces + 1
    draft = stated(entitlement).event
    assert isinstance(draft, Draft)
    first = pieces < allowance.SPANS_MAX
    assert draft.letter is (allowance.EntitlementStated if first else allowance.EntitlementStatedV2)
    assert len(draft.body.model_dump_json()) < SIZES[-1] - 1024
    reaction = policy.heard_by("stad", "stad")(None, Opened("west", SEAT, draft.body), T0)  # type: ignore[arg-type]
    assert reaction is not None
    heard = reaction.command
    assert isinstance(heard, HearEntitlement)
    assert heard.spans == entitlement.paid
    seats = at_municipality.given(OPENED, RESERVED).after(heard).state.seats
    assert seats[SEAT].spans == entitlement.paid


def test_whoever_is_erased_gives_the_seat_back_in_however_many_pieces_their_days_are() -> None:
    last = TODAY + timedelta(days=3 * SPANS_MAX)
    gone = ee.EntitlementForgotten(SEAT, last, (Span(TODAY, last, "1"),), 3, SOON, T0)
    at_desk.given(ASKED, WON).when(follow(meals=PIECES, forgotten_from=last)).then(gone)
    at_once = at_desk.given(ASKED, WON).after(follow(meals=PIECES, forgotten_from=TOMORROW))
    assert (at_once.state.paid, at_once.state.meals) == ((Span(TODAY, TOMORROW, "1"),), PIECES)


def test_an_entitlement_nobody_knows_is_refused() -> None:
    at_desk.when(follow()).then_rejected("entitlement-unknown")
