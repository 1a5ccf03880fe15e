"""Where the household of a file came from and went to in a week, and which seats it is known to have."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TypeAlias

from services.intake import decider_limits as limits
from services.intake.commands_flows import NoteSeat
from services.intake.decider_file import File
from services.intake.events_flows import SeatNoted
from services.intake.flows import Flow
from shared.contracts.weeks import week_of
from shared.kernel import Rejected

Outcome: TypeAlias = Sequence[SeatNoted] | Rejected

SEATS_MAX = 20
"""Seats a file remembers at once: there are fewer programmes."""


def note_seat(file: File, command: NoteSeat) -> Outcome:
    """What is known already changes nothing. Refused: `id-invalid`, `too-many-seats`."""
    refused = limits.id_refused(command.entitlement_id)
    if refused:
        return refused
    if command.held == (command.entitlement_id in file.seats):
        return ()
    if command.held and len(file.seats) >= SEATS_MAX:
        return Rejected("too-many-seats", {"seats_max": SEATS_MAX})
    return [SeatNoted(file.id, command.entitlement_id, command.held, command.at)]


def flow_of(file: File, week: date) -> Flow | None:
    """Where the household lived when this week began, and when it ended; None when nothing moved in it.
    Whoever was erased in it is where they were then, whatever is heard of them since."""
    came_from = file.flows.get(week)
    if came_from is None or (file.erased_at is not None and week > week_of(file.erased_at)):
        return None
    later = [monday for monday in file.flows if monday > week]
    return Flow(came_from, file.flows[min(later)] if later else file.living)
