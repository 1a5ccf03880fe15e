"""Who is asked how far an origin was heard, and who is believed: over the real bus, with the real permissions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

import pytest

from shared import heard, schema, sourcing
from shared.bus import BusClient, JetStreamLog, close_client, connect_relay
from shared.envelope import Log, Origin
from shared.heard import BusWitnesses, Mark, Unanswered, answer_on
from shared.kept import answer_kept_on, kept_elsewhere
from shared.ports import Append, Put
from shared.worklist import Lost
from tests.support.buses import row
from tests.support.memory_store import Disk, MemoryStore
from tests.support.servers import TestBuses

pytestmark = pytest.mark.asyncio

NOW = datetime(2026, 1, 5, 22, 0, tzinfo=UTC)
WEST = "west/placement"


class Services:
    """Services of two sites that answer on the bus, each with a store of its own."""

    def __init__(self, buses: TestBuses, stack: AsyncExitStack) -> None:
        self.buses, self._stack = buses, stack
        self.stores: dict[tuple[str, str], MemoryStore] = {}

    async def client(self, site: str, user: str) -> BusClient:
        client = await connect_relay(self.buses.options(site, user))
        self._stack.push_async_callback(close_client, client)
        return client

    async def answers(self, site: str, service: str, *marks: Mark) -> None:
        """From now on this service answers; beside how far its readers are it knows these marks."""

        async def known(origin: str) -> Sequence[Mark]:
            return marks if origin == WEST else ()

        store = self.stores[site, service] = MemoryStore(Disk(), site, service)
        await answer_on(await self.client(site, f"city.{service}"), site, service, store, known)

    async def has_read(self, site: str, service: str, sequence: int, log: Log = "pub") -> None:
        checkpoint = Put(schema.checkpoints, ("capacity", WEST, log, 1, sequence))
        await self.stores[site, service].append(Append(NOW, rows=[checkpoint]))

    async def asked_by(self, site: str) -> list[Mark]:
        """What placement of this site is told about itself, once everybody can be reached."""
        client = await self.client(site, "city.placement")
        settings = self.buses.settings(site, {"placement": "x", "console": "x"})
        witnesses = BusWitnesses(settings, "placement", lambda: client)
        async with asyncio.timeout(20):
            while True:
                try:
                    return sorted(await witnesses.marks("pub"))
                except Unanswered as nobody:
                    self.unanswered = str(nobody)
                    if "console of west" in str(nobody):
                        raise


@asynccontextmanager
async def services(buses: TestBuses) -> AsyncIterator[Services]:
    async with AsyncExitStack() as stack:
        yield Services(buses, stack)


async def test_a_site_hears_from_its_own_services_and_from_the_hub(nats_pair: TestBuses) -> None:
    async with services(nats_pair) as bus:
        await bus.answers("west", "console", Mark("loc", 1, 4, "an-id"))
        await bus.answers("stad", "placement")
        await bus.has_read("west", "console", 9)
        await bus.has_read("stad", "placement", 7)
        relay = await bus.client("west", "city.placement.relay")
        rows = [row(sequence, Origin("west", "placement", 1)) for sequence in (1, 2)]
        await JetStreamLog(relay, "west", "placement", "pub").publish(rows)
        stad = await bus.client("stad", "city.placement")

        async def gathered() -> bool:
            return await heard.city_tail(stad, "west", "placement") == Mark("pub", 1, 2, rows[1].id)

        async with asyncio.timeout(20):
            while not await gathered():
                await asyncio.sleep(0.05)
        assert await bus.asked_by("west") == [
            Mark("loc", 1, 4, "an-id"), Mark("pub", 1, 2, rows[1].id), Mark("pub", 1, 7), Mark("pub", 1, 9),
        ]  # fmt: skip


async def test_without_its_own_services_or_without_the_hub_nothing_is_known(
    nats_pair: TestBuses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heard, "ANSWER_SECONDS", 0.5)
    async with services(nats_pair) as bus:
        await bus.answers("stad", "placement")
        with pytest.raises(Unanswered, match="console of west"):
            await bus.asked_by("west")
        await bus.answers("west", "console")
        assert await bus.asked_by("west") == []
        nats_pair.servers["stad"].kill()
        client = await bus.client("west", "city.placement")
        settings = nats_pair.settings("west", {"placement": "x", "console": "x"})
        with pytest.raises(Unanswered, match="the hub stad"):
            await BusWitnesses(settings, "placement", lambda: client).marks("pub")
        assert await BusWitnesses(settings, "placement", lambda: client).marks("loc") == []  # nobody else was told
        with pytest.raises(Unanswered, match="bus does not answer"):
            await BusWitnesses(settings, "placement", lambda: None).marks("loc")


async def test_a_last_message_with_numbers_nobody_can_read_is_nobodys(nats_pair: TestBuses) -> None:
    """A site may write anything on its own log; whoever looks for the end of it must not stumble."""
    async with services(nats_pair) as bus:
        relay = await bus.client("stad", "city.placement.relay")
        headers = {"ce-epoch": "9" * 5_000, "ce-sequence": "1"}
        await relay.request("plek.stad.pub.placement.x", b"", 5, headers=headers)
        asker = await bus.client("stad", "city.placement")
        async with asyncio.timeout(20):
            while int((await sourcing.ask(asker, "INFO", "CITY"))["state"]["messages"]) == 0:
                await asyncio.sleep(0.05)
        assert await heard.city_tail(asker, "stad", "placement") is None


async def test_the_hub_asks_every_site_and_looks_into_its_own_city(nats_pair: TestBuses) -> None:
    async with services(nats_pair) as bus:
        await bus.answers("stad", "console")
        await bus.answers("west", "placement")
        store = bus.stores["west", "placement"]
        await store.append(Append(NOW, rows=[Put(schema.checkpoints, ("capacity", "stad/placement", "pub", 2, 5))]))
        assert await bus.asked_by("stad") == [Mark("pub", 2, 5)]


async def test_what_is_no_question_gets_no_answer_and_the_next_one_does(
    nats_pair: TestBuses, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with services(nats_pair) as bus:
        await bus.answers("stad", "placement")
        await bus.answers("west", "console")
        asker = await bus.client("west", "city.placement")
        for question in (b"", b"{}", b'{"site":"west.>","service":"x"}', b"x" * 600):
            await asker.publish("ask.stad.placement.heard", question, reply=asker.new_inbox())
        assert await bus.asked_by("west") == []


async def test_what_a_journal_keeps_is_given_to_its_own_site_whole_and_to_others_only_what_was_told_to_all(
    nats_pair: TestBuses,
) -> None:
    async def keeps(origin: str, log: Log, epoch: int, after: int, limit: int) -> Sequence[Lost]:
        assert (origin, epoch) == (WEST, 1)
        return [Lost(log, 1, number, f"{log}-{number}", "t", "west", NOW, b"{}") for number in (4, 5)]

    async with services(nats_pair) as bus:
        asker = await bus.client("west", "city.placement")
        settings = nats_pair.settings("west", {"placement": "x", "console": "x"})
        await answer_kept_on(await bus.client("stad", "city.console"), "stad", "console", keeps)

        async def kept(log: Log, after: int) -> list[str]:
            return [lost.id for lost in await kept_elsewhere(asker, settings, "placement", log, 1, after)]

        async with asyncio.timeout(20):
            while await kept("pub", 3) != ["pub-4", "pub-5"]:
                await asyncio.sleep(0.05)
        assert await kept("loc", 3) == []
        assert await kept("pub", 1) == []  # not what follows: a hole would be taken for nothing lost
        await answer_kept_on(await bus.client("west", "city.console"), "west", "console", keeps)
        async with asyncio.timeout(20):  # the server may hear the question before it knows who answers
            while await kept("loc", 3) != ["loc-4", "loc-5"]:
                await asyncio.sleep(0.05)
