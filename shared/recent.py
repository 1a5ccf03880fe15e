"""The outbox rows a process stored last: its relays and readers need not ask the database for what it was given."""

from __future__ import annotations

from collections.abc import Sequence

from shared.batch import ToldRow
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
        self._bytes: dict[Log, int] = dict.fromkeys(LOGS, 0)

    def add(self, log: Log, new: Sequence[ToldRow]) -> None:
        """Rows of one log were committed, in order and without a hole. If they do not follow the last, all begins anew:
        somebody else wrote in between."""
        if not new:
            return
        rows = self._rows[log]
        if rows and new[0].sequence != rows[-1].sequence + 1:
            rows.clear()
            self._bytes[log] = 0
        rows += new
        self._bytes[log] += sum([len(row.told.data) for row in new])
        while self._bytes[log] > self._bytes_max:
            half = len(rows) // 2 + 1
            self._bytes[log] -= sum([len(old.told.data) for old in rows[:half]])
            del rows[:half]

    def after(self, log: Log, sequence: int, limit: int) -> Sequence[ToldRow] | None:
        """At most `limit` rows behind `sequence`; None when only the database knows whether there are any."""
        rows = self._rows[log]
        if not rows or not rows[0].sequence <= sequence + 1 <= rows[-1].sequence:
            return None
        first = sequence + 1 - rows[0].sequence
        return rows[first : first + limit]

    def forget(self) -> None:
        for log in LOGS:
            self._rows[log].clear()
            self._bytes[log] = 0
