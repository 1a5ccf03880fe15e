"""Reads the public overnight-occupancy reports: rows in, nights out.

They are the City of Toronto's, under the Open Government Licence - Toronto. One row is one programme in one night. Rows
that cannot be adopted as published come out as a `RowProblem` with their line and a code; what is odd but clear is
kept, with a remark. Nothing is bent to fit.

How a row's words become ours:

| published | here | why |
| --- | --- | --- |
| sector Families, rooms | `family_shelter`, 4 a unit | one household's; sizes are not published, 4 is assumed |
| other rooms | `shelter_24h`, 2 a room, `private` | a hotel room is no dormitory; each is a room of its own |
| beds, families included | by service type, 1 a bed | a bed is not a unit |
| Shelter, Motel/Hotel, Interim Housing | `shelter_24h` | a bed by day and night (ETHOS Light 3) |
| Respite, Drop-in, Warming Centre, Alternative Space | `night_shelter` | emergency, low threshold (ETHOS Light 2) |
| Isolation/Recovery | `medical_respite` | |
| no service type | `shelter_24h`, remark `service-type-missing` | two rows of 2021 |
| sector Men, Women | feature `men_only`, `women_only` | Mixed Adult and Youth name no group of our features |
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta

import msgspec

COLUMNS = (
    "OCCUPANCY_DATE",
    "SHELTER_ID",
    "SHELTER_GROUP",
    "LOCATION_ID",
    "LOCATION_NAME",
    "LOCATION_CITY",
    "PROGRAM_ID",
    "PROGRAM_NAME",
    "SECTOR",
    "OVERNIGHT_SERVICE_TYPE",
    "CAPACITY_TYPE",
    "CAPACITY_ACTUAL_BED",
    "CAPACITY_FUNDING_BED",
    "OCCUPIED_BEDS",
    "UNOCCUPIED_BEDS",
    "UNAVAILABLE_BEDS",
    "CAPACITY_ACTUAL_ROOM",
    "CAPACITY_FUNDING_ROOM",
    "OCCUPIED_ROOMS",
    "UNOCCUPIED_ROOMS",
    "UNAVAILABLE_ROOMS",
)
"""What a file must have; other columns are ignored, the order is free."""

DESCRIBED = (
    "ORGANIZATION_ID",
    "ORGANIZATION_NAME",
    "SHELTER_ID",
    "SHELTER_GROUP",
    "LOCATION_ID",
    "LOCATION_NAME",
    "LOCATION_ADDRESS",
    "LOCATION_POSTAL_CODE",
    "LOCATION_CITY",
    "LOCATION_PROVINCE",
    "PROGRAM_ID",
    "PROGRAM_NAME",
    "SECTOR",
    "PROGRAM_MODEL",
    "OVERNIGHT_SERVICE_TYPE",
    "PROGRAM_AREA",
    "CAPACITY_TYPE",
)
"""What a row calls its programme: kept word by word (`Night.words`), empty where a file lacks the column."""

SERVICE_USERS = "SERVICE_USER_COUNT"

SERVICE_KINDS: Mapping[str, str] = {
    "Shelter": "shelter_24h",
    "Motel/Hotel Shelter": "shelter_24h",
    "Interim Housing": "shelter_24h",
    "24-Hour Respite Site": "night_shelter",
    "24-Hour Women's Drop-in": "night_shelter",
    "Warming Centre": "night_shelter",
    "Alternative Space Protocol": "night_shelter",
    "Isolation/Recovery Site": "medical_respite",
    "": "shelter_24h",
}
SECTOR_FEATURES: Mapping[str, tuple[str, ...]] = {
    "Families": (),
    "Men": ("men_only",),
    "Mixed Adult": (),
    "Women": ("women_only",),
    "Youth": (),
}
CAPACITY_TYPES: Mapping[str, str] = {"Bed Based Capacity": "BED", "Room Based Capacity": "ROOM"}

COUNTED_AT = time(9, tzinfo=UTC)
"""The census is taken at four in the morning after the night: 9:00 UTC in Toronto's winter time, used all year."""

SLEEPS_FAMILY_UNIT = 4
SLEEPS_ROOM = 2

WORD_CHARS_MAX = 200
"""Characters of one published word."""

_NUMBER = re.compile(r"-?[0-9]{1,6}\Z")
_KEY = re.compile(r"[0-9]{1,12}\Z")


