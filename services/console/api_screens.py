"""What the screens are made from: questions to the places service of this site, asked with the viewer's own token, so
that a screen never shows more than the API would; and the templates they fill.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import jinja2
from fastapi import Request
from starlette.responses import HTMLResponse

from services.console.board import DESK_ROLES, HOUSEHOLD_ROLES, PLACE_ROLES, NightList, board, night_list
from services.console.find import Wanted, asked, found
from services.console.guests import ASKED, NOBODY, Guests, guests, questions, to_ask
from services.console.network import network, site_title
from services.console.views_notes import Notes
from services.console.views_waiting import Waiting
from services.console.waits import Waits, waits
from services.console.words import LANGUAGES, Words, choose_language, words
from shared.clock import Clock
from shared.contracts.vocabulary import HOLD_MINUTES_DEFAULT
from shared.http_access import PERSON_HEADER, person_of
from shared.http_models import IDS_MAX
from shared.http_problems import ACTOR
from shared.replay import SECONDS_MAX, STALL_SECONDS
from shared.security import Actor
from shared.settings import SiteSettings
from shared.telemetry import current_traceparent

LANGUAGE_COOKIE = "plek_language"
NOW_HEADER = "plek-now"
"""The site's time when a page was made, in milliseconds since 1970, and not before anything it shows."""
ANSWER_SECONDS_MAX = 5.0
ACT_SECONDS_MAX = SECONDS_MAX + 2 * STALL_SECONDS
"""Of what whoever is on call has done: a replay reads for so long, and what was done must not be shown as a no."""
PAGE_SIZE = 500
PLACES_MAX = 2_000
FOUND_MAX = 30
"""Nearest matches shown: who needs more of them has asked for too little."""

ABSENCES_KEPT_SECONDS = 30.0
"""Whom nobody has seen for nights is asked twice a minute: it changes with walks, and looks at all of them."""

COMING = ("open", "expected")
"""How an offer stands whose place is held."""

NOTHING: dict[str, Any] = {"network": None, "board": None, "waits": None, "locations": []}
"""What a live page has to show when it has nothing."""

HERE = Path(str(files("services.console")))


class NoAnswer(Exception):
    """The places service cannot be asked at this moment."""


class NotUnderstood(NoAnswer):
    """The service was asked for what does not exist (422): what stands in the address is no such thing."""


