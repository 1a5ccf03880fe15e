"""Work run from the command line: public overnight reports into the network and back, over the same HTTP paths as
anybody's.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import heapq
import io
import zlib
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import httpx

from services.placement.nights import by_night, published_row
from services.placement.overnight import Night, RowProblem, Tonight, read_nights

ANSWER_SECONDS_MAX = 120.0
LOCATIONS_AT_ONCE = 32
"""Requests in flight at one site."""
NIGHTS_AT_ONCE = 30
"""Nights read before they are sent."""
WINDOWS_AT_ONCE = 2
"""So many times `NIGHTS_AT_ONCE` are under way while the next are read, and no more of a file of any length is kept in
memory: a site that has done its part of one goes on with the next, and none waits for the file."""
NIGHTS_A_REQUEST = 200
"""Programme-nights of one location in one request, at most."""
PAGE = 500
TRIES = 6
PAUSE_SECONDS = 0.5
TITLE_CHARS_MAX = 120
TRY_AGAIN = frozenset({429, 502, 503, 504})

UNREADABLE = (OSError, EOFError, UnicodeDecodeError, zlib.error)

Step = Callable[[int, int], None]
"""Told how far the work is, and of how much: bytes of files read."""


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
    """What an import did. accepted, ignored (recorded before): programme-nights. sites: locations at each.

    remarks: how many rows were taken over with an oddity, by what it is (`overnight.Night`).
    """

    nights: int = 0
    locations: int = 0
    accepted: int = 0
    ignored: int = 0
    sites: dict[str, int] = field(default_factory=dict)
    remarks: Counter[str] = field(default_factory=Counter)
    not_accepted: list[NotAccepted] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        listed = [asdict(row) | {"night": row.night and row.night.isoformat()} for row in self.not_accepted]
        return asdict(self) | {"remarks": dict(sorted(self.remarks.items())), "not_accepted": listed}


async def import_overnight(
    clients: Mapping[str, httpx.AsyncClient], files: Sequence[Path], nights: int | None, step: Step
) -> Report:
    """Opens every reported location and has its nights recorded, in their order; locations go side by side.

    clients: by site, each signed in there as a coordinator. A location belongs to the one of them that has it already,
    else to the one its name leads to. nights: only so many, from the first on.
    Raises `FileUnreadable` (before anything is sent), `SiteRefuses`. What was refused of a single row is in the report.
    """
    return await _Import(clients, files, step).run(nights)


class _Import:
    """One import under way: reads a window of nights, sends it, reads the next."""

    def __init__(self, clients: Mapping[str, httpx.AsyncClient], files: Sequence[Path], step: Step) -> None:
        self._clients, self._files, self._step = clients, _Files(files), step
        self._gates = {site: asyncio.Semaphore(LOCATIONS_AT_ONCE) for site in clients}
        self._homes: dict[str, str] = {}
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._report = Report()
        self._sent = 0

    async def run(self, nights: int | None) -> Report:
        report, files = self._report, self._files
        await asyncio.to_thread(files.check)
        known = {name: site for site in self._clients for name in await self._locations(site)}
        reading = islice(by_night(files.rows()), nights)

        def read() -> tuple[list[Tonight], int]:
            return list(islice(reading, NIGHTS_AT_ONCE)), files.done

        self._step(0, files.size)
        room = asyncio.Semaphore(WINDOWS_AT_ONCE)
        try:
            async with asyncio.TaskGroup() as group:
                while (window := await asyncio.to_thread(read))[0]:
                    await room.acquire()
                    sending = group.create_task(self._send_all(*window, known))
                    sending.add_done_callback(lambda _: room.release())
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
        report.locations = len(self._homes)
        report.sites = dict(sorted(Counter(self._homes.values()).items()))
        report.not_accepted.sort(key=lambda row: (row.file, row.line))
        return report

    async def _send_all(self, window: Sequence[Tonight], read: int, known: Mapping[str, str]) -> None:
        """Locations go side by side; what is of one waits for its earlier nights. read: bytes of files up to here."""
        report, files = self._report, self._files
        by_location: dict[str, list[Night]] = {}
        for tonight in window:
            report.nights += tonight.night is not None
            report.not_accepted += [files.not_accepted(problem) for problem in tonight.problems]
            for night in _in_order(tonight):
                by_location.setdefault(night.location, []).append(night)
        await together(self._send(location, its_nights, known) for location, its_nights in by_location.items())
        self._sent = max(self._sent, read)
        self._step(self._sent, files.size)

    async def _locations(self, site: str) -> list[str]:
        return [row["id"] async for row in listed(self._clients[site], "/api/placement/locations")]

    async def _send(self, location: str, nights: Sequence[Night], known: Mapping[str, str]) -> None:
        home = self._homes.get(location) or known.get(location) or _home(location, sorted(self._clients))
        client = self._clients[home]
        async with self._turns[location], self._gates[home]:  # whoever waits for a turn comes in the order of the file
            if location not in self._homes:
                await _open(client, nights[0])
                self._homes[location] = home
            for start in range(0, len(nights), NIGHTS_A_REQUEST):
                part = nights[start : start + NIGHTS_A_REQUEST]
                body = {"location": location, "nights": [_night_body(night) for night in part]}
                answer = await _post(client, "/api/placement/imports/overnight", body)
                self._take_in(part, answer["results"])

    def _take_in(self, nights: Sequence[Night], results: Sequence[Mapping[str, Any]]) -> None:
        report = self._report
        for night, result in zip(nights, results, strict=True):
            if result["result"] == "accepted":
                report.accepted += 1
                report.remarks.update(night.remarks)
            elif result["result"] == "ignored":
                report.ignored += 1
            else:
                because = result["facts"].get("because")
                why = f"{result['code']}: {because}" if because else str(result["code"])
                file = self._files.of(night.night)
                report.not_accepted.append(
                    NotAccepted(file, night.line, night.night, night.location, night.programme, why)
                )


async def together(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Does all of it at once; the first failure stops the rest and is raised alone, for a person needs one line."""
    try:
        async with asyncio.TaskGroup() as group:
            for one in work:
                group.create_task(one)
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None


