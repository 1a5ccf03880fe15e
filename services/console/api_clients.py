"""The screens of a caseworker: the desk's clients, one client, and the forms about them. They are asked from the intake
service of this site in the viewer's name; what is typed goes from the page straight to that service.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import HTMLResponse

from services.console import guests
from services.console.api_screens import NoAnswer, Places, Screens, Viewer, viewer_of
from services.console.clients import OPEN, client_page, limits, listed, offers_waiting
from services.console.desk import client_form, register, unclaimed
from services.console.handing import FORMS, TAKINGS, Handing, coming, handing, handing_form, taking_form
from services.console.network import site_title
from services.console.seats import GIVE_UP, Seat, give_up_form, seat_form, seats
from services.console.sessions import book_for, give_back_for
from services.console.words import ZONE, Words
from shared.http_access import CurrentActor, allow
from shared.http_models import is_id

WITH_OFFERS = ("offered", "accepted")
"""How a request stands that may have an offer to answer: an accepted one may be passed over for another."""

NOBODY: dict[str, Any] = {"items": [], "total": 0}
"""The city's list, when it is not asked for or does not answer."""


LOST_SHOWN = 50
"""Lost seats on one page: the next show as these are taken out of their files."""


class AfterQuery(BaseModel):
    """after: a write the page must show."""

    model_config = ConfigDict(extra="ignore")

    after: Annotated[int | None, Field(ge=0, le=2**63 - 1)] = None


class FormQuery(BaseModel):
    """about: which form. of: the request, offer, trajectory or referral it is about."""

    model_config = ConfigDict(extra="ignore")

    about: Annotated[str, Field(max_length=40)] = ""
    of: Annotated[str, Field(max_length=80)] = ""


def add_clients(pages: FastAPI, screens: Screens) -> None:
    """Adds the pages of this module, where this site has a desk."""
    desk = Desk(screens)
    for path, template in (("/clients", "clients.html"), ("/clients/live", "clients_live.html")):
        _add_list(pages, desk, path, template)
    _add_forms(pages, desk)
    for path, template in (("/clients/{client_id}", "client.html"), ("/clients/{client_id}/live", "client_live.html")):
        _add_client(pages, desk, path, template)


