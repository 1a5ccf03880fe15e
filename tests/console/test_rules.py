"""How a house is kept, as its sheet shows it: how it is now, the other way, and back again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from services.console.board import RULE_ROLES
from services.console.rules import USUAL, rules_sheet
from services.console.sheet import Form
from services.console.words import LANGUAGES, words
from services.placement.api import OPENERS
from tests.console.test_pages import Pages

EN = words("en")
HOURS = {"in_from": "17:00:00", "in_until": "21:30:00", "out_by": "09:00:00"}
PLACES = [{"kind": "night_shelter", "status": "free"}, {"kind": "shelter_24h", "status": "occupied"},
          {"kind": "family_shelter", "status": "closed"}]  # fmt: skip


def forms(hours: dict[str, str] | None = None, cleaned: tuple[str, ...] = (), language: str = "en") -> dict[str, Form]:
    location: dict[str, Any] = {"id": "west", "hours": hours, "cleaned": list(cleaned)}
    return {form.name: form for form in rules_sheet(location, PLACES, words(language)).forms}


def test_whoever_the_places_service_lets_say_it_has_the_sheet() -> None:
    assert set(OPENERS) == RULE_ROLES


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_house_without_hours_is_offered_the_usual_ones_and_goes_back_to_none(language: str) -> None:
    shown = forms(language=language)
    assert list(shown) == ["hours", "cleaning-shelter_24h", "cleaning-night_shelter"], "a kind that is gone has no rule"
    hours = shown["hours"]
    assert words(language)("rules.hours_none") in hours.help
    assert {name: value for name, _, value in hours.times} == USUAL
    assert (hours.path, hours.undo) == ("/api/placement/locations/west/hours",) * 2
    assert hours.undo_body == dict.fromkeys(USUAL), "taken back, it has none again"


def test_a_house_with_hours_shows_them_and_can_do_without_and_both_can_be_taken_back() -> None:
    shown = forms(HOURS)
    before = {"in_from": "17:00", "in_until": "21:30", "out_by": "09:00"}
    assert {name: value for name, _, value in shown["hours"].times} == before
    assert "in 17:00 to 21:30, out by 09:00" in shown["hours"].help
    assert shown["no_hours"].body == dict.fromkeys(USUAL)
    assert shown["hours"].undo_body == shown["no_hours"].undo_body == before


def test_cleaning_is_turned_round_and_back_for_each_kind_that_is_there() -> None:
    shown = forms(cleaned=("shelter_24h",))
    there, not_there = shown["cleaning-shelter_24h"], shown["cleaning-night_shelter"]
    assert (there.body, there.undo_body) == (
        {"kind": "shelter_24h", "cleaned": False}, {"kind": "shelter_24h", "cleaned": True},
    )  # fmt: skip
    assert (not_there.body["cleaned"], not_there.help) == (True, EN("rules.not_cleaned"))
    assert there.path == there.undo == "/api/placement/locations/west/cleaning"


def test_a_house_without_a_night_shelter_has_no_hours_to_say() -> None:
    location: dict[str, Any] = {"id": "west", "hours": None, "cleaned": []}
    assert [form.name for form in rules_sheet(location, PLACES[1:], EN).forms] == ["cleaning-shelter_24h"]


def test_the_sheet_has_a_field_of_a_time_for_each_and_what_takes_it_back(tmp_path: Path) -> None:
    asked = Request({"type": "http", "path": "/rules", "query_string": b"", "headers": [(b"accept-language", b"en")]})
    location: dict[str, Any] = {"id": "west", "hours": HOURS, "cleaned": []}
    sheet = rules_sheet(location, PLACES, EN)
    page = bytes(Pages(tmp_path).screens.page(asked, "sheet.html", sheet=sheet, answered=True).body).decode()
    assert page.count('type="time"') == 3
    assert 'name="out_by" value="09:00" required' in page
    assert "data-undo-body=" in page
    assert "&#34;in_from&#34;: &#34;17:00&#34;" in page
