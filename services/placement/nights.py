"""Reported nights: rows gathered per night, what is asked of a location for each, and the file's columns back.

The rows come from `overnight`; what a site keeps of them is its view `nights`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any

from msgspec.structs import replace

from services.placement.commands import OpenLocation, RecordNight
from services.placement.overnight import (
    CAPACITY_TYPES,
    DESCRIBED,
    SERVICE_USERS,
    Night,
    RowProblem,
    Tonight,
)


def by_night(rows: Iterable[Night | RowProblem]) -> Iterator[Tonight]:
    """Rows gathered per night, in the order of the file.

    A programme that was reported before and is not in tonight's report at all has no places tonight: it comes as
    `vanished` with zeros (once, until it returns). A row with a problem is no report, yet its programme is not gone;
    nor is any in a night that the end of a torn file cuts short. A night earlier than the one before is not adopted:
    nobody can tell what had vanished in it.
    """
    known: dict[tuple[str, str], Night] = {}
    tonight: date | None = None
    nights: list[Night] = []
    problems: list[RowProblem] = []
    for row in rows:
        if row.night is not None and tonight is not None and row.night < tonight:
            where = (row.line, "night-out-of-order", "OCCUPANCY_DATE", row.night, row.location, row.programme)
            problems.append(RowProblem(*where) if isinstance(row, Night) else row)
            continue
        if row.night is not None and row.night != tonight:
            if tonight is not None:
                yield _close(tonight, nights, problems, known)
                nights, problems = [], []
            tonight = row.night
        if isinstance(row, Night):
            nights.append(row)
        else:
            problems.append(row)
    if tonight is not None or problems:
        yield _close(tonight, nights, problems, known)


def _close(
    night: date | None, nights: list[Night], problems: list[RowProblem], known: dict[tuple[str, str], Night]
) -> Tonight:
    named = {(row.location, row.programme) for row in nights} | {(row.location, row.programme) for row in problems}
    torn = any(problem.code == "file-torn" for problem in problems)
    vanished = [
        replace(
            last,
            line=0,
            night=night or last.night,
            total=0,
            blocked=0,
            occupied=0,
            available=0,
            overflow=0,
            funded=None,
            unavailable=None,
            service_users=None,
            words=(),
            remarks=("vanished",),
        )
        for key, last in known.items()
        if night is not None and key not in named and not torn
    ]
    for gone in vanished:
        del known[gone.location, gone.programme]
    known.update({(row.location, row.programme): row for row in nights})
    return Tonight(night, nights, vanished, problems)


def open_location(night: Night, site: str, at: datetime, role: str) -> OpenLocation:
    """The command that makes the location of a row known. A later file may give it another title: keep the first."""
    return OpenLocation(
        at=at, role=role, location=night.location, title=night.title, district=night.district, site=site
    )


def record_night(night: Night, at: datetime, role: str) -> RecordNight:
    """The command that adopts a row's figures."""
    return RecordNight(
        at=at,
        role=role,
        location=night.location,
        programme=night.programme,
        kind=night.kind,
        features=night.features,
        sleeps=night.sleeps,
        own_rooms=night.own_rooms,
        night=night.night,
        observed_at=night.observed_at,
        total=night.total,
        blocked=night.blocked,
        occupied=night.occupied,
        overflow=night.overflow,
        funded=night.funded,
        unavailable=night.unavailable,
        service_users=night.service_users,
        words=night.words,
    )


# --- and back ---------------------------------------------------------------------------------------------------------

RATES = ("OCCUPANCY_RATE_BEDS", "OCCUPANCY_RATE_ROOMS")

EXPORTED = (
    "OCCUPANCY_DATE",
    *DESCRIBED[: DESCRIBED.index("CAPACITY_TYPE")],
    SERVICE_USERS,
    "CAPACITY_TYPE",
    *(
        column.format(unit)
        for unit in CAPACITY_TYPES.values()
        for column in ("CAPACITY_ACTUAL_{}", "CAPACITY_FUNDING_{}", "OCCUPIED_{}S", "UNOCCUPIED_{}S", "UNAVAILABLE_{}S")
    ),
    *RATES,
)
"""The columns in the order in which the city publishes them, without its row numbers."""


def published_row(night: Mapping[str, Any]) -> dict[str, str] | None:
    """A kept night in the columns it came in; None where nobody reported one (it was made up to say so).

    night: a row of the view `nights`, as `GET /nights` answers it.
    """
    if not night["words"]:
        return None
    row = dict.fromkeys(EXPORTED, "") | dict(zip(DESCRIBED, night["words"], strict=True))
    unit = CAPACITY_TYPES[row["CAPACITY_TYPE"].strip()]
    actual, occupied = night["total"] - night["blocked"], night["occupied"]
    figures = {
        SERVICE_USERS: night["service_users"],
        f"CAPACITY_ACTUAL_{unit}": actual,
        f"CAPACITY_FUNDING_{unit}": night["funded"],
        f"OCCUPIED_{unit}S": occupied,
        f"UNOCCUPIED_{unit}S": actual - occupied,
        f"UNAVAILABLE_{unit}S": night["unavailable"],
        f"OCCUPANCY_RATE_{unit}S": (20_000 * occupied + actual) // (2 * actual) / 100 if actual else None,  # half up
    }
    row |= {name: "" if figure is None else str(figure) for name, figure in figures.items()}
    return row | {"OCCUPANCY_DATE": night["night"]}
