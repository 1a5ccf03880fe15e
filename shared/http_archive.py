"""HTTP, once for every service: what its private events are that somebody's question leads to, without what they hold.

Only what happened, when, by which role and because of what is told. Whoever may see into somebody's file says for what
purpose, and that is recorded before anything is answered.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import FastAPI, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from shared.archive import Archive, Found, Look, Wanted
from shared.causes import Step, StepKind
from shared.http_access import CurrentActor, allow
from shared.http_models import Body, Moment, Slug, Uuid
from shared.security import Role

TRACERS: tuple[Role, ...] = ("oncall", "auditor")
"""Private events name stays and places by id: only who repairs and who checks read them."""

OPENERS: tuple[Role, ...] = ("caseworker", "auditor")
"""Who may follow a chain through somebody's file, at that client's own site."""

IDS_MAX = 100
"""Ids in one question."""

TraceId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Ids = Annotated[list[Uuid], Field(max_length=IDS_MAX)]
_Stream = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


class EventsQuery(BaseModel):
    """id: of events, commands or messages. about: the id of a thing. correlation, trace: among the newest events."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Ids = Field(default_factory=list)
    about: Uuid | None = None
    stream: _Stream | None = None
    correlation: Uuid | None = None
    trace: TraceId | None = None


class OpenBody(Body):
    """As the query, and for what purpose files are looked into."""

    id: Ids = Field(default_factory=list)
    about: Uuid | None = None
    purpose: Slug


class ParkedAnswer(BaseModel):
    """Where a message waits because a reader could not digest it."""

    site: str
    service: str
    reader: str
    code: str
    at: Moment
    retries: int


class StepAnswer(BaseModel):
    """One step of a story, as `shared/causes.py` explains it."""

    id: str
    kind: StepKind
    site: str
    service: str
    name: str
    at: Moment
    where: str
    subject: str
    cause: str | None
    role: str | None
    refused: str | None
    correlation_id: str | None
    trace_id: str | None
    cut: bool
    withheld: bool
    parked: list[ParkedAnswer]

    @classmethod
    def of(cls, step: Step) -> StepAnswer:
        """The answer that tells of this step."""
        return cls(**msgspec.to_builtins(step))


class ParkedMessageAnswer(BaseModel):
    """message_id: of what is parked."""

    message_id: str
    parked: ParkedAnswer


class EventsAnswer(BaseModel):
    """steps: commands and events. policies: which may have answered a message. parked: of the messages asked about.
    joins: by message that was cut, the event it was told because of, where a file was opened.
    """

    steps: list[StepAnswer]
    policies: list[str]
    parked: list[ParkedMessageAnswer]
    joins: dict[str, str]

    @classmethod
    def of(cls, found: Found) -> EventsAnswer:
        """The answer that tells what was found."""
        parked = [{"message_id": message_id, "parked": msgspec.to_builtins(at)} for message_id, at in found.parked]
        facts: dict[str, Any] = {"parked": parked, "policies": found.policies, "joins": found.joins}
        return cls(steps=[StepAnswer.of(step) for step in found.steps], **facts)


def add_archive(api: FastAPI, archive: Archive) -> None:
    """Adds the routes to a service's application: `/events`, and `/events/open` where it keeps somebody's files."""

    @api.get("/events")
    @allow(*TRACERS, *OPENERS)
    async def list_events(query: Annotated[EventsQuery, Query()]) -> EventsAnswer:
        """What happened here that has to do with these ids. Events of somebody's file are withheld."""
        wanted = Wanted(query.id, query.about, query.stream, query.correlation, query.trace)
        return EventsAnswer.of(await archive.look_up(wanted))

    if archive.files is None:
        return

    @api.post("/events/open")
    @allow(*OPENERS)
    async def open_events(body: OpenBody, actor: CurrentActor, request: Request) -> EventsAnswer:
        """The same with the events of files. It is recorded first whose, by which role and for what purpose.

        Refused: whatever reading a file is refused with.
        """
        look = Look(actor.role, body.purpose, token_of(request))
        return EventsAnswer.of(await archive.look_up(Wanted(body.id, body.about), look))


def token_of(request: Request) -> str:
    """The token a script came with; empty for a browser."""
    return request.headers.get("authorization", "").partition(" ")[2].strip()
