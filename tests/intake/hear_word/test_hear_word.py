"""The owner's word counts, the newest of them, in whatever order they come."""

from services.intake import events_offers as oe
from services.intake.decider_file import doubles, status_of
from tests.intake.offers import (
    ASK,
    BY,
    EXPECTED,
    HOUSED,
    OFFER,
    OFFER_2,
    PLACED,
    accepted,
    declined,
    heard,
    with_accepted,
    with_offer,
    with_request,
    word,
)  # fmt: skip
from tests.intake.sample import ANNA, ASKED, ERASED, T0


def test_the_owner_keeps_the_place_and_others_are_declined() -> None:
    sure = with_accepted.when(word("expected", until=BY)).then(EXPECTED, declined("accepted_other", OFFER_2))
    assert status_of(sure.state, sure.state.requests[ASKED]) == "accepted"


def test_whoever_was_checked_in_is_placed_and_asks_no_longer() -> None:
    others = declined("accepted_other", OFFER_2)
    housed = with_accepted.given(EXPECTED).when(word("housed", 11)).then(HOUSED, PLACED, others).state
    assert (housed.slot, status_of(housed, housed.requests[ASKED])) == (OFFER, "placed")
    assert with_accepted.given(EXPECTED, HOUSED, PLACED, heard("left", 12)).state.slot == ""


def test_nobody_came_and_the_request_waits_since_when_it_did() -> None:
    state = with_offer.given(accepted(), EXPECTED, heard("no_show", 12)).state
    request = state.requests[ASKED]
    assert (state.slot, status_of(state, request), request.waiting_since) == ("", "waiting", T0.date())


def test_an_older_word_or_the_same_again_says_nothing() -> None:
    sure = with_accepted.given(EXPECTED, declined("accepted_other", OFFER_2))
    sure.when(word("lapsed", 9)).then_nothing()
    sure.when(word("expected", 12, until=BY)).then_nothing()


def test_a_word_of_another_site_an_unknown_offer_or_no_word_at_all_is_refused() -> None:
    with_offer.when(word("lapsed", site="zuidoost")).then_rejected("offer-of-another-site")
    with_request.when(word("lapsed")).then_rejected("offer-unknown")
    with_offer.when(word("maybe")).then_rejected("offer-word-unknown")


def test_an_erased_file_hears_that_the_stay_has_ended() -> None:
    gone = with_accepted.given(EXPECTED, HOUSED, PLACED, ERASED)
    assert gone.when(word("left", 12)).then(heard("left", 12)).state.slot == ""


def test_a_double_is_shown_until_the_first_owner_has_ended_it() -> None:
    twice = with_accepted.given(declined("overridden", turn=2), accepted(OFFER_2, override="owner_silent"))
    assert doubles(twice.state) == [OFFER]
    told = oe.OfferLetterRepeated(ANNA, ASKED, OFFER_2, 2, T0 + 2 * ASK, T0)
    over = twice.when(word("called_off", turn=2)).then(heard("called_off", turn=2), told)
    assert doubles(over.state) == []


def test_a_first_owner_that_has_checked_them_in_leaves_a_double_to_people() -> None:
    twice = with_accepted.given(declined("overridden", turn=2), accepted(OFFER_2, override="owner_silent"))
    housed = heard("housed", again_at=T0 + ASK)
    state = twice.when(word("housed")).then(housed, PLACED).state
    assert (state.slot, doubles(state)) == (OFFER_2, [OFFER])
    ended = heard("called_off", offer_id=OFFER_2, turn=2)
    assert twice.given(housed, PLACED, declined("other", OFFER_2, turn=2), ended).state.slot == OFFER
