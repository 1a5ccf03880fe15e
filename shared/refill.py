"""Filling a log's stream on the bus anew from the outbox, while the service runs: for a stream that is damaged.

A stream that is lost is made and filled without anybody (`sourcing.LogKeeper`, `outbox.Relay`). One of which messages
are missing, or are not what was told, is there, and stays. Here it is taken away on purpose, and the rest is what
happens when it is lost: the site's process makes it, the relay asks how far it was heard and fills it from the first
row, and readers go on behind what they had read. So it is refused whenever that would not end well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from shared.bus_connection import Refused as NoStream
from shared.bus_connection import ask, close_client, connect_relay
from shared.envelope import Log
from shared.heard import Unanswered
from shared.kernel import Rejected
from shared.outbox import Relay
from shared.ports import BusUnavailable, Store
from shared.repair import Refused
from shared.settings import SiteSettings
from shared.streams import ACCOUNTS, logs_of
from shared.telemetry import logger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from nats.aio.client import Client

log = logger("refill")

CONNECT_SECONDS = 5.0


class Filling(NamedTuple):
    """told: rows of the outbox: so many messages the stream will have. on_bus: so many it has now."""

    told: int
    on_bus: int


class _State(msgspec.Struct):
    messages: int = 0


class _Info(msgspec.Struct):
    state: _State = msgspec.field(default_factory=_State)


_info = msgspec.json.Decoder(_Info)


class Refills:
    """Fills the streams of one service's logs anew. relays: those that run; of another log there is nothing to fill."""

    def __init__(self, settings: SiteSettings, service: str, store: Store, relays: Mapping[Log, Relay]) -> None:
        self._settings, self._service, self._store, self._relays = settings, service, store, relays

    async def look(self, which: Log) -> Filling:
        """What filling a stream anew would come to; nothing is done. Raises as `refill`."""
        async with self._admin(which) as client:
            return await self._looked(which, client)

    async def refill(self, which: Log, role: str) -> Filling:
        """Takes the stream of a log away, to be made and filled anew; returns what was found before. role: whose tap.

        Raises `KeyError` when this service relays no such log, `Refused` with `refill-halted` (the origin's history
        would fork: `plek repair origin`), `refill-doubted` (it is not known yet whether others have heard more than
        this store has told), `refill-unheard` (who would say so does not answer) or `refill-forked` (they have, or the
        stream is of a later epoch than this process writes), and `BusUnavailable`.
        """
        async with self._admin(which) as client:
            found = await self._looked(which, client)
            try:
                await ask(client, f"$JS.API.STREAM.DELETE.{self._stream(which)}")
            except NoStream as no:
                raise BusUnavailable(f"{self._stream(which)}: {no}") from None
        log.warning("a stream is filled anew", service=self._service, log=which, rows=found.told, role=role)
        return found

    async def _looked(self, which: Log, client: Client) -> Filling:
        facts = {"service": self._service, "log": which}
        relay = self._relays[which]
        if self._store.halted is not None:
            raise Refused(Rejected("refill-halted", facts))
        if not relay.proven or relay.published is None:
            raise Refused(Rejected("refill-doubted", facts))
        try:
            contradicted = await relay.contradiction()
        except Unanswered:
            raise Refused(Rejected("refill-unheard", facts)) from None
        if contradicted is not None:
            raise Refused(Rejected("refill-forked", facts))
        try:
            info = _info.decode(await ask(client, f"$JS.API.STREAM.INFO.{self._stream(which)}"))
        except NoStream as no:
            raise BusUnavailable(f"{self._stream(which)}: {no}") from None  # it is being made already
        return Filling(await self._store.outbox_last(which), info.state.messages)

    def _stream(self, which: Log) -> str:
        [name] = [one.name for one in logs_of(self._settings.site, [self._service]) if one.account == ACCOUNTS[which]]
        return name

    @asynccontextmanager
    async def _admin(self, which: Log) -> AsyncIterator[Client]:
        """A connection with the site's own key for the streams of this log."""
        if which not in self._relays:
            raise KeyError(which)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                client = await connect_relay(self._settings.nats_options(f"{ACCOUNTS[which].lower()}.admin"))
        except TimeoutError:
            raise BusUnavailable(f"the bus of {self._settings.site} does not answer") from None
        try:
            yield client
        finally:
            await close_client(client)
