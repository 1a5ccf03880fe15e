"""The municipality's screens: the city by district and kind, now or as it was, and what it can be downloaded as."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import HTMLResponse

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
    locations are listed. after: a write the page must show."""

    model_config = ConfigDict(extra="ignore")

    at: Annotated[str, Field(max_length=40)] = ""
    district: Annotated[str, Field(max_length=200)] = ""
    after: Annotated[int | None, Field(ge=0, le=2**63 - 1)] = None


def add_city(pages: FastAPI, screens: Screens) -> None:
    """Adds the pages of this module."""
    for path, template in (("/city", "city.html"), ("/city/live", "city_live.html")):
        _add_page(pages, screens, path, template)
    _add_downloads(pages, screens)


async def _asked(screens: Screens, token: str, at: datetime | None, after: int | None = None) -> Any:
    return await screens.places.ask(token, "capacity", at=None if at is None else at.isoformat(), after=after)


def _add_page(pages: FastAPI, screens: Screens, path: str, template: str) -> None:
    @pages.get(path)
    @allow(*EVERYBODY)
    async def show(request: Request, actor: CurrentActor, query: Annotated[CityQuery, Query()]) -> HTMLResponse:
        """The city by district and kind, now or as it was; `/live`: the part that changes."""
        viewer, spoken = viewer_of(request, actor, screens.cookie), screens.language(request)
        now = screens.clock.now()
        at = moment_asked(query.at, now)
        facts: dict[str, Any] = {
            "role": actor.role, "now": spoken.precisely(now), "span": SPAN_HOURS, "district": query.district,
            "at_iso": at.isoformat() if at else "", "parquet": PARQUET, "tile": TILE,
        }  # fmt: skip
        try:
            answer = await _asked(screens, viewer.token, at, query.after)
        except NoAnswer:
            return screens.page(request, template, 503, **_nothing(screens, request, actor.role) | facts)
        shown = city(answer, screens.settings.site, at, now, query.district, spoken)
        agreed, wrong = _agreed(screens.settings.agreed, answer["rows"], at or now, spoken)
        return screens.page(
            request, template, city=shown, agreed=agreed, agreed_wrong=wrong, plan=_plan(screens.settings.map), **facts
        )


def _add_downloads(pages: FastAPI, screens: Screens) -> None:
    async def figures(request: Request, actor: Actor, query: CityQuery) -> Any:
        viewer, at = viewer_of(request, actor, screens.cookie), moment_asked(query.at, screens.clock.now())
        answer = await _asked(screens, viewer.token, at)
        return [{"as_of": answer["as_of"], **row} for row in answer["rows"]]

    @pages.get("/city/capacity.csv")
    @allow(*EVERYBODY)
    async def capacity_csv(request: Request, actor: CurrentActor, query: Annotated[CityQuery, Query()]) -> Response:
        """The figures as a table: the columns of `plek export capacity`."""
        try:
            rows = await figures(request, actor, query)
        except NoAnswer:
            return screens.page(request, "city.html", 503, **_nothing(screens, request, actor.role))
        return download(table(COLUMNS_CSV, rows), "text/csv; charset=utf-8", "capacity.csv")

    if PARQUET:

        @pages.get("/city/capacity.parquet")
        @allow(*EVERYBODY)
        async def capacity_parquet(
            request: Request, actor: CurrentActor, query: Annotated[CityQuery, Query()]
        ) -> Response:
            """The same in Parquet, where the extra `parquet` is installed."""
            try:
                rows = await figures(request, actor, query)
            except NoAnswer:
                return screens.page(request, "city.html", 503, **_nothing(screens, request, actor.role))
            made = await asyncio.to_thread(parquet, COLUMNS_CSV, rows)
            return download(made, "application/vnd.apache.parquet", "capacity.parquet")

    @pages.get("/city/agreed.csv")
    @allow(*EVERYBODY)
    async def agreed_csv(request: Request, actor: CurrentActor, query: Annotated[CityQuery, Query()]) -> Response:
        """What was agreed with each location beside what is, or was, there."""
        viewer, spoken, now = viewer_of(request, actor, screens.cookie), screens.language(request), screens.clock.now()
        at = moment_asked(query.at, now)
        try:
            answer = await _asked(screens, viewer.token, at)
        except NoAnswer:
            return screens.page(request, "city.html", 503, **_nothing(screens, request, actor.role))
        lines, _ = _agreed(screens.settings.agreed, answer["rows"], at or now, spoken)
        return download(table(FILE_COLUMNS, file_rows(lines, answer["as_of"])), "text/csv; charset=utf-8", "agreed.csv")

    @pages.get("/city/map.svg")
    @allow(*EVERYBODY)
    async def map_svg(request: Request, actor: CurrentActor, query: Annotated[CityQuery, Query()]) -> Response:
        """The map as a picture, with its moment and its source in it."""
        viewer, spoken, now = viewer_of(request, actor, screens.cookie), screens.language(request), screens.clock.now()
        at = moment_asked(query.at, now)
        try:
            answer = await _asked(screens, viewer.token, at)
        except NoAnswer:
            return screens.page(request, "city.html", 503, **_nothing(screens, request, actor.role))
        shown = city(answer, screens.settings.site, at, now, "", spoken)
        found = _plan(screens.settings.map)
        drawn = screens.page(request, "city_map.html", city=shown, tile=TILE, paper=PAPER, plan=found)
        return download(bytes(drawn.body), "image/svg+xml", "map.svg")


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


def _nothing(screens: Screens, request: Request, role: str) -> dict[str, Any]:
    return {
        "role": role, "now": screens.language(request).precisely(screens.clock.now()), "span": SPAN_HOURS, "at_iso": "",
        "district": "", "parquet": PARQUET, "tile": TILE, "city": None, "plan": None, "agreed": [], "agreed_wrong": "",
    }  # fmt: skip


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
