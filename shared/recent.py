"""The outbox rows a process stored last: its relays and readers need not ask the database for what it was given."""

from __future__ import annotations

from collections.abc import Sequence

from shared.batch import Grown, ToldRow
from shared.envelope import LOGS, Log

BYTES_MAX = 4 * 1024 * 1024
"""Payloads kept of each log at most."""


class Recent:
    """The end of each log as this process knows it: rows without a hole, in order, all of them committed.

    It is never the whole truth: what it does not have, the database may. Forgotten whenever that could be another
    database than before.
    """

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._rows: dict[Log, list[ToldRow]] = {log: [] for log in LOGS}
        self._first: dict[Log, int] = dict.fromkeys(LOGS, 1)
        self._bytes: dict[Log, int] = dict.fromkeys(LOGS, 0)

    def add(self, log: Log, grown: Grown) -> None:
        """Rows of one log were committed. If they do not follow the last, all begins anew: somebody else wrote in
        between."""
        rows, new = self._rows[log], grown.rows
        if not rows or grown.first != self._first[log] + len(rows):
            rows.clear()
            self._bytes[log] = 0
            self._first[log] = grown.first
        rows += new
        self._bytes[log] += _bytes_of(new)
        while self._bytes[log] > self._bytes_max:
            half = len(rows) // 2 + 1
            self._bytes[log] -= _bytes_of(rows[:half])
            self._first[log] += half
            del rows[:half]

    def after(self, log: Log, sequence: int, limit: int) -> Sequence[ToldRow] | None:
        """At most `limit` rows from the one behind `sequence` on; None when only the database knows whether there are
        any."""
        rows, nth = self._rows[log], sequence + 1 - self._first[log]
        return rows[nth : nth + limit] if 0 <= nth < len(rows) else None

    def forget(self) -> None:
        for log in LOGS:
            self._rows[log].clear()
            self._bytes[log] = 0


def _bytes_of(rows: Sequence[ToldRow]) -> int:
    return sum([len(told.data) for told, _ in rows])
