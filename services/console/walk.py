"""A walk round the house to count heads: every place room by room, as it is known. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.console.board import by_room, room_title, uses_of
from services.console.words import Words

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Spot:
    """One place. present: somebody is known to be there. people: whom the place counts for when somebody is, so that a
    couple in two beds is two people: the household at its first place, nobody more at the others."""

    id: str
    name: str
    label: str
    kind: str
    present: bool
    people: int
    about: str


@dataclass(frozen=True)
class Walk:
    """kinds: those the house has, in words. rooms: title and places. people: as known, of each kind."""

    location: str
    title: str
    kinds: Mapping[str, str]
    rooms: Sequence[tuple[str, Sequence[Spot]]]


def walk(location: Row, places: Iterable[Row], stays: Iterable[Row], now: datetime, words: Words) -> Walk:
    """location, places, stays: as the places service lists them; closed places are left out."""
    uses = uses_of([], stays)
    rooms, kinds = [], dict[str, str]()
    for name, inside in by_room(place for place in places if place["status"] != "closed").items():
        title = room_title(name, words)
        spots = [_spot(place, number, title, uses.stays, now, words) for number, place in enumerate(inside, 1)]
        kinds |= {spot.kind: words(f"kind.{spot.kind}") for spot in spots}
        rooms.append((title, spots))
    return Walk(location["id"], location["title"] or location["id"], kinds, rooms)


def _spot(place: Row, number: int, room: str, stays: Mapping[str, Row], now: datetime, words: Words) -> Spot:
    stay = stays.get(place["id"])
    present = place["status"] == "occupied"
    people = 1
    about = [words(f"status.{place['status']}")] if not present else []
    if present and stay is not None:
        people = stay["household_size"] if stay["place_ids"][0] == place["id"] else 0
        about.append(words.count("board.household", stay["household_size"]))
        if stay["away_until"] is not None:
            until = words.moment(datetime.fromisoformat(stay["away_until"]), now)
            about.append(words("list.away", time=until))
            present = False
    label = words("board.place", n=number)
    name = words("board.name", room=room, n=number)
    return Spot(place["id"], name, label, place["kind"], present, people, " · ".join(about))
