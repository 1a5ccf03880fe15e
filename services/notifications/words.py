"""What messages say, by language: gettext catalogues read from their text form when the process starts.

Nothing binary is kept: a catalogue is a text people review. Its first comment says who did; one that nobody has
reviewed is sent beside a language that somebody has (`write`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

from services.notifications.policy import CITY_ZONE
from services.notifications.wording import (
    LANGUAGES,
    NEUTRAL,
    REPEATED,
    RIGHT_TO_LEFT,
    SUBJECT,
    SUMMARY_MANY,
    SUMMARY_ONE,
    TEMPLATES,
    FieldKind,
)

FOLDER = Path(__file__).with_name("locale")
SOURCE = "en"
LOCALES = {"en": "en_GB"}
"""What dates are written by, where that is not the language's own name."""
BESIDE = "nl"
"""What stands beside a text nobody has reviewed."""

_REVIEWED = re.compile(r"^# Reviewed by: (.+)$", re.MULTILINE)
NOBODY = "nobody yet"


class Text(NamedTuple):
    """One text in one language. direction: `rtl` or `ltr`. reviewed: whether somebody who speaks it has read it."""

    language: str
    direction: str
    body: str
    reviewed: bool


class Written(NamedTuple):
    """A message as it goes out: a subject and a first line that say nothing, for whoever sees a preview, and one text
    or two."""

    subject: str
    preview: str
    texts: tuple[Text, ...]

    @property
    def parts(self) -> tuple[Text, ...]:
        """What the recipient reads, from the top: the first line, unless the text is that line."""
        first = self.texts[0]
        if first.body.startswith(self.preview):
            return self.texts
        return (first._replace(body=self.preview), *self.texts)

    @property
    def plain(self) -> str:
        """All of it, one part under the other."""
        return "\n\n".join(part.body for part in self.parts)


@dataclass(frozen=True)
class Catalogue:
    """One language. reviewer: who has read it; `NOBODY` when nobody has."""

    language: str
    reviewer: str
    texts: Translations
    source: Catalog

    @property
    def reviewed(self) -> bool:
        return self.reviewer != NOBODY


@lru_cache(maxsize=len(LANGUAGES))
def catalogue(language: str) -> Catalogue:
    """The catalogue of one of `LANGUAGES`. Raises `ValueError` for one that cannot be read."""
    if language == SOURCE:
        return Catalogue(language, "the authors", Translations(), Catalog(Locale(SOURCE)))
    path = FOLDER / language / "LC_MESSAGES" / "messages.po"
    text = path.read_text("utf-8")
    found = _REVIEWED.search(text)
    if found is None:
        raise ValueError(f"{path} does not say who has reviewed it")
    source = read_po(BytesIO(text.encode()), locale=language, abort_invalid=True)
    compiled = BytesIO()
    write_mo(compiled, source)
    compiled.seek(0)
    return Catalogue(language, found[1], Translations(compiled), source)


def write(
    template: str, fields: Mapping[str, str], language: str, *, explicit: bool, repeat: bool = False, count: int = 0
) -> Written:
    """A message in a language; beside it in a reviewed one when nobody has reviewed that.

    explicit: whether it may say what it is about. count: how many messages a summary stands for; 0: it went out and
    came back, and that is not kept. Raises `KeyError` for a template or field there is not.
    """
    languages = [language]
    if not catalogue(language).reviewed:
        languages.append(BESIDE if catalogue(BESIDE).reviewed else SOURCE)
    texts = tuple(_text(template, fields, each, explicit=explicit, repeat=repeat, count=count) for each in languages)
    return Written(say(SUBJECT, language), say(NEUTRAL, language), texts)


def say(text: str, language: str) -> str:
    """One text of `wording.py` in a language."""
    return str(catalogue(language).texts.gettext(text))


def _text(template: str, fields: Mapping[str, str], language: str, *, explicit: bool, repeat: bool, count: int) -> Text:
    known = catalogue(language)
    if template == "summary" and count:
        body = str(known.texts.ngettext(SUMMARY_ONE, SUMMARY_MANY, count)) % {"count": count}
    elif explicit and template != "summary":
        wanted = TEMPLATES[template]
        values = {name: _value(kind, fields[name], language) for name, kind in wanted.fields.items()}
        body = say(wanted.text, language) % values
    else:
        body = say(NEUTRAL, language)
    if repeat:
        body = f"{body}\n{say(REPEATED, language)}"
    return Text(language, "rtl" if language in RIGHT_TO_LEFT else "ltr", body, known.reviewed)


def _value(kind: FieldKind, value: str, language: str) -> str:
    """A field as people of that language write it, by the city's clock."""
    locale = LOCALES.get(language, language)
    match kind:
        case "date":
            return str(format_date(date.fromisoformat(value), "long", locale=locale))
        case "time":
            moment = datetime.fromisoformat(value).astimezone(CITY_ZONE)
            return str(format_datetime(moment, "d MMMM HH:mm", tzinfo=CITY_ZONE, locale=locale))
        case "word":
            # Words of the network stand in Latin letters: isolated, they do not turn a right-to-left line round.
            return f"\u2068{value}\u2069" if language in RIGHT_TO_LEFT else value
