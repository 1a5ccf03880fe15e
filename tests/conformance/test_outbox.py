"""What the relay promises: every row of the outbox on the bus, in order, once; and a halt rather than a fork.

In memory, and from the real PostgreSQL to the real nats-server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from shared.clock import SystemClock
from shared.envelope import Log, Message
from shared.heard import Mark, Nobody, Unanswered, Witnesses
from shared.outbox import Relay
from shared.ports import Append, BusUnavailable, Delivery, LogMoved, LogWriter, OriginHalted, Store, Tail
from shared.schema import KERNEL_TABLES
from shared.store import PgStore
from tests.conformance.stores import NOW, append, create_tables, told
from tests.support.buses import STREAM, BusUnderTest, InMemory, real_bus
from tests.support.memory_store import Disk, MemoryStore
from tests.support.processes import soon
from tests.support.servers import drop_database, fresh_database

SITE, SERVICE = "stad", "placement"


class Parts:
    """A store and a bus that belong together."""

    def __init__(self, store: Callable[[], Awaitable[Store]], bus: BusUnderTest) -> None:
        self.new_store, self.bus = store, bus

    async def delivered(self, count: int) -> list[Message]:
        """The first `count` messages on the log's stream."""
        messages: list[Message] = []
        source = await self.bus.source(STREAM)
        await source.incarnation()
        async with asyncio.timeout(20):
            async for batch in source.batches(0):
                messages += [delivery.message for delivery in batch if delivery.message is not None]
                if len(messages) >= count:
                    return messages
        raise AssertionError("unreachable")


@asynccontextmanager
async def _in_memory(_: pytest.FixtureRequest) -> AsyncIterator[Parts]:
    disk = Disk()

    async def store() -> Store:
        return MemoryStore(disk, SITE, SERVICE)

    yield Parts(store, InMemory())


@asynccontextmanager
async def _for_real(request: pytest.FixtureRequest) -> AsyncIterator[Parts]:
    server = request.getfixturevalue("postgres")
    dsn = await fresh_database(server)
    await create_tables(dsn, KERNEL_TABLES)
    opened: list[PgStore] = []

    async def store() -> Store:
        made = PgStore(dsn, SITE, SERVICE)
        await made.open(NOW)
        opened.append(made)
        return made

    async with real_bus() as bus:
        yield Parts(store, bus)
        for made in opened:
            await made.close()
    await drop_database(server, dsn)


@pytest_asyncio.fixture(params=[_in_memory, _for_real], ids=["memory", "real"])
async def parts(request: pytest.FixtureRequest) -> AsyncIterator[Parts]:
    async with request.param(request) as made:
        yield made


@asynccontextmanager
async def relaying(store: Store, writer: LogWriter, witnesses: Witnesses | None = None) -> AsyncIterator[Relay]:
    relay = Relay(store, "pub", writer, SystemClock(), witnesses or Nobody())
    task = asyncio.create_task(relay.run())
    try:
        yield relay
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _tell(store: Store, count: int) -> None:
    for _ in range(count):
        await store.append(Append(NOW, told=[told()]))


async def test_rows_arrive_in_order_with_their_own_sequence_whenever_they_were_written(parts: Parts) -> None:
    store = await parts.new_store()
    await _tell(store, 3)
    async with relaying(store, await parts.bus.log()) as relay:
        await soon(lambda: relay.published == 3, "the rows written before")
        await store.append(Append(NOW, told=[told() for _ in range(40)]))  # more than fit one by one: an atomic batch
        await soon(lambda: relay.published == 43, "the rows written since")
    rows = await store.read_outbox("pub", 0, 100)
    seen = await parts.delivered(43)
    assert [message.sequence for message in seen] == list(range(1, 44))
    assert seen == rows


async def test_a_relay_that_comes_back_goes_on_where_the_stream_ends(parts: Parts) -> None:
    store = await parts.new_store()
    await _tell(store, 2)
    async with relaying(store, await parts.bus.log()) as relay:
        await soon(lambda: relay.published == 2, "both rows")
    await _tell(store, 2)
    again = await parts.new_store()
    async with relaying(again, await parts.bus.log()) as relay:
        await soon(lambda: relay.published == 4, "the other two")
    assert [message.sequence for message in await parts.delivered(4)] == [1, 2, 3, 4]
    assert again.halted is None


