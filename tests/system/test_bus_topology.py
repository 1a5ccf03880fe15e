"""How messages travel: a site's log to the hub's CITY and back to every site, through cuts and crashes, once."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import nats
import nats.errors
import nats.js.errors
import pytest
from nats.aio.client import Client

from infra.nats_config import SiteBus, configuration
from infra.nats_server import wait_for_nats
from infra.probe import get
from shared import sourcing
from shared.sourcing import SourceKeeper
from shared.streams import ACCOUNTS, StreamsError, Topology, apply, declared
from tests.support.processes import PATIENCE_SECONDS, soon
from tests.support.servers import PAIR, TestBuses, running_buses

ALREADY_THERE = 10071
WAITS_SECONDS = 5.0
"""So long after it was put back while the link is down, a source has asked and waits; for 35 more seconds by itself."""
WEST = "plek.west.pub.placement.figures"


async def connect(buses: TestBuses, site: str, user: str) -> Client:
    async def quiet(_: Exception) -> None:
        """Lost connections are part of these tests."""

    return await nats.connect(**buses.options(site, user), error_cb=quiet)


async def ask(client: Client, subject: str, question: object = None) -> Any:
    body = b"" if question is None else json.dumps(question).encode()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return json.loads((await client.request(subject, body, timeout=1)).data)
        except nats.errors.Error:
            assert time.monotonic() < deadline, f"no answer to {subject}"


async def publish(relay: Client, number: int) -> None:
    """Publish until it is there, as relays do: at its sequence or not at all, for a crash hides what was stored."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    expected = {"Nats-Expected-Last-Sequence": str(number)}
    while True:
        try:
            await relay.jetstream().publish(WEST, b"%d" % number, timeout=1, headers=expected)
        except nats.js.errors.APIError as error:
            if error.err_code != ALREADY_THERE:
                raise
            return
        except nats.errors.Error:
            assert time.monotonic() < deadline, "not acknowledged"
        else:
            return


