"""Who came to a session is counted from the moment it begins until a week after its end."""

from datetime import date

from msgspec.structs import replace

from services.placement import commands as cmd
from services.placement import commands_house as ch
from services.placement import events as ev
from services.placement import events_house as eh
from services.placement.decider_seats import SessionWeek
from services.placement.views import project
from tests.placement.sample import AT, after, uid, west

SESSION = uid(601)
OPENED = ev.SessionOpened(SESSION, "consultation", AT, after(hours=2), 3, after(hours=-1), "west")
BOOKED: tuple[ev.LocationEvent, ...] = tuple(ev.SeatBooked(SESSION, uid(n), after(hours=-1)) for n in (1, 2))
NOTE = ch.NoteAttendance(at=after(minutes=5), role="operator", location="west", session_id=SESSION, attended=1)
NOTED = eh.AttendanceNoted(SESSION, 1, after(minutes=5))
ENDED = eh.SessionEnded(SESSION, after(hours=2))
WEEK = "2026-01-05|consultation"

under_way = west.given(OPENED, *BOOKED)


def test_it_is_counted_while_it_lasts_and_said_better_after_it() -> None:
    assert under_way.when(NOTE).then(NOTED).state.sessions[SESSION].came == 1
    over = under_way.given(NOTED, ENDED)
    assert over.state.session_weeks == {WEEK: SessionWeek(date(2026, 1, 5), "consultation", 1, 1, 2, 1)}
    late = replace(NOTE, at=after(days=7, hours=2), attended=2)
    said = over.when(late).then(eh.AttendanceNoted(SESSION, 2, late.at)).state
    assert said.session_weeks == {WEEK: SessionWeek(date(2026, 1, 5), "consultation", 1, 1, 2, 2)}


def test_where_nobody_counted_nobody_is_said_to_have_come_or_stayed_away() -> None:
    assert under_way.given(ENDED).state.session_weeks[WEEK] == SessionWeek(date(2026, 1, 5), "consultation", 1, 0, 2, 0)
    nobody = under_way.given(ENDED).when(replace(NOTE, at=after(hours=3), attended=0))
    assert nobody.then(eh.AttendanceNoted(SESSION, 0, after(hours=3))).state.session_weeks[WEEK].counted == 1


def test_the_same_count_again_changes_nothing() -> None:
    under_way.given(NOTED).when(NOTE).then_nothing()
    under_way.given(NOTED, ENDED).when(replace(NOTE, at=after(hours=3))).then_nothing()


def test_not_before_it_begins_nor_long_after_nor_more_than_had_a_seat() -> None:
    under_way.when(replace(NOTE, at=after(minutes=-1))).then_rejected("session-not-begun")
    over = under_way.given(ENDED)
    over.when(replace(NOTE, at=after(days=7, hours=2, seconds=1))).then_rejected("attendance-too-late", days_max=7)
    for wrong in (3, -1):
        under_way.when(replace(NOTE, attended=wrong)).then_rejected("attendance-invalid", attended_max=2)
    west.when(NOTE).then_rejected("session-unknown")


def test_a_seat_of_somebody_who_came_is_not_given_back() -> None:
    back = cmd.GiveSeatBack(at=NOTE.at, role="caseworker", location="west", session_id=SESSION, booking_id=uid(1))
    given = under_way.given(NOTED).when(back).then(ev.SeatGivenBack(SESSION, uid(1), NOTE.at))
    given.when(replace(back, booking_id=uid(2))).then_rejected("seats-attended", attended=1)


def test_it_is_forgotten_when_nobody_can_count_it_any_more() -> None:
    other = ev.SessionOpened(uid(602), "activation", after(days=8), after(days=9), 1, after(days=8), "west")
    later = eh.SessionEnded(uid(602), after(days=9))
    state = under_way.given(NOTED, ENDED, other, later).state
    assert list(state.past) == [uid(602)]
    assert state.session_weeks[WEEK].attended == 1


def test_a_session_that_no_timer_ended_counts_in_its_week_too() -> None:
    other = ev.SessionOpened(uid(602), "activation", after(days=1), after(days=2), 1, after(days=1), "west")
    state = under_way.given(NOTED, other).state
    assert (list(state.sessions), list(state.past)) == ([uid(602)], [SESSION])
    assert state.session_weeks[WEEK] == SessionWeek(date(2026, 1, 5), "consultation", 1, 1, 2, 1)


def test_the_row_of_the_session_says_it_whether_it_is_over_or_not() -> None:
    for known in ((OPENED, *BOOKED), (OPENED, *BOOKED, ENDED)):
        before = west.given(*known).state
        [put] = project(before, [NOTED], west.given(*known, NOTED).state, NOTED.at)
        assert put.values[6:] == (2, before.version + 1, 1)  # type: ignore[union-attr]
    [put] = project(west.state, [OPENED, *BOOKED, ENDED, NOTED], west.given(OPENED, *BOOKED, ENDED, NOTED).state, AT)
    assert put.values[6:] == (2, west.state.version + 5, 1)  # type: ignore[union-attr]
