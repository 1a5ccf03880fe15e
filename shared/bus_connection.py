"""How a service reaches its site's nats-server: a FastStream broker per account, a plain connection for the relay.

Both stand on `BusClient`, which no stored message can stop, ping often, reconnect for ever and close within a second
even when the server is gone. What a user may do is decided by the server (`infra/nats_config.py`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, TypeVar

import msgspec
import nats.errors
from faststream import AckPolicy
from faststream._internal.broker import BrokerUsecase
from faststream.nats import NatsBroker
from faststream.nats.security import NatsNKey
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.aio.transport import TcpTransport

from shared.bus_parser import HEADER_LINE, HeapParser, Heard, Whole, header_values
from shared.ports import BusUnavailable

log = logging.getLogger("plek.bus")

ANSWER_SECONDS = 5.0
"""How long a question to JetStream may take."""

PINGS: Mapping[str, Any] = {"ping_interval": 2, "max_outstanding_pings": 2}
"""A link that went silent is noticed within 6 s; the library's own default takes minutes."""

WRITE_BYTES_MAX = 256 * 1024
"""What may wait in a socket's buffer before writers have to wait themselves."""

CLOSE_SECONDS = 0.5
LOOK_SECONDS = 0.2

_NO_SUBJECT = b" "
"""No subject begins with a blank."""

T = TypeVar("T")


DIGITS_MAX = 18
"""More than any sequence or epoch has; Python refuses to read a number of thousands."""


def number_in(text: str) -> int | None:
    """The number in a header that anybody may have written, of at most 18 digits; None when there is none."""
    return int(text) if len(text) <= DIGITS_MAX and text.isascii() and text.isdigit() else None


class BusClient(Client):
    """nats-py's client, made so that no stored message can stop it.

    Two kinds of message, which the server stores without a word, end nats-py 2.16's read loop for good: a subject that
    is not UTF-8, and a header block of nothing but `NATS/1.0`. Whoever may publish on one log could so stop every
    reader of the network. Here they arrive like any other, to be refused by `from_headers`. Reading and writing
    headers, which is most of the work, is also twice as fast, and a listener hears a message as it is read, without a
    queue and a task in between.
    """

    def __init__(self) -> None:
        super().__init__()
        self._listeners: dict[int, tuple[Callable[[Sequence[Heard]], None], bytes]] = {}
        self._ps = HeapParser(self, self._listeners.__contains__, self._listen_in)

    async def listen(self, subject: str, heard: Callable[[Sequence[Heard]], None], unread: str = "") -> Subscription:
        """Subscribes; `heard` is called with what has come, at once, and must neither wait nor raise.

        unread: messages on subjects that begin so come without their headers.
        End it with `unlisten`. Nothing bounds what comes but what was asked for: it is meant for pulls.
        """

        async def never(_: Msg) -> None:
            """The library wants to know how it would call back."""

        subscription = await self.subscribe(subject, cb=never)
        self._listeners[subscription._id] = (heard, unread.encode() or _NO_SUBJECT)
        return subscription

    async def unlisten(self, subscription: Subscription) -> None:
        """Ends what `listen` began. Raises `nats.errors.Error`."""
        self._listeners.pop(subscription._id, None)
        await subscription.unsubscribe()

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
        listener = self._listeners.get(sid)
        if listener is None:
            await super()._process_msg(sid, subject, reply, data, headers)
            return
        self._listen_in(sid, ((subject, reply, data, headers or b""),))

    def _listen_in(self, sid: int, messages: Sequence[Whole]) -> None:
        heard, unread = self._listeners[sid]
        self.stats["in_msgs"] += len(messages)
        self.stats["in_bytes"] += sum([len(data) for _, _, data, _ in messages])
        heard([
            Heard(str(subject, "utf-8", "replace"), str(reply, "utf-8", "replace"), data,
                  b"" if subject.startswith(unread) else block)
            for subject, reply, data, block in messages
        ])  # fmt: skip

    async def _process_headers(self, headers: bytes) -> dict[str, str] | None:
        if not headers:
            return None
        if headers.startswith(HEADER_LINE):
            return header_values(headers[len(HEADER_LINE) :])
        try:
            return await super()._process_headers(headers)
        except (IndexError, UnicodeDecodeError):
            return None

    async def _process_err(self, err_msg: str) -> None:
        """The server says that something is wrong, and ends the connection. The library then closes for good, and
        whatever stands on it waits for ever: one that worked is tried again instead, like any that was lost. A
        permission that is missing ends nothing."""
        if not self.is_connected or "permissions violation" in err_msg.lower():
            await super()._process_err(err_msg)
            return
        self._err = nats.errors.Error(f"nats: {err_msg.strip(chr(39))}")
        await self._error_cb(self._err)
        await self._process_op_err(self._err)

    def put(self, messages: Sequence[tuple[str, str, bytes, dict[str, str]]]) -> bool:
        """Writes messages (subject, reply, payload, headers) to the socket, now, all of them or none. False: they have
        to be published one after the other, which waits for whatever is in the way."""
        if any(len(payload) > self.max_payload for _, _, payload, _ in messages):
            return False
        commands = [_command(*message) for message in messages]
        written = None not in commands and self._write(b"".join(commands))  # type: ignore[arg-type]
        if written:
            self.stats["out_msgs"] += len(messages)
            self.stats["out_bytes"] += sum(len(payload) for _, _, payload, _ in messages)
        return written

    async def _send_publish(
        self, subject: str, reply: str, payload: bytes, payload_size: int, headers: dict[str, Any] | None
    ) -> None:
        command = _command(subject, reply, payload, headers)
        if command is None:
            await super()._send_publish(subject, reply, payload, payload_size, headers)
            return
        self.stats["out_msgs"] += 1
        self.stats["out_bytes"] += payload_size
        if self._write(command):
            return
        await self._send_command(command)
        if self._flush_queue is not None and self._flush_queue.empty():
            await self._flush_pending()

    def _write(self, command: bytes) -> bool:
        """Straight to the socket: the library lets what is published wait for a task that writes, and in a busy process
        that waits for its turn. False where something waits there already, or where the server does not keep up.
        """
        transport = self._transport
        if self._pending_data_size or not self.is_connected or not isinstance(transport, TcpTransport):
            return False
        writer = transport._io_writer
        if writer is None or writer.transport.get_write_buffer_size() > WRITE_BYTES_MAX:
            return False
        try:
            writer.write(command)
        except RuntimeError:  # closed, and the library has not noticed yet
            return False
        return True

    def _build_message(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: dict[str, str] | None
    ) -> Msg:
        return Msg(self, subject.decode("utf-8", "replace"), reply.decode("utf-8", "replace"), data, headers, _sid=sid)


