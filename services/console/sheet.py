"""What may be done with a place, a room or a house beside what one tap does: forms, each one request. Pure.

A form sends its body together with what is chosen in it: every choice carries a piece of the body.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from services.console.board import by_room, make_of, room_title, use_of, uses_of
from services.console.words import ZONE, Words
from shared.contracts.vocabulary import BED_KINDS, BLOCK_REASONS, OFFER_MODES, STAY_END_REASONS, WITHDRAW_REASONS

HOLD_MINUTES = (30, 60, 90, 120, 240)
NIGHTS_AWAY = (1, 2, 3, 7)
ALL_LEFT_REASONS = ("moved_on", "left_without_notice", "transferred")
"""Why a whole room or night shelter is left at once."""
NIGHT = "night_shelter"
UNDO_STAY = "/api/placement/stays/{id}/undo"
CODE_CHARS_MAX, NOTE_CHARS_MAX = 40, 500
MOVES_MAX = 60
"""Free places offered for a move."""

Row = Mapping[str, Any]
Piece = Mapping[str, Any]


@dataclass(frozen=True)
class Choice:
    """body: what choosing it adds to the request. more: what is said beside it."""

    words: str
    body: Piece
    weight: str = "quiet"
    more: str = ""


@dataclass(frozen=True)
class Form:
    """One request. buttons: one of them sends it. select: chosen beside, with its label. number: a field of how many,
    with its label, least and most. text: a field of so many characters, with its label. times: fields of a time of day,
    each with its name, label and value. tick: what may be added. later: as of a `board.Tap`. done: what is said
    afterwards; undo: the path that takes it back, `{id}` and `{stay_id}` being the answer's; undo_body: what is sent
    there."""

    name: str
    title: str
    help: str
    path: str
    body: Piece
    buttons: Sequence[Choice]
    done: str
    version: int | None = None
    undo: str = ""
    select: tuple[str, Sequence[Choice]] | None = None
    number: tuple[str, str, int, int] | None = None
    text: tuple[str, str, int] | None = None
    tick: Choice | None = None
    later: bool = False
    times: Sequence[tuple[str, str, str]] = ()
    undo_body: Piece | None = None


@dataclass(frozen=True)
class Sheet:
    """title: of what it is about. about: how that is now."""

    title: str
    about: str
    forms: Sequence[Form]


@dataclass(frozen=True)
class _House:
    """All of a house that a sheet may need."""

    places: Sequence[Row]
    holds: Mapping[str, Row]
    stays: Mapping[str, Row]
    now: datetime
    words: Words

    @classmethod
    def of(
        cls, places: Iterable[Row], holds: Iterable[Row], stays: Iterable[Row], now: datetime, words: Words
    ) -> _House:
        uses = uses_of(holds, stays)
        return cls([place for place in places if place["status"] != "closed"], uses.holds, uses.stays, now, words)

    def name(self, place: Row) -> str:
        """Room 101, place 2."""
        title = room_title(place["room"], self.words)
        inside = by_room(other for other in self.places if other["room"] == place["room"])[place["room"]]
        number = next(number for number, other in enumerate(inside, 1) if other["id"] == place["id"])
        return self.words("board.name", room=title, n=number)


def place_sheet(
    place_id: str,
    about: str,
    places: Iterable[Row],
    holds: Iterable[Row],
    stays: Iterable[Row],
    now: datetime,
    words: Words,
    offer: Row | None = None,
) -> Sheet | None:
    """What may be done with one place; None when there is no such place. about: `block` for only that. offer: the one
    its hold belongs to, where it does."""
    house = _House.of(places, holds, stays, now, words)
    place = next((place for place in house.places if place["id"] == place_id), None)
    if place is None:
        return None
    name = house.name(place)
    status = words(f"status.{place['status']}")
    known = " · ".join([status, make_of(place, words), *use_of(place, house.holds, house.stays, now, words)])
    forms = _place_forms(house, place, name, about, offer)
    if about != "block":
        forms.append(_note(place["location"], [], words, place_id))
    return Sheet(name, known, forms)


def _place_forms(house: _House, place: Row, name: str, about: str, offer: Row | None) -> list[Form]:
    stay, hold = house.stays.get(place["id"]), house.holds.get(place["id"])
    if place["status"] == "free":
        block = _block_place(house, place, name, after_stay=False)
        if about == "block":
            return [block]
        several = [_take(house, place, name)] if place["sleeps"] > 1 else []
        return [*several, _hold(house, place, name), block]
    if place["status"] == "occupied" and stay is not None:
        block = _block_place(house, place, name, after_stay=True)
        longer = [] if stay.get("ends_at") is None else [_longer(house, stay, name)]
        return [*longer, _end(house, stay, name), _move(house, stay, name), _away(house, stay, name), block]
    if place["status"] == "held" and hold is not None:
        if offer is None:
            return [_no_show(hold, name, house.words)]
        accepted = [_check_in(hold, name, house.words), _no_show(hold, name, house.words)]
        return [*(accepted if offer["status"] == "accepted" else []), _withdraw(offer, hold, name, house.words)]
    return []


def _check_in(hold: Row, name: str, words: Words) -> Form:
    """Of somebody a place was offered to. It is not written down on the device: a code is nothing to leave there."""
    return Form(
        "check_in", words("sheet.check_in"), words("sheet.check_in_help"),
        f"/api/placement/holds/{hold['id']}/check-in", {},
        [Choice(words("action.check_in"), {}, "primary")], words("done.check_in", place=name), hold["version"],
        undo="/api/placement/stays/{stay_id}/undo", text=("arrival_code", words("sheet.code"), CODE_CHARS_MAX),
    )  # fmt: skip


def _no_show(hold: Row, name: str, words: Words) -> Form:
    return Form(
        "no_show", words("sheet.no_show"), words("sheet.no_show_help"),
        f"/api/placement/holds/{hold['id']}/no-show", {},
        [Choice(words("sheet.no_show_button"), {})], words("done.no_show", place=name), hold["version"],
        undo="/api/placement/holds/{id}/undo",
    )  # fmt: skip


def _withdraw(offer: Row, hold: Row, name: str, words: Words) -> Form:
    """Its hold's version is what has to be as it was seen: the offer ends with it."""
    buttons = [Choice(words(f"withdraw.{reason}"), {"reason": reason}) for reason in WITHDRAW_REASONS]
    return Form(
        "withdraw", words("sheet.withdraw"), words("sheet.withdraw_help"),
        f"/api/placement/offers/{offer['id']}/withdraw", {}, buttons, words("done.withdraw", place=name),
        hold["version"],
    )  # fmt: skip


