"""Nights by location: how full each house was, night by night, as a picture and as the table behind it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.console.city import district_of, licence_of
from services.console.words import ZONE, Words
from shared.contracts.vocabulary import BED_KINDS

NIGHTS = 14
NIGHT_HOUR = 23
"""When a night is looked at, on the clocks of the city: whoever sleeps somewhere is in by then."""
DRAWN_MAX = 40
"""Houses in the picture and in the table behind it, the fullest first; the file has all."""
SHARES = (0.5, 0.75, 0.9, 1.0)
"""Where a shade ends: under half, under three quarters, under nine tenths, under full, full or over."""
CELL, LINE, NAME = 40, 26, 210
"""Units of the picture: width of a night, height of a house, room for its name."""
CHART_HEIGHT = 120
NAME_CHARS_MAX = 26

Row = Mapping[str, Any]
Key = tuple[str, str]


@dataclass(frozen=True)
class Use:
    """A house in one night. places: that could be used, extra ones included."""

    title: str
    district: str
    occupied: int
    places: int


@dataclass(frozen=True)
class Cell:
    """x: in the picture. shade: 0 (nothing known) to 5 (full). words: `38 of 40`, or a dash."""

    x: int
    shade: int
    words: str


@dataclass(frozen=True)
class Strip:
    """A house: its nights, the oldest first. y: in the picture."""

    name: str
    short: str
    district: str
    y: int
    cells: Sequence[Cell]


@dataclass(frozen=True)
class Heat:
    """nights: their names. city: all houses together. line, ground: the chart's two polygons. drawn: the fullest
    houses; houses: how many there are. licence: what has to be said of where figures come from, or nothing."""

    nights: Sequence[str]
    drawn: Sequence[Strip]
    houses: int
    city: Strip
    line: str
    ground: str
    most: str
    width: int
    height: int
    about: str
    licence: str


def nights(now: datetime) -> list[datetime]:
    """When the last nights are looked at, the oldest first; the one to come is not among them."""
    last = now.astimezone(ZONE).replace(hour=NIGHT_HOUR, minute=0, second=0, microsecond=0)
    if last >= now:
        last -= timedelta(days=1)
    return [last - timedelta(days=days) for days in reversed(range(NIGHTS))]


def used(rows: Iterable[Row]) -> dict[Key, Use]:
    """The houses of one night with their beds. rows: of `GET /api/placement/capacity`."""
    found: dict[Key, Use] = {}
    for row in rows:
        if row["kind"] not in BED_KINDS:
            continue
        key = (row["site"], row["location"])
        known = found.get(key, Use("", "", 0, 0))
        places = row["total"] + row["overflow"] - row["blocked"]
        found[key] = Use(
            row["title"] or row["location"], district_of(row), known.occupied + row["occupied"], known.places + places
        )
    return found


def heat(moments: Sequence[datetime], seen: Sequence[Mapping[Key, Use]], words: Words) -> Heat:
    """seen: for each of the moments, what was used."""
    last: dict[Key, Use] = {}
    for night in seen:
        last |= night
    ordered = sorted(last, key=lambda key: (-_mean(key, seen), last[key].title.casefold(), key))
    drawn = [
        _strip(line, last[key], [night.get(key) for night in seen], words)
        for line, key in enumerate(ordered[:DRAWN_MAX])
    ]
    sums = [Use("", "", sum(use.occupied for use in night.values()), sum(use.places for use in night.values()))
            for night in seen]  # fmt: skip
    city = _strip(0, Use(words("heat.city"), "", 0, 0), sums, words)
    most = max((one.places for one in sums), default=0)
    names = [words.weekday(moment) for moment in moments]
    return Heat(
        nights=names,
        drawn=drawn,
        houses=len(ordered),
        city=city,
        line=_polygon([one.occupied for one in sums], most),
        ground=_polygon([one.places for one in sums], most),
        most=words.number(most),
        width=NAME + CELL * len(moments),
        height=LINE * max(1, len(drawn)),
        about="; ".join(f"{name}: {cell.words}" for name, cell in zip(names, city.cells, strict=True)),
        licence=licence_of(location for _, location in last),
    )  # fmt: skip


def _mean(key: Key, seen: Sequence[Mapping[Key, Use]]) -> float:
    """How full a house was over the nights it was known."""
    uses = [night[key] for night in seen if key in night and night[key].places > 0]
    return sum(use.occupied / use.places for use in uses) / len(uses) if uses else 0.0


def _strip(line: int, house: Use, uses: Sequence[Use | None], words: Words) -> Strip:
    cut = len(house.title) > NAME_CHARS_MAX
    return Strip(
        name=house.title,
        short=f"{house.title[: NAME_CHARS_MAX - 1]}…" if cut else house.title,
        district=house.district,
        y=line * LINE,
        cells=[_cell(night, use, words) for night, use in enumerate(uses)],
    )


def _cell(night: int, use: Use | None, words: Words) -> Cell:
    x = NAME + night * CELL
    if use is None or use.places <= 0:
        return Cell(x, 0, words("heat.unknown"))
    share = use.occupied / use.places
    return Cell(x, 1 + sum(share >= end for end in SHARES), words("heat.of", used=use.occupied, places=use.places))


def _polygon(values: Sequence[int], most: int) -> str:
    """An area under a line, a point a night, in the chart's units."""
    tops = [
        (NAME + CELL * night + CELL // 2, CHART_HEIGHT - round(CHART_HEIGHT * value / most) if most else CHART_HEIGHT)
        for night, value in enumerate(values)
    ]
    ends = [(tops[-1][0], CHART_HEIGHT), (tops[0][0], CHART_HEIGHT)] if tops else []
    return " ".join(f"{x},{y}" for x, y in [*tops, *ends])
