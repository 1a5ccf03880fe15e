"""Head counts: what a person saw on a walk round, held against what is known. And a house that closes its doors."""

from __future__ import annotations

from services.placement import commands as cmd
from services.placement import decider_limits as limits
from services.placement import events as ev
from services.placement.decider_late import count_key
from services.placement.decider_location import BLOCKED, FREE, OCCUPIED, Location
from services.placement.decider_places import Outcome, seen_at
from shared.kernel import Rejected

PEOPLE_MAX = 10_000


def count_heads(state: Location, command: cmd.CountHeads) -> Outcome:
    """A count changes no place and ends no stay: it says where what is known differs from what was seen.

    Refused: `id-invalid`, `count-id-used`, `kind-unknown`, `kind-without-beds`, `count-invalid`, `too-many-places`,
    `id-repeated`, `place-unknown`, `place-of-another-kind`, `time-without-zone`, `observed-in-future`,
    `observed-too-old`.
    """
    known = state.counts.get(command.count_id)
    if known is not None:
        same = known == count_key(command.kind, command.counted)
        return () if same else Rejected("count-id-used", {"count_id": command.count_id})
    seen = command.seen or ()
    refused = (
        limits.id_refused(command.count_id)
        or limits.kind_refused(command.kind)
        or limits.ids_refused(seen, limits.PLACES_A_LOCATION_MAX)
        or limits.observed_refused(command.observed_at, command.at)
    )
    if refused:
        return refused
    if not 0 <= command.counted <= PEOPLE_MAX:
        return Rejected("count-invalid", {"count_min": 0, "count_max": PEOPLE_MAX})
    for place_id in seen:
        place = state.places.get(place_id) or state.standby.get(place_id)
        if place is None:
            return Rejected("place-unknown", {"place_id": place_id})
        if place.kind != command.kind:
            return Rejected("place-of-another-kind", {"place_id": place_id, "kind": place.kind})
    observed_at = limits.in_utc(command.observed_at) or command.at
    looks = [group.observed_at for group in state.groups.values() if group.kind == command.kind and group.observed_at]
    occupied = [p.id for p in state.places.values() if p.kind == command.kind and p.status == OCCUPIED]
    there = frozenset(seen)
    noted = command.seen is not None
    return [
        ev.HeadsCounted(
            command.count_id,
            command.kind,
            command.counted,
            sum(group.people for group in state.groups.values() if group.kind == command.kind),
            tuple(id_ for id_ in occupied if id_ not in there) if noted else (),
            tuple(id_ for id_ in seen if id_ in state.standby or state.places[id_].status != OCCUPIED),
            observed_at < max(looks, default=observed_at),
            observed_at,
            command.at,
        )
    ]


def close_location(state: Location, command: cmd.CloseLocation) -> Outcome:
    """Everybody who was promised a place is told no, with the reason; whoever lives there stays until they leave."""
    if state.closed:
        return ()
    events: list[ev.LocationEvent] = [
        ev.HoldCancelled(hold.id, hold.place_ids, command.at, "location-closed") for hold in state.holds.values()
    ]
    now, later = list(state.standby), []
    for place in state.places.values():
        if place.status == OCCUPIED:
            if not place.closing and (not place.overflow or place.standby):
                later.append(place.id)
        else:
            assert place.status in (FREE, BLOCKED) or place.holder in state.holds
            now.append(place.id)
    if later:
        events.append(ev.ClosingPlanned(tuple(later), command.at))
    if now:
        events.append(ev.PlacesClosed(tuple(now), command.at, seen_at(command)))
    return [*events, ev.LocationClosed(state.name, command.at)]
