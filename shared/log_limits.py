"""How often one kind of log line is written: what says the same thing a thousand times a second hides everything else,
and fills a disk.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

LINES_MAX = 200
WINDOW_SECONDS = 10.0
KINDS_MAX = 1_000
"""So many kinds of lines are counted; the one that was written longest ago is forgotten first."""


class LogLimit(logging.Filter):
    """Lets so many lines of a kind through in a window. The first one after it says how many were left out.

    A kind is a logger and its sentence: what varies in ours is a field, in a library's an argument.
    """

    def __init__(
        self, lines: int = LINES_MAX, seconds: float = WINDOW_SECONDS, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._lines, self._seconds, self._monotonic = lines, seconds, monotonic
        self._kinds: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        said: Any = record.msg  # a line of ours is its fields until it is rendered
        ours = isinstance(said, dict)
        kind = (record.name, str(said.get("event") if ours else said)[:200])
        now = self._monotonic()
        began, count = self._kinds.pop(kind, (now, 0))
        left_out = 0
        if now - began >= self._seconds:
            left_out, began, count = max(0, count - self._lines), now, 0
        self._kinds[kind] = (began, count + 1)
        if len(self._kinds) > KINDS_MAX:
            self._kinds.popitem(last=False)
        if left_out and ours:
            said["left_out"] = left_out
        elif left_out:
            record.msg = f"{said} ({left_out} more like it were left out)"
        return count < self._lines
