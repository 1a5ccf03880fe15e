"""The screens: server-rendered pages, and the piece of a page a live one asks for again when something changed.

What they show is asked from the places service of this site, with the viewer's own token: a screen never shows more
than the API would. Commands go from the page straight to that API.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import httpx
import jinja2
from fastapi import FastAPI, Form, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from services.console.board import HOUSEHOLD_ROLES, PLACE_ROLES, NightList, board, night_list
from services.console.network import network, site_title
from services.console.words import LANGUAGES, Words, choose_language, words
from shared.clock import Clock
from shared.contracts.vocabulary import BLOCK_REASONS, HOLD_MINUTES_DEFAULT
from shared.http import new_app
from shared.http_access import EVERYBODY, OPEN, CurrentActor, Guarded, allow, open_to_all
from shared.security import (
    LIFETIME,
    ROLES,
    TOKEN_LENGTH_MAX,
    TokenError,
    issue_token,
    load_public_keys,
    load_signing_key,
    verify_token,
)
from shared.settings import SiteSettings
from shared.telemetry import current_traceparent

LANGUAGE_COOKIE = "plek_language"
LANGUAGE_SECONDS = 365 * 86400
ANSWER_SECONDS_MAX = 5.0
PAGE_SIZE = 500
PLACES_MAX = 2_000

NOTHING: dict[str, Any] = {
    "network": None, "board": None, "locations": [], "reasons": BLOCK_REASONS, "hold_minutes": HOLD_MINUTES_DEFAULT,
}  # fmt: skip
"""What a live page has to show when it has nothing."""

HERE = Path(str(files("services.console")))


class NoAnswer(Exception):
    """The places service cannot be asked at this moment."""


class Places:
    """The places service of this site, asked in the viewer's name.

    client: for this site's own address.
    """

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def ask(self, token: str, path: str, **query: str | int | None) -> Any:
        """The JSON of one question. Raises `NoAnswer`."""
        headers = {"Authorization": f"Bearer {token}"}
        trace = current_traceparent()
        if trace is not None:
            headers["traceparent"] = trace
        given = {name: value for name, value in query.items() if value is not None}
        try:
            answer = await self._client.get(f"/api/placement/{path}", params=given, headers=headers)
        except httpx.HTTPError as error:
            raise NoAnswer(type(error).__name__) from None
        if answer.status_code != 200:
            raise NoAnswer(str(answer.status_code))
        return answer.json()

    async def every(self, token: str, path: str, **query: str | int | None) -> list[dict[str, Any]]:
        """All items of a list, `PLACES_MAX` at most."""
        items: list[dict[str, Any]] = []
        cursor: str | None = None
        while len(items) < PLACES_MAX:
            page = await self.ask(token, path, cursor=cursor, limit=PAGE_SIZE, **query)
            items += page["items"]
            cursor = page["next"]
            if cursor is None:
                break
        return items


@dataclass(frozen=True)
class Viewer:
    """Who looks: role, and the token their questions are asked with."""

    role: str
    token: str


class Screens:
    """What the pages are made from. settings: of this site. cookie: the name of the session cookie."""

    def __init__(self, settings: SiteSettings, places: Places, clock: Clock, cookie: str) -> None:
        self.settings, self.places, self.clock, self.cookie = settings, places, clock, cookie
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals.update(site=settings.site, site_title=site_title(settings.site), asset=asset)

    @property
    def is_demo(self) -> bool:
        """Whether anybody may choose a role here: a network that `plek up` started as a demonstration."""
        return self.settings.demo and self.settings.token_signing_key is not None

    def language(self, request: Request) -> Words:
        accepted = request.headers.get("accept-language", "")
        return words(choose_language(request.cookies.get(LANGUAGE_COOKIE), accepted))

    def page(self, request: Request, template: str, status: int = 200, **facts: Any) -> HTMLResponse:
        """A page in the reader's language."""
        spoken = self.language(request)
        languages = [(name, words(name)("language.name")) for name in LANGUAGES]
        text = self._templates.get_template(template).render(
            t=spoken, language=spoken.language, languages=languages, here=_path_of(request), **facts
        )
        return HTMLResponse(text, status, {"Vary": "Accept-Language, Cookie"})

    async def live(self, viewer: Viewer, spoken: Words, wanted: str | None, after: int | None) -> dict[str, Any]:
        """What the live part of the page shows. wanted: which of the own locations. after: a write it must show."""
        answer, own = await asyncio.gather(
            self.places.ask(viewer.token, "capacity", after=after),
            self._locations(viewer, after),
        )
        chosen = next((location for location in own if location["id"] == wanted), own[0] if own else None)
        shown = None if chosen is None else await self._board(viewer, chosen, spoken)
        figures = network(answer, self.settings.site, spoken)
        return NOTHING | {"network": figures, "board": shown, "locations": own}

    async def _locations(self, viewer: Viewer, after: int | None) -> list[dict[str, Any]]:
        if viewer.role not in PLACE_ROLES:
            return []
        found = await self.places.every(viewer.token, "locations", after=after)
        return sorted(found, key=lambda location: (location["title"].casefold(), location["id"]))

    async def _board(self, viewer: Viewer, location: Mapping[str, Any], spoken: Words) -> Any:
        name = location["id"]
        sees = viewer.role in HOUSEHOLD_ROLES
        places, holds, stays = await asyncio.gather(
            self.places.every(viewer.token, "places", location=name),
            self.places.every(viewer.token, "holds", location=name, status="active") if sees else _nothing(),
            self.places.every(viewer.token, "stays", location=name, present="true") if sees else _nothing(),
        )
        return board(location, places, holds, stays, viewer.role, self.clock.now(), spoken)

    async def night_list(self, viewer: Viewer, spoken: Words, name: str, *, evacuation: bool) -> NightList | None:
        """Everybody in one house, to be printed; None when this site has no such location."""
        chosen = next((location for location in await self._locations(viewer, None) if location["id"] == name), None)
        if chosen is None:
            return None
        places, holds, stays = await asyncio.gather(
            self.places.every(viewer.token, "places", location=name),
            self.places.every(viewer.token, "holds", location=name, status="active"),
            self.places.every(viewer.token, "stays", location=name, present="true"),
        )
        return night_list(chosen, places, holds, stays, self.clock.now(), spoken, evacuation=evacuation)


