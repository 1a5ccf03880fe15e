"""Questions over HTTP to our own servers on this machine, without a library that takes long to import."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any

NONE: Mapping[str, str] = {}


def get(url: str, timeout_seconds: float = 2.0, headers: Mapping[str, str] = NONE) -> tuple[int, Any]:
    """GET a JSON document of one of our own servers: (status, document), (0, None) when it does not answer."""
    host, _, path = url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(host, timeout=timeout_seconds)
    try:
        connection.request("GET", f"/{path}", headers=dict(headers))
        answer = connection.getresponse()
        body = answer.read()
        try:
            return answer.status, json.loads(body)
        except ValueError:
            return answer.status, None
    except (OSError, http.client.HTTPException):
        return 0, None
    finally:
        connection.close()
