"""Sessions: seats of a consultation hour, an activity or an internship, booked one by one and never twice."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from services.placement import commands as cmd
from services.placement import commands_house as ch
from services.placement import decider_limits as limits
from services.placement import events as ev
from services.placement import events_house as eh
from services.placement.decider_location import Location
from services.placement.decider_places import Outcome
from services.placement.decider_seats import Session
from shared.contracts.vocabulary import KINDS, SESSION_KINDS
from shared.kernel import Rejected

SEATS_MAX = 1_000
SESSION_HOURS_MAX = 24 * 366
"""An internship may last a year."""
SESSIONS_MAX = 1_000
"""Sessions of one location that are not over; those that are leave its memory when a new one opens."""

SessionCommand = cmd.OpenSession | cmd.BookSeat | cmd.GiveSeatBack


def decide_session(state: Location, command: SessionCommand) -> Outcome:
    """The outcome of a command about sessions."""
    if isinstance(command, cmd.OpenSession):
        return open_session(state, command)
    session = state.sessions.get(command.session_id)
    if session is None:
        return Rejected("session-unknown", {"session_id": command.session_id[:80]})
    return book(session, command) if isinstance(command, cmd.BookSeat) else give_back(session, command)


def open_session(state: Location, command: cmd.OpenSession) -> Outcome:
    """Refused: `id-invalid`, `session-id-used`, `kind-unknown`, `kind-without-seats`, `time-without-zone`,
    `session-times-invalid` (over already, ends before it starts, lasts over a year), `until-too-far`,
    `seats-invalid`, `too-many-sessions`."""
    refused = limits.id_refused(command.session_id)
    if refused:
        return refused
    if command.kind not in SESSION_KINDS:
        code = "kind-without-seats" if command.kind in KINDS else "kind-unknown"
        return Rejected(code, {"kind": command.kind[:80]})
    starts_at, ends_at = command.starts_at, command.ends_at
    if starts_at.tzinfo is None or ends_at.tzinfo is None:
        return Rejected("time-without-zone", {})
    if not max(starts_at, command.at) < ends_at or ends_at - starts_at > timedelta(hours=SESSION_HOURS_MAX):
        return Rejected("session-times-invalid", {"hours_max": SESSION_HOURS_MAX})
    refused = limits.until_refused(ends_at, command.at)
    if refused:
        return refused
    if not 1 <= command.seats <= SEATS_MAX:
        return Rejected("seats-invalid", {"seats_min": 1, "seats_max": SEATS_MAX})
    starts, ends = limits.in_utc(starts_at) or starts_at, limits.in_utc(ends_at) or ends_at
    opened = ev.SessionOpened(command.session_id, command.kind, starts, ends, command.seats, command.at, state.name)
    known = state.sessions.get(command.session_id) or state.past.get(command.session_id)
    if known is not None:
        same = replace(known, booked=(), back=(), attended=None) == session_of(opened)
        return () if same else Rejected("session-id-used", {"session_id": command.session_id})
    if sum(session.ends_at > command.at for session in state.sessions.values()) >= SESSIONS_MAX:
        return Rejected("too-many-sessions", {"sessions_max": SESSIONS_MAX})
    return [opened]


def book(session: Session, command: cmd.BookSeat) -> Outcome:
    """Refused: `session-unknown`, `id-invalid`, `session-over`, `session-full`, `booking-ended` (given back before)."""
    refused = limits.id_refused(command.booking_id)
    if refused:
        return refused
    if command.booking_id in session.booked:
        return ()
    if command.booking_id in session.back:
        return Rejected("booking-ended", {"booking_id": command.booking_id})
    if command.at >= session.ends_at:
        return Rejected("session-over", {"ends_at": session.ends_at.isoformat()})
    if session.full:
        return Rejected("session-full", {"seats": session.seats})
    return [ev.SeatBooked(session.id, command.booking_id, command.at)]


def give_back(session: Session, command: cmd.GiveSeatBack) -> Outcome:
    """Known by its id, or by what that begins with: the number people write down. Refused: `session-unknown`,
    `booking-unknown` (two that begin alike as well), `session-over`, `seats-attended` (everybody booked has come)."""
    booked = [id_ for id_ in session.booked if id_.startswith(command.booking_id)]
    if not booked and any(id_.startswith(command.booking_id) for id_ in session.back):
        return ()
    if len(booked) != 1:
        return Rejected("booking-unknown", {"booking_id": command.booking_id[:80]})
    if command.at >= session.ends_at:
        return Rejected("session-over", {"ends_at": session.ends_at.isoformat()})
    if (session.came or 0) >= len(session.booked):
        return Rejected("seats-attended", {"attended": session.came})
    return [ev.SeatGivenBack(session.id, booked[0], command.at)]


def end_session(state: Location, command: ch.EndSession) -> Outcome:
    """Never refused: a timer may fire late, early or twice, or of a session that was forgotten when it was over."""
    session = state.sessions.get(command.session_id)
    if session is None or command.at < session.ends_at:
        return ()
    return [eh.SessionEnded(session.id, command.at)]


def session_of(event: ev.SessionOpened) -> Session:
    """A session as it opens."""
    return Session(event.session_id, event.kind, event.starts_at, event.ends_at, event.seats)
