"""What a source promises its reader (`shared.ports.Source`), in memory and on the real nats-server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import msgspec
import pytest
import pytest_asyncio

from shared.bus_connection import ask
from shared.envelope import DATA_BYTES_MAX, bus_subject, to_headers
from shared.ports import BusUnavailable, Delivery, Source, SourceRemade
from tests.support.buses import DEADLINE_SECONDS, STREAM, BusUnderTest, InMemory, Reader, real_bus, row, rows

pytestmark = pytest.mark.asyncio

SUBJECT = bus_subject(row(2)).encode()


def block(changes: dict[str, str] | None = None, without: str = "", sequence: int = 2) -> bytes:
    """A header block as a row would have it, but for these changes."""
    whole = to_headers(row(sequence)) | (changes or {})
    headers = {name: value for name, value in whole.items() if name != without}
    return b"NATS/1.0\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode() + b"\r\n"


HOSTILE: dict[str, tuple[str, bytes, bytes | None, bytes]] = {
    "no headers": ("no-headers", SUBJECT, None, b"{}"),
    "nothing at all": ("no-headers", SUBJECT, None, b""),
    "a header line and no more": ("no-headers", SUBJECT, b"NATS/1.0", b"{}"),
    "headers that are none": ("no-headers", SUBJECT, b"garbage\r\n\r\n", b"{}"),
    "a status that is not text": ("no-headers", SUBJECT, b"NATS/1.0 \xff\xff\xff\r\n\r\n", b"{}"),
    "what the server says at the end of a pull": ("no-headers", SUBJECT, b"NATS/1.0 404 No Messages\r\n\r\n", b""),
    "what the server says of a deleted consumer": (
        "no-headers",
        SUBJECT,
        b"NATS/1.0 409 Consumer Deleted\r\n\r\n",
        b"",
    ),
    "headers like the server's own words": (
        "header-missing",
        SUBJECT,
        b"NATS/1.0\r\nStatus: 409\r\nDescription: Consumer Deleted\r\n\r\n",
        b"",
    ),
    "header names that are not text": ("header-missing", SUBJECT, b"NATS/1.0\r\nce-\xff: 1\r\n\r\n", b"{}"),
    "a subject that is not text": ("origin-mismatch", b"plek.stad.pub.placement.\xff\xfe", block(), b"{}"),
    "a subject with a NUL": ("origin-mismatch", b"plek.stad.pub.placement.\x00", block(), b"{}"),
    "another type's subject": ("origin-mismatch", b"plek.stad.pub.placement.place-held", block(), b"{}"),
    "another site's source": (
        "origin-mismatch",
        SUBJECT,
        block({"ce-source": "urn:nld:plek:west:placement:pub"}),
        b"{}",
    ),
    "a source without end": ("source-invalid", SUBJECT, block({"ce-source": "urn:nld:plek:" + "a" * 5000}), b"{}"),
    "no id": ("header-missing", SUBJECT, block(without="ce-id"), b"{}"),
    "an id that is none": ("id-invalid", SUBJECT, block({"ce-id": "1"}), b"{}"),
    "a sequence that is none": ("sequence-invalid", SUBJECT, block({"ce-sequence": "-1"}), b"{}"),
    "a sequence too large to store": ("sequence-invalid", SUBJECT, block({"ce-sequence": "9" * 40}), b"{}"),
    "an epoch that is none": ("sequence-invalid", SUBJECT, block({"ce-epoch": "one"}), b"{}"),
    "a version nobody writes": ("type-invalid", SUBJECT, block({"ce-type": "nl.plek.placement.x.v0"}), b"{}"),
    "a time without a zone": ("time-invalid", SUBJECT, block({"ce-time": "2026-01-05T22:00:00"}), b"{}"),
    "a time before time": ("time-invalid", SUBJECT, block({"ce-time": "0001-01-01T00:00:00+14:00"}), b"{}"),
    "a subject line no database stores": ("subject-invalid", SUBJECT, block({"ce-subject": "a\0b"}), b"{}"),
    "too much data": ("data-too-large", SUBJECT, block(), b"x" * (DATA_BYTES_MAX + 1)),
}


@pytest_asyncio.fixture(params=["memory", "memory-together", "nats", "nats-swept", "nats-together"])
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[BusUnderTest]:
    """A bus with an empty log: in memory, and on the real server with both ways of asking for messages; each also with
    sources that several readers share.
    """
    server, _, way = request.param.partition("-")
    if server == "memory":
        yield InMemory(together=way == "together")
        return
    async with real_bus(sweeps=way == "swept", together=way == "together") as real:
        yield real


async def put_good(bus: BusUnderTest, sequence: int) -> None:
    await bus.put(SUBJECT, block(sequence=sequence), b"{}")


async def first_batch(source: Source, after: int) -> Sequence[Delivery]:
    batches = source.batches(after)
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await anext(batches)
    finally:
        await batches.aclose()


async def test_rows_arrive_as_they_were_told(bus: BusUnderTest) -> None:
    await (await bus.log()).publish(rows(1, 40))
    async with Reader(await bus.source()) as reader:
        got = await reader.until(40)
    assert [delivery.message for delivery in got] == rows(1, 40)
    assert [delivery.position for delivery in got] == list(range(1, 41))
    assert all(delivery.subject == SUBJECT.decode() and not delivery.problem for delivery in got)


async def test_reading_begins_after_the_checkpoint(bus: BusUnderTest) -> None:
    await (await bus.log()).publish(rows(1, 40))
    async with Reader(await bus.source(), after=37) as reader:
        got = await reader.until(3)
    assert [delivery.message for delivery in got] == rows(38, 40)


async def test_many_come_in_batches_of_at_most_500_without_a_hole(bus: BusUnderTest) -> None:
    await (await bus.log()).publish(rows(1, 2_300))
    async with Reader(await bus.source()) as reader:
        got = await reader.until(2_300)
        assert max(reader.batch_sizes) <= 500
    assert [delivery.position for delivery in got] == list(range(1, 2_301))


async def test_a_row_is_handed_over_without_waiting_for_a_batch_to_fill(bus: BusUnderTest) -> None:
    log = await bus.log()
    async with Reader(await bus.source()) as reader:
        for sequence in range(1, 6):
            await log.publish(rows(sequence, sequence))
            await reader.until(sequence)
        assert reader.batch_sizes == [1] * 5


async def test_two_readers_each_get_everything(bus: BusUnderTest) -> None:
    async with Reader(await bus.source()) as first, Reader(await bus.source(), after=5) as second:
        await (await bus.log()).publish(rows(1, 20))
        assert len(await first.until(20)) == 20
        assert [delivery.position for delivery in await second.until(15)] == list(range(6, 21))


async def test_a_deleted_consumer_is_noticed_and_nothing_is_missed(bus: BusUnderTest) -> None:
    log = await bus.log()
    async with Reader(await bus.source()) as reader:
        await log.publish(rows(1, 20))
        await reader.until(20)
        await bus.delete_consumers()
        await log.publish(rows(21, 40))
        got = await reader.until(40)
    assert [delivery.message for delivery in got] == rows(1, 40)


async def test_a_server_killed_while_it_is_read_leaves_no_hole_and_no_repeat(bus: BusUnderTest) -> None:
    log = await bus.log()
    await log.publish(rows(1, 1_500))
    async with Reader(await bus.source()) as reader:
        await reader.until(1)
        await bus.kill()
        await bus.restart()
        got = await reader.until(1_500)
        assert [delivery.message for delivery in got] == rows(1, 1_500)


async def test_a_server_killed_while_nothing_happens_is_read_again_afterwards(bus: BusUnderTest) -> None:
    async with Reader(await bus.source()) as reader:
        log = await bus.log()
        await log.publish(rows(1, 3))
        await reader.until(3)
        await bus.kill()
        await bus.restart()
        log = await bus.log()
        await log.publish(rows(4, 6))
        assert [delivery.message for delivery in await reader.until(6)] == rows(1, 6)


async def test_a_stream_made_anew_while_it_is_read_is_told_apart(bus: BusUnderTest) -> None:
    log, source = await bus.log(), await bus.source()
    await log.publish(rows(1, 20))
    before = await source.incarnation()
    assert await source.incarnation() == before
    reader = Reader(source)
    async with reader:
        await reader.until(20)
        await bus.remake()
        await log.publish(rows(1, 30))
        with pytest.raises(SourceRemade):
            await reader.until(21)
    assert [delivery.position for delivery in reader.got] == list(range(1, 21))
    assert await source.incarnation() != before
    assert (await first_batch(source, 0))[0].message == row(1)


async def test_a_stream_made_anew_before_the_reading_began_is_told_apart(bus: BusUnderTest) -> None:
    source = await bus.source()
    await source.incarnation()
    await bus.remake()
    with pytest.raises(SourceRemade):
        await first_batch(source, 0)


async def test_a_stream_that_ends_before_the_checkpoint_is_not_read(bus: BusUnderTest) -> None:
    await (await bus.log()).publish(rows(1, 5))
    with pytest.raises(BusUnavailable, match="ends at 5"):
        await first_batch(await bus.source(), 6)


async def test_without_a_server_a_source_says_so(bus: BusUnderTest) -> None:
    source = await bus.source()
    await bus.kill()
    with pytest.raises(BusUnavailable):
        await source.incarnation()
    with pytest.raises(BusUnavailable):
        await first_batch(source, 0)


@pytest.mark.parametrize("what", HOSTILE)
async def test_a_hostile_message_is_a_problem_and_the_rest_flows_on(bus: BusUnderTest, what: str) -> None:
    problem, subject, headers, data = HOSTILE[what]
    await put_good(bus, 1)
    await bus.put(subject, headers, data)
    await put_good(bus, 3)
    async with Reader(await bus.source()) as reader:
        first, hostile, last = await reader.until(3)
        assert reader.began_again == 0
    assert (first.problem, last.problem) == ("", "")
    assert hostile.message is None
    assert hostile.position == 2
    assert hostile.problem == problem
    assert hostile.data == data[: DATA_BYTES_MAX + 1]  # what was too large is so when it is read again
    assert hostile.subject.isprintable()
    assert hostile.detail.isprintable()


async def test_a_server_that_says_nothing_any_more_is_asked_again() -> None:
    async with real_bus() as bus:
        log = await bus.log()
        async with Reader(await bus.source()) as reader:
            await log.publish(rows(1, 3))
            await reader.until(3)
            client = await bus.brokers[0].connect()
            (inbox,) = [number for number, to in client._subs.items() if not to.subject.endswith("*")]
            await client._send_unsubscribe(inbox)  # the server forgets where to send, and tells nobody
            await client.flush()
            await log.publish(rows(4, 6))
            assert [delivery.message for delivery in await reader.until(6)] == rows(1, 6)


async def test_nothing_is_left_at_the_server_when_a_reader_stops() -> None:
    async with real_bus() as bus:
        log, source = await bus.log(), await bus.source()
        await log.publish(rows(1, 20))
        admin = await bus._admin()

        async def consumers() -> list[str]:
            return msgspec.json.decode(await ask(admin, f"$JS.API.CONSUMER.NAMES.{STREAM}"))["consumers"] or []

        before = await consumers()
        assert len(await first_batch(source, 0)) > 0
        client = await bus.brokers[0].connect()
        async with asyncio.timeout(DEADLINE_SECONDS):
            while await consumers() != before:
                await asyncio.sleep(0.02)
        await source.incarnation()
        # What is left is the inbox for answers.
        assert len(client._subs) == 1
