"""What follows from a committed event or a due timer: timers, and which work is due.

An erased file's key is destroyed by the vault right after the erasure; the timer is for when the process dies in
between, and stands until the vault has said that the key is gone.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.intake import events as ev
from shared.timers import TimerCleared, TimerSet

CLIENT, RETENTION = "client", "retention"
"""The aggregates that commands go to."""

DESTROY_KEY, RETENTION_DAY = "destroy-key", "retention"
_ERASURE = "erasure/"


def timers(events: Sequence[ev.ClientEvent]) -> list[TimerSet | TimerCleared]:
    """One for each erased file whose key may still be there, named `erasure/<client id>`."""
    changes: list[TimerSet | TimerCleared] = []
    for event in events:
        if isinstance(event, ev.ClientErased):
            changes.append(TimerSet(erasure_timer(event.client_id), event.at, DESTROY_KEY, event.client_id))
        elif isinstance(event, ev.KeyDestroyed):
            changes.append(TimerCleared(erasure_timer(event.client_id)))
    return changes


def retention_timers(events: Sequence[ev.RetentionDone]) -> list[TimerSet | TimerCleared]:
    """The next day's."""
    return [TimerSet(f"retention/{event.site}", event.again_at, RETENTION_DAY, event.site) for event in events]


def erasure_timer(client_id: str) -> str:
    """The timer of one file's key."""
    return f"{_ERASURE}{client_id}"
