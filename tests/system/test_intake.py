"""Intake on a real network: what a desk is told of a person is nowhere else, before and after it is erased, and after
an older backup is put back; and who waits is one list at every site.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.postgres import find_binaries
from shared.bus_connection import close_client, connect_relay
from tests.support.backups import back_up, put_back, settings_of
from tests.support.network import Network, eventually, network_of, running_network
from tests.support.otlp import Collector, collecting

CANARIES = ("kanarie-alias", "kanarie-naam", "kanarie-telefoon", "kanarie-paspoort", "kanarie-notitie",
            "kanarie-begeleider", "1987-11-23", "kanarie-nieuw", "kanarie-fout", "kanarie-doel",
            "kanarie-stap", "kanarie-partner")  # fmt: skip
WHOLE: dict[str, Any] = {
    "alias": "kanarie-alias", "languages": ["ti"], "household": [{"age_band": "23-64"}, {"age_band": "0-3"}],
    "needs": ["addiction_care"], "contact": {"channel": "phone"}, "case_manager": "kanarie-begeleider",
    "personal": {
        "name": "kanarie-naam", "birth_date": "1987-11-23", "contact_details": "kanarie-telefoon",
        "documents": "kanarie-paspoort", "notes": "kanarie-notitie",
    },
}  # fmt: skip
FACTS = ("fleeing_violence", "addiction_care", "population_screening")
"""Words of the file that are nobody's name, and still nobody else's business. How a trajectory ended is a word that is
counted by week, without anybody: of a file that is erased or handed over at once."""
ASK = {"kinds": ["shelter_24h"], "priority_facts": ["fleeing_violence"]}
SITES = ("stad", "west", "noord")


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as opened:
        yield opened


@pytest.fixture(scope="module")
def network(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    file = tmp_path_factory.mktemp("network") / "network.toml"
    file.write_text(network_of("west", "noord", services=("intake", "placement", "console")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
        patch.setenv("OTEL_TRACES_SAMPLER_ARG", "1")
        with running_network(network=file) as started:
            yield started


async def register(desk: Any, **more: Any) -> str:
    answer = await desk.post("/api/intake/clients", json=WHOLE | more, headers={"Idempotency-Key": "tap"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def guide(desk: Any, client_id: str) -> None:
    """The client is guided, referred and has reached something."""
    path = f"/api/intake/clients/{client_id}"
    way = (await desk.post(f"{path}/trajectories", json={"goals": ["kanarie-doel"]})).json()["id"]
    sent = {"partner_kind": "population_screening", "partner": "kanarie-partner"}
    for where, body in (
        (f"trajectories/{way}/milestones", {"milestone": "kanarie-stap"}),
        (f"trajectories/{way}/end", {"outcome": "semi_durable", "kind": "medical_deferral"}),
        ("referrals", sent),
    ):
        assert (await desk.post(f"{path}/{where}", json=body)).status_code in (200, 201)
    for wrong in ({"partner_kind": "kanarie-fout"}, sent | {"member_id": "kanarie-fout"}):
        assert (await desk.post(f"{path}/referrals", json=wrong)).status_code == 422
    shown = (await desk.get("/api/intake/referrals", params={"client_id": client_id})).json()["items"]
    assert [one["partner"] for one in shown] == ["kanarie-partner"]


async def ask(desk: Any, client_id: str, **more: Any) -> str:
    answer = await desk.post(f"/api/intake/clients/{client_id}/requests", json=ASK | more)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def lying_about(data: Path, words: tuple[str, ...]) -> list[str]:
    """Which of these words is in which file: of every database, every bus, every log, and all else there is."""
    found = []
    for path in sorted(data.rglob("*")):
        if path.is_file() and not path.is_symlink():
            try:
                held = path.read_bytes()
            except FileNotFoundError:  # a file of a server, gone by now
                continue
            found += [f"{word}: {path.relative_to(data)}" for word in words if word.encode() in held]
    return found


def dumped_with(network: Network, words: tuple[str, ...]) -> list[str]:
    """Which of these words is in which database, as `pg_dump` writes it out: what is compressed on disk lies open
    there, and bytes are written in hexadecimal."""
    found = []
    for site in SITES:
        for service, dsn in settings_of(network.data, site).databases.items():
            dump = subprocess.run(
                [find_binaries().directory / "pg_dump", f"--dbname={dsn.get_secret_value()}"],
                capture_output=True,
                check=True,
                timeout=120,
            ).stdout
            assert b"CREATE TABLE" in dump
            found += [f"{word}: {site}/{service}" for word in words
                      if word.encode() in dump or word.encode().hex().encode() in dump]  # fmt: skip
    return found


def exported(network: Network) -> str:
    """Everything `plek export` writes of the city."""
    made = [network.plek("export", what, "--format", "csv") for what in ("capacity", "hsds", "overnight")]
    assert all(one.returncode == 0 for one in made), [one.stderr for one in made]
    return "".join(one.stdout for one in made)


def key_of(network: Network, client_id: str) -> bytes:
    """A client's key, as the vault has written it down: what is wrapped in it is nobody else's."""
    [path] = (network.data / "sites" / "west" / "vault").rglob(client_id)
    return path.read_bytes()


async def shown(network: Network) -> str:
    """What every site shows to whoever watches over it: figures of its processes, and its journal."""
    texts = []
    for site in SITES:
        async with network.client(site, "oncall") as watcher:
            texts.append((await watcher.get("/metrics")).text)
            journal = await watcher.get("/api/console/journal", params={"limit": 200})
            assert journal.status_code == 200
            texts.append(journal.text)
    return "\n".join(texts)


async def waiting(network: Network, site: str) -> list[dict[str, Any]]:
    async with network.client(site, "coordinator") as reader:
        answer = (await reader.get("/api/placement/waiting-list")).json()
        items: list[dict[str, Any]] = answer["items"]
        return items


async def all_show(network: Network, request_ids: list[str]) -> bool:
    """Whether every site lists exactly these, in this order."""
    return [[one["id"] for one in await waiting(network, site)] for site in SITES] == [request_ids] * len(SITES)


async def only_offered(network: Network, request_ids: list[str], first: str) -> bool:
    """Whether every site lists them in this order, and that this one and no other has an offer."""
    expected = [(id_, "offered" if id_ == first else "waiting") for id_ in request_ids]
    shown = [[(one["id"], one["status"]) for one in await waiting(network, site)] for site in SITES]
    return shown == [expected] * len(SITES)


async def decline(desk: Any, client_id: str, request: str) -> None:
    """The client does not want what this request is offered."""
    offers = (await desk.get(f"/api/intake/requests/{request}")).json()["offers"]
    [offer] = [one["id"] for one in offers if one["status"] == "open"]
    path = f"/api/intake/clients/{client_id}/offers/{offer}/decline"
    assert (await desk.post(path, json={"reason": "too_far"})).status_code == 200


async def known_at_noord(network: Network, desk: Any, path: str) -> None:
    """The same person has a file at noord: that desk is asked, and both are shown that somebody may be known there."""
    async with network.client("noord", "caseworker") as other:
        theirs = f"/api/intake/clients/{await register(other)}"
        looked = await desk.post(f"{path}/look-alikes")
        assert (looked.status_code, looked.json()["asked"]) == (200, ["noord"]), looked.text

        async def shown_at(who: Any, file: str) -> list[str]:
            return list((await who.get(f"{file}/look-alikes")).json()["maybe_known_at"])

        async def both_see() -> bool:
            return await shown_at(desk, path) == ["noord"] and await shown_at(other, theirs) == ["west"]

        await eventually("noord has answered, and both desks see it", both_see)
        replies = (await other.get("/api/intake/checks")).json()["items"]
        assert [(reply["site"], reply["answer"]) for reply in replies] == [("west", "known")]


def test_the_words_are_found_where_they_are(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(json.dumps(WHOLE))
    assert len(lying_about(tmp_path, CANARIES)) == 7


async def test_what_a_desk_is_told_is_nowhere_else_and_nowhere_at_all_after_erasure(
    network: Network, collector: Collector
) -> None:
    async with network.client("west", "caseworker") as desk:
        client_id = await register(desk)
        path = f"/api/intake/clients/{client_id}"
        news = {"reason": "news", "alias": "kanarie-nieuw", "personal": {"notes": "kanarie-nieuw"}}
        assert (await desk.post(f"{path}/correct", json=news)).status_code == 200
        request = await ask(desk, client_id)
        await guide(desk, client_id)
        await known_at_noord(network, desk, path)
        read = (await desk.post(f"{path}/read-personal", json={"purpose": "contact"})).json()
        assert (read["name"], read["notes"]) == ("kanarie-naam", "kanarie-nieuw")
        for wrong in ({"languages": ["kanarie-fout"]}, {"kanarie-fout": 1}, {"needs": ["kanarie-fout"]}):
            assert (await desk.post("/api/intake/clients", json=wrong)).status_code == 422
        assert (await desk.get("/api/intake/clients")).status_code == 200
        await eventually("every site lists the request", lambda: all_show(network, [request]))

        async def spans_came() -> bool:
            return any("read-personal" in span.name for span in list(collector.spans))

        await eventually("the trace of the reading has come", spans_came)
        assert lying_about(network.data, (*CANARIES, *FACTS)) == []
        assert dumped_with(network, CANARIES) == []
        watched = await shown(network) + repr(collector.spans) + exported(network)
        assert [word for word in (*CANARIES, *FACTS) if word in watched] == []
        for site in ("stad", "noord"):
            await eventually("it has the request on its disk", partial(on_disk, network.data / "sites" / site, request))
            assert lying_about(network.data / "sites" / site, (client_id,)) == []

        wrapped = json.loads(key_of(network, client_id))["key"]
        assert lying_about(network.data, (wrapped,)) != []
        receipt = (await desk.post(f"{path}/erase")).json()
        assert receipt["ended_requests"] == [request]
        await eventually("nobody lists the request any more", lambda: all_show(network, []))
        assert not list((network.data / "sites" / "west" / "vault").rglob(client_id))
        gone = await desk.post(f"{path}/read-personal", json={"purpose": "contact"})
        assert (gone.status_code, gone.json()["code"]) == (410, "client-erased")
        again = await desk.post("/api/intake/clients", json=WHOLE, headers={"Idempotency-Key": "tap"})
        assert (again.status_code, again.json()["code"]) == (410, "client-erased")
        assert lying_about(network.data, (*CANARIES, wrapped)) == []
        assert dumped_with(network, (*CANARIES, wrapped)) == []


async def test_a_file_goes_to_another_desk_across_a_cut_link_and_lies_nowhere_else(network: Network) -> None:
    async with network.client("west", "caseworker") as west, network.client("noord", "caseworker") as noord:
        client_id = str((await west.post("/api/intake/clients", json=WHOLE)).json()["id"])
        path = f"/api/intake/clients/{client_id}"
        request = await ask(west, client_id)
        await guide(west, client_id)
        wrapped = json.loads(key_of(network, client_id))["key"]

        async def begun() -> bool:
            answer = await west.post(f"{path}/hand-over", json={"site": "noord"})
            return answer.status_code == 200 or answer.json()["code"] == "hand-over-under-way"

        await eventually("noord is heard, and asked", begun)
        assert (await west.post(f"{path}/correct", json={"reason": "news", "alias": "x"})).status_code == 409

        async def asked() -> list[dict[str, Any]]:
            return list((await noord.get("/api/intake/takings", params={"status": "asked"})).json()["items"])

        async def is_asked() -> bool:
            return len(await asked()) == 1

        await eventually("noord is asked", is_asked)
        [taking] = await asked()
        assert (await asyncio.to_thread(network.plek, "link", "cut", "noord")).returncode == 0
        agreed = await noord.post(f"/api/intake/takings/{taking['id']}/agree")
        assert (agreed.status_code, agreed.json()["status"]) == (200, "agreed")
        sent = {"client_id": client_id}
        [mine] = (await west.get("/api/intake/hand-overs", params=sent)).json()["items"]
        assert (mine["id"], mine["status"]) == (taking["id"], "under_way")
        assert (await asyncio.to_thread(network.plek, "link", "heal", "noord")).returncode == 0

        async def status() -> str:
            return str((await west.get("/api/intake/hand-overs", params=sent)).json()["items"][0]["status"])

        async def taken() -> bool:
            return await status() == "taken"

        await eventually("noord has taken it, and west has heard so", taken, 120)
        rows = (await noord.get("/api/intake/takings")).json()["items"]
        [row] = [one for one in rows if one["id"] == taking["id"]]
        theirs = f"/api/intake/clients/{row['client_id']}"
        read = (await noord.post(f"{theirs}/read-personal", json={"purpose": "contact"})).json()
        assert (read["name"], read["notes"]) == ("kanarie-naam", "kanarie-notitie")
        [new] = (await noord.get("/api/intake/requests", params={"client_id": row["client_id"]})).json()["items"]
        await eventually("every site lists the new request only", lambda: all_show(network, [new["id"]]))
        assert new["id"] != request
        assert (await west.post(f"{path}/read-personal", json={"purpose": "contact"})).status_code == 410
        assert lying_about(network.data, (*CANARIES, wrapped)) == []
        assert dumped_with(network, (*CANARIES, wrapped)) == []
        for other, id_ in (("noord", client_id), ("west", row["client_id"]), ("stad", row["client_id"])):
            assert lying_about(network.data / "sites" / other, (id_,)) == []
        trail = {"about": row["client_id"], "purpose": "trouble"}
        steps = (await noord.post("/api/intake/events/open", json=trail)).json()["steps"]
        assert "file-taken-over.v1" in {step["name"] for step in steps}
        assert (await noord.post(f"{theirs}/erase")).status_code == 200
        await eventually("nobody waits", lambda: all_show(network, []))


async def test_no_other_site_hears_how_much_happens_at_a_desk(network: Network) -> None:
    settings, beats = settings_of(network.data, "stad"), list[dict[str, Any]]()
    client = await connect_relay(settings.nats_options("city.placement"))

    async def hear(message: Any) -> None:
        beats.append(json.loads(message.data))

    async def heard() -> bool:
        return len(beats) >= 2

    try:
        await client.subscribe("beat.west.intake", cb=hear)
        await eventually("the desk beats", heard)
    finally:
        await close_client(client)
    assert {tuple(beat["sequences"]) for beat in beats} == {("pub",)}


async def test_what_a_restored_desk_has_lost_is_for_those_who_may_see_clients(network: Network) -> None:
    for role, status in (("caseworker", 200), ("oncall", 200), ("operator", 403), ("coordinator", 403)):
        async with network.client("west", role) as reader:
            assert (await reader.get("/api/intake/worklist")).status_code == status


async def test_who_waits_is_one_list_at_every_site_and_says_where_each_would_go(network: Network) -> None:
    async with network.client("west", "caseworker") as west, network.client("noord", "caseworker") as noord:
        clients = [(desk, (await desk.post("/api/intake/clients", json={})).json()["id"])
                   for desk in (west, noord, west, noord)]  # fmt: skip
        facts: list[list[str]] = [[], ["baby"], ["medical_urgent"], ["sleeping_rough"]]
        made = [await ask(desk, id_, priority_facts=fact) for (desk, id_), fact in zip(clients, facts, strict=True)]
        order = [made[2], made[1], made[3], made[0]]
        await eventually("every site lists them in one order", lambda: all_show(network, order))
        lists = [await waiting(network, site) for site in SITES]
        assert [one["rank"] for one in lists[0]] == [1, 2, 3, 4]
        async with network.client("noord") as house:
            make = {"location": "noord", "kind": "shelter_24h", "room": "1", "sleeps": 1, "features": [], "count": 1}
            assert (await house.post("/api/placement/places", json=make)).status_code == 201
        desks = dict(zip(made, clients, strict=True))
        for first in order:  # nobody takes the only bed: it goes from one to the next, as they are listed
            offered = partial(only_offered, network, order, first)
            await eventually(f"the bed is offered to {first} alone", offered)
            await decline(*desks[first], first)

        async def one_choice() -> bool:
            chosen = [[one["chosen"] and one["chosen"]["location"] for one in await waiting(network, site)]
                      for site in SITES]  # fmt: skip
            return chosen == [["noord", None, None, None]] * len(SITES)

        await eventually("the only bed would be the first's, at every site", one_choice)
        for (desk, id_), request in zip(clients, made, strict=True):
            done = await desk.post(
                f"/api/intake/clients/{id_}/requests/{request}/withdraw", json={"reason": "found_elsewhere"}
            )
            assert done.status_code == 200
        await eventually("nobody waits", lambda: all_show(network, []))


async def nobody_waits(network: Network) -> bool:
    """Whether every site's list is empty, while a process that was halted ends because it sees the new epoch."""
    with suppress(httpx.TransportError):
        return await all_show(network, [])
    return False


