"""A real HTTP server for tests that takes signed messages and refuses some of them on order."""

from __future__ import annotations

import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "a secret of more than sixteen characters"


class Gateway:
    """calls: every call that was signed, in order. taken: what it has taken, by the key it came with. answers: statuses
    for the next calls; 0: it takes the message and hangs up without a word. unsigned: calls nobody has signed.
    """

    def __init__(self) -> None:
        self.url = ""
        self.calls: list[dict[str, Any]] = []
        self.taken: dict[str, dict[str, Any]] = {}
        self.answers: list[int] = []
        self.unsigned = 0
        self._lock = threading.Lock()

    def take(self, headers: Any, body: bytes) -> int:
        with self._lock:
            wanted = f"sha256={hmac.digest(SECRET.encode(), body, sha256).hex()}"
            if not hmac.compare_digest(headers.get("Plek-Signature", ""), wanted):
                self.unsigned += 1
                return 401
            said = json.loads(body)
            timeless = datetime.fromisoformat(said["at"]).utcoffset() is None
            if (
                said["id"] != headers.get("Idempotency-Key") or timeless
            ):  # what is signed names the message and its time
                self.unsigned += 1
                return 401
            self.calls.append(said)
            answer = self.answers.pop(0) if self.answers else 200
            if answer in (0, 200):
                self.taken.setdefault(headers["Idempotency-Key"], said)
            return answer


@contextmanager
def open_gateway() -> Iterator[Gateway]:
    gateway = Gateway()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status = gateway.take(self.headers, self.rfile.read(int(self.headers["Content-Length"])))
            if status:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()
            else:
                self.close_connection = True

        def log_message(self, *args: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    gateway.url = f"http://127.0.0.1:{server.server_address[1]}/plek"
    try:
        yield gateway
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
