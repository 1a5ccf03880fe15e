"""Where a client can be reached, answered to the notifications service of this site and to nobody else.

An address is opened only for a channel that the client chose and that can be used, and only after it is written down
that it was (purpose `contact`, role `system`), like any other look at what is personal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import msgspec
import nats.errors
from nats.aio.msg import Msg

from services.intake import commands as cmd
from services.intake.api_desk import ClientHandler
from services.intake.decider_file import File
from services.intake.file import CARD, PERSONAL, Card, Personal, address_for
from shared.bus_connection import BusClient, close_client, connect_relay
from shared.clock import Clock
from shared.contracts.contact import BYTES_MAX, QUESTION, ContactAnswered, ContactAsked
from shared.envelope import SYSTEM_ROLE
from shared.handling import Context
from shared.http_models import is_id
from shared.ids import derived_id
from shared.logbook import Openings, noted
from shared.ports import OriginHalted, StoreUnavailable, VersionConflict
from shared.settings import SiteSettings
from shared.streams import ask_subject
from shared.telemetry import logger
from shared.vault import Vault, VaultProblem

log = logger("contacts")

S = TypeVar("S", bound=msgspec.Struct)

ACTIVITY = "messages-v1"
"""What the card is opened for when no event says so."""

GONE, SHUT = ContactAnswered("gone"), ContactAnswered("shut")
GONE_CODES = frozenset({"vault-key-destroyed"})


class Contacts:
    """Answers one question at a time; nothing of an answer is kept."""

    def __init__(self, handler: ClientHandler, vault: Vault, clock: Clock, openings: Openings) -> None:
        self._handler, self._vault, self._clock, self._openings = handler, vault, clock, openings

    async def answer(self, asked: ContactAsked) -> ContactAnswered:
        """How, and if asked for also where. Raises `StoreUnavailable`, `OriginHalted`, `VersionConflict`."""
        async with self._openings.noting(ACTIVITY, SYSTEM_ROLE):
            return await self._answer(asked)

    async def _answer(self, asked: ContactAsked) -> ContactAnswered:
        file = (await self._handler.load(asked.client_id))[0] if is_id(asked.client_id) else File()
        if not file.id or file.erased_at is not None:
            return GONE
        try:
            card = await self._open(file.id, CARD, file.card, Card)
            channel = card.contact.channel
            address = None
            if channel in asked.channels and file.personal is not None:
                if not await self._write_down(asked):
                    return GONE
                personal = await self._open(file.id, PERSONAL, file.personal, Personal)
                address = address_for(channel, personal.contact_details or "")
        except VaultProblem as problem:
            return GONE if problem.code in GONE_CODES else SHUT
        return ContactAnswered("known", channel, card.contact.explicit, card.languages, card.alias, address)

    async def _write_down(self, asked: ContactAsked) -> bool:
        """That it is read, before it is; False when the file was erased in that moment."""
        command = cmd.ReadPersonal(
            at=self._clock.now(), role=SYSTEM_ROLE, client_id=asked.client_id, read_id=asked.read_id, purpose="contact"
        )
        command_id = derived_id("contact", asked.read_id)
        handled = await self._handler.handle(asked.client_id, command, Context(command_id, command_id, command_id))
        if handled.events:
            noted(asked.client_id)
        return handled.rejected is None

    async def _open(self, client_id: str, name: str, sealed: str, kind: type[S]) -> S:
        text = await self._vault.unseal(client_id, name, sealed)
        try:
            return msgspec.json.decode(text, type=kind)
        except msgspec.MsgspecError:  # it would quote what it read
            raise VaultProblem("vault-text-damaged", name) from None


async def answering(
    settings: SiteSettings, service: str, answer: Callable[[ContactAsked], Coroutine[Any, Any, ContactAnswered]]
) -> None:  # fmt: skip
    """Answers over a connection of its own, until cancelled or that fails."""
    client = await connect_relay(settings.nats_options(f"local.{service}"))
    try:
        await answer_on(client, settings.site, service, answer)
    finally:
        await close_client(client)


async def answer_on(
    client: BusClient, site: str, service: str, answer: Callable[[ContactAsked], Coroutine[Any, Any, ContactAnswered]]
) -> None:
    """Answers on the site's own account until cancelled. What cannot be answered now is not: it is asked again."""

    async def hear(message: Msg) -> None:
        try:
            if message.reply and len(message.data) <= BYTES_MAX:
                asked = msgspec.json.decode(message.data, type=ContactAsked)
                await message.respond(msgspec.json.encode(await answer(asked)))
        except (
            nats.errors.Error, OSError, StoreUnavailable, OriginHalted, VersionConflict, msgspec.MsgspecError,
        ) as error:  # fmt: skip
            log.info("a question was not answered", reason=type(error).__name__)

    await client.subscribe(ask_subject(site, service, QUESTION), cb=hear)
    await asyncio.Event().wait()