class Desk:
    """What the desk's pages are made from."""

    def __init__(self, screens: Screens) -> None:
        self.screens = screens
        self._intake: Places = screens.places.at("intake")
        self._allowance: Places = screens.places.at("allowance")

    @property
    def here(self) -> bool:
        return "intake" in self.screens.settings.services

    async def files(self, viewer: Viewer, spoken: Words, after: int | None) -> dict[str, Any]:
        """The files of this desk, and the offers that wait for it. Raises `NoAnswer`."""
        now, ask = self.screens.clock.now(), self._intake.every
        (clients, more), takings, ending, lost, *requests = await asyncio.gather(
            self._intake.first(viewer.token, "clients", erased="false", after=after),
            ask(viewer.token, "takings"),
            ask(viewer.token, "lists/stay-limits"),
            self._lost_seats(viewer),
            *(ask(viewer.token, "requests", status=status) for status in OPEN),
        )
        open_ = [request for some in requests for request in some]
        aliases = {client["id"]: client["alias"] or "" for client in clients}
        return {
            "clients": listed(clients, open_, now, spoken), "more": more,
            "offers": offers_waiting(open_, aliases, now, spoken), "coming": coming(takings, now, spoken),
            "limits": limits(ending, spoken), "lost": lost[:LOST_SHOWN], "lost_in_all": len(lost),
        }  # fmt: skip

    async def _lost_seats(self, viewer: Viewer) -> list[dict[str, Any]]:
        """Seats of files that the allowance service does not know; none while one of the two does not say."""
        if "allowance" not in self.screens.settings.services:
            return []
        try:
            held = await self._intake.every(viewer.token, "lists/seats")
            known = await self._allowance.named(viewer.token, "entitlements", {one["entitlement_id"] for one in held})
        except NoAnswer:
            return []
        ids = {one["id"] for one in known}
        return [one for one in held if one["entitlement_id"] not in ids]

    async def waiting(self, viewer: Viewer, spoken: Words, after: int | None) -> dict[str, Any]:
        """Only the offers and the files of other desks that wait: what changes by itself. Raises `NoAnswer`."""
        now, ask = self.screens.clock.now(), self._intake.every
        takings, *some = await asyncio.gather(
            ask(viewer.token, "takings", after=after),
            *(ask(viewer.token, "requests", status=status, after=after) for status in WITH_OFFERS),
        )
        requests = [request for part in some for request in part]
        about = {request["client_id"] for request in requests
                 if any(offer["status"] == "open" for offer in request["offers"])}  # fmt: skip
        clients = await asyncio.gather(*(self._intake.ask(viewer.token, f"clients/{one}") for one in sorted(about)))
        aliases = {client["id"]: client["alias"] or "" for client in clients}
        return {"offers": offers_waiting(requests, aliases, now, spoken), "coming": coming(takings, now, spoken)}

    async def client(self, viewer: Viewer, spoken: Words, client_id: str, after: int | None) -> Any:
        """One client with all that hangs on them; None when there is nobody of that id. Raises `NoAnswer`."""
        client = await self._one(viewer, client_id, after)
        if client is None:
            return None
        token, every = viewer.token, self._intake.every
        requests, trajectories, referrals, looks = await asyncio.gather(
            every(token, "requests", client_id=client_id),
            every(token, "trajectories", client_id=client_id),
            every(token, "referrals", client_id=client_id),
            every(token, "personal-reads", client_id=client_id),
        )
        waits = any(request["status"] in OPEN for request in requests)
        waiting = await self._waiting_list(viewer) if waits else NOBODY
        vault = self.screens.settings.vault
        return client_page(
            client, requests, trajectories, referrals, looks, waiting, None if vault is None else vault.retention_days,
            self.screens.clock.now(), spoken,
        )  # fmt: skip

    async def handing(self, viewer: Viewer, spoken: Words, client_id: str) -> Handing:
        """What a client's page says of other desks; nothing when that cannot be read now."""
        try:
            given = await self._intake.every(viewer.token, "hand-overs", client_id=client_id)
        except NoAnswer:
            return Handing()
        return handing(given, await self._known(viewer, client_id), self.screens.clock.now(), spoken)

    async def _known(self, viewer: Viewer, client_id: str) -> dict[str, Any]:
        """What is known of a client at other desks; of one who was erased nothing is."""
        try:
            found: dict[str, Any] = await self._intake.ask(viewer.token, f"clients/{client_id}/look-alikes")
        except NoAnswer:
            return {"maybe_known_at": [], "checks": [], "desks": []}
        return found

    async def about_all(self, viewer: Viewer, spoken: Words, query: FormQuery) -> Any:
        """A form of the list: somebody is registered, or a file of another desk is taken or not. Raises `NoAnswer`."""
        if query.about not in TAKINGS:
            return register(spoken)
        waits = [row for row in await self._intake.every(viewer.token, "takings") if row["id"] == query.of]
        return taking_form(query.about, waits[0], spoken) if waits else None

    async def home(self, viewer: Viewer, spoken: Words, client_id: str) -> guests.Home | None:
        """Where a client lives; None of one who lives nowhere, and when it cannot be read now."""
        try:
            return guests.home(await self._home(viewer, client_id), spoken)
        except NoAnswer:
            return None

    async def _home(self, viewer: Viewer, client_id: str) -> Any:
        return (await self._intake.ask(viewer.token, f"clients/{client_id}/home"))["home"]

    @property
    def pays(self) -> bool:
        return "allowance" in self.screens.settings.services

    async def seats(self, viewer: Viewer, spoken: Words, client_id: str) -> list[Seat] | None:
        """A client's allowance; None where there is none to be had, or when it cannot be read now."""
        if not self.pays:
            return None
        try:
            rows, programmes = await self._entitled(viewer, client_id)
        except NoAnswer:
            return None
        return seats(rows, dict(programmes), spoken)

    async def _entitled(self, viewer: Viewer, client_id: str) -> tuple[list[dict[str, Any]], list[tuple[str, str]]]:
        rows, programmes = await asyncio.gather(
            self._allowance.every(viewer.token, "entitlements", client_id=client_id),
            self._allowance.every(viewer.token, "programmes"),
        )
        return rows, [(one["id"], one["name"]) for one in programmes]

    async def form(self, viewer: Viewer, spoken: Words, client_id: str, query: FormQuery) -> Any:
        """One form about a client; None when there is nothing of the kind. Raises `NoAnswer`."""
        if query.of and not is_id(query.of):
            return None
        client = await self._one(viewer, client_id, None)
        if client is None:
            return None
        if query.about in guests.FORMS:
            return guests.alias_form(query.about, client, await self._home(viewer, client_id), spoken)
        if query.about in FORMS:
            return handing_form(query.about, client, await self._known(viewer, client_id), spoken)
        if query.about == GIVE_UP:
            lost = {one["entitlement_id"] for one in await self._lost_seats(viewer) if one["client_id"] == client_id}
            return give_up_form(client_id, query.of, spoken) if query.of in lost else None
        now = self.screens.clock.now()
        if query.about.startswith("seat"):
            rows, programmes = await self._entitled(viewer, client_id) if self.pays else ([], [])
            return seat_form(query.about, query.of, client, rows, programmes, now.astimezone(ZONE).date(), spoken)
        if query.about in ("book", "unbook"):
            return await self._seat_form(viewer, spoken, client, query)
        requests = await self._intake.every(viewer.token, "requests", client_id=client_id)
        places = await self._houses(viewer) if query.about == "request" else []
        if query.about == "claim":
            places = await self._unclaimed(viewer, spoken)
        return client_form(query.about, query.of, client, requests, places, now, spoken)

    async def _seat_form(self, viewer: Viewer, spoken: Words, client: Any, query: FormQuery) -> Any:
        """A seat of a session for a client who was referred, or the one they have; None when there is none."""
        referrals = await self._intake.every(viewer.token, "referrals", client_id=client["id"])
        referral = next((one for one in referrals if one["id"] == query.of and one["state"] != "ended"), None)
        if referral is None or client["erased_at"] is not None or "placement" not in self.screens.settings.services:
            return None
        if query.about == "unbook":
            return give_back_for(referral, spoken)
        ask, token = self.screens.places.every, viewer.token
        rows, houses = await asyncio.gather(ask(token, "sessions", recent="true"), ask(token, "locations"))
        titles = {house["id"]: house["title"] or house["id"] for house in houses}
        return book_for(client, query.of, rows, titles, self.screens.clock.now(), spoken)

    async def _unclaimed(self, viewer: Viewer, spoken: Words) -> list[tuple[str, str]]:
        """The stays of this site that are nobody's yet, to be chosen from."""
        ask, token = self.screens.places.every, viewer.token
        houses, places, stays, housed = await asyncio.gather(
            ask(token, "locations"), ask(token, "places"), ask(token, "stays", present="true"),
            ask(token, "offers", word="housed"),
        )  # fmt: skip
        theirs = [offer["stay_id"] for offer in housed if offer["stay_id"]]
        return unclaimed(houses, places, stays, theirs, self.screens.clock.now(), spoken)

    async def _one(self, viewer: Viewer, client_id: str, after: int | None) -> Any:
        if not is_id(client_id):
            return None
        try:
            return await self._intake.ask(viewer.token, f"clients/{client_id}", after=after)
        except NoAnswer as reason:
            if str(reason) == "404":
                return None
            raise

    async def _waiting_list(self, viewer: Viewer) -> Any:
        """The city's list. Without it a page still shows everything else of its client."""
        try:
            return await self.screens.places.ask(viewer.token, "waiting-list", limit=10_000)
        except NoAnswer:
            return NOBODY

    async def _houses(self, viewer: Viewer) -> list[tuple[str, str]]:
        """Every location of the network with places where people sleep, by its name."""
        answer = await self.screens.places.ask(viewer.token, "capacity")
        named = {row["location"]: row["title"] or site_title(row["location"]) for row in answer["rows"]}
        return sorted(named.items(), key=lambda house: (house[1].casefold(), house[0]))


