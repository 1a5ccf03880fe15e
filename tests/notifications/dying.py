"""A notifications service in a process of its own, on a real database and over real channels, that is killed (signal
9, nobody tidies up) at one step of one message.
"""

from __future__ import annotations

import asyncio
import os
import signal
from datetime import timedelta
from multiprocessing.connection import Connection
from typing import NamedTuple

from services.notifications import app, policy
from services.notifications.adapters.settings import ChannelSettings
from services.notifications.app_courier import Courier
from services.notifications.decider import RECIPIENT
from shared.contracts.contact import ContactAnswered, ContactAsked
from shared.ids import SystemIds
from shared.ports import Append, Appended
from shared.store import PgStore
from tests.support.border import SITE
from tests.support.post_office import OfficeClock

ENDED = "ended"


class Orders(NamedTuple):
    """ahead: of the machine's clock. recipient: whose message is died of. dies: before it is `sent`, or before that is
    `recorded`; empty: nobody does.
    """

    dsn: str
    settings: ChannelSettings
    ahead: timedelta
    recipient: str = ""
    dies: str = ""


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class DyingStore(PgStore):
    """Its process is killed before a step reaches the database."""

    orders: Orders
    steps = 0

    async def append(self, append: Append) -> Appended:
        if any(write.stream == RECIPIENT.stream(self.orders.recipient) for write in append.streams):
            self.steps += 1
            if (self.steps, self.orders.dies) == (2, "recorded"):
                _die()
        return await super().append(append)


class Piped:
    """The question to the vault, over a pipe instead of the site's bus. Where to is asked when sending has begun."""

    def __init__(self, pipe: Connection, orders: Orders) -> None:
        self._pipe, self._orders, self._turn = pipe, orders, asyncio.Lock()

    async def ask(self, asked: ContactAsked) -> ContactAnswered:
        if self._orders.dies == "sent" and asked.client_id == self._orders.recipient and asked.channels:
            _die()
        async with self._turn:
            self._pipe.send(asked)
            answer = await asyncio.to_thread(self._pipe.recv)
        assert isinstance(answer, ContactAnswered)
        return answer


def live(orders: Orders, pipe: Connection) -> None:
    """Takes up what is due, until nothing is, or until it is killed."""
    asyncio.run(_live(orders, pipe))
    pipe.send(ENDED)


async def _live(orders: Orders, pipe: Connection) -> None:
    clock = OfficeClock()
    clock.ahead = orders.ahead
    store = DyingStore(orders.dsn, SITE, app.NAME, app.INLINE_TABLES)
    store.orders = orders
    await store.open(clock.now())
    try:
        recipients = app.handlers(store, clock, SystemIds())[policy.RECIPIENT]
        channels = app.channels_of(orders.settings)
        courier = Courier(store, recipients, Piped(pipe, orders), channels, orders.settings, clock)
        for timer in await store.due_timers(clock.now(), 1_000):
            await courier.take_up(timer)
    finally:
        await store.close()