async def on_disk(directory: Path, id_: str) -> bool:
    """Whether a site has an id in its files: its copy of the network's stream is written when the server likes."""
    return lying_about(directory, (id_,)) != []


async def erased(network: Network, desk: httpx.AsyncClient, client_id: str) -> None:
    """Erases the file of the only one who waits, and waits until both logs have told it, which they do as each can."""
    done = await desk.post(f"/api/intake/clients/{client_id}/erase")
    assert done.status_code == 200
    (event,) = [event["id"] for event in done.json()["events"] if event["type"] == "client-erased.v1"]
    await eventually("nobody lists the request any more", lambda: all_show(network, []))

    async def journalled() -> bool:
        entries = (await engineer.get("/api/console/journal", params={"type": "client-erased"})).json()["items"]
        return event in {entry["causation_id"] for entry in entries}

    async with network.client("west", "oncall") as engineer:
        await eventually("the site's own log has the erasure", journalled)


async def handed_over(network: Network, west: httpx.AsyncClient, client_id: str) -> str:
    """Noord takes this file of west's, and west has heard so. Returns whose it is there."""
    async with network.client("noord", "caseworker") as noord:
        begun = await west.post(f"/api/intake/clients/{client_id}/hand-over", json={"site": "noord"})
        assert begun.status_code == 200, begun.text
        taking = f"/api/intake/takings/{begun.json()['id']}/agree"

        async def agreed() -> bool:
            return (await noord.post(taking)).status_code == 200

        async def taken() -> bool:
            given = (await west.get("/api/intake/hand-overs", params={"client_id": client_id})).json()["items"]
            return [one["status"] for one in given] == ["taken"]

        await eventually("noord is asked, and takes it", agreed)
        await eventually("west has heard that noord has it", taken, 120)
        rows = (await noord.get("/api/intake/takings", params={"status": "taken"})).json()["items"]
        return str(next(row["client_id"] for row in rows if row["id"] == begun.json()["id"]))


