"""The logbook of what is done with people's data: a line for every processing, as the standard Logboek Dataverwerkingen
(Logius) has it. Nothing is left out by chance, and every line is sent until the logbook has acknowledged it.

What changes a file is an event, and its line is made from the event: there is no moment at which one is stored and the
other is not. What only opens a file leaves no event; its line is a row (`openings`) that is stored before the answer
leaves. A line has the same id however often it is sent, so a logbook that gets it twice keeps it once.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import httpx
import msgspec
import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from shared import metrics, schema
from shared.clock import Clock
from shared.contracts.activities import URI
from shared.envelope import Recorded
from shared.ports import Append, OriginHalted, Put, Store, StoreUnavailable, VersionConflict
from shared.schema import NAME, TIME, metadata
from shared.settings import SettingsError, SiteSettings
from shared.store import PgStore
from shared.telemetry import current_traceparent, logger
from shared.traceparent import parse_traceparent

log = logger("logbook")

READER = "logbook"
"""The name under which the store keeps how far the events have been sent."""
EVENTS = "events"
PAGE = 200
"""Lines in one message at most: one of 600 bytes each is 120 kB."""
LOOK_SECONDS = 5.0
"""How soon it is looked again for lines when nothing woke the courier, and tried again when the logbook was away."""
SEND_SECONDS = 10.0
GATHER_SECONDS = 0.2
"""How long lines gather: a busy desk's go together, and its database is not asked after every tap."""
KEY_BYTES = 64
OPENINGS_KEPT = timedelta(days=90)
"""How long it is kept here who opened a file, as far as the logbook has it."""

Status = Literal["Unset", "Ok", "Error"]

openings = sa.Table(
    "openings",
    metadata,
    sa.Column("id", NAME, primary_key=True),
    sa.Column("subject", NAME, nullable=False, index=True),
    sa.Column("activity", NAME, nullable=False),
    sa.Column("role", NAME, nullable=False),
    sa.Column("trace_id", NAME, nullable=False),
    sa.Column("parent_id", NAME),
    sa.Column("status", NAME, nullable=False),
    sa.Column("began_at", TIME, nullable=False),
    sa.Column("at", TIME, nullable=False, index=True),
    sa.Column("sent", sa.Boolean, nullable=False, index=True),
)
"""Every time an answer opened somebody's file and left no event in it. It stays when the file is erased: it names
nobody."""


class Line(msgspec.Struct, frozen=True):
    """One line, in the standard's fields. trace_id: 32 hexadecimal digits; span_id, parent_id: 16.

    name: for people. began_ms, ended_ms: since 1970, in milliseconds. activity: the URI of its entry in the register.
    subject: whom it is about, encrypted; kind: what sort of id that is.
    """

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    status: Status
    began_ms: int
    ended_ms: int
    activity: str
    subject: str
    kind: str


class LogbookAway(Exception):
    """The logbook did not acknowledge what it was sent; the text says why in a word."""


class Logbook(Protocol):
    """Where lines go."""

    async def write(self, lines: Sequence[Line]) -> None:
        """Returns when the logbook has all of them. Raises `LogbookAway`."""
        ...


class Subjects:
    """Encrypts the ids of people for the logbook: the same id always looks the same there, so that somebody's lines can
    be found, and only who has the key can tell whose they are.

    key: `KEY_BYTES` long. site: whose ids they are.
    """

    def __init__(self, key: bytes, site: str) -> None:
        self._cipher, self.kind = AESSIV(key), f"urn:nld:plek:{site}:client"

    @classmethod
    def load(cls, path: Path, site: str) -> Subjects:
        """Raises `OSError`, and `ValueError` for a file that is no such key."""
        return cls(bytes.fromhex(path.read_text("ascii").strip()), site)

    def hide(self, subject: str) -> str:
        return self._cipher.encrypt(subject.encode(), [self.kind.encode()]).hex()

    def find(self, hidden: str) -> str:
        """Whose line it is. Raises `ValueError` for what was not hidden with this key."""
        try:
            return self._cipher.decrypt(bytes.fromhex(hidden), [self.kind.encode()]).decode()
        except InvalidTag:
            raise ValueError("not hidden with this key") from None


# --- what was opened for an answer ------------------------------------------------------------------------------------


@dataclass
class Opened:
    """Whose files one answer has opened so far. noted: those in which an event says so already."""

    subjects: dict[str, None] = field(default_factory=dict)
    noted: set[str] = field(default_factory=set)

    def unnoted(self) -> list[str]:
        """Those that need a line of their own."""
        return [subject for subject in self.subjects if subject not in self.noted]


_opened: ContextVar[Opened | None] = ContextVar("opened", default=None)


@contextmanager
def answering() -> Iterator[Opened]:
    """Collects whose files are opened within the block."""
    mine = Opened()
    token = _opened.set(mine)
    try:
        yield mine
    finally:
        _opened.reset(token)


