"""The screen of the weeks that are over: what happened at the desks, outcomes beside what organisations report, unmet
need; and what it can be taken away as."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.responses import HTMLResponse

from services.console.api_city import PAPER, PARQUET, CityQuery, add_made, download, parquet, table
from services.console.api_screens import NoAnswer, Screens, viewer_of
from services.console.pressure import pressure
from services.console.waited import COLUMNS as WAITING_COLUMNS
from services.console.waited import Point, points, waited
from services.console.waited import file_rows as waiting_rows
from services.console.weeks import BAR, CELL, CHART_HEIGHT, COLUMNS, NAME, file_rows, weeks
from shared.ports import StoreUnavailable
from shared.security import Actor

WEEKS_SHOWN = 8
WHOLE = frozenset({"least", "most"})
MEASURES = {"chart": CHART_HEIGHT, "cell": CELL, "name": NAME, "bar": BAR}
KEPT_SECONDS = 300.0
"""How old the count of who waited may be: it looks through all notices of the journal."""

Draw = Callable[[Request, Actor, Any], Awaitable[Response]]
"""Makes a page or a file of the weeks."""


class _Desk:
    """What the routes have in common. Who waited is counted anew every five minutes at most."""

    def __init__(self, screens: Screens) -> None:
        self.screens = screens
        self._kept: tuple[float, list[Point]] | None = None
        self._counting = asyncio.Lock()

    async def asked(self, request: Request, actor: Actor) -> Any:
        """The weeks that are over. Raises `NoAnswer`."""
        viewer = viewer_of(request, actor, self.screens.cookie)
        return await self.screens.places.ask(viewer.token, "weeks", weeks=WEEKS_SHOWN)

    async def waited(self, request: Request, actor: Actor) -> list[Point] | None:
        """Who waited; None when that cannot be counted now. Of many who ask at once, one has it counted."""
        async with self._counting:
            return await self._waited(request, actor)

    async def _waited(self, request: Request, actor: Actor) -> list[Point] | None:
        screens, clock = self.screens, self.screens.clock
        if self._kept is not None and clock.monotonic() - self._kept[0] < KEPT_SECONDS:
            return self._kept[1]
        if screens.waiting is None:
            return None
        viewer = viewer_of(request, actor, screens.cookie)
        try:
            told, open_ = await asyncio.gather(
                screens.waiting.requests(), screens.places.ask(viewer.token, "waiting-list", limit=10_000)
            )
        except (NoAnswer, StoreUnavailable):
            return None
        settings = screens.settings
        found = points(told, open_["items"], clock.now(), settings.small_counts_below, settings.journal_days)
        self._kept = (clock.monotonic(), found)
        return found

    def page(self, request: Request, actor: Actor, answer: Any, found: list[Point] | None = None) -> HTMLResponse:
        """answer: None when there was none."""
        screens, spoken = self.screens, self.screens.language(request)
        below = screens.settings.small_counts_below
        return screens.page(
            request, "weeks.html", 503 if answer is None else 200, role=actor.role,
            weeks=None if answer is None else weeks(answer, spoken),
            pressure=None if answer is None else pressure(answer, spoken),
            waited=None if found is None else waited(found, below, spoken),
            below=below if answer is None else answer["small_counts_below"],
            now=spoken.moment_long(screens.clock.now()), parquet=PARQUET, **MEASURES,
        )  # fmt: skip


def add_weeks(pages: FastAPI, screens: Screens) -> None:
    """Adds the pages of this module."""
    desk = _Desk(screens)

    async def page(request: Request, actor: Actor, answer: Any) -> Response:
        return desk.page(request, actor, answer, await desk.waited(request, actor))

    async def as_table(request: Request, actor: Actor, answer: Any) -> Response:
        rows = file_rows(answer, screens.clock.now().isoformat())
        return download(table(COLUMNS, rows), "text/csv; charset=utf-8", "weeks.csv")

    async def as_picture(request: Request, actor: Actor, answer: Any) -> Response:
        spoken = screens.language(request)
        now = spoken.moment_long(screens.clock.now())
        facts: dict[str, Any] = {"weeks": weeks(answer, spoken), "now": now, "paper": PAPER}
        drawn = screens.page(request, "weeks_chart.html", **facts, **MEASURES)
        return download(bytes(drawn.body), "image/svg+xml", "weeks.svg")

    async def as_pressure(request: Request, actor: Actor, answer: Any) -> Response:
        spoken = screens.language(request)
        now = spoken.moment_long(screens.clock.now())
        facts: dict[str, Any] = {"weeks": weeks(answer, spoken), "pressure": pressure(answer, spoken)}
        drawn = screens.page(request, "sessions_chart.html", now=now, paper=PAPER, **facts, **MEASURES)
        return download(bytes(drawn.body), "image/svg+xml", "sessions.svg")

    async def as_parquet(request: Request, actor: Actor, answer: Any) -> Response:
        rows = list(file_rows(answer, screens.clock.now().isoformat()))
        made = await asyncio.to_thread(parquet, COLUMNS, rows, WHOLE)
        return download(made, "application/vnd.apache.parquet", "weeks.parquet")

    _add(pages, desk, "/city/weeks", page, "The last weeks that are over: a picture, and the tables behind it.")
    _add(pages, desk, "/city/weeks.csv", as_table, "Every count of every week, as a table.")
    _add(pages, desk, "/city/weeks.svg", as_picture, "The shares as a picture, with its moment and its source in it.")
    _add(pages, desk, "/city/sessions.svg", as_pressure, "Full sessions and waiting days by week and kind, likewise.")
    if PARQUET:
        _add(pages, desk, "/city/weeks.parquet", as_parquet, "The same in Parquet, where that is installed.")
    _add_waiting(pages, desk)


def _add(pages: FastAPI, desk: _Desk, path: str, draw: Draw, about: str) -> None:
    """A route that is made from the weeks; without them the page says so."""

    async def make(request: Request, actor: Actor, query: CityQuery) -> Response:
        return await draw(request, actor, await desk.asked(request, actor))

    add_made(pages, path, about, make, lambda request, actor: desk.page(request, actor, None))


def _add_waiting(pages: FastAPI, desk: _Desk) -> None:
    async def make(request: Request, actor: Actor, query: CityQuery) -> Response:
        found = await desk.waited(request, actor)
        if found is None:
            raise NoAnswer("who waited")
        rows = waiting_rows(found, desk.screens.clock.now().isoformat())
        return download(table(WAITING_COLUMNS, rows), "text/csv; charset=utf-8", "waiting.csv")

    about = "Who waited at the end of each week, as a table."
    add_made(pages, "/city/waiting.csv", about, make, lambda request, actor: desk.page(request, actor, None))
