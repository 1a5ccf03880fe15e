"""Who went from one kind of place to another, week by week: bands of one week, and the table of all of them. Pure.
Counts come without the small ones and what would betray them: the places service leaves them out, so that neither the
screen nor a file can show more than the API would.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from services.console.network import site_title
from services.console.weeks import Line
from services.console.words import Words
from shared.contracts.vocabulary import BED_KINDS, FLOW_ENDS

WIDTH, LEFT, RIGHT, POST, GAP = 720, 176, 544, 12, 16
"""Units of the picture: its width, where the posts on both sides begin, how wide a post is, and room between two."""
THINNEST, HIGHEST = 16.0, 420.0
"""How thick the thinnest band would be, and how high all bands together at most: thickness is to scale."""
NUMBERED = 13.0
"""How thick a band must be to carry its number."""
COLUMNS = ("week", "came_from", "went_to", "households", "as_of", "missing")
"""Of the file. went_to: empty in a sum. households: empty where it is left out, or where no desk has told it."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Post:
    """One kind on one side. y, height: in the picture. name: in words."""

    x: int
    y: float
    height: float
    name: str


@dataclass(frozen=True)
class Band:
    """Households that went one way. path: of its outline. y: the middle of its left end. words: all of it in words;
    number: what is written on it, empty where it is too thin for that."""

    path: str
    y: float
    number: str
    words: str


@dataclass(frozen=True)
class Flows:
    """week: that is drawn, in words. weeks: all of them, newest first: their Monday, in words, whether it is drawn.
    names: of the table's columns, the oldest first. groups: its lines, by where they came from. hidden: how many ways
    of the week that is drawn are left out. about: the picture in words. missing, doubt: as of `Weeks`."""

    week: str
    weeks: Sequence[tuple[str, str, bool]]
    posts: Sequence[Post]
    bands: Sequence[Band]
    height: int
    hidden: int
    total: str
    about: str
    names: Sequence[str]
    groups: Sequence[tuple[str, Sequence[Line]]]
    missing: Sequence[tuple[str, str]]
    doubt: str


def flows(answer: Row, asked: str, words: Words) -> Flows:
    """answer: the JSON of `GET /api/placement/weeks`, the newest week first. asked: the Monday of the week to draw; one
    that is not there is the newest of which something was told."""
    items: Sequence[Row] = answer["items"]
    shown = next((item for item in items if item["week"] == asked), None)
    shown = shown or next((item for item in items if item["flows"]["told"]), items[0])
    posts, bands, height = _drawn(shown["flows"], words)
    oldest_first = list(reversed(items))
    names = [_day(item, words) for item in oldest_first]
    ways = [count for to in shown["flows"]["ways"].values() for count in to.values()]
    return Flows(
        week=_day(shown, words),
        weeks=[(item["week"], _day(item, words), item is shown) for item in items],
        posts=posts,
        bands=bands,
        height=height,
        hidden=ways.count(None) if shown["flows"]["told"] else 0,
        total=_told(shown["flows"]["total"], shown, words),
        about="; ".join(band.words for band in bands) or words("flows.nothing"),
        names=names,
        groups=list(_groups(oldest_first, words)),
        missing=[(name, ", ".join(map(site_title, item["missing"])))
                 for item, name in zip(oldest_first, names, strict=True) if item["missing"]],
        doubt=", ".join(words("city.doubt.incomplete", site=site_title(site)) for site in _sites(answer["incomplete"])),
    )  # fmt: skip


def _sites(origins: Sequence[str]) -> list[str]:
    return sorted({origin.partition("/")[0] for origin in origins})


def _day(item: Row, words: Words) -> str:
    return words.day_of(date.fromisoformat(item["week"]))


def _told(count: int | None, item: Row, words: Words) -> str:
    if not item["flows"]["told"]:
        return words("flows.untold")
    return words("city.left_out") if count is None else words.number(count)


