"""JetStream as the log: `JetStreamLog` publishes one origin's rows, `StreamSource` follows a stream of them.

PostgreSQL is the truth and the stream a copy that can be made again, so both only ever compare sequences: what is
published is accepted only at its own sequence, and what is read must follow what was read before.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import secrets
import uuid
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence

import msgspec
import nats.errors
from nats.aio.msg import Msg

from shared.bus_connection import (
    ANSWER_SECONDS,
    Broker,
    BusClient,
    Refused,
    ask,
    close_client,
    connect_broker,
    connect_relay,
    make_broker,
    number_in,
    refused,
    while_connected,
)
from shared.bus_consumer import Consumer, ConsumerLost, deliveries, delivery
from shared.bus_parser import Heard, header_values
from shared.bus_wire import Marked, Wire
from shared.envelope import (
    Log,
    Message,
    bus_subject,
    stream_name,
    to_headers,
)
from shared.ports import UNDER_WAY_ROWS_MAX, BusUnavailable, Delivery, LogMoved, SourceRemade, Tail

__all__ = [
    "Broker",
    "BusClient",
    "JetStreamLog",
    "StreamSource",
    "close_client",
    "connect_broker",
    "connect_relay",
    "delivery",
    "make_broker",
]

ATOMIC_MIN = UNDER_WAY_ROWS_MAX + 1
"""An atomic batch costs 3 to 4 ms however small it is; below this many messages, publishing one by one is faster."""
ATOMIC_MAX = 1_000
"""The server's limit."""
ATOMIC_BYTES_MAX = 8 * 1024 * 1024

UNMARKED = (0, "")
"""No message whose mark is known."""

NO_MESSAGE = 10037
MOVED = frozenset({10070, 10071, 10164, 10201})
"""Another last message than expected; wrong last sequence, in both wordings; an atomic batch that holds a message
already there."""


class _Ack(msgspec.Struct):
    seq: int


class _Stored(msgspec.Struct):
    seq: int
    subject: str = ""
    hdrs: str = ""
    data: str = ""


class _StoredAnswer(msgspec.Struct):
    message: _Stored


class _StreamState(msgspec.Struct):
    last_seq: int


class _StreamInfo(msgspec.Struct):
    created: str
    state: _StreamState


_ack = msgspec.json.Decoder(_Ack)
_stored = msgspec.json.Decoder(_StoredAnswer)
_info = msgspec.json.Decoder(_StreamInfo)


