"""The screen of the weeks that are over: what happened at the desks, outcomes beside what organisations report, unmet
need; and what it can be taken away as."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.responses import HTMLResponse

from services.console.api_city import PAPER, PARQUET, download, parquet, table
from services.console.api_screens import NoAnswer, Screens, viewer_of
from services.console.weeks import BAR, CELL, CHART_HEIGHT, COLUMNS, NAME, file_rows, weeks
from shared.http_access import EVERYBODY, CurrentActor, allow
from shared.security import Actor

WEEKS_SHOWN = 8
WHOLE = frozenset({"least", "most"})
MEASURES = {"chart": CHART_HEIGHT, "cell": CELL, "name": NAME, "bar": BAR}


async def _asked(screens: Screens, request: Request, actor: Actor) -> Any:
    viewer = viewer_of(request, actor, screens.cookie)
    return await screens.places.ask(viewer.token, "weeks", weeks=WEEKS_SHOWN)


def _page(screens: Screens, request: Request, actor: Actor, answer: Any) -> HTMLResponse:
    """answer: None when there was none."""
    spoken = screens.language(request)
    return screens.page(
        request, "weeks.html", 503 if answer is None else 200, role=actor.role,
        weeks=None if answer is None else weeks(answer, spoken),
        below=None if answer is None else answer["small_counts_below"],
        now=spoken.moment_long(screens.clock.now()), parquet=PARQUET, **MEASURES,
    )  # fmt: skip


def add_weeks(pages: FastAPI, screens: Screens) -> None:
    """Adds the pages of this module."""

    @pages.get("/city/weeks")
    @allow(*EVERYBODY)
    async def show(request: Request, actor: CurrentActor) -> HTMLResponse:
        """The last weeks that are over: a picture, and the tables behind it."""
        try:
            return _page(screens, request, actor, await _asked(screens, request, actor))
        except NoAnswer:
            return _page(screens, request, actor, None)

    @pages.get("/city/weeks.csv")
    @allow(*EVERYBODY)
    async def as_table(request: Request, actor: CurrentActor) -> Response:
        """Every count of every week, as a table."""
        try:
            answer = await _asked(screens, request, actor)
        except NoAnswer:
            return _page(screens, request, actor, None)
        rows = file_rows(answer, screens.clock.now().isoformat())
        return download(table(COLUMNS, rows), "text/csv; charset=utf-8", "weeks.csv")

    @pages.get("/city/weeks.svg")
    @allow(*EVERYBODY)
    async def as_picture(request: Request, actor: CurrentActor) -> Response:
        """The shares as a picture, with its moment and its source in it."""
        try:
            answer = await _asked(screens, request, actor)
        except NoAnswer:
            return _page(screens, request, actor, None)
        spoken = screens.language(request)
        facts: dict[str, Any] = {
            "weeks": weeks(answer, spoken),
            "now": spoken.moment_long(screens.clock.now()),
            "paper": PAPER,
        }
        drawn = screens.page(request, "weeks_chart.html", **facts, **MEASURES)
        return download(bytes(drawn.body), "image/svg+xml", "weeks.svg")

    if PARQUET:

        @pages.get("/city/weeks.parquet")
        @allow(*EVERYBODY)
        async def as_parquet(request: Request, actor: CurrentActor) -> Response:
            """The same in Parquet, where the extra `parquet` is installed."""
            try:
                answer = await _asked(screens, request, actor)
            except NoAnswer:
                return _page(screens, request, actor, None)
            rows = list(file_rows(answer, screens.clock.now().isoformat()))
            made = await asyncio.to_thread(parquet, COLUMNS, rows, WHOLE)
            return download(made, "application/vnd.apache.parquet", "weeks.parquet")
