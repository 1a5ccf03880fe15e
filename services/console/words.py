"""What the screens say: words, numbers and times in the reader's language. Pure, but for reading the catalogues once.

A catalogue is `locale/<language>.toml`; a key is its path in there, `board.room`. What counts has two forms, `.one` and
`.other`. Every language has every key.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale

from shared.contracts.vocabulary import LANGUAGES as SPOKEN

LANGUAGES = ("nl", "en")
"""The first one is spoken to whoever asks for none of them."""
ZONE = ZoneInfo("Europe/Amsterdam")

ACCEPTED_LENGTH_MAX = 200
HOUR_SECONDS, DAY_SECONDS = 3600, 86400


@dataclass(frozen=True)
class Words:
    """One language. `words("board.room", room="3")` is a sentence; an unknown key is a mistake and raises KeyError."""

    language: str
    catalogue: Mapping[str, str]

    def __call__(self, key: str, **facts: object) -> str:
        text = self.catalogue[key]
        return text.format(**{name: self._told(fact) for name, fact in facts.items()}) if facts else text

    def count(self, key: str, n: int) -> str:
        """The form of `key` that goes with `n`."""
        return self(f"{key}.{'one' if n == 1 else 'other'}", n=n)

    def has(self, key: str) -> bool:
        return key in self.catalogue

    def part(self, prefix: str) -> dict[str, str]:
        """Every text under a key, by the rest of its key."""
        start = f"{prefix}."
        return {key.removeprefix(start): text for key, text in self.catalogue.items() if key.startswith(start)}

    def number(self, n: int) -> str:
        """A whole number with its thousands apart."""
        return f"{n:,}".replace(",", self("number.group"))

    def euros(self, cents: int) -> str:
        """An amount of money, never broken over two lines: € 1.234,50, or €1,234.50."""
        whole, rest = divmod(abs(cents), 100)
        amount = f"{self.number(whole)}{self('number.point')}{rest:02}"
        return self("number.minus_euros" if cents < 0 else "number.euros", amount=amount)

    def duration(self, seconds: float) -> str:
        """How long, in the one unit a person would use: 40 seconds, 23 minutes, 5 hours, 3 days."""
        whole = max(0, int(seconds))
        if whole < 60:
            return self.count("duration.seconds", whole)
        if whole < 90 * 60:
            return self.count("duration.minutes", whole // 60)
        if whole < 2 * DAY_SECONDS:
            return self.count("duration.hours", whole // HOUR_SECONDS)
        return self.count("duration.days", whole // DAY_SECONDS)

    def clock(self, moment: datetime) -> str:
        """The time of day at the desk: 02:14."""
        return moment.astimezone(ZONE).strftime("%H:%M")

    def precisely(self, moment: datetime) -> str:
        """The time of day with its seconds."""
        return moment.astimezone(ZONE).strftime("%H:%M:%S")

    def instant(self, moment: datetime) -> str:
        """A time to the millisecond, with its day: 3 Jan 02:14:07.250."""
        local = moment.astimezone(ZONE)
        month = self("date.months").split()[local.month - 1]
        return f"{local.day} {month} {local:%H:%M:%S}.{local.microsecond // 1000:03}"

    def moment_long(self, moment: datetime) -> str:
        """A time on paper, with its day and year: Tue 3 Jan 2026 02:14."""
        local = moment.astimezone(ZONE)
        day, month = self("date.days").split()[local.weekday()], self("date.months").split()[local.month - 1]
        return f"{day} {local.day} {month} {local.year} {local:%H:%M}"

    def moment(self, moment: datetime, now: datetime) -> str:
        """A time as one would say it at `now`: 02:14 today, else Tue 3 Jan 02:14, with the year when it is another."""
        local, today = moment.astimezone(ZONE), now.astimezone(ZONE)
        if local.date() == today.date():
            return self.clock(moment)
        day = self("date.days").split()[local.weekday()]
        month = self("date.months").split()[local.month - 1]
        year = "" if local.year == today.year else f" {local.year}"
        return f"{day} {local.day} {month}{year} {local:%H:%M}"

    def day(self, moment: datetime) -> str:
        """The day a moment is on at the desk, with its year: 3 Jan 2026."""
        return self.day_of(moment.astimezone(ZONE).date())

    def weekday(self, moment: datetime) -> str:
        """A night among its neighbours: Fri 9."""
        local = moment.astimezone(ZONE)
        return f"{self('date.days').split()[local.weekday()]} {local.day}"

    def day_of(self, day: date) -> str:
        """A day with its year: 3 Jan 2026."""
        return f"{day.day} {self('date.months').split()[day.month - 1]} {day.year}"

    def spoken(self) -> tuple[tuple[str, str], ...]:
        """Every language a client may speak: its code, and its name in the reader's language."""
        return _spoken(self.language)

    def language_name(self, code: str) -> str:
        """A language's name in the reader's language; its code when it has none."""
        return dict(self.spoken()).get(code, code)

    def _told(self, fact: object) -> object:
        return self.number(fact) if type(fact) is int else fact


@cache
def _spoken(language: str) -> tuple[tuple[str, str], ...]:
    names = Locale.parse(language).languages
    named = [(code, str(names.get(code, code))) for code in SPOKEN]
    return tuple(sorted(named, key=lambda pair: (pair[1].casefold(), pair[0])))


@cache
def words(language: str) -> Words:
    """The words of one of `LANGUAGES`."""
    assert language in LANGUAGES
    raw = (files("services.console") / "locale" / f"{language}.toml").read_text("utf-8")
    return Words(language, dict(_flat("", tomllib.loads(raw))))


def _flat(prefix: str, table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(f"{prefix}{key}.", value)
        else:
            yield f"{prefix}{key}", str(value)


def choose_language(chosen: str | None, accepted: str) -> str:
    """chosen: what the reader switched to. accepted: the browser's `Accept-Language`."""
    if chosen in LANGUAGES:
        return str(chosen)
    wishes: list[tuple[float, int, str]] = []
    for index, wish in enumerate(accepted[:ACCEPTED_LENGTH_MAX].split(",")):
        tag, _, quality = wish.strip().partition(";q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            continue
        wishes.append((-weight, index, tag.partition("-")[0].lower()))
    return next((tag for weight, _, tag in sorted(wishes) if weight < 0 and tag in LANGUAGES), LANGUAGES[0])
