"""The routes of repair every service has: who may use them, what they answer, and that nothing they show bites."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from shared.bus_consumer import delivery
from shared.clock import SystemClock
from shared.contracts.base import Draft
from shared.envelope import Origin
from shared.http import new_app, service_api
from shared.http_border import Border
from shared.http_repair import add_repair, bench_of, escaped
from shared.ids import SystemIds
from shared.inbox import Follow, Reader
from shared.ports import Append, Put
from shared.projection import Progress, rebuild_reader
from shared.rebuilds import Rebuildable
from shared.security import ROLES, Role
from tests.conformance.stores import NOW, MemoryBackend
from tests.conformance.test_inbox import NOORD, Desk, counts, message
from tests.conformance.test_policies import CALL, SEALS, Spoken, Word
from tests.conformance.workshop import NEXT_PROGRAM, UNLUCKY
from tests.support.border import Tokens, caller
from tests.support.memory_rebuild import memory_tables
from tests.support.processes import soon

pytestmark = pytest.mark.asyncio

PATH = "/api/placement"
HOSTILE = b'{"say":"\x1b[2J\x1b]0;owned\x07","flip":"\xe2\x80\xae","raw":"\xff\xfe"}\n'


class Office:
    """A service with one reader, behind the real border."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.tokens = desk, Tokens()
        clock = SystemClock()

        async def anew(progress: Progress) -> int:
            follows = [Follow(desk.shelf)]
            return await rebuild_reader(desk.store, desk.reader, follows, clock, progress, memory_tables)

        views = {"counts": Rebuildable("messages", anew, desk.reader)}
        bench = bench_of("placement", desk.store, [desk.reader], views, self.follows, clock, SystemIds())
        self.rebuilds = bench.rebuilds
        api = service_api("placement", "A service", asyncapi={"asyncapi": "3.0.0"})
        add_repair(api, bench)
        site = new_app("site")
        site.mount(PATH, api)
        self.border = Border(site, verify=self.tokens.verify)

    def follows(self, reader: Reader) -> list[Follow]:
        """As the service reads once more what one of its readers hears."""
        return [Follow(self.desk.shelf)]

    def caller(self, role: Role = "oncall", **headers: str) -> httpx.AsyncClient:
        return caller(self.border, self.tokens.token(role), **headers)

    async def get(self, path: str, role: Role = "oncall", **query: str | int) -> httpx.Response:
        async with self.caller(role) as client:
            return await client.get(PATH + path, params=query)

    async def post(
        self, path: str, body: object = None, role: Role = "oncall", headers: dict[str, str] | None = None
    ) -> httpx.Response:
        async with self.caller(role, **(headers or {})) as client:
            return await client.post(PATH + path, json=body) if body is not None else await client.post(PATH + path)

    async def only(self) -> str:
        [item] = (await self.get("/parked")).json()["items"]
        return str(item["id"])


@pytest_asyncio.fixture
async def office() -> AsyncIterator[Office]:
    """West stands still at its second message; noord flows."""
    desk = Desk(MemoryBackend())
    await desk.start()
    desk.shelf.put(message(1), UNLUCKY, message(3, 30), message(1, 6, NOORD))
    await desk.read()
    office = Office(desk)
    yield office
    await office.rebuilds.stop()
    await desk.stop()


async def upgraded(office: Office) -> Office:
    """The next program's process."""
    await office.desk.restart(NEXT_PROGRAM)
    return Office(office.desk)


async def test_what_is_parked_is_listed_without_what_it_says(office: Office) -> None:
    [item] = (await office.get("/parked")).json()["items"]
    assert (item["service"], item["reader"], item["origin"], item["log"]) == (
        "placement", "counts", "west/placement", "pub",
    )  # fmt: skip
    assert (item["sequence"], item["code"], item["retries"], item["retried_at"]) == (2, "handler-failed", 0, None)
    assert item["type"] == UNLUCKY.type
    assert not {"data", "body", "headers"} & item.keys()


async def test_the_list_can_be_of_one_reader_or_origin(office: Office) -> None:
    for query, count in (
        ({"reader": "counts"}, 1), ({"reader": "nobody"}, 0), ({"origin": "west/placement"}, 1),
        ({"origin": "noord/placement"}, 0),
    ):  # fmt: skip
        assert len((await office.get("/parked", "oncall", **query)).json()["items"]) == count, query


