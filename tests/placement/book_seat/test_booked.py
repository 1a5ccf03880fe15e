"""A seat for somebody."""

from msgspec.structs import replace

from services.placement import commands as cmd
from services.placement import events as ev
from tests.placement.open_session.test_opened import OPENED, SESSION
from tests.placement.sample import AT, after, uid, west

FIRST, SECOND, THIRD = uid(611), uid(612), uid(613)
BOOK = cmd.BookSeat(at=AT, role="caseworker", location="west", session_id=SESSION, booking_id=FIRST)
BOOKED = ev.SeatBooked(SESSION, FIRST, AT)
OPEN = west.given(OPENED)


def test_a_seat_is_booked() -> None:
    assert OPEN.when(BOOK).then(BOOKED).state.sessions[SESSION].booked == (FIRST,)


def test_the_same_booking_again_changes_nothing() -> None:
    OPEN.given(BOOKED).when(BOOK).then_nothing()


def test_there_are_no_more_seats_than_there_are() -> None:
    full = OPEN.given(BOOKED, ev.SeatBooked(SESSION, SECOND, AT))
    full.when(replace(BOOK, booking_id=THIRD)).then_rejected("session-full", seats=2)


def test_what_is_over_or_given_back_is_not_booked() -> None:
    OPEN.when(replace(BOOK, at=after(hours=3))).then_rejected("session-over")
    OPEN.given(BOOKED, ev.SeatGivenBack(SESSION, FIRST, AT)).when(BOOK).then_rejected("booking-ended")
    OPEN.when(replace(BOOK, session_id=uid(9))).then_rejected("session-unknown")
    OPEN.when(replace(BOOK, booking_id="x")).then_rejected("id-invalid")
