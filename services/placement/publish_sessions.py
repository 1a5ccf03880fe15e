"""What sessions come to is told to everybody: seats and bookings of each kind, in absolute counts."""

from __future__ import annotations

from collections.abc import Mapping

from services.placement.decider_location import Location, Seats
from shared.contracts.base import Written
from shared.contracts.placement import SessionsTold

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