class Night(msgspec.Struct, frozen=True, kw_only=True):
    """One programme in one night, as published and in our words.

    location: `loc-<LOCATION_ID>`, or `shelter-<SHELTER_ID>` where that is missing. total = actual + unavailable;
    blocked = unavailable, none where that is missing or below zero; available = max(0, unoccupied);
    overflow = max(0, occupied - actual).
    funded, unavailable, service_users: figures of their own, as published. words: in the order of `DESCRIBED`.
    remarks: `location-id-missing`, `service-type-missing`, `unavailable-missing`, `unavailable-negative`,
    `more-occupied-than-actual`, `vanished`.
    """

    line: int
    location: str
    title: str
    district: str
    programme: str
    kind: str
    features: tuple[str, ...]
    sleeps: int
    own_rooms: bool
    night: date
    total: int
    blocked: int
    occupied: int
    available: int
    overflow: int
    funded: int | None = None
    unavailable: int | None = None
    service_users: int | None = None
    words: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def observed_at(self) -> datetime:
        return datetime.combine(self.night + timedelta(days=1), COUNTED_AT)


class RowProblem(msgspec.Struct, frozen=True):
    """A row that was not adopted.

    code: `header-wrong` (nothing else of the file is read), `row-unreadable`, `row-short`, `date-invalid`,
    `location-missing`, `programme-missing`, `sector-unknown`, `service-type-unknown`, `capacity-type-unknown`,
    `figure-missing`, `figure-invalid`, `figure-negative`, `figures-disagree`, `row-repeated`,
    `words-invalid`, `night-out-of-order`, `file-torn` (it ends before its end; its last night is not whole).

    detail: the column or columns it is about.
    """

    line: int
    code: str
    detail: str = ""
    night: date | None = None
    location: str | None = None
    programme: str | None = None


class Tonight(msgspec.Struct, frozen=True):
    """Everything published for one night (None: a file without a readable date).

    vanished: programmes of earlier nights that nobody reported, with zeros.
    """

    night: date | None
    reported: Sequence[Night]
    vanished: Sequence[Night]
    problems: Sequence[RowProblem]


