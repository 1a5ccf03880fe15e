"""A house as one might find it in the city: its rooms, who sleeps there tonight, what is out of use. Pure: chance comes
in, and the same chance furnishes the same house.

What is furnished are requests to the service's own HTTP paths, as a desk would send them; nothing here is a person.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

DAYS_AGO_MAX = 6.5
"""A desk may report what it saw at most a week ago; so no stay of the first night is older."""
ROOMS_A_FLOOR = 8
FULL = 0.82
"""How full the 24-hour shelter is on the first night."""


class Chance(Protocol):
    """What is asked of a seeded `random.Random`."""

    def random(self) -> float: ...

    def randint(self, a: int, b: int) -> int: ...

    def uniform(self, a: float, b: float) -> float: ...

    def choice(self, seq: Sequence[T]) -> T: ...

    def sample(self, population: Sequence[T], k: int) -> list[T]: ...

    def choices(self, population: Sequence[T], weights: Sequence[float]) -> list[T]: ...


@dataclass(frozen=True)
class Room:
    """`count` places of one make. sleeps: people a place."""

    name: str
    kind: str
    count: int = 2
    sleeps: int = 1
    features: tuple[str, ...] = ()


@dataclass(frozen=True)
class Request:
    """One request to `/api/placement/<path>`, as it comes to a desk.

    path: `{name}` in it stands for what an earlier request of that name was answered with. name: of this one.
    until_minutes: the body says `until`, so long after it is sent. keeps: which field of the answer the name stands
    for; of a list the first.
    """

    path: str
    body: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    until_minutes: int | None = None
    keeps: str = "id"


def rooms(chance: Chance) -> list[Room]:
    """A house of 56 to 70 places: floors with rooms of two, a hall for the night, family units, a room to recover in.

    The ground floor is step-free, one corridor is for women only.
    """
    floors = chance.randint(2, 3)
    of_two = chance.randint(20, 24)
    women = chance.randint(2, floors)
    found = []
    for number in range(of_two):
        floor, door = min(number // ROOMS_A_FLOOR + 1, floors), number % ROOMS_A_FLOOR + 1
        if floor == floors:
            door = number - (floors - 1) * ROOMS_A_FLOOR + 1
        features: tuple[str, ...] = ("step_free",) if floor == 1 else ("women_only",) if floor == women else ()
        if floor != women and chance.random() < 0.15:
            features = (*features, "quiet")
        found.append(Room(f"{floor}{door:02d}", "shelter_24h", features=features))
    found.append(Room("Nachtzaal", "night_shelter", count=chance.randint(10, 14)))
    for unit in range(1, chance.randint(2, 3) + 1):
        features = ("cot", "private") if unit == 1 else ("private",)
        found.append(Room(f"Gezin {unit}", "family_shelter", count=1, sleeps=chance.randint(4, 5), features=features))
    found.append(Room("Recovery", "medical_respite", features=("quiet", "step_free")))
    return found


def last_night(now: datetime) -> datetime:
    """When the last head count was: 22:00 UTC, about midnight in summer and eleven in winter, an hour ago at least."""
    at_ten = now.replace(hour=22, minute=0, second=0, microsecond=0)
    return at_ten if now - at_ten >= timedelta(hours=1) else at_ten - timedelta(days=1)


def first_night(
    location: str, made: Sequence[Room], places: Mapping[str, Sequence[str]], now: datetime, chance: Chance
) -> list[Request]:
    """Who is there, in the order they came; last night's counts; then what changed today.

    places: the ids of each room's places. now: the moment the house is furnished for.
    """
    counted_at = last_night(now)
    out_of_use = _out_of_use(made, places, chance)
    shut = {place for request in out_of_use for place in [request.path.split("/")[1]]}
    arrivals = sorted(_arrivals(made, places, shut, counted_at, now, chance), key=lambda arrival: arrival.at)
    before = [arrival for arrival in arrivals if arrival.at < counted_at]
    after = [arrival for arrival in arrivals if arrival.at >= counted_at]
    taken = shut | {place for arrival in arrivals for place in arrival.place_ids}
    return [
        *(arrival.request for arrival in before),
        *_counts(location, before, counted_at, chance),
        *(arrival.request for arrival in after),
        *out_of_use,
        *_on_their_way(made, places, taken, chance),
        *_away(arrivals, chance),
    ]


@dataclass(frozen=True)
class _Arrival:
    name: str
    kind: str
    place_ids: tuple[str, ...]
    household_size: int
    at: datetime

    @property
    def request(self) -> Request:
        body = {
            "place_ids": list(self.place_ids),
            "household_size": self.household_size,
            "observed_at": self.at.isoformat(),
        }
        return Request("stays", body, self.name)


def _arrivals(
    made: Sequence[Room],
    places: Mapping[str, Sequence[str]],
    shut: set[str],
    counted_at: datetime,
    now: datetime,
    chance: Chance,
) -> Iterator[_Arrival]:
    number = 0
    for room in made:
        open_ids = [id_ for id_ in places[room.name] if id_ not in shut]
        for place_ids, size in _households(room, open_ids, counted_at, now, chance):
            number += 1
            at = _arrived(room.kind, counted_at, now, chance)
            yield _Arrival(f"stay{number}", room.kind, place_ids, size, at)


def _households(
    room: Room, open_ids: Sequence[str], counted_at: datetime, now: datetime, chance: Chance
) -> Iterator[tuple[tuple[str, ...], int]]:
    """Who lives in one room: the places each household has, and how many they are."""
    if room.kind == "family_shelter":
        if open_ids and (room.name.endswith("1") or chance.random() < 0.5):
            yield (open_ids[0],), chance.randint(2, room.sleeps)
    elif room.kind == "night_shelter":
        if now - counted_at < timedelta(hours=9):  # in the morning everybody goes out
            for id_ in open_ids[: round(len(open_ids) * chance.uniform(0.6, 0.9))]:
                yield (id_,), 1
    elif room.kind == "shelter_24h" and len(open_ids) == 2 and chance.random() < 0.12:
        yield tuple(open_ids), 2
    else:
        share = FULL if room.kind == "shelter_24h" else 0.5
        for id_ in open_ids:
            if chance.random() < share:
                yield (id_,), 1


def _arrived(kind: str, counted_at: datetime, now: datetime, chance: Chance) -> datetime:
    """A night shelter fills in the evening; elsewhere people came on any of the last days, most of them a while ago."""
    if kind == "night_shelter":
        return counted_at - timedelta(minutes=chance.randint(15, 280))
    days = DAYS_AGO_MAX * max(chance.random(), chance.random())
    return (now - timedelta(days=days)).replace(microsecond=0)


def _counts(location: str, before: Sequence[_Arrival], counted_at: datetime, chance: Chance) -> Iterator[Request]:
    """Somebody walked round: as known in one house of two, one person fewer in the other."""
    for kind in ("shelter_24h", "night_shelter"):
        people = sum(arrival.household_size for arrival in before if arrival.kind == kind)
        if people:
            counted = max(0, people - chance.randint(0, 1))
            body = {"location": location, "kind": kind, "counted": counted, "observed_at": counted_at.isoformat()}
            yield Request("head-counts", body)


def _out_of_use(made: Sequence[Room], places: Mapping[str, Sequence[str]], chance: Chance) -> list[Request]:
    """A room under repair, two beds being cleaned, one kept apart for somebody who is ill."""
    of_two = [room for room in made if room.kind == "shelter_24h"]
    broken, *others = chance.sample(of_two, 4)
    blocks = [(id_, "repair", 60 * 24 * 3) for id_ in places[broken.name]]
    blocks += [(places[room.name][0], "cleaning", 120) for room in others[:2]]
    blocks.append((places[others[2].name][1], "isolation", 60 * 24 * 2))
    return [Request(f"places/{id_}/block", {"reason": why}, until_minutes=minutes) for id_, why, minutes in blocks]


def _on_their_way(
    made: Sequence[Room], places: Mapping[str, Sequence[str]], taken: set[str], chance: Chance
) -> Iterator[Request]:
    free = [id_ for room in made if room.kind == "shelter_24h" for id_ in places[room.name] if id_ not in taken]
    for id_ in chance.sample(free, min(2, len(free))):
        yield Request("holds", {"place_ids": [id_], "hold_minutes": chance.choice((60, 90, 120))})


def _away(arrivals: Sequence[_Arrival], chance: Chance) -> Iterator[Request]:
    living = [arrival for arrival in arrivals if arrival.kind == "shelter_24h"]
    for arrival in chance.sample(living, min(1, len(living))):
        yield Request(f"stays/{{{arrival.name}}}/away", until_minutes=60 * 24)
