"""Whoever lives here was checked in somewhere else: their stay ends as transferred, once, however late it is heard."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from services.placement import commands_offers as oc
from services.placement import events as ev
from services.placement import events_offers as oe
from services.placement.publish_offers import letters
from tests.placement.offers import (
    ACCEPTED,
    CHECKED_IN,
    HELD,
    OFFER,
    OFFERED,
    REQUEST,
    ended,
    lapse,
    with_accepted,
    with_housed,
    with_offer,
    with_unit,
)  # fmt: skip
from tests.placement.sample import A1, A2, AT, STAY, after, opened, uid, west

LATER = after(hours=30)
SINCE = after(hours=20)


def give_up(**fields: Any) -> oc.GiveUpPlace:
    given: dict[str, Any] = {
        "at": LATER, "role": "system", "location": "west", "offer_id": OFFER, "request_id": REQUEST, "site": "noord",
        "turn": 2, "moved_at": SINCE,
    }  # fmt: skip
    return oc.GiveUpPlace(**(given | fields))


def left(ended_at: Any = SINCE, at: Any = LATER) -> ev.StayEnded:
    return ev.StayEnded(STAY, (A1,), "transferred", ended_at, at)


NOTED = oe.DoubleNoted(OFFER, 2, False, LATER)


def test_the_stay_ends_when_they_moved_and_the_place_is_free() -> None:
    done = with_housed.when(give_up()).then(NOTED, left())
    assert done.state.free_of("family_shelter") == (A1,)
    assert (done.state.offers[OFFER].word, done.state.offers[OFFER].turn) == ("left", 2)


def test_a_letter_that_was_weeks_on_its_way_or_of_a_clock_that_is_ahead_is_not_refused() -> None:
    weeks = AT + timedelta(days=30)
    noted = oe.DoubleNoted(OFFER, 2, False, weeks)
    with_housed.when(give_up(at=weeks)).then(noted, left(at=weeks))
    with_housed.when(give_up(moved_at=LATER + timedelta(days=1))).then(NOTED, left(LATER))
    with_housed.when(give_up(moved_at=AT - timedelta(days=1))).then(NOTED, left(AT))


def test_it_does_not_end_when_somebody_else_was_still_where_they_were_moved_to() -> None:
    other, until = uid(7), after(hours=25)
    two_units = west.given(opened(A1, A2, kind="family_shelter", sleeps=6), HELD, OFFERED, ACCEPTED, CHECKED_IN)
    was_used = two_units.given(
        ev.StayBegan(other, (A2,), "family_shelter", 2, AT, AT),
        ev.StayEnded(other, (A2,), "moved_on", until, until),
        ev.StayMoved(STAY, (A1,), (A2,), "family_shelter", after(hours=26), after(hours=26)),
    )
    gone = ev.StayEnded(STAY, (A2,), "transferred", until, LATER)
    was_used.when(give_up()).then(NOTED, gone)


def test_it_ends_once_whoever_ended_it() -> None:
    given = with_housed.given(NOTED, left())
    given.when(give_up()).then(oe.WordRepeated(OFFER, REQUEST, "noord", LATER))
    given.when(give_up(turn=3)).then(oe.WordRepeated(OFFER, REQUEST, "noord", LATER))
    by_the_desk = with_housed.given(ev.StayEnded(STAY, (A1,), "moved_on", AT, AT))
    by_the_desk.when(give_up()).then(oe.WordRepeated(OFFER, REQUEST, "noord", LATER))


def test_a_store_that_does_not_know_of_their_arrival_waits_for_them_no_longer() -> None:
    off = ev.HoldCancelled(OFFER, (A1,), LATER, "called_off")
    with_accepted.when(give_up()).then(off, ended("called_off", "request_ended", LATER))
    not_taken = ev.HoldCancelled(OFFER, (A1,), LATER, "declined")
    with_offer.when(give_up()).then(not_taken, ended("declined", "request_ended", LATER))


def test_the_timer_of_a_hold_that_was_given_up_finds_nothing_to_do() -> None:
    off = ev.HoldCancelled(OFFER, (A1,), LATER, "called_off")
    with_accepted.given(off, ended("called_off", "request_ended", LATER)).when(lapse(LATER)).then_nothing()


def test_an_offer_nobody_here_knows_and_one_of_another_site() -> None:
    with_unit.when(give_up()).then(oe.WordRepeated(OFFER, REQUEST, "noord", LATER))
    with_housed.when(give_up(site="zuidoost")).then_rejected("offer-of-another-site")


def test_the_desk_hears_that_they_left() -> None:
    done = with_housed.when(give_up()).then(NOTED, left())
    [written, of_stay] = letters(with_housed.state, [NOTED, left()], done.state)
    assert (written.to, written.draft.body.word, written.draft.body.turn) == ("noord", "left", 2)  # type: ignore[attr-defined]
    assert (of_stay.to, of_stay.draft.body.ended_at) == ("noord", SINCE)  # type: ignore[attr-defined]