async def count(client: Client, stream: str = "CITY") -> int:
    """Asks until the stream answers for itself: a server that has just come back may say for a moment it has none."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        answer = await ask(client, f"$JS.API.STREAM.INFO.{stream}")
        if "state" in answer:
            return int(answer["state"]["messages"])
        assert time.monotonic() < deadline, answer


async def reaches(client: Client, messages: int, seconds_max: float = 30.0) -> None:
    """Waits less long than a source that nobody makes ask again: after 35 seconds it asks by itself."""
    deadline = time.monotonic() + seconds_max
    while (there := await count(client)) < messages:
        assert time.monotonic() < deadline, f"{there} of {messages} messages"
    assert there == messages


async def bodies(client: Client, messages: int) -> list[bytes]:
    service = client.jetstream()
    return [bytes((await service.get_msg("CITY", number)).data or b"") for number in range(1, messages + 1)]


@pytest.mark.asyncio
async def test_what_a_site_tells_reaches_the_hub_and_comes_back_with_subject_headers_and_body(
    nats_pair: TestBuses,
) -> None:
    relay = await connect(nats_pair, "west", "city.placement.relay")
    hub_relay = await connect(nats_pair, "stad", "city.placement.relay")
    stad, west = [await connect(nats_pair, site, "city.placement") for site in ("stad", "west")]
    try:
        await relay.jetstream().publish(WEST, b"west", headers={"ce-id": "7"})
        await reaches(stad, 1)
        await hub_relay.jetstream().publish("plek.stad.pub.placement.figures", b"stad")
        for client in (stad, west):
            await reaches(client, 2)
            stored = await client.jetstream().get_msg("CITY", 1)
            assert (stored.subject, stored.data) == (WEST, b"west")
            assert stored.headers is not None
            assert stored.headers["ce-id"] == "7"
            assert (await client.jetstream().get_msg("CITY", 2)).subject == "plek.stad.pub.placement.figures"
    finally:
        for client in (relay, hub_relay, stad, west):
            await client.close()


@pytest.mark.asyncio
async def test_a_private_log_stays_at_its_site(nats_pair: TestBuses) -> None:
    relay = await connect(nats_pair, "west", "local.placement.relay")
    told = await connect(nats_pair, "west", "city.placement.relay")
    stad, west = [await connect(nats_pair, site, "city.placement") for site in ("stad", "west")]
    try:
        await relay.jetstream().publish("plek.west.loc.placement.stay-began", b"private")
        await told.jetstream().publish(WEST, b"told")
        await reaches(west, 1)
        assert await bodies(west, 1) == await bodies(stad, 1) == [b"told"]
    finally:
        for client in (relay, told, stad, west):
            await client.close()


@pytest.mark.asyncio
async def test_log_subjects_do_not_cross_the_link_and_beats_do(nats_pair: TestBuses) -> None:
    heard: list[tuple[str, str]] = []
    clients: dict[str, Client] = {}
    for site in ("stad", "west"):
        clients[site] = await connect(nats_pair, site, "city.placement")

        async def hear(message: Any, site: str = site) -> None:
            heard.append((site, message.subject))

        await clients[site].subscribe("beat.>", cb=hear)
        await clients[site].flush()
    everywhere = {(here, f"beat.{there}.placement") for here in clients for there in clients}
    try:
        deadline = time.monotonic() + 10
        while not everywhere <= set(heard):
            assert time.monotonic() < deadline, heard
            for site, client in clients.items():
                await client.publish(f"beat.{site}.placement", b"{}")
                await client.flush()
        connz = get(f"{nats_pair.monitor_url('stad')}/leafz?subs=1")[1]
        assert [(leaf["name"], leaf["compression"]) for leaf in connz["leafs"]] == [("west", "off")]
        assert not [subject for subject in connz["leafs"][0]["subscriptions_list"] if subject.startswith("plek")]
    finally:
        for client in clients.values():
            await client.close()


@pytest.mark.parametrize(
    ("hub", "compression"),
    [
        ("203.0.113.7", "s2_fast"),
        ("hub.example", "s2_fast"),
        ("127.0.0.1", "off"),
        ("[::1]", "off"),
        ("localhost", "off"),
    ],
)
def test_a_link_that_leaves_the_machine_is_compressed_lightly_however_long_its_pings_take(
    hub: str, compression: str, tmp_path: Path
) -> None:
    leaf = SiteBus("west", 4222, 8222, tmp_path, {}, hub_url=f"nats-leaf://{hub}:7422", leaf_seed="SU")
    links = json.loads(configuration(PAIR, leaf))["leafnodes"]
    assert [remote["compression"] for remote in links["remotes"]] == [compression]
    at_the_hub = SiteBus("stad", 4222, 8222, tmp_path, {}, leaf_port=7422)
    assert json.loads(configuration(PAIR, at_the_hub))["leafnodes"]["compression"] == "s2_fast", "it takes either"


@pytest.mark.asyncio
async def test_a_cut_link_holds_messages_back_and_a_healed_one_delivers_them_once(nats_pair: TestBuses) -> None:
    relay = await connect(nats_pair, "west", "city.placement.relay")
    stad, west = [await connect(nats_pair, site, "city.placement") for site in ("stad", "west")]

    def linked() -> bool:
        return bool(get(f"{nats_pair.monitor_url('stad')}/leafz")[1]["leafnodes"])

    try:
        before = nats_pair.servers["west"].pid
        told = 0
        for _ in range(2):
            await soon(linked, "the link is up")
            nats_pair.cut("west")
            await soon(lambda: not linked(), "the link is down")
            for _ in range(5):
                await relay.jetstream().publish(WEST, b"%d" % told)
                told += 1
            assert await count(west, "PUB_west_placement") == told
            assert await count(stad) == told - 5
            nats_pair.heal("west")
            for client in (stad, west):
                await reaches(client, told)
        assert await bodies(west, told) == await bodies(stad, told) == [b"%d" % n for n in range(told)]
        assert nats_pair.servers["west"].pid == before
    finally:
        for client in (relay, stad, west):
            await client.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("victim", ["west", "stad"])
async def test_a_killed_server_comes_back_at_its_address_with_everything(nats_pair: TestBuses, victim: str) -> None:
    relay = await connect(nats_pair, "west", "city.placement.relay")
    stad, west = [await connect(nats_pair, site, "city.placement") for site in ("stad", "west")]
    try:
        for n in range(3):
            await publish(relay, n)
        url = nats_pair.servers[victim].url
        nats_pair.servers[victim].kill()
        nats_pair.restart(victim)
        assert nats_pair.servers[victim].url == url
        await publish(relay, 3)
        for client in (stad, west):
            await reaches(client, 4)
            assert await bodies(client, 4) == [b"0", b"1", b"2", b"3"]
    finally:
        for client in (relay, stad, west):
            await client.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("victim", ["west", "stad"])
async def test_a_city_whose_description_was_torn_by_a_crash_is_made_anew(nats_pair: TestBuses, victim: str) -> None:
    """The server then leaves the stream out, with one line in its log; its messages are all still elsewhere."""
    relay = await connect(nats_pair, "west", "city.placement.relay")
    stad, west = [await connect(nats_pair, site, "city.placement") for site in ("stad", "west")]
    try:
        for n in range(3):
            await publish(relay, n)
        for client in (stad, west):
            await reaches(client, 3)
        nats_pair.servers[victim].kill()
        [checksum] = (nats_pair.directory / victim).glob("nats/**/CITY/meta.sum")
        checksum.write_text("torn")
        nats_pair.restart(victim)
        await publish(relay, 3)
        for client in (stad, west):
            await ends_with(client, b"3")
        there = await bodies(stad, 4)
        assert there == [b"0", b"1", b"2", b"3"]
        # A copy of a hub that began anew may hold a message twice; its readers know it by its sequence.
        here = await bodies(west, await count(west))
        assert list(dict.fromkeys(here)) == there
        assert victim == "stad" or here == there
    finally:
        for client in (relay, stad, west):
            await client.close()


async def ends_with(client: Client, body: bytes, seconds_max: float = PATIENCE_SECONDS) -> None:
    deadline = time.monotonic() + seconds_max
    while not (last := await count(client)) or (await client.jetstream().get_msg("CITY", last)).data != body:
        assert time.monotonic() < deadline, f"{last} messages, and the last is not {body!r}"


@pytest.mark.asyncio
async def test_a_hub_that_asked_while_the_link_was_down_is_made_to_ask_again(nats_pair: TestBuses) -> None:
    """Left alone, a question into a link that is down keeps the source waiting for 40 seconds after the heal."""
    relay = await connect(nats_pair, "west", "city.placement.relay")
    stad, west = [await connect(nats_pair, site, "city.placement") for site in ("stad", "west")]
    try:
        await publish(relay, 0)
        await reaches(west, 1)
        nats_pair.cut("west")
        nats_pair.servers["stad"].kill()
        nats_pair.restart("stad")
        for number in range(1, 5):
            await publish(relay, number)
        assert await count(stad) == 1
        nats_pair.heal("west")
        for client in (stad, west):
            await reaches(client, 5)
            assert await bodies(client, 5) == [b"%d" % number for number in range(5)]
    finally:
        for client in (relay, stad, west):
            await client.close()


@pytest.mark.asyncio
async def test_a_source_is_asked_again_as_soon_as_its_link_is_up_and_not_when_its_turn_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sourcing, "AGAIN_SECONDS_MIN", 600.0)
    async with running_buses(PAIR, kept=False) as buses:
        relay = await connect(buses, "west", "city.placement.relay")
        clients = [await connect(buses, site, "city.admin") for site in PAIR.sites]
        keepers = {site: SourceKeeper(client, site, "stad") for site, client in zip(PAIR.sites, clients, strict=True)}
        running = [asyncio.create_task(keeper.run()) for keeper in keepers.values()]
        try:
            await publish(relay, 0)
            for client in clients:
                await reaches(client, 1)
            before = {site: keeper.asked_again for site, keeper in keepers.items()}
            buses.cut("west")
            deadline = time.monotonic() + PATIENCE_SECONDS
            while not all(keeper.asked_again > before[site] for site, keeper in keepers.items()):
                assert time.monotonic() < deadline, "nobody asked while the link was down"
                await asyncio.sleep(0.05)
            asked = time.monotonic()
            while time.monotonic() < asked + WAITS_SECONDS:
                await asyncio.sleep(0.05)
            await publish(relay, 1)
            buses.heal("west")
            for client in clients:
                await reaches(client, 2)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            for client in (relay, *clients):
                await client.close()


@pytest.mark.asyncio
async def test_the_keeper_of_sources_puts_back_what_is_missing_and_leaves_alone_what_works(
    nats_pair: TestBuses,
) -> None:
    for site in ("stad", "west"):
        admin = await connect(nats_pair, site, "city.admin")
        try:
            keeper = SourceKeeper(admin, site, "stad")
            info = await ask(admin, "$JS.API.STREAM.INFO.CITY")
            deadline = time.monotonic() + PATIENCE_SECONDS
            while not all(0 <= source["active"] < 2 * 10**9 for source in info["sources"]):
                assert time.monotonic() < deadline, info["sources"]
                info = await ask(admin, "$JS.API.STREAM.INFO.CITY")
            await keeper.look()
            assert keeper.asked_again == 0
            await ask(admin, "$JS.API.STREAM.UPDATE.CITY", info["config"] | {"sources": []})
            await keeper.look()
            mended = (await ask(admin, "$JS.API.STREAM.INFO.CITY"))["config"]["sources"]
            assert mended == info["config"]["sources"]
        finally:
            await admin.close()


@pytest.mark.asyncio
async def test_applying_twice_changes_nothing(nats_pair: TestBuses) -> None:
    assert await apply(nats_pair.topology, nats_pair.admins()) == []


@pytest.mark.asyncio
async def test_a_stream_that_is_not_as_declared_is_mended(nats_pair: TestBuses) -> None:
    admin = await connect(nats_pair, "west", "city.admin")
    try:
        config = (await ask(admin, "$JS.API.STREAM.INFO.PUB_west_placement"))["config"]
        await ask(admin, "$JS.API.STREAM.UPDATE.PUB_west_placement", config | {"duplicate_window": 10**9})
    finally:
        await admin.close()
    assert await apply(nats_pair.topology, nats_pair.admins()) == ["west: stream PUB_west_placement changed"]
    assert await apply(nats_pair.topology, nats_pair.admins()) == []


@pytest.mark.asyncio
async def test_the_order_of_servers_does_not_matter_and_a_silent_one_is_named() -> None:
    async with running_buses(PAIR) as buses:
        backwards = dict(reversed(list(buses.admins().items())))
        assert await apply(PAIR, backwards) == []
        buses.servers["west"].kill()
        with pytest.raises(StreamsError, match="the bus of west does not answer at nats://") as caught:
            await apply(PAIR, buses.admins(), deadline_seconds=0.2)
        assert "\n" not in str(caught.value)
        buses.launch("west")
        wait_for_nats(buses.servers["west"])
        assert await apply(PAIR, buses.admins()) == []


@pytest.mark.asyncio
async def test_a_network_that_grows_keeps_its_logs_and_the_new_site_hears_all_of_them() -> None:
    grown = Topology("stad", {**PAIR.services, "noord": ("placement",)})
    with tempfile.TemporaryDirectory(prefix="plek-test-", ignore_cleanup_errors=True) as directory:
        for topology, told in ((PAIR, 0), (grown, 1)):
            async with running_buses(topology, directory=Path(directory)) as buses:
                relay = await connect(buses, "west", "city.placement.relay")
                last = await connect(buses, topology.sites[-1], "city.placement")
                other = await connect(buses, topology.sites[1], "city.placement")
                try:
                    await publish(relay, told)
                    for client in (last, other):
                        await reaches(client, told + 1)
                        assert await bodies(client, told + 1) == [b"%d" % number for number in range(told + 1)]
                finally:
                    for client in (relay, last, other):
                        await client.close()


def test_every_log_is_declared_once_and_only_those_that_are_told() -> None:
    topology = Topology("stad", {"stad": ["placement", "console"], "a": ["placement"], "b": ["console"]})
    streams = [(part.site, part.name) for part in declared(topology)]
    assert len(streams) == len(set(streams))
    assert set(streams) == {
        ("stad", "CITY"), ("a", "CITY"), ("b", "CITY"),
        ("stad", "PUB_stad_placement"), ("stad", "LOC_stad_placement"),
        ("a", "PUB_a_placement"), ("a", "LOC_a_placement"),
    }  # fmt: skip
    for part in declared(topology):
        assert part.account in ACCOUNTS.values()
        assert part.config["storage"] == "file"
        assert part.config["deny_delete"]
        assert part.config["deny_purge"]
    city = next(part for part in declared(topology) if part.name == "CITY" and part.site == "stad")
    assert [source["name"] for source in city.config["sources"]] == ["PUB_stad_placement", "PUB_a_placement"]


@pytest.mark.asyncio
async def test_what_a_crash_takes_from_the_end_of_a_copy_comes_again_at_the_same_place(nats_pair: TestBuses) -> None:
    """A site's copy is not synced. Its server is killed the moment the messages are there, several times over."""
    relay = await connect(nats_pair, "stad", "city.placement.relay")
    stad, west = [await connect(nats_pair, site, "city.placement") for site in ("stad", "west")]
    subject = "plek.stad.pub.placement.figures"
    try:
        told = 0
        for _ in range(5):
            for _ in range(50):
                await relay.jetstream().publish(subject, b"%d" % told)
                told += 1
            await reaches(west, told)
            nats_pair.servers["west"].kill()
            nats_pair.restart("west")
            await reaches(west, told)
        assert await bodies(west, told) == await bodies(stad, told) == [b"%d" % number for number in range(told)]
    finally:
        for client in (relay, stad, west):
            await client.close()


@pytest.mark.asyncio
async def test_a_copy_that_was_declared_otherwise_is_made_anew_where_the_server_does_not_change_it(
    nats_pair: TestBuses,
) -> None:
    relay = await connect(nats_pair, "west", "city.placement.relay")
    admin = await connect(nats_pair, "west", "city.admin")
    try:
        for number in range(3):
            await publish(relay, number)
        await reaches(admin, 3)
        config = (await ask(admin, "$JS.API.STREAM.INFO.CITY"))["config"]
        await ask(admin, "$JS.API.STREAM.DELETE.CITY")
        old = {name: value for name, value in config.items() if name not in ("persist_mode", "metadata")}
        assert "error" not in await ask(admin, "$JS.API.STREAM.CREATE.CITY", old)
        done = await apply(nats_pair.topology, nats_pair.admins())
        assert done == ["west: stream CITY made anew"]
        await reaches(admin, 3)
        assert await apply(nats_pair.topology, nats_pair.admins()) == []
    finally:
        for client in (relay, admin):
            await client.close()