class JetStreamLog:
    """One log of one origin, on the connection of its relay. It implements `shared.ports.LogWriter`.

    Several rows are on the wire at once. A sequence alone would let one of them in behind somebody else's message, if
    the row before it was refused; so each row is given a mark of its own (`Nats-Msg-Id`), and names that of the row
    before it. A mark is random and never used again: where logs are gathered the server drops a message whose mark it
    has seen, and nobody can know one before its message is there.
    """

    def __init__(self, client: BusClient, site: str, service: str, log: Log) -> None:
        self._client = client
        self._wire = Wire(client, self._fail, self._trouble)
        self._stream = stream_name(log, site, service)
        self._of = (site, service, log)
        self._behind = UNMARKED
        self._lost = False
        self._under_way = self._slow = 0

    async def last(self) -> Tail | None:
        """The last message on the log, or None when it is empty. Raises `BusUnavailable`."""
        await self._wire.open()
        tail = await self._tail({"last_by_subj": ">"})
        if self._lost and not self._under_way:
            self._behind, self._lost = UNMARKED, False
        return tail

    async def at(self, sequence: int) -> Tail | None:
        """The message at one sequence (1 and up), or None. Raises `BusUnavailable`."""
        return await self._tail({"seq": sequence})

    async def message(self, sequence: int) -> Delivery | None:
        """The message at one sequence as a reader would see it, or None. Raises `BusUnavailable`."""
        stored = await self._get({"seq": sequence})
        if stored is None:
            return None
        headers = header_values(base64.b64decode(stored.hdrs))
        return delivery(stored.seq, stored.subject, headers, base64.b64decode(stored.data))

    async def _get(self, which: Mapping[str, object]) -> _Stored | None:
        try:
            answer = await ask(self._client, f"$JS.API.STREAM.MSG.GET.{self._stream}", which)
        except Refused as no:
            if no.code == NO_MESSAGE:
                return None
            raise BusUnavailable(f"{self._stream}: {no}") from None
        return _stored.decode(answer).message

    async def _tail(self, which: Mapping[str, object]) -> Tail | None:
        stored = await self._get(which)
        if stored is None:
            return None
        headers = header_values(base64.b64decode(stored.hdrs))
        epoch = headers.get("ce-epoch", "")
        # A message that is not ours has no id and epoch 0. No outbox row is like that: the relay will not resume on it.
        return Tail(stored.seq, headers.get("ce-id", ""), number_in(epoch) or 0)

    def publish(self, messages: Sequence[Message]) -> asyncio.Future[int]:
        """Publishes in order, each only if the log is exactly at the sequence before it; a few leave at once.

        Answers the last sequence, which is acknowledged. Raises `LogMoved` when the log is elsewhere and
        `BusUnavailable` when it does not answer; a first part of the messages may be there then.
        """
        for previous, message in itertools.pairwise(messages):
            assert message.sequence == previous.sequence + 1, "rows of one log have no holes"
        assert all((m.origin.site, m.origin.service, m.log) == self._of for m in messages), "another origin's message"
        if self._lost:
            raise LogMoved(f"{self._stream}: where it ends was not looked at since something went wrong")
        marked = self._marked(messages) if len(messages) < ATOMIC_MIN else []
        answer: asyncio.Future[int] | None = None
        if marked and not self._slow:
            answer = self._wire.send(marked, self._check)
        if answer is None:
            self._slow += 1
            answer = asyncio.ensure_future(self._publish(messages, marked))
            answer.add_done_callback(self._slow_over)
        self._under_way += 1
        answer.add_done_callback(self._over)
        return answer

    async def _publish(self, messages: Sequence[Message], marked: Sequence[Marked]) -> int:
        """The long way: for many, and for what cannot leave at once."""
        try:
            if marked:
                await while_connected(self._client, self._publish_each(marked))
                return messages[-1].sequence
            assert self._under_way == 1, "a batch names no message before it"
            for batch in _batches(messages):
                if len(batch) < ATOMIC_MIN:
                    await while_connected(self._client, self._publish_each(self._marked(batch)))
                else:
                    await while_connected(self._client, self._publish_atomically(batch))
        except BaseException as error:
            self._fail()
            if isinstance(error, Refused | nats.errors.Error | OSError | TimeoutError):
                raise self._trouble(error) from None
            raise
        return messages[-1].sequence

    def _slow_over(self, _: asyncio.Future[int]) -> None:
        self._slow -= 1

    def _over(self, answer: asyncio.Future[int]) -> None:
        self._under_way -= 1
        if answer.cancelled() or answer.exception() is not None:
            self._fail()

    def _fail(self) -> None:
        """Nothing more is published before somebody has looked where the log ends."""
        self._lost = True

    def _trouble(self, error: Exception) -> Exception:
        """What an error means to who publishes."""
        if isinstance(error, LogMoved):
            return error
        if isinstance(error, Refused) and error.code in MOVED:
            return LogMoved(f"{self._stream}: {error}")
        return BusUnavailable(f"{self._stream}: {error}")

    def _marked(self, messages: Sequence[Message]) -> list[Marked]:
        """Messages with their headers: the mark of each, and what it expects to be there."""
        marked = []
        for message in messages:
            headers = _expecting(message)
            sequence, mark = self._behind
            if sequence == message.sequence - 1 and mark:
                headers["Nats-Expected-Last-Msg-Id"] = mark
            mark = headers["Nats-Msg-Id"] = secrets.token_hex(8)
            self._behind = (message.sequence, mark)
            marked.append((message, headers))
        return marked

    async def _publish_each(self, batch: Sequence[Marked]) -> None:
        """All at once on the wire, in order; when one is refused so are all after it."""
        answers = await asyncio.gather(
            *(
                self._client.request(bus_subject(message), message.data, ANSWER_SECONDS, headers=headers)
                for message, headers in batch
            ),
            return_exceptions=True,
        )
        for (message, _), answer in zip(batch, answers, strict=True):
            if isinstance(answer, BaseException):
                raise answer
            self._check(answer, message)

    async def _publish_atomically(self, batch: Sequence[Message]) -> None:
        """All or nothing: stored when the last one is there, if the log is then at the sequence before the first."""
        batch_id = uuid.uuid4().hex
        for number, message in enumerate(batch[:-1], 1):
            headers = _expecting(message) if number == 1 else to_headers(message)
            headers["Nats-Batch-Id"] = batch_id
            headers["Nats-Batch-Sequence"] = str(number)
            await self._client.publish(bus_subject(message), message.data, headers=headers)
            if number % 100 == 0:
                await asyncio.sleep(0)  # the server reads while we write, and nobody else in this process waits long
        last = batch[-1]
        headers = to_headers(last)
        self._behind = (last.sequence, headers.setdefault("Nats-Msg-Id", secrets.token_hex(8)))
        headers |= {"Nats-Batch-Id": batch_id, "Nats-Batch-Sequence": str(len(batch)), "Nats-Batch-Commit": "1"}
        answer = await self._client.request(bus_subject(last), last.data, ANSWER_SECONDS, headers=headers)
        self._check(answer, last)

    def _check(self, answer: Msg | Heard, message: Message) -> None:
        stored = _ack.decode(refused(answer)).seq
        if stored != message.sequence:
            # Row = sequence is what everything else relies on; the expectation sent along makes it so.
            raise LogMoved(f"{self._stream}: row {message.sequence} is at {stored}")


