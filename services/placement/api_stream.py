"""What changes at this site, for whoever listens: which kinds of things happened where, never what is in them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from services.placement.decider import LOCATION
from shared.http import StreamMessage
from shared.ports import Store, StoreUnavailable, Wake

PAGE_EVENTS = 500
RETRY_SECONDS = 1.0
LOCATIONS = LOCATION.stream("")
"""Other streams of the store are about its readers, not about what the desk sees."""


class _Listener:
    """What one stream has not been sent yet, merged: a slow reader misses no change and fills no queue."""

    def __init__(self) -> None:
        self.wake = asyncio.Event()
        self._position = 0
        self._types: set[str] = set()
        self._locations: set[str] = set()
        self._capacity = False

    def happened(self, position: int, types: set[str], locations: set[str]) -> None:
        self._position = position
        self._types |= types
        self._locations |= locations
        self.wake.set()

    def capacity_moved(self) -> None:
        self._capacity = True
        self.wake.set()

    def take(self) -> list[StreamMessage]:
        """What is to be sent now: at most one message about events and one about capacity."""
        self.wake.clear()
        messages = []
        if self._types:
            told = {"position": self._position, "types": sorted(self._types), "locations": sorted(self._locations)}
            messages.append(StreamMessage({"change": "events", **told}, id=str(self._position)))
        if self._capacity:
            messages.append(StreamMessage({"change": "capacity"}))
        self._types, self._locations, self._capacity = set(), set(), False
        return messages


class Changes:
    """Reads every append once, however many streams are open, and nothing while none is."""

    def __init__(self, store: Store, capacity_changed: Wake) -> None:
        self._store = store
        self._capacity_changed = capacity_changed
        self._listeners: set[_Listener] = set()
        self._tasks: list[asyncio.Task[None]] = []

    async def follow(self) -> AsyncIterator[StreamMessage]:
        """Changes from now on, for ever. The first message tells the position everything before it has been seen at."""
        listener = _Listener()
        position = await self._store.last_position()
        if not self._listeners:
            self._tasks = [
                asyncio.create_task(self._follow_events(position)),
                asyncio.create_task(self._follow_capacity(self._capacity_changed.count)),
            ]
        self._listeners.add(listener)
        try:
            yield StreamMessage({"change": "open", "position": position}, id=str(position))
            while True:
                await listener.wake.wait()
                for message in listener.take():
                    yield message
        finally:
            self._listeners.discard(listener)
            if not self._listeners:
                for task in self._tasks:
                    task.cancel()

    async def _follow_events(self, after: int) -> None:
        while True:
            seen = self._store.appended.count
            try:
                events = await self._store.read_all(after, PAGE_EVENTS)
            except StoreUnavailable:
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if events:
                after = events[-1].position
                events = [event for event in events if event.stream.startswith(LOCATIONS)]
                types = {event.type for event in events}
                locations = {event.stream.removeprefix(LOCATIONS) for event in events}
                for listener in self._listeners:
                    listener.happened(after, types, locations)
            else:
                with suppress(TimeoutError):  # another process may append too: look again now and then
                    async with asyncio.timeout(RETRY_SECONDS):
                        await self._store.appended.wait(seen)

    async def _follow_capacity(self, seen: int) -> None:
        while True:
            seen = await self._capacity_changed.wait(seen)
            for listener in self._listeners:
                listener.capacity_moved()