async def test_one_is_shown_with_its_headers_and_its_body(office: Office) -> None:
    shown = (await office.get(f"/parked/{await office.only()}", role="auditor")).json()
    assert shown["headers"]["ce-source"] == "urn:nld:plek:west:placement:pub"
    assert shown["subject"] == "plek.west.pub.placement.counted"
    assert (shown["body"], shown["body_cut"], shown["bytes"]) == (
        UNLUCKY.data.decode(), False, len(UNLUCKY.data),
    )  # fmt: skip


async def test_what_a_stranger_put_on_a_log_is_shown_and_does_not_bite(office: Office) -> None:
    headers = {"ce-id": "\x1b[31m", "x\r\n": "y\x00"}
    read = delivery(5, "plek.noord.pub.placement.counted", headers, HOSTILE)
    office.desk.shelf.deliveries.append(read)
    office.desk.shelf.more.set()
    await office.desk.read()
    [item] = (await office.get("/parked", origin="noord/placement")).json()["items"]
    shown = (await office.get(f"/parked/{item['id']}")).json()
    said = [shown["body"], shown["subject"], shown["detail"], *shown["headers"], *shown["headers"].values()]
    assert all(character.isprintable() for text in said for character in text)
    assert shown["body"].startswith(r'{"say":"\x1b[2J\x1b]0;owned\x07","flip":"\u202e","raw":"\xff\xfe"}')
    assert shown["headers"]["ce-id"] == r"\x1b[31m"


async def test_what_is_sealed_is_not_shown_whether_or_not_the_rest_can_be_read(office: Office) -> None:
    sealed = SEALS["noord"].encode(Draft(Spoken, "west", CALL, Word(status="active")), CALL)
    assert sealed is not None
    for sequence, body in ((1, sealed), (2, sealed[:-2]), (3, sealed[:400])):
        origin = Origin("stad", f"made-{sequence}", 1)
        office.desk.shelf.put(message(1, origin=origin, data=body))
        await office.desk.read()
        [item] = (await office.get("/parked", origin=origin.key)).json()["items"]
        shown = (await office.get(f"/parked/{item['id']}")).json()
        assert re.fullmatch(
            r'\{"to":"west","request_id":"[0-9a-f-]{36}","sealed":"\(\d+ characters, sealed\)("})?', shown["body"]
        )
        assert shown["bytes"] == len(body)
        assert "eyJ" not in repr(shown)


async def test_of_a_large_body_the_beginning_is_shown() -> None:
    assert escaped(b"a" * 100, 100) == ("a" * 100, False)
    assert escaped(b"a" * 101, 100) == ("a" * 100, True)
    text, cut = escaped(b"\x00" * 100, 100)
    assert (len(text), cut) == (100, True)
    assert escaped(b"a" * 10_000_000, 100)[1]


async def test_a_retry_answers_what_came_of_it(office: Office) -> None:
    id_ = await office.only()
    answer = (await office.post(f"/parked/{id_}/retry")).json()
    assert (answer["id"], answer["outcome"], answer["events"][0]["type"]) == (
        id_, "handler-failed", "message-retried.v1",
    )  # fmt: skip
    later = await upgraded(office)
    answer = (await later.post(f"/parked/{id_}/retry")).json()
    assert (answer["outcome"], answer["version"], answer["origin"]) == ("digested", 2, "west/placement")
    await soon(lambda: later.desk.reader.checkpoint("west/placement") == (1, 3), "west goes on")
    gone = await later.post(f"/parked/{id_}/retry")
    assert (gone.status_code, gone.json()["code"]) == (404, "parked-unknown")


async def test_what_would_come_of_it_is_said_before_anything_is_done(office: Office) -> None:
    id_ = await office.only()
    for role in ("auditor", "operator"):
        for path in (f"/parked/{id_}/retry", f"/parked/{id_}/discard", "/views/counts/rebuild"):
            assert (await office.get(path, role=role)).status_code == 403
    assert (await office.get(f"/parked/{id_}/retry")).json()["outcome"] == "handler-failed"
    would = (await office.get(f"/parked/{id_}/discard")).json()
    assert (would["from_sequence"], would["to_sequence"], would["marked"]) == (2, 2, True)
    later = await upgraded(office)
    assert (await later.get(f"/parked/{id_}/retry")).json()["outcome"] == "digested"
    assert (await later.get("/views/counts/rebuild")).json()["status"] == "idle"
    [item] = (await later.get("/parked")).json()["items"]
    assert (item["id"], item["retries"]) == (id_, 0), "nothing was done"
    assert later.desk.reader.checkpoint("west/placement") == (1, 1)
    assert await later.desk.store.read_stream("reader/counts") == []
    gone = await later.get("/parked/00000000-0000-4000-8000-000000000000/retry")
    assert (gone.status_code, gone.json()["code"]) == (404, "parked-unknown")


