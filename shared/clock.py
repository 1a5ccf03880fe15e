"""Time is handed in, never read: every module that needs it takes a `Clock`."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """The time of one process."""

    def now(self) -> datetime:
        """The wall clock in UTC: what is written into events and compared with due times."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back, unrelated to the wall clock: for silence and back-off."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Waits `seconds` of this clock's monotonic time."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class OffsetClock(SystemClock):
    """The machine's clock moved ahead by the offset kept in a file.

    Only embedded networks use it, so that a rehearsal or a test need not wait half an hour for a hold to lapse: every
    process of the network reads the same file (`{"offset_seconds": 1860}`), at most every 50 ms.
    """

    def __init__(self, path: Path, reread_seconds: float = 0.05) -> None:
        self._path = path
        self._reread_seconds = reread_seconds
        self._read_at = float("-inf")
        self._offset_seconds = 0.0

    @property
    def offset_seconds(self) -> float:
        """How far this clock is ahead of the machine's, in seconds. A missing or torn file keeps the last value."""
        if time.monotonic() - self._read_at >= self._reread_seconds:
            self._read_at = time.monotonic()
            # The file is replaced as a whole; until it is there the clock is the machine's.
            with suppress(OSError, ValueError, KeyError, TypeError):
                self._offset_seconds = float(json.loads(self._path.read_text())["offset_seconds"])
        return self._offset_seconds

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.offset_seconds)
