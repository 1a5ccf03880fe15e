"""Who went from one kind of place to another, as the municipality reads it: bands to scale, what is left out is said,
and a file has no more than the screen."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from starlette.requests import Request

from services.console.api_city import PAPER, table
from services.console.api_flows import MEASURES
from services.console.flows import COLUMNS, HIGHEST, Flows, file_rows, flows
from services.console.words import LANGUAGES, words
from services.placement.api_weeks import _shown
from services.placement.weeks import FLOWS, Count, flow_word, week_of_network
from shared.contracts.vocabulary import FLOW_ENDS
from tests.console.test_pages import Pages

EN = words("en")
WAYS = {("out", "night_shelter"): 24, ("night_shelter", "shelter_24h"): 12, ("out", "allowance"): 7,
        ("shelter_24h", "out"): 3, ("shelter_24h", "allowance"): 2}  # fmt: skip
"""Three and two who left the 24-hour shelter are few."""


def week(day: str = "2026-01-05", ways: dict[tuple[str, str], int] | None = WAYS) -> Any:
    """One week as the places service answers it. ways: None where no desk has told any."""
    told = [] if ways is None else [
        Count("west", FLOWS, flow_word(one, to), ways.get((one, to), 0))
        for one in FLOW_ENDS for to in FLOW_ENDS if one != to
    ]  # fmt: skip
    return _shown(week_of_network(date.fromisoformat(day), told, ["west"], 5), {}).model_dump(mode="json")


def answer(*items: Any, incomplete: Sequence[str] = ()) -> Any:
    return {"small_counts_below": 5, "items": list(items), "incomplete": list(incomplete)}


def cells(shown: Flows) -> dict[str, Sequence[str]]:
    return {line.key: line.cells for _, lines in shown.groups for line in lines}


@pytest.mark.parametrize("language", LANGUAGES)
def test_bands_are_those_ways_that_may_be_shown_and_the_rest_is_said_to_be_left_out(language: str) -> None:
    spoken = words(language)
    shown = flows(answer(week()), "", spoken)
    assert [band.number for band in shown.bands] == ["12", "24", "7"]
    assert shown.hidden == 2
    way = spoken("flows.way", n="12", one=spoken("kind.night_shelter"), to=spoken("kind.shelter_24h"))
    assert shown.about.startswith(way)
    assert cells(shown)["shelter_24h out"] == cells(shown)["shelter_24h allowance"] == [spoken("city.left_out")]
    assert cells(shown)["shelter_24h"] == ["5"], "so many that it is nobody's"
    assert cells(shown)["total"] == [shown.total] == ["48"]
    assert "medical_respite out" not in cells(shown), "nobody went there"


def test_a_band_is_as_thick_as_its_count_and_leads_from_post_to_post() -> None:
    shown = flows(answer(week()), "", EN)
    heights = {(post.x, post.name): post.height for post in shown.posts}
    out, night = (heights[MEASURES["left"], EN(word)] for word in ("flows.end.out", "kind.night_shelter"))
    assert out / night == pytest.approx(31 / 12, abs=0.01)
    assert sum(post.height for post in shown.posts if post.x == MEASURES["left"]) == pytest.approx(
        sum(post.height for post in shown.posts if post.x == MEASURES["right"]), abs=0.2
    )
    starts = [float(re.findall(r"M188 ([0-9.]+)C", band.path)[0]) for band in shown.bands]
    assert starts == sorted(starts)
    for post in shown.posts:
        assert 0 <= post.y < post.y + post.height <= shown.height


def test_many_households_are_drawn_to_a_smaller_scale_and_thin_bands_are_not_written_on() -> None:
    ways = {("out", "night_shelter"): 900, ("night_shelter", "out"): 6, ("night_shelter", "shelter_24h"): 300}
    shown = flows(answer(week(ways=ways)), "", EN)
    assert {band.number for band in shown.bands} == {"900", "300", ""}
    assert sum(post.height for post in shown.posts) == pytest.approx(2 * HIGHEST, abs=0.5)


def test_the_newest_week_of_which_something_was_told_is_drawn_unless_another_is_asked_for() -> None:
    some = answer(week("2026-01-19", None), week("2026-01-12", {("out", "allowance"): 9}), week())
    assert (flows(some, "", EN).week, flows(some, "2026-01-05", EN).week) == ("12 Jan 2026", "5 Jan 2026")
    assert flows(some, "a week", EN).week == "12 Jan 2026"
    assert [drawn for *_, drawn in flows(some, "2026-01-05", EN).weeks] == [False, False, True]
    assert cells(flows(some, "", EN))["out allowance"] == ["7", "9", EN("flows.untold")]


def test_where_nothing_may_be_shown_there_is_nothing_to_draw() -> None:
    for ways in (None, {}, {("out", "allowance"): 4}):
        shown = flows(answer(week(ways=ways)), "", EN)
        assert (shown.bands, shown.posts, shown.about) == ([], [], EN("flows.nothing"))
    assert cells(flows(answer(week(ways={("out", "allowance"): 4})), "", EN))["total"] == [EN("city.left_out")]


def test_a_file_has_every_way_and_nothing_where_one_is_left_out_or_was_not_told() -> None:
    made = table(COLUMNS, file_rows(answer(week("2026-01-12", None), week()), "2026-01-19T10:00:00+00:00")).decode()
    rows = {(row["week"], row["came_from"], row["went_to"]): row for row in csv.DictReader(io.StringIO(made))}
    assert rows["2026-01-05", "night_shelter", "shelter_24h"] == {
        "week": "2026-01-05", "came_from": "night_shelter", "went_to": "shelter_24h", "households": "12",
        "as_of": "2026-01-19T10:00:00+00:00", "missing": "west",
    }  # fmt: skip
    assert rows["2026-01-05", "shelter_24h", "out"]["households"] == ""
    assert rows["2026-01-05", "", ""]["households"] == "48"
    assert len(rows) == 1 + len(FLOW_ENDS) * len(FLOW_ENDS)


def test_a_picture_that_is_taken_away_has_its_moment_its_source_and_what_is_left_out_in_it(tmp_path: Path) -> None:
    pages = Pages(tmp_path)
    shown = flows(answer(week(), incomplete=["noord/intake"]), "", EN)
    facts: dict[str, Any] = {"flows": shown, "now": "Mon 12 Jan 2026", "paper": PAPER}
    asked = Request({"type": "http", "path": "/", "query_string": b"", "headers": [(b"accept-language", b"en")]})
    drawn = ET.fromstring(bytes(pages.screens.page(asked, "flows_chart.html", **facts, **MEASURES).body))
    svg = "{http://www.w3.org/2000/svg}"
    said = " ".join(text.text or "" for text in drawn.iter(f"{svg}text"))
    for words_ in ("Mon 12 Jan 2026", EN("flows.source_short"), EN("flows.hidden", n=2), "Noord incomplete",
                   EN("flows.drawn_total", n="48"), "24", "West"):  # fmt: skip
        assert words_ in said
    assert shown.about in ET.tostring(drawn, encoding="unicode")
    lowest = max(float(text.get("y", 0)) for text in drawn.iter(f"{svg}text"))
    assert lowest < float(drawn.get("height", 0)) - 30
    assert {band.get("fill") for band in drawn.iter(f"{svg}path")} == {PAPER["bar"]}


def test_the_screen_shows_the_bands_with_a_text_and_the_table_or_says_that_nobody_answers(tmp_path: Path) -> None:
    pages = Pages(tmp_path)
    asked = Request({
        "type": "http", "path": "/city/flows", "query_string": b"", "headers": [(b"accept-language", b"en")],
    })  # fmt: skip
    common: dict[str, Any] = {"below": 5, "parquet": False, "role": "coordinator", "now": "now", **MEASURES}
    for ways, there in ((WAYS, True), ({}, False)):
        shown = flows(answer(week(ways=ways)), "", EN)
        page = bytes(pages.screens.page(asked, "flows.html", flows=shown, picked="2026-01-05", **common).body).decode()
        assert ("flows-chart" in page, "flows.svg?week=2026-01-05" in page) == (there, there)
        assert (EN("flows.nothing") in page) is not there
        assert 'id="flows"' in page
        assert "Counts of households from 1 to under 5 are left out" in page
    assert "no-answer" in bytes(pages.screens.page(asked, "flows.html", flows=None, **common).body).decode()
