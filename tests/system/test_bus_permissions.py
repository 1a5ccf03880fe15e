"""Who may do what on the bus, tried on real servers: a relay publishes on its own log, and nobody removes anything."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from typing import Any

import nats
import nats.errors
import pytest
import pytest_asyncio
from nats.aio.client import Client

from infra.nats_server import start_nats
from infra.processes import free_ports
from tests.support.network import eventually
from tests.support.servers import PAIR, TestBuses, running_buses

pytestmark = pytest.mark.asyncio(loop_scope="module")

NO_ANSWER_SECONDS = 0.15
ANSWER_SECONDS_MAX = 30.0
"""A busy machine takes its time; nothing waits that long when all is well."""
WEST_PUB = "plek.west.pub.placement.figures"
WEST_LOC = "plek.west.loc.placement.stay-began"


class User:
    """A connected bus user that remembers what it was denied."""

    def __init__(self, client: Client, denials: list[str]) -> None:
        self.client = client
        self.denials = denials

    async def may_publish(self, subject: str) -> bool:
        """Whether the server lets the message through."""
        before = len(self.denials)
        await self.client.publish(subject, b"{}")
        await self.hear_complaints()
        return len(self.denials) == before

    async def hear_complaints(self) -> None:
        # The client's first ping may overtake what it has buffered; the second cannot.
        await self.client.flush()
        await self.client.flush()

    async def may_subscribe(self, subject: str) -> bool:
        before = len(self.denials)
        subscription = await self.client.subscribe(subject)
        await self.hear_complaints()
        allowed = len(self.denials) == before
        if allowed:
            await subscription.unsubscribe()
        return allowed

    async def ask(self, subject: str, question: object = None) -> dict[str, Any]:
        body = b"" if question is None else json.dumps(question).encode()
        reply = await self.client.request(subject, body, timeout=ANSWER_SECONDS_MAX)
        answer: dict[str, Any] = json.loads(reply.data)
        return answer


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def buses() -> AsyncIterator[TestBuses]:
    async with running_buses(PAIR) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def connected(buses: TestBuses) -> AsyncIterator[Any]:
    clients: list[Client] = []

    async def connect(site: str, user: str, **options: Any) -> User:
        denials: list[str] = []

        async def hear(error: Exception) -> None:
            denials.append(str(error))

        client = await nats.connect(**(buses.options(site, user) | options), error_cb=hear)
        clients.append(client)
        return User(client, denials)

    yield connect
    for client in clients:
        await client.close()


LOG_SUBJECTS = [WEST_PUB, WEST_LOC, "plek.stad.pub.placement.figures", "plek.west.pub.console.x", "plek.x"]


@pytest.mark.parametrize(
    ("user", "allowed"),
    [
        ("city.placement.relay", [WEST_PUB]),
        ("local.placement.relay", [WEST_LOC]),
        ("city.placement", []),
        ("local.placement", []),
        ("city.console", []),
        ("local.console", []),
        ("city.admin", []),
        ("local.admin", []),
    ],
)
async def test_only_the_relay_publishes_and_only_on_its_own_log(connected: Any, user: str, allowed: list[str]) -> None:
    here = await connected("west", user)
    assert [subject for subject in LOG_SUBJECTS if await here.may_publish(subject)] == allowed


async def test_a_service_that_tells_nothing_has_no_relay(buses: TestBuses) -> None:
    assert not [user for user in buses.credentials["west"] if "console" in user and "relay" in user]


async def test_a_relay_does_nothing_but_publish_and_look_at_its_own_stream(connected: Any) -> None:
    relay = await connected("west", "city.placement.relay")
    info = await relay.ask("$JS.API.STREAM.INFO.PUB_west_placement")
    assert info["config"]["subjects"] == ["plek.west.pub.placement.>"]
    for subject in (
        "$JS.API.STREAM.DELETE.PUB_west_placement",
        "$JS.API.STREAM.UPDATE.PUB_west_placement",
        "$JS.API.CONSUMER.CREATE.PUB_west_placement.mine",
        "$JS.API.STREAM.INFO.CITY",
        "$JS.API.STREAM.NAMES",
        "beat.west.placement",
        "ask.stad.placement.x",
    ):
        assert not await relay.may_publish(subject), subject
    for subject in (">", "plek.>", "beat.>", "mir.west", "_INBOX.>", "_INBOX.west.city-placement.>"):
        assert not await relay.may_subscribe(subject), subject


@pytest.mark.parametrize("user", ["city.placement", "city.console", "city.placement.relay"])
async def test_nobody_but_the_admin_deletes_purges_or_changes_a_stream(connected: Any, user: str) -> None:
    here = await connected("west", user)
    for verb in ("DELETE", "PURGE", "UPDATE", "CREATE", "MSG.DELETE", "SNAPSHOT", "RESTORE"):
        for stream in ("PUB_west_placement", "CITY", "MINE"):
            assert not await here.may_publish(f"$JS.API.STREAM.{verb}.{stream}"), (verb, stream)


async def test_even_the_admin_cannot_purge_a_log_or_delete_from_it(connected: Any) -> None:
    relay, admin = await connected("west", "city.placement.relay"), await connected("west", "city.admin")
    await relay.client.jetstream().publish(WEST_PUB, b"{}")
    purged = await admin.ask("$JS.API.STREAM.PURGE.PUB_west_placement")
    assert "error" in purged
    deleted = await admin.ask("$JS.API.STREAM.MSG.DELETE.PUB_west_placement", {"seq": 1})
    assert "error" in deleted


async def test_a_service_reads_its_own_sites_logs_and_the_networks(connected: Any) -> None:
    service = await connected("west", "city.console")
    for stream in ("PUB_west_placement", "CITY"):
        assert "config" in await service.ask(f"$JS.API.STREAM.INFO.{stream}")
        config = {"name": f"r-{stream}", "ack_policy": "none", "inactive_threshold": 10**10}
        request = {"stream_name": stream, "config": config}
        assert "error" not in await service.ask(f"$JS.API.CONSUMER.CREATE.{stream}.r-{stream}", request)
        assert "error" not in await service.ask(f"$JS.API.CONSUMER.INFO.{stream}.r-{stream}")
        assert "error" not in await service.ask(f"$JS.API.CONSUMER.DELETE.{stream}.r-{stream}")
    local = await connected("west", "local.console")
    assert "config" in await local.ask("$JS.API.STREAM.INFO.LOC_west_placement")


async def test_a_beat_is_its_own_services_and_cannot_be_another_ones(connected: Any) -> None:
    service = await connected("west", "city.placement")
    assert await service.may_publish("beat.west.placement")
    assert not await service.may_publish("beat.stad.placement")
    assert not await service.may_publish("beat.west.console")
    assert await service.may_subscribe("beat.>")


async def test_an_inbox_is_its_owners(connected: Any) -> None:
    service = await connected("west", "city.console")
    assert await service.may_subscribe("_INBOX.west.city-console.>")
    for subject in ("_INBOX.>", "_INBOX.west.>", "_INBOX.west.city-placement.>", "_INBOX.*.city-console.>"):
        assert not await service.may_subscribe(subject), subject


async def test_the_sourcing_of_others_cannot_be_heard_or_forged(connected: Any) -> None:
    for site, user in (("west", "city.placement"), ("stad", "city.placement"), ("stad", "city.placement.relay")):
        here = await connected(site, user)
        for subject in ("src.>", "src.west.placement.hub", "mir.>", "mir.west", "$JS.>", "$JSC.R.*", "plek.>"):
            assert not await here.may_subscribe(subject), (site, user, subject)
            assert not await here.may_publish(subject.replace(">", "x").replace("*", "x")), (site, user, subject)


async def test_the_local_account_is_another_world(connected: Any) -> None:
    local, city = await connected("west", "local.admin"), await connected("west", "city.admin")
    assert "error" in await local.ask("$JS.API.STREAM.INFO.PUB_west_placement")
    assert "error" in await city.ask("$JS.API.STREAM.INFO.LOC_west_placement")


async def test_one_sites_private_log_and_admin_are_out_of_reach_of_the_other_over_the_link(connected: Any) -> None:
    """Even an administrator of one site reaches nothing of the other: the link carries named consumers' resets only."""
    for here, there in (("stad", "west"), ("west", "stad")):
        admin = await connected(here, "city.admin")
        for question in (
            "STREAM.INFO.LOC",
            "STREAM.DELETE.PUB",
            "CONSUMER.DELETE.PUB",
            "STREAM.NAMES",
        ):
            suffix = "" if question.endswith("NAMES") else f"_{there}_placement"
            tail = ".HUB" if question.startswith("CONSUMER") else ""
            with pytest.raises((nats.errors.NoRespondersError, nats.errors.TimeoutError)):
                await admin.client.request(f"$JS.{there}.API.{question}{suffix}{tail}", b"", timeout=NO_ANSWER_SECONDS)


