"""A booked seat that is not needed."""

from msgspec.structs import replace

from services.placement import commands as cmd
from services.placement import events as ev
from services.placement.decider_seats import BACK_KEPT
from tests.placement.book_seat.test_booked import BOOK, BOOKED, FIRST, OPEN, SECOND
from tests.placement.open_session.test_opened import OPENED, SESSION
from tests.placement.sample import AT, after, uid, west

BACK = cmd.GiveSeatBack(at=AT, role="caseworker", location="west", session_id=SESSION, booking_id=FIRST)
GIVEN = ev.SeatGivenBack(SESSION, FIRST, AT)


def test_somebody_else_can_have_it() -> None:
    given = OPEN.given(BOOKED, ev.SeatBooked(SESSION, SECOND, AT)).when(BACK).then(GIVEN)
    other = replace(BOOK, booking_id=BACK.session_id)
    given.when(other).then(ev.SeatBooked(SESSION, BACK.session_id, AT))


def test_the_same_again_changes_nothing() -> None:
    OPEN.given(BOOKED, GIVEN).when(BACK).then_nothing()


def test_what_was_not_booked_or_is_over() -> None:
    OPEN.when(BACK).then_rejected("booking-unknown")
    OPEN.given(BOOKED).when(replace(BACK, at=after(hours=3))).then_rejected("session-over")
    OPEN.when(replace(BACK, session_id=FIRST)).then_rejected("session-unknown")


def test_the_number_people_wrote_down_is_enough_and_names_one() -> None:
    one, other = "5b1e7a52" + uid(1)[8:], "5b1e7a52" + uid(2)[8:]
    booked = OPEN.given(BOOKED, ev.SeatBooked(SESSION, one, AT))
    given = booked.when(replace(BACK, booking_id="5b1e7a52")).then(ev.SeatGivenBack(SESSION, one, AT))
    given.when(replace(BACK, booking_id="5b1e7a52")).then_nothing()
    alike = OPEN.given(ev.SeatBooked(SESSION, one, AT), ev.SeatBooked(SESSION, other, AT))
    alike.when(replace(BACK, booking_id="5b1e7a52")).then_rejected("booking-unknown")


def test_only_the_newest_that_were_given_back_are_remembered() -> None:
    many = [uid(2000 + n) for n in range(BACK_KEPT + 3)]
    taps: list[ev.LocationEvent] = []
    for booking in many:
        taps += [ev.SeatBooked(SESSION, booking, AT), ev.SeatGivenBack(SESSION, booking, AT)]
    state = west.given(OPENED, *taps).state
    assert list(state.sessions[SESSION].back) == many[3:]
    west.given(OPENED, *taps).when(replace(BACK, booking_id=many[0])).then_rejected("booking-unknown")
    west.given(OPENED, *taps).when(replace(BACK, booking_id=many[-1])).then_nothing()
