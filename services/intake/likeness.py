"""Whether two files may be one person's: marks made of a name and a birth date, and how many of them have to agree.

One person is written down in many ways: in another script, by another table of letters, with names the other way
round, with a letter wrong. So a part of a name is held by the bones of its sound, and a birth date by its pieces. Two
marks are equal or not, nothing else is done with them: to another desk they go under a key.

How well it finds people is measured on people it was not made with (`bench/likeness.py`, docs/performance.md).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import date
from itertools import pairwise

from shared.unspoken import Unspoken

PARTS_MAX, LETTERS_MAX = 6, 30
"""Parts of a name that are looked at, and letters of each: what is longer is no name."""
SENT_MAX = 300
"""Marks with a letter wrong in a question to another desk: a letter has an end. No usual name has as many."""
WORDS_MAX = 2 * (2 * PARTS_MAX - 1)
"""Words of one name: its parts and its pairs of parts, each read in two ways."""
PIECES_MAX = 5
"""Pieces of one birth date."""
MISTAKEN_LENGTH_MIN = 4
"""Bones shorter than this have to agree in full; of longer ones a letter may be wrong."""

VOWELS = "aeiouy"

NAME, NEARLY, BORN = "n", "w", "b"
"""A part of a name as it sounds; the same with a letter wrong; a piece of a birth date."""
FULL, SWAPPED, YEAR_MONTH, YEAR_DAY, MONTH_DAY = 1, 2, 4, 8, 16
"""Which piece of a birth date a mark is of."""

NEW_YEAR = (1, 1)
"""Given to whoever does not know their birthday: as a day of the year it says nothing."""

PARTICLES = frozenset({
    "al", "el", "ul", "ar", "er", "ur", "as", "es", "ad", "an", "at", "bin", "ibn", "ben", "bint", "bt", "abu", "van",
    "von", "de", "den", "der", "da", "do", "dos", "du", "di", "la", "le", "ter", "ten", "te", "mr", "mrs", "ms", "dr",
    "prof", "haj", "hajj", "hadj",
})  # fmt: skip
"""Words that stand in one spelling of a name and not in the next."""

_Table = tuple[tuple[re.Pattern[str], str], ...]


def _table(*rules: tuple[str, str]) -> _Table:
    return tuple((re.compile(pattern), sound) for pattern, sound in rules)


_FIRST = _table(
    (r"tsch|tch|tsj|dsch|dzh|dzj|dz|dj|zh|zj|sch|sh|sj|sz|ts|tz|ch|[jz]", "s"), (r"kh|gh", "h"), (r"th", "t"),
    (r"^ou(?=[aeiy])|^u(?=[aei])|[wv]", "f"),
)  # fmt: skip
_SECOND = _table(
    (r"tsch|tch|tsj|dsch|dzh|dzj|dz|dj|zh|zj|sch|sh|sj|sz|ts|tz|z", "s"), (r"ch", "h"), (r"j", "y"), (r"kh", "k"),
    (r"gh", "g"), (r"th", "s"), (r"^w|^ou(?=[aeiy])|^u(?=[aei])|v", "f"), (r"w", "u"),
)  # fmt: skip
"""Two ways to read letters that one country writes for another sound than the next: `ch`, `j`, `kh`, `th`, `w`."""
_BOTH = _table(
    (r"ph", "f"), (r"dh", "d"), (r"ck|cq|q", "k"), (r"x", "ks"), (r"c(?=[eiy])", "s"), (r"c", "k"), (r"d", "t"),
    (r"p", "b"), (r"(?<=.)h$", ""), (r"(.)\1+", r"\1"),
)  # fmt: skip
"""Letters that are one sound to many, in the order they are looked for."""


class Mark(Unspoken, frozen=True, order=True):
    """kind: what it is of. bits: which parts of the name, or which piece of the birth date. text: to be compared."""

    kind: str
    bits: int
    text: str


def marks_of(latin: str, born: date | None) -> list[Mark]:
    """Every mark of a person. latin: their name in Latin letters. born: None when nobody knows. Empty when the name has
    no part that can be compared."""
    parts = parts_of(latin)
    words = [(1 << number, word) for number, part in enumerate(parts) for word in bones(part)]
    words += [(3 << number, word) for number, pair in enumerate(pairwise(parts)) for word in bones("".join(pair))]
    marks = {Mark(NAME, bits, word) for bits, word in words}
    marks |= {Mark(NEARLY, bits, text) for bits, word in words for text in _mistaken(word)}
    return sorted(marks | set(_born(born))) if marks and born is not None else sorted(marks)


def parts_of(latin: str) -> list[str]:
    """The parts of a name that count, in lower case."""
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", latin).lower()
    opened = re.sub(
        r"(?<![a-z])['`](?=[a-z])", "a", plain
    )  # a letter of Arabic that Latin has none for: a vowel follows
    parts = [
        word for word in re.findall(r"[a-z]+", re.sub(r"['`]", "", opened)) if word not in PARTICLES and len(word) > 1
    ]
    return [part[:LETTERS_MAX] for part in parts[:PARTS_MAX]]


def bones(part: str) -> set[str]:
    """What is left of a word in every table of letters: its consonants, by their sound, and whether it begins with a
    vowel. More than one when it can be read in two ways."""
    return {_bones(part, table) for table in (_FIRST, _SECOND)}


def _bones(part: str, table: _Table) -> str:
    sound = part
    for pattern, written in (*table, *_BOTH):
        sound = pattern.sub(written, sound)
    return ("a" if sound[:1] in VOWELS else "") + "".join(letter for letter in sound if letter not in VOWELS)


def _mistaken(word: str) -> set[str]:
    """The word with a letter left out, with two letters the other way round, and with any letter (`?`) in one place. Of
    a short one nothing: too many others would be the same."""
    if len(word) < MISTAKEN_LENGTH_MIN:
        return set()
    gone = {word[:at] + word[at + 1 :] for at in range(len(word))}
    turned = {word[:at] + word[at + 1] + word[at] + word[at + 2 :] for at in range(len(word) - 1)}
    return gone | turned | {f"{word[:at]}?{word[at + 1 :]}" for at in range(len(word))}


def _born(born: date) -> Iterable[Mark]:
    year, month, day = born.year, born.month, born.day
    low, high = sorted((month, day))
    pieces = {FULL: f"{year}-{month}-{day}", YEAR_MONTH: f"{year}-{month}", YEAR_DAY: f"{year}--{day}"}
    if high <= 12:
        pieces[SWAPPED] = f"{year}~{low}~{high}"
    if (month, day) != NEW_YEAR:
        pieces[MONTH_DAY] = f"{month}-{day}"
    return [Mark(BORN, bits, f"{bits}:{text}") for bits, text in pieces.items()]


class Kept(Unspoken, frozen=True):
    """The marks of one file: by each one's text, which parts or pieces it stands for."""

    names: Mapping[str, int]
    nearly: Mapping[str, int]
    born: Mapping[str, int]


