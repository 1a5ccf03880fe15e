"""What a form of a page asks: fields, and the one request it becomes. Pure.

A form is filled in by its page (`static/forms.js`) and sent from there to the service that decides: what somebody types
never passes through the console.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from services.console.words import ZONE, Words

Sort = Literal["text", "area", "date", "when", "number", "money", "tick", "choice", "many", "list", "bands", "file"]
"""file: a text file of this device, sent as its text.
many: ticks that make a list. list: texts or choices that make one. bands: how many people of each age."""

AGE_BANDS = ("0-3", "4-11", "12-17", "18-22", "23-64", "65+")
PEOPLE_MAX = 20

Option = tuple[str, str]
"""What is sent, and the words for it."""


@dataclass(frozen=True)
class Field:
    """One thing asked. name: where it goes in the body, `contact.channel`. value: what stands in it; of `many`, `list`
    and `bands` several. pieces: what is sent for a choice is a piece of the body as JSON. empty: what is sent for
    nothing (`leave`: nothing is sent; `null`). least, most: of a number.
    """

    sort: Sort
    name: str
    label: str
    help: str = ""
    options: Sequence[Option] = ()
    value: Any = ""
    required: bool = False
    pieces: bool = False
    empty: Literal["leave", "null"] = "leave"
    least: int = 0
    most: int = PEOPLE_MAX
    more: bool = False
    """Whether it is folded away until somebody asks for more."""


@dataclass(frozen=True)
class Answer:
    """What is shown of what came back, while the form is open and never again: names of the answer with their words.

    moments: those that are times. big: the one that is read out at the desk. money: those that are cents.
    people: those that are lists of files.
    """

    title: str
    help: str
    lines: Sequence[Option]
    moments: frozenset[str] = frozenset()
    big: str = ""
    money: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Then:
    """A second request, once the first was answered. back_path, back_body: what takes the first back when the second is
    refused. `{name}` in any of them: of what was sent first, or of its answer; ids and times only."""

    path: str
    body: Mapping[str, Any]
    back_path: str
    back_body: Mapping[str, Any]


@dataclass(frozen=True)
class Form:
    """One request. path: `{name}` in it is of what is chosen. body: what is sent besides the fields. done: what is said
    afterwards. go: where one is led then, `{id}` being the answer's. version: what it must still be at. undo: the path
    of the request that takes it back, within a minute."""

    name: str
    title: str
    help: str
    path: str
    button: str
    done: str
    fields: Sequence[Field] = ()
    body: Mapping[str, Any] = field(default_factory=dict)
    version: int | None = None
    go: str = ""
    answer: Answer | None = None
    then: Then | None = None
    undo: str = ""
    grave: bool = False
    """Whether it cannot be taken back: its button is marked."""
    elsewhere: bool = False
    """Whether another service decides it than the one its page is asked from, which knows nothing of its position."""

    @property
    def first(self) -> Sequence[Field]:
        return [one for one in self.fields if not one.more]

    @property
    def rest(self) -> Sequence[Field]:
        return [one for one in self.fields if one.more]


def options(words: Words, part: str, names: Iterable[str]) -> list[Option]:
    """Names of the vocabulary with their words."""
    return [(name, words(f"{part}.{name}")) for name in names]


def chosen(words: Words, part: str, names: Iterable[str], name: str, label: str, value: str = "") -> Field:
    """A choice of one out of a list of the vocabulary; nothing is chosen beforehand unless it is said."""
    empty = [] if value else [("", words("form.choose"))]
    return Field("choice", name, label, options=[*empty, *options(words, part, names)], value=value, required=True)


def moments_ahead(now: datetime, words: Words) -> list[Option]:
    """Times somebody may be expected by, within the 48 hours a place is kept: in some hours, this evening, tomorrow."""
    noon = now.astimezone(ZONE).replace(hour=12, minute=0, second=0, microsecond=0)
    ends = [now + timedelta(hours=hours) for hours in (1, 2, 4, 8)]
    ends += [noon + timedelta(hours=hours) for hours in (10, 24, 34)]
    ahead = [end.astimezone(UTC) for end in ends if timedelta(minutes=30) <= end - now < timedelta(hours=48)]
    return [(end.isoformat(), words("board.until", time=words.moment(end, now))) for end in sorted(set(ahead))]
