"""The screen on which a story is followed: how something came about, and what came of it."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import FastAPI, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import HTMLResponse

from services.console.api_screens import NoAnswer, Screens, viewer_of
from services.console.story import shown
from shared.causes import Step
from shared.http_access import CurrentActor, allow
from shared.http_archive import TRACERS

SHORT_CHARS_MAX = 80


class StoryQuery(BaseModel):
    """id: of anything, or of a trace, as somebody pasted it."""

    model_config = ConfigDict(extra="ignore")

    id: Annotated[str, Field(max_length=SHORT_CHARS_MAX)] = ""


def add_story(pages: FastAPI, screens: Screens) -> None:
    """Adds the page of this module."""

    @pages.get("/trace")
    @allow(*TRACERS)
    async def trace(request: Request, actor: CurrentActor, query: Annotated[StoryQuery, Query()]) -> HTMLResponse:
        """A story as this site knows it, as a tree and in time."""
        viewer, asked = viewer_of(request, actor, screens.cookie), query.id.strip().lower()
        facts: dict[str, Any] = {"role": actor.role, "asked": asked, "story": None, "silent": [], "answered": True,
                                 "left_off": False}  # fmt: skip
        if not asked:
            return screens.page(request, "trace.html", **facts)
        try:
            answer = await screens.places.story(viewer.token, asked)
        except NoAnswer:
            return screens.page(request, "trace.html", 503, **(facts | {"answered": False}))
        if answer is None:
            return screens.page(request, "trace.html", 404, **facts)
        steps = msgspec.convert(answer["steps"], list[Step])
        facts |= {"story": shown(steps, asked, screens.language(request)), "silent": answer["silent"]}
        return screens.page(request, "trace.html", **(facts | {"left_off": answer["left_off"]}))
