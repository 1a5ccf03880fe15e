"""The municipality's screens: the city by district and kind, now or as it was, and what it can be downloaded as."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from datetime import datetime
from functools import lru_cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from services.console.agreed import FILE_COLUMNS, Line, NotAgreed, against, file_rows, read
from services.console.api_screens import NoAnswer, Screens, viewer_of
from services.console.city import (
    COLUMNS_CSV,
    GAP,
    SPAN_HOURS,
    TILE_HEIGHT,
    TILE_WIDTH,
    WHOLE,
    city,
    moment_asked,
)
from services.console.shapes import BYTES_MAX, Plan, plan
from services.console.words import ZONE, Words
from shared.http_access import EVERYBODY, CurrentActor, allow
from shared.security import Actor

PARQUET = find_spec("polars") is not None
"""Whether the extra `parquet` is installed."""
TILE = (TILE_WIDTH - GAP, TILE_HEIGHT - GAP)
"""How wide and high a district is on the map."""
SAFE_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for a formula."""

PAPER = {
    "ink": "#1f2628", "room": "#e3f1ea", "little": "#fbefd9", "full": "#fbe9e6", "unsure": "#ebe7e1", "line": "#8b8378",
    "bar": "#34507e", "goal": "#a1241c",
}  # fmt: skip
"""The colours of a map that is taken away: those of the light scheme."""


class CityQuery(BaseModel):
    """at: a moment, as the clocks of the city show it; left out or not a moment that was: now. district: whose
    locations are listed. after: a write the page must show. week: the Monday of the week that is drawn."""

    model_config = ConfigDict(extra="ignore")

    at: Annotated[str, Field(max_length=40)] = ""
    district: Annotated[str, Field(max_length=200)] = ""
    after: Annotated[int | None, Field(ge=0, le=2**63 - 1)] = None
    week: Annotated[str, Field(max_length=40)] = ""


Make = Callable[[Request, Actor, CityQuery], Awaitable[Response]]
"""Makes a page or a file out of what it asks. Raises `NoAnswer`."""
GiveUp = Callable[[Request, Actor], Response]
"""The page that says that nobody answered."""


def add_made(pages: FastAPI, path: str, about: str, make: Make, give_up: GiveUp) -> None:
    """A screen of the city, or a file of it: made from what a service answers, and where none does, the page says so.
    about: what it is, for whoever reads the list of routes."""

    @pages.get(path, description=about)
    @allow(*EVERYBODY)
    async def answered(request: Request, actor: CurrentActor, query: Annotated[CityQuery, Query()]) -> Response:
        try:
            return await make(request, actor, query)
        except NoAnswer:
            return give_up(request, actor)


def add_city(pages: FastAPI, screens: Screens) -> None:
    """Adds the pages of this module."""
    made = _Made(screens)
    for path, template, about in (
        ("/city", "city.html", "The city by district and kind, now or as it was."),
        ("/city/live", "city_live.html", "The part of it that changes."),
    ):
        add_made(pages, path, about, partial(made.page, template), partial(made.nothing, template))
    files: list[tuple[str, str, Make]] = [
        ("/city/capacity.csv", "The figures as a table: the columns of `plek export capacity`.", made.as_table),
        ("/city/agreed.csv", "What was agreed with each location beside what is, or was, there.", made.agreed),
        ("/city/map.svg", "The map as a picture, with its moment and its source in it.", made.map),
    ]
    if PARQUET:
        files.append(("/city/capacity.parquet", "The figures in Parquet, where that is installed.", made.as_parquet))
    for path, about, make in files:
        add_made(pages, path, about, make, partial(made.nothing, "city.html"))


