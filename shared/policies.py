"""Policies of heard events: what others told becomes commands to this service, every effect exactly once.

A policy reads as a view's reader does (`inbox.py`: order, gaps, parked messages, epochs), but what a message leads to
is a command. The command, what follows from it and how far the policy has read are stored in one append. The command's
id is derived from the event's, and it is handled under an idempotency key named after the event: two processes that
read the same message, or one that reads it again, have one effect. A refusal is kept under that key like any outcome.

Letters are opened on the way (`letters.py`). One that cannot be believed is put aside and holds nothing up: letters do
not depend on each other, and whoever waits for an answer asks again. Read again later (`repair.py`), it has its effect
in the append that says so. A policy keeps no view: nothing is marked when a message is let go, and nothing rebuilt.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from shared import metrics, schema
from shared.clock import Clock
from shared.contracts.base import Contract, Letter, Opened
from shared.envelope import Message
from shared.handling import Also, Context, Handled, Handler, KeyClaim, KeyReused
from shared.ids import derived_id
from shared.inbox import CURSOR_EVERY, Follow, Reader, View
from shared.inbox_batch import Undigestible, Work, is_late, understood
from shared.kernel import Reaction
from shared.letters import LetterRefused, Seals
from shared.parked import LogKey
from shared.ports import (
    Append,
    Appended,
    Delivery,
    KeyTaken,
    OriginHalted,
    Put,
    RowChange,
    Store,
    StoreUnavailable,
    VersionConflict,
)
from shared.telemetry import describe, logger

log = logger("policies")

LETTER_SECONDS = 0.02
"""A letter in a busy network waits at most so long for the next look; in a quiet one it does not wait."""

Handlers = Mapping[str, Handler[Any, Any, Any]]
"""A service's handlers, by the name of what they decide."""


@dataclass(frozen=True)
class Policy:
    """name: of its checkpoints, and part of its commands' ids. contracts: what it listens to, by full name.

    react: the command that follows from a message, or None. Pure. It is given the message, what it says (a letter is
    opened) and the owner's clock.
    """

    name: str
    contracts: Mapping[str, type[Contract]]
    react: Callable[[Message, Contract | Opened, datetime], Reaction | None]


