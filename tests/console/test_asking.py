"""How the console asks a service: a screen does not wait for long, whoever is on call waits until it is over."""

from __future__ import annotations

import asyncio

import httpx

from services.console.api_screens import ANSWER_SECONDS_MAX, Places
from shared import replay


async def test_what_somebody_on_call_has_done_is_waited_for_as_long_as_it_may_take() -> None:
    waits: list[float] = []

    def answer(request: httpx.Request) -> httpx.Response:
        waits.append(request.extensions["timeout"]["read"])
        return httpx.Response(200, json={"items": [], "next": None})

    transport = httpx.MockTransport(answer)
    async with (
        asyncio.timeout(10),
        httpx.AsyncClient(base_url="http://site.example", transport=transport, timeout=ANSWER_SECONDS_MAX) as client,
    ):
        places = Places(client)
        await places.look("token", "/api/placement/readers/capacity/replay", origin="west/placement")
        await places.post("token", "/api/placement/readers/capacity/replay", {"origin": "west/placement"})
        await places.every("token", "places")
    longest = replay.SECONDS_MAX + replay.STALL_SECONDS
    assert [wait > longest for wait in waits] == [True, True, False]