async def test_a_keeper_asks_those_it_is_linked_to_whether_they_are_there_and_nothing_else(connected: Any) -> None:
    west, stad = await connected("west", "city.admin"), await connected("stad", "city.admin")
    for keeper, there in ((west, "stad"), (stad, "west")):
        assert await keeper.may_publish(f"ask.{there}.keeper.up")
        for subject in (f"ask.{there}.keeper.other", f"ask.{there}.placement.up", f"beat.{there}.keeper"):
            assert not await keeper.may_publish(subject), subject
        assert not await keeper.may_subscribe(f"ask.{there}.keeper.up")
    assert await west.may_subscribe("ask.west.keeper.up")
    for service in ("city.placement.relay", "local.placement", "local.admin"):
        assert not await (await connected("west", service)).may_subscribe("ask.west.keeper.up"), service


async def test_a_stranger_is_not_let_in(buses: TestBuses) -> None:
    async def quiet(_: Exception) -> None:
        """The refusal is what the test waits for."""

    for options in ({}, {"nkeys_seed": str(buses.credentials["stad"]["city.admin"])}):
        with pytest.raises(nats.errors.Error):
            await nats.connect(buses.servers["west"].url, allow_reconnect=False, error_cb=quiet, **options)


async def test_a_leaf_key_is_no_clients_key(buses: TestBuses) -> None:
    async def quiet(_: Exception) -> None:
        """The refusal is what the test waits for."""

    seed = str(buses.directory / "west" / "keys" / "leaf.nk")
    with pytest.raises(nats.errors.Error):
        await nats.connect(buses.servers["stad"].url, nkeys_seed=seed, allow_reconnect=False, error_cb=quiet)


