"""The city by district, kind and week: bounds are kept, moments understood, small counts left out."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import polars
import pytest

from services.console.api_city import PAPER, parquet, table
from services.console.city import COLUMNS, COLUMNS_CSV, WHOLE, City, city, moment_asked
from services.console.words import words
from services.placement.api_models import CapacityRowView
from services.placement.columns import CAPACITY
from shared.contracts.vocabulary import KINDS, OVERNIGHT_LICENCE, PARTNER_GROUPS
from tests.console.test_contrast import TEXT, contrast

NOW = datetime(2026, 1, 10, 20, 0, tzinfo=UTC)
EN, NL = words("en"), words("nl")


def row(site: str = "west", **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "site": site, "location": site, "title": site.title(), "district": site.title(), "kind": "shelter_24h",
        "total": 60, "occupied": 40, "held": 5, "blocked": 3, "overflow": 0, "people": 40,
        "observed_at": NOW.isoformat(), "freshness": "fresh", "link": "live", "silent_seconds": None,
        "incomplete": None,
    } | more  # fmt: skip
    free = made["total"] + made["overflow"] - made["occupied"] - made["held"] - made["blocked"]
    sure = made["link"] in ("live", "late") and made["incomplete"] is None
    made["available"] = free
    made["available_min"] = free if sure else 0
    made["available_max"] = free if sure else made["total"] + made["overflow"] - made["blocked"]
    return made


def answer(*rows: dict[str, Any]) -> dict[str, Any]:
    beds = [one for one in rows if one["kind"] != "allowance"]
    names = ("total", "occupied", "held", "blocked", "overflow", "available", "available_min", "available_max")
    return {"as_of": NOW.isoformat(), "rows": list(rows),
            "totals": {name: sum(one[name] for one in beds) for name in names}}  # fmt: skip


def seen(*rows: dict[str, Any], at: datetime | None = None, district: str = "", language: str = "en") -> City:
    return city(answer(*rows), "stad", at, NOW, district, words(language))


def test_a_district_is_the_sum_of_its_houses_with_the_bounds_of_a_silent_site() -> None:
    shown = seen(row(), row("oost", district="West", link="silent", silent_seconds=1400), row("noord"))
    noord, west = shown.districts
    assert (noord.free, noord.level, noord.certain) == ("12 free", "room", True)
    assert (west.free, west.level, west.doubt) == ("12 to 69 free", "unsure", "Oost silent")
    assert west.counts["total"] == "120"


@pytest.mark.parametrize(
    ("how", "level"),
    [({}, "room"), ({"occupied": 48, "held": 5}, "little"), ({"occupied": 52, "held": 5}, "full"),
     ({"link": "late"}, "room"), ({"incomplete": "contract-invalid"}, "unsure"), ({"total": 0, "occupied": 0, "held": 0,
      "blocked": 0}, "full")],
)  # fmt: skip
def test_a_tile_says_how_much_room_there_is_in_a_word(how: dict[str, Any], level: str) -> None:
    [district] = seen(row(**how)).districts
    assert district.level == level
    assert EN(f"city.level.{level}") in seen(row(**how)).tiles[0].about


def test_districts_lie_where_they_are_and_unknown_ones_in_rows_below() -> None:
    names = ("noord", "west", "zuidoost", *(f"wijk {n}" for n in range(7)))
    shown = seen(*(row(name) for name in names))
    spots = {tile.name: (tile.x, tile.y) for tile in shown.tiles}
    assert spots["Noord"][1] < spots["West"][1] < spots["Zuidoost"][1]
    assert spots["West"][0] < spots["Noord"][0]
    others = [spots[f"Wijk {n}"] for n in range(7)]
    assert min(y for _, y in others) > spots["Zuidoost"][1]
    assert len(set(spots.values())) == len(names)
    assert len({y for _, y in others}) == -(-7 // COLUMNS)
    assert shown.height > max(y for _, y in others)


def test_a_location_without_a_district_stands_under_its_site_and_a_long_name_is_cut_on_the_map_only() -> None:
    long = "Buurt-aan-het-water-achter-het-station"
    shown = seen(row("west", district=""), row("oost", district=long))
    assert [district.name for district in shown.districts] == [long, "West"]
    assert shown.tiles[0].name.endswith("…")
    assert shown.tiles[0].about.startswith(long)


def test_seats_are_a_kind_and_in_no_district() -> None:
    shown = seen(row(), row("stad", kind="allowance", district="", total=100, occupied=1, held=0, blocked=0))
    assert [kind.name for kind in shown.kinds] == ["Allowance", "24-hour shelter"]
    assert [district.name for district in shown.districts] == ["West"]
    assert shown.seen.free == "12"


def test_the_houses_of_a_district_are_listed_when_it_is_asked_for() -> None:
    shown = seen(row(), row("noord"), district="Noord")
    assert [line.title for line in shown.lines] == ["Noord"]
    assert seen(row(), district="Elders").lines == []


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-09T22:00", datetime(2026, 1, 9, 21, 0, tzinfo=UTC)),
        ("2025-07-01T22:00", datetime(2025, 7, 1, 20, 0, tzinfo=UTC)),
        ("2026-01-09T22:00:00+00:00", datetime(2026, 1, 9, 22, 0, tzinfo=UTC)),
        ("2026-01-10T21:00:01", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("", None),
        ("last tuesday", None),
    ],
)
def test_a_moment_is_a_time_on_the_clocks_of_the_city_that_has_been(text: str, moment: datetime | None) -> None:
    assert moment_asked(text, NOW) == moment


def test_the_slider_stands_where_the_moment_is_and_nowhere_when_it_is_further_back() -> None:
    back = [seen(row(), at=at).back for at in (None, NOW - timedelta(hours=30), NOW - timedelta(days=9))]
    assert back == [0, 30, None]
    assert seen(row(), at=NOW - timedelta(hours=1)).at == "2026-01-10T20:00"


def test_what_is_full_is_named_house_by_house_and_what_may_have_room_or_has_no_places_is_not() -> None:
    full = {"occupied": 52, "held": 5}
    shown = seen(
        row("west", **full), row("noord"), row("oost", link="silent", **full),
        row("zuid", total=0, occupied=0, held=0, blocked=0), row("stad", kind="allowance", **full),
        row("centrum", kind="night_shelter", overflow=1, occupied=58, held=0),
    )  # fmt: skip
    assert shown.full == ["Centrum · Night shelter", "West · 24-hour shelter"]
    assert shown.doubt == "Oost silent"


def test_a_site_that_is_not_certain_is_named_once_however_many_districts_it_has() -> None:
    shown = seen(row("west", district="Zuid", link="late"), row("west", district="West", link="late"), row("noord"))
    assert (shown.doubt, [one.doubt for one in shown.districts]) == ("West late", ["", "West late", "West late"])


def test_the_map_is_as_wide_as_its_districts() -> None:
    assert seen(row("zuidoost")).width > seen(row("noord")).width > seen(row("west", district="Nieuw-West")).width > 0


def test_the_columns_are_those_of_the_export() -> None:
    assert set(COLUMNS_CSV) == set(CAPACITY)
    assert set(COLUMNS_CSV) == {"as_of", *CapacityRowView.model_fields}


def test_a_file_keeps_every_text_as_a_text() -> None:
    rows = [row(title='=HYPERLINK("x")', district='a,b\n"c"') | {"as_of": "t"}]
    [read] = csv.DictReader(io.StringIO(table(COLUMNS_CSV, rows).decode(), newline=""))
    assert read["title"] == '\'=HYPERLINK("x")'
    assert read["district"] == 'a,b\n"c"'
    assert (read["available"], read["silent_seconds"]) == ("12", "")


def test_a_parquet_file_has_the_same_with_numbers_as_numbers() -> None:
    rows = [row() | {"as_of": "t"}, row("noord", link="silent", silent_seconds=90, observed_at=None) | {"as_of": "t"}]
    read = polars.read_parquet(io.BytesIO(parquet(COLUMNS_CSV, rows)))
    assert read.columns == list(COLUMNS_CSV)
    assert read["available"].to_list() == [12, 12]
    assert read["silent_seconds"].to_list() == [None, 90]
    assert {name: of is int for name, of in CAPACITY.items()} == {name: name in WHOLE for name in CAPACITY}


def test_figures_of_public_reports_say_whose_they_are() -> None:
    assert seen(row(), row("noord", location="loc-12")).licence == OVERNIGHT_LICENCE
    assert seen(row()).licence == ""


def test_every_kind_and_group_can_be_said_and_the_map_on_paper_can_be_read() -> None:
    for spoken in (EN, NL):
        assert set(KINDS) <= spoken.part("kind").keys()
        assert spoken.part("city.group").keys() == set(PARTNER_GROUPS)
        assert spoken.part("city.doubt").keys() == {"late", "silent", "unknown", "incomplete", "discarded"}
    for level in ("room", "little", "full", "unsure"):
        assert contrast(PAPER["ink"], PAPER[level]) >= TEXT
