"""What follows from a regime: every location of the site is told, and acts when its own clock says so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from services.placement.commands_regimes import HearRegime, NoteRegime, TurnRegime
from services.placement.decider_regimes import REGIME
from services.placement.events import LocationEvent, LocationOpened
from services.placement.events_regimes import RegimeBegan, RegimeDeclared, RegimeEnded, RegimeEvent, RegimeNoted
from shared.contracts.placement import RegimeTold
from shared.envelope import SYSTEM_ROLE
from shared.kernel import Reaction
from shared.timers import TimerCleared, TimerSet

TURN, SPREAD_REGIME, SPREAD_LOCATION = "regime-turn", "regime-spread", "regimes-of-location"
"""Kinds of timers: a location has something to do about a regime; a regime goes to every location; a new location gets
every regime."""
SPREADS = frozenset({SPREAD_REGIME, SPREAD_LOCATION})

Row = Mapping[str, Any]


def timers(events: Sequence[RegimeEvent]) -> list[TimerSet | TimerCleared]:
    """Whatever is new of a regime goes to the locations at once. Each word of it has a timer of its own, so that none
    ends with another's."""
    return [
        TimerSet(f"spread/{event.regime_id}/{_revision(event)}", event.at, SPREAD_REGIME, event.regime_id)
        for event in events
    ]


def _revision(event: RegimeEvent) -> int:
    return 1 if isinstance(event, RegimeDeclared) else event.revision


def location_timers(event: LocationEvent) -> list[TimerSet | TimerCleared]:
    """The timers that an event of a location sets and clears for its regimes, `regime/<location>/<regime>`."""
    match event:
        case LocationOpened():
            return [TimerSet(f"spread/{event.name}", event.at, SPREAD_LOCATION, event.name)]
        case RegimeNoted():
            return [TimerSet(_turn(event), event.turns_at, TURN, event.location)]
        case RegimeBegan():
            return [TimerSet(_turn(event), event.ends_at, TURN, event.location)]
        case RegimeEnded():
            return [TimerCleared(_turn(event))]
        case _:
            return []


def _turn(event: RegimeNoted | RegimeBegan | RegimeEnded) -> str:
    return f"regime/{event.location}/{event.regime_id}"


def turn(key: str, timer_id: str, at: datetime) -> TurnRegime:
    """The command of a `TURN` timer."""
    return TurnRegime(at=at, role=SYSTEM_ROLE, location=key, regime_id=timer_id.rpartition("/")[2])


def spread(regimes: Iterable[Row], locations: Iterable[str], location: str, at: datetime) -> list[Reaction]:
    """Every one of these regimes to every one of these locations. location: the aggregate's name."""
    return [
        Reaction(location, name, NoteRegime(
            at=at, role=SYSTEM_ROLE, location=name, regime_id=row["id"], revision=row["revision"],
            kinds=tuple(row["kinds"]), starts_at=row["starts_at"], ends_at=row["ends_at"],
        ))
        for row in regimes for name in locations
    ]  # fmt: skip


def heard(said: RegimeTold, at: datetime) -> Reaction:
    """The command that follows when the municipality tells of a regime."""
    command = HearRegime(
        at=at, role=SYSTEM_ROLE, regime_id=said.regime_id, site=said.site, revision=said.revision, name=said.name,
        kinds=said.kinds, starts_at=said.starts_at, ends_at=said.ends_at,
    )  # fmt: skip
    return Reaction(REGIME.name, said.regime_id, command)