def _note(location: str, about: Sequence[tuple[str, str]], words: Words, place_id: str | None = None) -> Form:
    """A note for the next shift. about: places with their names, to choose from. place_id: the one it is about."""
    choices = [Choice(name, {"place_id": id_}) for id_, name in about]
    where = (words("sheet.note_about"), [Choice(words("notes.house"), {}), *choices]) if place_id is None else None
    one = {} if place_id is None else {"place_id": place_id}
    return Form(
        "note", words("sheet.note"), words("sheet.note_help"), "/api/console/notes", {"location": location, **one},
        [Choice(words("sheet.note_button"), {}, "primary")], words("done.note"), select=where,
        undo="/api/console/notes/{id}/done", text=("text", words("sheet.note_text"), NOTE_CHARS_MAX),
    )  # fmt: skip


def _until(house: _House) -> tuple[str, list[Choice]]:
    """When a block is expected to end: said with the time it will be then."""
    words, now = house.words, house.now
    noon = (now.astimezone(ZONE) + timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
    ends = [now + timedelta(hours=1), now + timedelta(hours=2), now + timedelta(hours=6), noon]
    ends += [noon + timedelta(days=days) for days in (2, 6)]
    open_end = Choice(words("sheet.until_open"), {})
    shown = [Choice(words("board.until", time=words.moment(end, now)), {"until": end.isoformat()}) for end in ends]
    return words("sheet.until"), [open_end, *shown]


def _reasons(words: Words) -> list[Choice]:
    return [Choice(words(f"reason.{reason}"), {"reason": reason}) for reason in BLOCK_REASONS]


def _block_place(house: _House, place: Row, name: str, *, after_stay: bool) -> Form:
    words = house.words
    key = "block_after" if after_stay else "block"
    return Form(
        key, words(f"sheet.{key}"), words(f"sheet.{key}_help"), f"/api/placement/places/{place['id']}/block",
        {"after_stay": after_stay}, _reasons(words), words(f"done.{key}", place=name), place["version"],
        undo=f"/api/placement/places/{place['id']}/unblock", select=_until(house),
    )  # fmt: skip


def _take(house: _House, place: Row, name: str) -> Form:
    words = house.words
    return Form(
        "take", words("sheet.take"), words("sheet.take_help"), "/api/placement/stays", {"place_ids": [place["id"]]},
        [Choice(words("action.take"), {}, "primary")], words("done.take", place=name), undo=UNDO_STAY,
        number=("household_size", words("sheet.people"), 1, place["sleeps"]), later=True,
    )  # fmt: skip


def _hold(house: _House, place: Row, name: str) -> Form:
    words = house.words
    buttons = [Choice(words("sheet.minutes", n=minutes), {"hold_minutes": minutes}) for minutes in HOLD_MINUTES]
    number = ("household_size", words("sheet.people"), 1, place["sleeps"]) if place["sleeps"] > 1 else None
    return Form(
        "hold", words("sheet.hold"), words("sheet.hold_help"), "/api/placement/holds", {"place_ids": [place["id"]]},
        buttons, words("done.hold", place=name, time="{time}"), undo="/api/placement/holds/{id}/cancel", number=number,
    )  # fmt: skip


def _away(house: _House, stay: Row, name: str) -> Form:
    words, now = house.words, house.now
    path, version = f"/api/placement/stays/{stay['id']}/away", stay["version"]
    if stay["away_until"] is not None:
        back = [Choice(words("sheet.back_button"), {"until": None}, "primary")]
        return Form("back", words("sheet.back"), "", path, {}, back, words("done.back", place=name), version)
    noon = now.astimezone(ZONE).replace(hour=12, minute=0, second=0, microsecond=0)
    buttons = []
    for nights in NIGHTS_AWAY:
        until = noon + timedelta(days=nights)
        kept = words("board.until", time=words.moment(until, now))
        buttons.append(Choice(words.count("sheet.nights", nights), {"until": until.isoformat()}, more=kept))
    help_ = words("sheet.away_help")
    return Form("away", words("sheet.away"), help_, path, {}, buttons, words("done.away", place=name), version)


def _longer(house: _House, stay: Row, name: str) -> Form:
    """Somebody of a night shelter that has hours need not be out in the morning."""
    words = house.words
    out_by = words.moment(datetime.fromisoformat(stay["ends_at"]), house.now)
    return Form(
        "longer", words("sheet.longer"), words("sheet.longer_help", time=out_by),
        f"/api/placement/stays/{stay['id']}/extend", {}, [Choice(words("sheet.longer_button"), {}, "primary")],
        words("done.longer", place=name), stay["version"],
    )  # fmt: skip


def _move(house: _House, stay: Row, name: str) -> Form:
    """To the best fit, or to a place of one's choice where one place is enough."""
    words = house.words
    kind = words(f"kind.{stay['kind']}")
    choices = [Choice(words("sheet.best_fit", kind=kind), {"kind": stay["kind"]})]
    free = [p for p in house.places if p["status"] == "free" and p["sleeps"] >= stay["household_size"]]
    in_order = [place for inside in by_room(free).values() for place in inside]
    choices += [
        Choice(f"{house.name(place)} · {make_of(place, words)}", {"place_ids": [place["id"]]})
        for place in sorted(in_order, key=lambda place: place["kind"] != stay["kind"])
    ]
    return Form(
        "move", words("sheet.move"), words("sheet.move_help"), f"/api/placement/stays/{stay['id']}/move", {},
        [Choice(words("sheet.move_button"), {}, "primary")], words("done.move", place=name), stay["version"],
        undo=UNDO_STAY, select=(words("sheet.where"), choices[:MOVES_MAX]), later=True,
    )  # fmt: skip


def _end(house: _House, stay: Row, name: str) -> Form:
    words = house.words
    buttons = [Choice(words(f"end_reason.{reason}"), {"reason": reason}) for reason in STAY_END_REASONS]
    return Form(
        "end", words("sheet.end"), words("sheet.end_help"), f"/api/placement/stays/{stay['id']}/end", {}, buttons,
        words("done.end", place=name), stay["version"], undo=UNDO_STAY, later=True,
    )  # fmt: skip


def room_sheet(
    location: str,
    room: str,
    places: Iterable[Row],
    holds: Iterable[Row],
    stays: Iterable[Row],
    now: datetime,
    words: Words,
) -> Sheet | None:
    """What may be done with a whole room; None when there is no such room."""
    house = _House.of(places, holds, stays, now, words)
    inside = [place for place in house.places if place["room"] == room]
    if not inside:
        return None
    title = room_title(room, words)
    counts = {status: sum(place["status"] == status for place in inside) for status in ("free", "occupied")}
    about = " · ".join(words(f"board.count.{status}", n=many) for status, many in counts.items())
    forms = [_everybody_out(location, {"room": room}, title, words)] if counts["occupied"] else []
    block = Form(
        "block_room", words("sheet.block_room"), words("sheet.block_room_help"), "/api/placement/places/block",
        {"location": location, "room": room, "after_stay": True}, _reasons(words),
        words("done.block_room", place=title), select=_until(house),
    )  # fmt: skip
    return Sheet(title, about, [*forms, block])


def _everybody_out(location: str, which: Piece, title: str, words: Words) -> Form:
    buttons = [Choice(words(f"end_reason.{reason}"), {"reason": reason}) for reason in ALL_LEFT_REASONS]
    buttons[0] = replace(buttons[0], weight="primary")
    return Form(
        "all_out", words("sheet.all_out", place=title), words("sheet.all_out_help"), "/api/placement/stays/end",
        {"location": location, **which}, buttons, words("done.all_out", place=title), later=True,
    )  # fmt: skip


def house_sheet(
    location: str,
    about: str,
    places: Iterable[Row],
    holds: Iterable[Row],
    stays: Iterable[Row],
    now: datetime,
    words: Words,
) -> Sheet | None:
    """about: `arrivals`, somebody at the door; `leaving`, the night shelter's morning; `note`, for the next shift;
    `offers`, how they are made. None for anything else."""
    house = _House.of(places, holds, stays, now, words)
    free = {
        kind: sum(place["status"] == "free" for place in house.places if place["kind"] == kind)
        for kind in BED_KINDS
        if any(place["kind"] == kind for place in house.places)
    }
    if about == "arrivals" and free:
        return Sheet(words("sheet.arrivals"), words("sheet.arrivals_about"), [_arrive(location, free, words)])
    if about == "leaving":
        kind = words(f"kind.{NIGHT}")
        sleeping = sum(place["status"] == "occupied" for place in house.places if place["kind"] == NIGHT)
        forms = [_everybody_out(location, {"kind": NIGHT}, kind, words)] if sleeping else []
        return Sheet(kind, words("board.count.occupied", n=sleeping), forms)
    if about == "note":
        named = [(place["id"], house.name(place)) for inside in by_room(house.places).values() for place in inside]
        return Sheet(words("notes.write"), "", [_note(location, named, words)])
    if about == "offers":
        return Sheet(words("sheet.offers"), words("sheet.offers_about"), [_offers(location, words)])
    return None


def _offers(location: str, words: Words) -> Form:
    """Nobody is told how it stands now: a house says again what it wants."""
    buttons = [Choice(words(f"offers.{mode}"), {"offers": mode}) for mode in OFFER_MODES]
    return Form(
        "offers", words("sheet.offers_how"), words("sheet.offers_help"), f"/api/placement/locations/{location}/offers",
        {}, buttons, words("done.offers"),
    )  # fmt: skip


def _arrive(location: str, free: Mapping[str, int], words: Words) -> Form:
    buttons = [
        Choice(
            words(f"kind.{kind}"), {"kind": kind}, "primary" if many else "quiet", words("board.count.free", n=many)
        )
        for kind, many in free.items()
    ]  # fmt: skip
    return Form(
        "arrive", words("sheet.arrive"), words("sheet.arrive_help"), "/api/placement/stays", {"location": location},
        buttons, words("done.arrive"), undo=UNDO_STAY, number=("household_size", words("sheet.people"), 1, 20),
        tick=Choice(words("sheet.extra"), {"extra": True}), later=True,
    )  # fmt: skip
