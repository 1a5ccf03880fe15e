"""The weeks as the municipality reads them: what is left out is said so, what lies between has bounds, and a file has
no more than the screen."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from starlette.requests import Request

from services.console.api_city import PAPER, table
from services.console.api_weeks import MEASURES
from services.console.pressure import HIGH, pressure
from services.console.weeks import CHART_HEIGHT, COLUMNS, UNMET_PARTS, file_rows, weeks
from services.console.words import LANGUAGES, words
from services.placement.api_weeks import _shown
from services.placement.weeks import Count, sessions_of_network, week_of_network
from shared.contracts.vocabulary import OUTCOME_KINDS, PARTNER_GROUPS, SESSION_KINDS
from tests.console.test_contrast import TEXT, contrast
from tests.console.test_pages import Pages

EN = words("en")
NO_SESSIONS = {
    "sessions": 0, "full": 0, "counted": 0, "booked": 0, "attended": 0,
    "wait_days_least": None, "wait_days_most": None, "without_seat": 0,
}  # fmt: skip


def week(day: str = "2026-01-05", **more: Any) -> dict[str, Any]:
    groups: dict[str, Any] = {group: {"least": None, "most": None} for group in PARTNER_GROUPS}
    groups |= {"legal": {"least": 6, "most": 9}, "care": {"least": 12, "most": 12}}
    unmet = {part: dict.fromkeys(list_, 0) for part, list_ in UNMET_PARTS.items()}
    unmet["kinds"]["family_shelter"], unmet["districts"]["Noord"] = 14, 14
    return {
        "week": day, "registrations": None, "ended": 31, "share": 0.419, "perspective": 13,
        "outcomes": {"legal_stay": 13, "left": 18}, "referrals": groups, "unmet": {"total": 14} | unmet,
        "sessions": dict.fromkeys(SESSION_KINDS, NO_SESSIONS) | {
            "consultation": {"sessions": 3, "full": 2, "counted": 2, "booked": 20, "attended": 12,
                             "wait_days_least": 4, "wait_days_most": 11, "without_seat": 1},
        },
        "missing": ["west"],
    } | more  # fmt: skip


def answer(*items: dict[str, Any], incomplete: Sequence[str] = ()) -> dict[str, Any]:
    return {"small_counts_below": 5, "share_reported": 0.4, "items": list(items), "incomplete": list(incomplete)}


def test_a_site_that_is_not_heard_in_full_is_named_once() -> None:
    shown = weeks(answer(week(), incomplete=["west/intake", "noord/intake", "noord/placement"]), EN)
    assert (shown.doubt, weeks(answer(week()), EN).doubt) == ("Noord incomplete, West incomplete", "")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_week_says_what_is_left_out_and_what_lies_between(language: str) -> None:
    spoken = words(language)
    shown = weeks(answer(week()), spoken)
    cells = {line.key: line.cells[0] for line in (*shown.desks, *shown.outcomes)}
    assert cells["registrations"] == spoken("city.left_out")
    assert (cells["legal"], cells["care"]) == (spoken("summary.free_range", low=6, high=9), "12")
    assert {cells[group] for group in PARTNER_GROUPS[2:] if group != "care"} == {spoken("city.left_out")}
    assert (cells["ended"], cells["share"], cells["legal_stay"]) == ("31", "42%", "13")
    assert cells["lost_contact"] == spoken("city.left_out")
    assert [desks for _, desks in shown.missing] == ["West"]


def test_a_share_is_as_high_as_it_is_beside_the_one_that_is_reported_and_none_is_no_bar() -> None:
    shown = weeks(answer(week(share=None), week("2025-12-29", ended=0, share=None), week("2025-12-22", share=0.5)), EN)
    half, none, hidden = shown.bars  # the oldest first
    assert (half.height, half.words) == (CHART_HEIGHT // 2, "50%")
    assert (none.height, none.words) == (0, EN("weeks.none_ended"))
    assert (hidden.height, hidden.words) == (0, EN("city.left_out"))
    assert half.y < shown.goal < none.y
    assert shown.goal == CHART_HEIGHT - 0.4 * CHART_HEIGHT
    assert shown.reported == "40%"


def test_unmet_need_is_listed_by_what_was_looked_for_and_where_there_was_none_it_has_no_line() -> None:
    shown = weeks(answer(week(), week("2025-12-29", unmet=_nothing_shown())), EN)
    total, *parts = shown.unmet
    assert total[1][0].cells == [EN("city.left_out"), "14"]
    assert {line.key for _, lines in parts for line in lines} >= {"kinds family_shelter", "districts Noord"}
    only = weeks(answer(week()), EN).unmet
    assert [(name, [line.name for line in lines]) for name, lines in only[1:]] == [
        (EN("weeks.unmet.kinds"), ["Family shelter"]), (EN("weeks.unmet.districts"), ["Noord"]),
    ]  # fmt: skip


def test_who_came_stands_beside_who_had_a_seat_and_a_kind_there_was_none_of_has_no_lines() -> None:
    few = NO_SESSIONS | {"sessions": 1, "counted": 1, "booked": None, "attended": None}
    shown = weeks(answer(week(), week("2025-12-29", sessions=dict.fromkeys(SESSION_KINDS, few))), EN)
    assert [name for name, _ in shown.sessions] == ["Day activity", "Consultation hour", "Internship"]
    [(name, lines)] = weeks(answer(week()), EN).sessions
    cells = {line.key: line.cells for line in lines}
    assert (name, cells["consultation booked"], cells["consultation attended"]) == ("Consultation hour", ["20"], ["12"])
    hidden = {line.key: line.cells[0] for line in shown.sessions[1][1]}
    assert hidden["consultation attended"] == hidden["consultation booked"] == EN("city.left_out")
    assert hidden["consultation counted"] == "1"


def test_what_was_full_and_how_long_one_waited_is_shown_by_week_and_kind() -> None:
    taken = NO_SESSIONS | {"without_seat": 2}
    shown = weeks(answer(week(), week("2025-12-29", sessions=dict.fromkeys(SESSION_KINDS, taken))), EN)
    cells = {line.key: line.cells for _, lines in shown.sessions for line in lines}  # the oldest first
    assert (cells["consultation full"], cells["consultation without_seat"]) == (["0", "2"], ["2", "1"])
    assert cells["consultation wait_days"] == [EN("weeks.no_seat"), EN("summary.free_range", low=4, high=11)]
    assert cells["internship wait_days"] == [EN("weeks.no_seat"), "–"]


def _nothing_shown() -> dict[str, Any]:
    return {"total": None, **{part: dict.fromkeys(list_) for part, list_ in UNMET_PARTS.items()}}


def test_a_file_has_every_count_and_nothing_where_one_is_left_out() -> None:
    made = table(COLUMNS, file_rows(answer(week(unmet=_nothing_shown())), "2026-01-12T10:00:00+00:00")).decode()
    rows = {(row["part"], row["word"]): row for row in csv.DictReader(io.StringIO(made))}
    assert rows["ended", ""] == {
        "week": "2026-01-05", "part": "ended", "word": "", "least": "31", "most": "31",
        "as_of": "2026-01-12T10:00:00+00:00", "missing": "west",
    }  # fmt: skip
    assert (rows["referrals", "legal"]["least"], rows["referrals", "legal"]["most"]) == ("6", "9")
    assert rows["registrations", ""]["least"] == rows["unmet", ""]["most"] == ""
    assert {row["least"] for (part, _), row in rows.items() if part.startswith("unmet")} == {""}
    assert len(rows) == 4 + len(OUTCOME_KINDS) + len(PARTNER_GROUPS) + sum(map(len, UNMET_PARTS.values())) + 21
    assert (rows["sessions_attended", "consultation"]["least"], rows["sessions_full", "consultation"]["most"]) == (
        "12",
        "2",
    )
    wait = rows["sessions_wait_days", "consultation"]
    assert (wait["least"], wait["most"], rows["sessions_wait_days", "internship"]["most"]) == ("4", "11", "")


def test_the_screen_reads_the_weeks_as_the_places_service_makes_them() -> None:
    told = [Count("west", "outcomes", "legal_stay", 7), Count("west", "outcomes", "left", 2)]
    made = week_of_network(date(2026, 1, 5), told, ["west"], 5)
    shown = weeks(answer(_shown(made, sessions_of_network([], 5)).model_dump(mode="json")), EN)
    cells = {line.key: line.cells[0] for line in shown.outcomes}
    assert cells["left"] == EN("city.left_out")  # with whatever would give the two away
    assert cells["ended"] == EN("city.left_out") or cells["legal_stay"] == EN("city.left_out")


def test_a_picture_that_is_taken_away_has_its_colours_its_moment_and_its_source_in_it(tmp_path: Path) -> None:
    pages = Pages(tmp_path)
    shown = weeks(answer(week(), incomplete=["noord/intake"]), EN)
    facts: dict[str, Any] = {"weeks": shown, "now": "Mon 12 Jan 2026", "paper": PAPER}
    asked = Request({"type": "http", "path": "/", "query_string": b"", "headers": [(b"accept-language", b"en")]})
    drawn = ET.fromstring(bytes(pages.screens.page(asked, "weeks_chart.html", **facts, **MEASURES).body))
    said = " ".join(text.text or "" for text in drawn.iter("{http://www.w3.org/2000/svg}text"))
    assert "42%" in said
    assert "Mon 12 Jan 2026" in said
    assert EN("weeks.source_short") in said
    assert EN("weeks.missing", week=shown.weeks[0], desks="West") in said  # a share without a desk is not the city's
    assert "Noord incomplete" in said
    lowest = max(int(text.get("y", 0)) for text in drawn.iter("{http://www.w3.org/2000/svg}text"))
    assert drawn.get("width")
    assert lowest < int(drawn.get("height", 0)) - 24
    [bar] = drawn.iter("{http://www.w3.org/2000/svg}rect")
    assert bar.get("fill") == PAPER["bar"]
    assert contrast(PAPER["ink"], "#ffffff") >= TEXT


def test_full_sessions_and_days_are_a_picture_with_its_source_and_its_moment_in_it(tmp_path: Path) -> None:
    taken = dict.fromkeys(SESSION_KINDS, NO_SESSIONS) | {"consultation": NO_SESSIONS | {"without_seat": 1}}
    told = answer(week(), week("2025-12-29", sessions=taken), incomplete=["noord/placement"])
    drawn = pressure(told, EN)
    [band] = drawn.bands
    older, newer = band.bars
    assert (older.height, older.full, older.wait) == (0, EN("weeks.none_over"), EN("weeks.no_seat_short"))
    assert (newer.height, newer.full, newer.wait) == (2 * HIGH // 3, "2 of 3", "4 to 11 d")
    facts: dict[str, Any] = {"weeks": weeks(told, EN), "pressure": drawn, "now": "Mon 12 Jan 2026", "paper": PAPER}
    asked = Request({"type": "http", "path": "/", "query_string": b"", "headers": [(b"accept-language", b"en")]})
    page = Pages(tmp_path).screens.page(asked, "sessions_chart.html", **facts, **MEASURES)
    picture = ET.fromstring(bytes(page.body))
    texts = list(picture.iter("{http://www.w3.org/2000/svg}text"))
    said = " ".join(text.text or "" for text in texts)
    for words_ in ("Consultation hour", "2 of 3", "4 to 11 d", "Mon 12 Jan 2026", EN("weeks.sessions_source_short"),
                   "Noord incomplete"):  # fmt: skip
        assert words_ in said
    assert max(int(text.get("y", 0)) for text in texts) < int(picture.get("height", 0))
    [bar] = picture.iter("{http://www.w3.org/2000/svg}rect")
    assert bar.get("fill") == PAPER["bar"]


def test_the_screen_says_which_site_was_not_heard_in_full(tmp_path: Path) -> None:
    pages = Pages(tmp_path)
    asked = Request({
        "type": "http", "path": "/city/weeks", "query_string": b"", "headers": [(b"accept-language", b"en")],
    })  # fmt: skip
    for incomplete in ([], ["noord/intake"]):
        facts: dict[str, Any] = {
            "weeks": weeks(answer(week(), incomplete=incomplete), EN), "now": "now", "below": 5, "parquet": False,
            "waited": None, "pressure": pressure(answer(week()), EN),
            "role": "coordinator", **MEASURES,
        }  # fmt: skip
        shown = bytes(pages.screens.page(asked, "weeks.html", **facts).body).decode()
        assert ("Not certain: Noord incomplete." in shown) == bool(incomplete)