def _add_list(pages: FastAPI, desk: Desk, path: str, template: str) -> None:
    screens, whole = desk.screens, template == "clients.html"

    @pages.get(path)
    @allow("caseworker")
    async def clients(request: Request, actor: CurrentActor, query: Annotated[AfterQuery, Query()]) -> HTMLResponse:
        """The files of this desk, and offers that wait for an answer; `/live`: only those."""
        viewer, spoken = viewer_of(request, actor, screens.cookie), screens.language(request)
        now = screens.clock.now()
        facts: dict[str, Any] = {"role": actor.role, "now": spoken.precisely(now), "offers": [], "clients": [],
                                 "coming": [], "limits": [], "lost": []}  # fmt: skip
        if not desk.here:
            return screens.page(request, template, 404, trouble="no_desk", **facts)
        try:
            facts |= await (desk.files if whole else desk.waiting)(viewer, spoken, query.after)
        except NoAnswer:
            return screens.page(request, template, 503, trouble="no_answer", **facts)
        return screens.page(request, template, trouble="", **facts)


def _add_client(pages: FastAPI, desk: Desk, path: str, template: str) -> None:
    screens = desk.screens

    @pages.get(path)
    @allow("caseworker")
    async def client(
        request: Request, actor: CurrentActor, client_id: str, query: Annotated[AfterQuery, Query()]
    ) -> HTMLResponse:
        """One client: what they ask for, what is offered, how they are guided, what is stored and who saw it."""
        viewer, spoken = viewer_of(request, actor, screens.cookie), screens.language(request)
        facts: dict[str, Any] = {"role": actor.role, "now": spoken.precisely(screens.clock.now()), "id": client_id}
        if not desk.here:
            return screens.page(request, template, 404, trouble="no_desk", client=None, **facts)
        try:
            shown = await desk.client(viewer, spoken, client_id, query.after)
        except NoAnswer:
            return screens.page(request, template, 503, trouble="no_answer", client=None, **facts)
        facts["seats"] = await desk.seats(viewer, spoken, client_id) if shown else None
        facts["handing"] = await desk.handing(viewer, spoken, client_id) if shown else None
        facts["home"] = await desk.home(viewer, spoken, client_id) if shown else None
        trouble = "" if shown else "unknown"
        return screens.page(request, template, 200 if shown else 404, trouble=trouble, client=shown, **facts)


