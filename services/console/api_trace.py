"""HTTP: how something came about, and what came of it, as far as it can be known at this site.

What was told is in the journal; every service of the site is asked for its own private events, in the name of whoever
asks. From what is found the next questions follow, until nothing new turns up.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Annotated, Any

import httpx
import msgspec
from fastapi import FastAPI, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from services.console.views_trail import step_of, trail
from shared.causes import STEPS_MAX, Parked, Step, linked, merged
from shared.http_access import CurrentActor, allow
from shared.http_archive import IDS_MAX, OPENERS, TRACERS, Ids, StepAnswer, token_of
from shared.http_models import Body, Slug, is_id
from shared.http_problems import Problem
from shared.store import PgStore
from shared.telemetry import current_traceparent

ROUNDS_MAX = 64
"""How often it is asked on: a chain of more hops within one site is cut short, and the answer says so."""

_TRACE = re.compile(r"[0-9a-f]{32}")


class Story(msgspec.Struct):
    """What was found. silent: services of this site that did not answer. left_off: there is more than is shown."""

    steps: list[Step]
    silent: list[str]
    left_off: bool


class _Answer(msgspec.Struct):
    """What a service says; see `shared/http_archive.py`."""

    class ParkedMessage(msgspec.Struct):
        message_id: str
        parked: Parked

    steps: list[Step]
    policies: list[str]
    parked: list[ParkedMessage]
    joins: dict[str, str]


_NOTHING = _Answer([], [], [], {})


class Tracer:
    """Follows causes at one site.

    client: for the site's own address. services: whose private events it asks for.
    """

    def __init__(self, store: PgStore, client: httpx.AsyncClient, site: str, services: Sequence[str]) -> None:
        self._store, self._client, self.site, self._services = store, client, site, tuple(services)

    async def story(self, token: str, asked: str, also: Iterable[str] = (), purpose: str | None = None) -> Story:
        """Everything at this site that `asked` (an id of anything, or of a trace) and `also` (ids) have to do with.

        token: of whoever asks. purpose: what files are opened for. Raises `Problem` when a file may not be opened.
        """
        found = _Finding(asked, also)
        while (ids := found.next_ids()) or found.correlations or found.first:
            if found.rounds == ROUNDS_MAX or len(found.steps) >= STEPS_MAX:
                return Story(found.steps, sorted(found.silent), left_off=True)
            trace = asked if found.first and _TRACE.fullmatch(asked) else None
            told = await trail(self._store, ids, found.take_correlations(), trace)
            about = asked if found.first and is_id(asked) else None
            answers = await asyncio.gather(
                *(self._ask(token, service, ids, about, trace, purpose) for service in self._services)
            )
            found.take([step_of(entry) for entry in told], dict(zip(self._services, answers, strict=True)))
        return Story(found.steps, sorted(found.silent), left_off=False)

    async def _ask(
        self, token: str, service: str, ids: Sequence[str], about: str | None, trace: str | None, purpose: str | None
    ) -> _Answer | None:
        """What one service says; None when it does not. Raises `Problem` when it refuses to open a file."""
        headers = {"Authorization": f"Bearer {token}"} | {
            name: value for name, value in [("traceparent", current_traceparent())] if value is not None
        }
        path = f"/api/{service}/events"
        wanted: dict[str, Any] = {"id": list(ids)} | ({} if about is None else {"about": about})
        try:
            if purpose is not None:
                answer = await self._client.post(f"{path}/open", json=wanted | {"purpose": purpose}, headers=headers)
            if purpose is None or answer.status_code in (404, 405):  # it keeps no files
                params = wanted | ({} if trace is None else {"trace": trace})
                answer = await self._client.get(path, params=params, headers=headers)
        except httpx.HTTPError:
            return None
        if answer.status_code in (409, 410, 422):
            raise Problem(answer.status_code, answer.json()["code"])
        return msgspec.json.decode(answer.content, type=_Answer) if answer.status_code == 200 else None


class _Finding:
    """What is known so far, and what is to be asked next."""

    def __init__(self, asked: str, also: Iterable[str]) -> None:
        self._waiting = dict.fromkeys(id_ for id_ in (asked, *also) if is_id(id_))
        self._asked: set[str] = set()
        self._correlated: set[str] = set()
        self._policies: dict[str, set[str]] = {}
        self.correlations: set[str] = set()
        self.steps: list[Step] = []
        self.silent: set[str] = set()
        self.first, self.rounds = True, 0

    def next_ids(self) -> list[str]:
        """The ids to ask for now."""
        ids = list(self._waiting)[:IDS_MAX]
        for id_ in ids:
            del self._waiting[id_]
        self._asked |= set(ids)
        return ids

    def take_correlations(self) -> Collection[str]:
        """The correlations to look for now."""
        now, self.correlations = self.correlations, set()
        self._correlated |= now
        return now

    def take(self, told: Sequence[Step], answers: Mapping[str, _Answer | None]) -> None:
        """Adds what was found, and works out what to ask next."""
        self.first, self.rounds = False, self.rounds + 1
        self.silent |= {service for service, answer in answers.items() if answer is None}
        heard = {service: answer or _NOTHING for service, answer in answers.items()}
        for service, answer in heard.items():
            self._policies.setdefault(service, set()).update(answer.policies)
        every = merged(self.steps, told, *(answer.steps for answer in heard.values()))
        joins = {key: value for answer in heard.values() for key, value in answer.joins.items()}
        every = [_joined(step, joins, heard.values()) for step in every]
        self.steps = linked(every, self._policies)
        for step in self.steps:
            follows = (step.id, step.cause) if step.kind != "command" else (step.cause,)
            for id_ in follows:
                if id_ is not None and is_id(id_) and id_ not in self._asked:
                    self._waiting[id_] = None
            if step.correlation_id is not None and step.correlation_id not in self._correlated:
                self.correlations.add(step.correlation_id)


def _joined(step: Step, joins: Mapping[str, str], answers: Iterable[_Answer]) -> Step:
    """A message with where it is parked, and, where a file was opened, what it was told because of."""
    if step.kind != "message":
        return step
    parked = {item.parked: None for answer in answers for item in answer.parked if item.message_id == step.id}
    if parked:
        step = msgspec.structs.replace(step, parked=tuple(dict.fromkeys((*step.parked, *parked))))
    return msgspec.structs.replace(step, cause=joins[step.id]) if step.id in joins else step


class StoryAnswer(BaseModel):
    """The steps of a story, in no order. silent: services of this site that did not answer. left_off: some are not
    shown.
    """

    site: str
    asked: str
    steps: list[StepAnswer]
    silent: list[str]
    left_off: bool


class TraceQuery(BaseModel):
    """also: more ids of what was told, to look for what followed from them here."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    also: Ids = Field(default_factory=list)


