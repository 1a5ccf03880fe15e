"""A wire between a store and its PostgreSQL that a test can cut, also in the one moment that matters."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Self

from infra.postgres import SOCKET_NAME, SUPERUSER, Postgres
from tests.support.servers import database_name


class Proxy:
    """Forwards connections on an ephemeral port to the server's socket. `cuts`: how often it was cut."""

    def __init__(self, server: Postgres) -> None:
        self._socket = server.dsn().partition("host=")[2].partition("&")[0] + "/" + SOCKET_NAME
        self._listener: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._swallow = False
        self.cuts = 0

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._listener is not None
        self._listener.close()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def dsn(self, dsn: str) -> str:
        """The address of the same database, over this wire."""
        assert self._listener is not None
        port = self._listener.sockets[0].getsockname()[1]
        return f"postgresql://{SUPERUSER}@127.0.0.1:{port}/{database_name(dsn)}?sslmode=disable"

    def cut(self) -> None:
        """Cuts every connection there is; new ones are let through."""
        self.cuts += 1
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def swallow_answers(self) -> None:
        """The next answer of the server is not passed on: the wire is cut instead."""
        self._swallow = True

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_unix_connection(self._socket)
        self._writers |= {writer, server_writer}
        for work in (self._pass(reader, server_writer, answers=False), self._pass(server_reader, writer, answers=True)):
            task = asyncio.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if answers and self._swallow:
                    self._swallow = False
                    self.cut()
                    return
                writer.write(data)
                await writer.drain()
        writer.close()