def _command(subject: str, reply: str, payload: bytes, headers: Mapping[str, Any] | None) -> bytes | None:
    """A message as it is written; None where the library has to: it refuses an empty subject, and folds a value with a
    line break in it into one line."""
    if not subject:
        return None
    if not headers:
        return f"PUB {subject} {reply} {len(payload)}\r\n".encode() + payload + b"\r\n"
    block = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if not block.count("\n") == block.count("\r") == len(headers):
        return None
    raw = b"NATS/1.0\r\n%b\r\n" % block.encode()
    command = f"HPUB {subject} {reply} {len(raw)} {len(raw) + len(payload)}\r\n".encode()
    return b"%b%b%b\r\n" % (command, raw, payload)


class Broker(NatsBroker):
    """FastStream's broker on a `BusClient`. Acks are manual everywhere: its default ends a message on any exception.

    Everything but the logs goes through it: beats now, questions between sites later (they will want FastStream's
    tracing; a beat every five seconds from every service does not). The logs are followed by `shared.bus.StreamSource`
    on the client that `bus` returns.
    """

    async def _connect(self) -> Client:
        client = await _connected(self._connection_kwargs)
        self.config.connect(client)
        return client

    async def bus(self) -> BusClient:
        """The client behind the broker, connected."""
        client = await self.connect()
        assert isinstance(client, BusClient)
        return client

    @property
    def connected(self) -> bool:
        """Whether the server is there at this moment."""
        return self._connection is not None and self._connection.is_connected

    async def stop(
        self,
        exc_type: type[BaseException] | None = None,
        exc_val: BaseException | None = None,
        exc_tb: TracebackType | None = None,
    ) -> None:
        """Stops within a second. FastStream's own way drains, which raises while reconnecting and may take a minute."""
        client, self._connection = self._connection, None
        with suppress(Exception):
            await asyncio.wait_for(BrokerUsecase.stop(self, exc_type, exc_val, exc_tb), CLOSE_SECONDS)
        if client is not None:
            await close_client(client)
        self.config.disconnect()


