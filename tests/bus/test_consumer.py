"""The positions a consumer's messages are held to, and the messages it does not look into."""

from __future__ import annotations

import asyncio

import pytest

from shared.bus import JetStreamLog, StreamSource, close_client, connect_relay
from shared.bus_consumer import HEARTBEAT_SECONDS, SILENT_SECONDS, Consumer, ConsumerLost, deliveries
from shared.bus_parser import Heard
from shared.envelope import Origin, bus_subject, to_headers
from shared.ports import Delivery
from tests.support.buses import row
from tests.support.processes import PATIENCE_SECONDS
from tests.support.servers import TestBuses


def message(position: int, reply: str = "$JS.ACK.PUB_stad_placement.reader.1.{}.1.1700000000000000000.0") -> Heard:
    told = row(position)
    block = "".join(f"{name}: {value}\r\n" for name, value in to_headers(told).items()).encode()
    return Heard(bus_subject(told), reply.format(position), told.data, b"NATS/1.0\r\n%b\r\n" % block)


@pytest.mark.parametrize(
    "reply",
    [
        "$JS.ACK.PUB_stad_placement.reader.1.{}.77.1700000000000000000.5",
        "$JS.ACK._.A1b2.PUB_stad_placement.reader.1.{}.77.1700000000000000000.5",
        "$JS.ACK.west.A1b2.PUB_stad_placement.reader.1.{}.77.1700000000000000000.5.xYz",
    ],
)
def test_positions_are_read_from_either_form_of_reply_subject(reply: str) -> None:
    read = deliveries([message(4, reply), message(5, reply)], after=3)
    assert [delivery.position for delivery in read] == [4, 5]
    assert [delivery.message for delivery in read] == [row(4), row(5)]


@pytest.mark.parametrize(("after", "positions"), [(0, [2]), (0, [1, 3]), (3, [3]), (3, [4, 4]), (3, [5, 4])])
def test_a_hole_a_repeat_or_another_order_is_refused(after: int, positions: list[int]) -> None:
    with pytest.raises(ConsumerLost):
        deliveries([message(position) for position in positions], after)


@pytest.mark.asyncio
@pytest.mark.parametrize("sweeps", [False, True])
async def test_what_a_reader_passes_by_comes_unread_at_its_place_and_all_else_in_full(
    nats_pair: TestBuses, sweeps: bool
) -> None:
    relays = {site: await connect_relay(nats_pair.options(site, "city.placement.relay")) for site in ("stad", "west")}
    reader = await connect_relay(nats_pair.options("west", "city.placement"))
    source = StreamSource(reader, "CITY", sweeps=sweeps, skip_site="west")
    read: list[Delivery] = []
    try:
        await source.incarnation()
        batches = source.batches(0)
        for site, number in (("west", 1), ("stad", 1), ("west", 2), ("stad", 2)):
            told = row(number, Origin(site, "placement", 1))
            await JetStreamLog(relays[site], site, "placement", "pub").publish([told])
            read += await anext(batches)  # one after the other: there is no order between origins
        await batches.aclose()
    finally:
        for client in (*relays.values(), reader):
            await close_client(client)
    subjects = {site: bus_subject(row(1, Origin(site, "placement", 1))) for site in ("stad", "west")}
    assert read == [
        Delivery(1, subjects["west"], None),
        Delivery(2, subjects["stad"], row(1, Origin("stad", "placement", 1))),
        Delivery(3, subjects["west"], None),
        Delivery(4, subjects["stad"], row(2, Origin("stad", "placement", 1))),
    ]


@pytest.mark.asyncio
@pytest.mark.parametrize("trouble", ["the server is gone", "the consumer is gone"])
async def test_a_consumer_is_held_on_to_as_long_as_its_heart_beats(nats_single: TestBuses, trouble: str) -> None:
    reader = await connect_relay(nats_single.options("stad", "city.placement"))
    consumer = Consumer(reader, "CITY")
    await consumer.open(0)
    waiting = asyncio.ensure_future(consumer.take())
    done, _ = await asyncio.wait({waiting}, timeout=SILENT_SECONDS + HEARTBEAT_SECONDS)
    assert not done, "nothing to read is no reason to leave"
    if trouble == "the server is gone":
        nats_single.servers["stad"].kill()
    else:
        await consumer.close()
    with pytest.raises(ConsumerLost):
        async with asyncio.timeout(PATIENCE_SECONDS):
            await waiting
    await close_client(reader)