async def _nothing() -> list[dict[str, Any]]:
    return []


def _path_of(request: Request) -> str:
    """Where this page is, to come back to: never another server's address."""
    query = request.url.query
    path = request.url.path
    return f"{path}?{query}" if query else path


@cache
def asset(name: str) -> str:
    """The address of a file of ours; it changes when the file does, so that browsers may keep it for ever."""
    digest = hashlib.sha256((HERE / "static" / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


class _Assets(StaticFiles):
    """Files whose address changes with their content."""

    def file_response(self, full_path: Any, stat_result: Any, scope: Scope, status_code: int = 200) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        fixed = b"v=" in scope.get("query_string", b"")
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if fixed else "no-cache"
        return response


class LiveQuery(BaseModel):
    """location: which of the own locations. after: a position the board must show."""

    model_config = ConfigDict(extra="ignore")

    location: Annotated[str | None, Field(max_length=80)] = None
    after: Annotated[int | None, Field(ge=0, le=2**63 - 1)] = None


class ListQuery(BaseModel):
    """location: of this site. evacuation: only where people are."""

    model_config = ConfigDict(extra="ignore")

    location: Annotated[str, Field(max_length=80)] = ""
    evacuation: bool = False


def build(screens: Screens) -> FastAPI:
    """The pages' application, to be mounted at `/`."""
    pages = new_app("Plek screens")
    _add_home(pages, screens)
    _add_list(pages, screens)
    _add_sign_in(pages, screens)
    _add_language(pages)
    pages.mount("/static", Guarded(_Assets(directory=HERE / "static"), OPEN))
    return pages


def _viewer(request: Request, actor: CurrentActor, cookie: str) -> Viewer:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    token = given.strip() if scheme.lower() == "bearer" else request.cookies.get(cookie, "")
    return Viewer(actor.role, token)


def _add_home(pages: FastAPI, screens: Screens) -> None:
    @pages.get("/")
    @allow(*EVERYBODY)
    async def home(request: Request, actor: CurrentActor, query: Annotated[LiveQuery, Query()]) -> HTMLResponse:
        """The live page: this site's board and the room there is in the whole network."""
        return await _show(screens, request, actor, query, "home.html")

    @pages.get("/live")
    @allow(*EVERYBODY)
    async def live(request: Request, actor: CurrentActor, query: Annotated[LiveQuery, Query()]) -> HTMLResponse:
        """The part of the live page that changes."""
        return await _show(screens, request, actor, query, "live.html")


def _add_list(pages: FastAPI, screens: Screens) -> None:
    @pages.get("/list")
    @allow("operator", "caseworker", "auditor")  # `HOUSEHOLD_ROLES`
    async def printed(request: Request, actor: CurrentActor, query: Annotated[ListQuery, Query()]) -> HTMLResponse:
        """The night list of a house, or its evacuation list: one sheet to print and to walk round with."""
        viewer, spoken = _viewer(request, actor, screens.cookie), screens.language(request)
        facts: dict[str, Any] = {"now": spoken.moment_long(screens.clock.now()), "evacuation": query.evacuation}
        try:
            listed = await screens.night_list(viewer, spoken, query.location, evacuation=query.evacuation)
        except NoAnswer:
            return screens.page(request, "list.html", 503, listed=None, answered=False, **facts)
        return screens.page(request, "list.html", 200 if listed else 404, listed=listed, answered=True, **facts)


async def _show(
    screens: Screens, request: Request, actor: CurrentActor, query: LiveQuery, template: str
) -> HTMLResponse:
    viewer = _viewer(request, actor, screens.cookie)
    try:
        facts = await screens.live(viewer, screens.language(request), query.location, query.after)
    except NoAnswer:
        facts = NOTHING | {"now": screens.language(request).precisely(screens.clock.now())}
        return screens.page(request, template, 503, role=actor.role, **facts)
    return screens.page(request, template, role=actor.role, **facts)


def _add_sign_in(pages: FastAPI, screens: Screens) -> None:
    settings = screens.settings

    def form(request: Request, status: int = 200, wrong: str | None = None) -> HTMLResponse:
        roles = ROLES if screens.is_demo else ()
        return screens.page(request, "sign_in.html", status, roles=roles, wrong=wrong)

    def enter(request: Request, token: str, now: datetime) -> Response:
        keys = load_public_keys(settings.token_keys)
        try:
            verify_token(keys, token, settings.site, now)
        except TokenError as error:
            return form(request, 422, error.code)
        answer = RedirectResponse("/", 303)
        secure = request.url.scheme == "https"
        age = int(LIFETIME.total_seconds())
        answer.set_cookie(screens.cookie, token, max_age=age, path="/", secure=secure, httponly=True, samesite="strict")
        return answer

    @pages.get("/sign-in")
    @open_to_all
    async def sign_in_page(request: Request) -> HTMLResponse:
        """Demo accounts where the network is a demonstration, and a field for a token."""
        return form(request)

    @pages.post("/sign-in")
    @open_to_all
    async def sign_in(
        request: Request,
        token: Annotated[str, Form(max_length=TOKEN_LENGTH_MAX)] = "",
        role: Annotated[str, Form(max_length=40)] = "",
    ) -> Response:
        """Sets the session cookie. 422 with the form again when the token or the role does not count."""
        now = screens.clock.now()
        if not role:
            return enter(request, token.strip(), now)
        known = next((name for name in ROLES if name == role), None)
        if not screens.is_demo or settings.token_signing_key is None:
            return form(request, 422, "not-a-demo")
        if known is None:
            return form(request, 422, "role-unknown")
        key = load_signing_key(settings.token_signing_key)
        return enter(request, issue_token(key, f"demo-{known}", known, settings.site, now), now)

    @pages.post("/sign-out")
    @open_to_all
    async def sign_out() -> Response:
        """Forgets the session on this device."""
        answer = RedirectResponse("/sign-in", 303)
        answer.delete_cookie(screens.cookie, path="/", httponly=True, samesite="strict")
        return answer


def _add_language(pages: FastAPI) -> None:
    @pages.post("/language")
    @open_to_all
    async def language(
        language: Annotated[str, Form(max_length=10)] = "", back: Annotated[str, Form(max_length=400)] = "/"
    ) -> Response:
        """Switches the language on this device and goes back to the page."""
        # A path of ours and nothing else: `//elsewhere` and `/\\elsewhere` are addresses of other servers.
        plain = back.startswith("/") and not back.startswith(("//", "/\\")) and back.isprintable()
        answer = RedirectResponse(back if plain else "/", 303)
        if language in LANGUAGES:
            kept: dict[str, Any] = {"max_age": LANGUAGE_SECONDS, "path": "/", "httponly": True, "samesite": "strict"}
            answer.set_cookie(LANGUAGE_COOKIE, language, **kept)
        return answer


__all__ = ["NoAnswer", "Places", "Screens", "build"]
