"""A site that goes on for a long time while its link is down, in a short one: commands given without HTTP."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from infra.running import site_settings
from services.placement.app import AGGREGATE, INLINE_TABLES, READER_TABLES
from services.placement.commands import CancelHold, HoldPlaces
from shared.bus_connection import close_client, connect_relay
from shared.clock import SystemClock
from shared.handling import Context, Handler
from shared.ids import SystemIds
from shared.sourcing import ask
from shared.store import PgStore
from shared.streams import stream_name
from tests.support.network import Network

DESKS = 16
TOLD_SECONDS_MAX = 300.0
LOOK_SECONDS = 0.2
KIND = "shelter_24h"


async def tell(network: Network, site: str, events: int) -> None:
    """Holds and cancels places until `events` more events wait in the site's log for the network: all of them in its
    stream, as after a long cut, and none still to be told.

    It works beside the site's own process, on the same database, as a second process of the service would.
    """
    async with network.client(site) as client:
        locations = [(await network.new_location(client, 1))[0] for _ in range(DESKS)]
    dsn = site_settings(network.data, site).databases["placement"].get_secret_value()
    store, ids = PgStore(dsn, site, "placement", (*INLINE_TABLES, *READER_TABLES)), SystemIds()
    await store.open(datetime.now(UTC))
    try:
        handler = Handler(store, AGGREGATE, SystemClock(), ids)

        async def work(location: str) -> None:
            for _ in range(events // DESKS // 2):
                hold, now = ids.random_id(), datetime.now(UTC)
                for command in (
                    HoldPlaces(at=now, role="operator", location=location, hold_id=hold, kind=KIND),
                    CancelHold(at=now, role="operator", location=location, hold_id=hold),
                ):
                    command_id = ids.event_id()
                    handled = await handler.handle(location, command, Context(command_id, command_id, command_id))
                    assert handled.rejected is None, handled.rejected

        await asyncio.gather(*(work(location) for location in locations))
        await _told(network, site, await store.outbox_last("pub"))
    finally:
        await store.close()


async def _told(network: Network, site: str, last: int) -> None:
    """Waits until the site's stream holds row `last` of its outbox."""
    client = await connect_relay(site_settings(network.data, site).nats_options("city.admin"))
    try:
        async with asyncio.timeout(TOLD_SECONDS_MAX):
            while (await ask(client, "INFO", stream_name(site, "placement", "pub")))["state"]["last_seq"] < last:
                await asyncio.sleep(LOOK_SECONDS)
    finally:
        await close_client(client)
