"""Places: open, block, unblock, close, and what happens to a place when its use ends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from services.placement import commands as cmd
from services.placement import decider_limits as limits
from services.placement import events as ev
from services.placement.decider_location import BLOCKED, FREE, Block, Location, Place, group_key
from services.placement.events_regimes import StandbyClosed, StandbyOpened
from shared.contracts.vocabulary import BLOCK_REASONS
from shared.envelope import SYSTEM_ROLE
from shared.kernel import Rejected

UNDO_WITHIN = timedelta(minutes=1)
"""How long a tap can be taken back."""

BEING_CLEANED = Block("cleaning", None)
"""What blocks a place somebody has left, where its kind is cleaned after use."""

Outcome = Sequence[ev.LocationEvent] | Rejected


def seen_at(command: cmd.LocationCommand) -> datetime | None:
    """When a person saw what this command changes: now, unless the system asked."""
    return None if command.role == SYSTEM_ROLE else command.at


def after_use(
    state: Location,
    place_ids: Sequence[str],
    at: datetime,
    observed_at: datetime | None,
    *,
    cleaned: bool = False,
) -> list[ev.LocationEvent]:
    """What follows when the use of these places ends: extra places and those to be closed close, planned blocks
    begin, and standby places that no regime keeps open are on standby again. cleaned: somebody has lived there, so
    places of kinds that are cleaned after use are blocked until they are ready."""
    events: list[ev.LocationEvent] = []
    closing, back = [], []
    blocks: dict[Block, list[str]] = {}
    for place_id in place_ids:
        place = state.places[place_id]
        if place.closing or (place.overflow and not place.standby):
            closing.append(place_id)
        elif place.block_next is not None:
            blocks.setdefault(place.block_next, []).append(place_id)
        elif cleaned and place.kind in state.cleaned:
            blocks.setdefault(BEING_CLEANED, []).append(place_id)
        elif place.standby and not state.is_open_by_regime(place.kind):
            back.append(place_id)
    if closing:
        events.append(ev.PlacesClosed(tuple(closing), at, observed_at))
    for block, ids in blocks.items():
        events.append(ev.PlacesBlocked(tuple(ids), block.reason, block.until, at, observed_at))
    if back:
        events.append(StandbyClosed(tuple(back), at, observed_at))
    return events


def open_places(state: Location, command: cmd.OpenPlaces) -> Outcome:
    """Refused: `places-missing`, `too-many-places`, `id-repeated`, `id-invalid`, `kind-unknown`, `kind-without-beds`,
    `feature-unknown`, `room-invalid`, `programme-invalid`, `sleeps-out-of-range`, `place-id-used`,
    `too-many-groups`."""
    if not command.place_ids:
        return Rejected("places-missing", {})
    refused = (
        limits.ids_refused(command.place_ids, limits.PLACES_A_COMMAND_MAX)
        or limits.kind_refused(command.kind)
        or limits.features_refused(command.features)
        or limits.label_refused("room-invalid", command.room)
        or (limits.label_refused("programme-invalid", command.programme) if command.programme is not None else None)
    )
    if command.standby and command.programme is not None:  # a report's places are as the report says
        return Rejected("programme-invalid", {"standby": True})
    if refused:
        return refused
    if not 1 <= command.sleeps <= limits.SLEEPS_MAX:
        return Rejected("sleeps-out-of-range", {"sleeps_min": 1, "sleeps_max": limits.SLEEPS_MAX})
    features = tuple(sorted(set(command.features)))
    make = (command.kind, command.room, command.sleeps, features, command.programme, command.standby)
    every = {**dict(state.places.items()), **state.standby}
    known = [every[id_] for id_ in command.place_ids if id_ in every]
    if len(known) == len(command.place_ids) and all(make == _make(place) for place in known):
        return ()
    used = [id_ for id_ in command.place_ids if id_ in every or id_ in state.closed_places]
    if used:
        return Rejected("place-id-used", {"place_id": used[0]})
    if state.places_there_are + len(command.place_ids) > limits.PLACES_A_LOCATION_MAX:
        return Rejected("too-many-places", {"places_max": limits.PLACES_A_LOCATION_MAX})
    refused = limits.groups_refused(state.groups, len(state.groups), group_key(command.kind, command.sleeps, features))
    if refused:
        return refused
    opened = ev.PlacesOpened(
        command.place_ids, command.kind, command.room, command.sleeps, features, command.at,
        None if command.standby else seen_at(command), command.programme, standby=command.standby,
    )  # fmt: skip
    if command.standby and state.is_open_by_regime(command.kind):
        return [opened, StandbyOpened(command.place_ids, command.at)]
    return [opened]


def compose_room(state: Location, command: cmd.ComposeRoom) -> Outcome:
    """Refused: `composition-unknown`, `room-unknown`."""
    refused = limits.composition_refused(command.composition)
    if refused:
        return refused
    if all(place.room != command.room for place in (*state.places.values(), *state.standby.values())):
        return Rejected("room-unknown", {"room": command.room[:80]})
    if state.rooms.get(command.room) == command.composition:
        return ()
    return [ev.RoomComposed(command.room, command.composition, command.at)]


def _make(place: Place) -> tuple[str, str, int, tuple[str, ...], str | None, bool]:
    return place.kind, place.room, place.sleeps, place.features, place.programme, place.standby


def block_places(state: Location, command: cmd.BlockPlaces) -> Outcome:
    """Refused: `block-reason-unknown`, `time-without-zone`, `until-in-past`, `until-too-far`, `places-missing`,
    `too-many-places`, `id-repeated`, `id-invalid`, `place-unknown`, `room-unknown`, `count-invalid`,
    `no-place-free`, `version-stale`, `place-not-free`, `place-closing`."""
    if command.reason not in BLOCK_REASONS:
        return Rejected("block-reason-unknown", {"reason": command.reason[:80]})
    refused = limits.until_refused(command.until, command.at)
    if refused:
        return refused
    places = _places_to_block(state, command)
    if isinstance(places, Rejected):
        return places
    now, later = [], []
    block = Block(command.reason, limits.in_utc(command.until))
    for place in places:
        stale = limits.version_refused(command.if_version, place.version)
        if stale:
            return stale
        if block in (place.block, place.block_next):
            continue
        if place.status == FREE:
            now.append(place.id)
        elif place.status == BLOCKED or not command.after_stay:
            return Rejected("place-not-free", {"place_id": place.id, "status": place.status})
        elif place.closing:
            return Rejected("place-closing", {"place_id": place.id})
        else:
            later.append(place.id)
    events: list[ev.LocationEvent] = []
    if now:
        events.append(ev.PlacesBlocked(tuple(now), block.reason, block.until, command.at, seen_at(command)))
    if later:
        events.append(ev.BlockPlanned(tuple(later), block.reason, block.until, command.at))
    return events


def _places_to_block(state: Location, command: cmd.BlockPlaces) -> Sequence[Place] | Rejected:
    if command.place_ids:
        refused = limits.ids_refused(command.place_ids, limits.PLACES_A_COMMAND_MAX)
        if refused:
            return refused
        unknown = [id_ for id_ in command.place_ids if id_ not in state.places]
        if unknown:
            return on_standby(state, unknown[0]) or Rejected("place-unknown", {"place_id": unknown[0]})
        return [state.places[id_] for id_ in command.place_ids]
    if command.room is None and command.count is None:
        return Rejected("places-missing", {})
    places = [
        place
        for place in state.places.values()
        if command.room in (None, place.room) and command.kind in (None, place.kind)
    ]
    if command.room is not None and not places:
        return Rejected("room-unknown", {"room": command.room[:80]})
    if command.count is None:
        # A whole room: what is out of use already, or will be gone, needs no block.
        places = [place for place in places if place.status != BLOCKED and not place.closing]
        if len(places) > limits.PLACES_A_COMMAND_MAX:
            return Rejected(
                "too-many-places",
                {"places": len(places), "places_max": limits.PLACES_A_COMMAND_MAX},
            )
        return places
    if not 1 <= command.count <= limits.PLACES_A_COMMAND_MAX:
        return Rejected("count-invalid", {"count_min": 1, "count_max": limits.PLACES_A_COMMAND_MAX})
    free = sorted((place.room, place.id) for place in places if place.status == FREE)
    if len(free) < command.count:
        return Rejected("no-place-free", {"count": command.count, "free": len(free)})
    return [state.places[id_] for _, id_ in free[: command.count]]


def unblock_place(state: Location, command: cmd.UnblockPlace) -> Outcome:
    """A planned block is called off too; a place that is not blocked stays as it is. A standby place that no regime
    keeps open is on standby again.

    Refused: `place-unknown`, `place-not-free` (it waits for a regime), `version-stale`.
    """
    place = state.places.get(command.place_id)
    if place is None:
        waiting = on_standby(state, command.place_id)
        return waiting or Rejected("place-unknown", {"place_id": command.place_id[:80]})
    stale = limits.version_refused(command.if_version, place.version)
    if stale:
        return stale
    if place.block is None and place.block_next is None:
        return ()
    unblocked = ev.PlacesUnblocked((place.id,), command.at, seen_at(command))
    if place.status == BLOCKED and place.standby and not state.is_open_by_regime(place.kind):
        return [unblocked, StandbyClosed((place.id,), command.at)]
    return [unblocked]


def undo_block(state: Location, command: cmd.UndoBlock) -> Outcome:
    """A second tap changes nothing. Refused: `place-unknown`, `undo-too-late` (over a minute ago, or not by a tap),
    `undo-not-possible` (the place has another use by now)."""
    place, tap = state.places.get(command.place_id), state.taps.get(command.place_id)
    if place is None:
        return on_standby(state, command.place_id) or Rejected("place-unknown", {"place_id": command.place_id[:80]})
    if tap is not None and tap.undone:
        return ()
    if tap is None or command.at - tap.at > UNDO_WITHIN:
        return too_late()
    if tap.before is None:
        if place.block is None and place.block_next is None:
            return Rejected("undo-not-possible", {"place_id": place.id})
        unblocked = ev.PlacesUnblocked((place.id,), command.at, seen_at(command), undo=True)
        back = place.standby and place.status == BLOCKED and not state.is_open_by_regime(place.kind)
        return [unblocked, StandbyClosed((place.id,), command.at)] if back else [unblocked]
    if place.status != FREE:
        return Rejected("undo-not-possible", {"place_id": place.id})
    before = tap.before
    return [ev.PlacesBlocked((place.id,), before.reason, before.until, command.at, seen_at(command), undo=True)]


def too_late() -> Rejected:
    """Refused: `undo-too-late`."""
    return Rejected("undo-too-late", {"within_seconds": int(UNDO_WITHIN.total_seconds())})


def on_standby(state: Location, place_id: str) -> Rejected | None:
    """Refused: `place-not-free` where the place waits for a regime."""
    if place_id not in state.standby:
        return None
    return Rejected("place-not-free", {"place_id": place_id, "status": "closed"})


def close_place(state: Location, command: cmd.ClosePlace) -> Outcome:
    """Refused: `place-unknown`, `version-stale`, `place-occupied` (in use, and `after_stay` was not asked for)."""
    place = state.places.get(command.place_id) or state.standby.get(command.place_id)
    if place is None:
        closed = state.closed_places.get(command.place_id)
        if closed is None:
            return Rejected("place-unknown", {"place_id": command.place_id[:80]})
        return limits.version_refused(command.if_version, closed) or ()
    stale = limits.version_refused(command.if_version, place.version)
    if stale:
        return stale
    if place.status in (FREE, BLOCKED):
        return [ev.PlacesClosed((place.id,), command.at, seen_at(command))]
    if not command.after_stay:
        return Rejected("place-occupied", {"place_id": place.id, "status": place.status})
    if place.closing:
        return ()
    return [ev.ClosingPlanned((place.id,), command.at)]
