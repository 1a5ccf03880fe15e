"""Work run from the command line: public overnight reports into the network, over the same HTTP paths as anybody's."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import httpx

from services.placement.overnight import Night, RowProblem, Tonight, by_night, read_nights

ANSWER_SECONDS_MAX = 120.0
LOCATIONS_AT_ONCE = 8
NIGHTS_A_REQUEST = 60
TRIES = 6
PAUSE_SECONDS = 0.5
TITLE_CHARS_MAX = 120
TRY_AGAIN = frozenset({429, 502, 503, 504})

Step = Callable[[int, int], None]
"""Told how many programme-nights are done, and how many there are."""


class FileUnreadable(Exception):
    """A file that cannot be read as one of these reports at all; one line for a person."""


class SiteRefuses(Exception):
    """The site did not take a request that was meant well: one line with its code."""


@dataclass(frozen=True)
class NotAccepted:
    """A row that was not taken over, and why: a code of `overnight.RowProblem`, or of the site's refusal."""

    file: str
    line: int
    night: date | None
    location: str | None
    programme: str | None
    why: str


@dataclass
class Report:
    """What an import did. accepted, ignored (recorded before): programme-nights."""

    nights: int = 0
    locations: int = 0
    accepted: int = 0
    ignored: int = 0
    not_accepted: list[NotAccepted] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        listed = [asdict(row) | {"night": row.night and row.night.isoformat()} for row in self.not_accepted]
        return asdict(self) | {"not_accepted": listed}


@dataclass
class _Read:
    """What the files hold: by location, its nights in order; and where each night stands."""

    by_location: dict[str, list[Night]] = field(default_factory=dict)
    files: dict[date, str] = field(default_factory=dict)
    nights: int = 0
    problems: list[NotAccepted] = field(default_factory=list)


async def import_overnight(client: httpx.AsyncClient, files: Sequence[Path], nights: int | None, step: Step) -> Report:
    """Opens every reported location and has its nights recorded, in their order; locations go side by side.

    client: signed in as a coordinator of the site whose locations they become. nights: only so many, from the first on.
    Raises `FileUnreadable`, `SiteRefuses`. What a site refused of a single night is in the report.
    """
    read = await asyncio.to_thread(_read, files, nights)
    report = Report(read.nights, len(read.by_location), not_accepted=list(read.problems))
    total = sum(map(len, read.by_location.values()))
    gate = asyncio.Semaphore(LOCATIONS_AT_ONCE)
    done = 0
    step(done, total)

    async def one(location: str, its_nights: list[Night]) -> None:
        nonlocal done
        async with gate:
            await _open(client, its_nights[0])
            for start in range(0, len(its_nights), NIGHTS_A_REQUEST):
                part = its_nights[start : start + NIGHTS_A_REQUEST]
                body = {"location": location, "nights": [_night_body(night) for night in part]}
                answer = await _post(client, "/api/placement/imports/overnight", body)
                _take_in(report, read, part, answer["results"])
                done += len(part)
                step(done, total)

    async with asyncio.TaskGroup() as group:
        for location, its_nights in read.by_location.items():
            group.create_task(one(location, its_nights))
    report.not_accepted.sort(key=lambda row: (row.file, row.line))
    return report


def _read(files: Sequence[Path], nights: int | None) -> _Read:
    read = _Read()
    for tonight in islice(by_night(_rows(files, read)), nights):
        read.nights += 1
        for problem in tonight.problems:
            file = read.files.get(problem.night, files[0].name) if problem.night else files[0].name
            why = f"{problem.code}: {problem.detail}" if problem.detail else problem.code
            read.problems.append(
                NotAccepted(file, problem.line, problem.night, problem.location, problem.programme, why)
            )
        for night in _in_order(tonight):
            read.by_location.setdefault(night.location, []).append(night)
    return read


def _in_order(tonight: Tonight) -> list[Night]:
    """What is gone first: its places make way for what is reported."""
    return [*tonight.vanished, *tonight.reported]


def _rows(files: Sequence[Path], read: _Read) -> Iterator[Night | RowProblem]:
    """The rows of all files, one after the other; a night's file is remembered as it passes."""
    for path in files:
        try:
            with _opened(path) as lines:
                for row in read_nights(lines):
                    if row.night is not None:
                        read.files.setdefault(row.night, path.name)
                    yield row
        except (OSError, EOFError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not a text file of comma-separated values"
            raise FileUnreadable(f"cannot read {path}: {reason.lower()}") from None


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


async def _open(client: httpx.AsyncClient, night: Night) -> None:
    """Makes a location known; one that is open already, under whatever title, stays as it is."""
    body = {"name": night.location, "title": night.title[:TITLE_CHARS_MAX].strip(), "district": night.district.strip()}
    await _post(client, "/api/placement/locations", body, fine=frozenset({"location-differs"}))


async def _post(
    client: httpx.AsyncClient, path: str, body: Mapping[str, Any], fine: frozenset[str] = frozenset()
) -> Any:
    """The JSON of the answer. A site that is busy, starting or gone for a moment is asked again: recording a night
    twice changes nothing. fine: codes of refusals that are as good as a yes."""
    for left in reversed(range(TRIES)):
        try:
            answer = await client.post(path, json=body)
        except httpx.TransportError as error:
            trouble = type(error).__name__
        else:
            if answer.is_success:
                return answer.json()
            trouble = _code(answer)
            if trouble in fine:
                return None
            if answer.status_code not in TRY_AGAIN:
                raise SiteRefuses(f"{path}: {trouble}")
        if left:
            await asyncio.sleep(PAUSE_SECONDS)
    raise SiteRefuses(f"{path}: {trouble}, {TRIES} times")


def _code(answer: httpx.Response) -> str:
    try:
        problem = answer.json()
        fields = ", ".join(f"{error['field']} {error['code']}" for error in problem["errors"])
        return f"{problem['code']} ({fields})" if fields else str(problem["code"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {answer.status_code}"


def _night_body(night: Night) -> dict[str, Any]:
    return {
        "programme": night.programme,
        "kind": night.kind,
        "features": list(night.features),
        "sleeps": night.sleeps,
        "own_rooms": night.own_rooms,
        "night": night.night.isoformat(),
        "observed_at": night.observed_at.isoformat(),
        "total": night.total,
        "blocked": night.blocked,
        "occupied": night.occupied,
        "overflow": night.overflow,
    }


def _take_in(report: Report, read: _Read, nights: Sequence[Night], results: Sequence[Mapping[str, Any]]) -> None:
    for night, result in zip(nights, results, strict=True):
        if result["result"] == "accepted":
            report.accepted += 1
        elif result["result"] == "ignored":
            report.ignored += 1
        else:
            because = result["facts"].get("because")
            why = f"{result['code']}: {because}" if because else str(result["code"])
            file = read.files.get(night.night, "")
            report.not_accepted.append(NotAccepted(file, night.line, night.night, night.location, night.programme, why))
