"""A client has a seat in an allowance programme, or has it no more: weeks count who goes where."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from msgspec.structs import replace

from services.intake import events_offers as oe
from services.intake.commands_flows import NoteSeat
from services.intake.decider_flows import SEATS_MAX, flow_of
from services.intake.events_flows import SeatNoted
from services.intake.policy import timers
from shared.timers import TimerSet
from tests.intake.offers import EXPECTED, HOUSED, OFFER, PLACED, accepted, heard, received
from tests.intake.sample import ANNA, ASKED, ERASED, OPENED, REGISTERED, T0, asked, at_desk

SEAT = "88888888-8888-4888-8888-888888888888"
OTHER = "99999999-9999-4999-8999-999999999999"
MONDAY, NEXT = date(2026, 1, 5), date(2026, 1, 12)
A_WEEK = timedelta(days=7)

given = at_desk.given(REGISTERED, OPENED)
LIVES = (received(), accepted(), EXPECTED, HOUSED, PLACED)


def seat(held: bool = True, entitlement_id: str = SEAT) -> NoteSeat:
    made: NoteSeat = asked(NoteSeat, entitlement_id=entitlement_id, held=held)
    return made


def noted(held: bool = True, entitlement_id: str = SEAT, later: timedelta = timedelta()) -> SeatNoted:
    return SeatNoted(ANNA, entitlement_id, held, T0 + later)


def at_home(*lived: tuple[str, datetime]) -> oe.StayHeard:
    return oe.StayHeard(ANNA, ASKED, OFFER, lived, None, 1, 12, lived[-1][1])


def test_who_has_a_seat_and_no_place_has_an_allowance() -> None:
    file = given.when(seat()).then(noted()).state
    assert (file.living, flow_of(file, MONDAY)) == ("allowance", ("out", "allowance"))


def test_said_again_or_taken_back_before_it_was_heard_it_changes_nothing() -> None:
    given.given(noted()).when(seat()).then_nothing()
    given.when(seat(held=False)).then_nothing()
    given.given(noted()).when(seat(held=False)).then(noted(held=False))


def test_a_place_goes_before_a_seat_and_the_last_of_two_seats_counts() -> None:
    assert given.given(*LIVES, noted()).state.living == "family_shelter"
    assert given.given(noted(), noted(True, OTHER), noted(held=False)).state.living == "allowance"
    assert given.given(noted(), noted(held=False)).state.living == "out"


def test_within_a_week_only_where_it_began_and_ended_counts() -> None:
    file = given.given(noted(), *LIVES).state
    assert flow_of(file, MONDAY) == ("out", "family_shelter")
    back = given.given(*LIVES, heard("left", 12)).state
    assert flow_of(back, MONDAY) == ("out", "out")
    assert flow_of(back, NEXT) is None


def test_a_week_is_counted_as_it_was_when_it_ended_however_late() -> None:
    file = given.given(*LIVES, heard("left", 12, at=T0 + A_WEEK), noted(later=2 * A_WEEK)).state
    assert flow_of(file, MONDAY) == ("out", "family_shelter")
    assert flow_of(file, NEXT) == ("family_shelter", "out")
    assert flow_of(file, NEXT + A_WEEK) == ("out", "allowance")


def test_a_move_within_a_house_to_a_place_of_another_kind_is_one_too() -> None:
    moved = at_home(("family_shelter", T0), ("medical_respite", T0 + A_WEEK))
    file = given.given(*LIVES, moved).state
    assert (file.living, flow_of(file, NEXT)) == ("medical_respite", ("family_shelter", "medical_respite"))
    [timer] = timers([moved])
    assert isinstance(timer, TimerSet)
    assert timer.id == f"count/flow/{ANNA}/{NEXT}"
    before_the_word = given.given(received(), accepted(), EXPECTED, moved)
    assert before_the_word.state.living == "out"
    assert before_the_word.given(HOUSED).state.living == "medical_respite"
    back = replace(moved, lived=(("family_shelter", T0),), number=13, at=moved.at)
    assert flow_of(given.given(*LIVES, moved, back).state, NEXT) == ("family_shelter", "family_shelter")


def test_nobody_looking_at_the_file_sees_anything_else() -> None:
    assert given.given(noted()).state.moved == given.state.moved


def test_a_file_that_is_erased_or_unknown_hears_of_no_seat_and_moves_nowhere_any_more() -> None:
    given.given(*LIVES, ERASED).when(seat()).then_rejected("client-erased")
    at_desk.when(seat()).then_rejected("client-unknown")
    gone = given.given(*LIVES, ERASED, heard("left", 12, offer_id=OFFER, at=T0 + A_WEEK)).state
    assert flow_of(gone, NEXT) is None


def test_what_is_no_id_and_more_seats_than_there_are_programmes_are_refused() -> None:
    given.when(seat(entitlement_id="a seat")).then_rejected("id-invalid")
    many = [noted(entitlement_id=f"{SEAT[:-2]}{number:02}") for number in range(SEATS_MAX)]
    given.given(*many).when(seat(entitlement_id=OTHER)).then_rejected("too-many-seats")
