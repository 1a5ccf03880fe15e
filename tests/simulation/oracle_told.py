"""What an origin has told, row by row, and what a view must show after each row: computed from the bytes that were
told, not by the views' own code.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from shared.envelope import Message
from tests.simulation.oracle_house import require

Key = tuple[str, ...]
Rows = dict[Key, tuple[Any, ...]]


class FigureRow(msgspec.Struct):
    kind: str
    size_class: str
    feature_class: str
    total: int
    overflow: int
    occupied: int
    held: int
    blocked: int
    people: int
    observed_at: datetime | None


class Figures(msgspec.Struct):
    location: str
    site: str
    title: str
    district: str
    rows: list[FigureRow]


class SeatsRow(msgspec.Struct):
    kind: str
    seats: int
    booked: int


class Sessions(msgspec.Struct):
    location: str
    site: str
    title: str
    district: str
    rows: list[SeatsRow]


class Came(msgspec.Struct):
    kind: str
    sessions: int
    counted: int
    booked: int
    attended: int
    full: int
    wait_days: int | None


class SessionWeek(msgspec.Struct):
    location: str
    week: str
    rows: list[Came]


class HoldWord(msgspec.Struct):
    hold_id: str
    how: str = "active"


_figures = msgspec.json.Decoder(Figures).decode
_sessions = msgspec.json.Decoder(Sessions).decode
_session_week = msgspec.json.Decoder(SessionWeek).decode
_hold = msgspec.json.Decoder(HoldWord).decode


class Branch:
    """One log of one origin in one epoch as one party knows it. `as_of[n]` is what a view shows after row n, `weeks[n]`
    what sessions came to."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.as_of: list[Rows] = [{}]
        self.told: list[Rows] = [{}]
        self.weeks: list[Rows] = [{}]

    def add(self, message: Message) -> None:
        """Takes the next row in. A hold ends once, in what is told too."""
        require(
            message.sequence == len(self.ids) + 1, "a log with a hole", message.origin, message.sequence, len(self.ids)
        )
        news = _news(message, self.as_of[-1])
        self.ids.append(message.id)
        self.told.append(news)
        self.as_of.append({**self.as_of[-1], **news} if news else self.as_of[-1])
        self.weeks.append(
            {**self.weeks[-1], **_weeks(message)} if message.name == "session-week-told" else self.weeks[-1]
        )

    def without(self, gone: set[int], sequence: int) -> Rows:
        """What a view shows after row `sequence` when it does without some."""
        rows: Rows = {}
        for number, news in enumerate(self.told[: sequence + 1]):
            if number not in gone:
                rows |= news
        return rows

    def cut(self, length: int) -> None:
        """An older backup was put back: what came after row `length` never happened."""
        del self.ids[length:], self.as_of[length + 1 :], self.told[length + 1 :]
        del self.weeks[length + 1 :]


def _weeks(message: Message) -> Rows:
    told = _session_week(message.data)
    return {(told.location, told.week, row.kind): msgspec.structs.astuple(row)[1:] for row in told.rows}


def _news(message: Message, before: Rows) -> Rows:
    name = message.name
    if name == "capacity-told":
        figures = _figures(message.data)
        effective_at = message.observed_at or message.time
        return {
            (figures.location, row.kind, row.size_class, row.feature_class): (
                figures.site, figures.title, figures.district, row.total, row.overflow, row.occupied, row.held,
                row.blocked, row.people, row.observed_at, effective_at,
            )
            for row in figures.rows
        }  # fmt: skip
    if name == "sessions-told":
        told = _sessions(message.data)
        house = (told.site, told.title, told.district)
        return {
            (told.location, row.kind, "", ""): (*house, row.seats, 0, row.booked, 0, 0, 0, None, message.time)
            for row in told.rows
        }
    if name in {"place-held", "hold-ended"}:
        word = _hold(message.data)
        known = before.get((word.hold_id,))
        require(known in (None, ("active",)), "a hold that had ended was told again", word, known)
        return {(word.hold_id,): (word.how,)}
    return {}