@pytest.mark.parametrize("asker", [("west", "city.console"), ("stad", "city.placement")], ids=" ".join)
async def test_whoever_is_asked_answers_an_inbox_and_never_onto_a_log(connected: Any, asker: tuple[str, str]) -> None:
    """Whoever asks chooses where the answer goes: were that a log's subject, the origin would have to halt."""
    asking, answering = await connected(*asker), await connected("west", "city.placement")
    relays = {site: await connected(site, "city.placement.relay") for site in ("west", "stad")}
    asked: set[str] = set()

    async def answer(message: Any) -> None:
        await message.respond(b"{}")
        await answering.client.flush()
        asked.add(message.data.decode())

    async def last() -> list[int]:
        return [(await relay.ask(f"$JS.API.STREAM.INFO.PUB_{site}_placement"))["state"]["last_seq"]
                for site, relay in relays.items()]  # fmt: skip

    await answering.client.subscribe("ask.west.placement.>", cb=answer)
    await answering.client.flush()
    # Its own site's log a service could reach through JetStream's answers as well (`docs/decisions`, 6).
    before, onto = await last(), {WEST_PUB} if asker[0] == "stad" else {WEST_PUB, "plek.stad.pub.placement.figures"}

    async def answered() -> bool:  # the subscription takes a moment to be known at the other end of the link
        for subject in onto:
            await asking.client.publish("ask.west.placement.q", subject.encode(), reply=subject)
        return asked == onto

    await eventually("both to be answered", answered)
    await answering.hear_complaints()
    assert await last() == before
    assert bool(answering.denials) == (asker[0] == "west"), "between sites the answer's way is the server's own"


