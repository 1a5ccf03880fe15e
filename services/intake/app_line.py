"""The line between desks: what is asked and answered on it (`app_handover.py` says why so), and how it goes over the
network's bus, which keeps nothing of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal, Protocol

import msgspec
import nats.errors
from nats.aio.msg import Msg

from shared.bus_connection import BusClient, close_client, connect_relay
from shared.ports import OriginHalted, StoreUnavailable, VersionConflict
from shared.settings import SiteSettings
from shared.streams import ask_subject
from shared.telemetry import logger

log = logger("hand-over")

QUESTION = "hand-over"
ANSWER_SECONDS = 5.0
REQUEST_BYTES_MAX = 900_000
"""A server carries messages of a megabyte."""

Answer = Literal["prove", "waiting", "agreed", "taken", "declined", "called_off"]


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request, under its seal. kind: what for. proof: what the last answer gave. file: sealed to the key it gave."""

    about: Literal["hand-over-asked"]
    id: str
    sender: str
    to: str
    nonce: str
    kind: Literal["ask", "call_off", "file"]
    proof: str = ""
    file: str = ""


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Its answer, under its seal. key: to seal the file to."""

    about: Literal["hand-over-said"]
    id: str
    sender: str
    to: str
    nonce: str
    answer: Answer
    proof: str = ""
    key: str = ""


class Wrapped(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request as it travels. site: who says they ask."""

    site: str
    sealed: str


class Line(Protocol):
    """A way to ask other desks while they are there."""

    async def ask(self, site: str, request: bytes) -> bytes | None:
        """The answer; None when there is none: whether the request was heard is not known then."""
        ...


class BusLine:
    """Asks over the network's bus, while there is a connection. question: what is asked. seconds: how long for."""

    def __init__(self, service: str, question: str = QUESTION, seconds: float = ANSWER_SECONDS) -> None:
        self._service, self.question, self._seconds = service, question, seconds
        self.client: BusClient | None = None

    async def ask(self, site: str, request: bytes) -> bytes | None:
        if self.client is None:
            return None
        try:
            subject = ask_subject(site, self._service, self.question)
            return bytes((await self.client.request(subject, request, self._seconds)).data)
        except (nats.errors.Error, OSError, TimeoutError):
            return None


Answering = Callable[[bytes], Awaitable[bytes | None]]


async def answer_on(client: BusClient, subject: str, answer: Answering) -> None:
    """Answers other desks from now on. What cannot be answered now is not: it is asked again."""

    async def hear(message: Msg) -> None:
        try:
            said = await answer(message.data) if message.reply else None
            if said is not None:
                await message.respond(said)
        except (nats.errors.Error, OSError, StoreUnavailable, OriginHalted, VersionConflict) as error:
            log.info("a question was not answered", reason=type(error).__name__)
        except Exception as error:  # the client of the bus would pass over it; what it says may quote the file
            log.error("a question was not answered", reason=type(error).__name__)

    await client.subscribe(subject, cb=hear)


async def converse(settings: SiteSettings, service: str, lines: Mapping[BusLine, Answering]) -> None:
    """Asks and answers over one connection to the network's bus, until cancelled or it fails. lines: each with who
    answers what is asked on it."""
    client = await connect_relay(settings.nats_options(f"city.{service}"))
    try:
        for line, answer in lines.items():
            line.client = client
            await answer_on(client, ask_subject(settings.site, service, line.question), answer)
        await asyncio.Event().wait()
    finally:
        for line in lines:
            line.client = None
        await close_client(client)
