"""The owner of a place says all of a stay: since when they live in which kind of place, and until when."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from services.intake import commands_offers as oc
from services.intake import events_offers as oe
from services.intake.policy import heard as reacts
from services.intake.publish import tell
from services.intake.publish_offers import standing
from shared.contracts import intake as told
from shared.contracts.base import Opened
from shared.contracts.offer_letters import StayToldBody
from tests.console.sample import message
from tests.intake.offers import EXPECTED, HOUSED, OFFER, OFFER_2, PLACED, heard, with_accepted, with_offer
from tests.intake.sample import ANNA, ASKED, ERASED, T0, asked

FAMILY, NIGHT = "family_shelter", "night_shelter"
LIVED = ((FAMILY, T0 - timedelta(days=2)), (NIGHT, T0))
lives_there = with_accepted.given(EXPECTED, HOUSED, PLACED)


def hear(number: int = 12, **fields: Any) -> oc.HearStay:
    given = {
        "offer_id": OFFER, "request_id": ASKED, "site": "west", "lived": LIVED, "ended_at": None, "role": "system",
    }  # fmt: skip
    made: oc.HearStay = asked(oc.HearStay, number=number, **(given | fields))
    return made


def stay(number: int = 12, ended_at: Any = None, lived: Any = LIVED) -> oe.StayHeard:
    return oe.StayHeard(ANNA, ASKED, OFFER, lived, ended_at, 1, number, T0)


def contracts(given: Any, *events: Any) -> list[Any]:
    return [telling.contract for telling in tell(given.state, events, given.given(*events).state)]


def test_it_is_kept_and_told_to_this_site_whole() -> None:
    lives_there.when(hear()).then(stay())
    assert contracts(lives_there, stay()) == [
        told.ClientStayTold.of(client_id=ANNA, offer_id=OFFER, lived=LIVED, ended_at=None, at=T0)
    ]


def test_the_newest_word_counts_in_whatever_order_they_come() -> None:
    known = lives_there.given(stay())
    known.when(hear(11, ended_at=T0)).then_nothing()
    known.when(hear(13)).then_nothing()
    known.when(hear(13, ended_at=T0)).then(stay(13, T0))
    known.when(hear(1, epoch=2, ended_at=T0)).then(oe.StayHeard(ANNA, ASKED, OFFER, LIVED, T0, 2, 1, T0))


def test_nobodys_sight_of_the_file_is_stale_by_it_and_no_timer_is_set() -> None:
    before, after = lives_there.state, lives_there.given(stay()).state
    assert (after.moved, after.offers[OFFER].version) == (before.moved, before.offers[OFFER].version)
    assert after.offers[OFFER].again_at == before.offers[OFFER].again_at


def test_whoever_moved_on_lives_there_no_longer_whatever_its_owner_knows() -> None:
    moved_on = oe.PlaceGivenUp(ANNA, ASKED, OFFER, 2, T0 + timedelta(days=1), T0, T0)
    for ended_at in (None, T0 + timedelta(days=1), T0 + timedelta(days=3)):
        [said] = contracts(lives_there.given(moved_on), stay(ended_at=ended_at))
        assert said.ended_at == T0 + timedelta(days=1)


def test_whoever_had_left_before_they_moved_has_no_meals_there_in_between() -> None:
    """Their owner found out by a head count; an allowance is paid for the days until they had another place."""
    moved_on = oe.PlaceGivenUp(ANNA, ASKED, OFFER, 2, T0 + timedelta(days=9), T0, T0)
    [said] = contracts(lives_there.given(moved_on), stay(ended_at=T0 + timedelta(days=2)))
    assert said.ended_at == T0 + timedelta(days=2)


def test_a_new_epoch_tells_it_after_the_word_it_belongs_to() -> None:
    at = T0 + timedelta(days=9)
    for word, kind in ((None, told.ClientHoused), (heard("left", 12), told.ClientLeft)):
        given = lives_there.given(*([] if word is None else [word]), stay(13, None if word is None else T0))
        said = [item.read() for item in standing(ANNA, given.state.offers[OFFER], at)]
        assert [type(item) for item in said] == [kind, told.ClientStayTold]
    assert len(standing(ANNA, lives_there.state.offers[OFFER], at)) == 1


def test_whoever_is_erased_is_nobodys_news() -> None:
    erased = lives_there.given(ERASED)
    erased.when(hear()).then(stay())
    assert contracts(erased, stay()) == []


def test_an_offer_nobody_here_knows_and_one_of_another_site() -> None:
    with_offer.when(hear(offer_id=OFFER_2)).then_rejected("offer-unknown")
    lives_there.when(hear(site="zuidoost")).then_rejected("offer-of-another-site")


def test_a_letter_of_a_clock_that_is_ahead_says_nothing_of_tomorrow() -> None:
    ahead = T0 + timedelta(minutes=2)
    body = StayToldBody(offered_for=ASKED, number=12, lived=(("family_shelter", ahead),), ended_at=ahead)
    letter = message(told.EpochBegan.of(at=T0), 1)
    reaction = reacts(letter, Opened("noord", OFFER, body), T0)
    assert reaction is not None
    command: Any = reaction.command
    assert (reaction.key, command.lived, command.ended_at, command.site) == (ASKED, ((FAMILY, T0),), T0, "noord")
