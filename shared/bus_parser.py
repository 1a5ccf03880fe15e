"""Reading the wire: what a pull has asked for comes in heaps, and is taken off in one go.

nats-py's parser moves its buffer up twice for every message and goes through two calls that could wait to hand it over.
A heap that is meant for a listener (`BusClient.listen`) needs none of that: a message that is there whole is cut out
and heard. Everything else is left to the library, byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec
from nats.protocol.parser import AWAITING_CONTROL_LINE, Parser

if TYPE_CHECKING:
    from nats.aio.client import Client

HEADER_LINE = b"NATS/1.0\r\n"

_VERSION = "NATS/1.0"
_LINE = re.compile(rb"HMSG (\S+) (\d+) (?:(\S+) )?(\d+) (\d+)\r\n")
_END = 2


def header_values(raw: bytes) -> dict[str, str]:
    """The headers in a NATS header block without its first line. Bytes that are not UTF-8 become U+FFFD."""
    values: dict[str, str] = {}
    for line in raw.decode("utf-8", "replace").split("\r\n"):
        name, colon, value = line.partition(": ")
        if not colon or ":" in name:
            name, colon, value = line.partition(":")
        if colon:
            values[name] = value.strip()
    return values


Whole = tuple[bytes, bytes, bytes, bytes]
"""Subject, reply, payload and header block of a message that is there whole."""


class Heard(msgspec.Struct, gc=False):
    """A message as a listener hears it. block: its headers as they came; empty when there are none."""

    subject: str
    reply: str
    data: bytes
    block: bytes = b""

    @property
    def headers(self) -> dict[str, str] | None:
        """Its headers, read anew at every look; the server's own word (`NATS/1.0 503 No Responders`) is `Status` and
        `Description`. None: there are none, or nobody can read them."""
        if self.block.startswith(HEADER_LINE):
            return header_values(self.block[len(HEADER_LINE) :])
        line, _, rest = self.block.partition(b"\r\n")
        version, _, word = line.decode("utf-8", "replace").partition(" ")
        status, _, description = word.strip().partition(" ")
        if version != _VERSION or not status.isdigit():
            return None
        return header_values(rest) | {"Status": status, "Description": description}


class HeapParser(Parser):
    """The library's parser, but for messages with headers that a listener waits for.

    listens: whether one waits for those of a subscription. hear: called with a subscription and the messages that came
    for it one behind the other; it must neither wait nor raise.
    """

    def __init__(
        self, client: Client, listens: Callable[[int], bool], hear: Callable[[int, Sequence[Whole]], None]
    ) -> None:
        super().__init__(client)
        self._listens, self._hear = listens, hear

    async def parse(self, data: bytes = b"") -> None:
        """Reads what has come. Raises `nats.errors.ProtocolError`."""
        if self.state == AWAITING_CONTROL_LINE:
            self.buf.extend(data)
            if self._heap():
                return
            data = b""
        await super().parse(data)

    def _heap(self) -> bool:
        """Hands over all that stands at the beginning of the buffer; whether what is left has yet to come."""
        heap, at = bytes(self.buf), 0
        listener, known, whole = 0, b"", list[Whole]()
        there = True
        while (line := _LINE.match(heap, at)) is not None:
            subject, sid, reply, headers, size = line.groups(b"")
            if sid != known:
                if whole:
                    self._hear(listener, whole)
                    whole = []
                listener, known = int(sid), sid
                if not self._listens(listener):
                    there = False
                    break
            start = line.end()
            middle, end = start + int(headers), start + int(size)
            if len(heap) < end + _END:
                break
            at = end + _END
            whole.append((subject, reply, heap[middle:end], heap[start:middle]))
        if whole:
            self._hear(listener, whole)
        del self.buf[:at]
        return there and (line is not None or not self.buf)
