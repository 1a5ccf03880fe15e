"""Who waited for a place at the end of each of the last weeks, and for how long, as a picture and a table. Pure.

It is counted anew from what every desk has told (`views_waiting.py`), so that a request that was told late stands where
it belongs. Few people are not counted in public: below `below` a week says only that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Protocol

from services.console.words import ZONE, Words

WEEKS = 12
"""How far it goes back, where the journal does: it keeps 90 days unless a site says otherwise."""
HEIGHT, CELL, BAR, TOP = 120, 84, 44, 24
"""Units of the picture: height of the highest bar, width of a week, width of a bar, room for its words."""
COLUMNS = ("week_end", "waiting", "median_days", "as_of")
"""Of the file; both counts are empty where few waited."""


class Asked(Protocol):
    """One request. closed_at: None while it is open."""

    @property
    def id(self) -> str: ...
    @property
    def since(self) -> date: ...
    @property
    def closed_at(self) -> datetime | None: ...


@dataclass(frozen=True)
class Point:
    """How it stood at one moment. waiting, days: None where few waited; days: the median of theirs so far."""

    at: datetime
    waiting: int | None
    days: int | None


@dataclass(frozen=True)
class Bar:
    """x, y, height: in the picture; height 0 where nothing is shown. words: how many, or why not."""

    x: int
    y: int
    height: int
    words: str
    days: str
    week: str


@dataclass(frozen=True)
class Waited:
    """bars: the oldest first. about: the picture in words."""

    bars: Sequence[Bar]
    width: int
    about: str


def points(
    told: Iterable[Asked], open_: Iterable[Mapping[str, Any]], now: datetime, below: int, kept_days: int
) -> list[Point]:
    """How many waited at the end of each of the last weeks and now, the oldest first.

    told: what the journal knows. open_: the waiting list as it is, for requests that are older than the journal. below:
    a count from 1 to one less is shown to nobody. kept_days: how many the journal keeps; of a week before that nothing
    is said, for who stopped waiting then is in nothing any more.
    """
    since = {one.id: (one.since, one.closed_at) for one in told}
    for item in open_:
        since.setdefault(item["id"], (date.fromisoformat(item["waiting_since"]), None))
    found = []
    for at in _moments(now):
        if now - at > timedelta(days=kept_days):
            continue
        day = (at - timedelta(microseconds=1)).astimezone(ZONE).date()  # midnight ends a day
        waited = [
            (day - began).days for began, closed in since.values() if began <= day and (closed is None or closed > at)
        ]
        few = 0 < len(waited) < below
        days = None if few or not waited else _middle(waited)
        found.append(Point(at, None if few else len(waited), days))
    return found


def _middle(days: Sequence[int]) -> int:
    """The median, in whole days: of an even number, the lower of the two in the middle."""
    return sorted(days)[(len(days) - 1) // 2]


def _moments(now: datetime) -> Iterator[datetime]:
    today = now.astimezone(ZONE).date()
    monday = today - timedelta(days=today.weekday())
    for back in range(WEEKS - 1, -1, -1):
        yield datetime.combine(monday - timedelta(weeks=back), time(), ZONE).astimezone(UTC)
    yield now


def waited(found: Sequence[Point], below: int, words: Words) -> Waited:
    """As it is drawn."""
    most = max((point.waiting or 0 for point in found), default=0) or 1
    bars = [_bar(number, point, most, below, words, last=point is found[-1]) for number, point in enumerate(found)]
    about = "; ".join(f"{bar.week}: {bar.words}" for bar in bars)
    return Waited(bars, CELL * len(bars), about)


def _bar(number: int, point: Point, most: int, below: int, words: Words, *, last: bool) -> Bar:
    height = round(HEIGHT * (point.waiting or 0) / most)
    said = words("waited.few", below=below) if point.waiting is None else words.number(point.waiting)
    days = "" if point.days is None else words.count("duration.days", point.days)
    end = point.at.astimezone(ZONE).date() - timedelta(days=1)
    week = words("waited.now") if last else words.day_of(end).rpartition(" ")[0]
    return Bar(CELL * number + (CELL - BAR) // 2, TOP + HEIGHT - height, height, said, days, week)


def file_rows(found: Iterable[Point], as_of: str) -> Iterator[dict[str, Any]]:
    """The same as rows of `COLUMNS`. as_of: when it was asked."""
    for point in found:
        yield {"week_end": point.at.isoformat(), "waiting": point.waiting, "median_days": point.days, "as_of": as_of}