class _Made:
    """What is made of the network's capacity, now or at a moment."""

    def __init__(self, screens: Screens) -> None:
        self._screens = screens

    async def _asked(self, request: Request, actor: Actor, query: CityQuery) -> tuple[Any, datetime | None, datetime]:
        """What the places service answers, the moment asked about (None: now), and now."""
        screens, now = self._screens, self._screens.clock.now()
        at = moment_asked(query.at, now)
        token = viewer_of(request, actor, screens.cookie).token
        moment = None if at is None else at.isoformat()
        return await screens.places.ask(token, "capacity", at=moment, after=query.after), at, now

    async def page(self, template: str, request: Request, actor: Actor, query: CityQuery) -> Response:
        screens, spoken = self._screens, self._screens.language(request)
        answer, at, now = await self._asked(request, actor, query)
        agreed, wrong = _agreed(screens.settings.agreed, answer["rows"], at or now, spoken)
        facts: dict[str, Any] = {
            "city": city(answer, screens.settings.site, at, now, query.district, spoken), "agreed": agreed,
            "agreed_wrong": wrong, "plan": _plan(screens.settings.map), "district": query.district,
            "at_iso": at.isoformat() if at else "",
        }  # fmt: skip
        return screens.page(request, template, **self._head(request, actor) | facts)

    async def as_table(self, request: Request, actor: Actor, query: CityQuery) -> Response:
        rows = await self._rows(request, actor, query)
        return download(table(COLUMNS_CSV, rows), "text/csv; charset=utf-8", "capacity.csv")

    async def as_parquet(self, request: Request, actor: Actor, query: CityQuery) -> Response:
        rows = await self._rows(request, actor, query)
        made = await asyncio.to_thread(parquet, COLUMNS_CSV, rows)
        return download(made, "application/vnd.apache.parquet", "capacity.parquet")

    async def agreed(self, request: Request, actor: Actor, query: CityQuery) -> Response:
        screens, spoken = self._screens, self._screens.language(request)
        answer, at, now = await self._asked(request, actor, query)
        lines, _ = _agreed(screens.settings.agreed, answer["rows"], at or now, spoken)
        return download(table(FILE_COLUMNS, file_rows(lines, answer["as_of"])), "text/csv; charset=utf-8", "agreed.csv")

    async def map(self, request: Request, actor: Actor, query: CityQuery) -> Response:
        screens = self._screens
        answer, at, now = await self._asked(request, actor, query)
        shown = city(answer, screens.settings.site, at, now, "", screens.language(request))
        found = _plan(screens.settings.map)
        drawn = screens.page(request, "city_map.html", city=shown, tile=TILE, paper=PAPER, plan=found)
        return download(bytes(drawn.body), "image/svg+xml", "map.svg")

    def nothing(self, template: str, request: Request, actor: Actor) -> Response:
        """The page without figures: nobody answers."""
        facts: dict[str, Any] = {
            "at_iso": "", "district": "", "city": None, "plan": None, "agreed": [], "agreed_wrong": "",
        }  # fmt: skip
        return self._screens.page(request, template, 503, **self._head(request, actor) | facts)

    def _head(self, request: Request, actor: Actor) -> dict[str, Any]:
        """What the page has whether there are figures or not."""
        now = self._screens.language(request).precisely(self._screens.clock.now())
        return {"role": actor.role, "now": now, "span": SPAN_HOURS, "parquet": PARQUET, "tile": TILE}

    async def _rows(self, request: Request, actor: Actor, query: CityQuery) -> list[dict[str, Any]]:
        answer, _, _ = await self._asked(request, actor, query)
        return [{"as_of": answer["as_of"], **row} for row in answer["rows"]]


def _agreed(file: Path | None, rows: list[Any], at: datetime, words: Words) -> tuple[list[Line], str]:
    """What was agreed, held against what is there; and what is wrong with the list, in words, or nothing."""
    if file is None:
        return [], ""
    try:
        if file.stat().st_size > BYTES_MAX:
            return [], words("agreed.unreadable")
        return against(read(file.read_text("utf-8-sig")), rows, at.astimezone(ZONE).date(), words), ""
    except NotAgreed as wrong:
        return [], words("agreed.wrong", line=wrong.line)
    except (OSError, UnicodeDecodeError):
        return [], words("agreed.unreadable")


def _plan(file: Path | None) -> Plan | None:
    """The map as it is now on the disk; None where there is none, or none that can be drawn: then it is schematic."""
    try:
        return None if file is None else _drawn(file, file.stat().st_mtime_ns, file.stat().st_size)
    except OSError:
        return None


@lru_cache(maxsize=1)
def _drawn(file: Path, changed: int, size: int) -> Plan | None:
    """changed: part of what is remembered, so that a new file is drawn anew."""
    try:
        return plan(json.loads(file.read_text("utf-8-sig"))) if size <= BYTES_MAX else None
    except (OSError, ValueError, RecursionError):  # `NoMap` is one; brackets without end are no map either
        return None


def table(columns: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Rows as CSV (RFC 4180). A text that a spreadsheet would take for a formula is marked as a text."""
    text = io.StringIO()
    write = csv.DictWriter(text, list(columns), extrasaction="ignore")
    write.writeheader()
    for row in rows:
        write.writerow({name: _plain(value) for name, value in row.items()})
    return text.getvalue().encode()


def parquet(
    columns: Iterable[str], rows: Iterable[Mapping[str, Any]], whole: Collection[str] = WHOLE
) -> bytes:  # fmt: skip
    """Rows as one Parquet file. whole: columns of whole numbers. A site that nobody asks this of never loads what it
    takes."""
    import polars

    schema = {name: polars.Int64 if name in whole else polars.String for name in columns}
    file = io.BytesIO()
    polars.DataFrame([{name: row[name] for name in schema} for row in rows], schema=schema).write_parquet(file)
    return file.getvalue()


def _plain(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(SAFE_STARTS) else value


def download(content: bytes, media_type: str, name: str) -> Response:
    """A file to be taken away, under a name that says where it is from."""
    return Response(
        content, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="plek-{name}"'}
    )
