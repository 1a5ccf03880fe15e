"""Who may ask the vault where a client is reached, and who may listen, tried on a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import nats
import pytest
import pytest_asyncio
from nats.aio.client import Client

from shared.streams import Topology
from tests.support.servers import TestBuses, running_buses
from tests.system.test_bus_permissions import User

pytestmark = pytest.mark.asyncio(loop_scope="module")

SERVICES = ("intake", "placement", "notifications", "console")
QUESTION = "ask.west.intake.contact"
USERS = [f"{account}.{service}" for account in ("city", "local") for service in SERVICES]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def buses() -> AsyncIterator[TestBuses]:
    async with running_buses(Topology("west", {"west": SERVICES})) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def connected(buses: TestBuses) -> AsyncIterator[Any]:
    clients: list[Client] = []

    async def connect(user: str) -> User:
        denials: list[str] = []

        async def hear(error: Exception) -> None:
            denials.append(str(error))

        client = await nats.connect(**buses.options("west", user), error_cb=hear)
        clients.append(client)
        return User(client, denials)

    yield connect
    for client in clients:
        await client.close()


async def test_in_the_sites_own_account_one_user_asks_and_one_listens(connected: Any) -> None:
    local = {user: await connected(user) for user in USERS if user.startswith("local.")}
    assert [user for user, one in local.items() if await one.may_publish(QUESTION)] == ["local.notifications"]
    assert [user for user, one in local.items() if await one.may_subscribe(QUESTION)] == ["local.intake"]
    answers = "_INBOX.west.local-notifications.x"
    assert [user for user, one in local.items() if await one.may_publish(answers)] == ["local.intake"]
    assert [user for user, one in local.items() if await one.may_subscribe(answers)] == ["local.notifications"]


async def test_what_is_asked_over_the_network_reaches_nobody_who_answers_it(connected: Any) -> None:
    """In the account that links carry, intake listens to other questions than this one's answerer does."""
    intake, asker = await connected("local.intake"), await connected("city.placement")
    heard: list[bytes] = []

    async def hear(message: Any) -> None:
        heard.append(message.data)

    await intake.client.subscribe(QUESTION, cb=hear)
    await intake.client.flush()
    await asker.client.publish(QUESTION, b"over the network")
    await asker.hear_complaints()
    right = await connected("local.notifications")
    await right.client.publish(QUESTION, b"here")
    await right.hear_complaints()
    await intake.hear_complaints()
    assert heard == [b"here"]
