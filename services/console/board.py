"""A location's own places as its desk sees them: rooms, what each place is, and what one tap may do to it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from services.console.guests import NOBODY, Guests
from services.console.network import site_title
from services.console.words import Words
from shared.contracts.vocabulary import HOLD_MINUTES_DEFAULT
from shared.unspoken import Withheld

STATUSES = ("free", "held", "occupied", "blocked")
DESK_ROLES = frozenset({"operator", "caseworker"})
"""Who taps. The places service decides; this only leaves out buttons that would be refused."""
HOUSEHOLD_ROLES = DESK_ROLES | {"auditor"}
"""Who may see holds and stays."""
PLACE_ROLES = HOUSEHOLD_ROLES | {"coordinator", "oncall"}
"""Who may see which places are free."""
RULE_ROLES = frozenset({"operator", "coordinator"})
"""Who says how a house is kept."""
END_REASON = "moved_on"
"""What one tap says about why a stay ended; anything else is said in words later."""

API = "/api/placement"

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Tap:
    """One tap: a POST of `body` to `path`, refused when the thing is no longer at `version`.

    done: what it says afterwards. weight: `primary` for the usual next step of a busy night, `quiet` for that of a
    calm one, `plain` for the rest. sheet: instead of a request, the address of more to choose from. undo: the path that
    takes it back for a while, `{id}` and `{stay_id}` being the answer's. later: it happened whether or not there is a
    connection, and can be told afterwards with the time it did: it takes `observed_at`.
    """

    name: str
    path: str
    body: Mapping[str, Any]
    version: int | None
    done: str
    weight: str = "plain"
    sheet: str = ""
    undo: str = ""
    later: bool = False


@dataclass(frozen=True)
class Tile:
    """One place. detail: since when, until when, who fits."""

    id: str
    name: str
    label: str
    status: str
    detail: Sequence[str]
    taps: Sequence[Tap]


@dataclass(frozen=True)
class Room:
    """The places of one room. about: its kind and features, when they are all of one make."""

    key: str
    title: str
    about: str
    tiles: Sequence[Tile]


@dataclass(frozen=True)
class Board:
    """One location. counts: by status, in words. may_tap: whether this role changes anything. nights: whether people
    come for one night. may_rule: whether this role says how the house is kept."""

    location: str
    title: str
    district: str
    counts: Sequence[tuple[str, str]]
    rooms: Sequence[Room]
    may_tap: bool
    sees_households: bool
    nights: bool
    may_rule: bool


@dataclass(frozen=True, repr=False)
class Line(Withheld):
    """One place on a list. about: kind, features, since or until when. people: who sleeps there, as far as is known;
    None where nobody does, and for the second place of a household, who are counted at the first. alias: of whoever
    lives there and handed it over; empty of everybody else."""

    id: str
    label: str
    status: str
    about: str
    people: int | None
    alias: str = ""


@dataclass(frozen=True, repr=False)
class NightList(Withheld):
    """What a desk prints: every place, room by room; or for an evacuation only where people are. people: in all.
    named: whether any alias is on it. silent: what it says of desks that did not answer now, or nothing."""

    location: str
    title: str
    people: int
    rooms: Sequence[tuple[str, int, Sequence[Line]]]
    named: bool = False
    silent: str = ""


@dataclass
class Uses:
    """Which hold and which stay each place has."""

    holds: dict[str, Row] = field(default_factory=dict)
    stays: dict[str, Row] = field(default_factory=dict)


def board(
    location: Row,
    places: Iterable[Row],
    holds: Iterable[Row],
    stays: Iterable[Row],
    role: str,
    now: datetime,
    words: Words,
) -> Board:
    """location, places, holds, stays: as the places service lists them; closed places, ended holds and stays are left
    out.
    """
    open_places = [place for place in places if place["status"] != "closed"]
    uses, rooms = uses_of(holds, stays), by_room(open_places)
    may_tap = role in DESK_ROLES
    return Board(
        location=location["id"],
        title=location["title"] or location["id"],
        district=location["district"],
        counts=[
            (status, words(f"board.count.{status}", n=sum(place["status"] == status for place in open_places)))
            for status in STATUSES
        ],
        rooms=[_room(name, inside, uses, may_tap, now, words) for name, inside in rooms.items()],
        may_tap=may_tap,
        sees_households=role in HOUSEHOLD_ROLES,
        nights=any(place["kind"] == "night_shelter" for place in open_places),
        may_rule=role in RULE_ROLES,
    )


def night_list(
    location: Row,
    places: Iterable[Row],
    holds: Iterable[Row],
    stays: Iterable[Row],
    now: datetime,
    words: Words,
    *,
    evacuation: bool,
    named: Guests = NOBODY,
) -> NightList:
    """location, places, holds, stays: as for `board`. evacuation: only places where somebody is. named: those who
    handed their alias over."""
    uses = uses_of(holds, stays)
    rooms = []
    for name, inside in by_room(place for place in places if place["status"] != "closed").items():
        lines = [_line(number, place, uses, named, now, words) for number, place in enumerate(inside, 1)]
        shown = [line for line in lines if not evacuation or line.status == "occupied"]
        if shown:
            rooms.append((room_title(name, words), sum(line.people or 0 for line in shown), shown))
    people = sum(in_room for _, in_room, _ in rooms)
    any_named = any(line.alias for _, _, lines in rooms for line in lines)
    return NightList(location["id"], location["title"] or location["id"], people, rooms, any_named, named.silent)


def _line(number: int, place: Row, uses: Uses, named: Guests, now: datetime, words: Words) -> Line:
    stay = uses.stays.get(place["id"])
    people, alias = None, ""
    if place["status"] == "occupied" and stay is not None:
        alias = named.aliases.get(stay["id"], "")
    if place["status"] == "occupied" and stay is not None and stay["place_ids"][0] == place["id"]:
        people = stay["household_size"]
    about = [make_of(place, words), *use_of(place, uses.holds, uses.stays, now, words)]
    return Line(place["id"], words("board.place", n=number), place["status"], " · ".join(about), people, alias)


def uses_of(holds: Iterable[Row], stays: Iterable[Row]) -> Uses:
    """By place: the open hold and the present stay it has."""
    uses = Uses()
    for hold in holds:
        if hold["status"] == "active":
            uses.holds.update(dict.fromkeys(hold["place_ids"], hold))
    for stay in stays:
        if stay["ended_at"] is None:
            uses.stays.update(dict.fromkeys(stay["place_ids"], stay))
    return uses


def by_room(places: Iterable[Row]) -> dict[str, list[Row]]:
    """Places by room, both in the order a person looks for them: room 2 before room 10."""
    by_room: dict[str, list[Row]] = {}
    for place in sorted(places, key=lambda place: (_natural(place["room"]), place["kind"], place["id"])):
        by_room.setdefault(place["room"], []).append(place)
    return by_room


def room_title(name: str, words: Words) -> str:
    """A room as a heading."""
    return words("board.room", room=name) if name[:1].isdigit() else name or words("board.no_room")


def _natural(text: str) -> list[tuple[int, int, str]]:
    """Room 2 comes before room 10."""
    parts = re.split(r"(\d{1,18})", text)
    return [(1, 0, part) if index % 2 == 0 else (0, int(part), "") for index, part in enumerate(parts) if part]


def _room(name: str, places: Sequence[Row], uses: Uses, may_tap: bool, now: datetime, words: Words) -> Room:
    title = room_title(name, words)
    makes = {make_of(place, words) for place in places}
    one_make = len(makes) == 1
    tiles = []
    for number, place in enumerate(places, 1):
        full = words("board.name", room=title, n=number)
        details = [] if one_make else [make_of(place, words)]
        details += use_of(place, uses.holds, uses.stays, now, words)
        taps = _taps(place, uses, full, now, words) if may_tap else []
        label = words("board.place", n=number)
        tiles.append(Tile(place["id"], full, label, place["status"], [text for text in details if text], taps))
    return Room(name, title, makes.pop() if one_make else "", tiles)


def make_of(place: Row, words: Words) -> str:
    """Kind, how many it sleeps, features."""
    kind = words(f"kind.{place['kind']}")
    sleeps = words("board.sleeps", n=place["sleeps"]) if place["sleeps"] > 1 else ""
    features = [words(f"feature.{feature}") for feature in place["features"]]
    return ", ".join(part for part in (kind, sleeps, *features) if part)


def use_of(place: Row, holds: Mapping[str, Row], stays: Mapping[str, Row], now: datetime, words: Words) -> list[str]:
    """What is going on in a place, in a few words."""
    found: list[str] = [words("board.overflow")] if place["overflow"] else []
    stay, hold = stays.get(place["id"]), holds.get(place["id"])
    if place["status"] == "occupied" and stay is not None:
        found.append(words("board.since", time=_moment(stay["began_at"], now, words)))
        found += _household(stay, words)
        if stay["away_until"] is not None:
            found.append(words("list.away", time=_moment(stay["away_until"], now, words)))
        if stay.get("ends_at") is not None:
            found.append(words("list.out_by", time=_moment(stay["ends_at"], now, words)))
    elif place["status"] == "held" and hold is not None:
        found.append(words("board.until", time=_moment(hold["expires_at"], now, words)))
        if hold.get("expected_from"):
            found.append(words("board.expected_from", site=site_title(hold["expected_from"])))
        found += _household(hold, words)
    elif place["status"] == "blocked" and place["block"] is not None:
        found.append(words(f"reason.{place['block']['reason']}"))
        if place["block"]["until"] is not None:
            found.append(words("board.until", time=_moment(place["block"]["until"], now, words)))
    return found


def _household(use: Row, words: Words) -> list[str]:
    others = len(use["place_ids"]) - 1
    people = [words.count("board.household", use["household_size"])] if use["household_size"] > 1 else []
    return people + ([words.count("board.with", others)] if others else [])


def _moment(text: str, now: datetime, words: Words) -> str:
    return words.moment(datetime.fromisoformat(text), now)


def _taps(place: Row, uses: Uses, name: str, now: datetime, words: Words) -> list[Tap]:
    """What may be done to a place now, the usual next step first."""
    id_, version = place["id"], place["version"]
    more = f"/sheet?location={place['location']}&place={id_}"

    def tap(action: str, path: str, body: Mapping[str, Any], version: int | None = None, **told: Any) -> Tap:
        # The time a hold ends is the answer's to tell: `{time}` stays for the page to fill in.
        return Tap(
            action, f"/api/placement/{path}", body, version, words(f"done.{action}", place=name, time="{time}"), **told
        )

    def opens(action: str, sheet: str) -> Tap:
        return Tap(action, "", {}, None, "", sheet=sheet)

    match place["status"]:
        case "free":
            return [
                tap("take", "stays", {"place_ids": [id_]}, weight="primary", undo=f"{API}/stays/{{id}}/undo",
                    later=True),
                tap(
                    "hold", "holds", {"place_ids": [id_], "hold_minutes": HOLD_MINUTES_DEFAULT},
                    undo=f"{API}/holds/{{id}}/cancel",
                ),
                opens("block", f"{more}&about=block"),
                opens("more", more),
            ]  # fmt: skip
        case "occupied" if id_ in uses.stays:
            stay = uses.stays[id_]
            end = tap(
                "end", f"stays/{stay['id']}/end", {"reason": END_REASON}, stay["version"], weight="quiet",
                undo=f"{API}/stays/{{id}}/undo", later=True,
            )  # fmt: skip
            back = tap("back", f"stays/{stay['id']}/away", {"until": None}, stay["version"], weight="quiet")
            return [*([back] if stay["away_until"] is not None else []), end, opens("more", more)]
        case "held" if id_ in uses.holds and uses.holds[id_].get("offer_id"):
            return [replace(opens("check_in", more), weight="primary"), opens("more", more)]
        case "held" if id_ in uses.holds:
            hold = uses.holds[id_]
            return [
                tap(
                    "check_in", f"holds/{hold['id']}/check-in", {}, hold["version"], weight="primary",
                    undo=f"{API}/stays/{{stay_id}}/undo", later=True,
                ),
                tap("cancel", f"holds/{hold['id']}/cancel", {}, hold["version"], later=True),
                opens("more", more),
            ]  # fmt: skip
        case "blocked":
            return [tap("unblock", f"places/{id_}/unblock", {}, version, weight="quiet")]
        case _:
            return []
