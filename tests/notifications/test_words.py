"""Words: every language says everything, in its own script, and says who has read it."""

from __future__ import annotations

import re
import unicodedata
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from services.notifications.api import preview_page
from services.notifications.decider_recipient import SUMMARY
from services.notifications.wording import (
    COMMON,
    LANGUAGES,
    NEUTRAL,
    RIGHT_TO_LEFT,
    STAFF_LANGUAGES,
    SUBJECT,
    SUMMARY_ONE,
    TEMPLATES,
    reads,
    stops,
)
from services.notifications.words import FOLDER, Written, catalogue, write

SCRIPTS = {"ar": "ARABIC", "fa": "ARABIC", "ti": "ETHIOPIC", "am": "ETHIOPIC", "uk": "CYRILLIC"}
"""In which letters a language is written; all others in Latin ones."""
OTHERS = tuple(language for language in LANGUAGES if language != "en")
GIVES_AWAY = re.compile(r"shelter|place|slaap|plek|opvang|papier|%\(", re.IGNORECASE)
FILLED = {
    "date": "2026-01-05", "location": "West", "site": "west", "name": "Cold", "time": "2026-01-05T18:30:00+00:00",
    "counted": "4", "expected": "3", "period": "2026-W02", "kind": "shelter_24h", "below": "20", "reader": "capacity",
    "service": "placement",
}  # fmt: skip


def wanted(language: str) -> set[str]:
    """The English texts a language has to say."""
    staff = language in STAFF_LANGUAGES
    return {*COMMON, SUMMARY_ONE} | {one.text for one in TEMPLATES.values() if staff or not one.staff}


def said(source: Catalog, key: str) -> tuple[str, ...]:
    """A text in a catalogue; each of its plural forms."""
    message = source.get(key)
    if message is None:
        return ()
    forms = message.string if isinstance(message.string, list | tuple) else (message.string,)
    return tuple(form or "" for form in forms)


def in_script(text: str, script: str) -> float:
    """Which part of a text's letters is of a script, fields left out."""
    letters = [letter for letter in re.sub(r"%\(\w+\)[sd]", "", text) if letter.isalpha()]
    return sum(unicodedata.name(letter).startswith(script) for letter in letters) / len(letters)


def mistakes(language: str, source: Catalog) -> list[str]:
    """What is wrong with a catalogue: texts missing, empty, equal to their source, in the wrong script, with other
    fields, or that nobody asks for."""
    found = [f"nobody asks for: {one.id}" for one in source
             if one.id and (one.id[0] if isinstance(one.id, tuple) else one.id) not in wanted(language)]  # fmt: skip
    for key in sorted(wanted(language)):
        texts = said(source, key)
        if not texts or not all(texts):
            found.append(f"missing: {key}")
            continue
        for text in texts:
            if text == key:
                found.append(f"not translated: {key}")
            elif in_script(text, SCRIPTS.get(language, "LATIN")) < 0.9:
                found.append(f"in the wrong script: {text}")
            elif key != SUMMARY_ONE and set(re.findall(r"%\(\w+\)s", text)) != set(re.findall(r"%\(\w+\)s", key)):
                found.append(f"other fields: {text}")
    return found


@pytest.mark.parametrize("language", OTHERS)
def test_a_language_says_everything_in_its_own_script(language: str) -> None:
    assert mistakes(language, catalogue(language).source) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (("رسالة لك", ""), "missing"),
        (("رسالة لك", SUBJECT), "not translated"),
        (("رسالة لك", "Risala laka"), "in the wrong script"),
        (("%(date)s", ""), "other fields"),
        ((SUBJECT, "A letter"), "nobody asks for"),
    ],
)
def test_the_look_finds_what_is_wrong(change: tuple[str, str], found: str) -> None:
    text = (FOLDER / "ar" / "LC_MESSAGES" / "messages.po").read_text("utf-8")
    wrong = text.replace(f'msgstr "{change[0]}"', f'msgstr "{change[1]}"')
    wrong = wrong.replace(f'msgid "{change[0]}"', f'msgid "{change[1]}"') if wrong == text else wrong
    if wrong == text:
        head, _, tail = text.rpartition(change[0])
        wrong = head + change[1] + tail
    assert any(one.startswith(found) for one in mistakes("ar", read_po(BytesIO(wrong.encode()), locale="ar")))


