"""Stays: a household living in a place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from services.placement import commands as cmd
from services.placement import decider_limits as limits
from services.placement import events as ev
from services.placement.decider_location import Location, Place, Stay
from services.placement.decider_places import Outcome, after_use
from shared.contracts.vocabulary import STAY_END_REASONS
from shared.kernel import Rejected

IN_ERROR = "entered_in_error"


def before_free(places: Iterable[Place], observed_at: datetime | None) -> Rejected | None:
    """Refused: `observed-before-place-free` where an earlier household would still have been there (rule 3 holds
    back in time too)."""
    for place in places:
        if observed_at is not None and place.free_since is not None and observed_at < place.free_since:
            return Rejected(
                "observed-before-place-free",
                {"place_id": place.id, "free_since": place.free_since.isoformat()},
            )
    return None


def stay_id_refused(state: Location, stay_id: str) -> Rejected | None:
    """Refused: `stay-id-used`."""
    if stay_id in state.stays or stay_id in state.ended_stays:
        return Rejected("stay-id-used", {"stay_id": stay_id})
    return None


def begin(state: Location, command: cmd.BeginStay, places: Sequence[Place]) -> Outcome:
    """Begins a stay in `places`, already found fit. Refused: `observed-before-place-free`."""
    refused = before_free(places, command.observed_at)
    if refused:
        return refused
    return [
        ev.StayBegan(
            command.stay_id,
            tuple([place.id for place in places]),
            places[0].kind,
            command.household_size,
            limits.in_utc(command.observed_at) or command.at,
            command.at,
        )
    ]


def repeated(state: Location, command: cmd.BeginStay) -> Outcome | None:
    """What to answer when this stay id was seen before; None when it is new. Refused: `stay-id-used`."""
    stay = state.stays.get(command.stay_id)
    if stay is None:
        ended = state.ended_stays.get(command.stay_id)
        if ended is None:
            return None
        stay = ended.stay
    return () if _same(stay, command) else Rejected("stay-id-used", {"stay_id": command.stay_id})


def _same(stay: Stay, command: cmd.BeginStay) -> bool:
    return (
        stay.hold_id is None
        and stay.household_size == command.household_size
        and command.kind in (None, stay.kind)
        and (not command.place_ids or set(command.place_ids) == set(stay.place_ids))
        and command.observed_at in (None, stay.began_at)
    )


def end(state: Location, command: cmd.EndStay) -> Outcome:
    """Refused: `end-reason-unknown`, `stay-unknown`, `stay-ended`, `version-stale`, `time-without-zone`,
    `observed-in-future`, `observed-too-old`, `observed-before-stay-began`, `observed-before-place-free` (it moved, and
    an earlier household would still have been there)."""
    if command.reason not in STAY_END_REASONS:
        return Rejected("end-reason-unknown", {"reason": command.reason[:80]})
    stay = state.stays.get(command.stay_id)
    if stay is None:
        ended = state.ended_stays.get(command.stay_id)
        if ended is None:
            return Rejected("stay-unknown", {"stay_id": command.stay_id[:80]})
        stale = limits.version_refused(command.if_version, ended.version)
        if stale:
            return stale
        same = ended.reason == command.reason and command.observed_at in (
            None,
            ended.ended_at,
        )
        return () if same else Rejected("stay-ended", {"reason": ended.reason})
    refused = limits.version_refused(command.if_version, stay.version) or limits.observed_refused(
        command.observed_at, command.at
    )
    if refused:
        return refused
    if command.observed_at is not None and command.observed_at < stay.began_at:
        return Rejected("observed-before-stay-began", {"began_at": stay.began_at.isoformat()})
    # One that was taken back was in its places all the while: they have been free since it was thought to have left.
    if stay.moved_from and not stay.undone:
        refused = before_free([state.places[id_] for id_ in stay.place_ids], command.observed_at)
        if refused:
            return refused
    # Without an observation it ended now, or when it began if that tap's clock was ahead of ours.
    ended_at = limits.in_utc(command.observed_at) or max(command.at, stay.began_at)
    return [
        ev.StayEnded(stay.id, stay.place_ids, command.reason, ended_at, command.at),
        *after_use(state, stay.place_ids, command.at, ended_at, cleaned=command.reason != IN_ERROR),
    ]
