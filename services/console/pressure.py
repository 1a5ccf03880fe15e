"""Consultation hours, activities and internships that were full, and how long one waited for a seat, as a picture: a
band for each kind, a bar for each week. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from services.console.weeks import BAR, CELL, NAME, session_kinds, wait_words
from services.console.words import Words

BAND, HIGH = 120, 60
"""Units of the picture: how high a band is, and a bar in it of a week in which every session was full."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class FullBar:
    """One kind in one week. x, y, height: in the picture; height 0 where none was full. full: `2 of 3`; wait: `4 to 11
    days`, or that no house had a seat. week: its name."""

    x: int
    y: int
    height: int
    full: str
    wait: str
    week: str


@dataclass(frozen=True)
class Band:
    """The bars of one kind. top, ground: where it begins, and where its bars stand."""

    name: str
    top: int
    ground: int
    bars: Sequence[FullBar]


@dataclass(frozen=True)
class Pressure:
    """bands: the kinds of which there was any. about: the picture in words. width, height: of it."""

    bands: Sequence[Band]
    about: str
    width: int
    height: int


def pressure(answer: Row, words: Words) -> Pressure:
    """answer: the JSON of `GET /api/placement/weeks`, the newest week first."""
    items: list[Row] = list(reversed(answer["items"]))
    bands = [_band(number, kind, items, words) for number, kind in enumerate(session_kinds(items))]
    about = "; ".join(
        f"{band.name}: {', '.join(f'{bar.week} {bar.full}, {bar.wait}' for bar in band.bars)}" for band in bands
    )
    return Pressure(bands, about, NAME + CELL * len(items), BAND * len(bands))


def _band(number: int, kind: str, items: Sequence[Row], words: Words) -> Band:
    top = BAND * number
    ground = top + 42 + HIGH
    bars = [_bar(place, ground, item, kind, words) for place, item in enumerate(items)]
    return Band(words(f"kind.{kind}"), top, ground, bars)


def _bar(place: int, ground: int, item: Row, kind: str, words: Words) -> FullBar:
    row = item["sessions"][kind]
    height = HIGH * row["full"] // row["sessions"] if row["sessions"] else 0
    full = words("weeks.full_of", n=row["full"], all=row["sessions"]) if row["sessions"] else words("weeks.none_over")
    wait = wait_words(row, words)
    if row["wait_days_most"] is not None:
        wait = words("weeks.days", days=wait)
    elif row["without_seat"]:
        wait = words("weeks.no_seat_short")
    week = words.day_of(date.fromisoformat(item["week"]))
    return FullBar(NAME + CELL * place + (CELL - BAR) // 2, ground - height, height, full, wait, week)