async def test_all_of_an_origin_is_retried_with_one_request(office: Office) -> None:
    nothing = (await office.post("/parked/retry", {"origin": "noord/placement"})).json()
    assert nothing == {"items": [], "still_parked": 0}
    stays = (await office.post("/parked/retry", {})).json()
    assert (stays["items"][0]["outcome"], stays["still_parked"]) == ("handler-failed", 1)
    done = (await (await upgraded(office)).post("/parked/retry", {"reader": "counts"})).json()
    assert (done["items"][0]["outcome"], done["still_parked"]) == ("digested", 0)


async def test_a_discard_needs_a_reason_and_marks_the_view_until_it_is_rebuilt(office: Office) -> None:
    id_ = await office.only()
    for body in ({}, {"reason": ""}, {"reason": "no"}, {"reason": "two\nlines"}, {"reason": "x" * 201}):
        assert (await office.post(f"/parked/{id_}/discard", body)).status_code == 422, body
    answer = (await office.post(f"/parked/{id_}/discard", {"reason": "taken back by west"})).json()
    assert (answer["from_sequence"], answer["to_sequence"], answer["epoch"], answer["marked"]) == (2, 2, 1, True)
    [gone] = (await office.get("/discarded", role="auditor")).json()["items"]
    assert (gone["id"], gone["role"], gone["reason"], gone["sequence"]) == (id_, "oncall", "taken back by west", 2)
    state = (await office.get("/views/counts")).json()
    assert (state["incomplete"], state["status"]) == ({"west/placement": "message-discarded"}, "idle")

    later = await upgraded(office)
    begun = await later.post("/views/counts/rebuild")
    assert begun.status_code == 202
    async with asyncio.timeout(20):
        while (state := (await later.get("/views/counts")).json())["status"] == "running":
            await asyncio.sleep(0.01)
    assert (state["status"], state["incomplete"], state["code"]) == ("done", {}, None)
    assert (await later.get("/discarded")).json()["items"] == []
    assert [view["view"] for view in (await later.get("/views")).json()["items"]] == ["counts"]


