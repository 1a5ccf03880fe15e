"""A message one site cannot digest, on a running network: what is seen of it, and each way out.

The cause is a real one and can be taken away: the site's database refuses what a message says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import asyncpg
import httpx
import pytest

from infra.running import site_settings
from tests.support.network import Network, eventually, running_network

CAPACITY = "/api/placement/capacity"


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with running_network() as started:
        yield started


async def refuse(network: Network, house: str, occupied: int) -> None:
    """Stad's database takes no figure of a house with so many places occupied."""
    await at_stad(
        network,
        f"alter table figures add constraint refused check (location <> '{house}' or occupied <> {occupied}) not valid",
    )


async def allow(network: Network) -> None:
    await at_stad(network, "alter table figures drop constraint refused")


async def at_stad(network: Network, statement: str) -> None:
    connection = await asyncpg.connect(site_settings(network.data, "stad").databases["placement"].get_secret_value())
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def begin_stay(client: httpx.AsyncClient, house: str) -> None:
    answer = await client.post("/api/placement/stays", json={"location": house, "kind": "shelter_24h"})
    assert answer.status_code == 201, answer.text


async def rows(client: httpx.AsyncClient, house: str) -> list[tuple[int, str | None]]:
    answer = await client.get(CAPACITY, params={"location": house})
    return [(row["occupied"], row["incomplete"]) for row in answer.json()["rows"]]


def listed(network: Network) -> list[dict[str, Any]]:
    done = network.plek("parked", "list", "--json")
    assert done.returncode == 0, done.stderr
    items: list[dict[str, Any]] = json.loads(done.stdout)["parked"]
    return items


async def parked(network: Network, code: str = "not-storable") -> str:
    """The id of the one message that is parked, as soon as it is."""

    async def one() -> bool:
        return [item["code"] for item in listed(network)] == [code]

    await eventually("it is parked", one)
    return str(listed(network)[0]["id"])


async def test_a_message_is_parked_seen_and_taken_up_when_its_cause_is_gone(network: Network) -> None:
    async with (
        network.client("west") as west,
        network.client("stad", "oncall") as stad,
        network.client("stad") as desk_of_stad,
    ):
        house, _ = await network.new_location(west, 3)

        async def shown() -> bool:
            return await rows(stad, house) == [(0, None)]

        await eventually("stad shows the house", shown)
        await refuse(network, house, 1)
        await begin_stay(west, house)
        id_ = await parked(network)
        other, _ = await network.new_location(west, 2)
        here, _ = await network.new_location(desk_of_stad, 1)

        async def others_flow() -> bool:
            return await rows(stad, here) == [(0, None)] and await rows(west, house) == [(1, None)]

        await eventually("the other origin flows at stad, and west goes on", others_flow)
        assert await rows(stad, other) == [], "what came after it waits"
        [row] = (await stad.get(CAPACITY, params={"location": house})).json()["rows"]
        assert (row["incomplete"], row["available_min"], row["available_max"]) == ("not-storable", 0, 3)
        assert (await stad.get("/readyz")).status_code == 200
        gauge = 'plek_reader_parked_messages{origin="west/placement",reader="capacity",service="placement"}'
        assert f"{gauge} 1.0" in (await stad.get("/metrics")).text

        table = network.plek("parked", "list")
        assert id_ in table.stdout
        assert "not-storable" in table.stdout
        whole = json.loads(network.plek("parked", "show", id_, "--json").stdout)
        assert (whole["site"], whole["origin"], whole["headers"]["ce-type"]) == (
            "stad", "west/placement", "nl.plek.placement.capacity-told.v1",
        )  # fmt: skip
        assert json.loads(whole["body"])["location"] == house
        assert "ce-sequence" in network.plek("parked", "show", id_).stdout
        verified = network.plek("verify", "--wait", "0")
        assert verified.returncode == 1
        assert "stad does not show all of west/placement (not-storable)" in verified.stderr

        would = json.loads(network.plek("parked", "retry", id_, "--dry-run", "--json").stdout)["tried"]
        assert ([one["outcome"] for one in would], listed(network)[0]["retries"]) == (["digested"], 0)
        stays = network.plek("parked", "retry", id_)
        assert stays.returncode == 1, stays.stdout
        assert "1 of 1 stay parked" in stays.stderr
        assert [item["retries"] for item in listed(network)] == [1]
        await allow(network)
        done = network.plek("parked", "retry", "--origin", "west/placement", "--json")
        assert done.returncode == 0, done.stderr
        assert [item["outcome"] for item in json.loads(done.stdout)["tried"]] == ["digested"]

        async def caught_up() -> bool:
            return await rows(stad, house) == [(1, None)] and await rows(stad, other) == [(0, None)]

        await eventually("stad shows all that waited", caught_up)
        assert listed(network) == []
        assert f"{gauge} 0.0" in (await stad.get("/metrics")).text
        assert network.plek("verify").returncode == 0


