"""One offer is taken: the slot is filled before its owner has answered, and only its owner frees it."""

from datetime import timedelta

from tests.intake.offers import (
    BY,
    CODE_2,
    EXPECTED,
    HOUSED,
    OFFER,
    OFFER_2,
    PLACED,
    UNTIL,
    accept,
    accepted,
    declined,
    heard,
    received,
    with_accepted,
    with_offer,
    with_request,
    with_two,
)  # fmt: skip
from tests.intake.sample import ASKED, ERASED, T0, WITHDRAWN


def test_the_slot_is_taken() -> None:
    state = with_offer.when(accept()).then(accepted()).state
    assert (state.slot, state.offers[OFFER].unanswered) == (OFFER, True)


def test_the_same_again_changes_nothing_and_another_code_is_another_turn() -> None:
    with_accepted.when(accept()).then_nothing()
    with_accepted.when(accept(arrival=CODE_2)).then(accepted(turn=2, arrival=CODE_2))


def test_somebody_elses_offer_is_none() -> None:
    with_request.when(accept()).then_rejected("offer-unknown")


def test_an_offer_that_lapsed_or_ended_is_not_taken() -> None:
    with_offer.when(accept(at=UNTIL, expected_by=UNTIL + timedelta(hours=1))).then_rejected("offer-lapsed")
    with_offer.given(declined("too_far")).when(accept()).then_rejected("offer-ended", how="declined")
    with_offer.given(heard("lapsed", turn=0)).when(accept()).then_rejected("offer-ended", how="lapsed")


def test_a_second_one_needs_a_reason_while_the_first_is_unanswered() -> None:
    with_accepted.when(accept(OFFER_2)).then_rejected("slot-unanswered", offer_id=OFFER, site="west")
    overridden = declined("overridden", turn=2)
    taken = accepted(OFFER_2, override="owner_silent")
    state = with_accepted.when(accept(OFFER_2, override="owner_silent")).then(overridden, taken).state
    assert state.slot == OFFER_2


def test_one_that_is_called_off_fills_the_slot_until_its_owner_has_heard() -> None:
    off = with_accepted.given(EXPECTED, declined("too_far", turn=2))
    off.when(accept(OFFER_2)).then_rejected("slot-unanswered", offer_id=OFFER)
    taken = accepted(OFFER_2, override="emergency")
    off.when(accept(OFFER_2, override="emergency")).then(declined("overridden", turn=3), taken)


def test_a_second_one_is_refused_once_the_first_is_sure() -> None:
    with_accepted.given(EXPECTED).when(accept(OFFER_2, override="owner_silent")).then_rejected("slot-taken")


def test_who_is_housed_asks_no_longer() -> None:
    with_accepted.given(EXPECTED, HOUSED, PLACED).when(accept(OFFER_2)).then_rejected("request-ended")
    with_offer.given(WITHDRAWN).when(accept()).then_rejected("request-ended")
    with_offer.given(WITHDRAWN, ERASED).when(accept()).then_rejected("client-erased")


def test_a_time_a_code_and_a_reason_are_checked() -> None:
    with_offer.when(accept(expected_by=T0)).then_rejected("expected-by-invalid")
    with_offer.when(accept(expected_by=T0 + timedelta(hours=49))).then_rejected("expected-by-invalid")
    with_offer.when(accept(expected_by=BY.replace(tzinfo=None))).then_rejected("expected-by-invalid")
    with_offer.when(accept(arrival="1234")).then_rejected("arrival-invalid")
    with_two.when(accept(override="because")).then_rejected("override-reason-unknown")
    with_offer.when(accept(if_version=1)).then_rejected("version-stale")


def test_the_owner_that_answers_late_frees_what_it_never_kept() -> None:
    freed = with_offer.given(accepted(), heard("lapsed")).state
    assert (freed.slot, freed.requests[ASKED].open, received().offer_id) == ("", True, OFFER)
