"""What sessions came to is told when their week is over, and again when somebody counts better."""

from datetime import UTC, date, datetime, timedelta

from msgspec.structs import replace

from services.placement import commands_house as ch
from services.placement import events as ev
from services.placement import events_house as eh
from services.placement import policy
from services.placement.publish import tell
from services.placement.publish_epoch import epoch
from shared.contracts.placement import AttendanceTold
from shared.timers import TimerSet
from tests.placement.note_attendance.test_noted import BOOKED, ENDED, NOTED, OPENED, SESSION, under_way
from tests.placement.sample import AT, west

MONDAY, OVER = date(2026, 1, 5), datetime(2026, 1, 11, 23, 0, tzinfo=UTC)
"""The week of the session, and when it is over: midnight in Amsterdam."""
END = ch.EndSessionWeek(at=OVER, role="system", location="west", week=MONDAY)
WEEK_ENDED = eh.SessionWeekEnded(MONDAY, OVER)
Rows = list[tuple[date, str, int, int, int, int]]


def said(*events: ev.LocationEvent) -> Rows:
    """What the last of these tells."""
    before, after_it = west.given(*events[:-1]).state, west.given(*events).state
    return rows([telling.contract for telling in tell(before, events[-1:], after_it)])


def rows(contracts: list[object]) -> Rows:
    found = [contract for contract in contracts if isinstance(contract, AttendanceTold)]
    return [(each.week, row.kind, row.sessions, row.counted, row.booked, row.attended)
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
    assert said(*so_far, WEEK_ENDED) == [(MONDAY, "consultation", 1, 1, 2, 1)]


def test_what_is_counted_after_it_is_told_anew() -> None:
    late = eh.AttendanceNoted(SESSION, 2, OVER + timedelta(hours=1))
    assert said(OPENED, *BOOKED, NOTED, ENDED, WEEK_ENDED, late) == [(MONDAY, "consultation", 1, 1, 2, 2)]
    assert said(OPENED, *BOOKED, WEEK_ENDED, replace(ENDED, at=OVER)) == [(MONDAY, "consultation", 1, 0, 2, 0)]


def test_early_or_twice_it_changes_nothing() -> None:
    under_way.given(ENDED).when(replace(END, at=OVER - timedelta(seconds=1))).then_nothing()
    under_way.given(ENDED, WEEK_ENDED).when(END).then_nothing()
    under_way.when(replace(END, location="noord")).then_rejected("location-unknown")


def test_a_new_epoch_tells_every_week_that_was_told_and_no_other() -> None:
    state = under_way.given(NOTED, ENDED).state
    assert rows([telling.contract for telling in epoch([state], AT)]) == []
    told = under_way.given(NOTED, ENDED, WEEK_ENDED).state
    assert rows([telling.contract for telling in epoch([told], AT)]) == [(MONDAY, "consultation", 1, 1, 2, 1)]
