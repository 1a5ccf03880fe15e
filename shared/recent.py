"""The outbox rows a process stored last: its relays and readers need not ask the database for what it was given."""

from __future__ import annotations

from shared.envelope import LOGS, Log, Message

BYTES_MAX = 4 * 1024 * 1024
"""Payloads kept of each log at most."""


class Recent:
    """The end of each log as this process knows it: rows without a hole, in order, all of them committed.

    It is never the whole truth: what it does not have, the database may. Forgotten whenever that could be another
    database than before.
    """

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._rows: dict[Log, list[Message]] = {log: [] for log in LOGS}
        self._bytes: dict[Log, int] = dict.fromkeys(LOGS, 0)

    def add(self, row: Message) -> None:
        """A row was committed. One that does not follow the last begins anew: somebody else wrote in between."""
        rows = self._rows[row.log]
        if rows and row.sequence != rows[-1].sequence + 1:
            rows.clear()
            self._bytes[row.log] = 0
        rows.append(row)
        self._bytes[row.log] += len(row.data)
        while self._bytes[row.log] > self._bytes_max:
            half = len(rows) // 2 + 1
            self._bytes[row.log] -= sum(len(old.data) for old in rows[:half])
            del rows[:half]

    def after(self, log: Log, sequence: int, limit: int) -> list[Message] | None:
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
