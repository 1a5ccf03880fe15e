"""It is over."""

from __future__ import annotations

from datetime import date

from services.allowance import commands_entitlement as en
from services.allowance import events_entitlement as ee
from tests.allowance.sample import ASKED, ENDED, REFUSED, SEAT, SOON, T0, TODAY, TOMORROW, WON, at_desk, desk

END = desk(en.EndEntitlement, from_day=TOMORROW, reason="sheltered")


def test_the_days_end_and_the_seat_goes_back() -> None:
    ended = at_desk.given(ASKED, WON).when(END).then(ENDED)
    assert (ended.state.status, ended.state.settled) == ("ended", False)


def test_what_was_not_answered_is_asked_for_no_more_and_was_no_day() -> None:
    ended = (
        at_desk.given(ASKED)
        .when(desk(en.EndEntitlement, from_day=TODAY, reason="mistake"))
        .then(ee.EntitlementEnded(SEAT, TODAY, "mistake", (), 2, SOON, T0))
    )
    assert ended.state.status == "ended"


def test_a_second_time_changes_nothing() -> None:
    at_desk.given(ASKED, WON, ENDED).when(END).then_nothing()
    at_desk.given(ASKED, REFUSED).when(END).then_nothing()


def test_what_cannot_be_ended_says_why() -> None:
    given = at_desk.given(ASKED, WON)
    given.when(desk(en.EndEntitlement, from_day=TODAY, reason="bored")).then_rejected("end-reason-unknown")
    given.when(desk(en.EndEntitlement, from_day=date(2030, 1, 1), reason="sheltered")).then_rejected("day-too-far")
    at_desk.when(END).then_rejected("entitlement-unknown")


def test_a_seat_that_goes_back_is_not_paid_for_weeks_to_come() -> None:
    """It may be somebody else's today."""
    later = desk(en.EndEntitlement, from_day=date(2026, 1, 7), reason="sheltered")
    at_desk.given(ASKED, WON).when(later).then_rejected("day-ahead", day_max="2026-01-06")
