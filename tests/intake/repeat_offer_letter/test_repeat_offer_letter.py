"""Owners are written to again until they have answered; what nobody answered in time is declined."""

from datetime import datetime, timedelta

from services.intake import commands_offers as oc
from services.intake import events_offers as oe
from services.intake import publish_offers
from shared.contracts.offer_letters import PlaceDeclinedBody
from tests.intake.offers import (
    ASK,
    BY,
    EXPECTED,
    HOUSED,
    MINUTE,
    OFFER,
    PLACED,
    UNTIL,
    accept,
    accepted,
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


def test_an_owner_that_knows_more_than_an_older_backup_is_asked_how_it_stands_and_told_nothing_new() -> None:
    """The acceptance, the second already, was lost with the database."""
    at = BY + MINUTE
    lost = with_offer.given(heard("expected", turn=2, until=BY, again_at=at))
    asked_again = lost.when(repeat(at)).then(again(at, ASK, turn=2))
    state = asked_again.state
    assert (state.slot, state.offers[OFFER].status) == (OFFER, "accepted")
    letter = publish_offers.letter(state, state.offers[OFFER]).body
    assert isinstance(letter, PlaceDeclinedBody)
    assert letter.turn == 2


def test_an_acceptance_that_was_lost_is_made_anew_over_what_the_owner_knows() -> None:
    lost = with_offer.given(heard("expected", turn=2, until=BY, again_at=BY + MINUTE))
    lost.when(accept(turn=1)).then_rejected("version-stale", expected=1, actual=3)
    lost.when(accept(turn=3)).then(accepted(turn=3))


def test_there_is_no_such_file() -> None:
    at_desk.given().when(repeat(T0)).then_rejected("client-unknown")
