"""How a house is kept, as a sheet: when its night shelter takes people in and by when they are out, and what is cleaned
after use. Pure. Each form says how it is now, and can be taken back by saying that again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from services.console.sheet import NIGHT, Choice, Form, Sheet
from services.console.words import Words
from shared.contracts.vocabulary import BED_KINDS

USUAL = {"in_from": "16:30", "in_until": "22:00", "out_by": "09:30"}
"""What stands in the form of a house without hours: those of the city's night shelters (public sources, 2018-2025)."""
NO_HOURS: Mapping[str, None] = dict.fromkeys(USUAL)

Row = Mapping[str, Any]


def rules_sheet(location: Row, places: Iterable[Row], words: Words) -> Sheet:
    """location: as `GET /api/placement/locations` has it, with `hours` and `cleaned`."""
    there = {place["kind"] for place in places if place["status"] != "closed"}
    kinds = [kind for kind in BED_KINDS if kind in there]
    hours = _hours(location, words) if NIGHT in kinds or location["hours"] else []
    cleaning = [_cleaning(location, kind, words) for kind in kinds]
    return Sheet(words("rules.title"), words("rules.about"), [*hours, *cleaning])


def _hours(location: Row, words: Words) -> Sequence[Form]:
    """Other hours; and none, where there are some."""
    path, known = f"/api/placement/locations/{location['id']}/hours", location["hours"]
    before = NO_HOURS if known is None else {name: known[name][:5] for name in USUAL}
    now = words("rules.hours_none") if known is None else words("rules.hours_now", **before)
    times = [(name, words(f"rules.{name}"), before[name] or usual) for name, usual in USUAL.items()]
    keep = Form(
        "hours", words("rules.hours"), f"{now} {words('rules.hours_help')}", path, {},
        [Choice(words("rules.hours_button"), {}, "primary")], words("done.hours"), undo=path, undo_body=before,
        times=times,
    )  # fmt: skip
    none = Form(
        "no_hours", words("rules.no_hours"), words("rules.no_hours_help"), path, NO_HOURS,
        [Choice(words("rules.no_hours_button"), {})], words("done.no_hours"), undo=path, undo_body=before,
    )  # fmt: skip
    return [keep] if known is None else [keep, none]


def _cleaning(location: Row, kind: str, words: Words) -> Form:
    """Whether places of a kind are cleaned after use: the other way than now."""
    path, name = f"/api/placement/locations/{location['id']}/cleaning", words(f"kind.{kind}")
    cleaned = kind in location["cleaned"]
    said = "cleaned" if cleaned else "not_cleaned"
    other = "not_cleaned" if cleaned else "cleaned"
    return Form(
        f"cleaning-{kind}", words("rules.cleaning", kind=name), words(f"rules.{said}"), path,
        {"kind": kind, "cleaned": not cleaned}, [Choice(words(f"rules.{other}_button"), {})],
        words(f"done.{other}", kind=name), undo=path, undo_body={"kind": kind, "cleaned": cleaned},
    )  # fmt: skip
