"""The city as the municipality looks at it: by district and by kind; now, or as it was at a moment. Pure.

Places are counted exactly, with the bounds of sites that are not certain.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from services.console.network import DISCARDED, Line, Network, Segment, bar, network, site_title
from services.console.words import ZONE, Words
from shared.contracts.vocabulary import BED_KINDS, OVERNIGHT_LICENCE, is_reported

COUNTS = ("total", "occupied", "held", "blocked", "overflow", "available", "available_min", "available_max")
LITTLE_SHARE = 0.1
"""Of the places in use or free: with less than this free there is little room."""

TILES: Mapping[str, tuple[int, int]] = {
    "westpoort": (0, 0), "noord": (2, 0), "nieuw-west": (0, 1), "west": (1, 1), "centrum": (2, 1), "oost": (3, 1),
    "zuid": (2, 2), "zuidoost": (3, 2), "weesp": (4, 2),
}  # fmt: skip
"""Where the districts of the city lie, as column and row of a schematic map; any other stands in rows below."""
COLUMNS = 5
TILE_WIDTH, TILE_HEIGHT, GAP = 168, 104, 8
"""Units of the map's view box."""
NAME_CHARS_MAX = 18
"""Of a name on the map; in full it stands in the table below."""

COLUMNS_CSV = (
    "as_of", "site", "location", "title", "district", "kind", "total", "occupied", "held", "blocked", "overflow",
    "available", "available_min", "available_max", "people", "observed_at", "freshness", "link", "silent_seconds",
    "incomplete",
)  # fmt: skip
"""The columns of `plek export capacity`; what each means stands in `services/placement/columns.py`."""

WHOLE = frozenset({*COUNTS, "people", "silent_seconds"})
"""Columns of whole numbers; the others are texts."""

SPAN_HOURS = 168
"""How far the slider goes back: a week. Any other moment is written into the field beside it."""

BEGAN = datetime(2000, 1, 1, tzinfo=UTC)
"""Nothing is known of a time before."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Sum:
    """Places of one district, or of one kind. level: `room`, `little`, `full` or `unsure`. doubt: which sites are not
    certain."""

    key: str
    name: str
    counts: Mapping[str, str]
    free: str
    certain: bool
    level: str
    bar: Sequence[Segment]
    bar_words: str
    doubt: str


@dataclass(frozen=True)
class Tile:
    """A district on the map, with its corner. about: what it says in one line."""

    key: str
    x: int
    y: int
    name: str
    free: str
    total: str
    level: str
    about: str


@dataclass(frozen=True)
class City:
    """seen: the figures as `network` has them. at: the moment looked at, for the field; empty for now. back: hours
    back, for the slider; None when it lies further. doubt: sites that are not certain. full: where nothing was free,
    kind by kind, in words. lines: of one district, when it is looked at. licence: what has to be said of where figures
    come from, or nothing."""

    seen: Network
    as_of: str
    at: str
    back: int | None
    doubt: str
    full: Sequence[str]
    districts: Sequence[Sum]
    kinds: Sequence[Sum]
    tiles: Sequence[Tile]
    width: int
    height: int
    lines: Sequence[Line]
    licence: str


def moment_asked(text: str, now: datetime) -> datetime | None:
    """The moment somebody asks to see: a wall-clock time of the city, `2026-01-09T22:00`, or one with its zone.

    None for now, for what has not been yet, and for what is no time.
    """
    try:
        found = datetime.fromisoformat(text)
        asked = (found if found.tzinfo is not None else found.replace(tzinfo=ZONE)).astimezone(UTC)
        return asked if BEGAN <= asked < now else None
    except (ValueError, OverflowError):
        return None


def city(answer: Row, own_site: str, at: datetime | None, now: datetime, district: str, words: Words) -> City:
    """answer: the JSON of `GET /api/placement/capacity`, asked for `at`. district: whose lines are wanted, or empty."""
    rows: list[Row] = answer["rows"]
    beds = [row for row in rows if row["kind"] in BED_KINDS]
    by_district = [_sum(name, name, some, words) for name, some in _grouped(beds, district_of)]
    by_kind = [_sum(kind, words(f"kind.{kind}"), some, words) for kind, some in _grouped(rows, _kind_of)]
    tiles = list(_tiles(by_district, words))
    inside = [row for row in rows if district and district_of(row) == district]
    back = None if at is None else round((now - at) / timedelta(hours=1))
    return City(
        seen=network({**answer, "rows": []}, own_site, words),
        as_of=words.moment_long(datetime.fromisoformat(answer["as_of"])),
        at="" if at is None else at.astimezone(ZONE).strftime("%Y-%m-%dT%H:%M"),
        back=0 if at is None else back if back is not None and back <= SPAN_HOURS else None,
        doubt=_doubts(beds, words),
        full=[f"{row['title']} · {words('kind.' + row['kind'])}" for row in sorted(beds, key=_by_title) if _full(row)],
        districts=by_district,
        kinds=by_kind,
        tiles=tiles,
        width=max((tile.x + TILE_WIDTH for tile in tiles), default=TILE_WIDTH) - GAP,
        height=max((tile.y + TILE_HEIGHT for tile in tiles), default=TILE_HEIGHT),
        lines=[line for site in network({**answer, "rows": inside}, own_site, words).sites for line in site.lines],
        licence=licence_of(row["location"] for row in rows),
    )


def licence_of(locations: Iterable[str]) -> str:
    """What has to be said where figures of these locations are shown."""
    return OVERNIGHT_LICENCE if any(map(is_reported, locations)) else ""


def district_of(row: Row) -> str:
    """Where a row's location is: its district, or else its site."""
    return row["district"] or site_title(row["site"])


