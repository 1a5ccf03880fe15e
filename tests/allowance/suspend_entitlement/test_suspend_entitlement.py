"""Nothing is paid from a day on."""

from __future__ import annotations

from datetime import date

from services.allowance import commands_entitlement as en
from tests.allowance.sample import ASKED, ENDED, SUSPENDED, WON, at_desk, desk

SUSPEND = desk(en.SuspendEntitlement, from_day=date(2026, 1, 10))


def test_the_days_end_and_the_seat_stays() -> None:
    suspended = at_desk.given(ASKED, WON).when(SUSPEND).then(SUSPENDED)
    assert suspended.state.status == "suspended"


def test_a_second_time_changes_nothing() -> None:
    at_desk.given(ASKED, WON, SUSPENDED).when(SUSPEND).then_nothing()


def test_what_cannot_be_suspended_says_why() -> None:
    at_desk.given(ASKED).when(SUSPEND).then_rejected("entitlement-not-granted", status="asked")
    at_desk.given(ASKED, WON, ENDED).when(SUSPEND).then_rejected("entitlement-not-granted", status="ended")
    far = desk(en.SuspendEntitlement, from_day=date(2020, 1, 1))
    at_desk.given(ASKED, WON).when(far).then_rejected("day-too-far")
    stale = desk(en.SuspendEntitlement, from_day=date(2026, 1, 10), if_version=1)
    at_desk.given(ASKED, WON).when(stale).then_rejected("version-stale")
