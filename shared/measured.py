"""How far a service's relays and readers are, look by look: what stands still, how fast it goes, and how old the oldest
is that waits. It reads no clock and asks nobody.
"""

from __future__ import annotations

from collections import defaultdict, deque
from typing import Any, NamedTuple

from shared import metrics

MARKS_MAX = 64
"""Looks at how far something was told that are remembered; a coarser one is kept where there are more."""

RATE_SECONDS = 60.0
"""A rate is that of the last minute."""


class _Mark(NamedTuple):
    at: float
    number: int


class Standing:
    """Since when something waits and does not move: what tells what is stuck from what is busy."""

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


class Progress:
    """How one log is told, and how one reader or relay follows it."""

    def __init__(self) -> None:
        self._told: deque[_Mark] = deque()
        self._done: deque[_Mark] = deque()

    def look(self, told: int, done: int, monotonic: float) -> None:
        """One look. told: the last number there is. done: the last one dealt with."""
        if self._done and done < self._done[-1].number:  # begun anew: what it was is no measure
            self._done.clear()
            self._told.clear()
        while self._told and self._told[0].number <= done:
            self._told.popleft()
        if told > done and (not self._told or told > self._told[-1].number):
            self._told.append(_Mark(monotonic, told))
        if len(self._told) > MARKS_MAX:
            del self._told[-2]
        self._done.append(_Mark(monotonic, done))
        while len(self._done) > 2 and monotonic - self._done[1].at >= RATE_SECONDS:
            self._done.popleft()
        while len(self._done) > MARKS_MAX:
            del self._done[1]

    def oldest_seconds(self, monotonic: float) -> float:
        """For how long at least the oldest has waited that is not dealt with; 0.0 when nothing waits."""
        return max(0.0, monotonic - self._told[0].at) if self._told else 0.0

    @property
    def per_second(self) -> float:
        """How many were dealt with a second, over the last looks."""
        if len(self._done) < 2 or self._done[-1].at <= self._done[0].at:
            return 0.0
        return (self._done[-1].number - self._done[0].number) / (self._done[-1].at - self._done[0].at)


class Pace(NamedTuple):
    """standing_seconds: for how long it has not moved. oldest_seconds: for how long at least the oldest has waited.
    per_second: how many were dealt with, over the last minute.
    """

    standing_seconds: float
    oldest_seconds: float
    per_second: float


class Measured:
    """The relays and readers of one service, and the gauges that show how they do."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._standing = Standing()
        self._progress: defaultdict[tuple[str, ...], Progress] = defaultdict(Progress)

    def relay(self, log: str, told: int, published: int | None, monotonic: float) -> None:
        """One look at a relay. told: the last row of the outbox. published: the last that left, as far as is known."""
        done = published or 0
        self._standing.look((log,), published, monotonic, waits=told > done)
        self._progress[log,].look(told, done, monotonic)
        metrics.OUTBOX_SEQUENCE.labels(self._service, log).set(told)
        metrics.OUTBOX_DEPTH.labels(self._service, log).set(told - done)
        metrics.RELAY_STANDING_SECONDS.labels(self._service, log).set(self._standing.seconds((log,), monotonic))

    def reader(self, view: str, origin: str, at: tuple[int, int], missing: int, monotonic: float) -> None:
        """One look at a reader. at: epoch and sequence it has reached of the origin. missing: what there is beyond."""
        key = (view, origin)
        self._standing.look(key, at, monotonic, waits=missing > 0)
        self._progress[key].look(at[1] + missing, at[1], monotonic)
        metrics.READER_LAG.labels(self._service, *key).set(missing)
        metrics.READER_STANDING_SECONDS.labels(self._service, *key).set(self._standing.seconds(key, monotonic))

    def gone(self, view: str, origin: str) -> None:
        """The origin's site has left."""
        self._standing.look((view, origin), None, 0.0, waits=False)
        self._progress.pop((view, origin), None)
        metrics.READER_LAG.labels(self._service, view, origin).set(0)
        metrics.READER_STANDING_SECONDS.labels(self._service, view, origin).set(0)

    def pace(self, *key: str, monotonic: float) -> Pace:
        """How a log (its name) or a reader (view, origin) does."""
        progress = self._progress[key]
        return Pace(self._standing.seconds(key, monotonic), progress.oldest_seconds(monotonic), progress.per_second)