def _add_forms(pages: FastAPI, desk: Desk) -> None:
    screens = desk.screens

    @pages.get("/clients/form")
    @allow("caseworker")
    async def new_client(
        request: Request, actor: CurrentActor, query: Annotated[FormQuery, Query()]
    ) -> HTMLResponse:  # fmt: skip
        """The form by which somebody is registered, or a file of another desk is taken. A piece of the list's page."""
        viewer, spoken = viewer_of(request, actor, screens.cookie), screens.language(request)
        try:
            form = await desk.about_all(viewer, spoken, query) if desk.here else None
        except NoAnswer:
            return screens.page(request, "form.html", 503, form=None, answered=False)
        return screens.page(request, "form.html", 200 if form else 404, form=form, answered=True)

    @pages.get("/clients/{client_id}/form")
    @allow("caseworker")
    async def about_client(
        request: Request, actor: CurrentActor, client_id: str, query: Annotated[FormQuery, Query()]
    ) -> HTMLResponse:
        """A form about a client. A piece of their page."""
        viewer, spoken = viewer_of(request, actor, screens.cookie), screens.language(request)
        try:
            form = await desk.form(viewer, spoken, client_id, query) if desk.here else None
        except NoAnswer:
            return screens.page(request, "form.html", 503, form=None, answered=False)
        return screens.page(request, "form.html", 200 if form else 404, form=form, answered=True)
