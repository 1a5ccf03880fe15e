"""One pull consumer on one stream, from its making to its loss. `shared.bus.StreamSource` makes the next one."""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress

import msgspec
import nats.errors
from nats.aio.subscription import Subscription

from shared.bus_connection import BusClient, Refused, ask
from shared.bus_parser import Heard
from shared.envelope import DATA_BYTES_MAX, Malformed, from_block, from_headers
from shared.ports import BusUnavailable, Delivery

FETCH_MAX = 500
PULL_BYTES_MAX = 16 * 1024 * 1024
PULL_SECONDS = 30
SWEEP_SECONDS = 0.005
"""How long a pull for what is already there stays open: the server answers at once, then says that it has ended."""
FLOOD = 100
"""From this many messages at a time on, the next ones are asked for before these are worked on."""
HEARTBEAT_SECONDS = 1.0
SILENT_SECONDS = 2.5
"""A consumer that was deleted, or forgotten by a server that crashed, sends no heartbeat: that is how it is noticed."""
SHORT_LIVED_SECONDS = 1.0

_NANOSECONDS = 1_000_000_000


def delivery(position: int, subject: str, headers: Mapping[str, str] | None, data: bytes) -> Delivery:
    """A message as it came off a stream. One that is not ours becomes a delivery with a `problem`; nothing is raised.

    What is kept of such a message is cut to a byte more than `DATA_BYTES_MAX`, so that it stays too large; its subject
    to what a database can store.
    """
    try:
        return Delivery(position, subject, from_headers(headers, data, subject))
    except Malformed as wrong:
        printable = "".join(character if character.isprintable() else "\ufffd" for character in subject[:200])
        return Delivery(position, printable, None, wrong.code, wrong.detail, data[: DATA_BYTES_MAX + 1], headers)


class ConsumerLost(Exception):
    """Nothing more comes from this consumer; a new one takes over where it stopped."""


def deliveries(messages: Sequence[Heard], after: int, unread: str = "") -> list[Delivery]:
    """Messages of a consumer as deliveries. Those on subjects that begin with `unread` are not looked into: their
    delivery has no message and no problem. Raises `ConsumerLost` when they do not follow `after` without a hole.
    """
    read = []
    for position, message in enumerate(messages, after + 1):
        if _stream_sequence(message.reply) != position:
            raise ConsumerLost(f"a hole at {position}")
        if unread and message.subject.startswith(unread):
            read.append(Delivery(position, message.subject, None))
        elif (told := from_block(message.block, message.data, message.subject)) is not None:
            read.append(Delivery(position, message.subject, told))
        else:
            read.append(delivery(position, message.subject, message.headers, message.data))
    return read