def _home(location: str, sites: Sequence[str]) -> str:
    """The site a new location goes to: always the same of the same ones, and about as many to each."""
    return sites[int.from_bytes(hashlib.sha256(location.encode()).digest()[:8]) % len(sites)]


def _in_order(tonight: Tonight) -> list[Night]:
    """What is gone first: its places make way for what is reported."""
    return [*tonight.vanished, *tonight.reported]


class _Files:
    """Report files read one after the other. size, done: bytes as they lie on disk."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._nights: dict[date, str] = {}
        self._undated: dict[int, str] = {}  # the file of a problem that names no night, by the problem's identity
        self._behind = 0
        self._open: BinaryIO | None = None
        self.size = 0

    @property
    def done(self) -> int:
        return self._behind + (0 if self._open is None or self._open.closed else self._open.tell())

    def check(self) -> None:
        """Raises `FileUnreadable` when one of them has no first line."""
        for path in self._paths:
            try:
                self.size += path.stat().st_size
                with path.open("rb") as file, _text(path, file) as lines:
                    next(lines, None)
            except UNREADABLE as error:
                reason = getattr(error, "strerror", None) or "not a text file of comma-separated values"
                raise FileUnreadable(f"cannot read {path}: {reason.lower()}") from None

    def rows(self) -> Iterator[Night | RowProblem]:
        """The rows of all files. One that ends before its end is left there, and the next one is read."""
        for path in self._paths:
            line = 0
            with path.open("rb") as file:
                self._open = file
                try:
                    with _text(path, file) as lines:
                        for row in read_nights(lines):
                            line = row.line
                            if row.night is not None:
                                self._nights.setdefault(row.night, path.name)
                            else:
                                self._undated[id(row)] = path.name
                            yield row
                except UNREADABLE:
                    torn = RowProblem(line + 1, "file-torn")
                    self._undated[id(torn)] = path.name
                    yield torn
            self._behind += path.stat().st_size

    def of(self, night: date) -> str:
        """The file a night was read from."""
        return self._nights.get(night, "")

    def not_accepted(self, problem: RowProblem) -> NotAccepted:
        why = f"{problem.code}: {problem.detail}" if problem.detail else problem.code
        file = self._undated.pop(id(problem)) if problem.night is None else self.of(problem.night)
        return NotAccepted(file, problem.line, problem.night, problem.location, problem.programme, why)


def _text(path: Path, file: BinaryIO) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(file, "rt", encoding="utf-8-sig", newline="")
    return io.TextIOWrapper(file, encoding="utf-8-sig", newline="")


async def _open(client: httpx.AsyncClient, night: Night) -> None:
    """Makes a location known; one that is open already, under whatever title, stays as it is."""
    body = {"name": night.location, "title": night.title[:TITLE_CHARS_MAX].strip(), "district": night.district.strip()}
    await _post(client, "/api/placement/locations", body, fine=frozenset({"location-differs"}))


async def _post(
    client: httpx.AsyncClient, path: str, body: Mapping[str, Any], fine: frozenset[str] = frozenset()
) -> Any:
    """The JSON of the answer. fine: codes of refusals that are as good as a yes."""
    return await _asked(path, lambda: client.post(path, json=body), fine)


async def _asked(path: str, ask: Callable[[], Awaitable[httpx.Response]], fine: frozenset[str] = frozenset()) -> Any:
    """The JSON of the answer. A site that is busy, starting or gone for a moment is asked again: recording a night
    twice changes nothing."""
    for left in reversed(range(TRIES)):
        try:
            answer = await ask()
        except httpx.TransportError as error:
            trouble = type(error).__name__
        else:
            if answer.is_success:
                return answer.json()
            trouble = code_of(answer)
            if trouble in fine:
                return None
            if answer.status_code not in TRY_AGAIN:
                raise SiteRefuses(f"{path}: {trouble}")
        if left:
            await asyncio.sleep(PAUSE_SECONDS)
    raise SiteRefuses(f"{path}: {trouble}, {TRIES} times")


def code_of(answer: httpx.Response) -> str:
    """What an answer that is no success says, in a word or two."""
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
        "funded": night.funded,
        "unavailable": night.unavailable,
        "service_users": night.service_users,
        "words": list(night.words),
    }


# --- and back ---------------------------------------------------------------------------------------------------------


Rows = Iterable[Mapping[str, Any]]


async def export_overnight(
    clients: Mapping[str, httpx.AsyncClient], write: Callable[[Rows], int], step: Callable[[int], None]
) -> int:
    """Writes every kept night of these sites' locations in the columns they came in (`nights.EXPORTED`), by night,
    location and programme.

    write: writes rows, and says how many. step: told how many rows are read. Returns how many were written.
    Raises `SiteRefuses`.
    """
    kept: list[list[dict[str, Any]]] = []
    for client in clients.values():
        rows: list[dict[str, Any]] = []
        async for row in listed(client, "/api/placement/nights"):
            rows.append(row)
            step(1)
        kept.append(rows)
    nights = heapq.merge(*kept, key=lambda row: str(row["id"]))
    return await asyncio.to_thread(write, filter(None, map(published_row, nights)))


async def listed(client: httpx.AsyncClient, path: str, **where: str) -> AsyncIterator[dict[str, Any]]:
    """Every item of a list, page by page. Raises `SiteRefuses`."""
    cursor: str | None = None
    while True:
        query = httpx.QueryParams(where | {"limit": str(PAGE)} | ({} if cursor is None else {"cursor": cursor}))
        page = await _asked(path, partial(client.get, path, params=query))
        for item in page["items"]:
            yield item
        cursor = page["next"]
        if cursor is None:
            return
