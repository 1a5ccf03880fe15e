"""Whoever waits with a message it cannot read is found in every process of a site: over the real bus, with the real
permissions."""

from __future__ import annotations

import asyncio

import pytest

from shared import metrics
from shared.bus import close_client, connect_relay
from shared.waiting import answer_waiting_on, waiting_at, waiting_here, waiting_readers
from tests.support.servers import TestBuses

pytestmark = pytest.mark.asyncio
SERVICE, READER = "placement", "a-reader-of-this-test"
ORIGIN = "noord/placement"


async def test_what_was_put_aside_holds_nobody_up() -> None:
    waits = metrics.READER_PARKED.labels(SERVICE, READER, ORIGIN)
    aside = metrics.READER_PARKED.labels(SERVICE, f"{READER}-aside", "none")
    try:
        aside.set(2)
        waits.set(0)
        assert READER not in waiting_here(SERVICE)
        waits.set(1)
        assert [name for name in waiting_here(SERVICE) if name.startswith(READER)] == [READER]
        assert READER not in waiting_here("intake")
    finally:
        waits.set(0)
        aside.set(0)


async def test_who_waits_in_another_process_is_asked_over_the_bus(nats_single: TestBuses) -> None:
    """Here both are one process: whoever asks is told that it knows of nobody itself."""
    waits = metrics.READER_PARKED.labels(SERVICE, READER, ORIGIN)
    answering = await connect_relay(nats_single.options("stad", f"city.{SERVICE}"))
    asking = await connect_relay(nats_single.options("stad", "city.console"))
    settings = nats_single.settings("stad", {SERVICE: "x", "console": "x"})
    try:
        waits.set(1)
        assert (SERVICE, READER) in await waiting_readers(None, settings)
        assert await waiting_at(asking, "stad", SERVICE) == []  # nobody answers: nothing is known, and nothing halts
        await answer_waiting_on(answering, "stad", SERVICE)
        async with asyncio.timeout(20):  # the server may hear the question before it knows who answers
            while READER not in await waiting_at(asking, "stad", SERVICE):
                await asyncio.sleep(0.05)
        other_process = await waiting_readers(asking, settings, lambda _: [])
        assert (SERVICE, READER) in other_process  # others of this process may wait as well: of other tests
        assert await waiting_readers(None, settings, lambda _: []) == []
    finally:
        waits.set(0)
        await close_client(answering)
        await close_client(asking)


async def test_nonsense_for_an_answer_is_nobody(nats_single: TestBuses) -> None:
    answering = await connect_relay(nats_single.options("stad", f"city.{SERVICE}"))
    asking = await connect_relay(nats_single.options("stad", "city.console"))
    heard: list[bytes] = []
    try:

        async def nonsense(message: object) -> None:
            heard.append(b"")
            await message.respond(b'{"readers": 7}')  # type: ignore[attr-defined]

        await answering.subscribe("ask.stad.placement.waiting", cb=nonsense)
        async with asyncio.timeout(20):
            while not heard:
                assert await waiting_at(asking, "stad", SERVICE) == []
                await asyncio.sleep(0.05)
    finally:
        await close_client(answering)
        await close_client(asking)