class _RowError(Exception):
    """Why a row is not adopted."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.code, self.detail = code, detail


def read_nights(lines: Iterable[str]) -> Iterator[Night | RowProblem]:
    """The rows of one file in their order, streaming. lines: text lines, header first."""
    reader = csv.reader(lines)
    header = _next_row(reader)
    columns = {} if isinstance(header, RowProblem | None) else {n.strip("\ufeff "): i for i, n in enumerate(header)}
    missing = [name for name in COLUMNS if name not in columns]
    if missing:
        yield RowProblem(1, "header-wrong", ", ".join(missing))
        return
    seen: set[tuple[str, str]] = set()
    tonight: date | None = None
    while (row := _next_row(reader)) is not None:
        if isinstance(row, RowProblem):
            yield row
            continue
        if not row:
            continue
        found = _read(reader.line_num, row, columns)
        if isinstance(found, Night):
            if found.night != tonight:
                tonight = found.night
                seen.clear()
            key = (found.location, found.programme)
            if key in seen:
                yield RowProblem(found.line, "row-repeated", "", found.night, *key)
                continue
            seen.add(key)
        yield found


def _next_row(reader: Iterator[list[str]]) -> list[str] | RowProblem | None:
    try:
        return next(reader, None)
    except csv.Error as error:
        return RowProblem(getattr(reader, "line_num", 0), "row-unreadable", str(error)[:80])


def _read(line: int, row: Sequence[str], columns: Mapping[str, int]) -> Night | RowProblem:
    if len(row) <= max(columns.values()):
        return RowProblem(line, "row-short")
    field = {name: row[columns[name]].strip() for name in COLUMNS}
    night: date | None = None
    location: str | None = None
    programme = field["PROGRAM_ID"]
    try:
        night = _date(field["OCCUPANCY_DATE"])
        location = _location(field)
        if not _KEY.match(programme):
            raise _RowError("programme-missing", "PROGRAM_ID")
        words = tuple(row[columns[name]] if name in columns else "" for name in DESCRIBED)
        users = row[columns[SERVICE_USERS]].strip() if SERVICE_USERS in columns else ""
        return _night(line, field, night, location, _plain(words), int(users) if _NUMBER.match(users) else None)
    except _RowError as problem:
        return RowProblem(line, problem.code, problem.detail, night, location, programme or None)


def _plain(words: tuple[str, ...]) -> tuple[str, ...]:
    for name, word in zip(DESCRIBED, words, strict=True):
        if len(word) > WORD_CHARS_MAX or not word.isprintable():
            raise _RowError("words-invalid", name)
    return words


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text.removesuffix("T00:00:00"))
    except ValueError:
        raise _RowError("date-invalid", "OCCUPANCY_DATE") from None


def _location(field: Mapping[str, str]) -> str:
    if _KEY.match(field["LOCATION_ID"]):
        return f"loc-{field['LOCATION_ID']}"
    if field["LOCATION_ID"] == "" and _KEY.match(field["SHELTER_ID"]):
        return f"shelter-{field['SHELTER_ID']}"
    raise _RowError("location-missing", "LOCATION_ID")


def _night(
    line: int, field: Mapping[str, str], night: date, location: str, words: tuple[str, ...], users: int | None
) -> Night:
    sector, service, capacity = field["SECTOR"], field["OVERNIGHT_SERVICE_TYPE"], field["CAPACITY_TYPE"]
    if sector not in SECTOR_FEATURES:
        raise _RowError("sector-unknown", "SECTOR")
    if service not in SERVICE_KINDS:
        raise _RowError("service-type-unknown", "OVERNIGHT_SERVICE_TYPE")
    if capacity not in CAPACITY_TYPES:
        raise _RowError("capacity-type-unknown", "CAPACITY_TYPE")
    unit = CAPACITY_TYPES[capacity]
    actual, occupied, unoccupied, unavailable = _figures(field, unit)
    blocked = max(0, unavailable or 0)
    funded = field[f"CAPACITY_FUNDING_{unit}"]
    remarks = []
    if location.startswith("shelter-"):
        remarks.append("location-id-missing")
    if not service:
        remarks.append("service-type-missing")
    if unavailable is None:
        remarks.append("unavailable-missing")
    elif unavailable < 0:
        remarks.append("unavailable-negative")
    if occupied > actual:
        remarks.append("more-occupied-than-actual")
    features = SECTOR_FEATURES[sector]
    kind, sleeps = SERVICE_KINDS[service], 1
    if unit == "ROOM" and sector == "Families":
        kind, sleeps = "family_shelter", SLEEPS_FAMILY_UNIT
    elif unit == "ROOM":
        sleeps, features = SLEEPS_ROOM, tuple(sorted((*features, "private")))
    return Night(
        line=line,
        location=location,
        title=(field["LOCATION_NAME"] or field["SHELTER_GROUP"] or location)[:200],
        district=field["LOCATION_CITY"][:60],
        programme=field["PROGRAM_ID"],
        kind=kind,
        features=features,
        sleeps=sleeps,
        own_rooms=unit == "ROOM",
        night=night,
        total=actual + blocked,
        blocked=blocked,
        occupied=occupied,
        available=max(0, unoccupied),
        overflow=max(0, occupied - actual),
        funded=int(funded) if _NUMBER.match(funded) else None,
        unavailable=unavailable,
        service_users=users,
        words=words,
        remarks=tuple(remarks),
    )


def _figures(field: Mapping[str, str], unit: str) -> tuple[int, int, int, int | None]:
    """actual, occupied, unoccupied and unavailable, checked against each other.

    Unavailable is not published for some rows, and below zero in some: neither is a count of places, and neither makes
    the other three wrong.
    """
    names = (f"CAPACITY_ACTUAL_{unit}", f"OCCUPIED_{unit}S", f"UNOCCUPIED_{unit}S", f"UNAVAILABLE_{unit}S")
    for name in names:
        if field[name] == "" and name != names[3]:
            raise _RowError("figure-missing", name)
        if field[name] != "" and not _NUMBER.match(field[name]):
            raise _RowError("figure-invalid", name)
    actual, occupied, unoccupied = (int(field[name]) for name in names[:3])
    for name, figure in zip(names, (actual, occupied, max(0, unoccupied)), strict=False):
        if figure < 0:
            raise _RowError("figure-negative", name)
    if unoccupied != actual - occupied:
        raise _RowError("figures-disagree", names[2])
    return actual, occupied, unoccupied, int(field[names[3]]) if field[names[3]] else None
