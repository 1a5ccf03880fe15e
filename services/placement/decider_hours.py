"""Opening hours: when a night shelter takes people in, and by when they are out; and what is cleaned after use.

Hours are data: nobody is refused at the door for being early or late. What they do is end stays: one in a place of
`night_shelter` ends at the first out-by time after it began, unless it was extended.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, assert_never
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from services.placement import commands_house as cmd
from services.placement import decider_attendance as attendance
from services.placement import decider_limits as limits
from services.placement import events as ev
from services.placement import events_house as eh
from services.placement.decider_late import seats_of
from services.placement.decider_location import Hours, Location, Stay
from services.placement.decider_moves import present
from services.placement.decider_places import Outcome, after_use
from services.placement.decider_sessions import end_session
from shared.kernel import Rejected

if TYPE_CHECKING:
    from services.placement.decider_fold import _Change

KIND_WITH_HOURS = "night_shelter"
ZONE = ZoneInfo("Europe/Amsterdam")
"""Hours are the city's."""
MORNING_REASON = "moved_on"
"""How a stay ends that ended by itself: they are out for the day, and nobody knows more."""


def decide_rule(state: Location, command: cmd.RuleCommand) -> Outcome:
    """The outcome of a command about how the house is kept."""
    match command:
        case cmd.DeclareHours():
            return declare_hours(state, command)
        case cmd.ExtendStay():
            return extend(state, command)
        case cmd.EndDueStays():
            return end_due(state, command)
        case cmd.DeclareCleaning():
            return declare_cleaning(state, command)
        case cmd.EndSession():
            return end_session(state, command)
        case cmd.NoteAttendance():
            return attendance.note(state, command)
        case cmd.UndoAttendance():
            return attendance.undo(state, command)
        case cmd.EndSessionWeek():
            return attendance.end_week(state, command)
        case _:
            assert_never(command)


def declare_hours(state: Location, command: cmd.DeclareHours) -> Outcome:
    """Whoever is there is out by the new time; who was given longer has it still. Refused: `hours-invalid` (some of the
    three times are missing, or have a zone of their own)."""
    times = (command.in_from, command.in_until, command.out_by)
    none = times == (None, None, None)
    if not none and any(time is None or time.tzinfo is not None for time in times):
        return Rejected("hours-invalid", {})
    hours = None
    if command.in_from is not None and command.in_until is not None and command.out_by is not None:
        hours = Hours(command.in_from, command.in_until, command.out_by)
    if hours == state.hours:
        return ()
    declared = eh.HoursDeclared(command.in_from, command.in_until, command.out_by, command.at)
    until = None if hours is None else next_out_by(hours, command.at)
    usual = None if state.hours is None else next_out_by(state.hours, command.at)
    moved = [
        stay.id
        for stay in state.stays.values()
        if stay.kind == KIND_WITH_HOURS and stay.programme is None and stay.ends_at != until
        and (until is None or stay.ends_at in (None, usual))
    ]  # fmt: skip
    if not moved:
        return [declared]
    return [declared, eh.EndsPlanned(state.name, tuple(moved), until, command.at)]


def extend(state: Location, command: cmd.ExtendStay) -> Outcome:
    """Refused: as `decider_moves.present` says, `stay-without-end` (nothing ends it by itself), `time-without-zone`,
    `until-in-past`, `until-too-far`."""
    stay = present(state, command.stay_id, command.if_version)
    if isinstance(stay, Rejected):
        return stay
    if stay.ends_at is None or state.hours is None:
        return Rejected("stay-without-end", {"stay_id": stay.id})
    refused = limits.until_refused(command.until, command.at)
    if refused:
        return refused
    until = limits.in_utc(command.until)
    if until is None:  # whoever was given longer than that has it still
        until = max(stay.ends_at, next_out_by(state.hours, next_out_by(state.hours, command.at)))
    return () if until == stay.ends_at else [eh.EndsPlanned(state.name, (stay.id,), until, command.at)]


def end_due(state: Location, command: cmd.EndDueStays) -> Outcome:
    """Never refused: a timer may fire late, early or twice. A stay ends when it was to, and nobody has looked."""
    events: list[ev.LocationEvent] = []
    for stay in state.stays.values():
        if stay.ends_at is not None and stay.ends_at <= command.at:
            used_since = [state.places[id_].free_since or stay.began_at for id_ in stay.place_ids]
            ended_at = max(stay.ends_at, stay.began_at, *used_since)
            events += [
                ev.StayEnded(stay.id, stay.place_ids, MORNING_REASON, ended_at, command.at, by_itself=True),
                *after_use(state, stay.place_ids, command.at, None, cleaned=True),
            ]
    return events