class Consumer:
    """A pull consumer of our own, without acks: the position lives in the reader's database.

    Up to two pulls are open at the server, so that the next messages are on their way while a batch is worked on, and a
    single message is handed over the moment it comes. nats-py's own fetch makes a task and a timer for each message.

    sweeps: for a reader in no hurry, that lets messages gather. It waits for one message; then it asks for what has
    come meanwhile, which comes in one piece for the server, the network and this process, until nothing has.
    unread: messages on subjects that begin so come without their headers.
    """

    def __init__(self, client: BusClient, stream: str, *, sweeps: bool = False, unread: str = "") -> None:
        self._client, self._unread = client, unread
        self._stream = stream
        self._sweeps = sweeps
        who = str(client.options.get("name") or "plek").replace(".", "-")
        self._name = f"{who}-{uuid.uuid4().hex[:12]}"
        self._loop = asyncio.get_running_loop()
        self._connection = client.stats["reconnects"]
        self._inbox = client.new_inbox()
        self._subscription: Subscription | None = None
        self._buffer: deque[Heard] = deque()
        self._asked = 0
        self._came = 1
        self._flood = False
        self._problem = ""
        self._news = asyncio.Event()
        self._fruitful = False
        self._opened_at = self._heard_at = self._loop.time()

    @property
    def short_lived(self) -> bool:
        """Whether it was lost before it gave anything: making another at once would make the next as well."""
        return not self._fruitful and self._loop.time() - self._opened_at < SHORT_LIVED_SECONDS

    async def open(self, after: int) -> None:
        config = {
            "name": self._name,
            "ack_policy": "none",
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": after + 1,
            "inactive_threshold": 10 * _NANOSECONDS,
            "mem_storage": True,
            "num_replicas": 1,
        }
        subject = f"$JS.API.CONSUMER.CREATE.{self._stream}.{self._name}"
        try:
            self._subscription = await self._client.listen(self._inbox, self._hear, self._unread)
            await ask(self._client, subject, {"stream_name": self._stream, "action": "create", "config": config})
        except Refused as no:
            raise BusUnavailable(f"{self._stream}: {no}") from None
        except nats.errors.Error as error:
            raise BusUnavailable(f"{self._stream}: {error}") from None
        self._opened_at = self._heard_at = self._loop.time()

    async def take(self) -> list[Heard]:
        """At least one message and at most 500, as soon as there is one. Raises `ConsumerLost`."""
        while True:
            await self._ask()
            if self._buffer:
                break
            self._news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(SILENT_SECONDS / 5):
                    await self._news.wait()
            self._look()
        self._fruitful = True
        if len(self._buffer) <= FETCH_MAX:
            taken = list(self._buffer)
            self._buffer.clear()
        else:
            taken = [self._buffer.popleft() for _ in range(FETCH_MAX)]
        self._flood = len(taken) >= FLOOD
        return taken

    async def close(self) -> None:
        """Unsubscribes and deletes the consumer; a server that is not there to be told forgets it in ten seconds."""
        with suppress(nats.errors.Error):
            if self._subscription is not None:
                await self._client.unlisten(self._subscription)
            if self._client.is_connected:
                await self._client.publish(f"$JS.API.CONSUMER.DELETE.{self._stream}.{self._name}")

    async def _ask(self) -> None:
        """Asks the server for what should come next, if that is not on its way."""
        if self._flood or not self._sweeps:
            if self._asked + len(self._buffer) <= FETCH_MAX:
                await self._pull(FETCH_MAX, PULL_SECONDS)
        elif not self._asked and not self._buffer:
            came, self._came = self._came, 0
            if came:
                await self._pull(FETCH_MAX, SWEEP_SECONDS)
            else:
                await self._pull(1, PULL_SECONDS)

    async def _pull(self, batch: int, seconds: float) -> None:
        request = {"batch": batch, "max_bytes": PULL_BYTES_MAX, "expires": int(seconds * _NANOSECONDS)}
        if seconds > HEARTBEAT_SECONDS:
            request["idle_heartbeat"] = int(HEARTBEAT_SECONDS * _NANOSECONDS)
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._name}"
        try:
            await self._client.publish(subject, msgspec.json.encode(request), reply=self._inbox)
        except nats.errors.Error as error:
            raise ConsumerLost(str(error)) from None
        self._asked += batch
        self._heard_at = self._loop.time()  # silence counts from a question on

    def _hear(self, messages: Sequence[Heard]) -> None:
        self._heard_at = self._loop.time()
        stored = [message for message in messages if message.reply.startswith("$JS.ACK.")]
        self._asked -= len(stored)
        self._came += len(stored)
        self._buffer += stored
        if len(stored) < len(messages):
            # Only the server sends these; a stored message that looks like one comes with a reply subject.
            for message in messages:
                if not message.reply.startswith("$JS.ACK."):
                    self._hear_status(message.headers or {})
        self._news.set()

    def _hear_status(self, headers: Mapping[str, str]) -> None:
        status = headers.get("Status", "")
        ended = headers.get("Nats-Pending-Messages", "")
        if status == "100":
            return
        if ended.isdigit():
            # A pull that ran out of time or bytes, with so many messages of it still to come: they are asked for again.
            self._asked = max(0, self._asked - int(ended))
        else:
            self._problem = f"{status} {headers.get('Description', '')}"

    def _look(self) -> None:
        if self._buffer:
            return
        if self._problem:
            raise ConsumerLost(self._problem)
        if not self._client.is_connected or self._client.stats["reconnects"] != self._connection:
            raise ConsumerLost("the connection was lost")
        if self._loop.time() - self._heard_at > SILENT_SECONDS:
            raise ConsumerLost("no heartbeat")


def _stream_sequence(reply: str) -> int:
    """The position in a reply subject: `$JS.ACK.<stream>.<consumer>.<count>.<position>...`, longer with a domain."""
    parts = reply.split(".")
    return int(parts[5] if len(parts) == 9 else parts[7])
