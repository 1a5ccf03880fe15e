"""A regime is told to everybody by the municipality: each word of it whole, so that the newest is enough."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from services.placement.decider_regimes import REGIME_DAYS_MAX, Regime
from services.placement.events_regimes import RegimeEvent
from services.placement.publish import Telling
from shared.contracts import placement as told


def tell(before: Regime, events: Sequence[RegimeEvent], after: Regime) -> list[Telling]:
    """What everybody hears. What was heard of another site is its own to tell."""
    return [regime(after)] if after.declared_here and before.revision != after.revision else []


def regime(state: Regime) -> Telling:
    """A regime as it is: also what an epoch begins with."""
    contract = told.RegimeTold.written(
        regime_id=state.id, site=state.site, revision=state.revision, name=state.name, kinds=state.kinds,
        starts_at=state.starts_at, ends_at=state.ends_at,
    )  # fmt: skip
    return Telling(contract, state.id, None)


def epoch(regimes: Iterable[Regime], now: datetime) -> list[Telling]:
    """What an epoch says of regimes: each that may still run somewhere. One that was cut short may, where nobody has
    heard of that yet, for as long as a regime can last."""
    return [
        regime(one) for one in regimes if one.declared_here and one.starts_at + timedelta(days=REGIME_DAYS_MAX) > now
    ]
