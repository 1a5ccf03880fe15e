"""The daily look for files nobody uses any more: one stream a site, one event a day, also when there was nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import msgspec

from services.intake import commands as cmd
from services.intake import events as ev
from shared.kernel import Decider, Rejected


class Retention(msgspec.Struct, frozen=True, gc=False):
    """day: the last that was done. version: how many there were."""

    day: date | None = None
    version: int = 0


def decide(state: Retention, command: cmd.RecordRetention) -> Sequence[ev.RetentionDone] | Rejected:
    """Refused: `retention-day-past` (a later one is done already), `retention-days-invalid`."""
    if command.retention_days < 1:
        return Rejected("retention-days-invalid", {})
    if state.day is not None and command.day < state.day:
        return Rejected("retention-day-past", {"day": state.day.isoformat()})
    if command.day == state.day:
        return ()
    return [
        ev.RetentionDone(
            command.site, command.day, command.retention_days, command.erased, command.at, command.again_at
        )
    ]


def evolve(state: Retention, event: ev.RetentionDone) -> Retention:
    return Retention(event.day, state.version + 1)


RETENTION: Decider[Retention, cmd.RecordRetention, ev.RetentionDone] = Decider(
    name="retention",
    initial=Retention(),
    decide=decide,
    evolve=evolve,
    codec=ev.RETENTION_CODEC,
    state_type=Retention,
    state_version=1,
    commands=(cmd.RecordRetention,),
)
"""Stream `retention/<site>`."""
