"""The question to this site's vault: how, and where, can this client be reached now?"""

from __future__ import annotations

import asyncio
from typing import Protocol

import msgspec
import nats.errors

from shared.bus_connection import BusClient, close_client, connect_relay
from shared.contracts.contact import QUESTION, ContactAnswered, ContactAsked
from shared.settings import SiteSettings
from shared.streams import ask_subject

ANSWER_SECONDS = 5.0
INTAKE = "intake"


class ContactsUnavailable(Exception):
    """Nobody answers now; the message waits."""


class Contacts(Protocol):
    """Who knows where clients can be reached."""

    async def ask(self, asked: ContactAsked) -> ContactAnswered:
        """Raises `ContactsUnavailable`."""
        ...


class BusContacts:
    """Asks the site's intake over the site's own account of the bus, on a connection that can do nothing else."""

    def __init__(self, settings: SiteSettings, service: str) -> None:
        self._settings, self._user = settings, f"local.{service}"
        self._client: BusClient | None = None
        self._turn = asyncio.Lock()

    async def ask(self, asked: ContactAsked) -> ContactAnswered:
        subject = ask_subject(self._settings.site, INTAKE, QUESTION)
        try:
            async with asyncio.timeout(2 * ANSWER_SECONDS):  # a connection waits for its server for ever
                client = await self._connected()
            reply = await client.request(subject, msgspec.json.encode(asked), ANSWER_SECONDS)
            return msgspec.json.decode(reply.data, type=ContactAnswered)
        except (nats.errors.Error, OSError, TimeoutError, msgspec.MsgspecError):
            raise ContactsUnavailable from None

    async def _connected(self) -> BusClient:
        async with self._turn:
            if self._client is None:
                self._client = await connect_relay(self._settings.nats_options(self._user))
            return self._client

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await close_client(client)
