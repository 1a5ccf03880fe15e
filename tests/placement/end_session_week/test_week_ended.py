"""What sessions came to is told when their week is over, and again when somebody counts better."""

from datetime import UTC, date, datetime, timedelta

from msgspec.structs import replace

from services.placement import commands_house as ch
from services.placement import events as ev
from services.placement import events_house as eh
from services.placement import policy
from services.placement.publish import tell
from services.placement.publish_epoch import epoch
from shared.contracts.placement import SessionWeekTold
from shared.timers import TimerSet
from tests.placement.note_attendance.test_noted import BOOKED, ENDED, NOTED, OPENED, SESSION, under_way
from tests.placement.sample import AT, uid, west

MONDAY, OVER = date(2026, 1, 5), datetime(2026, 1, 11, 23, 0, tzinfo=UTC)
"""The week of the session, and when it is over: midnight in Amsterdam."""
END = ch.EndSessionWeek(at=OVER, role="system", location="west", week=MONDAY)
WEEK_ENDED = eh.SessionWeekEnded("west", MONDAY, (("consultation", None),), goes_on=False, at=OVER)
Rows = list[tuple[date, str, int, int, int, int, int, int | None]]


def said(*events: ev.LocationEvent) -> Rows:
    """What the last of these tells."""
    before, after_it = west.given(*events[:-1]).state, west.given(*events).state
    return rows([telling.contract for telling in tell(before, events[-1:], after_it)])


def rows(contracts: list[object]) -> Rows:
    found = [contract for contract in contracts if isinstance(contract, SessionWeekTold)]
    return [(each.week, row.kind, row.sessions, row.counted, row.booked, row.attended, row.full, row.wait_days)
            for each in found for row in each.rows]  # fmt: skip


def test_a_timer_stands_for_it_from_the_moment_a_session_opens() -> None:
    _, timer = policy.timers([OPENED])
    assert isinstance(timer, TimerSet)
    assert (timer.id, timer.due_at) == ("session-week/west/2026-01-05", OVER)
    assert policy.due(timer.kind, timer.key, timer.id, OVER).command == END


def test_the_week_is_told_when_it_is_over_and_not_before() -> None:
    under_way.given(ENDED).when(END).then(WEEK_ENDED)
    so_far = (OPENED, *BOOKED, NOTED, ENDED)
    assert [said(*so_far[:n]) for n in range(1, len(so_far) + 1)] == [[]] * len(so_far)
    assert said(*so_far, WEEK_ENDED) == [(MONDAY, "consultation", 1, 1, 2, 1, 0, None)]


def test_what_is_counted_after_it_is_told_anew() -> None:
    late = eh.AttendanceNoted(SESSION, 2, OVER + timedelta(hours=1))
    assert said(OPENED, *BOOKED, NOTED, ENDED, WEEK_ENDED, late) == [(MONDAY, "consultation", 1, 1, 2, 2, 0, None)]
    assert said(OPENED, *BOOKED, WEEK_ENDED, replace(ENDED, at=OVER)) == [(MONDAY, "consultation", 1, 0, 2, 0, 0, None)]


def test_early_or_twice_it_changes_nothing() -> None:
    under_way.given(ENDED).when(replace(END, at=OVER - timedelta(seconds=1))).then_nothing()
    under_way.given(ENDED, WEEK_ENDED).when(END).then_nothing()
    under_way.when(replace(END, location="noord")).then_rejected("location-unknown")


def test_a_new_epoch_tells_every_week_that_was_told_and_no_other() -> None:
    state = under_way.given(NOTED, ENDED).state
    assert rows([telling.contract for telling in epoch([state], AT)]) == []
    told = under_way.given(NOTED, ENDED, WEEK_ENDED).state
    assert rows([telling.contract for telling in epoch([told], AT)]) == [(MONDAY, "consultation", 1, 1, 2, 1, 0, None)]


def ahead(number: int, kind: str, seats: int, *, begins: float, ends: float) -> ev.SessionOpened:
    """A session that begins and ends so many hours after the week."""
    times = OVER + timedelta(hours=begins), OVER + timedelta(hours=ends)
    return ev.SessionOpened(uid(number), kind, *times, seats, AT, "west")


def full(*numbers: int) -> tuple[ev.SeatBooked, ...]:
    return tuple(ev.SeatBooked(uid(number), uid(900 + number), AT) for number in numbers)


def test_it_says_in_how_many_days_there_is_a_seat_of_each_kind() -> None:
    """Days of the city's calendar: a session on the evening of the third day and one in its first hour are as far."""
    coming = (
        ahead(611, "consultation", 1, begins=20, ends=22), ahead(612, "consultation", 1, begins=71.5, ends=73),
        ahead(613, "internship", 1, begins=-500, ends=4000), ahead(614, "activation", 1, begins=-2, ends=2),
    )  # fmt: skip
    free = (("activation", 0), ("consultation", 0), ("internship", 0))
    west.given(*coming).when(END).then(replace(WEEK_ENDED, waits=free, goes_on=True))
    taken = (("activation", 0), ("consultation", 2), ("internship", None))
    west.given(*coming, *full(611, 613)).when(END).then(replace(WEEK_ENDED, waits=taken, goes_on=True))


def test_who_looks_late_says_what_was_true_when_the_week_was_over() -> None:
    """A site that was off for a day: what ended meanwhile had a seat then."""
    begun = ahead(611, "consultation", 1, begins=2, ends=4)
    late = OVER + timedelta(days=1)
    waits = replace(WEEK_ENDED, waits=(("consultation", 0),), goes_on=False, at=late)
    west.given(begun, eh.SessionEnded(uid(611), late)).when(replace(END, at=late)).then(waits)


def test_how_many_were_full_is_told_and_the_days_stand_beside_them() -> None:
    third = ev.SeatBooked(SESSION, uid(3), AT)
    week = replace(WEEK_ENDED, waits=(("activation", 4), ("consultation", None)))
    assert said(OPENED, *BOOKED, third, ENDED, week) == [
        (MONDAY, "consultation", 1, 0, 3, 0, 1, None), (MONDAY, "activation", 0, 0, 0, 0, 0, 4),
    ]  # fmt: skip


def test_as_long_as_there_is_a_session_every_week_is_looked_at() -> None:
    (again,) = policy.timers([replace(WEEK_ENDED, goes_on=True)])
    assert isinstance(again, TimerSet)
    assert (again.id, again.due_at) == ("session-week/west/2026-01-12", OVER + timedelta(days=7))
    assert policy.timers([WEEK_ENDED]) == []