def make_broker(options: Mapping[str, Any]) -> Broker:
    """A broker that is not connected yet: enough to declare on and to describe. options: see `connect_broker`."""
    options = dict(options)
    seed = options.pop("nkeys_seed", None)
    return Broker(
        **options,
        security=NatsNKey.from_file(seed) if seed else None,
        ack_policy=AckPolicy.MANUAL,
        apply_types=False,  # nothing is injected here, and each thing injected is a thread's turn for each message
        graceful_timeout=CLOSE_SECONDS / 2,
        logger=log,
        log_level=logging.DEBUG,
    )


async def connect_broker(options: Mapping[str, Any]) -> Broker:
    """The broker of one service in one account: connected, and not started, so that subscribers can still be declared.

    options: `SiteSettings.nats_options(user)`. Waits for the server as long as it takes; raises `nats.errors.Error`
    only when the server refuses the credential. `await broker.bus()` returns its client; `await broker.stop()`
    closes it.
    """
    broker = make_broker(options)
    await broker.connect()
    return broker


async def connect_relay(options: Mapping[str, Any]) -> BusClient:
    """The connection of one relay, on which nothing but its own log can be published. Close it with `close_client`.

    options: `SiteSettings.nats_options(user)` of the relay's user. Waits and raises as `connect_broker` does.
    """
    return await _connected(options)


async def close_client(client: Client) -> None:
    """Closes a connection within a second, whether or not the server is there.

    A closing that takes longer is left to itself: nats-py passes over being cancelled while it waits for a reconnection
    of its own to end, and whoever waited for that (as `asyncio.wait_for` does) might wait for ever.
    """
    closing = asyncio.ensure_future(client.close())
    try:
        await asyncio.wait({closing}, timeout=CLOSE_SECONDS)
    finally:
        closing.cancel()
        closing.add_done_callback(_heeded)


def _heeded(closed: asyncio.Future[None]) -> None:
    """How a closing ended is of interest to nobody, and is not reported as forgotten."""
    if not closed.cancelled():
        closed.exception()


async def _connected(options: Mapping[str, Any]) -> BusClient:
    client = BusClient()
    name = str(options.get("name", "plek"))
    first = True

    async def trouble(error: Exception) -> None:
        log.debug("bus connection %s: %r", name, error)
        if first and "authorization violation" in str(error).lower():
            raise error  # a wrong credential stays wrong; later on it may be a server still reading its configuration

    async def lost() -> None:
        if not client.is_closed:
            log.warning("bus connection %s is lost; it is tried again until it is back", name)

    async def back() -> None:
        log.warning("bus connection %s is back", name)

    callbacks = {"error_cb": trouble, "disconnected_cb": lost, "reconnected_cb": back, "closed_cb": None}
    try:
        await client.connect(**{**options, **PINGS, "max_reconnect_attempts": -1, **callbacks})
    except BaseException:
        await close_client(client)
        raise
    first = False
    return client


class Refused(Exception):
    """JetStream answered, and the answer is no. `code` is its `err_code`."""

    def __init__(self, code: int, description: str) -> None:
        super().__init__(f"{description} ({code})")
        self.code = code


class _Failure(msgspec.Struct):
    description: str = ""
    err_code: int = 0


class _Answer(msgspec.Struct):
    error: _Failure | None = None


_answer = msgspec.json.Decoder(_Answer)


async def ask(client: Client, subject: str, body: Any = None, headers: dict[str, str] | None = None) -> bytes:
    """JetStream's answer to one question (or published message). Raises `Refused` and `BusUnavailable`."""
    payload = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
    try:
        reply = await while_connected(client, client.request(subject, payload, ANSWER_SECONDS, headers=headers))
    except (nats.errors.Error, OSError, TimeoutError) as error:
        raise BusUnavailable(f"{subject}: {error}") from None
    return refused(reply)


def refused(reply: Msg | Heard) -> bytes:
    """The body of an answer that says yes. Raises `Refused` when it says no."""
    try:
        failure = _answer.decode(reply.data).error
    except msgspec.MsgspecError as error:
        raise BusUnavailable(f"an answer nobody understands: {error}") from None
    if failure is not None:
        raise Refused(failure.err_code, failure.description)
    return reply.data


async def while_connected(client: Client, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, given up once the connection it began on is gone: what became of it is unknown then.

    Raises `BusUnavailable`, or what `work` raises.
    """
    connection = client.stats["reconnects"]
    if not client.is_connected:
        work.close()
        raise BusUnavailable("not connected")
    task = asyncio.ensure_future(work)
    try:
        while not (await asyncio.wait({task}, timeout=LOOK_SECONDS))[0]:
            if not client.is_connected or client.stats["reconnects"] != connection:
                raise BusUnavailable("the connection was lost")
        return task.result()
    finally:
        task.cancel()
