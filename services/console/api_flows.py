"""The screen of who went from one kind of place to another, week by week; and what it can be taken away as."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import FastAPI, Request, Response

from services.console.api_city import PAPER, PARQUET, CityQuery, Make, add_made, download, parquet, table
from services.console.api_screens import Screens, viewer_of
from services.console.flows import COLUMNS, LEFT, POST, RIGHT, WIDTH, file_rows, flows
from shared.security import Actor

WEEKS_SHOWN = 8
WHOLE = frozenset({"households"})
MEASURES = {"width": WIDTH, "left": LEFT, "right": RIGHT, "post": POST}


def add_flows(pages: FastAPI, screens: Screens) -> None:
    """Adds the pages of this module."""
    made = _Made(screens)
    routes: list[tuple[str, Make, str]] = [
        ("/city/flows", made.page, "Who went from one kind of place to another: bands of a week, and the table."),
        ("/city/flows.csv", made.as_table, "Every way of every week, as a table."),
        ("/city/flows.svg", made.as_picture, "The bands as a picture, with its moment and its source in it."),
    ]
    if PARQUET:
        routes.append(("/city/flows.parquet", made.as_parquet, "The table in Parquet, where that is installed."))
    for path, make, about in routes:
        add_made(pages, path, about, make, made.nothing)


class _Made:
    """What is made of the weeks that are over."""

    def __init__(self, screens: Screens) -> None:
        self._screens = screens

    async def page(self, request: Request, actor: Actor, query: CityQuery) -> Response:
        answer = await self._asked(request, actor)
        shown = flows(answer, query.week, self._screens.language(request))
        picked = next(monday for monday, _, drawn in shown.weeks if drawn)
        return self._page(request, actor, 200, flows=shown, below=answer["small_counts_below"], picked=picked)

    async def as_table(self, request: Request, actor: Actor, query: CityQuery) -> Response:
        rows = file_rows(await self._asked(request, actor), self._screens.clock.now().isoformat())
        return download(table(COLUMNS, rows), "text/csv; charset=utf-8", "flows.csv")

    async def as_parquet(self, request: Request, actor: Actor, query: CityQuery) -> Response:
        rows = list(file_rows(await self._asked(request, actor), self._screens.clock.now().isoformat()))
        made = await asyncio.to_thread(parquet, COLUMNS, rows, WHOLE)
        return download(made, "application/vnd.apache.parquet", "flows.parquet")

    async def as_picture(self, request: Request, actor: Actor, query: CityQuery) -> Response:
        spoken = self._screens.language(request)
        shown = flows(await self._asked(request, actor), query.week, spoken)
        facts: dict[str, Any] = {"now": spoken.moment_long(self._screens.clock.now()), "paper": PAPER, "flows": shown}
        drawn = self._screens.page(request, "flows_chart.html", **facts, **MEASURES)
        return download(bytes(drawn.body), "image/svg+xml", "flows.svg")

    def nothing(self, request: Request, actor: Actor) -> Response:
        """The page without weeks: nobody answers."""
        return self._page(request, actor, 503, flows=None, below=self._screens.settings.small_counts_below)

    async def _asked(self, request: Request, actor: Actor) -> Any:
        viewer = viewer_of(request, actor, self._screens.cookie)
        return await self._screens.places.ask(viewer.token, "weeks", weeks=WEEKS_SHOWN)

    def _page(self, request: Request, actor: Actor, status: int, **facts: Any) -> Response:
        now = self._screens.language(request).moment_long(self._screens.clock.now())
        return self._screens.page(
            request, "flows.html", status, role=actor.role, now=now, parquet=PARQUET, **MEASURES, **facts
        )  # fmt: skip
