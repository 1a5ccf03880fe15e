"""Since when something waits and does not move: what tells a reader or a relay that is stuck from one that is busy."""

from __future__ import annotations

from typing import Any


class Standing:
    """Takes note of where things are, by any key. Bookkeeping only: it reads no clock."""

    def __init__(self) -> None:
        self._since: dict[Any, tuple[object, float]] = {}

    def look(self, key: Any, at: object, monotonic: float, *, waits: bool) -> None:
        """One look at one thing. at: how far it is. waits: whether there is more for it to do. monotonic: seconds."""
        if not waits:
            self._since.pop(key, None)
        elif key not in self._since or self._since[key][0] != at:
            self._since[key] = (at, monotonic)

    def seconds(self, key: Any, monotonic: float) -> float:
        """For how long it has not moved although there was more to do; 0.0 while it moves or has nothing to do."""
        return max(0.0, monotonic - self._since[key][1]) if key in self._since else 0.0
