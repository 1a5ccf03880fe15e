"""The screen on which a story is followed: how something came about, and what came of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from fastapi import FastAPI, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import HTMLResponse

from services.console.api_screens import NoAnswer, Screens, viewer_of
from services.console.api_spans import TRACES_MAX
from services.console.spans import Kept
from services.console.story import shown, stretches
from shared.causes import Step
from shared.http_access import CurrentActor, allow
from shared.http_archive import TRACERS

SHORT_CHARS_MAX = 80
TRACE = re.compile(r"[0-9a-f]{32}")


class StoryQuery(BaseModel):
    """id: of anything, or of a trace, as somebody pasted it."""

    model_config = ConfigDict(extra="ignore")

    id: Annotated[str, Field(max_length=SHORT_CHARS_MAX)] = ""


def traces_of(steps: Sequence[Step], asked: str) -> list[str]:
    """The traces a story went through, and the one that was asked about; what was in a file is in none."""
    found = [step.trace_id for step in steps if step.trace_id is not None]
    return list(dict.fromkeys([asked, *found] if TRACE.fullmatch(asked) else found))[:TRACES_MAX]


async def spans_of(screens: Screens, token: str, traces: Sequence[str]) -> list[Kept]:
    """What is kept of them here; nothing while nobody answers: the story stands without them."""
    try:
        answer = await screens.places.at("console").ask(token, "spans", trace=traces) if traces else {"spans": []}
    except NoAnswer:
        return []
    return msgspec.convert(answer["spans"], list[Kept], strict=False)


def links_of(template: str | None, traces: Sequence[str]) -> dict[str, str]:
    """The page of each trace where a site's spans go to somebody else."""
    return {} if template is None else {trace: template.replace("{trace_id}", trace) for trace in traces}


def add_story(pages: FastAPI, screens: Screens) -> None:
    """Adds the page of this module."""

    @pages.get("/trace")
    @allow(*TRACERS)
    async def trace(request: Request, actor: CurrentActor, query: Annotated[StoryQuery, Query()]) -> HTMLResponse:
        """A story as this site knows it, as a tree and in time."""
        viewer, asked = viewer_of(request, actor, screens.cookie), query.id.strip().lower()
        facts: dict[str, Any] = {"role": actor.role, "asked": asked, "story": None, "silent": [], "answered": True,
                                 "left_off": False, "spans": [], "links": {},
                                 "kept_percent": f"{screens.settings.trace_sample_ratio * 100:g}"}  # fmt: skip
        if not asked:
            return screens.page(request, "trace.html", **facts)
        try:
            answer = await screens.places.story(viewer.token, asked)
        except NoAnswer:
            return screens.page(request, "trace.html", 503, **(facts | {"answered": False}))
        steps = [] if answer is None else msgspec.convert(answer["steps"], list[Step])
        traces = traces_of(steps, asked)
        facts |= {"spans": stretches(await spans_of(screens, viewer.token, traces), screens.language(request)),
                  "links": links_of(screens.settings.trace_link, traces)}  # fmt: skip
        if answer is None:
            return screens.page(request, "trace.html", 404, **facts)
        facts |= {"story": shown(steps, asked, screens.language(request)), "silent": answer["silent"]}
        return screens.page(request, "trace.html", **(facts | {"left_off": answer["left_off"]}))
