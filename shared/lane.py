"""One connection of a store's writer: its session, and the batch that is under way on it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias

import asyncpg

from shared import driver
from shared.batch import Pending

__all__ = ["Connection", "Lane", "driver"]

SERVER_SETTINGS = {
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
    "timezone": "UTC",
    # Whatever the server's default: what was told is filled again from here (decision 52), so it has to be on the disk.
    "synchronous_commit": "on",
}

WRITER_SETTINGS = SERVER_SETTINGS | {
    "application_name": "plek-writer",
    # The append function looks rows up by key: a plan made while a table was small must not scan it when it is large.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


class Lane:
    """One connection, with the session that must have ended before another may take its place. batch: under way."""

    def __init__(self) -> None:
        self.connection: Connection | None = None
        self.batch: Sequence[Pending] = ()
        self._session: tuple[int, datetime] | None = None

    async def connect(self, dsn: str, function: str) -> Connection:
        """A connection with its append function. A pool would reset it at each release."""
        self.hang_up()
        connection: Connection = await asyncpg.connect(dsn, server_settings=WRITER_SETTINGS, timeout=5)
        try:
            if self._session is not None:
                await self._end(connection, *self._session)
            await connection.execute(function)
            self._session = await connection.fetchrow(
                "select pid, backend_start from pg_stat_activity where pid = pg_backend_pid()"
            )  # type: ignore[assignment]
        except BaseException:
            connection.terminate()
            raise
        self.connection = connection
        return connection

    def hang_up(self) -> None:
        if self.connection is not None:
            self.connection.terminate()
            self.connection = None

    @staticmethod
    async def _end(connection: Connection, pid: int, began: datetime) -> None:
        """Makes sure that a lost session has ended: as long as it lives, what it was asked may still be stored."""
        ended = await connection.fetchval(
            "select bool_and(pg_terminate_backend(pid, 5000)) from pg_stat_activity"
            " where pid = $1 and backend_start = $2",
            pid, began, timeout=10,
        )  # fmt: skip
        if ended is False:
            raise TimeoutError("the lost session lives on")
