"""Connections to a real nats-server: they come back by themselves, close at once, and refuse a wrong credential."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import nats.errors
import nkeys
import pytest

from shared.bus import close_client, connect_broker, connect_relay
from shared.bus_connection import BusClient, while_connected
from shared.ports import BusUnavailable
from tests.support.buses import DEADLINE_SECONDS, once_available
from tests.support.servers import TestBuses

pytestmark = pytest.mark.asyncio

USER = "city.placement"
Connect = Callable[[Mapping[str, Any]], Awaitable[object]]


@pytest.mark.parametrize("trouble", ["none", "killed", "frozen"])
async def test_closing_takes_no_time_even_when_the_server_is_gone(nats_single: TestBuses, trouble: str) -> None:
    options = nats_single.options("stad", USER)
    broker, relay = await connect_broker(options), await connect_relay(nats_single.options("stad", f"{USER}.relay"))
    broker.subscriber("beat.>")(_listen)
    await broker.start()
    server = nats_single.servers["stad"]
    pid = server.pid or 0
    if trouble == "killed":
        server.kill()
        async with asyncio.timeout(DEADLINE_SECONDS):
            while broker.connected or relay.is_connected:
                await asyncio.sleep(0.01)
    if trouble == "frozen":
        os.kill(pid, signal.SIGSTOP)
    try:
        # FastStream's own way of stopping waits 30 s for a frozen server, and raises when it is gone.
        async with asyncio.timeout(DEADLINE_SECONDS):
            await broker.stop()
            await close_client(relay)
        assert relay.is_closed
        assert not broker.connected
    finally:
        if trouble == "frozen":
            os.kill(pid, signal.SIGCONT)


class Stubborn(BusClient):
    """As nats-py's client is while it waits for a reconnection to end: it passes over being cancelled."""

    def __init__(self) -> None:
        super().__init__()
        self.cancelled, self.over = asyncio.Event(), asyncio.Event()

    async def close(self) -> None:
        try:
            await self.over.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            await self.over.wait()


async def test_nobody_waits_for_a_closing_that_passes_over_being_cancelled() -> None:
    client = Stubborn()
    closing = asyncio.create_task(close_client(client))
    try:
        assert (await asyncio.wait({closing}, timeout=DEADLINE_SECONDS))[0] == {closing}
        await asyncio.wait_for(client.cancelled.wait(), DEADLINE_SECONDS)
    finally:
        client.over.set()


async def _listen(body: bytes) -> None:
    """Hears and says nothing."""


async def test_a_connection_comes_back_by_itself(nats_single: TestBuses, caplog: pytest.LogCaptureFixture) -> None:
    broker = await connect_broker(nats_single.options("stad", USER) | {"name": "stad.placement"})
    client = await broker.connect()
    with caplog.at_level(logging.WARNING, "plek.bus"):
        nats_single.servers["stad"].kill()
        nats_single.restart("stad")
        async with asyncio.timeout(DEADLINE_SECONDS):
            while len(caplog.records) < 2:
                await asyncio.sleep(0.01)
    assert [record.message for record in caplog.records] == [
        "bus connection stad.placement is lost; it is tried again until it is back",
        "bus connection stad.placement is back",
    ]
    assert client.is_connected
    caplog.clear()
    await broker.stop()
    assert caplog.records == []


async def test_a_connection_that_the_server_ends_with_an_error_comes_back_too(nats_single: TestBuses) -> None:
    """As it does to everybody whose user was changed in its configuration."""
    relay = await connect_relay(nats_single.options("stad", f"{USER}.relay"))
    assert relay._transport is not None
    relay._transport.write(b"NOTHING THE SERVER KNOWS\r\n")
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not relay.is_closed and not (relay.is_connected and relay.stats["reconnects"]):
            await asyncio.sleep(0.01)
    assert not relay.is_closed
    assert await while_connected(relay, asyncio.sleep(0, "answered")) == "answered"
    await close_client(relay)


async def test_a_service_waits_for_a_server_that_is_not_there_yet(nats_single: TestBuses) -> None:
    nats_single.servers["stad"].kill()
    connecting = asyncio.ensure_future(connect_broker(nats_single.options("stad", USER)))
    done, _ = await asyncio.wait({connecting}, timeout=0.2)
    assert not done
    nats_single.restart("stad")
    broker = await asyncio.wait_for(connecting, DEADLINE_SECONDS)
    assert broker.connected
    await broker.stop()


async def test_waiting_for_a_server_can_be_given_up(nats_single: TestBuses) -> None:
    nats_single.servers["stad"].kill()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(connect_relay(nats_single.options("stad", USER)), 0.2)


@pytest.mark.parametrize("connect", [connect_broker, connect_relay])
async def test_a_wrong_credential_is_an_error_at_once(nats_single: TestBuses, tmp_path: Path, connect: Connect) -> None:
    seed = tmp_path / "stranger"
    seed.write_bytes(nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER))
    with pytest.raises(nats.errors.Error, match=r"(?i)authorization"):
        async with asyncio.timeout(DEADLINE_SECONDS):
            await connect(nats_single.options("stad", USER) | {"nkeys_seed": str(seed)})


async def test_what_a_lost_connection_was_asked_is_given_up_at_once(nats_single: TestBuses) -> None:
    relay = await connect_relay(nats_single.options("stad", f"{USER}.relay"))
    never = asyncio.ensure_future(while_connected(relay, asyncio.Event().wait()))
    await asyncio.sleep(0)
    nats_single.servers["stad"].kill()
    with pytest.raises(BusUnavailable):
        await asyncio.wait_for(never, DEADLINE_SECONDS)
    nats_single.restart("stad")
    assert await once_available(lambda: while_connected(relay, asyncio.sleep(0, "answered"))) == "answered"
    await close_client(relay)


async def test_headers_arrive_as_they_were_sent_and_cannot_smuggle_others(nats_single: TestBuses) -> None:
    broker = await connect_broker(nats_single.options("stad", USER))
    client = await broker.connect()
    inbox = client.new_inbox()
    heard = await client.subscribe("beat.>")
    await client.publish("beat.stad.placement", b"1", headers={"a": "één", "b": "x: y", "c": ""})
    await client.publish("beat.stad.placement", b"2", headers={"a": "x\r\nevil: 1", "b": "2"})
    await client.publish("beat.stad.placement", b"3", reply=inbox)
    first, second, third = [await heard.next_msg(DEADLINE_SECONDS) for _ in range(3)]
    assert first.headers == {"a": "één", "b": "x: y", "c": ""}
    assert second.headers is not None
    assert set(second.headers) == {"a", "b"}
    assert (third.headers, third.reply, third.data) == (None, inbox, b"3")
    await broker.stop()
