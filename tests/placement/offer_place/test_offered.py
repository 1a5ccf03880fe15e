"""A location that was chosen holds the best fit and offers it, once a request."""

from services.placement import events as ev
from tests.placement.offers import (
    CANCELLED,
    HELD,
    OFFER_2,
    OFFERED,
    REQUEST_2,
    UNTIL,
    ended,
    lapse,
    offer,
    with_housed,
    with_offer,
    with_unit,
)  # fmt: skip
from tests.placement.sample import A1, AT, after


def test_the_place_is_held_and_put_to_the_request() -> None:
    with_unit.when(offer()).then(HELD, OFFERED)


def test_a_request_that_has_an_offer_here_gets_no_other() -> None:
    with_offer.when(offer(offer_id=OFFER_2)).then_nothing()
    with_housed.when(offer(offer_id=OFFER_2)).then_nothing()


def test_what_is_not_free_is_not_offered() -> None:
    with_offer.when(offer(offer_id=OFFER_2, request_id=REQUEST_2)).then_rejected("no-place-free")


def test_a_request_that_declined_is_left_alone_for_a_day() -> None:
    declined = with_offer.given(CANCELLED, ended("declined", "too_far"))
    declined.when(offer(offer_id=OFFER_2, at=after(hours=23))).then_rejected("offer-made-lately")
    assert declined.when(offer(offer_id=OFFER_2, at=after(hours=25)))._outcome()


def test_an_offer_nobody_answers_lapses_with_its_hold() -> None:
    with_offer.when(lapse(UNTIL)).then(ev.HoldLapsed(HELD.hold_id, (A1,), UNTIL), ended("lapsed", at=UNTIL))
    with_offer.when(lapse(AT)).then_nothing()


def test_ids_and_names_are_checked() -> None:
    with_unit.when(offer(request_id="x")).then_rejected("id-invalid")
    with_unit.when(offer(site="Not A Site")).then_rejected("site-invalid")
