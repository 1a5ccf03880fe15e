"""Messages: 5,000 of one site in the course of an hour, half by mail and half through a gateway, each of which fails
one call in five. All of them arrive or are left at the desk, and the lag is in the metrics meanwhile.

The hour passes on a clock that is moved over the time in which nothing is due; the work is done in full: the vault
asked twice a message, every step written to PostgreSQL, every mail over TLS, every call signed. What is measured is how
many messages a site gets done in an hour of work.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from bench.ground import Ground, Line
from services.notifications import app
from tests.support.gateway import open_gateway
from tests.support.intake_desk import open_intake
from tests.support.mailbox import open_mailbox
from tests.support.rush import Outcome, faults, rush, rush_clock

MESSAGES = 5_000
AN_HOUR = 5_000.0
"""Messages a site has to get done in an hour."""


def run(ground: Ground) -> list[Line]:
    """All of them once."""
    count = 500 if ground.quick else MESSAGES
    an_hour, outcome = ground.run(delivered(ground, count))
    at_desk = sum(status == "desk" for status in outcome.statuses.values())
    minutes = outcome.took.total_seconds() / 60
    note = f"{at_desk} left at the desk, all done in {minutes:,.0f} minutes, lag {outcome.lag_seconds:,.1f} s at most"
    return [
        Line(f"{count:,} messages, one call in five fails", an_hour, "messages/h", "wanted", AN_HOUR, an_hour / AN_HOUR,
             1.0, note=note)
    ]  # fmt: skip


async def delivered(ground: Ground, count: int) -> tuple[float, Outcome]:
    """Messages an hour of work, and what became of them."""
    clock = rush_clock()
    async with ground.store(app.INLINE_TABLES, "notifications") as store, open_intake(clock=clock) as desk:
        with tempfile.TemporaryDirectory() as folder, open_mailbox(Path(folder)) as mailbox, open_gateway() as gateway:
            began = time.perf_counter()
            outcome = await rush(store, desk, clock, mailbox, gateway, count)
            seconds = time.perf_counter() - began
            assert len(outcome.statuses) == count
            assert faults(outcome, mailbox, gateway) == []
            return count / seconds * 3600, outcome
