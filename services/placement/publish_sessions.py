"""What sessions come to is told to everybody in absolute counts: seats and bookings by kind, and by week who came."""

from __future__ import annotations

from collections.abc import Mapping

from services.placement.decider_location import Location
from services.placement.decider_seats import Seats, SessionWeek
from shared.contracts.base import Written
from shared.contracts.placement import SessionsTold, SessionWeekTold

NOTHING: Mapping[str, Seats] = {}


def session_figures(state: Location, known: Mapping[str, Seats] = NOTHING) -> list[Written[SessionsTold]]:
    """The kinds that differ from what was `known`, in one message; none where none does."""
    changed = [seats for kind, seats in state.seats.items() if seats != known.get(kind)]
    if not changed:
        return []
    rows = [
        {"kind": seats.kind, "sessions": seats.sessions, "seats": seats.seats, "booked": seats.booked}
        for seats in changed
    ]
    return [SessionsTold.written(
        location=state.name, site=state.site, title=state.title, district=state.district, rows=rows
    )]  # fmt: skip


def attendance(state: Location, before: Location | None = None) -> list[Written[SessionWeekTold]]:
    """The weeks that are over in which a kind differs from what was known `before`, one message each, with those kinds.
    A week that is not over is nobody's yet: the difference between two tellings would be one session's."""
    known = {} if before is None else _weeks_told(before)
    changed = [row for key, row in _weeks_told(state).items() if row != known.get(key)]
    return [
        SessionWeekTold.written(
            location=state.name, site=state.site, week=week,
            rows=[
                {"kind": row.kind, "sessions": row.sessions, "counted": row.counted, "booked": row.booked,
                 "attended": row.attended, "full": row.full, "wait_days": row.wait_days}
                for row in changed if row.week == week
            ],
        )
        for week in sorted({row.week for row in changed})
    ]  # fmt: skip


def _weeks_told(state: Location) -> dict[str, SessionWeek]:
    last = state.week_told
    return {} if last is None else {key: row for key, row in state.session_weeks.items() if row.week <= last}