def _batches(messages: Sequence[Message]) -> Iterator[Sequence[Message]]:
    """Messages in order, at most `ATOMIC_MAX` and about `ATOMIC_BYTES_MAX` together."""
    start = size = 0
    for index, message in enumerate(messages):
        size += len(message.data)
        if index - start == ATOMIC_MAX or (size > ATOMIC_BYTES_MAX and index > start):
            yield messages[start:index]
            start, size = index, len(message.data)
    if start < len(messages):
        yield messages[start:]


def _expecting(message: Message) -> dict[str, str]:
    headers = to_headers(message)
    headers["Nats-Expected-Last-Sequence"] = str(message.sequence - 1)
    return headers


class StreamSource:
    """Follows one stream on a service's connection. It implements `shared.ports.Source`.

    sweeps: the reader lets messages gather (`Consumer`). skip_site: a site whose messages the reader passes by, as it
    hears them another way (`Follow`): they are not looked into, but for whose they are, which the server vouches for by
    their subject.
    """

    def __init__(self, client: BusClient, name: str, *, sweeps: bool = False, skip_site: str | None = None) -> None:
        self.name = name
        self._sweeps, self._unread = sweeps, "" if skip_site is None else f"plek.{skip_site}."
        self._client = client
        self._incarnation: str | None = None

    async def incarnation(self) -> str:
        """When the stream was made: another one by the same name was made at another time. Raises `BusUnavailable`."""
        self._incarnation = (await self._look()).created
        return self._incarnation

    async def _look(self) -> _StreamInfo:
        try:
            return _info.decode(await ask(self._client, f"$JS.API.STREAM.INFO.{self.name}"))
        except Refused as no:
            raise BusUnavailable(f"{self.name}: {no}") from None

    async def batches(self, after: int) -> AsyncGenerator[Sequence[Delivery], None]:
        """Deliveries from position `after` + 1 on, in order and without a hole, as soon as there are any, at most 500.

        Raises `SourceRemade` when the stream is not the one whose `incarnation` was asked last, and `BusUnavailable`
        when the server does not answer or the stream ends before `after`. Close it (`aclose`) to unsubscribe.
        """
        position = after
        while True:
            consumer = await self._follow(position)
            try:
                while True:
                    batch = deliveries(await consumer.take(), position, self._unread)
                    position = batch[-1].position
                    yield batch
            except ConsumerLost as lost:
                if consumer.short_lived:
                    raise BusUnavailable(f"{self.name}: {lost}") from None
            finally:
                await consumer.close()

    async def _follow(self, position: int) -> Consumer:
        consumer = Consumer(self._client, self.name, sweeps=self._sweeps, unread=self._unread)
        try:
            await consumer.open(position)
            # Looked at after the consumer was made: a stream made anew in between takes the consumer with it.
            info = await self._look()
            if self._incarnation is None:
                self._incarnation = info.created
            if info.created != self._incarnation:
                raise SourceRemade(self.name)
            if info.state.last_seq < position:
                raise BusUnavailable(f"{self.name} ends at {info.state.last_seq}, before {position}")
        except BaseException:
            await consumer.close()
            raise
        return consumer