def kept(marks: Iterable[Mark]) -> Kept:
    """The marks of one file, to be compared."""
    found: dict[str, dict[str, int]] = {NAME: {}, NEARLY: {}, BORN: {}}
    for mark in marks:
        found[mark.kind][mark.text] = found[mark.kind].get(mark.text, 0) | mark.bits
    return Kept(found[NAME], found[NEARLY], found[BORN])


def under(file: Kept, key: bytes) -> Kept:
    """The same marks, each under a key: equal still, and nothing can be read from them without it. At most `SENT_MAX`
    of those with a letter wrong. key: of 16 to 64 bytes."""

    def keyed(texts: Mapping[str, int]) -> dict[str, int]:
        return {_keyed(text, key) + ("?" if "?" in text else ""): bits for text, bits in texts.items()}

    nearly = dict(sorted(keyed(file.nearly).items())[:SENT_MAX])
    return Kept(keyed(file.names), nearly, keyed(file.born))


def of_one_person(marks: Kept) -> bool:
    """Whether there are no more marks than one person has. More of them are a list of names and birth dates: a desk
    that answered for it would say of many at once who is there, whatever it allows in a day."""
    return len(marks.names) <= WORDS_MAX and len(marks.nearly) <= SENT_MAX and len(marks.born) <= PIECES_MAX


def _keyed(text: str, key: bytes) -> str:
    return hashlib.blake2b(text.encode(), key=key, digest_size=8).hexdigest()


def alike(one: Kept, other: Kept) -> bool:
    """Whether both may be one person's. The order of the two changes nothing.

    With the whole birth date two parts of the name have to agree but for a letter; or one, when one of them has no
    other. With two of its three pieces, or day and month the other way round, two parts have to sound the same. Without
    a birth date three.
    """
    exactly, nearly = _hits(one, other, mistaken=False), _hits(one, other, mistaken=True)
    if not (one.born and other.born):
        return exactly >= 3
    pieces = one.born.keys() & other.born.keys()
    if any(one.born[piece] == FULL for piece in pieces):
        return nearly >= 2 or (nearly == 1 and 1 in (_count(one.names.values()), _count(other.names.values())))
    return bool(pieces) and exactly >= 2


def _hits(one: Kept, other: Kept, *, mistaken: bool) -> int:
    """How many parts agree, of the name with fewer such parts. mistaken: also those with a letter wrong in one of them;
    that both are mistaken is no agreement, unless it is in the same place."""
    pairs = [(one.names[text], other.names[text]) for text in one.names.keys() & other.names.keys()]
    if mistaken:
        pairs += [(one.names[text], other.nearly[text]) for text in one.names.keys() & other.nearly.keys()]
        pairs += [(one.nearly[text], other.names[text]) for text in one.nearly.keys() & other.names.keys()]
        same_place = [text for text in one.nearly.keys() & other.nearly.keys() if "?" in text]
        pairs += [(one.nearly[text], other.nearly[text]) for text in same_place]
    return min(_count(first for first, _ in pairs), _count(second for _, second in pairs))


def _count(bits: Iterable[int]) -> int:
    """How many parts these stand for together."""
    together = 0
    for each in bits:
        together |= each
    return together.bit_count()
