"""Streams, copies and consumers that are lost on a running network of three sites: named by the doctor, mended by the
sites' own processes, and where none runs by one command; nothing is lost, and every site shows the same.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import nats
import pytest

from tests.support.backups import findings, settings_of
from tests.support.network import Network, eventually, running_network

SITES = ("stad", "west", "noord")
THREE = """
[[site]]
name = "stad"
hub = true
municipality = true
services = ["placement", "console"]

[[site]]
name = "west"
link = "stad"
services = ["placement", "console"]

[[site]]
name = "noord"
link = "stad"
services = ["placement", "console"]
"""


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    file = tmp_path_factory.mktemp("three") / "network.toml"
    file.write_text(THREE, "utf-8")
    with running_network("--no-demo", "--network", str(file)) as started:
        yield started


@asynccontextmanager
async def admin(network: Network, site: str, account: str = "city") -> AsyncIterator[Any]:
    """Asks a site's JetStream as the administrator of one account; answers the decoded answer."""
    client = await nats.connect(**settings_of(network.data, site).nats_options(f"{account}.admin"))

    async def ask(subject: str, body: Any = None) -> Any:
        question = b"" if body is None else json.dumps(body).encode()
        return json.loads((await client.request(f"$JS.API.{subject}", question, timeout=30)).data)

    try:
        yield ask
    finally:
        await client.close()


@asynccontextmanager
async def frozen(network: Network, sites: Sequence[str]) -> AsyncIterator[None]:
    """The sites' processes stand still: nobody mends anything there meanwhile."""
    pids = [network.told()["sites"][site]["service"] for site in sites]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


async def busy(network: Network, site: str, count: int) -> None:
    """People come in at a location of this site; each arrival is told to everybody."""
    async with network.client(site) as desk:
        location, _ = await network.new_location(desk, count)
        for _ in range(count):
            body = {"location": location, "kind": "shelter_24h", "household_size": 1}
            assert (await desk.post("/api/placement/stays", json=body)).status_code == 201


async def interleaved(network: Network) -> None:
    """All three sites tell at once, so that CITY holds them in an order that nothing repeats."""
    await asyncio.gather(*(busy(network, site, 8) for site in SITES))


async def well(network: Network) -> bool:
    """Everybody has seen the same, and the doctor finds nothing."""
    if network.plek("verify", "--wait", "5").returncode:
        return False
    return network.plek("doctor").returncode == 0


async def ends_well(network: Network) -> None:
    await interleaved(network)
    await eventually("all agree and the doctor finds nothing", lambda: well(network))


def named(network: Network) -> dict[tuple[str, str], str]:
    """What the doctor says: (area, site) -> the texts."""
    done = network.plek("doctor", "--json")
    assert done.returncode == 1
    found: dict[tuple[str, str], str] = {}
    for line in findings(done.stdout):
        key = (line["area"], line["site"])
        found[key] = f"{found.get(key, '')} {line['text']} -> {line['do']}"
    return found


async def delete(network: Network, site: str, *streams: str) -> None:
    for name in streams:
        async with admin(network, site, "local" if name.startswith("LOC") else "city") as ask:
            assert (await ask(f"STREAM.DELETE.{name}"))["success"]


async def test_a_city_the_hub_lost_is_gathered_again_and_copied_again_whatever_the_order(network: Network) -> None:
    """One site stands still meanwhile, so that the hub has gathered the others in another order before it asks."""
    await interleaved(network)
    async with frozen(network, ["west"]):
        await delete(network, "stad", "CITY")
        await asyncio.gather(*(busy(network, site, 8) for site in ("stad", "noord")))
    await ends_well(network)


async def test_lost_streams_are_named_and_one_command_makes_them_where_nobody_runs(network: Network) -> None:
    async with frozen(network, SITES):
        await delete(network, "stad", "CITY")
        await delete(network, "west", "PUB_west_placement", "LOC_west_placement", "CITY")
        found = named(network)
        assert "CITY is lost" in found["streams", "stad"]
        for stream in ("PUB_west_placement", "LOC_west_placement", "CITY"):
            assert f"{stream} is lost -> plek repair streams" in found["streams", "west"]
        tried = json.loads(network.plek("repair", "streams", "--dry-run", "--json").stdout)
        assert (len(tried["found"]), tried["done"]) == (4, [])
        done = json.loads(network.plek("repair", "streams", "--json").stdout)
        assert {"stad: stream CITY made", "west: stream CITY made", "west: stream PUB_west_placement made"} <= set(
            done["done"]
        )
    await ends_well(network)
    assert json.loads(network.plek("repair", "streams", "--json").stdout) == {"found": [], "done": []}


