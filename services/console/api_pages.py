"""The screens: server-rendered pages, and the piece of a page a live one asks for again when something changed.

What they show is asked from the places service of this site, with the viewer's own token: a screen never shows more
than the API would. Commands go from the page straight to that API.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Form, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from services.console.api_books import add_books
from services.console.api_city import add_city
from services.console.api_clients import add_clients
from services.console.api_counter import add_counter
from services.console.api_desk import add_desk
from services.console.api_entrance import Entrance, add_sign_in
from services.console.api_flows import add_flows
from services.console.api_heat import add_heat
from services.console.api_money import add_money
from services.console.api_notes import add_notes_page, notes_facts
from services.console.api_offline import add_offline
from services.console.api_screens import HERE, LANGUAGE_COOKIE, NOTHING, NoAnswer, Places, Screens, viewer_of
from services.console.api_sessions import add_sessions
from services.console.api_state import add_state
from services.console.api_story import add_story
from services.console.api_trouble import answer_people
from services.console.api_weeks import add_weeks
from services.console.words import LANGUAGES
from shared.http import new_app
from shared.http_access import EVERYBODY, OPEN, CurrentActor, Guarded, allow, open_to_all

LANGUAGE_SECONDS = 365 * 86400
GZIP_BYTES_MIN = 1_000
"""Below this a page fits one packet as it is."""
GZIP_LEVEL = 5
"""Of zlib: a board of 56 places is nine times smaller after 1.5 ms; level 9 takes half as long again for 5 % less."""


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


def build(screens: Screens, entrance: Entrance) -> FastAPI:
    """The pages' application, to be mounted at `/`."""
    pages = new_app("Plek screens")
    # Cookies are SameSite=Strict: no other site can have a page made with words of its own and measure how it shrinks.
    pages.add_middleware(GZipMiddleware, minimum_size=GZIP_BYTES_MIN, compresslevel=GZIP_LEVEL)
    answer_people(pages, screens)
    _add_home(pages, screens)
    _add_list(pages, screens)
    add_desk(pages, screens)
    add_clients(pages, screens)
    add_counter(pages, screens)
    add_sessions(pages, screens)
    add_city(pages, screens)
    add_heat(pages, screens)
    add_weeks(pages, screens)
    add_flows(pages, screens)
    add_money(pages, screens)
    add_books(pages, screens)
    add_story(pages, screens)
    add_state(pages, screens)
    add_sign_in(pages, screens, entrance)
    add_offline(pages, screens)
    add_notes_page(pages, screens)
    _add_language(pages)
    pages.mount("/static", Guarded(_Assets(directory=HERE / "static"), OPEN))
    return pages


def _add_home(pages: FastAPI, screens: Screens) -> None:
    @pages.get("/")
    @allow(*EVERYBODY)
    async def home(request: Request, actor: CurrentActor, query: Annotated[LiveQuery, Query()]) -> HTMLResponse:
        """The live page: this site's board and the room there is in the whole network."""
        return await _show(screens, request, actor, query, "home.html", whole=True)

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
        viewer, spoken = viewer_of(request, actor, screens.cookie), screens.language(request)
        facts: dict[str, Any] = {"now": spoken.moment_long(screens.clock.now()), "evacuation": query.evacuation}
        try:
            listed = await screens.night_list(viewer, spoken, query.location, evacuation=query.evacuation)
        except NoAnswer:
            return screens.page(request, "list.html", 503, listed=None, answered=False, **facts)
        return screens.page(request, "list.html", 200 if listed else 404, listed=listed, answered=True, **facts)


async def _show(
    screens: Screens, request: Request, actor: CurrentActor, query: LiveQuery, template: str, *, whole: bool = False
) -> HTMLResponse:
    """whole: with the notes of the last shift, which are asked for by themselves from then on."""
    viewer, notes = viewer_of(request, actor, screens.cookie), dict[str, Any](notes=None, notes_too=False)
    try:
        facts = await screens.live(viewer, screens.language(request), query.location, query.after)
    except NoAnswer:
        facts = NOTHING | {"now": screens.language(request).precisely(screens.clock.now())}
        return screens.page(request, template, 503, role=actor.role, **notes, **facts)
    if whole and facts["waits"] is not None:
        found = await notes_facts(screens, viewer, screens.language(request), facts["board"].location)
        notes = {"notes": found["notes"], "notes_too": screens.notes is not None}
    return screens.page(request, template, role=actor.role, **notes, **facts)


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


__all__ = ["HERE", "NoAnswer", "Places", "Screens", "build"]