class ForgetsItsAnswer:
    """A log whose first acknowledgement is lost on the way back: the messages are there, the relay does not know."""

    def __init__(self, writer: LogWriter) -> None:
        self._writer, self.lost = writer, 1

    async def last(self) -> Tail | None:
        return await self._writer.last()

    async def at(self, sequence: int) -> Tail | None:
        return await self._writer.at(sequence)

    async def message(self, sequence: int) -> Delivery | None:
        return await self._writer.message(sequence)

    def publish(self, messages: Sequence[Message]) -> asyncio.Future[int]:
        return asyncio.ensure_future(self._publish(messages))

    async def _publish(self, messages: Sequence[Message]) -> int:
        last = await self._writer.publish(messages)
        if self.lost:
            self.lost -= 1
            raise BusUnavailable("no answer")
        return last


async def test_a_lost_acknowledgement_doubles_nothing(parts: Parts) -> None:
    store = await parts.new_store()
    await _tell(store, 3)
    async with relaying(store, ForgetsItsAnswer(await parts.bus.log())) as relay:
        await soon(lambda: relay.published == 3, "the relay to find them there")
        await _tell(store, 1)
        await soon(lambda: relay.published == 4, "the next one")
    assert [message.sequence for message in await parts.delivered(4)] == [1, 2, 3, 4]


class Slow:
    """A log whose first acknowledgement waits until it is let go; what it is then, nobody knows yet."""

    def __init__(self, writer: LogWriter) -> None:
        self._writer = writer
        self.go: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.first = True

    async def last(self) -> Tail | None:
        return await self._writer.last()

    async def at(self, sequence: int) -> Tail | None:
        return await self._writer.at(sequence)

    async def message(self, sequence: int) -> Delivery | None:
        return await self._writer.message(sequence)

    def publish(self, messages: Sequence[Message]) -> asyncio.Future[int]:
        return asyncio.ensure_future(self._publish(messages))

    async def _publish(self, messages: Sequence[Message]) -> int:
        first, self.first = self.first, False
        last = await self._writer.publish(messages)
        if first:
            await self.go
        return last


async def test_rows_leave_before_those_before_them_are_acknowledged(parts: Parts) -> None:
    store, slow = await parts.new_store(), Slow(await parts.bus.log())
    await _tell(store, 1)
    async with relaying(store, slow) as relay:
        await soon(lambda: not slow.first, "the first row to leave")
        await _tell(store, 3)
        assert len(await parts.delivered(4)) == 4
        slow.go.set_result(None)
        await soon(lambda: relay.published == 4, "the acknowledgements")


async def test_where_one_call_fails_the_relay_looks_and_goes_on_with_what_is_missing(parts: Parts) -> None:
    store, slow = await parts.new_store(), Slow(await parts.bus.log())
    await _tell(store, 1)
    async with relaying(store, slow) as relay:
        await soon(lambda: not slow.first, "the first row to leave")
        await _tell(store, 2)
        assert len(await parts.delivered(3)) == 3
        slow.go.set_exception(BusUnavailable("no answer"))
        await _tell(store, 2)
        await soon(lambda: relay.published == 5, "the rest")
    assert [message.sequence for message in await parts.delivered(5)] == [1, 2, 3, 4, 5]
    assert store.halted is None


async def test_two_relays_of_one_log_publish_each_row_once(parts: Parts) -> None:
    first, second = await parts.new_store(), await parts.new_store()
    async with relaying(first, await parts.bus.log()) as one, relaying(second, await parts.bus.log()) as other:
        for _ in range(20):
            await first.append(Append(NOW, told=[told(), told()]))
        await soon(lambda: one.published == 40 == other.published, "both to see the end", 20)
    assert [message.sequence for message in await parts.delivered(40)] == list(range(1, 41))
    assert first.halted is None
    assert second.halted is None


async def test_a_bus_that_was_made_anew_is_filled_from_the_first_row(parts: Parts) -> None:
    store = await parts.new_store()
    await _tell(store, 3)
    async with relaying(store, await parts.bus.log()) as relay:
        await soon(lambda: relay.published == 3, "three rows")
        await parts.bus.remake()
        await _tell(store, 1)
        await soon(lambda: relay.published == 4, "all of them again", 20)
    assert [message.sequence for message in await parts.delivered(4)] == [1, 2, 3, 4]