def _full(row: Row) -> bool:
    """Whether a kind at a location has places and certainly none that is free."""
    return bool(row["total"] + row["overflow"] > row["blocked"] and row["available_max"] == 0)


def _by_title(row: Row) -> tuple[str, str, str]:
    return str(row["title"]).casefold(), str(row["location"]), str(row["kind"])


def _kind_of(row: Row) -> str:
    return str(row["kind"])


def _grouped(rows: Iterable[Row], key: Any) -> list[tuple[str, list[Row]]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return sorted(groups.items(), key=lambda group: (group[0].casefold(), group[0]))


def _sum(key: str, name: str, rows: Sequence[Row], words: Words) -> Sum:
    sums = {count: sum(row[count] for row in rows) for count in COUNTS}
    low, high = sums["available_min"], sums["available_max"]
    doubt = _doubts(rows, words)
    level = "unsure" if low != high else "full" if not high else "room"
    if level == "room" and high < LITTLE_SHARE * (high + sums["occupied"] + sums["held"]):
        level = "little"
    return Sum(
        key=key,
        name=name,
        counts={count: words.number(sums[count]) for count in COUNTS},
        free=words("summary.exact", count=low) if low == high else words("summary.range", low=low, high=high),
        certain=not doubt,
        level=level,
        bar=bar(sums),
        bar_words=words("figure.bar", free=sums["available"], **{n: sums[n] for n in ("occupied", "held", "blocked")}),
        doubt=doubt,
    )


def _doubts(rows: Iterable[Row], words: Words) -> str:
    """The sites of these rows that are not certain, each once, with why."""
    doubtful = {row["site"]: _doubt(row) for row in rows if _doubt(row)}
    return ", ".join(words(f"city.doubt.{why}", site=site_title(site)) for site, why in sorted(doubtful.items()))


def _doubt(row: Row) -> str:
    if row["incomplete"]:
        return "discarded" if row["incomplete"] == DISCARDED else "incomplete"
    return str(row["link"]) if row["link"] in ("late", "silent", "unknown") else ""


def _tiles(districts: Sequence[Sum], words: Words) -> Iterator[Tile]:
    """Known districts where they lie, the others in rows below them, or from the top when none is known."""
    known = {district.key: TILES[district.key.casefold()] for district in districts if district.key.casefold() in TILES}
    below = max((row for _, row in known.values()), default=-1) + 1
    others = [district.key for district in districts if district.key not in known]
    spots = known | {key: (n % COLUMNS, below + n // COLUMNS) for n, key in enumerate(others)}
    for district in districts:
        column, row = spots[district.key]
        about = f"{district.name}: {district.free}, {words(f'city.level.{district.level}')}"
        cut = len(district.name) > NAME_CHARS_MAX
        yield Tile(
            key=district.key,
            x=column * TILE_WIDTH,
            y=row * TILE_HEIGHT,
            name=f"{district.name[: NAME_CHARS_MAX - 1]}…" if cut else district.name,
            free=district.free,
            total=words("summary.of_total", total=district.counts["total"]),
            level=district.level,
            about=about,
        )
