"""What waits for this desk: whom a place may be offered to, who is on the way, and whom nobody has seen. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.console.board import API, Tap, by_room, room_title
from services.console.network import site_title
from services.console.words import Words

SOON = timedelta(minutes=5)
"""How little time is left when a clock is shown as urgent."""
TRIES_MAX = 5
"""Wrong codes at the door after which the desk of whoever comes has to give another one (the places service counts)."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Line:
    """One thing that waits. clock: until when, in words. grave: what has to be known before anything is tapped."""

    key: str
    place: str
    title: str
    about: str
    clock: str
    urgent: bool
    grave: str
    taps: Sequence[Tap]


@dataclass(frozen=True)
class Waits:
    """questions: may a place be offered to them? expected: who is on the way, whoever is due first first. unseen: stays
    whose beds were empty for some nights."""

    questions: Sequence[Line]
    expected: Sequence[Line]
    unseen: Sequence[Line]

    def __bool__(self) -> bool:
        return bool(self.questions or self.expected or self.unseen)


def waits(
    location: str,
    places: Iterable[Row],
    holds: Iterable[Row],
    offers: Iterable[Row],
    questions: Iterable[Row],
    absences: Iterable[Row],
    now: datetime,
    words: Words,
) -> Waits:
    """places, holds: as for `board`. offers: of this house, that are open or expected. questions: nobody has answered
    yet. absences: as the places service lists them."""
    named = names(places, words)
    known = {offer["id"]: offer for offer in offers}
    coming = [
        (_due(hold, known.get(hold["id"])), _expected(hold, known.get(hold["id"]), named, now, words))
        for hold in holds
        if hold["status"] == "active" and (hold["id"] in known or hold.get("expected_from"))
    ]
    asked = sorted(questions, key=lambda question: (question["answer_by"], question["id"]))
    return Waits(
        questions=[_question(location, one, now, words) for one in asked],
        expected=[line for _, line in sorted(coming, key=lambda pair: (pair[0], pair[1].key))],
        unseen=[_unseen(one, named, now, words) for one in absences],
    )


def names(places: Iterable[Row], words: Words) -> dict[str, str]:
    """Every place by its id, as the board of its house calls it: Room 101, place 2."""
    found, houses = {}, dict[str, list[Row]]()
    for place in places:
        if place["status"] != "closed":
            houses.setdefault(place["location"], []).append(place)
    for house in houses.values():
        for room, inside in by_room(house).items():
            for number, place in enumerate(inside, 1):
                found[place["id"]] = words("board.name", room=room_title(room, words), n=number)
    return found


def _question(location: str, one: Row, now: datetime, words: Words) -> Line:
    ends = datetime.fromisoformat(one["answer_by"])

    def tap(word: str, weight: str) -> Tap:
        path = f"{API}/offer-questions/{one['id']}/{word}"
        return Tap(f"question_{word}", path, {"location": location}, None, words(f"done.question_{word}"), weight)

    people = words("waits.at_most", n=one["household_size"]) if one["household_size"] > 1 else ""
    features = [words(f"feature.{feature}") for feature in one["features"]]
    about = [people, *features, words("waits.asked_by", site=site_title(one["desk"]))]
    return Line(
        key=f"question {one['id']}", place="", title=words(f"kind.{one['kind']}"), about=_joined(about),
        clock=words("waits.answer_by", time=words.clock(ends)), urgent=ends - now < SOON, grave="",
        taps=[tap("yes", "primary"), tap("later", "quiet"), tap("no", "quiet")],
    )  # fmt: skip


def _due(hold: Row, offer: Row | None) -> str:
    return str((offer or {}).get("expected_by") or hold["expires_at"])


def _expected(hold: Row, offer: Row | None, named: Mapping[str, str], now: datetime, words: Words) -> Line:
    place = hold["place_ids"][0]
    ends, said = datetime.fromisoformat(_due(hold, offer)), ""
    taps = [_with_code(hold)] if offer is not None else [_check_in(hold, named.get(place, ""), words)]
    if offer is not None and offer["word"] == "open":
        said, taps = words("waits.not_accepted"), []
    from_ = (offer or {}).get("desk") or hold["expected_from"]
    about = [words.count("board.household", hold["household_size"]), words("waits.from", site=site_title(from_)), said]
    key = "waits.kept_until" if said else "waits.expected_by"
    return Line(
        key=f"expected {hold['id']}", place=place,
        title=", ".join(named[id_] for id_ in hold["place_ids"] if id_ in named), about=_joined(about),
        clock=words(key, time=words.moment(ends, now)), urgent=ends - now < SOON, grave=_grave(offer, words),
        taps=[*taps, Tap("more", "", {}, None, "", sheet=f"/sheet?location={hold['location']}&place={place}")],
    )  # fmt: skip


def _grave(offer: Row | None, words: Words) -> str:
    if offer is None:
        return ""
    tries = ""
    if offer["refusals"] >= TRIES_MAX:
        tries = words("waits.blocked")
    elif offer["refusals"]:
        tries = words.count("waits.wrong", offer["refusals"])
    return _joined([words("waits.double") if offer["possible_double"] else "", tries])


def _with_code(hold: Row) -> Tap:
    where = f"/sheet?location={hold['location']}&place={hold['place_ids'][0]}"
    return Tap("check_in", "", {}, None, "", "primary", sheet=where)


def _check_in(hold: Row, place: str, words: Words) -> Tap:
    return Tap(
        "check_in", f"{API}/holds/{hold['id']}/check-in", {}, hold["version"], words("done.check_in", place=place),
        "primary", undo=f"{API}/stays/{{stay_id}}/undo", later=True,
    )  # fmt: skip


def _unseen(one: Row, named: Mapping[str, str], now: datetime, words: Words) -> Line:
    place = one["place_ids"][0]
    title = ", ".join(named[id_] for id_ in one["place_ids"] if id_ in named)
    seen = words.moment(datetime.fromisoformat(one["last_seen_at"]), now)
    end = Tap(
        "end_unseen", f"{API}/stays/{one['stay_id']}/end",
        {"reason": "left_without_notice", "observed_at": one["end_at"]}, one["version"],
        words("done.end", place=title), "quiet", undo=f"{API}/stays/{{id}}/undo",
    )  # fmt: skip
    return Line(
        key=f"unseen {one['stay_id']}", place=place, title=title,
        about=_joined([words.count("board.household", one["household_size"]), words("waits.last_seen", time=seen)]),
        clock=words.count("waits.nights", one["nights"]), urgent=False, grave="", taps=[end],
    )  # fmt: skip


def _joined(parts: Iterable[str]) -> str:
    return " · ".join(part for part in parts if part)