async def test_a_leaf_whose_whole_store_is_lost_is_filled_again_from_its_outboxes(network: Network) -> None:
    told = network.told()
    store = Path(network.data) / "sites" / "west" / "nats"
    os.kill(told["pid"], signal.SIGSTOP)  # or it would start the server before its disk is gone
    try:
        os.kill(told["sites"]["west"]["nats"], signal.SIGKILL)
        stores = [path for path in store.rglob("jetstream") if path.is_dir()]
        assert stores
        shutil.rmtree(stores[0])
    finally:
        os.kill(told["pid"], signal.SIGCONT)
    await ends_well(network)


async def test_a_stream_that_is_there_is_filled_anew_on_request_and_nothing_is_applied_twice(network: Network) -> None:
    await ends_well(network)
    words = ("repair", "refill", "west", "placement", "pub")
    async with admin(network, "west") as ask:
        before = (await ask("STREAM.INFO.PUB_west_placement"))["created"]
        looked: dict[str, int] = {}

        async def seen() -> bool:
            """Refused while nobody has said lately how far they heard: then a person looks again, too."""
            answered = network.plek(*words, "--dry-run", "--json")
            looked.update(json.loads(answered.stdout) if answered.returncode == 0 else {})
            return bool(looked)

        await eventually("what filling it anew would do to be said", seen)
        assert looked["on_bus"] == looked["told"] > 0
        assert (await ask("STREAM.INFO.PUB_west_placement"))["created"] == before, "nothing is done by a look"
        done = network.plek(*words)
        assert done.returncode == 0, done.stderr + done.stdout
        assert f"filled with {looked['told']}" in done.stdout

        async def filled() -> bool:
            info = await ask("STREAM.INFO.PUB_west_placement")
            made = "created" in info and info["created"] != before
            return bool(made and info["state"]["messages"] >= looked["told"])

        await eventually("the stream to be made anew and filled", filled)
    await ends_well(network)


async def test_a_stream_is_filled_by_whoever_is_on_call_and_of_no_service_that_tells_nothing(network: Network) -> None:
    path = "/api/placement/logs/pub/refill"
    for role in ("operator", "auditor"):
        async with network.client("west", role) as client:
            assert (await client.get(path)).status_code == 403, role
    async with network.client("west", "oncall") as client:

        async def allowed() -> bool:
            answer = await client.get(path)
            assert answer.status_code == 200 or answer.json()["code"] in ("refill-doubted", "refill-unheard")
            return answer.status_code == 200

        await eventually("it to be known how far others have heard west", allowed)
        answer = await client.get("/api/placement/logs/nothing/refill")
        assert (answer.status_code, answer.json()["code"]) == (404, "log-unknown")
        assert (await client.get("/api/console/logs/pub/refill")).status_code == 404
        act = "/state/act?act=refill&service=placement&on=loc"

        async def offered() -> bool:
            return "service=placement&amp;on=loc" in (await client.get("/state/network")).text

        await eventually("the log to be one that may be filled", offered)
        assert act.replace("&", "&amp;") in (await client.get("/state/network")).text
        assert re.search(r"Er ontbreekt nu niets: alle [0-9.]+ berichten staan erop\.", (await client.get(act)).text)
        async with admin(network, "west", "local") as ask:
            before = (await ask("STREAM.INFO.LOC_west_placement"))["created"]
            done = await client.post(act, headers={"Sec-Fetch-Site": "same-origin"})
            assert (done.status_code, done.headers["location"]) == (303, "/state?done=refill")

            async def made() -> bool:
                return bool((await ask("STREAM.INFO.LOC_west_placement")).get("created", before) != before)

            await eventually("the stream to be made anew", made)
    await ends_well(network)


async def test_a_deleted_consumer_is_missed_and_made_again_by_its_reader(network: Network) -> None:
    async with frozen(network, ["noord"]), admin(network, "noord") as ask:
        names = (await ask("CONSUMER.NAMES.CITY"))["consumers"]
        assert names
        for name in names:
            await ask(f"CONSUMER.DELETE.CITY.{name}")
        assert "nobody reads CITY" in named(network)["consumers", "noord"]
    await ends_well(network)


async def test_the_doctor_answers_while_a_site_its_database_and_its_bus_are_down(network: Network) -> None:
    told = network.told()
    os.kill(told["pid"], signal.SIGSTOP)
    try:
        for site, part in (("west", "service"), ("noord", "postgres"), ("stad", "nats")):
            os.kill(told["sites"][site][part], signal.SIGKILL)

        async def all_named() -> bool:
            found = named(network)
            return {("process", "west"), ("database", "noord"), ("bus", "stad"), ("links", "stad")} <= found.keys()

        await eventually("each is named at its site", all_named)
    finally:
        os.kill(told["pid"], signal.SIGCONT)
    await eventually("all of it was started again", lambda: well(network))


async def test_who_may_ask_how_a_service_is_doing(network: Network) -> None:
    for role, status in (("oncall", 200), ("operator", 403), ("coordinator", 403)):
        async with network.client("west", role) as client:
            for service in ("placement", "console"):
                answer: httpx.Response = await client.get(f"/api/{service}/health")
                assert answer.status_code == status
