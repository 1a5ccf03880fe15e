"""The finance desk's other screens at the municipality: the accounts of a programme and its budget's way to the end of
the year, and one pay run with its orders, files and report."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlencode

from fastapi import FastAPI, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import HTMLResponse

from services.console import books, money
from services.console.api_city import download
from services.console.api_money import LEDGER_READERS, READERS, Office
from services.console.api_screens import NoAnswer, NotUnderstood, Screens, Viewer, viewer_of
from services.console.words import Words
from shared.contracts.vocabulary import PAY_METHODS
from shared.http_access import CurrentActor, allow
from shared.http_models import is_id

Kind = Literal["transfers", "loads"]


class BooksQuery(BaseModel):
    """What the accounts are asked for; empty: all. after: a write the page must show."""

    model_config = ConfigDict(extra="ignore")

    programme: Annotated[str, Field(max_length=80)] = ""
    site: Annotated[str, Field(pattern=r"^([a-z][a-z0-9-]{0,30})?$")] = ""
    method: Literal["", "voucher", "prepaid_card", "transfer"] = ""
    period: Annotated[str, Field(pattern=r"^([0-9]{4}-W?[0-9]{2})?$")] = ""
    after: Annotated[int | None, Field(ge=0, le=2**63 - 1)] = None


class RunFormQuery(BaseModel):
    """about: which form. of: the order or handout it is about."""

    model_config = ConfigDict(extra="ignore")

    about: Annotated[str, Field(max_length=40)] = ""
    of: Annotated[str, Field(max_length=80)] = ""


class RunQuery(BaseModel):
    """Which orders of a run are shown: of one status, the one that is looked for, or the page behind a cursor."""

    model_config = ConfigDict(extra="ignore")

    status: Literal["", "sent", "paid", "returned"] = ""
    find: Annotated[str, Field(max_length=80)] = ""
    cursor: Annotated[str, Field(max_length=200)] = ""

    @property
    def asked(self) -> dict[str, str]:
        """What is asked for, as it stands in an address."""
        return {name: value for name in ("status", "find", "cursor") if (value := getattr(self, name).strip())}


ORDERS_SHOWN = 100
"""Orders on one page of a run."""


def add_books(pages: FastAPI, screens: Screens) -> None:
    """Adds the pages of this module, which answer at the municipality."""
    desk = Books(screens)
    for path, template in (("/money/books", "books.html"), ("/money/books/live", "books_live.html")):
        _add_books(pages, desk, path, template)
    for path, template in (("/money/runs/{run_id}", "run.html"), ("/money/runs/{run_id}/live", "run_live.html")):
        _add_run(pages, desk, path, template)
    _add_form(pages, desk)
    _add_file(pages, desk)


class Books(Office):
    """What these pages are made from."""

    async def accounts(self, viewer: Viewer, spoken: Words, query: BooksQuery) -> dict[str, Any]:
        """The programmes to choose from, the accounts of one, and its forecast. Raises `NoAnswer`."""
        rows = await self._allowance.every(viewer.token, "programmes", after=query.after)
        own = [row for row in rows if row["site"] == self.screens.settings.site]
        chosen = next((row for row in own if row["id"] == query.programme), own[0] if own else None)
        facts: dict[str, Any] = {"own": own, "chosen": chosen, "statement": None, "forecast": None, "sites": [],
                                 "periods": [], "methods": PAY_METHODS}  # fmt: skip
        if chosen is None:
            return facts
        reads = viewer.role in LEDGER_READERS
        asked = {name: getattr(query, name) or None for name in ("site", "method", "period")}
        ask = self._allowance.ask
        ahead, balance, told = await asyncio.gather(
            ask(viewer.token, f"programmes/{chosen['id']}/forecast"),
            ask(viewer.token, "trial-balance", programme=chosen["id"]) if reads else _nothing(),
            ask(viewer.token, "statements", programme=chosen["id"], **asked) if reads else _nothing(),
        )
        facts["forecast"] = books.forecast(ahead, spoken)
        if told is not None and balance is not None:
            facts["statement"] = books.statement(told, query.period, spoken)
            facts["sites"] = sorted({line["site"] for line in balance["lines"]} | ({query.site} - {""}))
            periods = {line["period"] for line in balance["lines"]} | ({query.period} - {""})
            facts["periods"] = sorted(periods, reverse=True)
        return facts

    async def run(self, viewer: Viewer, spoken: Words, run_id: str, query: RunQuery) -> dict[str, Any] | None:
        """One pay run as this role may see it; None when there is none. Raises `NoAnswer`."""
        rows, programmes = await asyncio.gather(
            self._allowance.every(viewer.token, "pay-runs"), self._allowance.every(viewer.token, "programmes")
        )
        names = {row["id"]: row["name"] for row in programmes}
        row = next((row for row in rows if row["id"] == run_id), None)
        if row is None:
            return None
        path, reads = f"pay-runs/{quote(run_id, safe='')}", viewer.role in LEDGER_READERS
        ask = self._allowance.ask
        detail, page, total, checked, told = await asyncio.gather(
            ask(viewer.token, path) if reads else _nothing(),
            ask(viewer.token, f"{path}/orders", limit=ORDERS_SHOWN, **query.asked) if reads else _nothing(),
            ask(viewer.token, f"{path}/orders-sum") if reads else _nothing(),
            ask(viewer.token, f"{path}/check") if reads else _nothing(),
            self._allowance.ask(viewer.token, f"{path}/report") if row["status"] == "executed" else _nothing(),
        )
        return {
            "run": money.runs([row], names, viewer.role, spoken)[0],
            "report": None if told is None else books.report(told, spoken),
            "orders": [] if page is None else books.orders(page["items"], viewer.role, spoken),
            "check": None if checked is None else books.check(checked, spoken),
            "next": None if page is None else page["next"],
            "sums": None if not total or not total["total"] else books.order_sums(total, spoken),
            "files": [] if total is None else books.files(total["methods"], viewer.role),
            "handouts": [] if detail is None else books.handouts(detail["handouts"], viewer.role, spoken),
            "lines": None if detail is None else money.run_lines(detail, spoken),
            "corrections": "" if detail is None else spoken.euros(detail["corrections_cents"]),
        }

    async def file(self, viewer: Viewer, run_id: str, kind: Kind) -> Any:
        """A file of a run; None when there is none. Raises `NoAnswer`."""
        return await self._found(viewer, f"pay-runs/{quote(run_id, safe='')}/files/{kind}")


async def _nothing() -> Any:
    return None


def _add_books(pages: FastAPI, desk: Books, path: str, template: str) -> None:
    screens = desk.screens

    @pages.get(path)
    @allow(*READERS)
    async def shown(request: Request, actor: CurrentActor, query: Annotated[BooksQuery, Query()]) -> HTMLResponse:
        """The accounts of a programme and how far its budget goes; `/live`: the part that changes."""
        viewer, spoken = viewer_of(request, actor, screens.cookie), screens.language(request)
        again = "&".join(f"{name}={quote(value)}" for name, value in _asked(query).items())
        facts: dict[str, Any] = {
            "role": actor.role, "now": spoken.precisely(screens.clock.now()), "query": query, "again": again,
            "height": books.CHART_HEIGHT + 3 * books.MARGIN + 20, "bar": books.BAR_WIDTH, "own": [], "chosen": None,
            "sites": [], "periods": [], "methods": (), "reads": actor.role in LEDGER_READERS,
        }  # fmt: skip
        if not desk.here:
            return screens.page(request, template, 404, trouble="no_office", **facts)
        try:
            facts |= await desk.accounts(viewer, spoken, query)
        except NotUnderstood:
            return screens.page(request, template, 422, trouble="not_understood", **facts)
        except NoAnswer:
            return screens.page(request, template, 503, trouble="no_answer", **facts)
        return screens.page(request, template, trouble="", **facts)


def _asked(query: BooksQuery) -> dict[str, str]:
    return {name: value for name in ("programme", "site", "method", "period") if (value := getattr(query, name))}


def _add_run(pages: FastAPI, desk: Books, path: str, template: str) -> None:
    screens = desk.screens

    @pages.get(path)
    @allow(*READERS)
    async def shown(
        request: Request, actor: CurrentActor, run_id: str, query: Annotated[RunQuery, Query()]
    ) -> HTMLResponse:
        """One pay run: what it came to, what it ordered, its files; `/live`: the part that changes."""
        viewer, spoken = viewer_of(request, actor, screens.cookie), screens.language(request)
        facts: dict[str, Any] = {
            "role": actor.role, "now": spoken.precisely(screens.clock.now()), "id": run_id if is_id(run_id) else "",
            "query": query, "again": urlencode(query.asked),
        }  # fmt: skip
        if not desk.here:
            return screens.page(request, template, 404, trouble="no_office", **facts)
        try:
            found = await desk.run(viewer, spoken, run_id, query) if is_id(run_id) else None
        except NotUnderstood:
            return screens.page(request, template, 422, trouble="not_understood", **facts)
        except NoAnswer:
            return screens.page(request, template, 503, trouble="no_answer", **facts)
        if found is None:
            return screens.page(request, template, 404, trouble="no_run", **facts)
        return screens.page(request, template, trouble="", **facts, **found)


def _add_form(pages: FastAPI, desk: Books) -> None:
    screens = desk.screens

    @pages.get("/money/runs/{run_id}/form")
    @allow(*READERS)
    async def form(
        request: Request, actor: CurrentActor, run_id: str, query: Annotated[RunFormQuery, Query()]
    ) -> HTMLResponse:
        """A form about a run. A piece of its page."""
        known = desk.here and is_id(run_id) and (not query.of or is_id(query.of))
        spoken = screens.language(request)
        made = books.books_form(query.about, run_id, query.of, actor.role, spoken) if known else None
        return screens.page(request, "form.html", 200 if made else 404, form=made, answered=True)


def _add_file(pages: FastAPI, desk: Books) -> None:
    screens = desk.screens

    @pages.get("/money/runs/{run_id}/files/{kind}")
    @allow("finance")
    async def file(request: Request, actor: CurrentActor, run_id: str, kind: Kind) -> Response:
        """A file that was made when the run was executed, to be taken to the bank or the cards' issuer: the same bytes
        each time."""
        viewer = viewer_of(request, actor, screens.cookie)
        facts: dict[str, Any] = {
            "role": actor.role, "now": screens.language(request).precisely(screens.clock.now()), "id": ""
        }  # fmt: skip
        if not desk.here:
            return screens.page(request, "run.html", 404, trouble="no_office", **facts)
        try:
            found = await desk.file(viewer, run_id, kind) if is_id(run_id) else None
        except NoAnswer:
            return screens.page(request, "run.html", 503, trouble="no_answer", **facts)
        if found is None:
            return screens.page(request, "run.html", 404, trouble="no_run", **facts)
        _, media_type, ending = books.FILES[kind]
        return download(found["text"].encode(), media_type, f"{kind}-{run_id[:8]}.{ending}")