async def test_what_jetstream_answers_a_site_never_becomes_a_message_of_the_hubs_log() -> None:
    """Whoever has a site's link key runs a server of their own, without any limits. A leaf may make consumers on the
    hub's CITY, and the server's answer goes wherever the question says.
    """
    async with running_buses(PAIR, kept=False) as buses, AsyncExitStack() as stack:
        hub = await nats.connect(**buses.options("stad", "city.admin"))
        stack.push_async_callback(hub.close)
        buses.servers["west"].stop()
        link = json.loads((buses.directory / "west" / "nats" / "nats.conf").read_text("utf-8"))["leafnodes"]["remotes"][
            0
        ]
        [port] = free_ports(1)
        remote = {"url": link["url"], "nkey": link["nkey"]}
        text = json.dumps(
            {"server_name": "other", "host": "127.0.0.1", "port": port, "leafnodes": {"remotes": [remote]}}
        )
        server = start_nats(text, buses.directory / "other", port)
        stack.callback(server.stop)
        other = await nats.connect(server.url, inbox_prefix="_INBOX.west.other")
        stack.push_async_callback(other.close)

        async def state(stream: str) -> tuple[int, int]:
            answer = await hub.request(f"$JS.API.STREAM.INFO.{stream}", timeout=ANSWER_SECONDS_MAX)
            found = json.loads(answer.data)["state"]
            return found["messages"], found["last_seq"]

        async def make(name: str, **more: Any) -> bytes:
            """Asks for a consumer by that name, and waits until there is one."""
            body = {"stream_name": "CITY", "config": {"name": name, "ack_policy": "none"} | more}
            asked = f"$JS.stad.API.CONSUMER.CREATE.CITY.{name}"
            answer: bytes = (await other.request(asked, json.dumps(body).encode(), timeout=ANSWER_SECONDS_MAX)).data
            return answer

        async def linked() -> bool:
            with suppress(TimeoutError, nats.errors.TimeoutError, nats.errors.NoRespondersError):
                return b"created" in await asyncio.wait_for(make("honest"), 2)
            return False

        await eventually("the other server to be linked", linked)
        before = [await state("PUB_stad_placement"), await state("CITY")]
        onto = ("plek.stad.pub.placement.figures", "beat.stad.placement", "$JS.API.STREAM.DELETE.CITY")
        for number, subject in enumerate(onto):
            body = json.dumps({"stream_name": "CITY", "config": {"name": f"a{number}", "ack_policy": "none"}}).encode()
            await other.publish(f"$JS.stad.API.CONSUMER.CREATE.CITY.a{number}", body, reply=subject)
            await other.publish("ask.stad.placement.q", b"{}", reply=subject)
            await make(f"b{number}", deliver_subject=subject)
        assert b"created" in await make("last"), "the hub goes on answering"
        listed = await hub.request("$JS.API.CONSUMER.NAMES.CITY", b"{}", timeout=ANSWER_SECONDS_MAX)
        there = json.loads(listed.data)["consumers"]
        assert set(there) >= {f"a{number}" for number in range(len(onto))}, "what was asked was done, and answered"
        assert [await state("PUB_stad_placement"), await state("CITY")] == before


async def test_questions_between_sites_are_answered_both_ways(connected: Any) -> None:
    west, stad = await connected("west", "city.placement"), await connected("stad", "city.placement")
    for asker, answerer, site in ((west, stad, "stad"), (stad, west, "west")):

        async def answer(message: Any) -> None:
            await message.respond(b"yes")

        await answerer.client.subscribe(f"ask.{site}.placement.>", cb=answer)
        await answerer.client.flush()
        assert not await asker.may_subscribe(f"ask.{site}.>")

        async def answered(asker: User = asker, subject: str = f"ask.{site}.placement.q") -> bool:
            with suppress(nats.errors.NoRespondersError):
                reply = await asker.client.request(subject, b"", timeout=ANSWER_SECONDS_MAX)
                assert reply.data == b"yes"
                return True
            return False

        # The subscription takes a moment to be known at the other end of the link.
        await eventually(f"{site} to answer", answered)
