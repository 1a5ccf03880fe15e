"""One bus for the conformance suite, twice: in memory, and the real nats-server with its real permissions.

Both are the site `stad` with one teller, `placement`; tests use them through `BusUnderTest` and cannot tell which it
is.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Protocol, Self, TypeVar

import msgspec
import pytest
import pytest_asyncio

from shared.bus import JetStreamLog, StreamSource, close_client, connect_broker, connect_relay
from shared.bus_connection import Broker, BusClient, ask
from shared.bus_parser import header_values
from shared.clock import SystemClock
from shared.envelope import Message, Origin
from shared.ports import BusUnavailable, Delivery, LogWriter, Source, Wake
from shared.streams import apply
from shared.together import ReadTogether
from tests.support.memory_bus import MemoryBus
from tests.support.servers import SINGLE, TestBuses, running_buses

SITE, SERVICE = "stad", "placement"
STREAM = "PUB_stad_placement"
ORIGIN = Origin(SITE, SERVICE, 1)
STARTED = datetime(2026, 1, 5, 22, 0, tzinfo=UTC)
DEADLINE_SECONDS = 60.0

T = TypeVar("T")


def row(sequence: int, origin: Origin = ORIGIN, data: bytes = b'{"free":1}') -> Message:
    """One outbox row; the same one for the same sequence, with everything set that can be."""
    return Message(
        origin=origin,
        log="pub",
        sequence=sequence,
        id=str(uuid.UUID(int=sequence)),
        type="nl.plek.placement.capacity-told.v1",
        subject="west-één",
        time=STARTED + timedelta(seconds=sequence),
        correlation_id=str(uuid.UUID(int=7)),
        causation_id=str(uuid.UUID(int=8)),
        data=data,
        observed_at=STARTED,
        traceparent=f"00-{'a' * 32}-{'b' * 16}-01",
    )


def rows(first: int, last: int) -> list[Message]:
    """Outbox rows `first` to `last`."""
    return [row(sequence) for sequence in range(first, last + 1)]


class BusUnderTest(Protocol):
    """What the suite does to a bus."""

    async def log(self) -> LogWriter:
        """The log on a relay connection of its own."""
        ...

    async def source(self, name: str = STREAM) -> Source:
        """A stream on a reader's connection of its own."""
        ...

    async def put(self, subject: bytes, headers: bytes | None, data: bytes) -> None:
        """Stores these bytes on the log, as somebody with the relay's credential could."""
        ...

    async def delete_consumers(self) -> None: ...

    async def kill(self) -> None:
        """The server dies without a word."""
        ...

    async def restart(self) -> None: ...

    async def remake(self) -> None:
        """Deletes the log's stream and makes it anew."""
        ...


class InMemory:
    """The suite on the memory twin. together: its sources share one reading of each stream."""

    def __init__(self, *, together: bool = False) -> None:
        self.shared: dict[str, ReadTogether] | None = {} if together else None
        self.bus = MemoryBus(SITE, {SITE: [SERVICE]}, SystemClock(), random.Random(1))

    async def log(self) -> LogWriter:
        return self.bus.log(SITE, SERVICE, "pub")

    async def source(self, name: str = STREAM) -> Source:
        return _shared(self.shared, name, lambda: self.bus.source(SITE, name))

    async def put(self, subject: bytes, headers: bytes | None, data: bytes) -> None:
        line = b"NATS/1.0\r\n"
        # A first line that is any other is lost on its way through the server, and all headers with it.
        values = header_values(headers[len(line) :]) if headers and headers.startswith(line) else None
        self.bus.put(SITE, STREAM, subject.decode("utf-8", "replace"), values, data)

    async def delete_consumers(self) -> None:
        self.bus.drop_consumers(SITE)

    async def kill(self) -> None:
        self.bus.down(SITE)

    async def restart(self) -> None:
        self.bus.up(SITE)

    async def remake(self) -> None:
        self.bus.remake(SITE, STREAM)


