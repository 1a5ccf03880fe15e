"""The relay: carries the rows of one log from the store to the bus, in order, once.

A row's sequence is its sequence in the log's JetStream stream, so the stream itself fences a second relay and forgives
a lost acknowledgement. The relay resumes only if the stream's last message is the row it should be. If it is another,
this store was restored to an older state, or somebody else published: the origin halts rather than let its history
fork. An empty stream says nothing, so before it is filled the relay asks how far others have heard this log
(`heard.py`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from shared.clock import Clock
from shared.envelope import Log, Message
from shared.heard import Unanswered, Witnesses, contradicted, doubted_at, is_row, settle, shared_row
from shared.ports import (
    UNDER_WAY_ROWS_MAX,
    BusUnavailable,
    LogMoved,
    LogWriter,
    OriginHalted,
    Store,
    StoreUnavailable,
)
from shared.telemetry import leading, logger, moment, span

log = logger("relay")

PAGE = 500
"""Rows read and published at once at most."""

POLL_SECONDS = 1.0
"""The safety net behind the in-process wake: another process may have written."""

BACKOFF_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
"""Pauses after the first, second, ... failure in a row; the last one repeats."""

UNANSWERED_SECONDS = 0.5
"""How long the relay waits before it asks again whoever has to say how far its log was heard."""

AGAIN_SECONDS = 5.0
"""How long it waits before it asks again whoever did not answer after the start."""

LOOK_SECONDS = 5.0
"""How often an idle relay looks whether its stream still ends where it left it."""

UNDER_WAY_MAX = 32
"""Calls of the bus that may be unanswered at once: under load a row waited longer for the answer to the one before it
than for its own."""


class Relay:
    """Relays one log. `published` is the last sequence the bus has acknowledged; None until the bus was asked.

    witnesses: who is asked how far this log was heard: after the start, and before an empty stream is filled.
    gather_seconds: while it is busy, how long it gathers rows before it publishes again.
    """

    def __init__(
        self, store: Store, log: Log, writer: LogWriter, clock: Clock, witnesses: Witnesses, gather_seconds: float = 0.0
    ) -> None:
        self._store, self._log, self._writer, self._clock = store, log, writer, clock
        self._witnesses = witnesses
        self._sent = 0
        self._until: int | None = None
        self._proven = False
        self._gather_seconds = gather_seconds
        self._failures = 0
        self.published: int | None = None
        self.on_published: Callable[[int], None] = lambda _sequence: None

    async def run(self) -> None:
        """Relays until cancelled, or until the origin has to halt."""
        while True:
            try:
                self.published = await self._resume()
                if self.published is None:
                    return
                await self._follow(self.published)
                return
            except OriginHalted:
                return  # another process has begun an epoch
            except (BusUnavailable, StoreUnavailable, LogMoved) as error:
                pause = BACKOFF_SECONDS[min(self._failures, len(BACKOFF_SECONDS) - 1)]
                self._failures += 1
                if isinstance(error, Unanswered):
                    pause = min(pause, UNANSWERED_SECONDS)
                say = log.debug if isinstance(error, Unanswered) and self._failures > 1 else log.info
                say("relay paused", log=self._log, reason=type(error).__name__, pause_seconds=pause)
                await self._clock.sleep(pause)

    async def _follow(self, sent: int) -> None:
        """Publishes what is told after the row `sent`, until the origin halts. The next rows leave before the last ones
        are acknowledged; where one call fails, all behind it do, and the relay begins anew.
        """
        under_way: deque[tuple[asyncio.Task[None], asyncio.Future[int]]] = deque()
        looked_at = self._clock.monotonic()
        try:
            while self._store.halted is None:
                seen = self._store.told.count
                rows = self._told_before(await self._store.read_outbox(self._log, sent, PAGE))
                alone = len(rows) > UNDER_WAY_ROWS_MAX
                while under_way and (alone or under_way[0][0].done() or len(under_way) == UNDER_WAY_MAX):
                    await under_way.popleft()[0]
                if rows:
                    began, answer = moment(), self._writer.publish(rows)
                    under_way.append((asyncio.create_task(self._acknowledged(rows, answer, began)), answer))
                    sent = rows[-1].sequence
                    if alone:
                        await under_way.popleft()[0]
                    if self._gather_seconds and len(rows) < PAGE:
                        await self._clock.sleep(self._gather_seconds)
                elif not under_way and self._clock.monotonic() - looked_at >= LOOK_SECONDS:
                    looked_at = self._clock.monotonic()
                    await self._look()
                if len(rows) < PAGE:  # an append here wakes it; one in another process is found by the poll
                    await self._store.told.wait_at_most(seen, POLL_SECONDS, self._clock)
            await asyncio.gather(*(task for task, _ in under_way))
        finally:
            for task, answer in under_way:
                task.cancel()
                answer.cancel()  # of a task that had not begun
            await asyncio.gather(*(task for task, _ in under_way), return_exceptions=True)

    async def prove(self) -> None:
        """Asks after the start, until everybody who has to has answered, how far this log was heard, and halts the
        origin when its store is older. Meanwhile it relays; but if its stream was behind, which may be one that was
        lost and half filled again, only what stood in the outbox when the service started.
        """
        while self._store.halted is None:
            try:
                reason = await self.contradiction()
                if reason is None:
                    await settle(self._store, self._log, self._clock.now())
                    self._proven, self._until = True, None
                    self._store.told.set()
                    return
                self._halt(reason)
            except (BusUnavailable, StoreUnavailable) as error:
                log.debug("not compared yet", log=self._log, reason=str(error))
                await self._clock.sleep(AGAIN_SECONDS if self._until is None else UNANSWERED_SECONDS)
            except OriginHalted:
                return  # another process has begun an epoch

    @property
    def proven(self) -> bool:
        """Whether everybody who has to has said, since the start, that they heard nothing this store has not told."""
        return self._proven

    async def _resume(self) -> int | None:
        """Where to go on, or None after halting the origin."""
        tail = await self._writer.last()
        if tail is None:
            return await self._begin()
        if await is_row(self._store, self._log, tail):
            await self._note(tail.sequence)
            return tail.sequence
        last = await self._store.outbox_last(self._log)
        self._halt(
            f"the {self._log} log on the bus ends at {tail.sequence} of epoch {tail.epoch} with {tail.id}, "
            f"the outbox of epoch {self._store.origin.epoch} at {last} has another row there or none"
        )
        return None

    async def _note(self, sequence: int) -> None:
        """While the log is doubted: how far it is not, so that the next process knows, were the stream lost."""
        known = await doubted_at(self._store, self._log)
        self._until = known if known is not None and sequence < known and not self._proven else None
        if known is not None and known < sequence:
            await self._store.lift_doubt(self._log, sequence)

    def _told_before(self, rows: list[Message]) -> list[Message]:
        return rows if self._until is None else [row for row in rows if row.sequence <= self._until]

    async def contradiction(self) -> str | None:
        """Why others cannot have heard what this store has told: they have heard more or something else, or another
        process has begun an epoch, and the stream is that one's. Raises `BusUnavailable`, `StoreUnavailable`.
        """
        epoch = await self._store.latest_epoch()
        if epoch != self._store.origin.epoch:
            return f"epoch {epoch} has begun elsewhere; this process still writes {self._store.origin.epoch}"
        marks = await self._witnesses.marks(self._log)
        shared = await shared_row(self._store, self._log, self._writer, self._sent)
        return await contradicted(self._store, self._log, marks, shared)

    async def _begin(self) -> int | None:
        """A new stream, or a new incarnation of a lost one, is filled from the first row; unless others have heard
        what this store does not have, or another process has begun an epoch whose stream this is.
        """
        reason = await self.contradiction()
        if reason is None:
            return 0
        self._halt(reason)
        return None

    async def _look(self) -> None:
        """Raises `LogMoved` when the stream does not end where this relay left it: it may have been lost."""
        tail = await self._writer.last()
        if (0 if tail is None else tail.sequence) != self.published:
            raise LogMoved(f"the {self._log} log is elsewhere")

    def _halt(self, reason: str) -> None:
        self._store.halt(reason)
        log.error("origin halted", log=self._log, reason=reason)

    async def _acknowledged(self, rows: list[Message], answer: asyncio.Future[int], began: int | None) -> None:
        """Waits until rows are acknowledged and says so; trouble wakes the relay, which finds it here."""
        parent, links = leading([row.traceparent for row in rows if row.traceparent])
        attributes: dict[str, str | int] = {"messaging.system": "nats", "messaging.batch.message_count": len(rows)}
        with span(f"publish {self._log}", "producer", parent, attributes, links, began):
            try:
                last = await answer
            except Exception:
                self._store.told.set()
                raise
        self.published = self._sent = max(self.published or 0, last)
        self._failures = 0
        self.on_published(self._sent)
