"""Pausing a reader: somebody has it stand still, with a reason, until somebody lets it go on.

That it is paused is a row beside its cursors, stored with the event that says who did it; so it is still paused when
its process has ended, and another process of the service sees it, too. What it has read stays as it is, what comes
waits on the bus, and the view is behind and says so: a pause hides nothing.
"""

from __future__ import annotations

from datetime import datetime

from shared import metrics, schema
from shared.clock import Clock
from shared.kernel import Event
from shared.ports import Delete, Put, RowChange, Store, Wake

PAUSED = "paused"
"""The reader under whose name the cursors say which readers are paused, and in the stream of which version."""

LOOK_SECONDS = 1.0
"""How soon a paused reader notices that another process has let it go on."""


class ReaderPaused(Event, frozen=True, tag="reader-paused.v1"):
    """Somebody had a reader stand still. reason: why, in words; kept at this site. at: UTC."""

    reader: str
    reason: str
    at: datetime


class ReaderResumed(Event, frozen=True, tag="reader-resumed.v1"):
    """Somebody let a paused reader go on. at: UTC."""

    reader: str
    at: datetime


class Pause:
    """Whether one reader is paused, as far as this process knows. on: it is. told: set by whoever changes that here.

    heeded: what it was when the reader began all its sources anew last. That somebody has looked does not mean that it
    is heeded: one source may have begun anew, and wait, while another is followed.
    """

    def __init__(self, store: Store, reader: str, clock: Clock) -> None:
        self._store, self._reader, self._clock = store, reader, clock
        self.on = self.heeded = False
        self.told = Wake()

    async def look(self) -> bool:
        """Whether it is paused now, perhaps by way of another process. Raises `StoreUnavailable`."""
        self.on = bool(await self._store.rows(schema.cursors, reader=PAUSED, source=self._reader))
        metrics.READER_PAUSED.labels(self._store.origin.service, self._reader).set(self.on)
        return self.on

    async def changed(self) -> bool:
        """Whether it is another than the reader heeds. Raises `StoreUnavailable`."""
        return await self.look() != self.heeded

    async def over(self) -> None:
        """Returns when it is not paused: at once, or when somebody has let it go on. Raises `StoreUnavailable`."""
        while True:
            seen = self.told.count
            if not await self.look():
                return
            await self.told.wait_at_most(seen, LOOK_SECONDS, self._clock)


def pause_rows(event: ReaderPaused | ReaderResumed, version: int) -> list[RowChange]:
    """What is stored with such an event. version: the event's in its stream."""
    if isinstance(event, ReaderPaused):
        return [Put(schema.cursors, (PAUSED, event.reader, "", version))]
    return [Delete(schema.cursors, (PAUSED, event.reader))]