def test_there_is_a_catalogue_for_every_language_and_for_no_other() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(OTHERS)


def every_message() -> list[tuple[str, str]]:
    """Each language with each template there is in it."""
    clients = [SUMMARY, *(name for name, one in TEMPLATES.items() if not one.staff)]
    return [(language, name) for language in LANGUAGES
            for name in ((*TEMPLATES, SUMMARY) if language in STAFF_LANGUAGES else clients)]  # fmt: skip


@pytest.mark.parametrize(("language", "template"), every_message())
def test_every_message_is_written_in_every_language(language: str, template: str) -> None:
    for count in (0, 1, 2, 3, 11, 100):
        for explicit in (False, True):
            written = write(template, FILLED, language, explicit=explicit, repeat=True, count=count)
            assert written.texts[0].direction == ("rtl" if language in RIGHT_TO_LEFT else "ltr")
            assert "%(" not in written.plain
            assert not GIVES_AWAY.search(written.subject + written.preview)
            assert written.plain.startswith(written.preview) or template == SUMMARY


def test_what_nobody_has_reviewed_stands_beside_dutch() -> None:
    def languages(written: Written) -> list[str]:
        return [text.language for text in written.texts]

    for language in LANGUAGES:
        reviewed = catalogue(language).reviewed
        beside = [] if reviewed else ["nl"]
        assert languages(write("request_ended", {}, language, explicit=True)) == [language, *beside]
    assert [language for language in LANGUAGES if catalogue(language).reviewed] == ["nl", "en"]


def test_a_neutral_text_says_the_same_whatever_it_is_about() -> None:
    texts = {write(name, FILLED, "en", explicit=False).plain for name in TEMPLATES}
    assert texts == {NEUTRAL}


def test_dates_and_counts_are_written_as_people_of_that_language_write_them() -> None:
    noted = {language: write("request_noted", FILLED, language, explicit=True).texts[0].body for language in LANGUAGES}
    assert "5 januari 2026" in noted["nl"]
    assert "5 January 2026" in noted["en"]
    assert "5 يناير 2026" in noted["ar"]
    assert "ጥሪ" in noted["ti"]
    many = [write(SUMMARY, {}, "ar", explicit=False, count=count).texts[0].body for count in (1, 2, 3, 11)]
    assert len(set(many)) == 4
    silent = write("site_silent", FILLED, "nl", explicit=True).texts[0].body
    assert "5 januari 19:30" in silent  # by the city's clock


@pytest.mark.parametrize(
    ("languages", "read"),
    [(("ti", "en"), "ti"), (("prs",), "fa"), (("so", "ar"), "ar"), (("so",), "en"), ((), "en"), (("nl",), "nl")],
)
def test_a_client_is_written_to_in_the_first_language_there_is(languages: tuple[str, ...], read: str) -> None:
    assert reads(languages) == read


def test_the_preview_shows_every_language_and_marks_what_nobody_has_reviewed() -> None:
    page = preview_page()
    for language in LANGUAGES:
        assert f"<h2 id='{language}'>" in page
    assert page.count("not reviewed") == len(LANGUAGES) - 2
    assert page.count("dir='rtl'") > 5


def test_catalogues_are_texts() -> None:
    assert {path.suffix for path in Path(FOLDER).rglob("*") if path.is_file()} == {".po"}


@pytest.mark.parametrize(
    "answer",
    ["İPTAL", "IPTAL", "arre\u0302t", "ARRET", "\u200fتوقف\u200f", "ايقاف", "توقف؟",
     "ኣቁም።", "¡Alto!", "“Stop”", "stop \U0001f64f"],
)  # fmt: skip
def test_a_word_that_stops_messages_is_known_however_a_telephone_writes_it(answer: str) -> None:
    assert stops(answer)


@pytest.mark.parametrize("answer", ["", "!", "stop een kanarie", "st op", "niet stoppen", "stop 1"])
def test_what_is_more_than_such_a_word_stops_nothing(answer: str) -> None:
    assert not stops(answer)
