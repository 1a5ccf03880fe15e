"""The screen for whoever is on call: how this site is doing, and what may be done about it.

Whatever is done is asked of the service it concerns, with the viewer's own token, and said beforehand: a first tap
shows what would happen, the second does it. It works without a script.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlencode

import httpx
from fastapi import FastAPI, Form, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import HTMLResponse, RedirectResponse

from services.console.api_screens import NoAnswer, Screens, Viewer, viewer_of
from services.console.state import state
from shared.http_access import CurrentActor, allow

Act = Literal["pause", "resume", "rebuild", "retry", "discard"]
ROWS_MAX = 200
REASONS = ("pause", "discard")
"""What nobody does without saying why."""

_NAME = Annotated[str, Field(max_length=80, pattern=r"^[a-z][a-z0-9-]*$")]


class StateQuery(BaseModel):
    """done, refused: what has just been done, or the code with which it was refused."""

    model_config = ConfigDict(extra="ignore")

    done: Annotated[str, Field(max_length=20)] = ""
    refused: Annotated[str, Field(max_length=60)] = ""


class ActQuery(BaseModel):
    """act: what is to be done. service, on: with which of its readers, views or parked messages."""

    model_config = ConfigDict(extra="ignore")

    act: Act
    service: _NAME
    on: Annotated[str, Field(max_length=80, pattern=r"^[a-z0-9][a-z0-9-]*$")]


def path_of(asked: ActQuery) -> str:
    """Where the service takes such a request."""
    where = {"pause": "readers", "resume": "readers", "rebuild": "views", "retry": "parked", "discard": "parked"}
    return f"/api/{asked.service}/{where[asked.act]}/{quote(asked.on, safe='')}/{asked.act}"


def add_state(pages: FastAPI, screens: Screens) -> None:
    """Adds the pages of this module."""

    @pages.get("/state")
    @allow("oncall")
    async def show(request: Request, actor: CurrentActor, query: Annotated[StateQuery, Query()]) -> HTMLResponse:
        """How each service of this site does: its logs, its readers by origin, its links, and what is parked."""
        viewer, spoken = viewer_of(request, actor, screens.cookie), screens.language(request)
        services = screens.settings.services
        said = dict(
            zip(services, await _all(screens, viewer, [f"/api/{name}/health" for name in services]), strict=True)
        )
        views = await _items(screens, viewer, "views", services)
        parked = await _items(screens, viewer, "parked", services)
        named = {name: [row["view"] for row in rows] for name, rows in views.items()}
        rows = [row for name in services for row in parked[name]]
        shown = state(said, named, rows, spoken)
        told = query.done if spoken.has(f"state.done_{query.done}") else ""
        facts: dict[str, Any] = {"role": actor.role, "state": shown, "done": told, "refused": query.refused,
                 "now": spoken.precisely(screens.clock.now())}  # fmt: skip
        return screens.page(request, "state.html", **facts)

    @pages.get("/state/act")
    @allow("oncall")
    async def ask(request: Request, actor: CurrentActor, query: Annotated[ActQuery, Query()]) -> HTMLResponse:
        """What would happen, before anything does."""
        needs = query.act in REASONS
        return screens.page(request, "state_act.html", role=actor.role, asked=query, needs_reason=needs)

    @pages.post("/state/act")
    @allow("oncall")
    async def do(
        request: Request, actor: CurrentActor, query: Annotated[ActQuery, Query()],
        reason: Annotated[str, Form(max_length=200)] = "",
    ) -> Response:  # fmt: skip
        """Does it, and goes back to the state with what came of it."""
        viewer = viewer_of(request, actor, screens.cookie)
        body = {"reason": reason} if query.act in REASONS else None
        try:
            answer = await screens.places.post(viewer.token, path_of(query), body)
        except NoAnswer:
            return _back(refused="no-connection")
        if answer.is_success:
            return _back(done=query.act)
        return _back(refused=_code(answer))


def _back(**told: str) -> Response:
    return RedirectResponse(f"/state?{urlencode(told)}", 303)


def _code(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["code"])[:60]
    except (ValueError, KeyError, TypeError):
        return "unavailable"


async def _all(screens: Screens, viewer: Viewer, paths: Sequence[str]) -> list[Any]:
    """The JSON of each answer, in that order; None where there is none."""

    async def one(path: str) -> Any:
        try:
            return await screens.places.get(viewer.token, path)
        except NoAnswer:
            return None

    return list(await asyncio.gather(*(one(path) for path in paths)))


async def _items(
    screens: Screens, viewer: Viewer, what: str, services: Sequence[str]
) -> Mapping[str, list[dict[str, Any]]]:
    answers = await _all(screens, viewer, [f"/api/{name}/{what}?limit={ROWS_MAX}" for name in services])
    return {name: [] if one is None else one["items"] for name, one in zip(services, answers, strict=True)}
