"""A client for one site that costs next to nothing, so that what is measured is the site: one connection, kept open."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

import msgspec


class Web:
    """Asks as somebody with a token, one request after the other."""

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = str(parts.hostname), int(parts.port or 80)
        self._head = f"Host: {parts.netloc}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, body: Any) -> bytes:
        """The answer's body. Anything but 200 or 201 fails the benchmark."""
        data = msgspec.json.encode(body)
        return await self._send("POST", path, f"Content-Length: {len(data)}\r\n", data)

    async def get(self, path: str) -> bytes:
        """The answer's body. Anything but 200 fails the benchmark."""
        return await self._send("GET", path, "", b"")

    async def _send(self, method: str, path: str, length_line: str, data: bytes) -> bytes:
        if self._streams is None or self._streams[0].at_eof():  # a site closes a connection that was idle for long
            self.close()
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        writer.write(f"{method} {path} HTTP/1.1\r\n{self._head}{length_line}\r\n".encode() + data)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(head.partition("content-length:")[2].partition("\r\n")[0])
        answer = await reader.readexactly(length)
        status = head.split(" ", 2)[1]
        assert status in ("200", "201"), (path, status, answer)
        return answer

    def close(self) -> None:
        """Lets go of the connection."""
        if self._streams is not None:
            self._streams[1].close()
