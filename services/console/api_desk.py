"""The screens a desk opens from its board: what more may be done, the walk round the house, and room elsewhere."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import HTMLResponse

from services.console.api_screens import NoAnswer, Screens, viewer_of
from services.console.find import KINDS, Wanted
from services.console.rules import rules_sheet
from services.console.sheet import Sheet, house_sheet, place_sheet, room_sheet
from services.console.walk import walk
from shared.contracts.vocabulary import FEATURES
from shared.http_access import EVERYBODY, CurrentActor, allow

PEOPLE_MAX = 20


class SheetQuery(BaseModel):
    """Of a location: one place, one room, or `about` the house: arrivals, leaving, offers, or a note. about a place:
    `block`."""

    model_config = ConfigDict(extra="ignore")

    location: Annotated[str, Field(max_length=80)] = ""
    place: Annotated[str | None, Field(max_length=80)] = None
    room: Annotated[str | None, Field(max_length=120)] = None
    about: Annotated[str, Field(max_length=20)] = ""


class CountQuery(BaseModel):
    """location: of this site."""

    model_config = ConfigDict(extra="ignore")

    location: Annotated[str, Field(max_length=80)] = ""


class FindQuery(BaseModel):
    """What is looked for; anything unknown is left out. after: a write the page must show."""

    model_config = ConfigDict(extra="ignore")

    kind: Annotated[str, Field(max_length=40)] = ""
    people: Annotated[int, Field(ge=1, le=PEOPLE_MAX)] = 1
    feature: Annotated[list[Annotated[str, Field(max_length=40)]], Field(max_length=20)] = Field(default_factory=list)
    district: Annotated[str, Field(max_length=120)] = ""
    after: Annotated[int | None, Field(ge=0, le=2**63 - 1)] = None

    @property
    def wanted(self) -> Wanted:
        kind = self.kind if self.kind in KINDS else ""
        return Wanted(kind, self.people, tuple(f for f in FEATURES if f in self.feature), self.district)


def add_desk(pages: FastAPI, screens: Screens) -> None:
    """Adds the pages of this module."""
    _add_sheet(pages, screens)
    _add_rules(pages, screens)
    _add_count(pages, screens)
    _add_find(pages, screens)


def _add_sheet(pages: FastAPI, screens: Screens) -> None:
    @pages.get("/sheet")
    @allow("operator", "caseworker")  # `DESK_ROLES`
    async def sheet(request: Request, actor: CurrentActor, query: Annotated[SheetQuery, Query()]) -> HTMLResponse:
        """What may be done with a place, a room or a house, beside what one tap does. A piece of the board's page."""
        viewer, spoken, now = viewer_of(request, actor, screens.cookie), screens.language(request), screens.clock.now()
        try:
            house = await screens.house(viewer, query.location)
            offer = None
            if house is not None and query.place is not None:
                offer = await screens.offer_of(viewer, house, query.place)
        except NoAnswer:
            return screens.page(request, "sheet.html", 503, sheet=None, answered=False)
        shown: Sheet | None = None
        if house is not None:
            facts = (house.places, house.holds, house.stays, now, spoken)
            if query.place is not None:
                shown = place_sheet(query.place, query.about, *facts, offer=offer)
            elif query.room is not None:
                shown = room_sheet(query.location, query.room, *facts)
            else:
                shown = house_sheet(query.location, query.about, *facts)
        return screens.page(request, "sheet.html", 200 if shown else 404, sheet=shown, answered=True)


def _add_rules(pages: FastAPI, screens: Screens) -> None:
    @pages.get("/rules")
    @allow("operator", "coordinator")  # `RULE_ROLES`
    async def rules(request: Request, actor: CurrentActor, query: Annotated[CountQuery, Query()]) -> HTMLResponse:
        """How a house is kept: the hours of its night shelter, and what is cleaned after use. A piece of the board's
        page."""
        viewer = viewer_of(request, actor, screens.cookie)
        try:
            house = await screens.house(viewer, query.location)
        except NoAnswer:
            return screens.page(request, "sheet.html", 503, sheet=None, answered=False)
        shown = None if house is None else rules_sheet(house.location, house.places, screens.language(request))
        return screens.page(request, "sheet.html", 200 if shown else 404, sheet=shown, answered=True)


def _add_count(pages: FastAPI, screens: Screens) -> None:
    @pages.get("/count")
    @allow("operator", "caseworker")  # `DESK_ROLES`
    async def count(request: Request, actor: CurrentActor, query: Annotated[CountQuery, Query()]) -> HTMLResponse:
        """A walk round the house: every place as it is known, to be tapped where it is otherwise."""
        viewer, spoken = viewer_of(request, actor, screens.cookie), screens.language(request)
        facts: dict[str, Any] = {"now": spoken.clock(screens.clock.now())}
        try:
            house = await screens.house(viewer, query.location)
        except NoAnswer:
            return screens.page(request, "count.html", 503, walk=None, answered=False, **facts)
        shown = None if house is None else walk(house.location, house.places, house.stays, screens.clock.now(), spoken)
        return screens.page(request, "count.html", 200 if shown else 404, walk=shown, answered=True, **facts)


def _add_find(pages: FastAPI, screens: Screens) -> None:
    async def show(request: Request, actor: CurrentActor, query: FindQuery, template: str) -> HTMLResponse:
        viewer, spoken = viewer_of(request, actor, screens.cookie), screens.language(request)
        facts: dict[str, Any] = {
            "role": actor.role, "wanted": query.wanted, "kinds": KINDS, "features": FEATURES, "people_max": PEOPLE_MAX,
            "again": str(request.url.query), "now": spoken.precisely(screens.clock.now()),
        }  # fmt: skip
        try:
            facts |= await screens.find(viewer, spoken, query.wanted, query.after)
        except NoAnswer:
            return screens.page(request, template, 503, found=None, asked=[], districts=[], **facts)
        return screens.page(request, template, **facts)

    @pages.get("/find")
    @allow(*EVERYBODY)
    async def find(request: Request, actor: CurrentActor, query: Annotated[FindQuery, Query()]) -> HTMLResponse:
        """Where in the network there is room, the nearest match first, with how old each line is."""
        return await show(request, actor, query, "find.html")

    @pages.get("/find/live")
    @allow(*EVERYBODY)
    async def find_live(request: Request, actor: CurrentActor, query: Annotated[FindQuery, Query()]) -> HTMLResponse:
        """The part of that page that changes."""
        return await show(request, actor, query, "found.html")
