"""Reading the public overnight reports: what is kept, what is not, and why."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime

import msgspec
import pytest

from services.placement.nights import by_night, open_location, published_row, record_night
from services.placement.overnight import COLUMNS, DESCRIBED, SERVICE_USERS, Night, RowProblem, read_nights
from tests.placement.sample import AT

ROW = {
    "OCCUPANCY_DATE": "2021-01-01",
    "SHELTER_ID": "40",
    "SHELTER_GROUP": "Reception Centre",
    "LOCATION_ID": "1103",
    "LOCATION_NAME": "North York West",
    "LOCATION_CITY": "North York ",
    "PROGRAM_ID": "15371",
    "PROGRAM_NAME": "North York West - Men",
    "SECTOR": "Men",
    "OVERNIGHT_SERVICE_TYPE": "Shelter",
    "CAPACITY_TYPE": "Bed Based Capacity",
    "CAPACITY_ACTUAL_BED": "29",
    "CAPACITY_FUNDING_BED": "58",
    "OCCUPIED_BEDS": "26",
    "UNOCCUPIED_BEDS": "3",
    "UNAVAILABLE_BEDS": "29",
}
ROOM = {
    "CAPACITY_TYPE": "Room Based Capacity",
    "CAPACITY_ACTUAL_ROOM": "10",
    "OCCUPIED_ROOMS": "7",
    "UNOCCUPIED_ROOMS": "3",
    "UNAVAILABLE_ROOMS": "1",
}


def read(*changes: dict[str, str], columns: tuple[str, ...] = ("_id", *COLUMNS)) -> list[Night | RowProblem]:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", extrasaction="ignore")
    writer.writeheader()
    writer.writerows({**ROW, **change} for change in changes)
    return list(read_nights(io.StringIO(text.getvalue())))


def only(**change: str) -> Night:
    (night,) = read(change)
    assert isinstance(night, Night), night
    return night


def problem(**change: str) -> tuple[str, str]:
    (row,) = read(change)
    assert isinstance(row, RowProblem), row
    assert row.line == 2
    return row.code, row.detail


def test_a_row_is_a_night() -> None:
    assert only() == Night(
        line=2,
        location="loc-1103",
        title="North York West",
        district="North York",
        programme="15371",
        kind="shelter_24h",
        features=("men_only",),
        sleeps=1,
        own_rooms=False,
        night=date(2021, 1, 1),
        total=58,
        blocked=29,
        occupied=26,
        available=3,
        overflow=0,
        funded=58,
        unavailable=29,
        words=tuple(ROW.get(name, "") for name in DESCRIBED),
    )
    assert only().observed_at == datetime(2021, 1, 2, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("sector", "service", "room", "kind", "features", "sleeps"),
    [
        ("Women", "Shelter", False, "shelter_24h", ("women_only",), 1),
        ("Mixed Adult", "Motel/Hotel Shelter", True, "shelter_24h", ("private",), 2),
        ("Men", "Interim Housing", True, "shelter_24h", ("men_only", "private"), 2),
        ("Families", "Motel/Hotel Shelter", True, "family_shelter", (), 4),
        ("Families", "Shelter", False, "shelter_24h", (), 1),
        ("Mixed Adult", "24-Hour Respite Site", False, "night_shelter", (), 1),
        ("Women", "24-Hour Women's Drop-in", False, "night_shelter", ("women_only",), 1),
        ("Mixed Adult", "Warming Centre", False, "night_shelter", (), 1),
        ("Men", "Alternative Space Protocol", False, "night_shelter", ("men_only",), 1),
        ("Mixed Adult", "Isolation/Recovery Site", True, "medical_respite", ("private",), 2),
        ("Youth", "Shelter", False, "shelter_24h", (), 1),
    ],
)
def test_words_of_the_report_become_ours(
    sector: str, service: str, room: bool, kind: str, features: tuple[str, ...], sleeps: int
) -> None:
    night = only(SECTOR=sector, OVERNIGHT_SERVICE_TYPE=service, **(ROOM if room else {}))
    assert (night.kind, night.features, night.sleeps, night.own_rooms) == (kind, features, sleeps, room)


def test_rooms_are_counted_in_rooms() -> None:
    night = only(**ROOM)
    assert (night.total, night.blocked, night.occupied, night.available, night.funded) == (11, 1, 7, 3, None)


def test_more_occupied_than_actual_is_kept_as_overflow_and_remarked() -> None:
    night = only(OCCUPIED_BEDS="31", UNOCCUPIED_BEDS="-2")
    assert (night.occupied, night.overflow, night.available) == (31, 2, 0)
    assert night.remarks == ("more-occupied-than-actual",)


def test_without_a_location_id_the_shelter_stands_in_and_that_is_remarked() -> None:
    night = only(LOCATION_ID="", LOCATION_NAME="")
    assert (night.location, night.title) == ("shelter-40", "Reception Centre")
    assert night.remarks == ("location-id-missing",)


def test_without_a_service_type_it_is_a_shelter_and_that_is_remarked() -> None:
    night = only(OVERNIGHT_SERVICE_TYPE="")
    assert (night.kind, night.remarks) == ("shelter_24h", ("service-type-missing",))


@pytest.mark.parametrize(
    ("published", "kept", "remark"), [("", None, "unavailable-missing"), ("-1", -1, "unavailable-negative")]
)
def test_unavailable_places_that_are_no_count_block_none_and_are_kept_as_published(
    published: str, kept: int | None, remark: str
) -> None:
    night = only(UNAVAILABLE_BEDS=published)
    assert (night.total, night.blocked, night.occupied, night.available) == (29, 0, 26, 3)
    assert (night.unavailable, night.remarks) == (kept, (remark,))


def test_a_row_comes_back_as_it_was() -> None:
    changes = (
        {SERVICE_USERS: "74"},
        ROOM | {"OCCUPIED_BEDS": ""},
        {"UNAVAILABLE_BEDS": ""},
        {"PROGRAM_NAME": " a, b "},
    )
    for change in changes:
        row = ROW | change
        (night,) = read(change, columns=(SERVICE_USERS, *COLUMNS))
        assert isinstance(night, Night), night
        kept = msgspec.to_builtins(night)
        back = published_row(kept)
        assert back is not None
        given = {name: row.get(name, "") for name in (SERVICE_USERS, *COLUMNS)}
        if "ROOM" in str(change):
            given |= {name: "" for name in COLUMNS if "BED" in name}
        assert {name: back[name] for name in given} == given
        assert published_row(kept | {"words": []}) is None


def test_a_night_that_comes_after_a_later_one_is_not_adopted() -> None:
    days = [{"OCCUPANCY_DATE": f"2021-01-0{day}"} for day in (2, 1, 3)]
    first, last = by_night(read(*days))
    assert [(row.code, row.night) for row in first.problems] == [("night-out-of-order", date(2021, 1, 1))]
    assert ([*first.vanished], last.night) == ([], date(2021, 1, 3))


def test_nobody_has_vanished_in_a_night_that_a_torn_file_cuts_short() -> None:
    other = {"PROGRAM_ID": "2"}
    days = [{"OCCUPANCY_DATE": f"2021-01-0{day}"} for day in (1, 2, 3)]
    rows = read(days[0], days[0] | other, days[1], days[2])
    torn, last = list(by_night([*rows[:3], RowProblem(5, "file-torn"), rows[3]]))[1:]
    assert (torn.night, [*torn.vanished]) == (date(2021, 1, 2), [])
    assert [gone.programme for gone in last.vanished] == ["2"]


@pytest.mark.parametrize(
    ("change", "code", "detail"),
    [
        ({"OCCUPANCY_DATE": "01/02/2021"}, "date-invalid", "OCCUPANCY_DATE"),
        ({"LOCATION_ID": "", "SHELTER_ID": ""}, "location-missing", "LOCATION_ID"),
        ({"LOCATION_ID": "11; drop"}, "location-missing", "LOCATION_ID"),
        ({"PROGRAM_ID": ""}, "programme-missing", "PROGRAM_ID"),
        ({"SECTOR": "Other"}, "sector-unknown", "SECTOR"),
        ({"OVERNIGHT_SERVICE_TYPE": "Tent"}, "service-type-unknown", "OVERNIGHT_SERVICE_TYPE"),
        ({"CAPACITY_TYPE": "Mats"}, "capacity-type-unknown", "CAPACITY_TYPE"),
        ({"OCCUPIED_BEDS": ""}, "figure-missing", "OCCUPIED_BEDS"),
        ({"OCCUPIED_BEDS": "many"}, "figure-invalid", "OCCUPIED_BEDS"),
        ({"OCCUPIED_BEDS": "1e3"}, "figure-invalid", "OCCUPIED_BEDS"),
        ({"OCCUPIED_BEDS": "\u0662"}, "figure-invalid", "OCCUPIED_BEDS"),
        ({"OCCUPIED_BEDS": "-1"}, "figure-negative", "OCCUPIED_BEDS"),
        ({"UNAVAILABLE_BEDS": "some"}, "figure-invalid", "UNAVAILABLE_BEDS"),
        ({"PROGRAM_NAME": "n" * 201}, "words-invalid", "PROGRAM_NAME"),
        ({"PROGRAM_NAME": "two\x07lines"}, "words-invalid", "PROGRAM_NAME"),
        ({"UNOCCUPIED_BEDS": "4"}, "figures-disagree", "UNOCCUPIED_BEDS"),
        ({"UNOCCUPIED_BEDS": "-4"}, "figures-disagree", "UNOCCUPIED_BEDS"),
    ],
)
def test_rows_that_cannot_be_adopted_are_reported(change: dict[str, str], code: str, detail: str) -> None:
    assert problem(**change) == (code, detail)


def test_one_programme_has_one_row_a_night() -> None:
    first, second, third = read({}, {"OCCUPIED_BEDS": "25", "UNOCCUPIED_BEDS": "4"}, {"OCCUPANCY_DATE": "2021-01-02"})
    assert isinstance(first, Night)
    assert isinstance(third, Night)
    assert second == RowProblem(3, "row-repeated", "", date(2021, 1, 1), "loc-1103", "15371")


def test_a_wrong_header_ends_the_reading() -> None:
    columns = tuple(name for name in COLUMNS if name not in ("SECTOR", "PROGRAM_ID"))
    assert read({}, {}, columns=columns) == [RowProblem(1, "header-wrong", "PROGRAM_ID, SECTOR")]
    assert [row.code for row in read_nights([]) if isinstance(row, RowProblem)] == ["header-wrong"]


def test_columns_may_come_in_any_order_after_a_byte_order_mark() -> None:
    lines = [",".join(reversed(COLUMNS)), ",".join(ROW.get(name, "") for name in reversed(COLUMNS))]
    (night,) = read_nights(["\ufeff" + lines[0], lines[1]])
    assert night == only()


def test_torn_and_unreadable_rows_do_not_stop_the_rest() -> None:
    whole = ",".join(ROW.get(name, "") for name in COLUMNS)
    torn = '2021-01-01,40,"' + "x" * 200_000 + '"'
    rows = list(read_nights([",".join(COLUMNS), "2021-01-01,40", torn, "", whole]))
    assert [row.code if isinstance(row, RowProblem) else row.location for row in rows] == [
        "row-short",
        "row-unreadable",
        "loc-1103",
    ]


def test_a_programme_that_nobody_reports_has_vanished_until_it_returns() -> None:
    other = {"PROGRAM_ID": "2"}
    days = [{"OCCUPANCY_DATE": f"2021-01-0{day}"} for day in (1, 2, 3, 4)]
    rows = read(days[0], days[0] | other, days[1], days[2], days[3], days[3] | other)
    nights = list(by_night(rows))
    assert [[gone.programme for gone in tonight.vanished] for tonight in nights] == [[], ["2"], [], []]
    assert [len(tonight.reported) for tonight in nights] == [2, 1, 1, 2]
    gone = nights[1].vanished[0]
    assert (gone.total, gone.occupied, gone.night, gone.remarks) == (0, 0, date(2021, 1, 2), ("vanished",))


def test_a_programme_whose_row_is_unusable_has_not_vanished() -> None:
    rows = read({}, {"OCCUPANCY_DATE": "2021-01-02", "OCCUPIED_BEDS": ""})
    last = list(by_night(rows))[-1]
    assert [row.code for row in last.problems] == ["figure-missing"]
    assert last.vanished == []


def test_problems_without_a_date_stay_with_the_night_they_came_in() -> None:
    nights = list(by_night(read({}, {"OCCUPANCY_DATE": "soon"}, {"PROGRAM_ID": "2"})))
    assert [(len(tonight.reported), len(tonight.problems)) for tonight in nights] == [(2, 1)]
    (empty,) = by_night(read_nights([]))
    assert (empty.night, len(empty.problems)) == (None, 1)


def test_a_night_becomes_commands() -> None:
    night = only()
    opening = open_location(night, "west", AT, "system")
    assert (opening.location, opening.title, opening.district, opening.site) == (
        "loc-1103",
        "North York West",
        "North York",
        "west",
    )
    recording = record_night(night, AT, "system")
    assert (recording.total, recording.blocked, recording.occupied, recording.overflow) == (58, 29, 26, 0)
    assert recording.observed_at == night.observed_at
    assert (recording.funded, recording.unavailable, recording.words) == (58, 29, night.words)
