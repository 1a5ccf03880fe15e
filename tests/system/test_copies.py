"""Streams that were made anew are copied from their beginning, and what is gone is made anew; on real servers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import nats.errors
import pytest

from shared import sourcing
from shared.bus import BusClient, JetStreamLog, StreamSource, close_client, connect_relay
from shared.envelope import Message, Origin
from shared.sourcing import LogKeeper, SourceKeeper, ask, hand_over_remaking
from shared.streams import apply
from tests.support.buses import row
from tests.support.servers import PAIR, TestBuses, running_buses

pytestmark = pytest.mark.asyncio

PUB = "PUB_west_placement"
SECONDS_MAX = 90.0


def told(epoch: int, first: int, last: int, site: str = "west") -> list[Message]:
    """Rows of a site's log in an epoch."""
    return [row(sequence, Origin(site, "placement", epoch)) for sequence in range(first, last + 1)]


@asynccontextmanager
async def users(buses: TestBuses, *wanted: tuple[str, str]) -> AsyncIterator[list[BusClient]]:
    clients = [await connect_relay(buses.options(site, user)) for site, user in wanted]
    try:
        yield clients
    finally:
        for client in clients:
            await client.close()


async def in_city(buses: TestBuses, site: str) -> list[Message]:
    """Every message in a site's CITY, in order."""
    client = await connect_relay(buses.options(site, "city.placement"))
    try:
        count = await _last(client)
        source, found = StreamSource(client, "CITY"), list[Message]()
        if count:
            await source.incarnation()
            async for batch in source.batches(0):
                found += [delivery.message for delivery in batch if delivery.message is not None]
                if len(found) >= count:
                    break
        return found
    finally:
        await close_client(client)


async def _last(client: BusClient) -> int:
    """How many messages CITY holds; a server that was just told to read its configuration again needs a moment."""
    async with asyncio.timeout(SECONDS_MAX):
        while True:
            try:
                return int((await ask(client, "INFO", "CITY")).get("state", {}).get("last_seq", 0))
            except (nats.errors.NoRespondersError, nats.errors.TimeoutError):
                await asyncio.sleep(0.1)


async def of_origin(buses: TestBuses, site: str, teller: str) -> list[int]:
    """The sequences of one origin in a site's CITY as a reader takes them: each once, and only the next."""
    read: list[int] = []
    for message in await in_city(buses, site):
        if message.origin.site == teller and message.sequence == len(read) + 1:
            read.append(message.sequence)
    return read


async def until(what: str, buses: TestBuses, site: str, wanted: list[tuple[int, int]]) -> None:
    """Until a site's CITY holds what is wanted, each at least once, in that order where it is there first."""
    deadline = time.monotonic() + SECONDS_MAX
    while True:
        found = [(message.origin.epoch, message.sequence) for message in await in_city(buses, site)]
        if list(dict.fromkeys(found))[-len(wanted) :] == wanted:
            return
        assert time.monotonic() < deadline, f"{what}: {found}"
        await asyncio.sleep(0.2)


async def test_an_epoch_that_outgrew_what_the_hub_had_gathered_is_gathered_from_its_beginning(
    nats_pair: TestBuses,
) -> None:
    """The hub's source goes on after the last number it has, and must see that those begin again at 1."""
    async with users(nats_pair, ("west", "city.placement.relay"), ("west", "city.admin")) as (relay, west):
        log = JetStreamLog(relay, "west", "placement", "pub")
        await log.publish(told(1, 1, 3))
        await until("the old epoch", nats_pair, "stad", [(1, 1), (1, 2), (1, 3)])
        nats_pair.cut("west")
        await ask(west, "DELETE", PUB)
        await apply(nats_pair.topology, nats_pair.admins())
        await log.publish(told(2, 1, 9))
        nats_pair.heal("west")
        whole = [(2, sequence) for sequence in range(1, 10)]
        for site in ("stad", "west"):
            await until(f"the whole epoch at {site}", nats_pair, site, whole)


async def test_a_hub_that_gathers_again_in_another_order_is_copied_again_from_its_beginning(
    nats_pair: TestBuses,
) -> None:
    """A copy that went on at its old place would miss what stands elsewhere now."""
    relays = (("west", "city.placement.relay"), ("stad", "city.placement.relay"))
    async with users(nats_pair, *relays, ("stad", "city.admin")) as (west, stad, admin):
        logs = {site: JetStreamLog(relay, site, "placement", "pub") for site, relay in (("west", west), ("stad", stad))}
        for number in (1, 2, 3):
            for site in ("west", "stad"):
                await logs[site].publish(told(1, number, number, site))
                await until("each in its turn", nats_pair, "west", [(1, number)])
        nats_pair.cut("west")
        await ask(admin, "DELETE", "CITY")
        await logs["stad"].publish(told(1, 4, 12, "stad"))
        await until("the hub's own, gathered again", nats_pair, "stad", [(1, n) for n in range(1, 13)])
        nats_pair.heal("west")
        await logs["west"].publish(told(1, 4, 5))
        deadline = time.monotonic() + SECONDS_MAX
        for site, count in (("west", 5), ("stad", 12)):
            while (read := await of_origin(nats_pair, "west", site)) != list(range(1, count + 1)):
                assert time.monotonic() < deadline, (site, read)
                await asyncio.sleep(0.2)


async def test_the_hub_makes_its_city_anew_though_its_process_never_saw_it() -> None:
    """Its process was started after the loss: whom to gather it knows from its settings."""
    async with running_buses(PAIR, kept=False) as buses, users(buses, ("stad", "city.admin")) as (stad,):
        await ask(stad, "DELETE", "CITY")
        await SourceKeeper(stad, "stad", "stad").look()
        assert "error" in await ask(stad, "INFO", "CITY")
        await SourceKeeper(stad, "stad", "stad", ["stad/placement", "west/placement"]).look()
        sources = (await ask(stad, "INFO", "CITY"))["config"]["sources"]
        assert {source["name"] for source in sources} == {"PUB_stad_placement", PUB}


@pytest.mark.parametrize(("account", "stream"), [("CITY", PUB), ("LOCAL", "LOC_west_placement")])
async def test_a_log_that_is_gone_is_made_anew_but_not_at_the_first_look(
    nats_pair: TestBuses, account: Any, stream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sourcing, "GONE_SECONDS", 0.3)
    async with users(nats_pair, ("west", f"{account.lower()}.admin")) as (west,):
        keeper = LogKeeper(west, "west", ["placement", "console"], account)
        before = (await ask(west, "INFO", stream))["config"]
        await ask(west, "DELETE", stream)
        await keeper.look()
        assert "error" in await ask(west, "INFO", stream)

        async def look_again() -> bool:
            await keeper.look()
            return "config" in await ask(west, "INFO", stream)

        deadline = time.monotonic() + SECONDS_MAX
        while not await look_again():
            assert time.monotonic() < deadline
        assert (await ask(west, "INFO", stream))["config"] == before


async def test_a_process_that_does_not_watch_the_streams_can_have_the_copy_taken_anew(nats_pair: TestBuses) -> None:
    """A large site runs a process a service: one of them watches, and any of them may find that something lacks."""
    lacking, settings = asyncio.Event(), nats_pair.settings("west", {"placement": "x", "console": "x"})
    async with users(nats_pair, ("west", "city.admin")) as (west,), hand_over_remaking(settings, lacking):
        before = (await ask(west, "INFO", "CITY"))["created"]
        lacking.set()
        deadline = time.monotonic() + SECONDS_MAX
        while (await ask(west, "INFO", "CITY")).get("created", before) == before:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        assert not lacking.is_set()
