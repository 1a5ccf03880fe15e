"""It is paid again from a day on."""

from __future__ import annotations

from datetime import date, timedelta

from services.allowance import commands_entitlement as en
from services.allowance import events_entitlement as ee
from services.allowance.days import SPANS_MAX, Span
from tests.allowance.sample import ASKED, SEAT, SOON, SUSPENDED, T0, TODAY, WON, at_desk, desk

RESUME = desk(en.ResumeEntitlement, from_day=date(2026, 1, 20))


def test_the_days_go_on() -> None:
    spans = (Span(TODAY, date(2026, 1, 10), "1"), Span(date(2026, 1, 20), None, "1"))
    resumed = (
        at_desk.given(ASKED, WON, SUSPENDED)
        .when(RESUME)
        .then(ee.EntitlementResumed(SEAT, date(2026, 1, 20), spans, 4, SOON, T0))
    )
    assert resumed.state.status == "granted"


def test_what_is_paid_is_not_resumed() -> None:
    at_desk.given(ASKED, WON).when(RESUME).then_nothing()


def test_what_cannot_be_resumed_says_why() -> None:
    at_desk.given(ASKED).when(RESUME).then_rejected("entitlement-not-granted")
    days = [date(2025, 1, 1) + timedelta(days=number) for number in range(SPANS_MAX)]
    pieces = tuple(Span(day, day + timedelta(days=1), "1" if day.toordinal() % 2 else "2") for day in days)
    torn = ee.EntitlementSuspended(SEAT, date(2026, 6, 1), pieces, 3, SOON, T0)
    later = desk(en.ResumeEntitlement, from_day=date(2026, 8, 1))
    at_desk.given(ASKED, WON, torn).when(later).then_rejected("days-in-too-many-pieces")
