"""The screen of the last nights: how full the city and each house was. What was asked is kept for some minutes: a night
that is over hardly changes, and many look at it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fastapi import FastAPI, Request, Response

from services.console.api_city import PAPER, PARQUET, CityQuery, add_made, download, parquet, table
from services.console.api_screens import Screens, Viewer, viewer_of
from services.console.heat import CELL, CHART_HEIGHT, LINE, NAME, Heat, Key, Use, heat, nights, used
from services.console.words import Words
from shared.security import Actor

KEPT_SECONDS = 300.0
"""How old a night that is shown may be: what is reported late shows after that."""
KEPT_MAX = 64
AT_ONCE = 4
"""Nights asked for at the same time: whoever looks at the past holds up nobody at a desk."""
COLUMNS = ("night", "site", "location", "title", "district", "occupied", "places", "as_of")
WHOLE = frozenset({"occupied", "places"})


class Nights:
    """The last nights as the places service tells them, to every role the same; each is kept for a while."""

    def __init__(self, screens: Screens) -> None:
        self._screens = screens
        self._kept: OrderedDict[datetime, tuple[float, Mapping[Key, Use]]] = OrderedDict()
        self._asking = asyncio.Semaphore(AT_ONCE)
        self._drawn: dict[str, tuple[list[Mapping[Key, Use]], Heat]] = {}
        """By language, what was drawn last, and of which nights."""

    async def drawn(self, viewer: Viewer, moments: list[datetime], spoken: Words) -> Heat:
        """What is drawn of these nights: as long as they are the ones that are kept, it is not drawn again. Raises
        `NoAnswer`."""
        seen = await self.seen(viewer, moments)
        known = self._drawn.get(spoken.language)
        if known is None or any(one is not other for one, other in zip(known[0], seen, strict=True)):
            known = self._drawn[spoken.language] = (seen, heat(moments, seen, spoken))
        return known[1]

    async def seen(self, viewer: Viewer, moments: list[datetime]) -> list[Mapping[Key, Use]]:
        """What was used in each of these nights. Raises `NoAnswer`."""
        return list(await asyncio.gather(*(self._night(viewer, moment) for moment in moments)))

    async def _night(self, viewer: Viewer, moment: datetime) -> Mapping[Key, Use]:
        async with self._asking:
            clock = self._screens.clock
            kept = self._kept.get(moment)
            if kept is not None and clock.monotonic() - kept[0] <= KEPT_SECONDS:
                return kept[1]
            answer = await self._screens.places.ask(viewer.token, "capacity", at=moment.isoformat())
            found = used(answer["rows"])
            self._kept[moment] = (clock.monotonic(), found)
            self._kept.move_to_end(moment)
            while len(self._kept) > KEPT_MAX:
                self._kept.popitem(last=False)
            return found


def add_heat(pages: FastAPI, screens: Screens) -> None:
    """Adds the pages of this module."""
    made = _Made(screens)
    for path, make, about in (
        ("/city/nights", made.page, "How full the city and each house was in the last nights, as a picture."),
        ("/city/nights.csv", made.as_table, "The same as a table: a row for each house and night."),
        ("/city/nights.svg", made.as_picture, "Nights by house as a picture, with its moment and its source in it."),
        ("/city/nights.parquet", made.as_parquet, "The table in Parquet, where that is installed."),
    ):
        if PARQUET or not path.endswith(".parquet"):
            add_made(pages, path, about, make, made.nothing)


class _Made:
    """What is made of the last nights."""

    def __init__(self, screens: Screens) -> None:
        self._screens, self._kept = screens, Nights(screens)

    async def page(self, request: Request, actor: Actor, query: CityQuery) -> Response:
        return self._page(request, actor, 200, await self._heat(request, actor))

    async def as_table(self, request: Request, actor: Actor, query: CityQuery) -> Response:
        rows = await self._rows(request, actor)
        return download(table(COLUMNS, rows), "text/csv; charset=utf-8", "nights.csv")

    async def as_parquet(self, request: Request, actor: Actor, query: CityQuery) -> Response:
        made = await asyncio.to_thread(parquet, COLUMNS, await self._rows(request, actor), WHOLE)
        return download(made, "application/vnd.apache.parquet", "nights.parquet")

    async def as_picture(self, request: Request, actor: Actor, query: CityQuery) -> Response:
        shown, spoken = await self._heat(request, actor), self._screens.language(request)
        drawn = self._screens.page(
            request, "nights_heat.html", heat=shown, cell=CELL, line=LINE, name=NAME, paper=PAPER,
            now=spoken.moment_long(self._screens.clock.now()),
        )  # fmt: skip
        return download(bytes(drawn.body), "image/svg+xml", "nights.svg")

    def nothing(self, request: Request, actor: Actor) -> Response:
        """The page without nights: nobody answers."""
        return self._page(request, actor, 503, None)

    def _page(self, request: Request, actor: Actor, status: int, shown: Heat | None) -> Response:
        now = self._screens.language(request).moment_long(self._screens.clock.now())
        return self._screens.page(
            request, "nights.html", status, heat=shown, role=actor.role, now=now, cell=CELL, line=LINE, name=NAME,
            chart=CHART_HEIGHT, parquet=PARQUET,
        )  # fmt: skip

    async def _rows(self, request: Request, actor: Actor) -> list[dict[str, Any]]:
        moments, seen = await self._seen(request, actor)
        as_of = self._screens.clock.now().isoformat()
        return [
            {"night": moment.isoformat(), "site": site, "location": location, "title": use.title,
             "district": use.district, "occupied": use.occupied, "places": use.places, "as_of": as_of}
            for moment, night in zip(moments, seen, strict=True)
            for (site, location), use in sorted(night.items())
        ]  # fmt: skip

    async def _heat(self, request: Request, actor: Actor) -> Heat:
        viewer, spoken = viewer_of(request, actor, self._screens.cookie), self._screens.language(request)
        return await self._kept.drawn(viewer, nights(self._screens.clock.now()), spoken)

    async def _seen(self, request: Request, actor: Actor) -> tuple[list[datetime], list[Mapping[Key, Use]]]:
        moments = nights(self._screens.clock.now())
        return moments, await self._kept.seen(viewer_of(request, actor, self._screens.cookie), moments)