class Places:
    """The places service of this site, or another one of it, asked in the viewer's name.

    client: for this site's own address.
    """

    def __init__(self, client: httpx.AsyncClient, service: str = "placement") -> None:
        self._client, self._service = client, service

    def at(self, service: str) -> Places:
        """The same, of another service of this site."""
        return Places(self._client, service)

    async def ask(self, token: str, path: str, **query: str | int | Sequence[str] | None) -> Any:
        """The JSON of one question. Raises `NoAnswer`."""
        headers = {"Authorization": f"Bearer {token}"}
        trace = current_traceparent()
        if trace is not None:
            headers["traceparent"] = trace
        given = {name: value for name, value in query.items() if value is not None}
        try:
            answer = await self._client.get(f"/api/{self._service}/{path}", params=given, headers=headers)
        except httpx.HTTPError as error:
            raise NoAnswer(type(error).__name__) from None
        if answer.status_code != 200:
            raise (NotUnderstood if answer.status_code == 422 else NoAnswer)(str(answer.status_code))
        return answer.json()

    async def get(self, token: str, path: str) -> Any:
        """The JSON any service of this site answers. path: from the site's root. Raises `NoAnswer`."""
        try:
            answer = await self._client.get(path, headers={"Authorization": f"Bearer {token}"})
        except httpx.HTTPError as error:
            raise NoAnswer(type(error).__name__) from None
        if answer.status_code != 200:
            raise NoAnswer(str(answer.status_code))
        return answer.json()

    async def look(self, token: str, path: str, **query: str) -> httpx.Response:
        """What any service of this site answers to a question about an act, be it a no. Raises `NoAnswer` where nobody
        does."""
        headers = {"Authorization": f"Bearer {token}"}
        try:
            return await self._client.get(path, params=query, headers=headers, timeout=ACT_SECONDS_MAX)
        except httpx.HTTPError as error:
            raise NoAnswer(type(error).__name__) from None

    async def post(
        self, token: str, path: str, body: Mapping[str, object] | None, seconds: float = ACT_SECONDS_MAX
    ) -> httpx.Response:
        """What any service of this site answers to a request. Raises `NoAnswer` where none comes in so many seconds."""
        headers = {"Authorization": f"Bearer {token}"}
        try:
            return await self._client.post(path, headers=headers, json=body, timeout=seconds)
        except httpx.HTTPError as error:
            raise NoAnswer(type(error).__name__) from None

    async def story(self, token: str, asked: str) -> Any:
        """What this site's journal knows of an id; None when that is nothing. Raises `NoAnswer`."""
        path = f"/api/console/journal/{quote(asked, safe='')}/trace"
        try:
            answer = await self._client.get(path, headers={"Authorization": f"Bearer {token}"})
        except httpx.HTTPError as error:
            raise NoAnswer(type(error).__name__) from None
        if answer.status_code == 404:
            return None
        if answer.status_code != 200:
            raise NoAnswer(str(answer.status_code))
        return answer.json()

    async def every(self, token: str, path: str, **query: str | int | Sequence[str] | None) -> list[dict[str, Any]]:
        """All items of a list, `PLACES_MAX` at most."""
        return (await self.first(token, path, **query))[0]

    async def first(
        self, token: str, path: str, **query: str | int | Sequence[str] | None
    ) -> tuple[list[dict[str, Any]], bool]:
        """The items of a list, `PLACES_MAX` at most, and whether there are more."""
        items: list[dict[str, Any]] = []
        cursor: str | None = None
        while len(items) < PLACES_MAX:
            page = await self.ask(token, path, cursor=cursor, limit=PAGE_SIZE, **query)
            items += page["items"]
            cursor = page["next"]
            if cursor is None:
                break
        return items, cursor is not None

    async def named(
        self, token: str, path: str, wanted: Collection[str], **query: str | int | None
    ) -> list[dict[str, Any]]:
        """Of a list those with these ids, however many are on it: as many at once as may be asked for."""
        ids = sorted(wanted)
        parts = (ids[first : first + IDS_MAX] for first in range(0, len(ids), IDS_MAX))
        some = await asyncio.gather(*(self.every(token, path, id=part, **query) for part in parts))
        return [row for rows in some for row in rows]


@dataclass(frozen=True)
class Viewer:
    """Who looks: role, and the token their questions are asked with."""

    role: str
    token: str


@dataclass(frozen=True)
class House:
    """One location of this site with its places, open holds and present stays, as the places service lists them."""

    location: Mapping[str, Any]
    places: list[dict[str, Any]]
    holds: list[dict[str, Any]]
    stays: list[dict[str, Any]]