class PolicyReader(Reader):
    """One policy at work. Messages it does not listen to cost it nothing but a look: how far it has read is written
    down with the next effect, or every 500 of them.

    since: what was told before that to a site of this name was meant for another one, which has left the network.
    """

    def __init__(
        self, store: Store, policy: Policy, clock: Clock, handlers: Handlers, seals: Seals,
        since: datetime | None = None,
    ) -> None:  # fmt: skip
        super().__init__(store, View(policy.name, (), policy.contracts, _no_rows), clock)
        self._policy, self._handlers, self._seals, self._since = policy, handlers, seals, since
        self._scope = f"policy/{policy.name}"
        self._due: tuple[Message, Reaction] | None = None
        self._delivery: Delivery | None = None
        self._unsaved: dict[LogKey, Put] = {}
        self._passed = 0
        self._resting = 0

    async def _load(self) -> None:
        if self._loaded:
            return
        await super()._load()
        if self._resting:
            self._unsaved, self._passed = {}, 0  # every source is followed anew afterwards: it is read again
            return
        # What was passed without an effect stays so. It was perhaps on another source, which goes on where it is and
        # would not see it again.
        ahead = {key: put for key, put in self._unsaved.items() if put.values[3:] > self._checkpoints.get(key, (0, 0))}
        self._checkpoints.update({key: (put.values[3], put.values[4]) for key, put in ahead.items()})
        self._unsaved, self._passed = ahead, 0

    @asynccontextmanager
    async def resting(self) -> AsyncIterator[None]:
        self._resting += 1
        try:
            async with super().resting():
                try:
                    yield
                finally:
                    self.begin_again()  # what was only known here is read again now, not with the next message
        finally:
            self._resting -= 1

    async def _apply(self, follow: Follow, incarnation: str, batch: Sequence[Delivery], *, refetch: bool) -> None:
        """Messages with an effect are applied one by one, what is between them all at once."""
        heard_of = self._policy.contracts
        if batch and not any(each.message is not None and each.message.type in heard_of for each in batch):
            self._delivery = batch[0]  # as most are, also after a long cut
            await super()._apply(follow, incarnation, batch, refetch=refetch)
            return
        for heard, run in groupby(batch, self._listens):
            part = list(run)
            for some in [[delivery] for delivery in part] if heard else [part]:
                self._delivery = some[0]
                await super()._apply(follow, incarnation, some, refetch=refetch)

    def _listens(self, delivery: Delivery) -> bool:
        return delivery.message is not None and delivery.message.type in self._policy.contracts

    # --- what a message asks ------------------------------------------------------------------------------------------

    def digest(self, message: Message) -> list[RowChange]:
        """What a message asks of this service is remembered for the append.

        Raises `Undigestible` as a view's reader does; for a letter that cannot be believed, one that stands alone.
        """
        self._due = None
        contract = self._policy.contracts.get(message.type)
        if contract is None:
            return super().digest(message)  # of no interest, or of a version that waits for an upgrade
        said = self._letter(message, contract) if issubclass(contract, Letter) else understood(contract, message.data)
        try:
            reaction = None if said is None else self._policy.react(message, said, self._clock.now())
        except Exception as error:
            raise Undigestible("handler-failed", describe(error)) from error
        self._due = None if reaction is None else (message, reaction)
        return []

    def _letter(self, message: Message, contract: type[Letter]) -> Opened | None:
        """What a letter says; None when it is for somebody else."""
        try:
            letter = understood(contract, message.data)
            assert isinstance(letter, Letter)
            if letter.to != self._seals.site or (self._since is not None and message.time <= self._since):
                return None
            # Whoever had not heard yet that the earlier site left went on writing to it, after that moment.
            return None if self._seals.meant_for_earlier(letter) else self._seals.open(message, letter)
        except Undigestible as wrong:
            raise _alone(message, "letter-body-invalid", wrong.detail) from None
        except LetterRefused as refused:
            raise _alone(message, refused.code, refused.detail) from None

    async def had_effect(self, message: Message) -> bool:
        return await self._store.find_key(self._scope, message.id) is not None

    # --- storing it ---------------------------------------------------------------------------------------------------

    async def store(self, work: Work, act: Append) -> Appended:
        due, self._due = self._due, None
        handles = due is not None and work.messages == [due[0]]
        if not handles and not act.streams and self._may_wait(work):
            self._passed += work.count
            for log_key, at in work.checkpoints.items():
                self._unsaved[log_key] = Put(schema.checkpoints, (self.view.name, *log_key, *at))
            return Appended(0, {})
        # The cursor goes past what other origins have told meanwhile: how far that was goes with it.
        work.rows[:0] = [row for log_key, row in self._unsaved.items() if log_key not in work.checkpoints]
        appended = await (self._handle(*due, work, act) if due is not None and handles else super().store(work, act))
        self._unsaved, self._passed = {}, 0
        return appended

    def _may_wait(self, work: Work) -> bool:
        """Whether there is nothing in it but how far it has read: after a crash that is read again, to no effect.

        A cursor alone comes when the site's own messages, which mean nothing here, have been many.
        """
        if not work.messages or self._passed >= CURSOR_EVERY:
            return False
        progress = {schema.checkpoints, schema.cursors}
        return all(isinstance(row, Put) and row.table in progress for row in work.rows)

    async def _handle(self, message: Message, reaction: Reaction, work: Work, act: Append) -> Appended:
        """The command, what follows from it, and all the rest in one append; only the rest if it was handled before."""
        claim = KeyClaim(self._scope, message.id, hashlib.sha256(message.data).digest())
        command_id = derived_id(message.id, self.view.name)
        context = Context(command_id, message.correlation_id, message.id, self._trace(message), claim)
        also = Also([*work.rows, *act.rows], act.streams, act.keys)
        try:
            handled = await self._handlers[reaction.aggregate].handle(reaction.key, reaction.command, context, also)
        except KeyReused:  # another message came under this id before: only the sender's relay can have done that
            replayed = _alone(message, "letter-replayed", "another message had its id")
            if act.streams or self._delivery is None:
                raise replayed from None  # whoever has it read again is told
            work.put_aside(self._delivery, replayed)
            return await super().store(work, act)
        except (StoreUnavailable, OriginHalted, VersionConflict, KeyTaken):
            self._loaded = False  # whether it was stored is not known here
            raise
        self._count(reaction, handled)
        if handled.replayed:  # it had its effect, and only the rest was lost
            return await super().store(work, act)
        return Appended(handled.position, {})

    def _trace(self, message: Message) -> str | None:
        """Of what it leads to; None: that belongs to the span under way, for it is read long after it was told."""
        return None if is_late(message, self._clock.now()) else message.traceparent

    def _count(self, reaction: Reaction, handled: Handled) -> None:
        outcome = "replayed" if handled.replayed else "applied" if handled.events else "nothing"
        if handled.rejected is not None and not handled.replayed:
            outcome = "rejected"
            log.info("a policy's command was refused", policy=self.view.name, code=handled.rejected.code)
        metrics.COMMANDS.labels(self.service, type(reaction.command).__name__, outcome).inc()


def _alone(message: Message, code: str, detail: str) -> Undigestible:
    """Why a letter is put aside. Its row stands under no origin, so the reason says whose it is."""
    return Undigestible(code, f"from {message.origin.key}: {detail}", alone=True)


def _no_rows(message: Message, contract: Contract) -> Iterable[RowChange]:
    return ()
