"""HTTP: what can be looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar

import msgspec
import sqlalchemy as sa
from fastapi import Query, Response
from pydantic import BaseModel

from services.allowance import api_models as m
from services.allowance import views
from services.allowance.api_desk import Allowance
from shared.http import wait_caught_up
from shared.http_models import Page, PageQuery, decode_cursor, encode_cursor, paginate

View = TypeVar("View", bound=BaseModel)
Row = Mapping[str, Any]


class Reads:
    """Every question that comes over HTTP, one method each."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance

    async def list_programmes(self, query: Annotated[PageQuery, Query()]) -> Page[m.ProgrammeView]:
        """Every programme this site has heard of, with its seats."""
        await self._written(query.after)
        rows = await self._allowance.store.rows(views.network_programmes)
        shown = [m.ProgrammeView(**shown_programme(row)) for row in rows]
        return Page[m.ProgrammeView](**paginate(shown, lambda view: view.id, query))

    async def show_programme(
        self, programme_id: str, query: Annotated[m.AfterQuery, Query()], answer: Response
    ) -> m.ProgrammeDetail:
        """One programme with its tariffs and budgets, at the municipality; its version as `ETag`."""
        self._allowance.at_municipality()
        await self._written(query.after)
        row = await self._allowance.row(views.programmes, programme_id, "programme")
        answer.headers["ETag"] = f'"{row["version"]}"'
        total = max(row["ceiling"], row["granted"] + row["reserved"])
        return m.ProgrammeDetail(
            **shown_programme({**row, "total": total, "occupied": row["granted"], "held": row["reserved"]}),
            planned=row["planned"], tariffs=msgspec.json.decode(row["tariffs"]),
            budgets=msgspec.json.decode(row["budgets"]), version=row["version"],
        )  # fmt: skip

    async def list_seats(self, query: Annotated[m.SeatsQuery, Query()]) -> Page[m.SeatView]:
        """The municipality's seats, given, refused and ended ones alike: which site has them, never who."""
        where = {"programme_id": query.programme, "status": query.status}
        return await self._page(m.SeatView, views.seats, query, lambda row: row, where)

    async def list_entitlements(self, query: Annotated[m.EntitlementsQuery, Query()]) -> Page[m.EntitlementView]:
        """This desk's entitlements, or those named; ended ones included unless `status` says otherwise."""
        where = {"client_id": query.client_id, "status": query.status, "id": query.id or None}
        return await self._page(m.EntitlementView, views.entitlements, query, shown_entitlement, where)

    async def show_entitlement(
        self, entitlement_id: str, query: Annotated[m.AfterQuery, Query()], answer: Response
    ) -> m.EntitlementView:
        """One entitlement, with its version as `ETag`."""
        await self._written(query.after)
        row = await self._allowance.row(views.entitlements, entitlement_id, "entitlement")
        answer.headers["ETag"] = f'"{row["version"]}"'
        return m.EntitlementView(**shown_entitlement(row))

    async def _page(
        self, view: type[View], table: sa.Table, query: PageQuery, shape: Callable[[Row], Row], where: Row
    ) -> Page[View]:
        await self._written(query.after)
        given = {name: value for name, value in where.items() if value is not None}
        rows = await self._allowance.store.page(table, decode_cursor(query.cursor), query.limit + 1, **given)
        shown = rows[: query.limit]
        following = encode_cursor(str(shown[-1]["id"])) if len(rows) > query.limit else None
        return Page[View](items=[view(**shape(row)) for row in shown], next=following)

    async def _written(self, after: int | None) -> None:
        """Views are written with their events: they show a position as soon as the store has it."""

        async def stored(position: int) -> None:
            store = self._allowance.store
            while True:
                seen = store.appended.count
                if await store.last_position() >= position:
                    return
                await store.appended.wait(seen)

        await wait_caught_up(after, stored)


def shown_programme(row: Row) -> dict[str, Any]:
    """A programme as it is shown."""
    copied = {name: row[name] for name in ("id", "site", "name", "period", "total", "occupied", "held")}
    available = row["total"] - row["occupied"] - row["held"]
    return {**copied, "methods": list(row["methods"]), "available": available}


def shown_entitlement(row: Row) -> dict[str, Any]:
    """An entitlement as it is shown."""
    meals = [] if row["meals"] is None else msgspec.json.decode(row["meals"])
    return {**row, "spans": msgspec.json.decode(row["spans"]), "meals": meals}
