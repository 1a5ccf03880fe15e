"""Owners are written to again until they have answered; what nobody answered in time is declined."""

from datetime import datetime, timedelta

from services.intake import commands_offers as oc
from services.intake import events_offers as oe
from tests.intake.offers import (
    ASK,
    EXPECTED,
    HOUSED,
    MINUTE,
    OFFER,
    PLACED,
    UNTIL,
    declined,
    heard,
    with_accepted,
    with_offer,
    with_request,
)  # fmt: skip
from tests.intake.sample import ANNA, ASKED, T0, asked, at_desk


def repeat(at: datetime) -> oc.RepeatOfferLetter:
    made: oc.RepeatOfferLetter = asked(oc.RepeatOfferLetter, offer_id=OFFER, at=at)
    return made


def again(at: datetime, pause: timedelta, turn: int = 1) -> oe.OfferLetterRepeated:
    return oe.OfferLetterRepeated(ANNA, ASKED, OFFER, turn, at + pause, at)


def test_an_acceptance_is_written_again_less_and_less_often() -> None:
    first = with_accepted.when(repeat(T0 + ASK)).then(again(T0 + ASK, 2 * ASK))
    first.when(repeat(T0 + 3 * ASK)).then(again(T0 + 3 * ASK, 4 * ASK))


def test_an_offer_nobody_answered_is_declined() -> None:
    at = UNTIL + MINUTE
    with_offer.when(repeat(at)).then(declined("not_reached", at=at))


def test_who_lives_there_is_asked_for_twice_a_day() -> None:
    at = T0 + timedelta(hours=12)
    with_accepted.given(EXPECTED, HOUSED, PLACED).when(repeat(at)).then(again(at, timedelta(hours=12)))


def test_nothing_happens_before_its_time_or_when_it_is_over() -> None:
    with_accepted.when(repeat(T0)).then_nothing()
    with_offer.given(heard("lapsed", turn=0)).when(repeat(UNTIL + MINUTE)).then_nothing()
    with_request.when(repeat(T0 + ASK)).then_nothing()


def test_there_is_no_such_file() -> None:
    at_desk.given().when(repeat(T0)).then_rejected("client-unknown")
