"""Cash waits at the desk for a client."""

from __future__ import annotations

from datetime import timedelta

from services.allowance import commands_entitlement as en
from services.allowance import events_entitlement as ee
from services.allowance.decider_entitlement import PAYMENTS_KEPT, timers
from services.allowance.publish import tell_entitlement
from shared.contracts import allowance as told
from tests.allowance.sample import ANNA, ASKED, CONFIRMED, ENDED, SEAT, T0, TODAY, WON, at_desk, desk

HANDOUT, UNTIL = "77777777-7777-5777-8777-777777777777", T0 + timedelta(days=21)
NOTE = desk(en.NotePayment, handout_id=HANDOUT, until=UNTIL)
NOTED = ee.PaymentNoted(SEAT, HANDOUT, UNTIL, T0)


def test_the_services_of_the_site_are_told_whose_it_is_and_the_municipality_nothing() -> None:
    noted = at_desk.given(ASKED, WON, CONFIRMED).when(NOTE).then(NOTED)
    [telling] = tell_entitlement(noted.state, [NOTED], noted.state)
    assert telling.contract == told.AllowanceReady.of(
        entitlement_id=SEAT, client_id=ANNA, handout_id=HANDOUT, until=UNTIL, at=T0
    )
    assert noted.state.settled
    assert timers([NOTED]) == [], "the municipality has heard all there is to hear"


def test_once_for_a_handout_also_of_an_entitlement_that_is_over() -> None:
    at_desk.given(ASKED, WON, NOTED).when(NOTE).then_nothing()
    at_desk.given(ASKED, WON, ENDED).when(NOTE).then(NOTED)


def test_nothing_of_whoever_is_erased_or_when_it_is_too_late() -> None:
    forgotten = ee.EntitlementForgotten(SEAT, TODAY, (), 3, UNTIL, T0)
    at_desk.given(ASKED, WON, forgotten).when(NOTE).then_nothing()
    at_desk.given(ASKED, WON).when(desk(en.NotePayment, handout_id=HANDOUT, until=UNTIL, at=UNTIL)).then_nothing()


def test_handouts_of_long_ago_are_not_remembered() -> None:
    many = [ee.PaymentNoted(SEAT, f"{number}", UNTIL, T0) for number in range(PAYMENTS_KEPT + 1)]
    assert len(at_desk.given(ASKED, WON, *many).state.payments) == PAYMENTS_KEPT


def test_of_an_entitlement_that_is_not_known_it_is_refused() -> None:
    at_desk.when(NOTE).then_rejected("entitlement-unknown")
