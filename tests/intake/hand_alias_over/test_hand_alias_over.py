"""A client lets the house they live in know their alias: for this stay, and only once they live there."""

from __future__ import annotations

from typing import Any

from services.intake import events_alias as ae
from services.intake.commands_alias import HandAliasOver
from tests.intake.handover import BEGUN
from tests.intake.offers import EXPECTED, HOUSED, OFFER, OFFER_2, PLACED, accepted, heard, received, with_two
from tests.intake.sample import ANNA, ASKED, ERASED, T0, asked

SAY_SO, SAY_SO_2 = "88888888-8888-4888-8888-888888888888", "99999999-9999-4999-8999-999999999999"
HANDED = ae.AliasHandedOver(ANNA, ASKED, OFFER, SAY_SO, T0)

housed = with_two.given(accepted(), EXPECTED, HOUSED, PLACED)


def hand(**fields: Any) -> HandAliasOver:
    made: HandAliasOver = asked(HandAliasOver, **({"offer_id": OFFER, "say_so": SAY_SO} | fields))
    return made


def test_nobody_is_told_before_they_say_so() -> None:
    assert housed.state.offers[OFFER].say_so == ""


def test_whoever_lives_there_says_so() -> None:
    file = housed.when(hand()).then(HANDED).state
    assert (file.offers[OFFER].say_so, file.active_at) == (SAY_SO, T0)


def test_the_same_again_changes_nothing() -> None:
    housed.given(HANDED).when(hand()).then_nothing()


def test_another_word_takes_the_place_of_one_that_an_older_file_still_has() -> None:
    again = ae.AliasHandedOver(ANNA, ASKED, OFFER, SAY_SO_2, T0)
    assert housed.given(HANDED).when(hand(say_so=SAY_SO_2)).then(again).state.offers[OFFER].say_so == SAY_SO_2


def test_only_where_they_live() -> None:
    with_two.given(accepted(), EXPECTED).when(hand()).then_rejected("client-not-housed")
    housed.when(hand(offer_id=OFFER_2)).then_rejected("client-not-housed")
    housed.given(heard("left", number=12)).when(hand()).then_rejected("client-not-housed")
    housed.when(hand(offer_id=SAY_SO_2)).then_rejected("offer-unknown")


def test_an_id_that_is_none_is_refused() -> None:
    housed.when(hand(say_so="yes")).then_rejected("id-invalid")


def test_nobody_does_it_for_a_file_that_another_desk_may_have_or_that_is_gone() -> None:
    housed.given(BEGUN).when(hand()).then_rejected("hand-over-under-way", site="west")
    housed.given(ERASED).when(hand()).then_rejected("client-erased", erased_at=T0.isoformat())


def test_the_next_stay_is_asked_about_anew() -> None:
    elsewhere = received("77777777-7777-4777-8777-777777777777", "noord")
    file = housed.given(HANDED, elsewhere, heard("left", number=12)).state
    assert file.home is None
    assert file.offers[elsewhere.offer_id].say_so == ""
