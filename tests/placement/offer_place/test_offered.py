"""A location that was chosen holds the best fit and offers it, once a request."""

import pytest
from msgspec.structs import replace

from services.placement import decider_offers
from services.placement import events as ev
from services.placement import events_offers as oe
from tests.placement.offers import (
    CANCELLED,
    HELD,
    OFFER_2,
    OFFERED,
    REQUEST,
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


def another(request_id: str, hours: int) -> tuple[ev.PlaceHeld, oe.PlaceOffered]:
    """The second offer, made so many hours after the first."""
    at, until = after(hours=hours), after(hours=hours + 4)
    held = replace(HELD, hold_id=OFFER_2, expires_at=until, at=at)
    return held, replace(OFFERED, offer_id=OFFER_2, request_id=request_id, expires_at=until, at=at)


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
    declined.when(offer(offer_id=OFFER_2, at=after(hours=25))).then(*another(REQUEST, 25))


def test_an_offer_nobody_answers_lapses_with_its_hold() -> None:
    with_offer.when(lapse(UNTIL)).then(ev.HoldLapsed(HELD.hold_id, (A1,), UNTIL), ended("lapsed", at=UNTIL))
    with_offer.when(lapse(AT)).then_nothing()


def test_ids_and_names_are_checked() -> None:
    with_unit.when(offer(request_id="x")).then_rejected("id-invalid")
    with_unit.when(offer(site="Not A Site")).then_rejected("site-invalid")


def test_offers_that_are_over_for_days_keep_nobody_from_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decider_offers, "OFFERS_MAX", 1)
    declined = with_offer.given(CANCELLED, ended("declined", "too_far"))
    other = offer(offer_id=OFFER_2, request_id=REQUEST_2)
    declined.when(other).then_rejected("too-many-offers")
    declined.when(replace(other, at=after(hours=49))).then(*another(REQUEST_2, 49))
