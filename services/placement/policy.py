"""What follows from a committed event or a due timer: timers, and commands to this service."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.placement import events as ev
from services.placement.commands import LapseHold, LocationCommand
from shared.envelope import SYSTEM_ROLE
from shared.timers import TimerCleared, TimerSet

HOLD_EXPIRY = "hold-expiry"
_HOLD = "hold/"


def timers(events: Sequence[ev.LocationEvent]) -> list[TimerSet | TimerCleared]:
    """The timers that these events set and clear: one for each open hold, named `hold/<hold id>`."""
    changes: list[TimerSet | TimerCleared] = []
    for event in events:
        if isinstance(event, ev.PlaceHeld):
            changes.append(TimerSet(_HOLD + event.hold_id, event.expires_at, HOLD_EXPIRY, event.location))
        elif isinstance(event, ev.HoldCancelled | ev.HoldLapsed | ev.StayBegan) and event.hold_id is not None:
            changes.append(TimerCleared(_HOLD + event.hold_id))
    return changes


def due(kind: str, key: str, timer_id: str, at: datetime) -> LocationCommand:
    """The command for a timer that has come due. key: the location. at: the owner's clock, UTC.

    Raises `ValueError` for a kind no timer of this service has.
    """
    if kind != HOLD_EXPIRY:
        raise ValueError(f"no timer of kind {kind}")
    return LapseHold(at=at, role=SYSTEM_ROLE, location=key, hold_id=timer_id.removeprefix(_HOLD))