class OpenTraceBody(Body):
    """purpose: what clients' files are looked into for; it is recorded in each."""

    purpose: Slug
    also: Ids = Field(default_factory=list)


def add_trace(api: FastAPI, tracer: Tracer) -> None:
    """Adds the routes to the console's application."""

    @api.get("/journal/{asked}/trace")
    @allow(*TRACERS)
    async def trace(asked: str, query: Annotated[TraceQuery, Query()], request: Request) -> StoryAnswer:
        """What caused it and what came of it, as this site knows; cut at clients' files. Refused: 404
        `nothing-known`.
        """
        return _answer(tracer, asked, await tracer.story(token_of(request), checked(asked), query.also))

    @api.post("/journal/{asked}/trace")
    @allow(*OPENERS)
    async def open_trace(asked: str, body: OpenTraceBody, actor: CurrentActor, request: Request) -> StoryAnswer:
        """The same through clients' files of this site; every file it leads through records who looked, and why.

        Refused: 404 `nothing-known`, 422 `read-purpose-unknown`, 410 `client-erased`.
        """
        found = await tracer.story(token_of(request), checked(asked), body.also, body.purpose)
        return _answer(tracer, asked, found)


def checked(asked: str) -> str:
    """What somebody asks about. Raises 404 `nothing-known` for what can be no id."""
    if not is_id(asked) and not _TRACE.fullmatch(asked):
        raise Problem(404, "nothing-known")
    return asked


def _answer(tracer: Tracer, asked: str, found: Story) -> StoryAnswer:
    if not found.steps:
        raise Problem(404, "nothing-known", facts={"silent": found.silent})
    steps = [StepAnswer.of(step) for step in found.steps]
    return StoryAnswer(site=tracer.site, asked=asked, steps=steps, silent=found.silent, left_off=found.left_off)
