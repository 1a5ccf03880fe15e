"""Places held against what was agreed: by the day that is looked at, the greatest lack first."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from services.console.agreed import Agreement, NotAgreed, against, file_rows, read
from services.console.api_city import _agreed
from services.console.words import LANGUAGES, words
from tests.console.test_board import NOW

EN = words("en")
LIST = """location,kind,places,from
west,shelter_24h,60,2025-01-01
west,shelter_24h,50,2026-01-11
noord,night_shelter,30,2025-01-01
"""
DAY = date(2026, 1, 10)


def row(location: str, kind: str, total: int, blocked: int = 0) -> dict[str, Any]:
    return {"location": location, "title": location.title(), "kind": kind, "total": total, "blocked": blocked}


def test_the_agreement_of_that_day_counts() -> None:
    found = read(LIST)
    rows = [row("west", "shelter_24h", 60)]
    for day, agreed in ((DAY, 60), (date(2026, 1, 11), 50)):
        assert {line.key: line.agreed for line in against(found, rows, day, EN)}["west/shelter_24h"] == agreed
    assert against(found, rows, date(2024, 12, 31), EN) == []


@pytest.mark.parametrize(
    ("told", "level", "usable", "difference"),
    [
        (row("west", "shelter_24h", 62, 2), "room", 60, "0"),
        (row("west", "shelter_24h", 64, 1), "room", 63, "+3"),
        (row("west", "shelter_24h", 60, 5), "little", 55, "−5"),
        (row("west", "shelter_24h", 48), "full", 48, "−12"),
        (row("west", "night_shelter", 48), "unsure", None, "−60"),
    ],
)
def test_what_is_out_of_use_and_what_is_not_there_is_told_apart(
    told: dict[str, Any], level: str, usable: int | None, difference: str
) -> None:
    line = next(line for line in against(read(LIST), [told], DAY, EN) if line.key == "west/shelter_24h")
    assert (line.level, line.usable, line.difference) == (level, usable, difference)


def test_the_greatest_lack_comes_first_and_what_was_never_agreed_is_left_out() -> None:
    rows = [row("west", "shelter_24h", 58), row("noord", "night_shelter", 10), row("x", "night_shelter", 9)]
    lines = against(read(LIST), rows, DAY, EN)
    assert [line.key for line in lines] == ["noord/night_shelter", "west/shelter_24h"]
    assert file_rows(lines, "now")[0] == {
        "as_of": "now", "location": "noord", "title": "Noord", "kind": "night_shelter", "agreed": 30, "there": 10,
        "usable": 10, "difference": -20,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("location,places\n", 1),
        (LIST + "west,castle,3,2026-01-01\n", 5),
        (LIST + "west,night_shelter,many,2026-01-01\n", 5),
        (LIST + "west,night_shelter,-1,2026-01-01\n", 5),
        (LIST + "west,night_shelter,3,soon\n", 5),
        (LIST + "west\n", 5),
        (LIST + "\n\nwest\n", 7),
    ],
)
def test_a_list_that_cannot_be_read_says_at_which_line(text: str, line: int) -> None:
    with pytest.raises(NotAgreed) as wrong:
        read(text)
    assert wrong.value.line == line


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_says_what_is_wrong_with_the_list(tmp_path: Path, language: str) -> None:
    file, spoken = tmp_path / "agreed.csv", words(language)
    assert _agreed(None, [], NOW, spoken) == ([], "")
    assert _agreed(file, [], NOW, spoken) == ([], spoken("agreed.unreadable"))
    file.write_text(LIST + "oops\n", "utf-8")
    assert _agreed(file, [], NOW, spoken) == ([], spoken("agreed.wrong", line=5))
    file.write_text(f'{LIST}"{"x" * 140_000}', "utf-8")  # a quotation mark nobody closes
    assert _agreed(file, [], NOW, spoken) == ([], spoken("agreed.wrong", line=5))
    file.write_bytes(b"\xff\xfe")
    assert _agreed(file, [], NOW, spoken) == ([], spoken("agreed.unreadable"))
    file.write_text(LIST, "utf-8-sig")  # as a spreadsheet saves it
    assert [line.agreed for line in _agreed(file, [row("west", "shelter_24h", 1)], NOW, spoken)[0]] == [60, 30]


def test_an_agreement_of_no_places_about_nothing_there_is_no_line() -> None:
    assert against([Agreement("west", "shelter_24h", 0, DAY)], [], DAY, EN) == []
