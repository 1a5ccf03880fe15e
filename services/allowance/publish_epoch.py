"""What a new epoch begins with: the seats of every programme to everybody, and who is entitled to the services of this
site. Letters are not part of it: whoever was not answered asks again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.allowance import events_entitlement as en
from services.allowance.decider_entitlement import Entitlement
from services.allowance.decider_programme import Programme
from services.allowance.publish import Telling, seats, site_events
from shared.contracts import allowance as told


def epoch(programmes: Sequence[Programme], entitlements: Sequence[Entitlement], at: datetime) -> list[Telling]:
    """The first rows of both logs, in order. at: when the epoch begins."""
    tellings = [Telling(told.EpochBegan.written(at=at), "epoch"), Telling(told.SiteEpochBegan.written(at=at), "epoch")]
    tellings += [seats(programme) for programme in programmes]
    for entitlement in entitlements:
        if entitlement.status in ("granted", "suspended"):
            granted = en.EntitlementGranted(entitlement.id, entitlement.revision, at, at)
            tellings += site_events(entitlement, granted)
        if not entitlement.forgotten:
            for handout_id, until in entitlement.payments:
                if until > at:
                    noted = en.PaymentNoted(entitlement.id, handout_id, until, at)
                    tellings += site_events(entitlement, noted)
    return tellings
