"""Who is next, and where: the same answer at every site that has heard the same.

No site is in charge of the waiting list. Each ranks the requests it has heard of, gives them in that order the places
it has heard of, and acts on what falls to a location of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from operator import attrgetter, itemgetter
from typing import Any, TypeAlias

import msgspec

from shared.contracts.vocabulary import SIZE_CLASSES

PEOPLE_AT_MOST = dict(zip(SIZE_CLASSES, (1, 2, 4, 5), strict=True))
"""How many people a household of a size class is reckoned as; of the largest the least, for it has no end."""
SLEEPS_AT_LEAST = dict(zip(SIZE_CLASSES, (1, 2, 3, 5), strict=True))
"""How many people a place of a size class sleeps for sure."""
UNIT_KIND = "family_shelter"
"""A unit of it is for one household, whole; of other kinds a household may have several places."""
ONLY_IF_ASKED = frozenset({"women_only", "men_only"})
"""Places with these go to those who asked for them, and to nobody else."""


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """One open request as everybody knows it. kinds: the most wanted first. desk: the site that tells of it."""

    request_id: str
    kinds: tuple[str, ...]
    size_class: str
    features: frozenset[str]
    not_at: frozenset[str]
    priority_band: int
    waiting_since: date
    status: str
    desk: str = ""


class Room(msgspec.Struct, frozen=True, gc=False):
    """Free places of one make at one location."""

    site: str
    location: str
    kind: str
    size_class: str
    features: frozenset[str]
    free: int


Make: TypeAlias = tuple[str, str, frozenset[str]]
"""What all places of a room have in common: kind, size class and features."""


class Choice(msgspec.Struct, frozen=True, gc=False):
    """Where a request would go now. places: how many it would need there."""

    site: str
    location: str
    kind: str
    places: int


def rank_requests(requests: Iterable[Waiting]) -> list[Waiting]:
    """In the order in which they are served: the more urgent band first, then whoever waits longest; those of one day
    by their id, which is chance and the same everywhere."""
    of_one_day: dict[tuple[int, date], list[Waiting]] = {}
    for one in requests:
        same = of_one_day.get((one.priority_band, one.waiting_since))
        if same is None:
            of_one_day[one.priority_band, one.waiting_since] = [one]
        else:
            same.append(one)
    ranked: list[Waiting] = []
    for day in sorted(of_one_day):
        ranked += sorted(of_one_day[day], key=_BY_ID)
    return ranked


_BY_ID = attrgetter("request_id")


def choose_location(ranked: Sequence[Waiting], rooms: Sequence[Room]) -> dict[str, Choice]:
    """For every request, in rank order, its best-fitting free room that nobody before it takes; whoever finds none is
    left out. A request that has an offer is passed over: what it was offered is not free any more.

    Best: the kind most wanted, then nothing superfluous, then few places, then the smallest that do, then by name.
    """
    left = _Left(rooms)
    chosen: dict[str, Choice] = {}
    for request in ranked:
        if not left.free:
            break
        if request.status != "waiting":
            continue
        fitting = left.fitting.get((request.kinds, request.size_class, request.features))
        if fitting is None or fitting:
            choice = left.take(request, fitting)
            if choice is not None:
                chosen[request.request_id] = choice
    return chosen


class _Left:
    """What is left of the rooms while they are given away. There are few makes of room and few wishes, and what is too
    little for a number of places stays so: 10,000 requests need no look at every room each, and those for whose wish
    nothing is left need none at all.

    free: places that are left, of whatever make. fitting: of each wish, the makes that may have a place left for it.
    """

    def __init__(self, rooms: Sequence[Room]) -> None:
        self._rooms = sorted(rooms, key=lambda room: (room.site, room.location))
        self._free = [room.free for room in self._rooms]
        self.free = sum(self._free)
        self._makes: dict[Make, list[int]] = {}
        for index, room in enumerate(self._rooms):
            self._makes.setdefault((room.kind, room.size_class, room.features), []).append(index)
        self._of_make = {make: sum(self._free[at] for at in indexes) for make, indexes in self._makes.items()}
        self._of_kind: dict[str, list[tuple[Make, int, list[str]]]] = {}
        for make in self._makes:
            of_kind = self._of_kind.setdefault(make[0], [])
            of_kind.append((make, SIZE_CLASSES.index(make[1]), sorted(make[2])))
        self.fitting: dict[tuple[Any, ...], list[tuple[Make, int]]] = {}
        self._within: dict[tuple[str, str, frozenset[str]], list[tuple[Make, int]]] = {}
        self._begin: dict[tuple[Make, int], int] = {}

    def take(self, request: Waiting, fitting: list[tuple[Make, int]] | None) -> Choice | None:
        """Its best room, which has so many places less from now on. fitting: of its wish, if that was asked before."""
        if fitting is None:
            fitting = self._best_first(request)
            self.fitting[request.kinds, request.size_class, request.features] = fitting
        of_make = self._of_make
        for make, places in fitting:
            index = self._first(make, places, request.not_at) if of_make[make] >= places else None
            if index is not None:
                self._free[index] -= places
                of_make[make] -= places
                self.free -= places
                room = self._rooms[index]
                return Choice(room.site, room.location, room.kind, places)
        if fitting:
            fitting[:] = [
                (make, places) for make, places in fitting
                if of_make[make] >= places and self._begin.get((make, places), 0) < len(self._makes[make])
            ]  # fmt: skip
        return None

    def _first(self, make: Make, places: int, not_at: frozenset[str]) -> int | None:
        indexes, free = self._makes[make], self._free
        begin = self._begin.get((make, places), 0)
        while begin < len(indexes) and free[indexes[begin]] < places:
            begin += 1
        self._begin[make, places] = begin
        for at in range(begin, len(indexes)):
            index = indexes[at]
            if free[index] >= places and self._rooms[index].location not in not_at:
                return index
        return None

    def _best_first(self, request: Waiting) -> list[tuple[Make, int]]:
        """The kind most wanted first. What fits best within a kind is the same for every wish that has it, wherever it
        stands there: it is worked out once."""
        found: list[tuple[Make, int]] = []
        for kind in request.kinds:
            wish = (kind, request.size_class, request.features)
            of_kind = self._within.get(wish)
            if of_kind is None:
                of_kind = self._within[wish] = self._best_of_kind(kind, request)
            found += of_kind
        return found

    def _best_of_kind(self, kind: str, request: Waiting) -> list[tuple[Make, int]]:
        found: list[tuple[tuple[int, int, int, list[str]], Make, int]] = []
        for make, size, named in self._of_kind.get(kind, ()):
            places = places_needed(request, make)
            if places is not None:
                found.append(((len(make[2] - request.features), places, size, named), make, places))
        found.sort(key=itemgetter(0))
        return [(make, places) for _, make, places in found]


def places_needed(request: Waiting, make: Make) -> int | None:
    """How many places of a make a request would need; None when it may not or would not go there."""
    kind, size, features = make
    if kind not in request.kinds or not request.features <= features or (features & ONLY_IF_ASKED) - request.features:
        return None
    if SIZE_CLASSES.index(size) >= SIZE_CLASSES.index(request.size_class):
        return 1
    return None if kind == UNIT_KIND else -(-PEOPLE_AT_MOST[request.size_class] // SLEEPS_AT_LEAST[size])


def rooms_of(rows: Iterable[Mapping[str, Any]], live: Callable[[str], bool]) -> list[Room]:
    """The free rooms of sites that are heard now, in one order, out of rows of the `figures` view."""
    found = [
        Room(
            row["site"], row["location"], row["kind"], row["size_class"],
            frozenset(filter(None, row["feature_class"].split("+"))),
            row["total"] + row["overflow"] - row["occupied"] - row["held"] - row["blocked"],
        )
        for row in rows
        if live(row["site"])
    ]  # fmt: skip
    return sorted(
        (room for room in found if room.free > 0),
        key=lambda room: (room.site, room.location, room.kind, room.size_class, sorted(room.features)),
    )
