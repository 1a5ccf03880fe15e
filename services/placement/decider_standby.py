"""Standby: places that a location keeps closed until a regime opens them, and what a regime does to it.

While a regime of their kind runs they count as overflow. When the last such regime is over, those that are free are on
standby again; those in use or blocked stay open, and counted, until they are empty (rule 2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from msgspec.structs import replace

from services.placement import commands_regimes as cmd
from services.placement import decider_limits as limits
from services.placement import events_regimes as ev
from services.placement.decider_location import (
    FREE,
    REGIMES_KEPT,
    REGIMES_MAX,
    Location,
    Place,
    RegimeHere,
    RegimeStatus,
)
from services.placement.decider_places import Outcome
from shared.kernel import Rejected

if TYPE_CHECKING:
    from services.placement.decider_fold import _Change


def follow(state: Location, command: cmd.NoteRegime | cmd.TurnRegime) -> Outcome:
    """The outcome of a command about a regime."""
    return note(state, command) if isinstance(command, cmd.NoteRegime) else turn(state, command)


def note(state: Location, command: cmd.NoteRegime) -> Outcome:
    """Nothing when as much is known, or when all of it is over and the location never heard of it.

    Refused: `too-many-regimes` (more than a location follows at once).
    """
    known = state.regimes.get(command.regime_id)
    if known is not None and (known.status == "over" or known.revision >= command.revision):
        return ()
    starts_at, ends_at = limits.utc(command.starts_at), limits.utc(command.ends_at)
    over = command.at >= ends_at or ends_at <= starts_at
    if known is None:
        if over:
            return ()
        if sum(regime.status != "over" for regime in state.regimes.values()) >= REGIMES_MAX:
            return Rejected("too-many-regimes", {"regimes_max": REGIMES_MAX})
    status: RegimeStatus = "waiting" if known is None else known.status
    turns_at = ends_at if over or status == "running" else starts_at
    noted = ev.RegimeNoted(
        command.location, command.regime_id, command.revision, command.kinds, starts_at, ends_at, turns_at, command.at
    )
    regime = RegimeHere(command.regime_id, command.revision, command.kinds, starts_at, ends_at, status)
    turned = _turned(state, regime, cmd.TurnRegime(
        at=command.at, role=command.role, location=command.location, regime_id=command.regime_id
    ))  # fmt: skip
    return [noted, *turned]


def turn(state: Location, command: cmd.TurnRegime) -> Outcome:
    """Begins or ends what is due. Never refused: a timer may fire late, early or twice."""
    regime = state.regimes.get(command.regime_id)
    return () if regime is None else _turned(state, regime, command)


def _turned(state: Location, regime: RegimeHere, command: cmd.TurnRegime) -> list[ev.StandbyEvent]:
    """regime: as it is to be followed. One whose beginning and end were both missed is over and opened nothing."""
    at = command.at
    if regime.status == "over":
        return []
    if at >= regime.ends_at or regime.ends_at <= regime.starts_at:
        return [ev.RegimeEnded(command.location, regime.id, at), *_closed_by(state, regime, command)]
    if regime.status == "waiting" and at >= regime.starts_at:
        opened = tuple(place.id for place in state.standby.values() if place.kind in regime.kinds)
        began = ev.RegimeBegan(command.location, regime.id, regime.ends_at, at)
        return [began, ev.StandbyOpened(opened, at)] if opened else [began]
    return []


def _closed_by(state: Location, ending: RegimeHere, command: cmd.TurnRegime) -> list[ev.StandbyEvent]:
    """Free standby places that no other running regime keeps open."""
    still = {
        kind for regime in state.regimes.values() if regime.id != ending.id and regime.status == "running"
        for kind in regime.kinds
    }  # fmt: skip
    free = tuple(
        place.id
        for place in state.places.values()
        if place.standby and place.status == FREE and place.kind not in still
    )
    return [ev.StandbyClosed(free, command.at)] if free else []


def fold_standby(change: _Change, event: ev.StandbyEvent) -> Location:
    """The location after one of these."""
    match event:
        case ev.StandbyOpened():
            waiting = dict(change.state.standby)
            for place_id in event.place_ids:
                change.add(replace(waiting.pop(place_id), version=change.version, overflow=True))
            return change.done(None, standby=waiting)
        case ev.StandbyClosed():
            waiting = dict(change.state.standby)
            for place_id in event.place_ids:
                place = change.places[place_id]
                change.remove(place_id)
                waiting[place_id] = replace(place, version=change.version, overflow=False)
            return change.done(event.observed_at, standby=waiting)
        case ev.RegimeNoted():
            known = change.state.regimes.get(event.regime_id)
            status = "waiting" if known is None else known.status
            regime = RegimeHere(event.regime_id, event.revision, event.kinds, event.starts_at, event.ends_at, status)
            return change.done(None, regimes=_kept(change.state.regimes | {regime.id: regime}))
        case ev.RegimeBegan() | ev.RegimeEnded():
            known = change.state.regimes[event.regime_id]
            turned = replace(known, status="running" if isinstance(event, ev.RegimeBegan) else "over")
            return change.done(None, regimes=change.state.regimes | {turned.id: turned})
        case _:
            assert_never(event)


def _kept(regimes: dict[str, RegimeHere]) -> dict[str, RegimeHere]:
    """Without the oldest that are over, beyond what is remembered."""
    over = [id_ for id_, regime in regimes.items() if regime.status == "over"]
    gone = frozenset(over[: max(0, len(over) - REGIMES_KEPT)])
    return {id_: regime for id_, regime in regimes.items() if id_ not in gone}


def wait(change: _Change, places: list[Place]) -> Location:
    """The location with new places on standby: a group of their own make exists from now on, with zeros."""
    for place in places:
        change.delta(place.group)
    return change.done(None, standby=change.state.standby | {place.id: place for place in places})
