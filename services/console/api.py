"""HTTP: the journal of this site and its live tail. The console decides nothing."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from typing import Annotated, Any, Literal, Protocol

import msgspec
from fastapi import FastAPI, Query, Response
from pydantic import BaseModel, Field, StringConstraints

from services.console.views import Entry, Filter, Place, as_json, journal, place_of
from shared.http import StreamMessage, Streams, service_api
from shared.http_access import allow
from shared.http_models import (
    Body,
    Moment,
    Page,
    PageQuery,
    Uuid,
    decode_cursor,
    encode_cursor,
    is_id,
)
from shared.http_problems import Problem
from shared.http_repair import Bench, add_repair
from shared.ports import Put, RowChange
from shared.security import Role

READERS: tuple[Role, ...] = ("oncall", "auditor")
"""Site events name stays and places by id: only who repairs and who checks read the journal."""

TAIL_WAITING_MAX = 1_000
"""Entries kept for a reader that is slower than they come; the oldest go first, and the reader is told how many."""


class JournalStore(Protocol):
    """Where the journal is read."""

    async def entries(self, wanted: Filter, before: Place | None, limit: int) -> list[Entry]: ...

    async def entry(self, id_: str) -> Entry | None: ...


class Tail:
    """Hands every entry to whoever listens, as it is stored."""

    def __init__(self) -> None:
        self._listeners: set[_Listener] = set()

    def stored(self, rows: Sequence[RowChange]) -> None:
        """What a reader's batch changed; call it after the batch is stored."""
        if not self._listeners:
            return
        for row in rows:
            if isinstance(row, Put) and row.table is journal:
                entry = Entry.of(row.values)
                for listener in self._listeners:
                    listener.offer(entry)

    async def follow(
        self, wanted: Filter, recent: Callable[[], Awaitable[Sequence[Entry]]]
    ) -> AsyncIterator[StreamMessage]:
        """What `recent` finds, then every entry that passes the filter from now on, for ever; none twice."""
        listener = _Listener(wanted)
        self._listeners.add(listener)
        try:
            yield StreamMessage({"listening": True}, event="open")
            sent = set()
            for entry in await recent():
                sent.add(entry.id)
                yield _message(entry)
            while True:
                await listener.wake.wait()
                missed, waiting = listener.take()
                if missed:
                    yield StreamMessage({"missed": missed}, event="missed")
                for entry in waiting:
                    if entry.id not in sent:
                        yield _message(entry)
                sent.clear()
        finally:
            self._listeners.discard(listener)


@dataclass(eq=False)
class _Listener:
    wanted: Filter
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    _waiting: deque[Entry] = field(default_factory=deque)
    _missed: int = 0

    def offer(self, entry: Entry) -> None:
        if not self.wanted.wants(entry):
            return
        if len(self._waiting) >= TAIL_WAITING_MAX:
            self._waiting.popleft()
            self._missed += 1
        self._waiting.append(entry)
        self.wake.set()

    def take(self) -> tuple[int, list[Entry]]:
        missed, waiting = self._missed, list(self._waiting)
        self._missed = 0
        self._waiting.clear()
        self.wake.clear()
        return missed, waiting


def _message(entry: Entry) -> StreamMessage:
    return StreamMessage(as_json(entry), id=entry.id)


_Line = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


class JournalQuery(PageQuery):
    """type: a full name or its middle (`stay-began`). origin: `west/placement`, or a site. sequence: in a log."""

    type: _Line | None = None
    origin: _Line | None = None
    correlation: Uuid | None = None
    subject: _Line | None = None
    log: Literal["pub", "loc"] | None = None
    epoch: Annotated[int | None, Field(ge=1, lt=2**31)] = None
    sequence: Annotated[int | None, Field(ge=1, lt=2**63)] = None


class TailQuery(Body):
    """As for the journal. last: so many of the newest entries first."""

    model_config = PageQuery.model_config

    type: _Line | None = None
    origin: _Line | None = None
    correlation: Uuid | None = None
    subject: _Line | None = None
    last: Annotated[int, Field(ge=0, le=500)] = 0


class JournalEntry(BaseModel):
    """One event as it was told."""

    origin: str
    log: str
    epoch: int
    sequence: int
    id: str
    type: str
    subject: str
    time: Moment
    observed_at: Moment | None
    correlation_id: str
    causation_id: str
    traceparent: str | None
    data: dict[str, Any]


def build(store: JournalStore, bench: Bench, tail: Tail, streams: Streams, asyncapi: Mapping[str, Any]) -> FastAPI:
    """The service's application, to be mounted at `/api/console`."""
    api = service_api("console", "Console: the journal of what this site heard", asyncapi=asyncapi)

    @api.get("/journal")
    @allow(*READERS)
    async def list_journal(query: Annotated[JournalQuery, Query()]) -> Page[JournalEntry]:
        """What this site heard, newest first. Refused: 422 `cursor-invalid`."""
        wanted = Filter(
            query.type, query.origin, query.correlation, query.subject, query.log, query.epoch, query.sequence
        )
        found = await store.entries(wanted, _before(query.cursor), query.limit + 1)
        shown = found[: query.limit]
        following = _cursor(shown[-1]) if len(found) > query.limit else None
        return Page[JournalEntry](items=[JournalEntry(**as_json(entry)) for entry in shown], next=following)

    @api.get("/journal/{event_id}")
    @allow(*READERS)
    async def show_entry(event_id: str) -> JournalEntry:
        """One event by its id. Refused: 404 `event-unknown`."""
        entry = await store.entry(event_id) if is_id(event_id) else None
        if entry is None:
            raise Problem(404, "event-unknown")
        return JournalEntry(**as_json(entry))

    @api.get("/stream")
    @allow(*READERS)
    async def stream(query: Annotated[TailQuery, Query()]) -> Response:
        """Server-sent events: every entry as it is stored. `missed` says how many were left out for a slow reader."""
        wanted = Filter(query.type, query.origin, query.correlation, query.subject)

        async def recent() -> list[Entry]:
            return (await store.entries(wanted, None, query.last))[::-1] if query.last else []

        return streams.answer(tail.follow(wanted, recent))

    add_repair(api, bench)
    return api


def _cursor(entry: Entry) -> str:
    return encode_cursor(msgspec.json.encode(place_of(entry)).decode())


def _before(cursor: str | None) -> Place | None:
    """The place a cursor stands for, or None. Raises 422 `cursor-invalid`."""
    key = decode_cursor(cursor)
    if key is None:
        return None
    try:
        place: Place = msgspec.json.decode(key, type=Place)
        return (place[0].astimezone(UTC), *place[1:])
    except (msgspec.MsgspecError, OverflowError):
        raise Problem(422, "cursor-invalid", errors=[("cursor", "cursor-invalid")]) from None
