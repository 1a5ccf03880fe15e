"""A regime: a time in which the city opens the places that locations keep on standby (winter cold).

The municipality declares it and may cut it short; every other site keeps what it heard. Both are one stream each,
`regime/<id>`, in their own stores. What it does to places is for each location to decide (`decider_standby`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import assert_never
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from services.placement import commands_regimes as cmd
from services.placement import decider_limits as limits
from services.placement import events_regimes as ev
from shared.kernel import Decider, Rejected

NIGHTS_MIN = 3
"""Nights a regime lasts unless a reason is given: the city's rule for winter cold (`domain.md`)."""
REGIME_DAYS_MAX = 366
ZONE = ZoneInfo("Europe/Amsterdam")
"""Nights are the city's."""

_NEVER = datetime.min.replace(tzinfo=UTC)

Outcome = Sequence[ev.RegimeEvent] | Rejected


class Regime(msgspec.Struct, frozen=True, gc=False):
    """One regime. site: the municipality's. version: events so far, here; revision: words of the municipality so far.

    reason: why it is short, known at the municipality only.
    """

    id: str = ""
    site: str = ""
    name: str = ""
    kinds: tuple[str, ...] = ()
    starts_at: datetime = _NEVER
    ends_at: datetime = _NEVER
    reason: str | None = None
    revision: int = 0
    version: int = 0
    declared_here: bool = False


def decide(state: Regime, command: cmd.RegimeCommand) -> Outcome:
    """The events that follow. Refused: what each command's function says."""
    match command:
        case cmd.DeclareRegime():
            return declare(state, command)
        case cmd.EndRegime():
            return end(state, command)
        case cmd.HearRegime():
            return hear(state, command)
        case _:
            assert_never(command)


def declare(state: Regime, command: cmd.DeclareRegime) -> Outcome:
    """Refused: `id-invalid`, `regime-id-used`, `site-invalid`, `regime-name-invalid`, `kinds-missing`, `kind-unknown`,
    `kind-without-beds`, `time-without-zone`, `regime-times-invalid` (over already, ends before it starts, lasts over a
    year), `until-too-far`, `reason-invalid`, `regime-too-short` (fewer than three nights, and no reason)."""
    refused = limits.id_refused(command.regime_id) or _words_refused(command) or _times_refused(command)
    if refused:
        return refused
    starts_at, ends_at = limits.utc(command.starts_at), limits.utc(command.ends_at)
    kinds = tuple(sorted(set(command.kinds)))
    declared = ev.RegimeDeclared(
        command.regime_id, command.site, command.name, kinds, starts_at, ends_at, command.reason, command.at
    )
    if state.id:
        same = evolve(Regime(), declared) == replace(state, version=1)
        return () if same else Rejected("regime-id-used", {"regime_id": command.regime_id})
    if nights(starts_at, ends_at) < NIGHTS_MIN and command.reason is None:
        return Rejected("regime-too-short", {"nights": nights(starts_at, ends_at), "nights_min": NIGHTS_MIN})
    return [declared]


def _words_refused(command: cmd.DeclareRegime) -> Rejected | None:
    if not limits.is_site_name(command.site):
        return Rejected("site-invalid", {"site": command.site[:80]})
    if not command.kinds:
        return Rejected("kinds-missing", {})
    for kind in command.kinds:
        refused = limits.kind_refused(kind)
        if refused:
            return refused
    refused = limits.label_refused("regime-name-invalid", command.name)
    if refused is None and command.reason is not None:
        refused = limits.label_refused("reason-invalid", command.reason)
    return refused


def _times_refused(command: cmd.DeclareRegime) -> Rejected | None:
    starts_at, ends_at = command.starts_at, command.ends_at
    if starts_at.tzinfo is None or ends_at.tzinfo is None:
        return Rejected("time-without-zone", {})
    if not max(starts_at, command.at) < ends_at or ends_at - starts_at > timedelta(days=REGIME_DAYS_MAX):
        return Rejected("regime-times-invalid", {"days_max": REGIME_DAYS_MAX})
    return limits.until_refused(ends_at, command.at)


def nights(starts_at: datetime, ends_at: datetime) -> int:
    """How many nights lie in between: midnights on the city's clocks, whatever an hour more or less in March or
    October."""
    return (ends_at.astimezone(ZONE).date() - starts_at.astimezone(ZONE).date()).days


def end(state: Regime, command: cmd.EndRegime) -> Outcome:
    """A second tap changes nothing. Refused: `regime-unknown`, `regime-elsewhere` (another site's), `version-stale`,
    `regime-over` (its time was over by itself)."""
    if not state.id:
        return Rejected("regime-unknown", {"regime_id": command.regime_id[:80]})
    if not state.declared_here:
        return Rejected("regime-elsewhere", {"site": state.site})
    stale = limits.version_refused(command.if_version, state.version)
    if stale:
        return stale
    if state.revision > 1:
        return ()
    if command.at >= state.ends_at:
        return Rejected("regime-over", {"ends_at": state.ends_at.isoformat()})
    return [ev.RegimeCutShort(state.id, state.revision + 1, command.at, command.at)]


def hear(state: Regime, command: cmd.HearRegime) -> Outcome:
    """Nothing when as much is known already. Refused: `regime-id-used` (it is another site's, or this one's own)."""
    if state.id and (state.declared_here or state.site != command.site):
        return Rejected("regime-id-used", {"regime_id": command.regime_id})
    if command.revision <= state.revision:
        return ()
    return [
        ev.RegimeHeard(
            command.regime_id, command.site, command.revision, command.name, command.kinds,
            limits.utc(command.starts_at), limits.utc(command.ends_at), command.at,
        )
    ]  # fmt: skip


def evolve(state: Regime, event: ev.RegimeEvent) -> Regime:
    """The regime after `event`."""
    version = state.version + 1
    match event:
        case ev.RegimeDeclared():
            return Regime(
                event.regime_id, event.site, event.name, event.kinds, event.starts_at, event.ends_at, event.reason,
                1, version, declared_here=True,
            )  # fmt: skip
        case ev.RegimeCutShort():
            return replace(state, ends_at=event.ends_at, revision=event.revision, version=version)
        case ev.RegimeHeard():
            return Regime(
                event.regime_id, event.site, event.name, event.kinds, event.starts_at, event.ends_at, None,
                event.revision, version,
            )  # fmt: skip
        case _:
            assert_never(event)


REGIME: Decider[Regime, cmd.RegimeCommand, ev.RegimeEvent] = Decider(
    name="regime",
    initial=Regime(),
    decide=decide,
    evolve=evolve,
    codec=ev.REGIME_CODEC,
    state_type=Regime,
    state_version=1,
    commands=(cmd.DeclareRegime, cmd.EndRegime, cmd.HearRegime),
)
"""Stream `regime/<id>`."""
