"""Screens: the city's page with 500 sites and five years of history, its nights cold and warm, and how long after a tap
at one site a page at another shows it.

The sites are made up in the municipality's own view, one house each; what is asked is the running site's pages. The
page that waits for taps does what `static/live.js` does: it listens, and asks again at most five times a second.
"""

from __future__ import annotations

import asyncio
import re
import statistics
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import asyncpg

from bench.ground import Ground, Line, percentile
from bench.web import Web
from infra.running import site_settings
from services.placement.views_capacity import SERIES_SQL
from tests.support.network import Network, eventually, running_network

SITES, YEARS = 500, 5
OVERVIEW_MS_MAX, COLD_MS_MAX, WARM_MS_MAX = 150.0, 1_000.0, 50.0
ASKED = 40
RATE, SECONDS = 20.0, 20.0
SHOWN_MS_MAX = 1_000.0
SPACING_SECONDS = 0.2
"""Between two renderings of a page: `SPACING_MS` of `static/live.js`."""

_NAMES = "location, kind, size_class, feature_class"
_COUNTS = "site, title, district, total, overflow, occupied, held, blocked, people, observed_at, effective_at"

HISTORY = f"""
insert into figure_history (series, teller, {_NAMES}, epoch, sequence, {_COUNTS})
select {SERIES_SQL}, told.*
from generate_series(1, $1::int) g, generate_series(0, $2::int - 1) n,
  lateral (select $3::timestamptz + n * interval '1 day') as night(at),
  lateral (select 'made-' || g || '/placement', 'made-' || g, 'shelter_24h', '1', '', 1, n + 1, 'made-' || g,
  'House ' || g, 'District ' || g % 25, 60, 0, (n + g) % 60, 0, 0, (n + g) % 60, at, at) as told(teller, {_NAMES})
"""
NOW = f"""
insert into figures (origin, {_NAMES}, {_COUNTS})
select distinct on (teller) teller, {_NAMES}, {_COUNTS} from figure_history where teller like 'made-%'
order by teller, sequence desc
"""


def run(ground: Ground) -> list[Line]:
    """One network for all of it: first the taps, on a city of its own size, then the made-up one."""
    years, seconds = (1, 5.0) if ground.quick else (YEARS, SECONDS)
    with running_network() as network:
        return [ground.run(_taps(network, seconds)), *ground.run(_pages(network, years * 365))]


# --- pages ------------------------------------------------------------------------------------------------------------


