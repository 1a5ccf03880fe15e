"""The desk says that nobody comes: the place is free, and the offer has ended for that reason."""

from services.placement import events as ev
from services.placement import events_offers as oe
from tests.placement.offers import (
    OFFER,
    UNTIL,
    WORD,
    drop,
    ended,
    lapse,
    take,
    with_accepted,
    with_housed,
    with_offer,
    with_unit,
)
from tests.placement.sample import A1, AT


def test_a_declined_offer_frees_the_place() -> None:
    declined: list[ev.LocationEvent] = [ev.HoldCancelled(OFFER, (A1,), AT, "declined"), ended("declined", "too_far")]
    assert with_offer.when(drop()).then(*declined).state.free_of("family_shelter") == (A1,)


def test_an_accepted_one_is_called_off() -> None:
    off: list[ev.LocationEvent] = [ev.HoldCancelled(OFFER, (A1,), AT, "called_off"), ended("called_off", "too_far")]
    with_accepted.when(drop(turn=2)).then(*off)


def test_a_letter_that_was_overtaken_says_nothing() -> None:
    with_accepted.when(drop(turn=1)).then(WORD)


def test_whoever_has_come_already_stays_and_may_be_a_double() -> None:
    with_housed.when(drop(turn=2, reason="overridden")).then(oe.DoubleNoted(OFFER, 2, True, AT))
    with_housed.when(drop(turn=2)).then(oe.DoubleNoted(OFFER, 2, False, AT))


def test_it_ends_once_whoever_writes_again() -> None:
    over = with_offer.given(ev.HoldCancelled(OFFER, (A1,), AT, "declined"), ended("declined", "too_far"))
    over.when(drop(turn=2)).then(WORD)
    over.when(take(turn=3)).then(WORD)
    with_unit.when(drop()).then(WORD)


def test_a_reason_is_one_of_the_list_and_the_site_its_own() -> None:
    with_offer.when(drop(reason="rain")).then_rejected("decline-reason-unknown")
    with_offer.when(drop(site="zuidoost")).then_rejected("offer-of-another-site")


def test_the_timer_of_an_offer_that_was_declined_finds_nothing_to_do() -> None:
    over = with_offer.given(ev.HoldCancelled(OFFER, (A1,), AT, "declined"), ended("declined", "too_far"))
    over.when(lapse(UNTIL)).then_nothing()
