"""The relay: carries the rows of one log from the store to the bus, in order, once.

A row's sequence is its sequence in the log's JetStream stream, so the stream itself fences a second relay and forgives
a lost acknowledgement. The relay resumes only if the stream's last message is the row it should be. If it is another,
this store was
restored to an older state, or somebody else published: the origin halts rather than let its history fork.
"""

from __future__ import annotations

from collections.abc import Callable

from shared.clock import Clock
from shared.envelope import Log, Message
from shared.ports import BusUnavailable, LogMoved, LogWriter, Store, StoreUnavailable
from shared.telemetry import logger, span

log = logger("relay")

PAGE = 500
"""Rows read and published at once at most."""

POLL_SECONDS = 1.0
"""The safety net behind the in-process wake: another process may have written."""

BACKOFF_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
"""Pauses after the first, second, ... failure in a row; the last one repeats."""

LINKS_MAX = 32
"""Traces one batch's span is linked to at most."""


class Relay:
    """Relays one log. `published` is the last sequence the bus has acknowledged; None until the bus was asked.

    gather_seconds: while it is busy, how long it gathers rows before it publishes again.
    """

    def __init__(self, store: Store, log: Log, writer: LogWriter, clock: Clock, gather_seconds: float = 0.0) -> None:
        self._store, self._log, self._writer, self._clock = store, log, writer, clock
        self._gather_seconds = gather_seconds
        self.published: int | None = None
        self.on_published: Callable[[int], None] = lambda _sequence: None

    async def run(self) -> None:
        """Relays until cancelled, or until the origin has to halt."""
        failures = 0
        while True:
            try:
                self.published = await self._resume()
                if self.published is None:
                    return
                while True:
                    seen = self._store.told.count
                    rows = await self._store.read_outbox(self._log, self.published, PAGE)
                    if rows:
                        self.published = await self._publish(rows)
                        failures = 0
                        self.on_published(self.published)
                        if self._gather_seconds and len(rows) < PAGE:
                            await self._clock.sleep(self._gather_seconds)
                    if len(rows) < PAGE:  # an append here wakes it; one in another process is found by the poll
                        await self._store.told.wait_at_most(seen, POLL_SECONDS, self._clock)
            except (BusUnavailable, StoreUnavailable, LogMoved) as error:
                pause = BACKOFF_SECONDS[min(failures, len(BACKOFF_SECONDS) - 1)]
                failures += 1
                log.info("relay paused", log=self._log, reason=type(error).__name__, pause_seconds=pause)
                await self._clock.sleep(pause)

    async def _resume(self) -> int | None:
        """Where to go on, or None after halting the origin."""
        tail = await self._writer.last()
        if tail is None:
            return 0  # a new stream, or a new incarnation of a lost one: filled from the first row
        last = await self._store.outbox_last(self._log)
        rows = await self._store.read_outbox(self._log, tail.sequence - 1, 1)
        row = rows[0] if rows and rows[0].sequence == tail.sequence else None
        if row is not None and row.id == tail.id and tail.epoch == self._store.origin.epoch:
            return tail.sequence
        reason = (
            f"the {self._log} log on the bus ends at {tail.sequence} of epoch {tail.epoch} with {tail.id}, "
            f"the outbox of epoch {self._store.origin.epoch} at {last}"
            + (f" with {row.id} in that place" if row else "")
        )
        self._store.halt(reason)
        log.error("origin halted", log=self._log, reason=reason)
        return None

    async def _publish(self, rows: list[Message]) -> int:
        links = [row.traceparent for row in rows[1:LINKS_MAX] if row.traceparent]
        attributes: dict[str, str | int] = {"messaging.system": "nats", "messaging.batch.message_count": len(rows)}
        with span(f"publish {self._log}", "producer", rows[0].traceparent, attributes, links):
            return await self._writer.publish(rows)
