"""The days of a house, made up: people arrive, are awaited, move, are away and leave; rooms are cleaned; heads are
counted at night. Pure: chance comes in, and the same chance on the same house tells the same story.

The story keeps its own small account of the house, so that it seldom asks for what is not there. It names no free
place: it asks for a kind, as one does on the phone, and the house chooses.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.placement.houses import Chance, Request

HOUR, DAY = 60.0, 24 * 60.0
NIGHT = "night_shelter"
NEWCOMERS = {"shelter_24h": 0.8, "family_shelter": 0.1, "medical_respite": 0.1}
"""What people who come by day need, and how often."""
LEAVING = {
    "moved_on": 0.55, "left_without_notice": 0.2, "transferred": 0.1, "medical": 0.08, "stay_limit": 0.05,
    "excluded": 0.02,
}  # fmt: skip
"""Why stays end, and how often."""
BUSY = 0.88
"""How full a house is before more people leave than come."""
HOLD_MINUTES = 90

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Act:
    """One thing that happens. minute: of the story. site: whose desk sends the request. what: the word it is summed
    under."""

    minute: float
    site: str
    what: str
    request: Request


@dataclass
class Guest:
    """One household in the story. ref: its stay's id, or `{name}` of the request that began it. places: how many of
    the house's own it has; none of them for an extra place."""

    ref: str
    places: int
    people: int
    away: bool = False


@dataclass
class House:
    """What the story knows of a house. free: places by kind. sleeps: the smallest place of each kind."""

    site: str
    location: str
    free: dict[str, int] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    sleeps: dict[str, int] = field(default_factory=dict)
    guests: dict[str, list[Guest]] = field(default_factory=dict)


def seen(site: str, location: str, places: Iterable[Row], stays: Iterable[Row]) -> House:
    """A house as it is now. places, stays: as the service lists them; closed places and ended stays are left out."""
    house = House(site, location)
    kinds: dict[str, str] = {}
    for place in places:
        if place["status"] == "closed":
            continue
        kind = place["kind"]
        kinds[place["id"]] = kind
        if not place["overflow"]:
            house.places[kind] = house.places.get(kind, 0) + 1
            house.free[kind] = house.free.get(kind, 0) + (place["status"] == "free")
            house.sleeps[kind] = min(house.sleeps.get(kind, place["sleeps"]), place["sleeps"])
    for stay in stays:
        if stay["ended_at"] is None and stay["place_ids"][0] in kinds:
            guest = Guest(stay["id"], len(stay["place_ids"]), stay["household_size"])
            house.guests.setdefault(kinds[stay["place_ids"][0]], []).append(guest)
    return house


def story(house: House, callers: Sequence[str], begin_minute: float, days: float, chance: Chance) -> list[Act]:
    """What happens in a house, in order; minutes count from the start of the story.

    callers: other sites, whose desks ask for places by letter. begin_minute: of the day, when the story begins.
    """
    return _Life(house, callers, begin_minute, days * DAY, chance).run()


