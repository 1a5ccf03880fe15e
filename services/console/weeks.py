"""What happened at the desks, week by week: registrations, referrals, outcomes beside what organisations report, and
what nothing was found for. Pure. Counts come without the small ones and what would betray them: the places service
leaves them out, so that neither the screen nor a file can show more than the API would.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from services.console.network import site_title
from services.console.words import Words
from shared.contracts.vocabulary import (
    ANYWHERE,
    BED_KINDS,
    DISTRICTS,
    FEATURES,
    OUTCOME_KINDS,
    PARTNER_GROUPS,
    SESSION_KINDS,
)
from shared.contracts.vocabulary import SIZE_CLASSES as SIZES

CHART_HEIGHT, CELL, NAME, BAR = 150, 84, 60, 44
"""Units of the picture: height of 100%, width of a week, room for the axis, width of a bar."""
COLUMNS = ("week", "part", "word", "least", "most", "as_of", "missing")
"""Of the file. least and most differ where a desk tells only that its count is small, and where one house has a seat
sooner than another; both empty: left out, and of days that no house has a seat."""
UNMET_PARTS: Mapping[str, Sequence[str]] = {
    "kinds": BED_KINDS, "size_classes": SIZES, "features": FEATURES, "districts": (ANYWHERE, *DISTRICTS),
}  # fmt: skip
SESSION_COUNTS = ("sessions", "full", "without_seat", "counted", "booked", "attended")
WAIT = "wait_days"
SESSION_LINES = ("sessions", "full", WAIT, "without_seat", "counted", "booked", "attended")

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Bar:
    """The share of one week. x, y, height: in the picture; height 0 where there is none. words: `42%`, or why not."""

    x: int
    y: int
    height: int
    words: str
    week: str


@dataclass(frozen=True)
class Line:
    """One row of a table: a count for each week. total: it is the sum of those below it."""

    key: str
    name: str
    cells: Sequence[str]
    total: bool = False


@dataclass(frozen=True)
class Weeks:
    """weeks: their Mondays, the oldest first. goal: how high the line of what is reported lies. unmet: by what was
    looked for, part by part. missing: desks that have not told a week, by week. doubt: sites this one has not heard in
    full. about: the picture in words."""

    weeks: Sequence[str]
    bars: Sequence[Bar]
    goal: int
    reported: str
    desks: Sequence[Line]
    outcomes: Sequence[Line]
    unmet: Sequence[tuple[str, Sequence[Line]]]
    sessions: Sequence[tuple[str, Sequence[Line]]]
    missing: Sequence[tuple[str, str]]
    doubt: str
    about: str
    width: int


def weeks(answer: Row, words: Words) -> Weeks:
    """answer: the JSON of `GET /api/placement/weeks`, the newest week first."""
    items: list[Row] = list(reversed(answer["items"]))
    names = [words.day_of(date.fromisoformat(item["week"])) for item in items]
    bars = [_bar(number, item, name, words) for number, (item, name) in enumerate(zip(items, names, strict=True))]
    share = round(answer["share_reported"] * 100)
    return Weeks(
        weeks=names,
        bars=bars,
        goal=CHART_HEIGHT - CHART_HEIGHT * share // 100,
        reported=words("city.percent", n=share),
        desks=list(_desks(items, words)),
        outcomes=list(_outcomes(items, words)),
        unmet=list(_unmet(items, words)),
        sessions=list(_sessions(items, words)),
        missing=[(name, ", ".join(map(site_title, item["missing"])))
                 for item, name in zip(items, names, strict=True) if item["missing"]],
        doubt=", ".join(words("city.doubt.incomplete", site=site_title(site)) for site in _sites(answer["incomplete"])),
        about="; ".join(f"{bar.week}: {bar.words}" for bar in bars),
        width=NAME + CELL * len(items),
    )  # fmt: skip


def _sites(origins: Sequence[str]) -> list[str]:
    return sorted({origin.partition("/")[0] for origin in origins})


def share_words(week: Row, words: Words) -> str:
    """With a perspective, of all that ended; or why there is no such share."""
    if week["ended"] == 0:
        return words("weeks.none_ended")
    return words("city.left_out") if week["share"] is None else words("city.percent", n=round(week["share"] * 100))


def _bar(number: int, week: Row, name: str, words: Words) -> Bar:
    share = week["share"] if week["ended"] != 0 else None
    height = 0 if share is None else round(CHART_HEIGHT * share)
    return Bar(NAME + CELL * number + (CELL - BAR) // 2, CHART_HEIGHT - height, height, share_words(week, words), name)


def _told(count: int | None, words: Words) -> str:
    return words("city.left_out") if count is None else words.number(count)


def _bounds(group: Row, words: Words) -> str:
    low, high = group["least"], group["most"]
    if low is None or high is None:
        return words("city.left_out")
    return words.number(low) if low == high else words("summary.free_range", low=low, high=high)


def _desks(items: Sequence[Row], words: Words) -> Iterator[Line]:
    yield Line("registrations", words("city.registrations"), [_told(item["registrations"], words) for item in items])
    for group in PARTNER_GROUPS:
        cells = [_bounds(item["referrals"][group], words) for item in items]
        yield Line(group, words(f"city.group.{group}"), cells)


def _outcomes(items: Sequence[Row], words: Words) -> Iterator[Line]:
    yield Line("ended", words("city.trajectories"), [_told(item["ended"], words) for item in items], total=True)
    for kind in OUTCOME_KINDS:
        cells = [_told(item["outcomes"].get(kind), words) for item in items]
        yield Line(kind, words(f"outcome_kind.{kind}"), cells)
    yield Line("share", words("city.share"), [share_words(item, words) for item in items], total=True)


def _unmet(items: Sequence[Row], words: Words) -> Iterator[tuple[str, Sequence[Line]]]:
    total = Line("total", words("weeks.unmet_total"), [_told(item["unmet"]["total"], words) for item in items], True)
    yield "", [total]
    for part, list_ in UNMET_PARTS.items():
        counts = {word: [item["unmet"][part].get(word) for item in items] for word in list_}
        lines = [
            Line(f"{part} {word}", _name(part, word, words), [_told(count, words) for count in some])
            for word, some in counts.items()
            if any(count != 0 for count in some)
        ]
        if lines:
            yield words(f"weeks.unmet.{part}"), lines


def _sessions(items: Sequence[Row], words: Words) -> Iterator[tuple[str, Sequence[Line]]]:
    """Kind by kind what came of the sessions that ended; a kind there were none of in all these weeks is not there."""
    for kind in session_kinds(items):
        rows = [item["sessions"][kind] for item in items]
        cells = {name: [_told(row[name], words) for row in rows] for name in SESSION_COUNTS}
        cells[WAIT] = [wait_words(row, words) for row in rows]
        yield (
            words(f"kind.{kind}"),
            [Line(f"{kind} {name}", words(f"weeks.sessions.{name}"), cells[name]) for name in SESSION_LINES],
        )


def session_kinds(items: Sequence[Row]) -> list[str]:
    """The kinds of session there were any of in these weeks."""

    def there(row: Row) -> bool:
        return bool(row["sessions"] or row["without_seat"] or row["wait_days_most"] is not None)

    return [kind for kind in SESSION_KINDS if any(there(item["sessions"][kind]) for item in items)]


def wait_words(row: Row, words: Words) -> str:
    """In how many days there is a seat, house by house; or that no house has one, or none had a session."""
    low, high = row["wait_days_least"], row["wait_days_most"]
    if low is None or high is None:
        return words("weeks.no_seat") if row["without_seat"] else "–"
    return words.number(low) if low == high else words("summary.free_range", low=low, high=high)


def _name(part: str, word: str, words: Words) -> str:
    if part == "districts":
        return words("weeks.anywhere") if word == ANYWHERE else word
    return words({"kinds": "kind", "size_classes": "size_class", "features": "feature"}[part] + f".{word}")


def file_rows(answer: Row, as_of: str) -> Iterator[dict[str, Any]]:
    """The same as rows of `COLUMNS`: every count of every week, the oldest week first. as_of: when it was asked."""
    for week in reversed(answer["items"]):
        same = {"week": week["week"], "as_of": as_of, "missing": " ".join(week["missing"])}
        exact: list[tuple[str, str, int | None]] = [
            ("registrations", "", week["registrations"]), ("ended", "", week["ended"]),
            ("ended_with_perspective", "", week["perspective"]), ("unmet", "", week["unmet"]["total"]),
            *(("outcome", kind, week["outcomes"].get(kind)) for kind in OUTCOME_KINDS),
            *((f"unmet_{part}", word, week["unmet"][part].get(word))
              for part, list_ in UNMET_PARTS.items() for word in list_),
            *((f"sessions_{name}", kind, week["sessions"][kind][name])
              for name in SESSION_COUNTS for kind in SESSION_KINDS),
        ]  # fmt: skip
        for part, word, count in exact:
            yield same | {"part": part, "word": word, "least": count, "most": count}
        for group in PARTNER_GROUPS:
            yield same | {"part": "referrals", "word": group} | dict(week["referrals"][group])
        for kind in SESSION_KINDS:
            wait = {
                "least": week["sessions"][kind]["wait_days_least"],
                "most": week["sessions"][kind]["wait_days_most"],
            }
            yield same | {"part": "sessions_wait_days", "word": kind} | wait