def opened(subject: str) -> None:
    """Something sealed in this person's file was opened."""
    mine = _opened.get()
    if mine is not None:
        mine.subjects[subject] = None


def noted(subject: str) -> None:
    """An event in this person's file says what this answer did with it."""
    mine = _opened.get()
    if mine is not None:
        mine.noted.add(subject)


@dataclass(frozen=True)
class Openings:
    """Writes down what answers have opened."""

    store: Store
    clock: Clock
    new_id: Callable[[], str]

    @asynccontextmanager
    async def noting(self, activity: str, role: str) -> AsyncIterator[Opened]:
        """Writes down whose files are opened within the block, when it ends and however it does. Raises as `write`."""
        began = self.clock.now()
        with answering() as found:
            try:
                yield found
            finally:
                await self.write(found.unnoted(), activity, role, began, "Unset")

    async def write(self, subjects: Sequence[str], activity: str, role: str, began: datetime, status: Status) -> None:
        """A row for each subject, in one transaction a page. Raises `StoreUnavailable`: then nothing may be shown."""
        now = self.clock.now()
        context = parse_traceparent(current_traceparent())
        trace_id = self.new_id().replace("-", "") if context is None else f"{context.trace_id:032x}"
        parent = None if context is None else f"{context.span_id:016x}"
        for first in range(0, len(subjects), PAGE):
            rows = [
                Put(openings, (self.new_id(), subject, activity, role, trace_id, parent, status, min(began, now), now,
                               False))
                for subject in subjects[first : first + PAGE]
            ]  # fmt: skip
            await self.store.append(Append(now, rows=rows))


async def forget_openings_before(store: PgStore, before: datetime, *, unsent: bool) -> None:
    """Takes away rows that are older. unsent: also those the logbook does not have, where a site has none. Raises
    `StoreUnavailable`."""
    await store.query(
        lambda pool: pool.execute('delete from openings where "at" < $1 and (sent or $2)', before, unsent)
    )


# --- lines ------------------------------------------------------------------------------------------------------------


class Concern(NamedTuple):
    """Somebody whom an event concerns, and the id of the register's entry that it falls under."""

    subject: str
    activity: str


def span_of(*ids: str) -> str:
    """The span id that always belongs to an event and whom it concerns, or to a row: what is sent twice is known
    again."""
    return hashlib.blake2b("/".join(ids).encode(), digest_size=8).hexdigest()


def line_of_event(event: Recorded, concern: Concern, subjects: Subjects) -> Line:
    """What an event has to do with one person."""
    context = parse_traceparent(event.meta.traceparent)
    at = _milliseconds(event.recorded_at)
    return Line(
        trace_id=event.meta.correlation_id.replace("-", "") if context is None else f"{context.trace_id:032x}",
        span_id=span_of(event.id, concern.subject), parent_id=None if context is None else f"{context.span_id:016x}",
        name=event.type.rpartition(".")[0].replace("-", " "), status="Unset", began_ms=at, ended_ms=at,
        activity=URI.format(id=concern.activity), subject=subjects.hide(concern.subject), kind=subjects.kind,
    )  # fmt: skip


def line_of_row(row: dict[str, Any], subjects: Subjects) -> Line:
    """The line of one row of `openings`."""
    return Line(
        trace_id=row["trace_id"], span_id=span_of(row["id"]), parent_id=row["parent_id"], name="file opened",
        status=row["status"], began_ms=_milliseconds(row["began_at"]), ended_ms=_milliseconds(row["at"]),
        activity=URI.format(id=row["activity"]), subject=subjects.hide(row["subject"]), kind=subjects.kind,
    )  # fmt: skip


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)


_STATUS = {"Unset": 0, "Ok": 1, "Error": 2}


def otlp(lines: Sequence[Line], site: str, service: str) -> bytes:
    """The lines as OTLP has spans, in its JSON encoding: the protocol the standard recommends."""
    about = {"service.name": f"plek-{service}", "service.namespace": "plek", "plek.site": site}
    spans = [_span(line) for line in lines]
    scope = {"scope": {"name": "plek.logbook"}, "spans": spans}
    resource = {"resource": {"attributes": _attributes(about)}, "scopeSpans": [scope]}
    return msgspec.json.encode({"resourceSpans": [resource]})


def _span(line: Line) -> dict[str, Any]:
    attributes = {
        "dpl.core.processing_activity_id": line.activity,
        "dpl.core.data_subject_id": line.subject,
        "dpl.core.data_subject_id_type": line.kind,
    }
    span: dict[str, Any] = {
        "traceId": line.trace_id, "spanId": line.span_id, "name": line.name, "kind": 1,
        "startTimeUnixNano": str(line.began_ms * 1_000_000), "endTimeUnixNano": str(line.ended_ms * 1_000_000),
        "status": {"code": _STATUS[line.status]}, "attributes": _attributes(attributes),
    }  # fmt: skip
    if line.parent_id is not None:
        span["parentSpanId"] = line.parent_id
    return span