class OnNats:
    """The suite on a real nats-server, each user with its own credential. sweeps: how its sources ask for messages.
    together: they share one reading of each stream, and its connection.
    """

    def __init__(self, buses: TestBuses, *, sweeps: bool = False, together: bool = False) -> None:
        self.shared: dict[str, ReadTogether] | None = {} if together else None
        self.buses = buses
        self.sweeps = sweeps
        self.clients: list[BusClient] = []
        self.brokers: list[Broker] = []

    async def log(self) -> LogWriter:
        log = JetStreamLog(await self._relay(), SITE, SERVICE, "pub")
        await log.last()  # a relay begins with that, and from then on its rows leave at once
        return log

    async def source(self, name: str = STREAM) -> Source:
        if self.shared is None or not self.brokers:
            self.brokers.append(await connect_broker(self.buses.options(SITE, "city.placement")))
        client = await self.brokers[-1].bus()
        return _shared(self.shared, name, lambda: StreamSource(client, name, sweeps=self.sweeps))

    async def put(self, subject: bytes, headers: bytes | None, data: bytes) -> None:
        client = await self._relay()
        stored = client.new_inbox()
        answer = await client.subscribe(stored)
        if headers is None:
            command = f"PUB {{}} {stored} {len(data)}\r\n"
        else:
            command = f"HPUB {{}} {stored} {len(headers)} {len(headers) + len(data)}\r\n"
        before, after = command.encode().split(b"{}")
        await client._send_command(before + subject + after + (headers or b"") + data + b"\r\n")
        await client.flush()
        await answer.next_msg(DEADLINE_SECONDS)

    async def delete_consumers(self) -> None:
        admin = await self._admin()
        names = msgspec.json.decode(await ask(admin, f"$JS.API.CONSUMER.NAMES.{STREAM}"))["consumers"]
        for name in names:
            await ask(admin, f"$JS.API.CONSUMER.DELETE.{STREAM}.{name}")

    async def kill(self) -> None:
        self.buses.servers[SITE].kill()

    async def restart(self) -> None:
        self.buses.restart(SITE)

    async def remake(self) -> None:
        await ask(await self._admin(), f"$JS.API.STREAM.DELETE.{STREAM}")
        await apply(self.buses.topology, self.buses.admins())

    async def _relay(self) -> BusClient:
        return await self._client("city.placement.relay")

    async def _admin(self) -> BusClient:
        return await self._client("city.admin")

    async def _client(self, user: str) -> BusClient:
        client = await connect_relay(self.buses.options(SITE, user))
        self.clients.append(client)
        return client

    async def close(self) -> None:
        for client in self.clients:
            await close_client(client)
        for broker in self.brokers:
            await broker.stop()


def _shared(shared: dict[str, ReadTogether] | None, name: str, make: Callable[[], Source]) -> Source:
    """A source of its own, or one that shares a reading with the others of that stream."""
    if shared is None:
        return make()
    return shared.setdefault(name, ReadTogether(make, SystemClock())).source()


@pytest_asyncio.fixture(params=["memory", "nats"])
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[BusUnderTest]:
    """A bus with an empty log, in memory and on the real server."""
    if request.param == "memory":
        yield InMemory()
        return
    async with real_bus() as real:
        yield real


@asynccontextmanager
async def real_bus(*, sweeps: bool = False, together: bool = False) -> AsyncIterator[OnNats]:
    async with running_buses(SINGLE) as buses:
        real = OnNats(buses, sweeps=sweeps, together=together)
        try:
            yield real
        finally:
            await real.close()


async def once_available(action: Callable[[], Awaitable[T]]) -> T:
    """What `action` returns once the bus answers again, tried until the deadline."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            try:
                return await action()
            except BusUnavailable:
                await asyncio.sleep(0.02)


class Reader:
    """Follows a source as an inbox does: keeps a checkpoint, and begins again from it when the bus was away.

    It keeps every position and delivery it got, in order; a hole or a repeat would show.
    """

    def __init__(self, source: Source, after: int = 0) -> None:
        self.source, self.checkpoint = source, after
        self.got: list[Delivery] = []
        self.batch_sizes: list[int] = []
        self.began_again = 0
        self.task: asyncio.Task[None] | None = None
        self._more = Wake()

    async def __aenter__(self) -> Self:
        await self.source.incarnation()
        self.task = asyncio.ensure_future(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self.task is not None
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def until(self, count: int) -> list[Delivery]:
        """The deliveries, once there are at least so many. Raises what ended the reading, or after the deadline."""
        assert self.task is not None
        async with asyncio.timeout(DEADLINE_SECONDS):
            while len(self.got) < count and not self.task.done():
                more = asyncio.ensure_future(self._more.wait(self._more.count))
                await asyncio.wait({more, self.task}, return_when=asyncio.FIRST_COMPLETED)
                more.cancel()
        if len(self.got) < count:
            self.task.result()
        return self.got

    async def _run(self) -> None:
        while True:
            batches = self.source.batches(self.checkpoint)
            try:
                async for batch in batches:
                    self.got += batch
                    self.batch_sizes.append(len(batch))
                    self.checkpoint = batch[-1].position
                    self._more.set()
            except BusUnavailable:
                self.began_again += 1
                await asyncio.sleep(0.02)
            finally:
                await batches.aclose()