class _Life:
    """The story under way: what is due next, what has happened."""

    def __init__(
        self, house: House, callers: Sequence[str], begin_minute: float, minutes: float, chance: Chance
    ) -> None:
        self._house, self._callers, self._chance = house, callers, chance
        self._begin, self._end = begin_minute, minutes
        self._due: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = 0
        self._names = 0
        self._acts: list[Act] = []

    def run(self) -> list[Act]:
        for hour in range(int(self._end // HOUR) + 1):
            self._at(hour * HOUR, self._hour)
        while self._due:
            minute, _, happens = heapq.heappop(self._due)
            happens(minute)
        return self._acts

    # --- time ---------------------------------------------------------------------------------------------------------

    def _at(self, minute: float, happens: Callable[[float], None]) -> None:
        if minute < self._end:
            self._order += 1
            heapq.heappush(self._due, (minute, self._order, happens))

    def _soon(self, minute: float, happens: Callable[[float], None], chance: float) -> None:
        """Within the hour, perhaps."""
        if self._chance.random() < chance:
            self._at(minute + self._chance.uniform(0, HOUR), happens)

    def _hour(self, minute: float) -> None:
        hour = int((self._begin + minute) % DAY // HOUR)
        if 8 <= hour < 21:
            full = self._fullness() > BUSY
            for _ in range(2):
                self._soon(minute, self._newcomer, 0.2 if full else 0.35)
            self._soon(minute, self._leave, 0.6 if full else 0.25)
            self._soon(minute, self._move, 0.06)
            self._soon(minute, self._away, 0.08)
            self._soon(minute, self._clean, 0.12)
        if 17 <= hour < 22:
            for _ in range(3):
                self._soon(minute, self._night_guest, 0.8)
        if hour == 9:
            self._at(minute + self._chance.uniform(5, 25), self._morning)
        if hour == 23:
            self._at(minute + self._chance.uniform(5, 25), self._count)

    # --- what happens -------------------------------------------------------------------------------------------------

    def _newcomer(self, minute: float) -> None:
        kind = self._one_of(NEWCOMERS)
        people, places = self._household(kind)
        if self._house.free.get(kind, 0) < places:
            return  # they were told on the phone that there is no room
        asks = {"location": self._house.location, "kind": kind, "household_size": people}
        if self._chance.random() < 0.4:
            guest = Guest(self._do(minute, "arrived", Request("stays", asks, self._name())), places, people)
            self._settle(kind, guest)
            return
        self._house.free[kind] -= places
        caller, asks = self._house.site, asks | {"hold_minutes": HOLD_MINUTES}
        if self._callers and self._chance.random() < 0.6:
            caller, asks = self._chance.choice(self._callers), asks | {"site": self._house.site}
        hold = self._do(minute, "awaited", Request("holds", asks, self._name()), caller)
        comes = self._chance.random() < 0.8

        def ends(later: float) -> None:
            self._house.free[kind] += places
            if comes:
                checked = Request(f"holds/{hold}/check-in", {}, self._name(), keeps="stay_id")
                self._settle(kind, Guest(self._do(later, "checked in", checked), places, people))
            else:
                self._do(later, "did not come", Request(f"holds/{hold}/cancel"), caller)

        self._at(minute + self._chance.uniform(20, HOLD_MINUTES - 10), ends)

    def _night_guest(self, minute: float) -> None:
        if NIGHT not in self._house.places:
            return
        full = self._house.free[NIGHT] < 1
        if full and self._chance.random() < 0.4:
            return
        asks = {"location": self._house.location, "kind": NIGHT, "household_size": 1, "extra": full}
        guest = Guest(self._do(minute, "arrived", Request("stays", asks, self._name())), 0 if full else 1, 1)
        self._settle(NIGHT, guest)

    def _morning(self, minute: float) -> None:
        guests = self._house.guests.pop(NIGHT, [])
        if guests:
            body = {"location": self._house.location, "kind": NIGHT, "reason": "moved_on"}
            self._do(minute, "nights ended", Request("stays/end", body))
            self._house.free[NIGHT] += sum(guest.places for guest in guests)

    def _leave(self, minute: float) -> None:
        found = self._somebody()
        if found is None:
            return
        kind, guest = found
        self._house.guests[kind].remove(guest)
        self._do(minute, "left", Request(f"stays/{guest.ref}/end", {"reason": self._one_of(LEAVING)}))
        self._house.free[kind] += guest.places

    def _move(self, minute: float) -> None:
        found = self._somebody()
        if found is not None and found[1].people == 1 and self._house.free.get(found[0], 0) > 1:
            kind, guest = found
            self._do(minute, "moved", Request(f"stays/{guest.ref}/move", {"kind": kind}))

    def _away(self, minute: float) -> None:
        found = self._somebody()
        if found is None:
            return
        guest = found[1]
        guest.away = True
        hours = self._chance.uniform(12, 30)
        self._do(minute, "away", Request(f"stays/{guest.ref}/away", until_minutes=int(hours * HOUR)))

        def back(later: float) -> None:
            guest.away = False
            self._do(later, "back", Request(f"stays/{guest.ref}/away", {"until": None}))

        self._at(minute + hours * HOUR, back)

    def _clean(self, minute: float) -> None:
        kind = "shelter_24h"
        if self._house.free.get(kind, 0) < 3:
            return
        lasts = self._chance.uniform(45, 120)
        body = {"location": self._house.location, "kind": kind, "count": 1, "reason": "cleaning"}
        blocked = Request("places/block", body, self._name(), until_minutes=int(lasts), keeps="place_ids")
        place = self._do(minute, "being cleaned", blocked)
        self._house.free[kind] -= 1

        def ready(later: float) -> None:
            self._do(later, "clean", Request(f"places/{place}/unblock"))
            self._house.free[kind] += 1

        self._at(minute + lasts, ready)

    def _count(self, minute: float) -> None:
        for kind in sorted(self._house.places):
            people = sum(guest.people for guest in self._house.guests.get(kind, []) if not guest.away)
            body = {"location": self._house.location, "kind": kind, "counted": people}
            self._do(minute, "counted", Request("head-counts", body))

    # --- the account --------------------------------------------------------------------------------------------------

    def _do(self, minute: float, what: str, request: Request, site: str | None = None) -> str:
        """Adds to the story; returns what stands for the id the request will be answered with."""
        self._acts.append(Act(minute, site or self._house.site, what, request))
        return f"{{{request.name}}}"

    def _name(self) -> str:
        self._names += 1
        return f"n{self._names}"

    def _settle(self, kind: str, guest: Guest) -> None:
        self._house.free[kind] -= guest.places
        self._house.guests.setdefault(kind, []).append(guest)

    def _somebody(self) -> tuple[str, Guest] | None:
        """Somebody who lives here and is at home."""
        home = [
            (kind, guest)
            for kind, guests in sorted(self._house.guests.items())
            for guest in guests
            if kind != NIGHT and not guest.away
        ]
        return self._chance.choice(home) if home else None

    def _household(self, kind: str) -> tuple[int, int]:
        """How many people, and how many places they need."""
        if kind == "family_shelter":
            return self._chance.randint(2, max(2, self._house.sleeps.get(kind, 2))), 1
        if kind == "shelter_24h" and self._chance.random() < 0.08:
            return 2, 2
        return 1, 1

    def _fullness(self) -> float:
        kind = "shelter_24h"
        return 1 - self._house.free.get(kind, 0) / max(1, self._house.places.get(kind, 0))

    def _one_of(self, weights: Mapping[str, float]) -> str:
        return self._chance.choices(list(weights), list(weights.values()))[0]
