"""What intake says of a client reaches every entitlement of theirs, also one that was asked for in the same moment.

A word about a client sets a timer in its own append, and so does an entitlement that is asked for. Whoever of the two
is stored last finds the other one; done twice or in another order it comes to the same, for it is told whole, under a
number that only grows.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from services.allowance import policy, views
from shared import schema
from shared.causes import timer_command
from shared.handling import Context, Handler
from shared.ids import derived_id
from shared.policies import Handlers
from shared.ports import Append, Delete, DueTimer, Store


class Follower:
    """read: a handler that remembers nothing. What another process has stored meanwhile must not be missed."""

    def __init__(self, store: Store, handlers: Handlers, read: Callable[[], Handler[Any, Any, Any]]) -> None:
        self._store, self._handlers, self._read = store, handlers, read

    async def fire(self, timer: DueTimer, now: datetime) -> None:
        """Every entitlement of the timer's client, whatever became of it, follows; then the timer goes."""
        client, _ = await self._read().load(timer.key)
        rows = await self._store.rows(views.entitlements, client_id=timer.key) if client.id else []
        cause = timer_command(timer.id, timer.due_at, timer.kind)
        for row in rows:
            reaction = policy.followed(client, row["id"], now)
            context = Context(derived_id(cause, row["id"]), cause, cause)
            await self._handlers[reaction.aggregate].handle(reaction.key, reaction.command, context)
        await self._store.append(Append(now, rows=[Delete(schema.timers, (timer.id,))]))


class Teller:
    """Whoever has cash waiting is told so, by way of their entitlement: only that knows whose it is."""

    def __init__(self, store: Store, handlers: Handlers) -> None:
        self._store, self._handlers = store, handlers

    async def fire(self, timer: DueTimer, now: datetime) -> None:
        """Each payment of the timer's handout that still waits; then the timer goes. Done twice it comes to one."""
        handout, _ = await self._handlers[policy.HANDOUT].load(timer.key)
        cause = timer_command(timer.id, timer.due_at, timer.kind)
        for entitlement_id, slip in handout.slips.items():
            if slip.status == "waiting" and slip.cents:
                reaction = policy.ready(handout, entitlement_id, now)
                context = Context(derived_id(cause, entitlement_id), cause, cause)
                await self._handlers[reaction.aggregate].handle(reaction.key, reaction.command, context)
        await self._store.append(Append(now, rows=[Delete(schema.timers, (timer.id,))]))
