"""Who came to a session: a count of those booked; and what sessions come to by week and kind: how many were full, and
how long one waited for a seat.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from services.placement import commands_house as ch
from services.placement import events_house as eh
from services.placement.decider_location import Location
from services.placement.decider_places import UNDO_WITHIN, Outcome, too_late
from services.placement.decider_seats import Attended, Session, SessionWeek
from shared.contracts.weeks import CITY, WEEK, week_ends, week_of
from shared.kernel import Rejected

COUNTED_WITHIN = timedelta(days=7)
"""How long after its end it may be said, or said better, who came to a session."""
PAST_MAX = 1_000
"""Sessions that are over and can still be counted, of one location; the oldest are forgotten first."""
WEEKS_KEPT = 106
"""Weeks that a new epoch can tell anew: two years, as far back as weeks are asked for."""


def note(state: Location, command: ch.NoteAttendance) -> Outcome:
    """How many of those booked came. The same count again changes nothing. Refused: `session-unknown`,
    `session-not-begun`, `attendance-too-late` (over for a week), `attendance-invalid` (more than are booked)."""
    session = _known(state, command.session_id)
    if session is None:
        return _unknown(command.session_id)
    if command.at < session.starts_at:
        return Rejected("session-not-begun", {"starts_at": session.starts_at.isoformat()})
    if command.at > session.ends_at + COUNTED_WITHIN:
        return Rejected("attendance-too-late", {"days_max": COUNTED_WITHIN.days})
    if not 0 <= command.attended <= len(session.booked):
        return Rejected("attendance-invalid", {"attended_max": len(session.booked)})
    if session.came == command.attended:
        return ()
    return [eh.AttendanceNoted(session.id, command.attended, command.at)]


def undo(state: Location, command: ch.UndoAttendance) -> Outcome:
    """The last count is as if it had not been. A second tap changes nothing. Refused: `session-unknown`,
    `undo-not-possible` (nobody has counted; or more had been counted before than are booked, since a seat was given
    back), `undo-too-late` (over a minute ago)."""
    session = _known(state, command.session_id)
    if session is None:
        return _unknown(command.session_id)
    last = session.attended
    if last is None:
        return Rejected("undo-not-possible", {"session_id": session.id})
    if last.undone:
        return ()
    if command.at - last.at > UNDO_WITHIN:
        return too_late()
    if (last.before or 0) > len(session.booked):
        return Rejected("undo-not-possible", {"session_id": session.id})
    return [eh.AttendanceNoted(session.id, last.before, command.at, undo=True)]


def end_week(state: Location, command: ch.EndSessionWeek) -> Outcome:
    """Never refused: a timer may fire early, late or twice."""
    told_already = state.week_told is not None and command.week <= state.week_told
    if told_already or command.week >= week_of(command.at):
        return ()
    return [eh.SessionWeekEnded(state.name, command.week, waits(state, command.week), bool(state.sessions), command.at)]


def countable(state: Location, at: datetime) -> list[Session]:
    """Sessions that are over, of which it may still be said who came."""
    return [session for session in state.past.values() if at <= session.ends_at + COUNTED_WITHIN]


def waits(state: Location, week: date) -> tuple[tuple[str, int | None], ...]:
    """By kind, how many days after the end of a week the first session with a free seat begins; 0 for one that has
    begun or begins that day, None where no session has a seat. Kinds of which the house had or has any."""
    end = week_ends(week)
    ahead = [session for session in (*state.sessions.values(), *state.past.values()) if session.ends_at > end]
    kinds = {session.kind for session in state.sessions.values()}
    kinds |= {row.kind for row in state.session_weeks.values() if row.week == week} | {one.kind for one in ahead}
    return tuple((kind, _wait([one for one in ahead if one.kind == kind], end)) for kind in sorted(kinds))


def _wait(ahead: Sequence[Session], end: datetime) -> int | None:
    first = min((session.starts_at for session in ahead if not session.full), default=None)
    return None if first is None else max(0, (first.astimezone(CITY).date() - end.astimezone(CITY).date()).days)


def week_over(state: Location, event: eh.SessionWeekEnded) -> dict[str, Any]:
    """What of the location changes when a week is over: it is told, with how long one waited for a seat."""
    weeks = _kept(state, event.at)
    for kind, days in event.waits:
        key = f"{event.week}|{kind}"
        weeks[key] = replace(weeks.get(key) or SessionWeek(event.week, kind), wait_days=days)
    return {"week_told": event.week, "session_weeks": weeks}


def over(state: Location, ids: Collection[str], at: datetime) -> dict[str, Any]:
    """What of the location changes when these sessions are over: they are in no figures, and in the counts of the week
    in which they ended."""
    past = {id_: session for id_, session in state.past.items() if session.ends_at + COUNTED_WITHIN >= at}
    weeks = _kept(state, at)
    for id_ in ids:
        session = past[id_] = state.sessions[id_]
        row = _row(weeks, session)
        came = session.came
        weeks[_key(session)] = replace(
            row, sessions=row.sessions + 1, counted=row.counted + (came is not None),
            booked=row.booked + len(session.booked), attended=row.attended + (came or 0), full=row.full + session.full,
        )  # fmt: skip
    there = {id_: session for id_, session in state.sessions.items() if id_ not in ids}
    return {"sessions": there, "past": dict(list(past.items())[-PAST_MAX:]), "session_weeks": weeks}


def noted(state: Location, event: eh.AttendanceNoted) -> dict[str, Any]:
    """What of the location changes with a count; the week only when the session is over."""
    there = state.sessions.get(event.session_id)
    session = there or state.past[event.session_id]
    attended = Attended(event.attended, session.came, event.at, event.undo)
    new = replace(session, attended=attended)
    if there is not None:
        return {"sessions": state.sessions | {session.id: new}}
    row = _row(state.session_weeks, session)
    row = replace(
        row, counted=row.counted + (new.came is not None) - (session.came is not None),
        attended=row.attended + (new.came or 0) - (session.came or 0),
    )  # fmt: skip
    return {"past": state.past | {session.id: new}, "session_weeks": state.session_weeks | {_key(session): row}}


def _kept(state: Location, at: datetime) -> dict[str, SessionWeek]:
    oldest = week_of(at) - WEEKS_KEPT * WEEK
    return {key: row for key, row in state.session_weeks.items() if row.week > oldest}


def _known(state: Location, session_id: str) -> Session | None:
    return state.sessions.get(session_id) or state.past.get(session_id)


def _unknown(session_id: str) -> Rejected:
    return Rejected("session-unknown", {"session_id": session_id[:80]})


def _key(session: Session) -> str:
    return f"{week_of(session.ends_at)}|{session.kind}"


def _row(weeks: dict[str, SessionWeek], session: Session) -> SessionWeek:
    return weeks.get(_key(session)) or SessionWeek(week_of(session.ends_at), session.kind)
