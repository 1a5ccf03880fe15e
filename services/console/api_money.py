"""The finance desk's screens at the municipality: programmes, pay runs, the ledger, regimes; and their forms."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import FastAPI, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import HTMLResponse

from services.console import money
from services.console.api_screens import NoAnswer, Places, Screens, Viewer, viewer_of
from services.console.words import Words
from shared.http_access import CurrentActor, allow
from shared.http_models import is_id
from shared.security import Role

READERS: tuple[Role, ...] = ("coordinator", "finance", "auditor")
LEDGER_READERS = frozenset({"finance", "auditor"})
"""Who reads what was posted and paid."""
ABOUT_PROGRAMMES = ("ceiling", "tariff", "budget", "draft")
ABOUT_RUNS = ("approve", "execute", "drop")


class MoneyQuery(BaseModel):
    """run: the pay run whose lines are shown. after: a write the page must show."""

    model_config = ConfigDict(extra="ignore")

    run: Annotated[str, Field(max_length=80)] = ""
    after: Annotated[int | None, Field(ge=0, le=2**63 - 1)] = None


class MoneyFormQuery(BaseModel):
    """about: which form. of: the programme, run or regime it is about."""

    model_config = ConfigDict(extra="ignore")

    about: Annotated[str, Field(max_length=40)] = ""
    of: Annotated[str, Field(max_length=80)] = ""


def add_money(pages: FastAPI, screens: Screens) -> None:
    """Adds the pages of this module, which answer at the municipality."""
    office = Office(screens)
    for path, template in (("/money", "money.html"), ("/money/live", "money_live.html")):
        _add_page(pages, office, path, template)
    _add_form(pages, office)


class Office:
    """What the finance desk's pages are made from."""

    def __init__(self, screens: Screens) -> None:
        self.screens = screens
        self._allowance: Places = screens.places.at("allowance")

    @property
    def here(self) -> bool:
        settings = self.screens.settings
        return settings.municipality and "allowance" in settings.services

    async def page(self, viewer: Viewer, spoken: Words, query: MoneyQuery) -> dict[str, Any]:
        """Programmes with their ledgers, pay runs and regimes. Raises `NoAnswer`."""
        token, every, now = viewer.token, self._allowance.every, self.screens.clock.now()
        rows, runs, regimes = await asyncio.gather(
            every(token, "programmes", after=query.after),
            every(token, "pay-runs"),
            self.screens.places.every(token, "regimes"),
        )
        own = [row for row in rows if row["site"] == self.screens.settings.site]
        programmes = await asyncio.gather(*(self._programme(viewer, row, spoken) for row in own))
        names = {row["id"]: row["name"] for row in own}
        looked = await self._run(viewer, query.run) if viewer.role in LEDGER_READERS else None
        return {
            "programmes": programmes,
            "runs": money.runs(runs, names, viewer.role, spoken),
            "regimes": money.regimes(regimes, viewer.role, now, spoken),
            "lines": None if looked is None else money.run_lines(looked, spoken),
            "corrections": "" if looked is None else spoken.euros(looked["corrections_cents"]),
        }  # fmt: skip

    async def _programme(self, viewer: Viewer, row: dict[str, Any], spoken: Words) -> money.Programme:
        ledger = viewer.role in LEDGER_READERS
        detail, balance = await asyncio.gather(
            self._allowance.ask(viewer.token, f"programmes/{row['id']}"),
            self._allowance.ask(viewer.token, "trial-balance", programme=row["id"]) if ledger else _nothing(),
        )
        return money.programme(detail, detail, balance, viewer.role, spoken)

    async def _run(self, viewer: Viewer, run_id: str) -> Any:
        return await self._found(viewer, f"pay-runs/{quote(run_id, safe='')}") if is_id(run_id) else None

    async def _found(self, viewer: Viewer, path: str) -> Any:
        """What is at a path; None when there is nothing. Raises `NoAnswer`."""
        try:
            return await self._allowance.ask(viewer.token, path)
        except NoAnswer as reason:
            if str(reason) == "404":
                return None
            raise

    async def form(self, viewer: Viewer, spoken: Words, query: MoneyFormQuery) -> Any:
        """One form; None when there is nothing of the kind. Raises `NoAnswer`."""
        found = None
        if query.about in ABOUT_PROGRAMMES and is_id(query.of):
            found = await self._found(viewer, f"programmes/{query.of}")
        elif query.about in ABOUT_RUNS and viewer.role in LEDGER_READERS:
            found = await self._run(viewer, query.of)
        elif query.about == "end_regime" and not is_id(query.of):
            return None
        return money.money_form(query.about, query.of, found, viewer.role, self.screens.clock.now(), spoken)


async def _nothing() -> None:
    return None


def _add_page(pages: FastAPI, office: Office, path: str, template: str) -> None:
    screens = office.screens

    @pages.get(path)
    @allow(*READERS)
    async def show(request: Request, actor: CurrentActor, query: Annotated[MoneyQuery, Query()]) -> HTMLResponse:
        """Programmes and their seats, pay runs, the ledger, regimes; `/live`: the part that changes."""
        viewer, spoken = viewer_of(request, actor, screens.cookie), screens.language(request)
        facts: dict[str, Any] = {
            "role": actor.role, "now": spoken.precisely(screens.clock.now()), "opens": actor.role in money.MONEY,
            "declares": actor.role in money.REGIME_ROLES, "run": query.run if is_id(query.run) else "",
        }  # fmt: skip
        if not office.here:
            return screens.page(request, template, 404, trouble="no_office", **facts)
        try:
            facts |= await office.page(viewer, spoken, query)
        except NoAnswer:
            return screens.page(request, template, 503, trouble="no_answer", **facts)
        return screens.page(request, template, trouble="", **facts)


def _add_form(pages: FastAPI, office: Office) -> None:
    screens = office.screens

    @pages.get("/money/form")
    @allow(*READERS)
    async def form(request: Request, actor: CurrentActor, query: Annotated[MoneyFormQuery, Query()]) -> HTMLResponse:
        """A form of the finance desk. A piece of its page."""
        viewer, spoken = viewer_of(request, actor, screens.cookie), screens.language(request)
        try:
            made = await office.form(viewer, spoken, query) if office.here else None
        except NoAnswer:
            return screens.page(request, "form.html", 503, form=None, answered=False)
        return screens.page(request, "form.html", 200 if made else 404, form=made, answered=True)
