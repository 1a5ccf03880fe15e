"""The desk accepts: the place is kept until they are expected, and whoever says the code is let in."""

from services.placement import commands as cmd
from services.placement import events as ev
from services.placement import events_offers as oe
from tests.placement.offers import (
    ACCEPTED,
    BY,
    CHECKED_IN,
    CODE_2,
    OFFER,
    UNTIL,
    WORD,
    check_in,
    ended,
    lapse,
    take,
    with_accepted,
    with_housed,
    with_offer,
    with_unit,
)  # fmt: skip
from tests.placement.sample import A1, AT, after


def test_the_hold_lasts_until_they_are_expected_for_as_many_as_come() -> None:
    state = with_offer.when(take()).then(ACCEPTED).state
    assert (state.holds[OFFER].expires_at, state.holds[OFFER].household_size) == (BY, 4)


def test_accepting_never_shortens_a_hold_and_two_days_are_the_most() -> None:
    soon = oe.OfferAccepted("west", OFFER, 1, 4, UNTIL, ACCEPTED.arrival, False, AT)
    with_offer.when(take(expected_by=after(minutes=5))).then(soon)
    late = oe.OfferAccepted("west", OFFER, 1, 4, after(hours=48), ACCEPTED.arrival, False, AT)
    with_offer.when(take(expected_by=after(days=9))).then(late)


def test_the_same_letter_again_is_answered_again() -> None:
    with_accepted.when(take()).then(WORD)


def test_a_newer_turn_brings_another_code() -> None:
    again = oe.OfferAccepted("west", OFFER, 2, 4, BY, CODE_2, True, AT)
    with_accepted.when(take(turn=2, arrival=CODE_2, possible_double=True)).then(again)


def test_an_offer_that_is_over_is_not_accepted_any_more() -> None:
    lapsed: list[ev.LocationEvent] = [ev.HoldLapsed(OFFER, (A1,), UNTIL), ended("lapsed", at=UNTIL)]
    with_offer.when(take(at=UNTIL)).then(*lapsed)
    with_offer.given(*lapsed).when(take()).then(WORD)


def test_an_offer_nobody_here_knows_is_answered() -> None:
    with_unit.when(take()).then(WORD)


def test_more_people_than_can_sleep_there_are_told_so() -> None:
    cancelled = ev.HoldCancelled(OFFER, (A1,), AT, "too_small")
    with_offer.when(take(household_size=7)).then(cancelled, ended("withdrawn", "too_small"))
    with_offer.when(take(household_size=0)).then_rejected("household-size-invalid")


def test_another_site_cannot_accept_it() -> None:
    with_offer.when(take(site="zuidoost")).then_rejected("offer-of-another-site")


def test_who_says_the_code_is_checked_in() -> None:
    with_accepted.when(check_in()).then(CHECKED_IN)


def test_nobody_is_let_in_without_the_code_or_before_it_was_accepted() -> None:
    with_accepted.when(check_in(None)).then_rejected("arrival-code-missing")
    with_offer.when(check_in()).then_rejected("offer-not-accepted")


def test_five_wrong_codes_are_the_most_and_a_new_one_opens_again() -> None:
    wrong = oe.ArrivalRefused(OFFER, AT)
    tried = with_accepted.when(check_in(CODE_2)).then(wrong).given(wrong, wrong, wrong, wrong)
    tried.when(check_in()).then_rejected("arrival-code-blocked", tries_max=5)
    anew = oe.OfferAccepted("west", OFFER, 2, 4, BY, CODE_2, False, AT)
    tried.given(anew).when(check_in(CODE_2)).then(CHECKED_IN)


def test_whoever_does_not_come_is_a_no_show_and_the_place_is_free() -> None:
    gone: list[ev.LocationEvent] = [ev.NoShowNoted(OFFER, (A1,), BY), ended("no_show", at=BY)]
    assert with_accepted.when(lapse(BY)).then(*gone).state.free_of("family_shelter") == (A1,)
    tap = cmd.NoteNoShow(at=AT, role="operator", location="west", hold_id=OFFER)
    with_accepted.when(tap).then(ev.NoShowNoted(OFFER, (A1,), AT), ended("no_show"))
    with_offer.when(tap).then_rejected("offer-not-accepted")


def test_whoever_lives_there_may_be_expected_elsewhere() -> None:
    with_housed.when(take(turn=2, possible_double=True)).then(oe.DoubleNoted(OFFER, 2, True, AT))


def test_the_word_follows_the_stay() -> None:
    left = ev.StayEnded(CHECKED_IN.stay_id, (A1,), "moved_on", AT, AT)
    assert with_housed.given(left).state.offers[OFFER].word == "left"


def test_the_timer_of_the_offer_as_it_was_finds_nothing_to_do() -> None:
    with_accepted.when(lapse(UNTIL)).then_nothing()
