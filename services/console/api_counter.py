"""The counter's screen, where clients are paid an allowance: what waits, a code for it, and cash for a code."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from starlette.responses import HTMLResponse

from services.console import counter
from services.console.api_clients import FormQuery
from services.console.api_screens import NoAnswer, Places, Screens, Viewer, viewer_of
from services.console.words import Words
from shared.http_access import CurrentActor, allow
from shared.http_models import is_id
from shared.money import day_of
from shared.security import Role

READERS: tuple[Role, ...] = ("operator", "caseworker")
NAMES_SECONDS = 30.0
"""How long it is remembered whose each payment is: the page is asked for once a second while something happens at the
site. Asked are only those that wait, not every entitlement and file of it."""
VIEWERS_MAX = 200
"""Viewers for whom it is remembered at once."""


def add_counter(pages: FastAPI, screens: Screens) -> None:
    """Adds the pages of this module, where clients are paid."""
    desk = Counter(screens)
    for path, template in (("/counter", "counter.html"), ("/counter/live", "counter_live.html")):
        _add_page(pages, desk, path, template)
    _add_transfers(pages, desk)
    _add_form(pages, desk)


class Counter:
    """What the counter's pages are made from."""

    def __init__(self, screens: Screens) -> None:
        self.screens = screens
        self._allowance: Places = screens.places.at("allowance")
        self._intake: Places = screens.places.at("intake")
        self._names: dict[str, tuple[float, dict[str, tuple[str, str]]]] = {}
        """By viewer, each as they may see it: when it was asked, and whose each entitlement is."""

    @property
    def here(self) -> bool:
        settings = self.screens.settings
        return "allowance" in settings.services and not settings.municipality

    async def page(self, viewer: Viewer, spoken: Words) -> list[counter.Payment]:
        """What waits. Raises `NoAnswer`."""
        waiting, programmes = await asyncio.gather(
            self.waiting(viewer), self._allowance.every(viewer.token, "programmes")
        )
        clients = await self._clients(viewer, {row["entitlement_id"] for row in waiting})
        names = {one["id"]: one["name"] for one in programmes}
        return counter.payments(waiting, names, clients, viewer.role, self.screens.clock.now(), spoken)

    async def transfers(self, viewer: Viewer, spoken: Words) -> list[counter.Transfer]:
        """For whom money came by transfer in the last periods. Raises `NoAnswer`."""
        programmes = await self._allowance.every(viewer.token, "programmes")
        periods = counter.periods({one["period"] for one in programmes}, day_of(self.screens.clock.now()))
        some = await asyncio.gather(
            *(self._allowance.every(viewer.token, "transfers", period=name) for name in periods)
        )
        rows = [row for found in some for row in found]
        clients = await self._clients(viewer, {row["entitlement_id"] for row in rows})
        return counter.transfers(rows, {one["id"]: one["name"] for one in programmes}, clients, spoken)

    async def waiting(self, viewer: Viewer) -> list[dict[str, Any]]:
        """Every payment that can still be fetched. Raises `NoAnswer`."""
        ask = self._allowance.every
        some = await asyncio.gather(*(ask(viewer.token, "vouchers", status=status) for status in counter.OPEN))
        return [row for rows in some for row in rows]

    async def _clients(self, viewer: Viewer, wanted: set[str]) -> dict[str, tuple[str, str]]:
        """Whose each of these entitlements is, for who may see clients; asked anew when one of them is not known, and
        after a while."""
        if not wanted or viewer.role not in counter.GIVERS or "intake" not in self.screens.settings.services:
            return {}
        now = self.screens.clock.monotonic()
        self._names = {who: kept for who, kept in self._names.items() if now - kept[0] < NAMES_SECONDS}
        known = self._names.get(viewer.token)
        if known is not None and wanted <= known[1].keys():
            return known[1]
        found = await self._asked(viewer, wanted)
        if len(self._names) < VIEWERS_MAX:
            self._names[viewer.token] = (now, {id_: found.get(id_, ("", "")) for id_ in wanted})
        return found

    async def _asked(self, viewer: Viewer, wanted: Collection[str]) -> dict[str, tuple[str, str]]:
        """Whose each of these entitlements is. No file is opened but theirs."""
        granted = await self._allowance.named(viewer.token, "entitlements", wanted)
        clients = {one["id"]: one["client_id"] for one in granted}
        files = await self._intake.named(viewer.token, "clients", set(clients.values()), erased="false")
        aliases = {one["id"]: one["alias"] or "" for one in files}
        return {id_: (client, aliases.get(client, "")) for id_, client in clients.items()}


def _add_page(pages: FastAPI, desk: Counter, path: str, template: str) -> None:
    screens = desk.screens

    @pages.get(path)
    @allow(*READERS)
    async def shown(request: Request, actor: CurrentActor) -> HTMLResponse:
        """What waits for somebody to fetch it; `/live`: the part that changes."""
        viewer, spoken = viewer_of(request, actor, screens.cookie), screens.language(request)
        facts: dict[str, Any] = {"role": actor.role, "now": spoken.precisely(screens.clock.now()), "payments": []}
        if not desk.here:
            return screens.page(request, template, 404, trouble="no_counter", **facts)
        try:
            facts["payments"] = await desk.page(viewer, spoken)
        except NoAnswer:
            return screens.page(request, template, 503, trouble="no_answer", **facts)
        return screens.page(request, template, trouble="", **facts)


def _add_transfers(pages: FastAPI, desk: Counter) -> None:
    screens = desk.screens

    @pages.get("/counter/transfers")
    @allow(*READERS)
    async def transfers(request: Request, actor: CurrentActor) -> HTMLResponse:
        """For whom of this site's clients money came to the organisation that hands it out."""
        viewer, spoken = viewer_of(request, actor, screens.cookie), screens.language(request)
        facts: dict[str, Any] = {"role": actor.role, "now": spoken.precisely(screens.clock.now()), "transfers": []}
        if not desk.here:
            return screens.page(request, "counter_transfers.html", 404, trouble="no_counter", **facts)
        try:
            facts["transfers"] = await desk.transfers(viewer, spoken)
        except NoAnswer:
            return screens.page(request, "counter_transfers.html", 503, trouble="no_answer", **facts)
        return screens.page(request, "counter_transfers.html", trouble="", **facts)


def _add_form(pages: FastAPI, desk: Counter) -> None:
    screens = desk.screens

    @pages.get("/counter/form")
    @allow(*READERS)
    async def form(request: Request, actor: CurrentActor, query: Annotated[FormQuery, Query()]) -> HTMLResponse:
        """A code for a payment, or cash for a code. A piece of the counter's page."""
        viewer, spoken = viewer_of(request, actor, screens.cookie), screens.language(request)
        made = None
        try:
            if desk.here and query.about == "redeem":
                made = counter.redeem(spoken)
            elif desk.here and query.about == "give" and is_id(query.of):
                made = counter.give(query.of, await desk.waiting(viewer), viewer.role, spoken)
        except NoAnswer:
            return screens.page(request, "form.html", 503, form=None, answered=False)
        return screens.page(request, "form.html", 200 if made else 404, form=made, answered=True)
