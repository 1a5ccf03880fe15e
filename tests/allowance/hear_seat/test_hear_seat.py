"""The municipality says how it stands with the seat."""

from __future__ import annotations

from services.allowance import events_entitlement as ee
from tests.allowance.sample import (
    ASKED,
    CONFIRMED,
    ENDED,
    REFUSED,
    SEAT,
    SOON,
    SUSPENDED,
    T0,
    WON,
    answered,
    at_desk,
)


def test_a_seat_that_was_reserved_is_the_clients() -> None:
    granted = at_desk.given(ASKED).when(answered()).then(WON)
    assert (granted.state.status, granted.state.settled) == ("granted", False)
    confirmed = granted.when(answered(revision=2, status="granted")).then(CONFIRMED)
    assert confirmed.state.settled


def test_there_may_be_none() -> None:
    refused = at_desk.given(ASKED).when(answered(status="refused", code="no-seat-free")).then(REFUSED)
    assert (refused.state.status, refused.state.spans, refused.state.settled) == ("refused", (), True)


def test_what_was_heard_before_changes_nothing() -> None:
    at_desk.given(ASKED, WON).when(answered()).then_nothing()
    at_desk.given(ASKED, WON, CONFIRMED).when(answered(revision=2, status="granted")).then_nothing()
    at_desk.given(ASKED, REFUSED).when(answered()).then_nothing()


def test_a_seat_that_comes_after_all_was_over_is_given_back() -> None:
    ended = at_desk.given(ASKED, WON, ENDED)
    ended.when(answered(revision=2, status="granted")).then_nothing()  # it is told of the end until it heard that
    ended.when(answered(revision=3, status="ended")).then(ee.EntitlementConfirmed(SEAT, 3, T0))


def test_an_answer_to_something_older_confirms_nothing() -> None:
    at_desk.given(ASKED, WON, SUSPENDED).when(answered(revision=2, status="granted")).then_nothing()


def test_something_else_under_the_same_number_is_no_confirmation() -> None:
    """A site that was restored gives its numbers anew: what the municipality has heard under one is another word."""
    ended = at_desk.given(ASKED, WON, ENDED)
    ended.when(answered(revision=3, status="granted")).then(ee.EntitlementRepeated(SEAT, 4, SOON, T0))
    at_desk.given(ASKED, WON).when(answered(revision=2, status="ended")).then(ee.EntitlementRepeated(SEAT, 3, SOON, T0))


def test_a_site_that_has_forgotten_says_it_anew_under_a_higher_number() -> None:
    given = at_desk.given(ASKED, WON)
    given.when(answered(revision=7, status="granted")).then(ee.EntitlementRepeated(SEAT, 8, SOON, T0))
    at_desk.given(ASKED).when(answered(revision=7, status="granted")).then(ee.EntitlementGranted(SEAT, 8, SOON, T0))
    at_desk.given(ASKED).when(answered(revision=7, status="ended")).then(
        ee.EntitlementRefused(SEAT, "seat-given-back", T0)
    )


def test_nobody_else_has_a_word_about_it() -> None:
    at_desk.given(ASKED).when(answered(site="noord")).then_rejected("answer-of-another-site")
    at_desk.when(answered()).then_rejected("entitlement-unknown")