async def test_the_same_key_gives_the_first_answer_again(office: Office) -> None:
    path, body, key = f"/parked/{await office.only()}/discard", {"reason": "once"}, {"Idempotency-Key": "k-1"}
    first = await office.post(path, body, headers=key)
    assert first.status_code == 200
    assert (await office.post(path, body, headers=key)).json() == first.json()
    other = await office.post(path, {"reason": "something else"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")


async def test_what_there_is_not_is_said_so(office: Office) -> None:
    unknown = "00000000-0000-4000-8000-000000000000"
    for method, path, code in (
        ("GET", f"/parked/{unknown}", "parked-unknown"), ("GET", "/parked/x", "parked-unknown"),
        ("POST", f"/parked/{unknown}/retry", "parked-unknown"), ("POST", "/parked/x/discard", "parked-unknown"),
        ("GET", "/views/nothing", "view-unknown"), ("POST", "/views/nothing/rebuild", "view-unknown"),
    ):  # fmt: skip
        body = {"reason": "for the test"} if path.endswith("discard") else None
        answer = await (office.get(path) if method == "GET" else office.post(path, body))
        assert (answer.status_code, answer.json()["code"]) == (404, code), path


@pytest.mark.parametrize("role", ROLES)
async def test_who_repairs_may_act_and_who_checks_may_look(office: Office, role: Role) -> None:
    id_ = await office.only()
    looks = ["/parked", f"/parked/{id_}", "/discarded", "/views", "/views/counts"]
    acts = ["/parked/retry", f"/parked/{id_}/retry", f"/parked/{id_}/discard", "/views/counts/rebuild"]
    for path in looks:
        assert ((await office.get(path, role)).status_code == 200) == (role in ("oncall", "auditor")), path
    for path in acts:
        answer = await office.post(path, {"reason": "for the test"} if path.endswith("discard") else {}, role)
        assert (answer.status_code != 403) == (role == "oncall"), path
    if role != "oncall":
        assert await office.only() == id_, "nothing was done"


async def test_a_reader_is_paused_and_resumed_by_who_repairs_and_says_who_did_and_why(office: Office) -> None:
    reason = {"reason": "the disk is moved tonight"}
    assert (await office.post("/readers/counts/pause", reason, role="auditor")).status_code == 403
    assert (await office.post("/readers/counts/pause", {})).status_code == 422
    nobody = await office.post("/readers/nobody/pause", reason)
    assert (nobody.status_code, nobody.json()["code"]) == (404, "reader-unknown")
    assert nobody.json()["facts"] == {"readers": ["counts"]}
    paused = await office.post("/readers/counts/pause", reason)
    assert (paused.status_code, paused.json()["paused"]) == (200, True)
    assert [event["type"] for event in paused.json()["events"]] == ["reader-paused.v1"]
    [state] = (await office.get("/readers", role="auditor")).json()["items"]
    assert (state["reader"], state["paused"], state["role"]) == ("counts", True, "oncall")
    assert state["reason"] == reason["reason"]
    again = await office.post("/readers/counts/pause", reason)
    assert (again.status_code, again.json()["code"]) == (409, "reader-paused")
    resumed = await office.post("/readers/counts/resume")
    assert (resumed.status_code, resumed.json()["paused"]) == (200, False)
    [state] = (await office.get("/readers")).json()["items"]
    assert (state["paused"], state["paused_at"], state["role"], state["reason"]) == (False, None, None, None)
    assert (await office.post("/readers/counts/resume")).json()["code"] == "reader-not-paused"


async def test_an_origin_is_replayed_by_who_repairs_with_a_reason_and_looked_at_first(office: Office) -> None:
    rows = [Put(counts, ("west/placement", "beds", 99, 1)), Put(counts, ("west/placement", "ghosts", 1, 1))]
    await office.desk.store.append(Append(NOW, rows=rows))
    path, body = "/readers/counts/replay", {"origin": "west/placement", "reason": "somebody wrote in the table"}
    for role in ("auditor", "operator"):
        assert (await office.post(path, body, role=role)).status_code == 403
        assert (await office.get(path, role=role, origin="west/placement")).status_code == 403
    found = {"reader": "counts", "origin": "west/placement", "messages": 1, "changed": 1, "gone": 1, "unmarked": 0}
    looked = await office.get(path, origin="west/placement")
    assert (looked.status_code, looked.json()) == (200, found)
    assert (await office.post(path, {"origin": "west/placement"})).status_code == 422, "not without a reason"
    key = {"Idempotency-Key": "again-1"}
    done = await office.post(path, body, headers=key)
    assert done.status_code == 200, done.text
    assert {name: done.json()[name] for name in found} == found
    assert [event["type"] for event in done.json()["events"]] == ["origin-replayed.v1"]
    assert (await office.post(path, body, headers=key)).json() == done.json()
    values = await office.desk.values()
    assert (values["west/placement", "beds"], ("west/placement", "ghosts") in values) == (1, False)
    nobody = await office.post("/readers/nobody/replay", body)
    assert (nobody.status_code, nobody.json()["facts"]) == (404, {"readers": ["counts"]})
    unheard = await office.get(path, origin="oost/placement")
    assert (unheard.status_code, unheard.json()["code"]) == (409, "origin-unheard")
    assert (await office.get(path, origin="../../x")).status_code == 422


async def test_of_what_services_of_a_site_tell_each_other_no_id_is_shown_but_the_messages_own() -> None:
    client_id = "3f0c6a52-8a4e-4f0e-9d2b-6c1e5a7b9d10"
    desk = Desk(MemoryBackend())
    await desk.start()
    inside = message(1, log="loc", subject=client_id, data=b'{"client_id":"%s","value":"x"}' % client_id.encode())
    desk.shelf.put(inside)
    await desk.read()
    office = Office(desk)
    try:
        [item] = (await office.get("/parked")).json()["items"]
        shown = await office.get(f"/parked/{item['id']}", role="auditor")
    finally:
        await office.rebuilds.stop()
        await desk.stop()
    assert client_id not in shown.text
    whole = shown.json()
    assert whole["body"] == '{"client_id":"(id)","value":"x"}'
    assert (whole["headers"]["ce-id"], whole["headers"]["ce-subject"]) == (inside.id, "(id)")
    assert inside.correlation_id not in shown.text