def declare_cleaning(state: Location, command: cmd.DeclareCleaning) -> Outcome:
    """What is blocked already stays so. Refused: `kind-unknown`, `kind-without-beds`."""
    refused = limits.kind_refused(command.kind)
    if refused:
        return refused
    if (command.kind in state.cleaned) == command.cleaned:
        return ()
    return [eh.CleaningDeclared(command.kind, command.cleaned, command.at)]


def next_out_by(hours: Hours, after: datetime) -> datetime:
    """The first out-by time after a moment, in UTC."""
    today = after.astimezone(ZONE).date()
    days = (today + timedelta(days=ahead) for ahead in range(3))
    times = (datetime.combine(day, hours.out_by, ZONE).astimezone(UTC) for day in days)
    return next(time for time in times if time > after)


_LIVED = (ev.StayBegan, ev.StayMoved, ev.StayResumed)


def with_ends(state: Location, events: Sequence[ev.LocationEvent], at: datetime) -> Sequence[ev.LocationEvent]:
    """The same events, and when the stays that they begin, move or resume end by themselves.

    One that is told late (a device that was offline) ends at the out-by time after it began, even if that is past.
    """
    plans: dict[datetime | None, list[str]] = {}
    for event in events:
        if isinstance(event, _LIVED):
            before, ends_at = _ends(state, event, at)
            if ends_at != before:
                plans.setdefault(ends_at, []).append(event.stay_id)
    if not plans:
        return events
    return [*events, *(eh.EndsPlanned(state.name, tuple(ids), ends_at, at) for ends_at, ids in plans.items())]


def _ends(
    state: Location, event: ev.StayBegan | ev.StayMoved | ev.StayResumed, at: datetime
) -> tuple[datetime | None, datetime | None]:
    """When a stay was to end, and when it is to after this event. What is past already is not believed any more:
    somebody has just dealt with the household."""
    hours = state.hours
    if isinstance(event, ev.StayBegan):
        planned = hours is not None and event.kind == KIND_WITH_HOURS
        return None, next_out_by(hours, event.began_at) if planned and hours is not None else None
    ended = state.ended_stays.get(event.stay_id)
    stay = state.stays[event.stay_id] if ended is None else ended.stay
    kind = event.kind if isinstance(event, ev.StayMoved) else stay.kind
    counted_only = isinstance(event, ev.StayResumed) and stay.programme is not None  # by a night report
    if hours is None or kind != KIND_WITH_HOURS or counted_only:
        return stay.ends_at, None
    stands = stay.ends_at is not None and stay.ends_at > at
    return stay.ends_at, stay.ends_at if stands else next_out_by(hours, at)


def fold_rules(change: _Change, event: eh.RuleEvent) -> Location:
    """The location after one of these."""
    state = change.state
    match event:
        case eh.HoursDeclared():
            if event.in_from is None or event.in_until is None or event.out_by is None:
                return change.done(None, hours=None)
            return change.done(None, hours=Hours(event.in_from, event.in_until, event.out_by))
        case eh.CleaningDeclared():
            others = tuple(kind for kind in state.cleaned if kind != event.kind)
            return change.done(None, cleaned=tuple(sorted((*others, event.kind))) if event.cleaned else others)
        case eh.EndsPlanned():
            return change.done(None, stays=state.stays | _ending(state, event.stay_ids, event.ends_at, change.version))
        case eh.SessionEnded():
            fields = attendance.over(state, {event.session_id}, event.at)
            return change.done(None, seats=seats_of(state, fields["sessions"]), **fields)
        case eh.AttendanceNoted():
            return change.done(None, **attendance.noted(state, event))
        case eh.SessionWeekEnded():
            return change.done(None, **attendance.week_over(state, event))
        case _:
            assert_never(event)


def _ending(state: Location, ids: Iterable[str], ends_at: datetime | None, version: int) -> dict[str, Stay]:
    return {id_: replace(state.stays[id_], ends_at=ends_at, version=version) for id_ in ids}
