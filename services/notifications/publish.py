"""What of a decision is told: nothing. That somebody was written to says that there is a client, and when."""

from __future__ import annotations

from collections.abc import Sequence

from services.notifications import events as ev


def tell_nothing(before: object, events: Sequence[ev.RecipientEvent], after: object) -> tuple[()]:
    """Whoever asks what became of a message asks this service (`api.py`)."""
    return ()
