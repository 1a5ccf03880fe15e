"""What a service says of its private events: found wherever they lie, and nothing of what they hold."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest_asyncio

from services.placement import app as placement
from services.placement.app import AGGREGATE, CALLS, HEARD, INLINE_TABLES, REGIMES
from shared.archive import Archive, Files, Look
from shared.archive_sql import AROUND
from shared.causes import command_step, policy_command, timer_command
from shared.envelope import Meta
from shared.http import new_app, service_api
from shared.http_archive import add_archive
from shared.http_border import Border
from shared.ids import SystemIds
from shared.kernel import Rejected
from shared.ports import Append, KeyRecord, NewEvent, StreamWrite, Told
from shared.security import ROLES, Role
from shared.store import PgStore
from tests.support.border import Tokens, caller

AT = datetime(2026, 1, 10, 20, 0, tzinfo=UTC)
IDS = SystemIds()
SECRET = "nobody's business"
HELD = (
    b'{"type":"place-held.v1","location":"west","hold_id":"%s","place_ids":["p"],"kind":"shelter_24h",'
    b'"household_size":1,"features":[],"hold_minutes":90,"expires_at":"2026-01-10T21:30:00Z","at":"2026-01-10T20:00:00Z"}'
)


class Office:
    """One store behind the real border. Its clock goes on a second with every append."""

    def __init__(self, store: PgStore) -> None:
        self.store, self.tokens, self.looks = store, Tokens(), list[tuple[str, str, str]]()
        self.now, self.versions = AT, dict[str, int]()

        async def record(client_id: str, look: Look) -> None:
            assert look.token, "intake is asked in the name of whoever looks"
            self.looks.append((client_id, look.role, look.purpose))

        async def client_of(key: str) -> str:
            return {"of-anna": "anna"}.get(key, key)

        files = Files("client/", record, client_of, frozenset({"oncall"}))
        archive = Archive(store, (AGGREGATE, CALLS, REGIMES), INLINE_TABLES, [HEARD.name], files)
        api = service_api("placement", "A service", asyncapi={"asyncapi": "3.0.0"})
        add_archive(api, archive)
        site = new_app("site")
        site.mount("/api/placement", api)
        self.border = Border(site, verify=self.tokens.verify)

    async def append(
        self, stream: str, *data: bytes, cause: str = "", role: str = "operator", told: tuple[str, str] | None = None,
        keys: tuple[KeyRecord, ...] = (),
    ) -> list[str]:  # fmt: skip
        """Stores one command's events; returns their ids, and last that of what was told: its subject, and whether it
        is cut.
        """
        cause = cause or IDS.event_id()
        self.now += timedelta(seconds=1)
        meta = Meta(IDS.random_id(), cause, role, f"00-{'ab' * 16}-{'cd' * 8}-01")
        events = [NewEvent(IDS.event_id(), msgspec.json.decode(body)["type"], body, meta) for body in data]
        rows = []
        if told is not None:
            id_ = IDS.event_id()
            because = Meta(IDS.random_id(), id_ if told[1] == "cut" else events[-1].id, role)
            rows.append(Told("pub", id_, "nl.plek.placement.hold-asked.v1", told[0], b"{}", because))
        version = self.versions.get(stream, 0)
        self.versions[stream] = version + len(events)
        await self.store.append(Append(self.now, [StreamWrite(stream, version, events)], rows, (), keys))
        return [event.id for event in events] + [row.id for row in rows]

    async def ask(self, role: Role = "oncall", **query: Any) -> httpx.Response:
        async with caller(self.border, self.tokens.token(role)) as client:
            return await client.get("/api/placement/events", params=query)

    async def steps(self, **query: Any) -> dict[str, dict[str, Any]]:
        answer = await self.ask(**query)
        assert answer.status_code == 200, answer.text
        return {step["id"]: step for step in answer.json()["steps"]}

    async def open(self, role: Role = "auditor", **body: Any) -> httpx.Response:
        async with caller(self.border, self.tokens.token(role)) as client:
            return await client.post("/api/placement/events/open", json=body)


@pytest_asyncio.fixture
async def office(database: str) -> AsyncIterator[Office]:
    await placement.migrate(database)
    store = PgStore(database, "west", "placement", INLINE_TABLES)
    await store.open(AT)
    yield Office(store)
    await store.close()


def said(text: str) -> bytes:
    return msgspec.json.encode({"type": "said.v1", "text": text})


async def test_an_event_is_found_wherever_it_lies_with_all_its_command_did_and_nothing_it_holds(office: Office) -> None:
    first = await office.append("location/west", said(SECRET), said("two"))
    for number in range(4):  # many more than are looked at around any one place
        await office.append(f"location/{number}", *[said(str(n)) for n in range(AROUND)])
    last = await office.append("location/west", said("three"))
    for wanted, expected in ((first[0], first), (first[1], first), (last[0], last)):
        found = await office.steps(id=wanted)
        assert {id_ for id_, step in found.items() if step["kind"] == "event"} == set(expected)
        assert len(found) == len(expected) + 1, "and its one command"
    command = next(step for step in (await office.steps(id=first[0])).values() if step["kind"] == "command")
    assert (command["where"], command["role"], command["cause"]) == ("request", "operator", None)
    assert set(await office.steps(id=command["id"].partition("@")[0])) == {command["id"], *first}
    assert SECRET not in (await office.ask(id=first[0])).text
    both = await office.steps(id=[first[0], last[0]])
    assert {*first, *last} < set(both)
    assert await office.steps(id=IDS.event_id()) == {}


async def test_by_stream_correlation_and_trace(office: Office) -> None:
    [event] = await office.append("location/west", said("one"))
    found = await office.steps(stream="location/west")
    assert event in found
    assert set(await office.steps(correlation=found[event]["correlation_id"])) == set(found)
    assert event in await office.steps(trace="ab" * 16)
    assert await office.steps(trace="ef" * 16) == {}
    assert (await office.ask(trace="short")).status_code == 422


async def test_a_timers_command_follows_from_the_event_that_set_the_timer_in_both_directions(office: Office) -> None:
    hold = IDS.random_id()
    [held] = await office.append("location/west", HELD % hold.encode())
    due = datetime(2026, 1, 10, 21, 30, tzinfo=UTC)
    fired = timer_command(f"hold/{hold}", due, "hold-expiry")
    [lapsed] = await office.append("location/west", said("lapsed"), cause=fired, role="system")
    command = command_step(fired, "west", "placement")
    for wanted in (held, lapsed):
        found = await office.steps(id=wanted)
        assert found[lapsed]["cause"] == command
        assert (found[command]["cause"], found[command]["where"]) == (held, "timer")


async def test_what_a_policy_did_with_a_message_or_refused(office: Office) -> None:
    taken, refused = IDS.event_id(), IDS.event_id()
    key = KeyRecord("policy/letters", taken, b"x", "location/west", 1, 1)
    [event] = await office.append(
        "location/west", said("one"), cause=policy_command(taken, "letters"), role="system", keys=(key,)
    )
    no = KeyRecord("policy/letters", refused, b"x", "location/west", 2, 1, msgspec.json.encode(Rejected("no-room")))
    await office.store.append(Append(office.now, keys=[no]))
    found = await office.steps(id=taken)
    command = command_step(policy_command(taken, "letters"), "west", "placement")
    assert (found[command]["cause"], found[command]["where"]) == (taken, "policy letters")
    assert found[event]["cause"] == command
    [outcome] = (await office.steps(id=refused)).values()
    assert (outcome["refused"], outcome["cause"], outcome["kind"]) == ("no-room", refused, "command")
    assert (await office.ask(id=refused)).json()["policies"] == ["letters"]


async def test_a_file_is_withheld_and_opens_only_for_a_purpose_that_is_written_down_first(office: Office) -> None:
    client, request = IDS.random_id(), IDS.random_id()
    event, notice = await office.append(f"client/{client}", said(request), told=(request, "cut"))
    _, other = await office.append("client/other", said("nothing"), told=("nothing", "cut"))
    [hidden] = (await office.steps(id=event)).values()
    assert (hidden["withheld"], hidden["name"], hidden["where"], hidden["role"]) == (True, "withheld", "", None)
    assert client not in (await office.ask(id=event)).text
    for query in ({"about": client}, {"stream": f"client/{client}"}, {"trace": "ab" * 16}, {"id": notice}):
        assert await office.steps(**query) == {}
    assert office.looks == []
    for role in sorted(set(ROLES) - {"auditor", "caseworker"}):
        assert (await office.open(role, id=[event], purpose="trouble")).status_code == 403
    answer = (await office.open(id=[notice], purpose="trouble")).json()
    assert [step["id"] for step in answer["steps"] if step["kind"] == "event"] == [event]
    assert answer["joins"] == {notice: event}
    assert office.looks == [(client, "auditor", "trouble")]
    assert other not in (await office.open(id=[event], purpose="trouble")).text


async def test_what_is_of_a_client_under_another_key_is_written_down_with_them_and_a_roles_is_open(
    office: Office,
) -> None:
    [hidden] = await office.append("client/of-anna", said("of Anna"))
    [shown] = await office.append("client/oncall", said("to whoever is on call"))
    found = await office.steps(id=[hidden, shown])
    assert (found[hidden]["withheld"], found[shown]["withheld"]) == (True, False)
    assert found[shown]["where"] == "client/oncall"
    opened = (await office.open(id=[hidden, shown], purpose="trouble")).json()["steps"]
    assert {step["where"] for step in opened if step["kind"] == "event"} == {"client/of-anna", "client/oncall"}
    assert office.looks == [("anna", "auditor", "trouble")]


async def test_only_who_repairs_checks_or_keeps_files_may_ask(office: Office) -> None:
    answers = {role: (await office.ask(role)).status_code for role in ROLES}
    assert {role for role, status in answers.items() if status == 200} == {"oncall", "auditor", "caseworker"}
    assert set(answers.values()) == {200, 403}
