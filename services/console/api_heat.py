"""The screen of the last nights: how full the city and each house was. What was asked is kept for some minutes: a night
that is over hardly changes, and many look at it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.responses import HTMLResponse

from services.console.api_city import download, table
from services.console.api_screens import NoAnswer, Screens, Viewer, viewer_of
from services.console.heat import CELL, CHART_HEIGHT, LINE, NAME, Key, Use, heat, nights, used
from shared.http_access import EVERYBODY, CurrentActor, allow

KEPT_SECONDS = 300.0
"""How old a night that is shown may be: what is reported late shows after that."""
KEPT_MAX = 64
AT_ONCE = 4
"""Nights asked for at the same time: whoever looks at the past holds up nobody at a desk."""
COLUMNS = ("night", "site", "location", "title", "district", "occupied", "places")


class Nights:
    """The last nights as the places service tells them, to every role the same; each is kept for a while."""

    def __init__(self, screens: Screens) -> None:
        self._screens = screens
        self._kept: OrderedDict[datetime, tuple[float, Mapping[Key, Use]]] = OrderedDict()
        self._asking = asyncio.Semaphore(AT_ONCE)

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
    kept = Nights(screens)

    @pages.get("/city/nights")
    @allow(*EVERYBODY)
    async def show(request: Request, actor: CurrentActor) -> HTMLResponse:
        """How full the city and each house was in the last nights: a picture, and the table behind it."""
        viewer, spoken, now = viewer_of(request, actor, screens.cookie), screens.language(request), screens.clock.now()
        moments = nights(now)
        facts: dict[str, Any] = {
            "role": actor.role, "now": spoken.moment_long(now), "cell": CELL, "line": LINE, "name": NAME,
            "chart": CHART_HEIGHT,
        }  # fmt: skip
        try:
            shown = heat(moments, await kept.seen(viewer, moments), spoken)
        except NoAnswer:
            return screens.page(request, "nights.html", 503, heat=None, **facts)
        return screens.page(request, "nights.html", heat=shown, **facts)

    @pages.get("/city/nights.csv")
    @allow(*EVERYBODY)
    async def as_table(request: Request, actor: CurrentActor) -> Response:
        """The same as a table: a row for each house and night."""
        viewer, now = viewer_of(request, actor, screens.cookie), screens.clock.now()
        moments = nights(now)
        try:
            seen = await kept.seen(viewer, moments)
        except NoAnswer:
            facts = {"role": actor.role, "now": "", "cell": 0, "line": 0, "name": 0, "chart": 0}
            return screens.page(request, "nights.html", 503, heat=None, **facts)
        rows = (
            {"night": moment.isoformat(), "site": site, "location": location, "title": use.title,
             "district": use.district, "occupied": use.occupied, "places": use.places}
            for moment, night in zip(moments, seen, strict=True)
            for (site, location), use in sorted(night.items())
        )  # fmt: skip
        return download(table(COLUMNS, rows), "text/csv; charset=utf-8", "nights.csv")