def _attributes(given: dict[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in given.items()]


class OtlpLogbook:
    """A logbook that is spoken to in OTLP over HTTP. endpoint: its base address, or the whole of it."""

    def __init__(
        self, endpoint: str, site: str, service: str, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        base = endpoint.rstrip("/")
        self._address = base if base.endswith("/v1/traces") else f"{base}/v1/traces"
        self._site, self._service, self._transport = site, service, transport

    async def write(self, lines: Sequence[Line]) -> None:
        """An answer that a part was refused is none: all of it is sent again."""
        body = otlp(lines, self._site, self._service)
        try:
            async with httpx.AsyncClient(timeout=SEND_SECONDS, trust_env=False, transport=self._transport) as client:
                answer = await client.post(self._address, content=body, headers={"Content-Type": "application/json"})
        except httpx.HTTPError as error:
            raise LogbookAway(type(error).__name__) from None
        if answer.status_code != 200:
            raise LogbookAway(str(answer.status_code))
        try:
            refused = int(answer.json().get("partialSuccess", {}).get("rejectedSpans", 0))
        except (ValueError, AttributeError, TypeError):
            raise LogbookAway("an answer that is none") from None
        if refused:
            raise LogbookAway("some lines were refused")


# --- the courier ------------------------------------------------------------------------------------------------------

Concerns = Callable[[Recorded], Awaitable[Sequence[Concern]]]
"""Whom an event concerns, each once; nobody: it is in nobody's file."""


class Courier:
    """Sends lines, oldest first, until the logbook has acknowledged them. Any number may run: a line that two of them
    send is one line.

    rows: whether this service keeps `openings`.
    """

    def __init__(
        self, store: Store, clock: Clock, logbook: Logbook, subjects: Subjects, concerns: Concerns, *,
        rows: bool = False,
    ) -> None:  # fmt: skip
        self._store, self._clock, self._logbook, self._subjects = store, clock, logbook, subjects
        self._concerns, self._rows, self.waiting_seconds = concerns, rows, 0.0

    async def run(self) -> None:
        """For ever. For how long lines wait is `plek_logbook_waiting_seconds`."""
        since: float | None = None
        waits = metrics.LOGBOOK_WAITING_SECONDS.labels(self._store.origin.service)
        while True:
            seen = self._store.appended.count
            try:
                carried, since = await self.carry(), None
                waits.set(0)
                self.waiting_seconds = 0.0
                if carried:
                    continue
            except (LogbookAway, StoreUnavailable, OriginHalted, VersionConflict) as error:
                if since is None:  # once, not every few seconds for a night
                    log.error("lines wait for the logbook", reason=type(error).__name__, detail=str(error)[:80])
                    since = self._clock.monotonic()
                self.waiting_seconds = self._clock.monotonic() - since
                waits.set(self.waiting_seconds)
                seen = self._store.appended.count
            await self._store.appended.wait_at_most(seen, LOOK_SECONDS, self._clock)
            await self._clock.sleep(GATHER_SECONDS)

    async def carry(self) -> int:
        """Sends a page of each kind. Returns how many lines were sent or events passed; 0: there is nothing more.

        Raises `LogbookAway`, `StoreUnavailable`.
        """
        return await self._carry_events() + (await self._carry_rows() if self._rows else 0)

    async def _carry_events(self) -> int:
        known = await self._store.rows(schema.cursors, reader=READER, source=EVENTS)
        after = int(known[0]["position"]) if known else 0
        page = await self._store.read_all(after, PAGE)
        if not page:
            return 0
        lines: list[Line] = []
        for event in page:
            lines += [line_of_event(event, concern, self._subjects) for concern in await self._concerns(event)]
        for first in range(0, len(lines), PAGE):
            await self._logbook.write(lines[first : first + PAGE])
        cursor = Put(schema.cursors, (READER, EVENTS, "", page[-1].position))
        await self._store.append(Append(self._clock.now(), rows=[cursor]))
        return len(page)

    async def _carry_rows(self) -> int:
        page = await self._store.page(openings, None, PAGE, sent=False)
        if not page:
            return 0
        await self._logbook.write([line_of_row(row, self._subjects) for row in page])
        sent = [Put(openings, tuple((row | {"sent": True}).values())) for row in page]
        await self._store.append(Append(self._clock.now(), rows=sent))
        return len(page)


def courier_of(
    settings: SiteSettings, service: str, store: Store, clock: Clock, concerns: Concerns, *, rows: bool = False
) -> Courier | None:
    """The courier of one service of a site; None where no logbook is configured. Raises `SettingsError`."""
    if settings.logbook is None:
        return None
    try:
        subjects = Subjects.load(settings.logbook.key, settings.site)
    except (OSError, ValueError):
        raise SettingsError("the logbook's key is no key") from None
    logbook = OtlpLogbook(settings.logbook.endpoint, settings.site, service)
    return Courier(store, clock, logbook, subjects, concerns, rows=rows)