async def test_a_store_that_knows_less_than_the_bus_halts_its_origin(parts: Parts) -> None:
    """A backup was put back: other rows would stand where the network has read others already."""
    store = await parts.new_store()
    await _tell(store, 2)
    rows = await store.read_outbox("pub", 0, 2)
    writer = await parts.bus.log()
    await writer.publish(rows)
    await parts.bus.put(*_forged(3))
    async with relaying(store, await parts.bus.log()):
        await soon(lambda: store.halted is not None, "the origin to halt")
    with pytest.raises(OriginHalted, match="ends at 3"):
        await store.append(append("a/1"))
    await store.append(Append(NOW, rows=[]))  # checkpoints of its readers are still kept
    with pytest.raises(LogMoved):
        await writer.publish(await _row(store, 3))


class Says:
    """Whoever is asked how far this origin was heard. silent: how often nobody answers first."""

    def __init__(self, *marks: Mark, silent: int = 0) -> None:
        self._marks, self.silent = list(marks), silent

    async def marks(self, which: Log) -> list[Mark]:
        if self.silent:
            self.silent -= 1
            raise Unanswered("no answer from the hub")
        return self._marks


async def test_an_empty_stream_is_not_filled_from_a_store_that_knows_less_than_others_heard(parts: Parts) -> None:
    """A backup was put back and the log was lost as well: the numbers would come to mean something else."""
    store = await parts.new_store()
    await _tell(store, 3)
    async with relaying(store, await parts.bus.log(), Says(Mark("pub", 1, 5))):
        await soon(lambda: store.halted is not None, "the origin to halt")
    assert "heard the pub log up to 5 of epoch 1" in str(store.halted)
    assert await (await parts.bus.log()).last() is None


async def test_a_row_others_heard_otherwise_halts_an_origin_that_has_told_more_since(parts: Parts) -> None:
    store = await parts.new_store()
    await _tell(store, 3)
    async with relaying(store, await parts.bus.log(), Says(Mark("pub", 1, 2, "another"))):
        await soon(lambda: store.halted is not None, "the origin to halt")
    assert await (await parts.bus.log()).last() is None


async def test_an_empty_stream_waits_until_somebody_can_say_how_far_it_was_heard(parts: Parts) -> None:
    store = await parts.new_store()
    await _tell(store, 3)
    second = (await store.read_outbox("pub", 1, 1))[0].id
    says = Says(Mark("pub", 1, 2, second), Mark("loc", 1, 90), silent=3)
    async with relaying(store, await parts.bus.log(), says) as relay:
        await soon(lambda: relay.published == 3, "the rows, once somebody answered")
    assert (says.silent, store.halted) == (0, None)


async def test_a_process_whose_epoch_is_over_may_not_have_the_stream_of_the_next_one_taken_away(parts: Parts) -> None:
    """What `plek repair refill` asks before it deletes anything: every row is on the bus, and nobody heard more."""
    store, other = await parts.new_store(), await parts.new_store()
    await _tell(store, 2)
    async with relaying(store, await parts.bus.log(), Says(Mark("pub", 1, 2))) as relay:
        await soon(lambda: relay.published == 2, "the rows")
        assert await relay.contradiction() is None
        await other.begin_epoch([told()], 2, NOW)
        assert "epoch 2 has begun elsewhere" in str(await relay.contradiction())


async def test_an_idle_relay_notices_that_its_stream_was_lost_and_fills_it(parts: Parts) -> None:
    store = await parts.new_store()
    await _tell(store, 3)
    async with relaying(store, await parts.bus.log()) as relay:
        await soon(lambda: relay.published == 3, "three rows")
        await parts.bus.remake()
        assert len(await parts.delivered(3)) == 3


async def _row(store: Store, sequence: int) -> list[Message]:
    await store.append(Append(NOW, told=[told()]))
    return await store.read_outbox("pub", sequence - 1, 1)


def _forged(sequence: int) -> tuple[bytes, bytes, bytes]:
    """What somebody with a stolen credential, or this site before its backup was put back, may have published."""
    headers = (
        b"NATS/1.0\r\nce-id: 00000000-0000-7000-8000-00000000abcd\r\nce-sequence: %d\r\nce-epoch: 1\r\n\r\n" % sequence
    )
    return b"plek.stad.pub.placement.capacity-told", headers, b"{}"