async def _pages(network: Network, nights: int) -> list[Line]:
    first = datetime.now(UTC) - timedelta(days=nights)
    await _made(network, nights, first)
    web = Web(network.urls["stad"], network.token("stad", "coordinator"))
    now, then, cold, warm = list[float](), list[float](), list[float](), list[float]()
    await web.get("/city")
    for number in range(ASKED):
        at = (first + timedelta(days=1 + number * (nights - 1) // ASKED)).strftime("%Y-%m-%dT%H:%M:%SZ")
        now.append(await _timed(web, "/city", "District 24"))
        then.append(await _timed(web, f"/city?at={at}", "District 24"))
    cold.append(await _timed(web, "/city/nights", "House "))
    warm += [await _timed(web, "/city/nights", "House ") for _ in range(ASKED)]
    web.close()
    stored = f"{SITES} sites, {SITES * nights:,} lines of history"
    found = (
        (now, "the city's page", OVERVIEW_MS_MAX), (then, "the same, as it was", OVERVIEW_MS_MAX),
        (cold, "fourteen nights drawn, cold", COLD_MS_MAX), (warm, "fourteen nights drawn, warm", WARM_MS_MAX),
    )  # fmt: skip
    return [_line(name, took, most, stored) for took, name, most in found]


def _line(name: str, took: list[float], most: float, note: str) -> Line:
    slow = percentile(took, 0.95) if len(took) > 1 else took[0]
    note = f"{note}; 95th of 100: {slow:.0f} ms" if len(took) > 1 else note
    middle = statistics.median(took)
    return Line(name, middle, "ms", "limit, ms", most, slow / most, 1.0, at_most=True, note=note)


async def _timed(web: Web, path: str, holds: str) -> float:
    """How long a page took, in milliseconds; it has to be the whole page."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    page = await web.get(path)
    took = (loop.time() - began) * 1000
    assert holds.encode() in page, path
    return took


async def _made(network: Network, nights: int, first: datetime) -> None:
    dsn = site_settings(network.data, "stad").databases["placement"].get_secret_value()
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(HISTORY, SITES, nights, first, timeout=600)
        await connection.execute(NOW)
        await connection.execute("analyze figure_history")
        await connection.execute("analyze figures")
    finally:
        await connection.close()


# --- taps -------------------------------------------------------------------------------------------------------------


async def _taps(network: Network, seconds: float) -> Line:
    """Taps at a fixed pace at west; a page at the municipality shows so many taken."""
    loop, taps = asyncio.get_running_loop(), round(RATE * seconds)
    async with network.client("west") as west:
        house, _ = await network.new_location(west, taps)
    desks = [Web(network.urls["west"], network.token("west", "operator")) for _ in range(8)]
    page = Web(network.urls["stad"], network.token("stad", "coordinator"))
    shown = re.compile(
        rf'data-key="west/{house}/shelter_24h".*?data-figure>\d.*?data-figure>(\d+)<'.encode(), re.DOTALL
    )

    async def taken() -> int:
        found = shown.search(await page.get("/live"))
        return -1 if found is None else int(found[1])

    async def opened() -> bool:
        return await taken() == 0

    await eventually("the municipality shows the house", opened)
    tapped: list[float] = []
    delays: list[float] = []

    async def tap(number: int, due: float) -> None:
        tapped.append(due)
        await desks[number % len(desks)].post("/api/placement/stays", {"location": house, "kind": "shelter_24h"})

    async def watch(changed: Callable[[], asyncio.Future[None]]) -> None:
        while len(delays) < taps:
            await changed()
            count, at = await taken(), loop.time()
            delays.extend((at - due) * 1000 for due in tapped[len(delays) : count])
            await asyncio.sleep(SPACING_SECONDS)

    async with _stream(network) as changed:
        watching = asyncio.ensure_future(watch(changed))
        gates = [asyncio.Lock() for _ in desks]

        async def one(number: int, due: float) -> None:
            async with gates[number % len(desks)]:
                await tap(number, due)

        began, going = loop.time() + 0.1, []
        for number in range(taps):
            due = began + number / RATE
            await asyncio.sleep(due - loop.time())
            going.append(asyncio.ensure_future(one(number, due)))
        await asyncio.gather(*going)
        await asyncio.wait_for(watching, 60)
    for web in (*desks, page):
        web.close()
    slow = percentile(delays, 0.99)
    note = f"{taps} taps at {RATE:g} a second; p99 {slow:.0f} ms"
    return Line("from a tap to another site's page", statistics.median(delays), "ms", "limit of p99, ms", SHOWN_MS_MAX,
                slow / SHOWN_MS_MAX, 1.0, at_most=True, note=note)  # fmt: skip


@asynccontextmanager
async def _stream(network: Network) -> AsyncIterator[Callable[[], asyncio.Future[None]]]:
    """What the municipality's page listens to: a call that ends when something has changed since the last one."""
    parts = urlsplit(network.urls["stad"])
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    token = network.token("stad", "coordinator")
    writer.write(
        f"GET /api/placement/stream HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    )
    happened = asyncio.Event()

    async def listen() -> None:
        while line := await reader.readline():
            if line.startswith(b"data:"):
                happened.set()

    async def changed() -> None:
        await happened.wait()
        happened.clear()

    listening = asyncio.ensure_future(listen())
    try:
        yield lambda: asyncio.ensure_future(changed())
    finally:
        listening.cancel()
        writer.close()
