"""Somebody who lives somewhere moves to another location: what they have is theirs until they are checked in there."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from services.intake import commands_offers as oc
from services.intake import events as ev
from services.intake import events_offers as oe
from services.intake.decider_file import File, doubles, status_of
from services.intake.publish import tell
from services.intake.publish_offers import letter, standing
from shared.contracts import intake as told
from shared.contracts.vocabulary import OFFER_WORDS
from tests.intake.offers import (
    ASK,
    BY,
    EXPECTED,
    HOUSED,
    MINUTE,
    OFFER,
    PLACED,
    accept,
    accepted,
    decline,
    declined,
    hear,
    heard,
    received,
    with_offer,
    with_request,
    word,
)  # fmt: skip
from tests.intake.sample import ANNA, ASKED, ASKED_AGAIN, ERASED, FACTS, T0, WITHDRAWN, asked, open_request

ASKED_TO_MOVE = ev.RequestOpened(
    ANNA, ASKED_AGAIN, ("shelter_24h",), (), 1, ("west-2",), FACTS, 1, 1, date(2026, 1, 5), T0
)
NEXT, OTHER = "88888888-8888-4888-8888-888888888888", "99999999-9999-4999-8999-999999999999"


def of_the_move(event: Any, **fields: Any) -> Any:
    return replace(event, request_id=ASKED_AGAIN, **fields)


RECEIVED = of_the_move(received(NEXT, "zuidoost"), kind="shelter_24h")
ACCEPTED = of_the_move(accepted(NEXT), household_size=1)
MOVE_EXPECTED = of_the_move(heard("expected", offer_id=NEXT, until=BY, again_at=BY + MINUTE))
MOVE_HOUSED = of_the_move(heard("housed", 11, NEXT, again_at=T0 + timedelta(hours=12)))
MOVE_PLACED = oe.RequestPlaced(ANNA, ASKED_AGAIN, NEXT, T0)
GIVEN_UP = oe.PlaceGivenUp(ANNA, ASKED, OFFER, 2, T0, T0 + ASK, T0)

lives_at_west = with_offer.given(accepted(), EXPECTED, HOUSED, PLACED)
wants_to_move = lives_at_west.given(ASKED_TO_MOVE)
with_next = wants_to_move.given(RECEIVED)
moving = with_next.given(ACCEPTED)
moved = moving.given(MOVE_EXPECTED, MOVE_HOUSED, MOVE_PLACED, GIVEN_UP)


def to_move(**fields: Any) -> Any:
    given = {
        "request_id": ASKED_AGAIN, "kinds": ("shelter_24h",), "features": (), "household_size": 1, "not_at": (),
        "transfer": True,
    }  # fmt: skip
    return open_request(**(given | fields))


def hear_next(**fields: Any) -> oc.HearOffer:
    given = {"request_id": ASKED_AGAIN, "site": "zuidoost", "location": "zuidoost-2", "kind": "shelter_24h"}
    return hear(NEXT, **(given | fields))


def word_next(said: str, number: int = 11, **fields: Any) -> oc.HearWord:
    return word(said, number, NEXT, **({"request_id": ASKED_AGAIN, "site": "zuidoost"} | fields))


def test_whoever_lives_somewhere_asks_for_a_transfer_and_it_leads_anywhere_else() -> None:
    lives_at_west.when(to_move()).then(ASKED_TO_MOVE)
    wants_to_move.when(to_move()).then_nothing()
    lives_at_west.when(to_move(not_at=("oost",))).then(replace(ASKED_TO_MOVE, not_at=("oost", "west-2")))


def test_nobody_asks_for_a_second_place_or_moves_out_of_none() -> None:
    lives_at_west.when(to_move(transfer=False)).then_rejected("client-housed")
    with_request.given(WITHDRAWN).when(to_move()).then_rejected("client-not-housed")


def test_where_they_live_takes_one_of_the_twenty_locations() -> None:
    twenty = tuple(f"house-{number}" for number in range(20))
    lives_at_west.when(to_move(not_at=twenty)).then_rejected("too-many-locations", locations_max=20)
    lives_at_west.when(to_move(not_at=(*twenty[1:], "west-2"))).then(
        replace(ASKED_TO_MOVE, not_at=tuple(sorted((*twenty[1:], "west-2"))))
    )


def test_an_offer_is_heard_of_but_for_where_they_live() -> None:
    assert status_of(with_next.state, with_next.state.requests[ASKED_AGAIN]) == "offered"
    wants_to_move.when(hear_next()).then(RECEIVED)
    wants_to_move.when(hear_next(location="west-2", site="west")).then(
        replace(RECEIVED, location="west-2", site="west", fits=False), of_the_move(declined("not_suitable", NEXT))
    )


def test_what_they_accept_stands_beside_where_they_live_and_is_no_double() -> None:
    state = with_next.when(accept(NEXT)).then(ACCEPTED).state
    assert (state.slot, state.moving_to, doubles(state)) == (OFFER, NEXT, [])
    assert status_of(state, state.requests[ASKED_AGAIN]) == "accepted"
    sure = moving.given(MOVE_EXPECTED).state
    assert (sure.slot, sure.moving_to, doubles(sure)) == (OFFER, NEXT, [])


def test_two_places_are_not_accepted_for_one_move() -> None:
    other = of_the_move(received(OTHER, "noord"), kind="shelter_24h")
    moving.given(other).when(accept(OTHER)).then_rejected("slot-unanswered", offer_id=NEXT, site="zuidoost")
    moving.given(MOVE_EXPECTED, other).when(accept(OTHER)).then_rejected("slot-taken", offer_id=NEXT)
    over = of_the_move(declined("overridden", NEXT, turn=2))
    in_spite = of_the_move(accepted(OTHER, override="owner_silent"), household_size=1)
    taken = moving.given(other).when(accept(OTHER, override="owner_silent")).then(over, in_spite).state
    assert (taken.slot, taken.moving_to, doubles(taken)) == (OFFER, OTHER, [NEXT])


def test_checked_in_there_they_live_there_and_their_old_place_is_given_up_once() -> None:
    state = moving.given(MOVE_EXPECTED).when(word_next("housed")).then(MOVE_HOUSED, MOVE_PLACED, GIVEN_UP).state
    assert (state.slot, state.moving_to, doubles(state)) == (NEXT, "", [])
    moved.when(word_next("housed")).then_nothing()
    moved.when(word_next("housed", 12)).then_nothing()


def test_whose_letter_lay_for_a_day_moved_a_day_ago() -> None:
    yesterday = T0 - timedelta(days=1)
    late, moved_then = replace(MOVE_HOUSED, said_at=yesterday), replace(GIVEN_UP, moved_at=yesterday)
    moving.given(MOVE_EXPECTED).when(word_next("housed", said_at=yesterday)).then(late, MOVE_PLACED, moved_then)


def test_its_owner_is_written_to_until_it_says_that_they_left() -> None:
    written = letter(moved.state, moved.state.offers[OFFER])
    assert (written.letter, written.to, written.request_id) == (told.PlaceGivenUp, "west", OFFER)
    repeat = asked(oc.RepeatOfferLetter, offer_id=OFFER, at=T0 + ASK, role="system")
    again = oe.OfferLetterRepeated(ANNA, ASKED, OFFER, 2, T0 + 3 * ASK, T0 + ASK)
    moved.when(repeat).then(again)
    left = moved.when(word("left", 12)).then(heard("left", 12)).state
    assert (left.slot, left.offers[OFFER].settled) == (NEXT, True)


def test_this_site_hears_that_they_left_when_they_moved_and_not_when_its_owner_has_read_of_it() -> None:
    """Whoever leaves the new place too is paid again, however long the link to the old one is cut."""
    said_at = T0 - timedelta(days=2)
    gone = replace(GIVEN_UP, moved_at=said_at)
    there = replace(MOVE_HOUSED, said_at=said_at)
    before = moving.given(MOVE_EXPECTED)
    after = before.when(word_next("housed", said_at=said_at)).then(there, MOVE_PLACED, gone)
    events = [there, MOVE_PLACED, gone]
    heard_of = [one.contract for one in tell(before.state, events, after.state) if one.subject in (OFFER, NEXT)]
    about = {"client_id": ANNA, "at": said_at}
    left = told.ClientLeft.of(**about, request_id=ASKED, offer_id=OFFER)
    where = {"site": "zuidoost", "location": "zuidoost-2", "kind": "shelter_24h"}
    assert heard_of == [told.ClientHoused.of(**about, **where, request_id=ASKED_AGAIN, offer_id=NEXT), left]
    assert [one.read() for one in standing(ANNA, after.state.offers[OFFER], T0)] == [left]
    late = heard("left", 12)
    assert tell(after.state, [late], after.given(late).state) == []


def test_an_owner_that_has_read_later_words_than_this_file_remembers_is_written_to_in_newer_ones() -> None:
    known = heard("housed", 12, turn=5, again_at=T0 + ASK)
    repeat = asked(oc.RepeatOfferLetter, offer_id=OFFER, at=T0 + ASK, role="system")
    again = oe.OfferLetterRepeated(ANNA, ASKED, OFFER, 6, T0 + 2 * ASK, T0 + ASK)
    moved.when(word("housed", 12, turn=5)).then(known)
    moved.given(known).when(repeat).then(again)


def test_whoever_is_taken_back_where_they_lived_may_be_a_double() -> None:
    back = moved.given(heard("left", 12)).after(word("housed", 13)).state
    assert (back.slot, doubles(back)) == (NEXT, [OFFER])


@pytest.mark.parametrize("how", ["declined", "withdrawn", "lapsed", "called_off", "no_show"])
def test_a_move_that_comes_to_nothing_leaves_them_where_they_live(how: str) -> None:
    state = moving.after(word_next(how)).state
    assert (state.slot, state.moving_to) == (OFFER, "")
    assert status_of(state, state.requests[ASKED_AGAIN]) == "waiting"


def test_whoever_leaves_before_they_move_is_expected_there_like_anybody() -> None:
    for given in (moving, moving.given(MOVE_EXPECTED)):
        left = given.after(word("left", 12)).state
        assert (left.slot, left.moving_to) == (NEXT, "")
    arrived = moving.given(MOVE_EXPECTED, heard("left", 12)).when(word_next("housed")).then(MOVE_HOUSED, MOVE_PLACED)
    assert arrived.state.slot == NEXT


def test_a_move_that_is_called_off_or_forgotten_and_still_happens_is_a_move() -> None:
    off = of_the_move(declined("too_far", NEXT, turn=2))
    called_off = moving.given(MOVE_EXPECTED).when(decline(NEXT)).then(off)
    unread = replace(MOVE_HOUSED, again_at=T0 + ASK)
    moving.given(MOVE_EXPECTED, off).when(word_next("housed")).then(unread, MOVE_PLACED, GIVEN_UP)
    assert called_off.state.moving_to == NEXT
    withdrawn = ev.RequestWithdrawn(ANNA, ASKED_AGAIN, "erased", T0)
    forgotten = moving.given(MOVE_EXPECTED, of_the_move(declined("request_ended", NEXT, turn=2)), withdrawn, ERASED)
    forgotten.when(word_next("housed")).then(unread, GIVEN_UP)


def test_the_owner_of_where_they_live_says_so_again_and_no_other_offer_is_declined() -> None:
    with_next.when(word("housed", 14, turn=0)).then(heard("housed", 14, turn=0, again_at=T0 + ASK))


def test_an_older_file_hears_that_they_are_expected_and_knows_that_they_move() -> None:
    state = with_next.given(MOVE_EXPECTED).state
    assert (state.slot, state.moving_to, doubles(state)) == (OFFER, NEXT, [])


def any_word(offer_id: str, said: str, number: int) -> oc.HearWord:
    return word(said, number) if offer_id == OFFER else word_next(said, number)


@pytest.mark.parametrize("first", OFFER_WORDS)
@pytest.mark.parametrize("second", OFFER_WORDS)
@pytest.mark.parametrize("order", [(OFFER, NEXT), (NEXT, OFFER), (NEXT, NEXT)])
def test_whatever_owners_say_in_whatever_order_there_is_one_slot_and_one_home(
    first: str, second: str, order: tuple[str, str]
) -> None:
    state: File = moving.after(any_word(order[0], first, 20)).after(any_word(order[1], second, 21)).state
    lived_in = [offer.id for offer in state.offers.values() if offer.lived_in]
    assert len(lived_in) <= 1 or set(lived_in) - {state.slot} == set(doubles(state))
    assert state.slot in ("", *state.offers)
    assert not state.moving_to or (state.home is not None and state.moving_to != state.slot)
