"""What changes at this desk, for whoever listens: what kinds of things happened to which files, never what is in
them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from services.intake.decider import CLIENT
from shared.http import StreamMessage
from shared.ports import Store, StoreUnavailable

PAGE_EVENTS = 500
"""What one message sums up at most: whoever reads slowly gets fewer and larger ones, and nothing queues up for them."""
RETRY_SECONDS = 1.0
"""How soon a store that does not answer is asked again; and whether another process has stored something."""
FILES = CLIENT.stream("")


async def changes(store: Store) -> AsyncIterator[StreamMessage]:
    """Changes from now on, for ever. The first message tells the position everything before it has been seen at.

    Each listener reads by itself: a desk has a few, and its store tens of events a minute.
    """
    after = await store.last_position()
    yield StreamMessage({"change": "open", "position": after}, id=str(after))
    while True:
        seen = store.appended.count
        try:
            events = await store.read_all(after, PAGE_EVENTS)
        except StoreUnavailable:
            await asyncio.sleep(RETRY_SECONDS)
            continue
        if not events:
            with suppress(TimeoutError):
                async with asyncio.timeout(RETRY_SECONDS):
                    await store.appended.wait(seen)
            continue
        after = events[-1].position
        about_files = [event for event in events if event.stream.startswith(FILES)]
        if about_files:
            types = sorted({event.type for event in about_files})
            clients = sorted({event.stream.removeprefix(FILES) for event in about_files})
            told = {"change": "events", "position": after, "types": types, "clients": clients}
            yield StreamMessage(told, id=str(after))
