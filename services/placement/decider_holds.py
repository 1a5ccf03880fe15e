"""Holds: a place kept for somebody on the way. Every hold ends exactly once, by the owner's clock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from services.placement import commands as cmd
from services.placement import decider_fit as fit
from services.placement import decider_limits as limits
from services.placement import events as ev
from services.placement.decider_location import FREE, EndedHold, Hold, Location, Place
from services.placement.decider_places import UNDO_WITHIN, Outcome, after_use, too_late
from services.placement.decider_stays import before_free, stay_id_refused
from shared.contracts.vocabulary import HOLD_MINUTES_MAX, HOLD_MINUTES_MIN
from shared.kernel import Rejected


def hold_places(state: Location, command: cmd.HoldPlaces) -> Outcome:
    """Refused: `id-invalid`, `hold-id-used`, `hold-minutes-out-of-range`, and as `household_places` says."""
    hold = state.holds.get(command.hold_id)
    if hold is None:
        ended = state.ended_holds.get(command.hold_id)
        hold = ended.hold if ended else None
    if hold is not None:
        return () if _same(hold, command) else Rejected("hold-id-used", {"hold_id": command.hold_id})
    if command.hold_id in state.guests:
        return Rejected("hold-id-used", {"hold_id": command.hold_id})
    refused = limits.id_refused(command.hold_id)
    if refused:
        return refused
    if not HOLD_MINUTES_MIN <= command.hold_minutes <= HOLD_MINUTES_MAX:
        return Rejected(
            "hold-minutes-out-of-range",
            {
                "hold_minutes_min": HOLD_MINUTES_MIN,
                "hold_minutes_max": HOLD_MINUTES_MAX,
            },
        )
    places = household_places(state, command)
    if isinstance(places, Rejected):
        return places
    return [
        ev.PlaceHeld(
            state.name,
            command.hold_id,
            tuple([place.id for place in places]),
            places[0].kind,
            command.household_size,
            tuple(sorted(set(command.features))),
            command.hold_minutes,
            command.at + timedelta(minutes=command.hold_minutes),
            command.at,
        )
    ]


def household_places(state: Location, command: cmd.HoldPlaces | cmd.BeginStay) -> Sequence[Place] | Rejected:
    """The places a household gets: those named, or the best fit.

    Refused: `household-size-invalid`, `household-too-large`, `kind-unknown`, `kind-without-beds`, `feature-unknown`,
    `composition-unknown`,
    `places-missing` (neither places nor a kind), `too-many-places`, `id-repeated`, `id-invalid`, `no-place-free`,
    and as `decider_fit.named` says.
    """
    refused = limits.household_refused(command.household_size)
    if not refused and command.kind is not None:
        refused = limits.kind_refused(command.kind)
    if not refused and command.features:
        refused = limits.features_refused(command.features)
    if not refused and command.place_ids:
        refused = limits.ids_refused(command.place_ids, limits.HOUSEHOLD_SIZE_MAX)
    if not refused and command.composition is not None:
        refused = limits.composition_refused(command.composition)
    if refused:
        return refused
    features = frozenset(command.features)
    if command.place_ids:
        return fit.named(state, command.place_ids, command.kind, command.household_size, features, command.composition)
    if command.kind is None:
        return Rejected("places-missing", {})
    since = command.observed_at if isinstance(command, cmd.BeginStay) else None
    return fit.choose(state, command.kind, command.household_size, features, since, command.composition)


def _same(hold: Hold, command: cmd.HoldPlaces) -> bool:
    return (
        hold.household_size == command.household_size
        and hold.hold_minutes == command.hold_minutes
        and hold.features == tuple(sorted(set(command.features)))
        and command.kind in (None, hold.kind)
        and (not command.place_ids or set(command.place_ids) == set(hold.place_ids))
    )


def check_in(state: Location, command: cmd.CheckInHold) -> Outcome:
    """Refused: `hold-unknown`, `hold-ended`, `version-stale`, `hold-lapsed` (its time is over, whether or not the
    timer has fired), `id-invalid`, `stay-id-used`, `time-without-zone`, `observed-in-future`, `observed-too-old`,
    `observed-before-place-free`."""
    hold = state.holds.get(command.hold_id)
    if hold is None:
        ended = state.ended_holds.get(command.hold_id)
        if ended is None:
            return Rejected("hold-unknown", {"hold_id": command.hold_id[:80]})
        stale = limits.version_refused(command.if_version, ended.version)
        if stale:
            return stale
        return () if ended.stay_id == command.stay_id else Rejected("hold-ended", {"how": ended.how})
    stale = limits.version_refused(command.if_version, hold.version)
    if stale:
        return stale
    if command.at >= hold.expires_at:
        return Rejected("hold-lapsed", {"expires_at": hold.expires_at.isoformat()})
    refused = (
        limits.id_refused(command.stay_id)
        or stay_id_refused(state, command.stay_id)
        or limits.observed_refused(command.observed_at, command.at)
        or before_free([state.places[id_] for id_ in hold.place_ids], command.observed_at)
    )
    if refused:
        return refused
    began_at = limits.in_utc(command.observed_at) or command.at
    return [
        ev.StayBegan(
            command.stay_id,
            hold.place_ids,
            hold.kind,
            hold.household_size,
            began_at,
            command.at,
            hold.id,
        )
    ]


def cancel(state: Location, command: cmd.CancelHold) -> Outcome:
    """Refused: `hold-unknown`, `hold-ended`, `version-stale`, `hold-lapsed`."""
    hold = _open_hold(state, command, "cancelled")
    if not isinstance(hold, Hold):
        return hold
    return [
        ev.HoldCancelled(hold.id, hold.place_ids, command.at),
        *after_use(state, hold.place_ids, command.at, None),
    ]


def no_show(state: Location, command: cmd.NoteNoShow) -> Outcome:
    """Refused: `hold-unknown`, `hold-ended`, `version-stale`, `hold-lapsed`."""
    hold = _open_hold(state, command, "no_show")
    if not isinstance(hold, Hold):
        return hold
    return [
        ev.NoShowNoted(hold.id, hold.place_ids, command.at),
        *after_use(state, hold.place_ids, command.at, None),
    ]


def _open_hold(state: Location, command: cmd.CancelHold | cmd.NoteNoShow, how: str) -> Hold | Outcome:
    """The hold somebody wants to end; or the answer where there is none to end any more. how: it would have ended so,
    and one that has is left as it is."""
    hold = state.holds.get(command.hold_id)
    if hold is None:
        ended = state.ended_holds.get(command.hold_id)
        if ended is None:
            return Rejected("hold-unknown", {"hold_id": command.hold_id[:80]})
        stale = limits.version_refused(command.if_version, ended.version)
        if stale:
            return stale
        return () if ended.how == how else Rejected("hold-ended", {"how": ended.how})
    stale = limits.version_refused(command.if_version, hold.version)
    if stale:
        return stale
    if command.at >= hold.expires_at:
        return Rejected("hold-lapsed", {"expires_at": hold.expires_at.isoformat()})
    return hold


def undo(state: Location, command: cmd.UndoHold) -> Outcome:
    """A second tap changes nothing. Refused: `hold-unknown`, `id-invalid`, `hold-id-used` (of `again_id`),
    `undo-too-late` (over a minute ago, or not a tap), `undo-not-possible` (another site's, an offer, or the places
    have another use by now, or its time is over)."""
    hold, ended = state.holds.get(command.hold_id), state.ended_holds.get(command.hold_id)
    if hold is None and ended is None:
        return Rejected("hold-unknown", {"hold_id": command.hold_id[:80]})
    if command.hold_id in state.guests or command.hold_id in state.offers:
        return Rejected("undo-not-possible", {"hold_id": command.hold_id})
    if hold is not None:
        if command.at - (hold.expires_at - timedelta(minutes=hold.hold_minutes)) > UNDO_WITHIN:
            return too_late()
        cancelled = ev.HoldCancelled(hold.id, hold.place_ids, command.at, "entered_in_error")
        return [cancelled, *after_use(state, hold.place_ids, command.at, None)]
    assert ended is not None
    return _again(state, ended, command)


def _again(state: Location, ended: EndedHold, command: cmd.UndoHold) -> Outcome:
    hold = ended.hold
    again = state.holds.get(command.again_id)
    if again is not None and again.place_ids == hold.place_ids:
        return ()
    used = any(command.again_id in ids for ids in (state.holds, state.ended_holds, state.guests))
    refused = limits.id_refused(command.again_id) or (
        Rejected("hold-id-used", {"hold_id": command.again_id}) if used else None
    )
    if refused:
        return refused
    by_a_person = ended.how in ("cancelled", "no_show") and ended.tapped_at is not None
    if not by_a_person or ended.tapped_at is None or command.at - ended.tapped_at > UNDO_WITHIN:
        return too_late()
    free = all(id_ in state.places and state.places[id_].status == FREE for id_ in hold.place_ids)
    if not free or command.at >= hold.expires_at or state.closed:
        return Rejected("undo-not-possible", {"hold_id": hold.id})
    return [
        ev.PlaceHeld(
            state.name, command.again_id, hold.place_ids, hold.kind, hold.household_size, hold.features,
            hold.hold_minutes, hold.expires_at, command.at,
        )
    ]  # fmt: skip


def lapse(state: Location, command: cmd.LapseHold) -> Outcome:
    """Nothing when the hold is not due, has ended or was never here: a timer may fire late, early or twice."""
    hold = state.holds.get(command.hold_id)
    if hold is None or command.at < hold.expires_at:
        return ()
    return [
        ev.HoldLapsed(hold.id, hold.place_ids, command.at),
        *after_use(state, hold.place_ids, command.at, None),
    ]
