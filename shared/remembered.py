"""What a process knows it has stored, so that it notices when its database comes back older than that.

A backup put back under a running process, or a standby that had not heard the last commits: without this the process
would go on from what it has in memory, and what was lost in between would never be missed.
"""

from __future__ import annotations

from collections.abc import Iterable

import asyncpg

from shared import schema
from shared.batch import Grown
from shared.envelope import Log
from shared.lane import Connection
from shared.ports import Put, RowChange


class Remembered:
    """The last row of each log this process has told, and how far its readers have read."""

    def __init__(self) -> None:
        self._told: dict[Log, tuple[int, int, str]] = {}
        self._read: dict[tuple[str, str, str], tuple[int, int]] = {}

    def told(self, epoch: int, log: Log, grown: Grown) -> None:
        """One log of the outbox grew by these rows."""
        last, _ = grown.rows[-1]
        self._told[log] = (epoch, grown.first + len(grown.rows) - 1, last.id)

    def read(self, rows: Iterable[RowChange]) -> None:
        """These rows of views are stored; checkpoints are among them."""
        for row in rows:
            if row.table is schema.checkpoints and isinstance(row, Put):
                reader, origin, log, epoch, sequence = row.values
                self._read[reader, origin, log] = (epoch, sequence)

    async def older(self, connection: Connection | asyncpg.Pool[asyncpg.Record]) -> str | None:
        """Why the database behind a connection (or a pool of them) is older than this process; None when it is not."""
        told, read = dict(self._told), dict(self._read)  # as of now: what is stored meanwhile may miss in the answer
        for log, (epoch, sequence, id_) in told.items():
            there = await connection.fetchval(
                "select id::text from outbox where epoch = $1 and log = $2 and sequence = $3", epoch, log, sequence
            )
            if there != id_:
                return f"the database is older than this process: row {sequence} of its {log} log is not there"
        if read:
            rows = await connection.fetch("select reader, origin, log, epoch, sequence from checkpoints")
            reached = {(row[0], row[1], row[2]): (row[3], row[4]) for row in rows}
            readers = {row[0] for row in rows}  # one without any is gone: a rebuilt view's has another name now
            for key, at in read.items():
                if key[0] in readers and reached.get(key, (0, 0)) < at:
                    return f"the database is older than this process: its reader {key[0]} was further"
        return None