def _drawn(told: Row, words: Words) -> tuple[list[Post], list[Band], int]:
    """The posts, the bands between them, and how high the picture is. Drawn is what is shown: a way that is left out,
    or that nobody went, has no band."""
    ways = {(one, to): count for one in FLOW_ENDS for to, count in told["ways"][one].items() if count}
    if not ways:
        return [], [], 0
    scale = min(THINNEST / min(ways.values()), HIGHEST / sum(ways.values()))
    left, right = ({end: sum(n for way, n in ways.items() if way[side] == end) for end in FLOW_ENDS} for side in (0, 1))
    posts, at, height = [], [dict[str, float](), dict[str, float]()], 0.0
    for side, (x, counts) in enumerate(((LEFT, left), (RIGHT, right))):
        y = 0.0
        for end in FLOW_ENDS:
            if counts[end]:
                posts.append(Post(x, round(y, 1), round(counts[end] * scale, 1), _end(end, words)))
                at[side][end] = y
                y += counts[end] * scale + GAP
        height = max(height, y)
    bands = []
    for one, to in sorted(ways, key=lambda way: (FLOW_ENDS.index(way[0]), FLOW_ENDS.index(way[1]))):
        count, thick = ways[one, to], ways[one, to] * scale
        y, to_y = at[0][one], at[1][to]
        at[0][one], at[1][to] = y + thick, to_y + thick
        number = words.number(count) if thick >= NUMBERED else ""
        said = _way(one, to, count, words)
        bands.append(Band(_outline(y, to_y, thick), round(y + thick / 2, 1), number, said))
    return posts, bands, round(height - GAP) + 1


def _outline(begin: float, end: float, thick: float) -> str:
    """A band from the left posts to the right ones. begin, end: its upper edge at either side."""
    x, to, half = LEFT + POST, RIGHT, (LEFT + POST + RIGHT) // 2
    return (
        f"M{x} {begin:.1f}C{half} {begin:.1f} {half} {end:.1f} {to} {end:.1f}V{end + thick:.1f}"
        f"C{half} {end + thick:.1f} {half} {begin + thick:.1f} {x} {begin + thick:.1f}Z"
    )


def _end(end: str, words: Words) -> str:
    return words(f"kind.{end}" if end in BED_KINDS else f"flows.end.{end}")


def _way(one: str, to: str, count: int, words: Words) -> str:
    return words(
        "flows.way", n=words.number(count), one=_end(one, words), to=_end(to, words)
    )  # fmt: skip


def _groups(items: Sequence[Row], words: Words) -> Iterator[tuple[str, Sequence[Line]]]:
    """Lines of the ways that somebody went, or that are left out, in one of the weeks."""
    moved = _cells([item["flows"]["total"] for item in items], items, words)
    yield "", [Line("total", words("flows.total"), moved, total=True)]
    for one in FLOW_ENDS:
        counts = {to: [item["flows"]["ways"][one][to] for item in items] for to in FLOW_ENDS if to != one}
        lines = [
            Line(f"{one} {to}", _end(to, words), _cells(some, items, words))
            for to, some in counts.items()
            if any(count != 0 and item["flows"]["told"] for count, item in zip(some, items, strict=True))
        ]
        if lines:
            left = _cells([item["flows"]["left"][one] for item in items], items, words)
            group = [Line(one, words("flows.anywhere"), left, total=True), *lines]
            yield words("flows.from", one=_end(one, words)), group


def _cells(counts: Sequence[int | None], items: Sequence[Row], words: Words) -> list[str]:
    return [_told(count, item, words) for count, item in zip(counts, items, strict=True)]


def file_rows(answer: Row, as_of: str) -> Iterator[dict[str, Any]]:
    """The same as rows of `COLUMNS`: every sum and every way of every week that was told, the oldest week first.
    as_of: when it was asked."""
    for item in reversed(answer["items"]):
        told = item["flows"]
        same = {"week": item["week"], "as_of": as_of, "missing": " ".join(item["missing"])}
        if not told["told"]:
            continue
        yield same | {"came_from": "", "went_to": "", "households": told["total"]}
        for one in FLOW_ENDS:
            yield same | {"came_from": one, "went_to": "", "households": told["left"][one]}
            for to, count in told["ways"][one].items():
                yield same | {"came_from": one, "went_to": to, "households": count}
