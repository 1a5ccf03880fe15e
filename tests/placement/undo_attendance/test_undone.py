"""A count of who came is taken back within a minute."""

from msgspec.structs import replace

from services.placement import commands_house as ch
from services.placement import events as ev
from services.placement import events_house as eh
from tests.placement.note_attendance.test_noted import ENDED, NOTED, SESSION, WEEK, under_way
from tests.placement.sample import after, uid

UNDO = ch.UndoAttendance(at=after(minutes=6), role="operator", location="west", session_id=SESSION)
UNDONE = eh.AttendanceNoted(SESSION, None, after(minutes=6), undo=True)


def test_it_is_as_if_nobody_had_counted() -> None:
    assert under_way.given(NOTED).when(UNDO).then(UNDONE).state.sessions[SESSION].came is None


def test_what_was_counted_before_counts_again() -> None:
    better = eh.AttendanceNoted(SESSION, 2, after(hours=3))
    undo = replace(UNDO, at=after(hours=3, seconds=60))
    back = under_way.given(NOTED, ENDED, better).when(undo).then(eh.AttendanceNoted(SESSION, 1, undo.at, undo=True))
    assert (back.state.past[SESSION].came, back.state.session_weeks[WEEK].attended) == (1, 1)


def test_a_second_tap_changes_nothing() -> None:
    under_way.given(NOTED, UNDONE).when(UNDO).then_nothing()


def test_not_later_than_a_minute_nor_where_nobody_counted() -> None:
    under_way.given(NOTED).when(replace(UNDO, at=after(minutes=6, seconds=1))).then_rejected("undo-too-late")
    under_way.when(UNDO).then_rejected("undo-not-possible", session_id=SESSION)
    under_way.when(replace(UNDO, session_id=uid(9))).then_rejected("session-unknown")


def test_not_to_more_than_are_booked_since_a_seat_was_given_back() -> None:
    """Two were counted, then one; so the other seat could be given back, and nobody may be said to have sat in it."""
    two, one = (eh.AttendanceNoted(SESSION, count, after(minutes=5)) for count in (2, 1))
    given = under_way.given(two, one, ev.SeatGivenBack(SESSION, uid(1), after(minutes=5)))
    given.when(replace(UNDO, at=after(minutes=5))).then_rejected("undo-not-possible", session_id=SESSION)
