"""Which places a household gets: the best fit within one room.

A household of n needs places of one room that together sleep at least n and have every feature asked for. A place of
`family_shelter` is a unit: a household gets exactly one, and nobody else gets it as well.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime

from services.placement.decider_location import FREE, Location, Place
from shared.kernel import Rejected
from shared.paged import Paged

UNIT_KIND = "family_shelter"
ANYBODY = "mixed"


def choose(
    state: Location,
    kind: str,
    household_size: int,
    features: frozenset[str],
    since: datetime | None = None,
    composition: str | None = None,
) -> Sequence[Place] | Rejected:
    """The free places of `kind` that fit best: least sleeps left over; of those a single place before several,
    several of one size (the largest) before a mix; then fewest features nobody asked for, then by room and place id.

    since: the places must have been free by then; None means now. composition: who they are; a room that is for others
    is not theirs.
    Refused: `no-place-free` (they would fit, but are taken), `household-too-large` (not even an empty room sleeps
    so many).
    """
    if household_size == 1 and not features and since is None and not state.rooms and state.free.get(kind):
        return (_first(state, kind),)
    places = state.places
    order: Sequence[str] = state.free_of(kind)
    if features or since is not None:
        order = [id_ for id_ in order if _suits(places[id_], features, since)]
    if state.rooms:
        order = [id_ for id_ in order if is_for(state, places[id_].room, composition)]

    def sleeps(place_id: str) -> int:
        return places[place_id].sleeps

    first = bisect_left(order, household_size, key=sleeps)
    single = places[order[first]] if first < len(order) else None
    if household_size > 1 and kind != UNIT_KIND and (single is None or single.sleeps > household_size):
        several = _same_size(places, order, household_size) or _mix(places, order, household_size)
        if several and (single is None or sum(place.sleeps for place in several) < single.sleeps):
            return several
    if single is not None:
        return (single,)
    return _why_not(state, kind, household_size, features, composition, len(order))


def _first(state: Location, kind: str) -> Place:
    """The free place of a kind that is given away first; there is one. It sleeps somebody, as each does."""
    free = state.free[kind]
    return state.places[state.orders[kind].ids[(free & -free).bit_length() - 1]]


def is_for(state: Location, room: str, composition: str | None) -> bool:
    """Whether a household of this composition may have a place in the room."""
    return state.rooms.get(room, ANYBODY) in (ANYBODY, composition)


def _suits(place: Place, features: frozenset[str], since: datetime | None) -> bool:
    if since is not None and place.free_since is not None and place.free_since > since:
        return False
    return features.issubset(place.features)


def _same_size(places: Paged[Place], order: Sequence[str], household_size: int) -> list[Place] | None:
    """Places of one size in one room that leave nothing over: in `fit_order` they stand side by side."""
    for size in range(household_size // 2, 0, -1):
        if household_size % size:
            continue
        many = household_size // size
        begin = bisect_left(order, size, key=lambda id_: places[id_].sleeps)
        for index in range(begin, len(order) - many + 1):
            place, last = places[order[index]], places[order[index + many - 1]]
            if place.sleeps != size:
                break
            if last.sleeps == size and last.room == place.room and len(last.features) == len(place.features):
                return [places[id_] for id_ in order[index : index + many]]
    return None


def _rooms(places: Sequence[Place]) -> dict[str, list[Place]]:
    rooms: dict[str, list[Place]] = {}
    for place in places:
        rooms.setdefault(place.room, []).append(place)
    return rooms


def _mix(known: Paged[Place], order: Sequence[str], household_size: int) -> list[Place] | None:
    best: list[Place] | None = None
    best_rank: tuple[int, int, int, str] | None = None
    for room, places in _rooms([known[id_] for id_ in order]).items():
        if sum(place.sleeps for place in places) < household_size:
            continue
        picked = _best_of_room(places, household_size)
        if picked:
            sleeps = sum(place.sleeps for place in picked)
            rank = (
                sleeps,
                len(picked),
                sum(len(place.features) for place in picked),
                room,
            )
            if best_rank is None or rank < best_rank:
                best, best_rank = picked, rank
    return best


def _best_of_room(places: Sequence[Place], household_size: int) -> list[Place] | None:
    """Places of one room with the smallest sum of sleeps that is enough, and of those the fewest.

    Bounded: of each size at most as many places are looked at as the household could fill, and sums stop at enough.
    """
    by_size: dict[int, list[Place]] = {}
    for place in sorted(places, key=lambda p: (len(p.features), p.id)):
        same = by_size.setdefault(place.sleeps, [])
        if len(same) * place.sleeps < household_size:
            same.append(place)
    ways: dict[int, tuple[tuple[int, int], ...]] = {0: ()}  # sum -> ((size, how many), ...)
    for size in sorted(by_size, reverse=True):
        for total, way in list(ways.items()):
            for many in range(1, len(by_size[size]) + 1):
                if total + (many - 1) * size >= household_size:
                    break
                new, new_way = total + many * size, (*way, (size, many))
                if new not in ways or sum(n for _, n in new_way) < sum(n for _, n in ways[new]):
                    ways[new] = new_way
    enough = [total for total in ways if total >= household_size]
    if not enough:
        return None
    return [place for size, many in ways[min(enough)] for place in by_size[size][:many]]


def _why_not(
    state: Location, kind: str, household_size: int, features: frozenset[str], composition: str | None, free: int
) -> Rejected:
    fitting = [
        place
        for place in state.places.values()
        if place.kind == kind
        and not place.closing
        and features.issubset(place.features)
        and is_for(state, place.room, composition)
    ]
    if kind == UNIT_KIND:
        most = max((place.sleeps for place in fitting), default=0)
    else:
        most = max(
            (sum(p.sleeps for p in places) for places in _rooms(fitting).values()),
            default=0,
        )
    if 0 < most < household_size:
        return Rejected(
            "household-too-large",
            {"household_size": household_size, "sleeps_max": most},
        )
    return Rejected("no-place-free", {"kind": kind, "household_size": household_size, "free": free})


def named(
    state: Location,
    place_ids: Sequence[str],
    kind: str | None,
    household_size: int,
    features: frozenset[str],
    composition: str | None = None,
) -> Sequence[Place] | Rejected:
    """The places somebody pointed at, if a household may have them.

    Refused: `place-unknown`, `place-not-free`, `place-of-another-kind`, `features-missing`, `places-not-one-room`,
    `room-for-others`, `family-unit-split`, `household-too-large`.
    """
    places = []
    for place_id in place_ids:
        place = state.places.get(place_id)
        if place is None:
            if place_id in state.standby:
                return Rejected("place-not-free", {"place_id": place_id, "status": "closed"})
            return Rejected("place-unknown", {"place_id": place_id})
        if place.status != FREE:
            return Rejected("place-not-free", {"place_id": place_id, "status": place.status})
        places.append(place)
    first = places[0]
    for place in places:
        if place.kind != (kind or first.kind):
            return Rejected("place-of-another-kind", {"place_id": place.id, "kind": place.kind})
        if not features.issubset(place.features):
            missing = sorted(features.difference(place.features))
            return Rejected("features-missing", {"place_id": place.id, "features": missing})
        if place.room != first.room:
            return Rejected("places-not-one-room", {"rooms": sorted({p.room for p in places})})
    if not is_for(state, first.room, composition):
        return Rejected("room-for-others", {"room": first.room, "composition": state.rooms[first.room]})
    if first.kind == UNIT_KIND and len(places) > 1:
        return Rejected("family-unit-split", {"places": len(places)})
    sleeps = sum(place.sleeps for place in places)
    if sleeps < household_size:
        return Rejected(
            "household-too-large",
            {"household_size": household_size, "sleeps_max": sleeps},
        )
    return places
