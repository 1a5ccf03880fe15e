"""How fast a channel is used: no faster than it may be, and not at all for a while when it does not work."""

from __future__ import annotations

FAILURES_MAX = 3
"""Failures of the channel itself, one after the other, after which it rests."""
REST_SECONDS = 30.0


class Pace:
    """One channel's. All times are seconds of a monotonic clock."""

    def __init__(self, per_minute: int) -> None:
        self._per_second, self._burst = per_minute / 60.0, max(1.0, per_minute / 6.0)
        self._tokens, self._filled_at = self._burst, 0.0
        self._failures, self._rests_until = 0, 0.0

    def wait_seconds(self, now: float) -> float:
        """How long the next message has to wait; 0: it goes now, and counts."""
        if now < self._rests_until:
            return self._rests_until - now
        if self._filled_at:
            self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._per_second)
        self._filled_at = now
        if self._tokens < 1.0:
            return (1.0 - self._tokens) / self._per_second
        self._tokens -= 1.0
        return 0.0

    def worked(self) -> None:
        self._failures = 0

    def failed(self, now: float) -> None:
        """The channel itself did not work."""
        self._failures += 1
        if self._failures >= FAILURES_MAX:
            self._failures, self._rests_until = 0, now + REST_SECONDS
