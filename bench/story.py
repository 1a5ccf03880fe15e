"""A story on the screen: 400 told events of six sites, found in a journal with many others and drawn as a page."""

from __future__ import annotations

import statistics
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from joserfc.jwk import KeySet
from pydantic import SecretStr

from bench.ground import IDS, ROUNDS, Ground, Line
from services.console.api_entrance import Entrance
from services.console.api_pages import Places, Screens, build
from services.console.api_spans import add_spans
from services.console.api_trace import Tracer, add_trace
from services.console.views import JOURNAL_TABLES, journal
from services.console.views_accounts import Accounts
from services.console.views_spans import SPAN_TABLES, Spans
from shared.archive import Archive
from shared.clock import SystemClock
from shared.http import new_app, service_api
from shared.http_access import session_cookie
from shared.http_archive import add_archive
from shared.http_border import Border
from shared.ids import SystemIds
from shared.ports import Append, Put
from shared.settings import SiteSettings
from shared.store import PgStore
from tests.support.border import Tokens

SITES = ("stad", "west", "noord", "zuidoost", "oost", "nieuw-west")
TOLD = 400
OTHERS = 100_000
SECONDS_MAX = 1.0


def run(ground: Ground) -> list[Line]:
    """The page as whoever is on call opens it."""
    seconds = ground.run(opened(ground))
    return [
        Line(f"a story of {TOLD} events opens", seconds, "s", "limit", SECONDS_MAX, seconds / SECONDS_MAX, 1.0,
             at_most=True),
    ]  # fmt: skip


async def opened(ground: Ground) -> float:
    """Seconds from asking for the page to having it, the median of the rounds."""
    async with ground.store((*JOURNAL_TABLES, *SPAN_TABLES), "console") as store:
        newest = await furnish(store, 2_000 if ground.quick else OTHERS)
        async with site(store, ground.directory) as client:
            took = []
            for _ in range(ROUNDS):
                began = time.perf_counter()
                answer = await client.get("/trace", params={"id": newest})
                took.append(time.perf_counter() - began)
                assert answer.status_code == 200, answer.text
                assert answer.text.count("<tr id=") == TOLD
    return statistics.median(took)


async def furnish(store: PgStore, others: int) -> str:
    """Fills the journal. The story is a chain that goes round the sites; returns the id of its last event."""
    now, correlation = datetime.now(UTC), IDS.random_id()
    cause, rows = IDS.event_id(), []
    for number in range(TOLD):
        id_ = IDS.event_id()
        rows.append(_told(number, SITES[number % len(SITES)], now + timedelta(milliseconds=number), id_, correlation,
                          cause))  # fmt: skip
        cause = id_
    rows += [
        _told(number, SITES[number % len(SITES)], now, IDS.event_id(), IDS.random_id(), IDS.event_id())
        for number in range(TOLD, TOLD + others)
    ]
    for first in range(0, len(rows), 5_000):
        await store.append(Append(now, rows=rows[first : first + 5_000]))
    return cause


def _told(number: int, site: str, at: datetime, id_: str, correlation: str, cause: str) -> Put:
    type_ = "nl.plek.placement.capacity-told.v1"
    trace = f"00-{number:032x}-{1:016x}-01"
    return Put(
        journal,
        (f"{site}/placement", "pub", 1, number + 1, id_, type_, site, at, None, correlation, cause, trace, b"{}"),
    )


def site(store: PgStore, directory: Path) -> httpx.AsyncClient:
    """The console of one site behind its border, asked as whoever is on call."""
    tokens, cookie = Tokens(), session_cookie("west")
    app, nowhere = new_app("site"), directory / "nowhere"
    settings = SiteSettings(
        site="west", hub="stad", sites=list(SITES), services=["console"], port=1, databases={"console": SecretStr("")},
        nats_url="", credentials={}, token_keys=nowhere, seal_keys=nowhere, network_keys=nowhere,
    )  # fmt: skip
    border = Border(app, verify=tokens.verify, cookie=cookie)
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(app=border), base_url="http://west.test", timeout=60,
        headers={"Authorization": f"Bearer {tokens.token('oncall')}"},
    )  # fmt: skip
    api = service_api("console", "The console", asyncapi={"asyncapi": "3.0.0"})
    add_trace(api, Tracer(store, client, "west", ["console"]))
    add_archive(api, Archive(store, ()))
    add_spans(api, Spans(store), SystemClock(), 1.0)
    app.mount("/api/console", api)
    clock = SystemClock()
    entrance = Entrance(Accounts(store.query), KeySet([]), "west", clock, SystemIds(), False, lambda: None)
    app.mount("/", build(Screens(settings, Places(client), clock, cookie), entrance))
    return client
