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
from services.console.standing import standing
from services.console.state import Would, state, would
from services.console.words import Words
from shared.http_access import CurrentActor, allow

Act = Literal["pause", "resume", "rebuild", "replay", "retry", "discard", "refill"]
ROWS_MAX = 200
AT_ONCE_MAX = 100
"""Parked messages dealt with in one tap."""
REASONS = ("pause", "discard", "replay")
"""What nobody does without saying why."""
WHERE = {
    "pause": "readers", "resume": "readers", "replay": "readers", "rebuild": "views", "retry": "parked",
    "discard": "parked", "refill": "logs",
}  # fmt: skip
"""Which part of a service takes such a request."""
LOOKS = ("rebuild", "replay", "retry", "discard", "refill")
"""Acts of which the service itself says beforehand what they would come to."""

_NAME = Annotated[str, Field(max_length=80, pattern=r"^[a-z][a-z0-9-]*$")]
_EACH = Annotated[str, Field(max_length=160, pattern=r"^[a-z][a-z0-9-]*\.[a-z0-9][a-z0-9-]*$")]


class StateQuery(BaseModel):
    """done, refused: what has just been done, or the code with which it was refused. n: of how many it was refused,
    where it was done to others."""

    model_config = ConfigDict(extra="ignore")

    done: Annotated[str, Field(max_length=20)] = ""
    refused: Annotated[str, Field(max_length=60)] = ""
    n: Annotated[int, Field(ge=0, le=AT_ONCE_MAX)] = 0


class ActQuery(BaseModel):
    """act: what is to be done. service, on: with which of its readers, views or parked messages; origin: whose logs
    are heard again. each: several of them at once, each with its service before it.
    """

    model_config = ConfigDict(extra="ignore")

    act: Act
    service: Annotated[str, Field(max_length=80, pattern=r"^([a-z][a-z0-9-]*)?$")] = ""
    on: Annotated[str, Field(max_length=80, pattern=r"^([a-z0-9][a-z0-9-]*)?$")] = ""
    origin: Annotated[str, Field(max_length=100, pattern=r"^([a-z][a-z0-9-]*/[a-z][a-z0-9-]*)?$")] = ""
    each: Annotated[list[_EACH], Field(max_length=AT_ONCE_MAX)] = []

    @property
    def targets(self) -> list[tuple[str, str]]:
        """Services, and what of theirs is meant; none when nothing was chosen."""
        alone = [(self.service, self.on)] if self.service and self.on else []
        return alone + [(service, on) for service, _, on in (one.partition(".") for one in self.each)]

    @property
    def asked(self) -> str:
        """The same question once more, as a query."""
        given = {"act": self.act, "service": self.service, "on": self.on, "origin": self.origin, "each": self.each}
        return urlencode({name: value for name, value in given.items() if value}, doseq=True)


def path_of(act: Act, service: str, on: str) -> str:
    """Where the service takes such a request, and says what would come of it."""
    return f"/api/{service}/{WHERE[act]}/{quote(on, safe='')}/{act}"


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
                 "n": query.n, "now": spoken.precisely(screens.clock.now())}  # fmt: skip
        return screens.page(request, "state.html", **facts)

    _add_network(pages, screens)
    _add_acts(pages, screens)


def _add_network(pages: FastAPI, screens: Screens) -> None:
    @pages.get("/state/network")
    @allow("oncall")
    async def show_network(request: Request, actor: CurrentActor) -> HTMLResponse:
        """How this site's logs stand on the bus, and the sites: what it would take, and with which command."""
        viewer, spoken = viewer_of(request, actor, screens.cookie), screens.language(request)
        settings = screens.settings
        paths = [f"/api/{name}/health" for name in settings.services]
        *health, figures = await _all(screens, viewer, [*paths, "/api/placement/capacity"])
        said = dict(zip(settings.services, health, strict=True))
        rows = None if figures is None else figures["rows"]
        heard = {link["site"] for one in health if one is not None for link in one["links"]}
        bound = {settings.hub, settings.municipality_site or settings.hub}
        shown = standing(said, rows, sorted({settings.site, *heard}), settings.site, bound, spoken)
        return screens.page(request, "standing.html", role=actor.role, standing=shown)


def _add_acts(pages: FastAPI, screens: Screens) -> None:
    @pages.get("/state/act")
    @allow("oncall")
    async def ask(request: Request, actor: CurrentActor, query: Annotated[ActQuery, Query()]) -> Response:
        """What would happen, before anything does."""
        if not query.targets:
            return _back(refused="nothing-chosen")
        viewer, spoken = viewer_of(request, actor, screens.cookie), screens.language(request)
        found = [await _would(screens, viewer, query, *target, spoken) for target in query.targets]
        facts: dict[str, Any] = {"role": actor.role, "asked": query, "would": found,
                 "needs_reason": query.act in REASONS, "may": any(not one.refused for one in found)}  # fmt: skip
        return screens.page(request, "state_act.html", **facts)

    @pages.post("/state/act")
    @allow("oncall")
    async def do(
        request: Request, actor: CurrentActor, query: Annotated[ActQuery, Query()],
        reason: Annotated[str, Form(max_length=200)] = "",
    ) -> Response:  # fmt: skip
        """Does it, and goes back to the state with what came of it."""
        viewer = viewer_of(request, actor, screens.cookie)
        body = {"reason": reason} if query.act in REASONS else None
        if body is not None and query.act == "replay":
            body["origin"] = query.origin
        refused: list[str] = []
        for service, on in query.targets:  # in the order of the list: each log in its own
            try:
                answer = await screens.places.post(viewer.token, path_of(query.act, service, on), body)
            except NoAnswer:
                refused.append("no-connection")
                continue
            if not answer.is_success:
                refused.append(_code(answer))
        if not query.targets:
            return _back(refused="nothing-chosen")
        if not refused:
            return _back(done=query.act)
        some = {"done": query.act, "n": str(len(refused))} if len(refused) < len(query.targets) else {}
        return _back(refused=refused[0], **some)


async def _would(
    screens: Screens, viewer: Viewer, query: ActQuery, service: str, on: str, words: Words
) -> Would:  # fmt: skip
    """What an act would come to, as the service itself says."""
    if query.act not in LOOKS:
        return would(query.act, service, on, {}, "", words)
    more = {"origin": query.origin} if query.act == "replay" else {}
    try:
        answer = await screens.places.look(viewer.token, path_of(query.act, service, on), **more)
    except NoAnswer:
        return would(query.act, service, on, {}, "no-connection", words)
    said = answer.json() if answer.is_success else {}
    return would(query.act, service, on, said, "" if answer.is_success else _code(answer), words)


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
