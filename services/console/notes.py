"""What the last shift left, as the next one reads it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from services.console.board import Tap
from services.console.waits import names
from services.console.words import Words

API = "/api/console/notes"


class Written(Protocol):
    """A note as it is kept."""

    @property
    def id(self) -> str: ...
    @property
    def place(self) -> str | None: ...
    @property
    def text(self) -> str | None: ...
    @property
    def role(self) -> str: ...
    @property
    def written_at(self) -> datetime: ...
    @property
    def goes_at(self) -> datetime: ...


@dataclass(frozen=True)
class Line:
    """One note. place: its id, or empty. where: what it is about. text: None where it does not open. about: who wrote
    it when, and until when it is there."""

    id: str
    place: str
    where: str
    text: str | None
    about: str
    tap: Tap


def notes_shown(
    written: Iterable[Written], places: Iterable[Mapping[str, Any]], now: datetime, words: Words
) -> Sequence[Line]:
    """written: the newest first. places: of the house, as the places service lists them."""
    named = names(places, words)
    return [_line(one, named, now, words) for one in written]


def _line(one: Written, named: Mapping[str, str], now: datetime, words: Words) -> Line:
    where = named.get(one.place or "") or words("notes.gone_place" if one.place else "notes.house")
    about = [
        words(f"role.{one.role}"), words.moment(one.written_at, now), words("notes.goes", day=words.day(one.goes_at)),
    ]  # fmt: skip
    tap = Tap(
        "note_done", f"{API}/{one.id}/done", {}, None, words("done.note_done"), "quiet",
        undo=f"{API}/{{id}}/put-back",
    )  # fmt: skip
    return Line(one.id, one.place or "", where, one.text, " · ".join(about), tap)