async def test_what_is_let_go_marks_the_view_until_it_is_rebuilt(network: Network) -> None:
    async with network.client("west") as west, network.client("stad", "oncall") as stad:
        house, _ = await network.new_location(west, 3)
        await refuse(network, house, 1)
        await begin_stay(west, house)
        id_ = await parked(network)
        assert network.plek("parked", "discard", id_).returncode == 2, "without a reason nothing is let go"
        dry = network.plek("parked", "discard", "--origin", "west/placement", "--dry-run")
        assert dry.returncode == 0, dry.stderr
        assert "would do without" in dry.stdout
        assert await parked(network) == id_, "a dry run lets nothing go"
        done = network.plek("parked", "discard", id_, "--reason", "the next figure says it again")
        assert done.returncode == 0, done.stderr
        assert "plek rebuild stad placement capacity" in done.stdout
        await begin_stay(west, house)

        async def flows_on() -> bool:
            return await rows(stad, house) == [(2, "message-discarded")]

        await eventually("west goes on at stad, marked", flows_on)
        found = json.loads(network.plek("parked", "list", "--json").stdout)
        assert found["parked"] == []
        [gone] = found["discarded"]
        assert (gone["site"], gone["role"], gone["reason"]) == ("stad", "oncall", "the next figure says it again")
        assert "the next figure says it again" in network.plek("parked", "list").stdout
        verified = network.plek("verify", "--json")
        assert verified.returncode == 1
        assert json.loads(verified.stdout)["incomplete"] == {"stad": {"west/placement": "message-discarded"}}

        await allow(network)
        done = network.plek("rebuild", "stad", "placement", "capacity", "--json")
        assert done.returncode == 0, done.stderr
        made = json.loads(done.stdout)
        assert (made["status"], made["incomplete"]) == ("done", {})
        assert made["done"] > 0
        assert await rows(stad, house) == [(2, None)]
        assert network.plek("verify").returncode == 0
        await begin_stay(west, house)

        async def goes_on() -> bool:
            return await rows(stad, house) == [(3, None)]

        await eventually("the view made anew goes on", goes_on)


async def test_every_view_of_every_service_can_be_rebuilt_also_while_the_link_is_cut(network: Network) -> None:
    async with network.client("west") as west, network.client("west", "oncall") as oncall:
        house, places = await network.new_location(west, 2)
        board = (await west.get("/api/placement/places", params={"location": house})).json()["items"]
        heard: dict[str, str | int] = {"limit": 500, "subject": house}
        journal = (await oncall.get("/api/console/journal", params=heard)).json()["items"]
        assert network.plek("link", "cut", "west").returncode == 0
        try:
            for service, view in (("placement", "board"), ("placement", "capacity"), ("console", "journal")):
                dry = network.plek("rebuild", "west", service, view, "--dry-run")
                assert f"{view} at west would be made anew from" in dry.stdout, dry.stderr
                done = network.plek("rebuild", "west", service, view)
                assert done.returncode == 0, done.stderr
                assert f"{view} at west is made anew from" in done.stdout
        finally:
            assert network.plek("link", "heal", "west").returncode == 0
        assert (await west.get("/api/placement/places", params={"location": house})).json()["items"] == board
        again = (await oncall.get("/api/console/journal", params=heard)).json()["items"]
        assert [entry for entry in again if entry in journal] == journal
        answer = await west.post(f"/api/placement/places/{places[0]}/block", json={"reason": "repair"})
        assert answer.status_code == 200, "the board made anew is written on"


async def test_what_a_view_shows_wrong_of_one_origin_is_put_right_from_its_log(network: Network) -> None:
    async with network.client("west") as west, network.client("stad", "oncall") as stad:
        house, _ = await network.new_location(west, 3)
        await begin_stay(west, house)

        async def shown() -> bool:
            return await rows(stad, house) == [(1, None)]

        await eventually("stad shows the stay", shown)
        of_west = ("repair", "replay", "stad", "placement", "capacity", "west/placement")
        clean = network.plek(*of_west, "--dry-run", "--json")
        assert clean.returncode == 0, clean.stderr
        found = json.loads(clean.stdout)
        assert (found["changed"], found["gone"], found["unmarked"]) == (0, 0, 0), "what is right differs in nothing"
        assert found["messages"] > 1
        await at_stad(network, f"update figures set occupied = 3 where location = '{house}'")
        dry = network.plek(*of_west, "--dry-run")
        assert "1 rows would be put right, 0 would be taken out" in dry.stdout, dry.stderr
        assert await rows(stad, house) == [(3, None)], "a dry run changes nothing"
        assert "stad and west disagree about west/placement" in network.plek("verify", "--wait", "0").stderr
        assert network.plek(*of_west).returncode == 2, "without a reason nothing is done"
        done = network.plek(*of_west, "--reason", "somebody wrote in the table")
        assert "1 rows put right" in done.stdout, done.stderr
        assert await rows(stad, house) == [(1, None)]
        assert network.plek("verify").returncode == 0
        for reader, origin, said in (
            ("letters", "west/placement", "reader-keeps-no-view"), ("capacity", "oost/placement", "origin-unheard"),
        ):  # fmt: skip
            no = network.plek("repair", "replay", "stad", "placement", reader, origin, "--dry-run")
            assert (no.returncode, said in no.stderr) == (1, True), no.stderr
        journal = network.plek("repair", "replay", "stad", "console", "journal", "west/placement", "--dry-run")
        assert "nothing differs" in journal.stdout, journal.stderr
        own = network.plek("repair", "replay", "west", "placement", "capacity", "west/placement", "--dry-run")
        assert "nothing differs" in own.stdout, own.stderr


def test_a_wrong_call_is_answered_in_one_line(network: Network) -> None:
    unknown = "00000000-0000-4000-8000-000000000000"
    for words, code, said in (
        (("parked", "retry"), 2, "which ones?"),
        (("parked", "discard", "--reason", "for the test"), 2, "which ones?"),
        (("parked", "show", "that-one"), 2, "is no id"),
        (("parked", "show", unknown), 1, "no message"),
        (("parked", "discard", unknown, "--reason", "for the test"), 1, "no message"),
        (("parked", "list", "--site", "atlantis"), 2, "there is no site"),
        (("rebuild", "stad", "placement", "nothing"), 2, "there is board, capacity"),
        (("rebuild", "stad", "intake", "files"), 2, "does not run at stad"),
    ):
        done = network.plek(*words)
        assert done.returncode == code, (words, done.stderr)
        assert said in done.stderr, words
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