async def works_with(network: Network, site: str, client_id: str) -> int:
    """What a desk is answered that writes in this file."""
    async with network.client(site, "caseworker") as desk:
        news = {"reason": "news", "alias": "kanarie-nieuw"}
        with suppress(httpx.TransportError):
            return (await desk.post(f"/api/intake/clients/{client_id}/correct", json=news)).status_code
    return 0


def what_was_lost_is_listed_and_ticked(network: Network) -> None:
    lost = json.loads(network.plek("repair", "worklist", "west", "--service", "intake", "--json").stdout)["items"]
    assert {"nl.plek.intake.client-erased.v1", "nl.plek.intake.request-noticed.v1"} <= {one["type"] for one in lost}
    ticked = network.plek("repair", "worklist", "west", "--service", "intake", "--tick", lost[0]["id"])
    assert ticked.returncode == 0, ticked.stderr


async def not_back(desk: httpx.AsyncClient, client_id: str) -> bool:
    """Whether the desk answers about this file, which says no more than that it was erased."""
    with suppress(httpx.TransportError):
        gone = await desk.get(f"/api/intake/clients/{client_id}")
        if gone.status_code == 200:
            assert (gone.json()["alias"], gone.json()["erased_at"] is None) == (None, False)
            return True
    return False


async def test_an_older_backup_of_the_database_brings_nobody_back(network: Network) -> None:
    settings = settings_of(network.data, "west")
    async with network.client("west", "caseworker") as desk:
        given = (await desk.post("/api/intake/clients", json=WHOLE)).json()["id"]
        answer = await desk.post("/api/intake/clients", json=WHOLE)
        client_id = answer.json()["id"]
        request = await ask(desk, client_id)
        await eventually("everybody lists the request", lambda: all_show(network, [request]))
        await back_up(settings, "intake")
        theirs = await handed_over(network, desk, given)
        assert " away:" in (network.data / "erased" / "west.txt").read_text()
        wrapped = json.loads(key_of(network, client_id))["key"]
        await erased(network, desk, client_id)
        await put_back(settings, "intake")

        async def shut() -> bool:
            with suppress(httpx.TransportError):  # the process that noticed has ended, and the next one begins
                refused = await desk.post("/api/intake/clients", json={})
                return refused.status_code == 503 and refused.json()["code"] == "origin-halted"
            return False

        await eventually("the origin is halted", shut)

        await eventually("the file is shut at once", lambda: not_back(desk, client_id))
        repaired = network.plek("repair", "origin", "west", "intake", "--json")
        assert repaired.returncode == 0, repaired.stdout + repaired.stderr

        async def erased_again() -> bool:
            with suppress(httpx.TransportError):
                answer = await desk.get(f"/api/intake/requests/{request}")
                return answer.status_code == 200 and answer.json()["status"] == "withdrawn"
            return False

        await eventually("the file is erased again by itself", erased_again)
        await eventually("nobody lists the request", lambda: nobody_waits(network))

        async def shut_for_good() -> bool:
            with suppress(httpx.TransportError):
                read = await desk.post(f"/api/intake/clients/{client_id}/read-personal", json={"purpose": "contact"})
                assert read.status_code in (410, 503), read.text
                return read.status_code == 410 and read.json()["code"] == "client-erased"
            return False

        await eventually("nothing is to be read in it", shut_for_good)
        assert await works_with(network, "west", given) == 410, "it is noord's"
        assert await works_with(network, "noord", theirs) == 200
        assert lying_about(network.data, (*CANARIES, wrapped)) == []
        assert dumped_with(network, (*CANARIES, wrapped)) == []
    what_was_lost_is_listed_and_ticked(network)
    verified = network.plek("verify", "--wait", "20")
    assert verified.returncode == 0, verified.stdout
    assert "intake" not in verified.stdout  # it tells no figures, so nobody is behind with them


async def test_a_site_with_clients_does_not_leave_unasked_and_one_that_joins_has_a_desk_for_them(
    network: Network,
) -> None:
    async with network.client("noord", "caseworker") as desk:
        client_id = (await desk.post("/api/intake/clients", json={})).json()["id"]
        refused = network.plek("site", "remove", "noord")
        assert (refused.returncode, "noord has the files of" in refused.stderr) == (1, True), refused.stderr
        assert (await desk.post(f"/api/intake/clients/{client_id}/erase")).status_code == 200
    steps = json.loads(network.plek("site", "add", "oost", "--location", "oost", "--dry-run", "--json").stdout)["steps"]
    assert "services intake, placement, console" in steps[1]