class Screens:
    """What the pages are made from. settings: of this site. cookie: the name of the session cookie. notes: where those
    for the next shift are; None where nobody leaves any. waiting: who waited when; None where no journal is."""

    def __init__(
        self, settings: SiteSettings, places: Places, clock: Clock, cookie: str, notes: Notes | None = None,
        waiting: Waiting | None = None,
    ) -> None:  # fmt: skip
        self.settings, self.places, self.clock, self.cookie = settings, places, clock, cookie
        self.notes, self.waiting = notes, waiting
        self._absences: dict[str, tuple[float, list[dict[str, Any]]]] = {}
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals.update(
            site=settings.site, site_title=site_title(settings.site), asset=asset, hold_minutes=HOLD_MINUTES_DEFAULT,
            services=settings.services, municipality=settings.municipality,
        )  # fmt: skip

    def language(self, request: Request) -> Words:
        accepted = request.headers.get("accept-language", "")
        return words(choose_language(request.cookies.get(LANGUAGE_COOKIE), accepted))

    def page(self, request: Request, template: str, status: int = 200, **facts: Any) -> HTMLResponse:
        """A page in the reader's language."""
        spoken = self.language(request)
        languages = [(name, words(name)("language.name")) for name in LANGUAGES]
        actor, now_ms = request.scope.get(ACTOR), math.ceil(self.clock.now().timestamp() * 1000)
        known: dict[str, Any] = {
            "person": "" if actor is None else person_of(actor),
            "now_ms": now_ms,
            "version": version(),
        }
        text = self._templates.get_template(template).render(
            t=spoken, language=spoken.language, languages=languages, here=_path_of(request), **known, **facts
        )
        told = {PERSON_HEADER: known["person"], NOW_HEADER: str(now_ms), "Vary": "Accept-Language, Cookie"}
        return HTMLResponse(text, status, told)

    async def live(self, viewer: Viewer, spoken: Words, wanted: str | None, after: int | None) -> dict[str, Any]:
        """What the live part of the page shows. wanted: which of the own locations. after: a write it must show."""
        answer, own = await asyncio.gather(
            self.places.ask(viewer.token, "capacity", after=after),
            self._locations(viewer, after),
        )
        chosen = next((location for location in own if location["id"] == wanted), own[0] if own else None)
        facts: dict[str, Any] = {} if chosen is None else await self._board(viewer, chosen, spoken)
        return NOTHING | {"network": network(answer, self.settings.site, spoken), "locations": own} | facts

    async def _locations(self, viewer: Viewer, after: int | None) -> list[dict[str, Any]]:
        if viewer.role not in PLACE_ROLES:
            return []
        found = await self.places.every(viewer.token, "locations", after=after)
        return sorted(found, key=lambda location: (location["title"].casefold(), location["id"]))

    async def _board(self, viewer: Viewer, location: Mapping[str, Any], spoken: Words) -> dict[str, Any]:
        house, asked, unseen = await asyncio.gather(
            self._house(viewer, location), self._questions(viewer, location["id"]), self._unseen(viewer, location["id"])
        )
        now = self.clock.now()
        shown = board(location, house.places, house.holds, house.stays, viewer.role, now, spoken)
        if viewer.role not in DESK_ROLES:
            return {"board": shown}
        return {"board": shown, "waits": await self._waits(viewer, house, asked, unseen, spoken)}

    async def _questions(self, viewer: Viewer, name: str) -> list[dict[str, Any]]:
        if viewer.role not in DESK_ROLES:
            return []
        return await self.places.every(viewer.token, "offer-questions", location=name)

    async def _unseen(self, viewer: Viewer, name: str) -> list[dict[str, Any]]:
        if viewer.role not in DESK_ROLES:
            return []
        known, now = self._absences.get(name), self.clock.monotonic()
        if known is not None and now - known[0] < ABSENCES_KEPT_SECONDS:
            return known[1]
        answer = await self.places.ask(viewer.token, "absences", location=name)
        self._absences[name] = (now, answer["items"])
        return self._absences[name][1]

    async def _waits(
        self, viewer: Viewer, house: House, questions: list[dict[str, Any]], unseen: list[dict[str, Any]], spoken: Words
    ) -> Waits:
        name, ask = house.location["id"], self.places.every
        offers: list[dict[str, Any]] = []
        if any(hold.get("offer_id") for hold in house.holds):
            both = await asyncio.gather(*(ask(viewer.token, "offers", location=name, word=word) for word in COMING))
            offers = [offer for some in both for offer in some]
        there = {(stay["id"], stay["version"]) for stay in house.stays}  # what is remembered may be over by now
        absent = [one for one in unseen if (one["stay_id"], one["version"]) in there]
        return waits(name, house.places, house.holds, offers, questions, absent, self.clock.now(), spoken)

    async def offer_of(self, viewer: Viewer, house: House, place_id: str) -> dict[str, Any] | None:
        """The offer the hold of a place belongs to; None where it belongs to none. Raises `NoAnswer`."""
        here = (hold for hold in house.holds if place_id in hold["place_ids"] and hold["status"] == "active")
        offer_id = next((hold.get("offer_id") for hold in here), None)
        if offer_id is None:
            return None
        found: dict[str, Any] = await self.places.ask(viewer.token, f"offers/{offer_id}")
        return found

    async def _house(self, viewer: Viewer, location: Mapping[str, Any]) -> House:
        name, sees = location["id"], viewer.role in HOUSEHOLD_ROLES
        places, holds, stays = await asyncio.gather(
            self.places.every(viewer.token, "places", location=name),
            self.places.every(viewer.token, "holds", location=name, status="active") if sees else _nothing(),
            self.places.every(viewer.token, "stays", location=name, present="true") if sees else _nothing(),
        )
        return House(location, places, holds, stays)

    async def house(self, viewer: Viewer, name: str) -> House | None:
        """Everything about one house; None when this site has no such location. Raises `NoAnswer`."""
        chosen = next((location for location in await self._locations(viewer, None) if location["id"] == name), None)
        return None if chosen is None else await self._house(viewer, chosen)

    async def night_list(self, viewer: Viewer, spoken: Words, name: str, *, evacuation: bool) -> NightList | None:
        """Everybody in one house, to be printed; None when this site has no such location."""
        house = await self.house(viewer, name)
        if house is None:
            return None
        now, named = self.clock.now(), await self._named(viewer, house, spoken)
        return night_list(
            house.location, house.places, house.holds, house.stays, now, spoken, evacuation=evacuation, named=named
        )  # fmt: skip

    async def _named(self, viewer: Viewer, house: House, spoken: Words) -> Guests:
        """Who in a house handed their alias over, for those who work there. A list without it is better than none,
        and than one that comes too late: it is what one takes along when the house is on fire."""
        if viewer.role not in DESK_ROLES or "intake" not in self.settings.services:
            return NOBODY
        name, token = house.location["id"], viewer.token
        try:
            offers = await self.places.every(token, "offers", location=name, word="housed")
            asked = to_ask(offers, house.stays)
            some = (self.places.post(token, ASKED, body, ANSWER_SECONDS_MAX) for body in questions(asked))
            found = await asyncio.gather(*some)
        except NoAnswer:
            return Guests({}, spoken("list.no_aliases"))
        if any(answer.status_code != 200 for answer in found):
            return Guests({}, spoken("list.no_aliases"))
        return guests(asked, [answer.json() for answer in found], spoken)

    async def find(self, viewer: Viewer, spoken: Words, wanted: Wanted, after: int | None) -> dict[str, Any]:
        """Where in the network there is room, and what this desk has asked others for. Raises `NoAnswer`."""
        taps = viewer.role in DESK_ROLES
        search = self.places.ask(
            viewer.token, "search", kind=wanted.kind or None, household_size=wanted.people, features=wanted.features,
            district=wanted.district or None, limit=FOUND_MAX,
        )  # fmt: skip
        answer, capacity, holds = await asyncio.gather(
            search, self.places.ask(viewer.token, "capacity", after=after), self._open(viewer) if taps else _nothing()
        )
        own = self.settings.site
        return {
            "found": found(answer["items"], capacity, wanted, own, taps=taps, words=spoken),
            "asked": asked(holds, own, self.clock.now(), spoken),
            "districts": sorted({row["district"] for row in capacity["rows"] if row["district"]}),
        }

    async def _open(self, viewer: Viewer) -> list[dict[str, Any]]:
        """Holds that others were asked for and those that stand. In this order, so that one that is agreed to between
        the two is in both rather than in neither."""
        pending = await self.places.every(viewer.token, "holds", status="pending")
        return [*pending, *await self.places.every(viewer.token, "holds", status="active")]


async def _nothing() -> list[dict[str, Any]]:
    return []


def _path_of(request: Request) -> str:
    """Where this page is, to come back to: never another server's address."""
    query = request.url.query
    path = request.url.path
    return f"{path}?{query}" if query else path


@cache
def asset(name: str) -> str:
    """The address of a file of ours; it changes when the file does, so that browsers may keep it for ever."""
    digest = hashlib.sha256((HERE / "static" / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


@cache
def version() -> str:
    """Changes with anything a page is made of: files, templates, words."""
    digest = hashlib.sha256()
    for folder in ("static", "templates", "locale"):
        for path in sorted((HERE / folder).iterdir()):
            digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def viewer_of(request: Request, actor: Actor, cookie: str) -> Viewer:
    """Who asks for a page, with the token it is asked with."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    token = given.strip() if scheme.lower() == "bearer" else request.cookies.get(cookie, "")
    return Viewer(actor.role, token)
