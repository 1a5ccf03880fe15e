"""The screen of consultation hours, activities and internships: what is coming, a seat in it, and who came."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from starlette.responses import HTMLResponse

from services.console.api_clients import AfterQuery, FormQuery
from services.console.api_screens import NoAnswer, Screens, Viewer, viewer_of
from services.console.forms import Option
from services.console.sessions import OPENERS, session_form, sessions
from shared.http_access import CurrentActor, allow
from shared.security import Role

ORGANISERS: tuple[Role, ...] = ("operator", "caseworker", "coordinator")


def add_sessions(pages: FastAPI, screens: Screens) -> None:
    """Adds the pages of this module."""
    for path, template in (("/sessions", "sessions.html"), ("/sessions/live", "sessions_live.html")):
        _add_page(pages, screens, path, template)
    _add_form(pages, screens)


async def _known(screens: Screens, viewer: Viewer, after: int | None) -> tuple[list[dict[str, Any]], list[Option]]:
    """The sessions of this site that are coming or may still be counted, and its houses. Raises `NoAnswer`."""
    ask = screens.places.every
    rows, houses = await asyncio.gather(
        ask(viewer.token, "sessions", recent="true", after=after), ask(viewer.token, "locations", after=after)
    )
    return rows, [(house["id"], house["title"] or house["id"]) for house in houses]


def _add_page(pages: FastAPI, screens: Screens, path: str, template: str) -> None:
    @pages.get(path)
    @allow(*ORGANISERS)
    async def shown(request: Request, actor: CurrentActor, query: Annotated[AfterQuery, Query()]) -> HTMLResponse:
        """What is coming by kind, and what is over and may be counted; `/live`: the part that changes."""
        viewer, spoken = viewer_of(request, actor, screens.cookie), screens.language(request)
        now = screens.clock.now()
        facts: dict[str, Any] = {"role": actor.role, "now": spoken.precisely(now), "may_open": actor.role in OPENERS}
        try:
            rows, houses = await _known(screens, viewer, query.after)
        except NoAnswer:
            return screens.page(request, template, 503, sessions=None, houses=[], **facts)
        made = sessions(rows, dict(houses), now, spoken)
        return screens.page(request, template, sessions=made, houses=houses, **facts)


def _add_form(pages: FastAPI, screens: Screens) -> None:
    @pages.get("/sessions/form")
    @allow(*ORGANISERS)
    async def form(request: Request, actor: CurrentActor, query: Annotated[FormQuery, Query()]) -> HTMLResponse:
        """A session that is opened, a seat of one, or who came. A piece of the page."""
        viewer, spoken = viewer_of(request, actor, screens.cookie), screens.language(request)
        try:
            rows, houses = await _known(screens, viewer, None)
        except NoAnswer:
            return screens.page(request, "form.html", 503, form=None, answered=False)
        site, now = screens.settings.site, screens.clock.now()
        made = session_form(query.about, query.of, rows, houses, site, actor.role, now, spoken)
        return screens.page(request, "form.html", 200 if made else 404, form=made, answered=True)
