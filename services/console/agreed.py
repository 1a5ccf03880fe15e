"""Places held against what was agreed with each location: the municipality's own list beside what is told. Pure.

The list is a file of the municipality's (`agreed` in the network file): `location,kind,places,from`, a line for each
agreement and the day from which it counts, until the next one of the same location and kind.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from services.console.words import Words
from shared.contracts.vocabulary import KINDS

COLUMNS = ("location", "kind", "places", "from")
FILE_COLUMNS = ("as_of", "location", "title", "kind", "agreed", "there", "usable", "difference")
PLACES_MAX = 100_000
LINES_MAX = 20_000

Row = Mapping[str, Any]


class NotAgreed(ValueError):
    """The list cannot be read; line: which of its lines, from 1."""

    def __init__(self, line: int) -> None:
        super().__init__(f"line {line}")
        self.line = line


@dataclass(frozen=True)
class Agreement:
    """So many places of a kind at a location, from a day on."""

    location: str
    kind: str
    places: int
    since: date


@dataclass(frozen=True)
class Line:
    """One kind at one location. there: places as told, extra ones left out; usable: without those out of use. level:
    `room` where at least as many are usable as agreed, `little` where they are there but out of use, `full` where they
    are not there, `unsure` where nobody has told anything. difference: usable beyond what was agreed, with its sign."""

    key: str
    title: str
    kind: str
    agreed: int
    there: int | None
    usable: int | None
    level: str
    difference: str


def read(text: str) -> list[Agreement]:
    """The agreements of a file. Raises `NotAgreed` with the first line that is none."""
    rows = csv.DictReader(text.splitlines())
    try:
        if rows.fieldnames is None or tuple(rows.fieldnames) != COLUMNS:
            raise NotAgreed(1)
        return [_agreement(row, rows.line_num) for row in rows]
    except csv.Error:  # a quotation mark that is never closed, before more than a field may hold
        raise NotAgreed(rows.line_num + 1) from None


def _agreement(row: Mapping[str, str], number: int) -> Agreement:
    try:
        places, since = int(row["places"]), date.fromisoformat(row["from"])
    except (TypeError, ValueError):
        raise NotAgreed(number) from None
    if row["kind"] not in KINDS or not row["location"] or not 0 <= places <= PLACES_MAX or number > LINES_MAX:
        raise NotAgreed(number)
    return Agreement(row["location"], row["kind"], places, since)


def against(agreements: Iterable[Agreement], rows: Iterable[Row], day: date, words: Words) -> list[Line]:
    """What was agreed for a day beside what was there, the greatest lack first. rows: of the capacity answer."""
    counts: dict[tuple[str, str], Agreement] = {}
    for one in sorted((one for one in agreements if one.since <= day), key=lambda one: one.since):
        counts[one.location, one.kind] = one
    told = {(row["location"], row["kind"]): row for row in rows}
    lines = [_line(one, told.get(key), words) for key, one in counts.items() if one.places or key in told]
    return sorted(lines, key=lambda line: ((line.usable or 0) - line.agreed, line.title.casefold(), line.key))


def _line(one: Agreement, row: Row | None, words: Words) -> Line:
    there = None if row is None else row["total"]
    usable = None if row is None else max(0, row["total"] - row["blocked"])
    lack = (usable or 0) - one.places
    level = "unsure" if row is None else "room" if lack >= 0 else "little" if row["total"] >= one.places else "full"
    return Line(
        key=f"{one.location}/{one.kind}",
        title=one.location if row is None else row["title"] or one.location,
        kind=words(f"kind.{one.kind}"),
        agreed=one.places,
        there=there,
        usable=usable,
        level=level,
        difference="0" if lack == 0 else f"{'+' if lack > 0 else '−'}{words.number(abs(lack))}",
    )


def file_rows(lines: Sequence[Line], as_of: str) -> list[dict[str, Any]]:
    """The same as rows of `FILE_COLUMNS`."""
    return [
        {"as_of": as_of, "location": line.key.partition("/")[0], "title": line.title,
         "kind": line.key.partition("/")[2], "agreed": line.agreed, "there": line.there, "usable": line.usable,
         "difference": (line.usable or 0) - line.agreed}
        for line in lines
    ]  # fmt: skip
