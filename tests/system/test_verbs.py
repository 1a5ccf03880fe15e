"""`plek capacity`, `verify`, `tail` and what `site` refuses, on a running network."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from infra.running import site_settings
from tests.support.network import ROOT, Network, eventually, network_of


async def test_capacity_shows_the_same_figures_as_the_api(network: Network) -> None:
    async with network.client("west") as west:
        house, _ = await network.new_location(west, 3)
    await level(network)
    done = network.plek("capacity", "--site", "stad", "--json")
    assert done.returncode == 0, done.stderr
    (row,) = [row for row in json.loads(done.stdout)["rows"] if row["location"] == house]
    assert (row["site"], row["total"], row["available"]) == ("west", 3, 3)
    table = network.plek("capacity")
    assert table.returncode == 0, table.stderr
    assert house in table.stdout


async def test_capacity_by_kind_and_back_in_time(network: Network) -> None:
    async with network.client("west") as west:
        house, _ = await network.new_location(west, 1)
    await level(network)
    of_a_kind = json.loads(network.plek("capacity", "--kind", "night_shelter", "--json").stdout)
    assert {row["kind"] for row in of_a_kind["rows"]} <= {"night_shelter"}
    then = json.loads(network.plek("capacity", "--at", "2020-01-01T00:00:00Z", "--json").stdout)
    assert house not in {row["location"] for row in then["rows"]}


def test_a_wrong_question_is_answered_in_one_line(network: Network) -> None:
    for words, said in (
        (("capacity", "--at", "2026-01-01T00:00:00"), "time-without-zone"),
        (("capacity", "--site", "atlantis"), "there is no site"),
        (("tail", "a", "b"), "two filters name the type"),
    ):
        done = network.plek(*words)
        assert done.returncode == 2, words
        assert said in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr


async def test_verify_agrees_when_all_sites_have_seen_the_same(network: Network) -> None:
    async with network.client("west") as west:
        _, (place, _) = await network.new_location(west, 2)
        assert (await west.post("/api/placement/stays", json={"place_ids": [place]})).status_code == 201
    done = network.plek("verify", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["agree"]
    origin = found["origins"]["west/placement"]
    assert origin["sites"] == ["stad", "west"]
    assert origin["behind"] == {}
    assert "the same" in network.plek("verify").stdout


async def test_verify_names_the_first_event_two_sites_disagree_about(network: Network) -> None:
    async with network.client("west") as west:
        house, places = await network.new_location(west, 3)
        for place in places:
            assert (await west.post("/api/placement/stays", json={"place_ids": [place]})).status_code == 201
    await level(network)
    async with falsified(network, "stad", house) as (sequence, event_id):
        done = network.plek("verify", "--json")
        assert done.returncode == 1
        difference = json.loads(done.stdout)["difference"]
        assert difference["origin"] == "west/placement"
        assert difference["sites"] == ["stad", "west"]
        assert difference["sequence"] == sequence
        assert difference["event"]["id"] == event_id
        assert difference["event"]["subject"] == house
        assert (difference["row"]["location"], difference["row"]["figure"]) == (house, "occupied")
        assert f"from sequence {sequence} on" in done.stderr
    assert network.plek("verify").returncode == 0


@asynccontextmanager
async def falsified(network: Network, site: str, house: str) -> AsyncIterator[tuple[int, str]]:
    """One site remembers a house's last two messages wrongly: the sequence and id of the first. Mended afterwards."""
    dsn = site_settings(network.data, site).databases["placement"].get_secret_value()
    connection = await asyncpg.connect(dsn)
    wrong = "update figure_history set occupied = occupied + $3 where location = $1 and sequence >= $2"
    shown = "update figures set occupied = occupied + $2 where location = $1"
    try:
        rows = await connection.fetch(
            "select sequence from figure_history where location = $1 order by sequence desc limit 2", house
        )
        first = rows[-1]["sequence"]
        await connection.execute(wrong, house, first, 1)
        await connection.execute(shown, house, 1)
        async with network.client("west", "oncall") as west:
            query = {"origin": "west/placement", "log": "pub", "sequence": first}
            (entry,) = (await west.get("/api/console/journal", params=query)).json()["items"]
        yield first, entry["id"]
    finally:
        await connection.execute(wrong, house, first, -1)
        await connection.execute(shown, house, -1)
        await connection.close()


async def test_tail_prints_events_as_they_come(network: Network) -> None:
    async with network.client("west") as west:
        house, (place,) = await network.new_location(west, 1)
        command = [sys.executable, "-m", "infra.cli", "tail", "capacity-told", f"subject={house}", "--json",
                   "--last", "1", "--site", "stad", "--data", str(network.data)]  # fmt: skip
        await level(network)
        process = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(60):
                before = json.loads(await process.stdout.readline())
                assert before["data"]["rows"][0]["occupied"] == 0
                assert (await west.post("/api/placement/stays", json={"place_ids": [place]})).status_code == 201
                after = json.loads(await process.stdout.readline())
            assert after["sequence"] > before["sequence"]
            assert after["data"]["rows"][0]["occupied"] == 1
        finally:
            process.terminate()
            await process.wait()


async def level(network: Network) -> None:
    """Waits until both sites have heard everything."""

    async def same() -> bool:
        positions = []
        for site in network.urls:
            async with network.client(site, "oncall") as client:
                origins = (await client.get("/api/placement/capacity/digest")).json()["origins"]
                newest: dict[str, str | int] = {"origin": "west/placement", "log": "pub", "limit": 1}
                journal = (await client.get("/api/console/journal", params=newest)).json()["items"]
                last = journal[0]["sequence"] if journal else 0
                positions.append((origins.get("west/placement", {}).get("sequence", 0), last))
        return len({position for pair in positions for position in pair}) == 1

    await eventually("both sites have heard the same", same)


def test_what_cannot_join_or_leave_is_said_in_one_line(network: Network, tmp_path: Path) -> None:
    file, other = tmp_path / "three.toml", tmp_path / "four.toml"
    file.write_text(network_of("west", "oost"), "utf-8")
    other.write_text(network_of("west", "oost", "zuid"), "utf-8")
    for words, said in (
        (("site", "add", "west"), "belongs to it already"),
        (("site", "add", "Oost!"), "a name is a lower case letter"),
        (("site", "add", "oost", "--location", "west"), "is at two sites"),
        (("site", "add", "oost", "--network", str(other)), "in more than oost: zuid"),
        (("site", "add", "zuid", "--network", str(file)), 'no site "zuid"'),
        (("site", "remove", "stad"), "hub or its municipality"),
        (("site", "remove", "atlantis"), "there is no site"),
    ):
        done = network.plek(*words)
        assert done.returncode == 2, (words, done.stderr)
        assert said in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    done = network.plek("site", "add", "oost", "--network", str(file), "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "1 locations" in done.stdout
    assert not (network.data / "members.json").exists()
