"""Taking heaps off the wire: what a listener hears is what was sent, wherever the network has cut it in pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import Client
from nats.protocol.parser import AWAITING_CONTROL_LINE

from shared.bus_parser import HeapParser, Heard

LISTENER, QUEUED = 1, 2
LISTENERS = (LISTENER, LISTENER + 10)
Told = tuple[int, bytes, bytes, bytes, bytes]
Whole = tuple[bytes, bytes, bytes, bytes]

BLOCKS = st.sampled_from([b"NATS/1.0\r\nce-id: 1\r\n\r\n", b"NATS/1.0 100 Idle Heartbeat\r\n\r\n", b"NATS/1.0\r\n\r\n"])
PAYLOADS = st.binary(max_size=30) | st.sampled_from([b"\r\n", b"HMSG a 1 12 12\r\n", b"PING\r\n"])
MESSAGES = st.tuples(st.sampled_from([LISTENER, QUEUED]), st.sampled_from([b"a.b", "é".encode(), b"\xff"]),
                     st.sampled_from([b"", b"$JS.ACK.x"]), PAYLOADS, BLOCKS | st.just(b""))  # fmt: skip
PINGS = st.just(None)


class Library(Client):
    """nats-py's client as far as its parser asks it for anything."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Told] = []
        self.pings = 0

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes | None) -> None:
        self.told.append((sid, subject, reply, data, headers or b""))

    async def _process_ping(self) -> None:
        self.pings += 1


def on_the_wire(message: Told | None) -> bytes:
    if message is None:
        return b"PING\r\n"
    sid, subject, reply, data, block = message
    to = b" ".join(word for word in (subject, str(sid).encode(), reply) if word)
    if not block:
        return b"MSG %b %d\r\n%b\r\n" % (to, len(data), data)
    return b"HMSG %b %d %d\r\n%b%b\r\n" % (to, len(block), len(block) + len(data), block, data)


@pytest.mark.asyncio
@given(st.lists(MESSAGES | PINGS, max_size=12), st.lists(st.integers(1, 40), min_size=1, max_size=8))
async def test_every_message_is_heard_once_in_order_however_it_comes(
    sent: list[Told | None], pieces: list[int]
) -> None:
    client = Library()
    parser = HeapParser(client, LISTENER.__eq__, lambda sid, heap: client.told.extend((sid, *whole) for whole in heap))
    wire, at = b"".join(map(on_the_wire, sent)), 0
    while at < len(wire):
        for piece in pieces:
            await parser.parse(wire[at : at + piece])
            at += piece
    assert client.told == [message for message in sent if message is not None]
    assert client.pings == sent.count(None)
    assert (parser.state, bytes(parser.buf)) == (AWAITING_CONTROL_LINE, b"")


@pytest.mark.asyncio
async def test_a_heap_for_a_listener_does_not_go_through_the_library() -> None:
    client, heard = Library(), list[tuple[int, list[Whole]]]()
    parser = HeapParser(client, LISTENERS.__contains__, lambda sid, heap: heard.append((sid, [*heap])))
    whole: list[Whole] = [(b"a", b"r", b"%d" % n, b"NATS/1.0\r\nn: 1\r\n\r\n") for n in range(5)]
    sids = [LISTENER, LISTENER, LISTENER + 10, LISTENER, LISTENER]
    await parser.parse(b"".join(on_the_wire((sid, *one)) for sid, one in zip(sids, whole, strict=True)))
    assert heard == [(LISTENER, whole[:2]), (LISTENER + 10, whole[2:3]), (LISTENER, whole[3:])]
    assert client.told == []


@pytest.mark.parametrize(
    ("block", "headers"),
    [
        (b"", None),
        (b"NATS/1.0\r\n\r\n", {}),
        (b"NATS/1.0\r\na: 1\r\nb:2\r\n\r\n", {"a": "1", "b": "2"}),
        (b"NATS/1.0 503\r\n\r\n", {"Status": "503", "Description": ""}),
        (b"NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Stream: 7\r\n\r\n",
         {"Status": "100", "Description": "Idle Heartbeat", "Nats-Last-Stream": "7"}),
        (b"NATS/1.0 no status\r\n\r\n", None),
        (b"\xff\r\na: 1\r\n\r\n", None),
    ],
)  # fmt: skip
def test_a_header_block_is_read_or_there_are_no_headers(block: bytes, headers: dict[str, str] | None) -> None:
    assert Heard("a", "", b"", block).headers == headers
