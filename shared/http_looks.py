"""Has the site's intake write down that somebody follows a chain of causes into what another service knows of a client.

It is asked in the name of whoever looks, and opens the client's file there: what it would refuse them itself is refused
here, too.
"""

from __future__ import annotations

from typing import Any

import httpx

from shared.archive import Look
from shared.http_problems import Problem

PATH = "/api/intake/events/open"
SECONDS_MAX = 5.0


class IntakeLooks:
    """address: where the site answers over HTTP."""

    def __init__(self, address: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._address, self._transport = address, transport

    async def record(self, client_id: str, look: Look) -> None:
        """Raises `Problem`: what intake refuses it with, or 503 `look-not-recorded`; then nothing may be shown."""
        if not client_id:
            raise Problem(503, "look-not-recorded")
        body = {"about": client_id, "purpose": look.purpose}
        headers = {"Authorization": f"Bearer {look.token}"}
        try:
            async with httpx.AsyncClient(
                base_url=self._address, timeout=SECONDS_MAX, trust_env=False, transport=self._transport
            ) as client:
                answer = await client.post(PATH, json=body, headers=headers)
        except httpx.HTTPError:
            raise Problem(503, "look-not-recorded") from None
        if answer.status_code in (409, 410, 422):
            raise Problem(answer.status_code, answer.json()["code"])
        if answer.status_code != 200 or not _opened(answer.json(), client_id):
            raise Problem(503, "look-not-recorded")


def _opened(answer: dict[str, Any], client_id: str) -> bool:
    """Whether that file was opened: where there is none, nothing was written down."""
    return any(step["where"] == f"client/{client_id}" for step in answer["steps"])
