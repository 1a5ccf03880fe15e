"""Stays that go on otherwise: moved, away, put right, taken back; and many that end at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.placement import commands as cmd
from services.placement import decider_fit as fit
from services.placement import decider_limits as limits
from services.placement import events as ev
from services.placement.decider_location import BLOCKED, FREE, OCCUPIED, EndedStay, Location, Place, Stay
from services.placement.decider_places import BEING_CLEANED, UNDO_WITHIN, Outcome, after_use, too_late
from services.placement.decider_stays import IN_ERROR, before_free, end
from shared.kernel import Rejected


def present(state: Location, stay_id: str, if_version: int | None) -> Stay | Rejected:
    """The stay, if it is there now. Refused: `stay-unknown`, `stay-ended`, `version-stale`."""
    stay = state.stays.get(stay_id)
    if stay is None:
        ended = state.ended_stays.get(stay_id)
        if ended is None:
            return Rejected("stay-unknown", {"stay_id": stay_id[:80]})
        return limits.version_refused(if_version, ended.version) or Rejected("stay-ended", {"reason": ended.reason})
    return limits.version_refused(if_version, stay.version) or stay


def move(state: Location, command: cmd.MoveStay) -> Outcome:
    """Refused: as `present` says, `time-without-zone`, `observed-in-future`, `observed-too-old`,
    `observed-before-stay-began`, `observed-before-place-free`, `kind-unknown`, `kind-without-beds`, `feature-unknown`,
    `composition-unknown`, `places-missing`, `too-many-places`, `id-repeated`, `id-invalid`, and as `decider_fit`
    says."""
    stay = present(state, command.stay_id, command.if_version)
    if isinstance(stay, Rejected):
        return stay
    if command.place_ids and set(command.place_ids) == set(stay.place_ids):
        return ()
    refused = limits.observed_refused(command.observed_at, command.at) or _asked_refused(command)
    if refused:
        return refused
    if command.observed_at is not None and command.observed_at < stay.began_at:
        return Rejected("observed-before-stay-began", {"began_at": stay.began_at.isoformat()})
    found = _new_places(state, stay, command)
    if isinstance(found, Rejected):
        return found
    refused = before_free(found, command.observed_at)
    if refused:
        return refused
    moved_at = limits.in_utc(command.observed_at) or max(command.at, stay.began_at)
    ids = tuple(place.id for place in found)
    return [
        ev.StayMoved(stay.id, stay.place_ids, ids, found[0].kind, moved_at, command.at),
        *after_use(state, stay.place_ids, command.at, moved_at, cleaned=True),
    ]


def _asked_refused(command: cmd.MoveStay) -> Rejected | None:
    if command.kind is not None and (refused := limits.kind_refused(command.kind)):
        return refused
    if not command.place_ids and command.kind is None:
        return Rejected("places-missing", {})
    if command.composition is not None and (refused := limits.composition_refused(command.composition)):
        return refused
    return limits.features_refused(command.features) or limits.ids_refused(command.place_ids, limits.HOUSEHOLD_SIZE_MAX)


def _new_places(state: Location, stay: Stay, command: cmd.MoveStay) -> Sequence[Place] | Rejected:
    features = frozenset(command.features)
    if command.place_ids:
        return fit.named(state, command.place_ids, command.kind, stay.household_size, features, command.composition)
    assert command.kind is not None
    return fit.choose(state, command.kind, stay.household_size, features, command.observed_at, command.composition)


def note_away(state: Location, command: cmd.NoteAway) -> Outcome:
    """Refused: as `present` says, `time-without-zone`, `until-in-past`, `until-too-far`."""
    stay = present(state, command.stay_id, command.if_version)
    if isinstance(stay, Rejected):
        return stay
    refused = limits.until_refused(command.until, command.at)
    if refused:
        return refused
    until = limits.in_utc(command.until)
    return () if until == stay.away_until else [ev.AwayNoted(stay.id, until, command.at)]


def correct(state: Location, command: cmd.CorrectStay) -> Outcome:
    """Refused: as `present` says, `household-size-invalid`, `household-too-large` (also for the places it is in),
    `time-without-zone`, `observed-in-future`, `observed-too-old`, `observed-before-place-free`."""
    stay = present(state, command.stay_id, command.if_version)
    if isinstance(stay, Rejected):
        return stay
    size = stay.household_size if command.household_size is None else command.household_size
    places = [state.places[place_id] for place_id in stay.place_ids]
    refused = (
        limits.household_refused(size)
        or limits.observed_refused(command.began_at, command.at)
        or before_free(places, command.began_at)
    )
    if refused:
        return refused
    sleeps = sum(place.sleeps for place in places)
    if size > sleeps:
        return Rejected("household-too-large", {"household_size": size, "sleeps_max": sleeps})
    since = limits.in_utc(command.began_at) or stay.began_at
    if (size, since) == (stay.household_size, stay.began_at):
        return ()
    return [ev.StayCorrected(stay.id, stay.place_ids, size, since, command.at)]


def undo(state: Location, command: cmd.UndoStay) -> Outcome:
    """A second tap changes nothing. Refused: `stay-unknown`, `undo-too-late` (over a minute ago, or not by a tap),
    `undo-not-possible` (the places have another use by now)."""
    stay = state.stays.get(command.stay_id)
    if stay is not None:
        return _undo_present(state, stay, command)
    ended = state.ended_stays.get(command.stay_id)
    if ended is None:
        return Rejected("stay-unknown", {"stay_id": command.stay_id[:80]})
    return _undo_end(state, ended, command)


def _undo_present(state: Location, stay: Stay, command: cmd.UndoStay) -> Outcome:
    if stay.undone:
        return ()
    if stay.tapped_at is None or command.at - stay.tapped_at > UNDO_WITHIN:
        return too_late()
    if not stay.moved_from:
        began_at = stay.began_at
        return [
            ev.StayEnded(stay.id, stay.place_ids, IN_ERROR, began_at, command.at),
            *after_use(state, stay.place_ids, command.at, began_at),
        ]
    if not _free(state, stay.moved_from):
        return Rejected("undo-not-possible", {"stay_id": stay.id})
    kind = state.places[stay.moved_from[0]].kind
    return [
        *_ready(state, stay.moved_from, command.at),
        ev.StayMoved(stay.id, stay.place_ids, stay.moved_from, kind, command.at, command.at, undo=True),
        *after_use(state, stay.place_ids, command.at, command.at),
    ]


def _undo_end(state: Location, ended: EndedStay, command: cmd.UndoStay) -> Outcome:
    if ended.reason == IN_ERROR:
        return ()
    if ended.tapped_at is None or command.at - ended.tapped_at > UNDO_WITHIN:
        return too_late()
    if not _free(state, ended.stay.place_ids):
        return Rejected("undo-not-possible", {"stay_id": ended.stay.id})
    places = ended.stay.place_ids
    return [*_ready(state, places, command.at), ev.StayResumed(ended.stay.id, places, command.at)]


def _free(state: Location, place_ids: Sequence[str]) -> bool:
    """Whether nobody has used these places since: they are free, or were to be cleaned after the use that is taken
    back."""
    places = [state.places.get(id_) for id_ in place_ids]
    return all(place is not None and (place.status == FREE or _to_be_cleaned(place)) for place in places)


def _to_be_cleaned(place: Place) -> bool:
    return place.status == BLOCKED and place.block == BEING_CLEANED


def _ready(state: Location, place_ids: Sequence[str], at: datetime) -> list[ev.LocationEvent]:
    """Nobody has left these places after all: they need no cleaning."""
    blocked = tuple(id_ for id_ in place_ids if _to_be_cleaned(state.places[id_]))
    return [ev.PlacesUnblocked(blocked, at, None, undo=True)] if blocked else []


def end_many(state: Location, command: cmd.EndStays) -> Outcome:
    """One after the other, all or nothing; stays named that have ended so already are left out.

    Refused: `places-missing` (neither stays nor a room nor a kind), `too-many-places`, `room-unknown`, and for any of
    them as `decider_stays.end` says.
    """
    if not command.stay_ids and command.room is None and command.kind is None:
        return Rejected("places-missing", {})
    if len(command.stay_ids) > limits.PLACES_A_COMMAND_MAX:
        return Rejected("too-many-places", {"places_max": limits.PLACES_A_COMMAND_MAX})
    if command.room is not None and all(place.room != command.room for place in state.places.values()):
        return Rejected("room-unknown", {"room": command.room[:80]})
    events: list[ev.LocationEvent] = []
    for stay_id in dict.fromkeys(command.stay_ids or _stays_in(state, command)):
        outcome = end(
            state,
            cmd.EndStay(
                at=command.at,
                role=command.role,
                location=command.location,
                stay_id=stay_id,
                reason=command.reason,
                observed_at=command.observed_at,
            ),
        )
        if isinstance(outcome, Rejected):
            return Rejected(outcome.code, outcome.facts | {"stay_id": stay_id[:80]})
        events.extend(outcome)
    return events


def _stays_in(state: Location, command: cmd.EndStays) -> list[str]:
    return [
        place.holder
        for place in state.places.values()
        if place.status == OCCUPIED
        and place.holder is not None
        and command.room in (None, place.room)
        and command.kind in (None, place.kind)
    ]
