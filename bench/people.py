"""A generated city of people of whom some are known at two desks, written down otherwise each time: to measure how well
likenesses find them. Names come from Faker, in the scripts they are written in; what goes wrong on paper is ours.

Nothing of it was used while the rules of `services/intake/likeness.py` were made.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta
from typing import NamedTuple

from anyascii import anyascii
from faker import Faker

LOCALES = (
    "ar_AA", "az_AZ", "bg_BG", "bn_BD", "en_NG", "en_PK", "es_ES", "fa_IR", "fr_FR", "ha_NG", "hi_IN", "hy_AM", "ka_GE",
    "nl_NL", "pl_PL", "ro_RO", "ru_RU", "tr_TR", "uk_UA", "yo_NG",
)  # fmt: skip
"""Where people's names come from."""

TABLES: tuple[dict[str, str], ...] = (
    {"kh": "ch", "sh": "sj", "ch": "tsj", "zh": "zj", "u": "oe", "y": "j", "ou": "oe"},  # as in Dutch
    {"kh": "kh", "sh": "ch", "ch": "tch", "j": "dj", "u": "ou", "w": "ou", "zh": "j", "oe": "ou"},  # as in French
    {"kh": "ch", "sh": "sch", "ch": "tsch", "zh": "sch", "v": "w", "ts": "z", "y": "j"},  # as in German
    {"kh": "h", "y": "i", "c": "k", "q": "k", "w": "v", "z": "s", "aa": "a", "ee": "i", "oo": "u"},  # by ear
)
"""What writers of different countries put for a sound."""

BORN_FIRST, BORN_DAYS = date(1945, 1, 1), 365 * 61
NEW_YEAR_SHARE, NO_DATE_SHARE, TWICE_SHARE = 0.12, 0.03, 0.2


class Person(NamedTuple):
    """As one desk has written them down. who: the same for both records of one person."""

    who: int
    name: str
    born: date | None


def city(records: int, seed: int) -> list[Person]:
    """So many records; a fifth of all people have two."""
    chance = random.Random(seed)
    makers = [Faker(locale) for locale in LOCALES]
    for number, maker in enumerate(makers):
        maker.seed_instance(seed * 1_000 + number)
    found: list[Person] = []
    while len(found) < records:
        maker = chance.choice(makers)
        parts = [maker.first_name(), maker.last_name()]
        if chance.random() < 0.35:
            parts.insert(1, maker.first_name())
        born = BORN_FIRST + timedelta(days=chance.randrange(BORN_DAYS))
        if chance.random() < NEW_YEAR_SHARE:
            born = date(born.year, 1, 1)
        person = Person(len(found), " ".join(parts), None if chance.random() < NO_DATE_SHARE else born)
        found.append(person)
        if chance.random() < TWICE_SHARE:
            found.append(elsewhere(person, chance))
    return found[:records]


def elsewhere(person: Person, chance: random.Random) -> Person:
    """The same person at another desk: one to three things are otherwise."""
    parts = anyascii(person.name).split() if chance.random() < 0.75 else person.name.split()
    ways: list[Callable[[], list[str]]] = [
        lambda: [_written(part, chance.choice(TABLES)) for part in parts],
        lambda: [parts[-1], *parts[:-1]],
        lambda: _mistyped(parts, chance),
        lambda: parts if len(parts) < 3 else [parts[0], parts[-1]],
    ]
    for way in chance.sample(ways, chance.randint(1, 3)):
        parts = way()
    return Person(person.who, " ".join(parts), _dated(person.born, chance))


def _written(part: str, table: dict[str, str]) -> str:
    written, at, low = "", 0, part.lower()
    while at < len(low):
        size = next((size for size in (2, 1) if low[at : at + size] in table), 0)
        written += table[low[at : at + size]] if size else low[at]
        at += size or 1
    return written.capitalize()


def _mistyped(parts: list[str], chance: random.Random) -> list[str]:
    number = chance.randrange(len(parts))
    part = parts[number]
    if len(part) < 3:
        return parts
    at = chance.randrange(1, len(part) - 1)
    letter = chance.choice("abcdefghijklmnopqrstuvwxyz")
    wrong = chance.choice((
        part[:at] + part[at + 1 :], part[:at] + letter + part[at:], part[:at] + letter + part[at + 1 :],
        part[:at] + part[at + 1] + part[at] + part[at + 2 :],
    ))  # fmt: skip
    return [*parts[:number], wrong, *parts[number + 1 :]]


def _dated(born: date | None, chance: random.Random) -> date | None:
    draw = chance.random()
    if born is None or draw < NO_DATE_SHARE:
        return None
    if draw < 0.09 and born.day <= 12:
        return date(born.year, born.day, born.month)
    if draw < 0.13:
        return born.replace(year=born.year + chance.choice((-10, -1, 1, 10)), day=min(born.day, 28))
    if draw < 0.17:
        return born.replace(day=chance.randint(1, 28))
    return date(born.year, 1, 1) if draw < 0.19 else born
