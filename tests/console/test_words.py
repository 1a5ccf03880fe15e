"""Words, numbers and times in both languages."""

from __future__ import annotations

import re
import string
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from services.console.board import STATUSES
from services.console.words import LANGUAGES, ZONE, choose_language, words
from services.placement.api_desk import INPUT_CODES, TRY_ELSEWHERE
from shared.contracts.vocabulary import BLOCK_REASONS, FEATURES, KINDS, STAY_END_REASONS
from shared.security import ROLES, TokenErrorCode

NL, EN = words("nl"), words("en")


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_language_has_every_key_with_the_same_facts_in_it() -> None:
    assert NL.catalogue.keys() == EN.catalogue.keys()
    differing = [key for key, text in EN.catalogue.items() if placeholders(text) != placeholders(NL.catalogue[key])]
    assert differing == []


@pytest.mark.parametrize("spoken", [NL, EN], ids=LANGUAGES)
def test_every_word_of_the_vocabulary_can_be_said(spoken) -> None:  # type: ignore[no-untyped-def]
    for part, names in (
        ("kind", KINDS),
        ("feature", FEATURES),
        ("reason", BLOCK_REASONS),
        ("end_reason", STAY_END_REASONS),
        ("role", ROLES),
        ("role_help", ROLES),
        ("status", STATUSES),
        ("sign_in.wrong", get_args(TokenErrorCode)),
        ("link", ("live", "late", "silent", "unknown")),
        ("refusal", TRY_ELSEWHERE),
    ):
        assert set(names) <= spoken.part(part).keys(), part
    # The page never sends what is wrong in itself, but for the time of a tap: a device's clock may be anything.
    assert INPUT_CODES & spoken.part("refusal").keys() == {"observed-in-future", "observed-too-old"}


def test_the_days_and_months_are_all_there() -> None:
    for spoken in (NL, EN):
        assert len(spoken("date.days").split()) == 7
        assert len(spoken("date.months").split()) == 12


@pytest.mark.parametrize(
    ("seconds", "dutch", "english"),
    [
        (1, "1 seconde", "1 second"),
        (59.9, "59 seconden", "59 seconds"),
        (60, "1 minuut", "1 minute"),
        (23 * 60, "23 minuten", "23 minutes"),
        (89 * 60, "89 minuten", "89 minutes"),
        (90 * 60, "1 uur", "1 hour"),
        (9 * 3600, "9 uur", "9 hours"),
        (47 * 3600, "47 uur", "47 hours"),
        (48 * 3600, "2 dagen", "2 days"),
        (-5, "0 seconden", "0 seconds"),
    ],
)
def test_a_duration_is_told_in_one_unit(seconds: float, dutch: str, english: str) -> None:
    assert (NL.duration(seconds), EN.duration(seconds)) == (dutch, english)


def test_numbers_have_their_thousands_apart() -> None:
    assert (NL.number(5733), EN.number(5733), EN.number(12)) == ("5.733", "5,733", "12")
    assert NL("summary.range", low=0, high=1234) == "0 tot 1.234 vrij"


def test_times_are_those_of_amsterdam_in_summer_and_winter() -> None:
    assert EN.clock(datetime(2026, 1, 10, 1, 14, tzinfo=UTC)) == "02:14"
    assert EN.clock(datetime(2026, 7, 10, 1, 14, tzinfo=UTC)) == "03:14"
    assert EN.precisely(datetime(2026, 1, 10, 23, 59, 59, tzinfo=UTC)) == "00:59:59"


def test_a_moment_names_the_day_only_when_it_is_another() -> None:
    now = datetime(2026, 1, 10, 12, 0, tzinfo=UTC)
    assert EN.moment(now - timedelta(hours=2), now) == "11:00"
    assert EN.moment(datetime(2026, 1, 9, 23, 30, tzinfo=UTC), now) == "00:30"  # today, in Amsterdam
    assert NL.moment(datetime(2026, 1, 9, 12, 0, tzinfo=UTC), now) == "vr 9 jan 13:00"
    assert EN.moment(datetime(2025, 12, 30, 12, 0, tzinfo=UTC), now) == "Tue 30 Dec 2025 13:00"
    assert str(ZONE) == "Europe/Amsterdam"


@pytest.mark.parametrize(
    ("chosen", "accepted", "language"),
    [
        (None, "", "nl"),
        (None, "en-GB,en;q=0.9", "en"),
        (None, "de,en;q=0.4,nl;q=0.8", "nl"),
        (None, "de-DE", "nl"),
        (None, "en;q=0", "nl"),
        (None, "en;q=nonsense,nl;q=0.1", "nl"),
        (None, ";;q=,,xx;q=1;q=2" * 200, "nl"),
        ("en", "nl", "en"),
        ("tlh", "en", "en"),
    ],
)
def test_the_language_is_the_chosen_one_or_the_one_preferred(chosen: str | None, accepted: str, language: str) -> None:
    assert choose_language(chosen, accepted) == language


def test_a_word_nobody_wrote_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        EN("board.unicorn")


def test_no_text_ends_in_a_stray_placeholder() -> None:
    assert not [key for key, text in EN.catalogue.items() if re.search(r"[{}]", re.sub(r"\{[a-z_]+\}", "", text))]
