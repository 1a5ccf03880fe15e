"""The journal: everything heard is in it once, can be found again, and comes out live."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest_asyncio

from services.console import api, app, views_trail
from services.console.views import JOURNAL, JOURNAL_TABLES, WITHHELD, Entry, Filter, as_json, journal_rows
from shared import migration
from shared.clock import SystemClock
from shared.contracts import intake
from shared.contracts.placement import CONTRACTS
from shared.contracts.schemas.committed import EVERY_CONTRACT
from shared.envelope import Origin
from shared.http import Streams, new_app
from shared.http_border import Border
from shared.http_models import encode_cursor
from shared.http_repair import bench_of
from shared.ids import SystemIds
from shared.inbox import Follow, Reader
from shared.ports import Put
from shared.security import ROLES, Role
from shared.store import PgStore
from tests.console.sample import AT, contracts, message, put, uid
from tests.support.border import Tokens, caller
from tests.support.memory_bus import MemoryBus
from tests.support.network import eventually

JOURNAL_PATH = "/api/console/journal"


@dataclass
class Console:
    """One site's journal on a real database, fed from a bus in memory."""

    bus: MemoryBus
    store: PgStore
    reader: Reader
    streams: Streams
    border: Border
    tokens: Tokens = field(default_factory=Tokens)

    def caller(self, role: Role = "oncall") -> httpx.AsyncClient:
        return caller(self.border, self.tokens.token(role))

    async def get(self, path: str = JOURNAL_PATH, role: Role = "oncall", **query: Any) -> httpx.Response:
        async with self.caller(role) as client:
            return await client.get(path, params=query)

    async def items(self, path: str = JOURNAL_PATH, **query: Any) -> list[dict[str, Any]]:
        answer = await self.get(path, **query)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["items"]
        return found

    async def heard(self, count: int) -> None:
        async def enough() -> bool:
            return len(await self.items(limit=500)) == count

        await eventually(f"{count} events are in the journal", enough)

    def hear_everything(self) -> None:
        """Every type on its own log, a minute apart."""
        sequences = {"pub": 0, "loc": 0}
        for minutes, contract in enumerate(contracts()):
            sequences[contract.log] += 1
            told = message(contract, sequences[contract.log], minutes=minutes)
            put(self.bus, "west", f"{contract.log.upper()}_west_placement", told)


@pytest_asyncio.fixture
async def console(database: str) -> AsyncIterator[Console]:
    await app.migrate(database)
    clock, tokens, streams = SystemClock(), Tokens(), Streams()
    bus = MemoryBus("stad", {"stad": ["placement"], "west": ["placement"]}, clock, random.Random(1))
    store = PgStore(database, "west", "console", JOURNAL_TABLES)
    await store.open(clock.now())
    reader, tail = Reader(store, JOURNAL, clock), api.Tail()
    reader.on_rows = tail.stored
    sources = [Follow(bus.source("west", name)) for name in ("LOC_west_placement", "PUB_west_placement")]
    follows = [*sources, Follow(bus.source("west", "CITY"), skip_site="west")]
    reading = [asyncio.create_task(reader.run(follow)) for follow in follows]
    site = new_app("journal")
    bench = bench_of("console", store, [reader], {}, lambda _: follows, clock, SystemIds())
    site.mount("/api/console", api.build(app.Journal(store), bench, tail, streams, {"asyncapi": "3.0.0"}))
    try:
        yield Console(bus, store, reader, streams, Border(site, verify=tokens.verify), tokens)
    finally:
        streams.close()
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)
        await store.close()


def test_there_is_a_sample_of_every_type_and_the_journal_takes_it() -> None:
    assert [type(contract) for contract in contracts()] == list(CONTRACTS)
    assert set(JOURNAL.contracts.values()) == set(EVERY_CONTRACT), "of every service there is"


def test_whose_request_it_is_is_withheld() -> None:
    client = uid(77)
    asked = intake.RequestWithdrawn.of(client_id=client, request_id=uid(78), reason="mistake", at=AT)
    known = intake.ClientRegistered.of(client_id=client, at=AT)
    for contract, subject, shown_subject in ((asked, uid(78), uid(78)), (known, client, WITHHELD)):
        [row] = journal_rows(message(contract, 1, subject=subject), contract)
        assert isinstance(row, Put)
        shown = as_json(Entry.of(row.values))
        assert (shown["subject"], shown["data"]["client_id"]) == (shown_subject, WITHHELD)
        assert client not in str(shown)


async def test_everything_heard_is_in_the_journal_newest_first(console: Console) -> None:
    console.hear_everything()
    await console.heard(len(CONTRACTS))
    items = await console.items()
    assert [item["type"] for item in items] == [contract.type_name for contract in reversed(CONTRACTS)]
    first = items[-1]
    assert first == {
        "origin": "west/placement", "log": "pub", "epoch": 1, "sequence": 1, "id": uid(110_001),
        "type": "nl.plek.placement.capacity-told.v1", "subject": "west", "time": "2026-01-10T20:00:00Z",
        "observed_at": None, "correlation_id": uid(7), "causation_id": uid(8), "traceparent": None,
        "data": json.loads(contracts()[0].encode()),
    }  # fmt: skip
    one = await console.get(f"{JOURNAL_PATH}/{first['id']}")
    assert one.json() == first
    assert await console.items("/api/console/parked") == []


async def test_an_event_heard_again_is_there_once(console: Console) -> None:
    told = message(contracts()[0], 1)
    for _ in range(3):
        put(console.bus, "west", "PUB_west_placement", told)
    put(console.bus, "west", "PUB_west_placement", message(contracts()[0], 2, minutes=1))
    await console.heard(2)


async def test_the_own_site_is_not_heard_a_second_time_through_the_city(console: Console) -> None:
    put(console.bus, "west", "PUB_west_placement", message(contracts()[0], 1))
    put(console.bus, "west", "CITY", message(contracts()[0], 1))
    stad = Origin("stad", "placement", 1)
    put(console.bus, "west", "CITY", message(contracts()[0], 1, origin=stad, id=uid(99), minutes=1))
    await console.heard(2)
    assert [item["origin"] for item in await console.items()] == ["stad/placement", "west/placement"]


async def test_a_new_epoch_leaves_what_was_heard_of_the_old_one(console: Console) -> None:
    for told in (
        message(contracts()[0], 1),
        message(contracts()[0], 1, origin=Origin("west", "placement", 2), minutes=1),
    ):
        put(console.bus, "west", "PUB_west_placement", told)
    await console.heard(2)
    assert [item["epoch"] for item in await console.items()] == [2, 1]


async def test_the_journal_is_searched_by_each_of_its_filters(console: Console) -> None:
    console.hear_everything()
    other = message(contracts()[0], 1, origin=Origin("stad", "placement", 1), id=uid(99), correlation_id=uid(77),
                    subject="elsewhere", minutes=60)  # fmt: skip
    put(console.bus, "west", "CITY", other)
    await console.heard(len(CONTRACTS) + 1)

    async def found(**query: Any) -> set[str]:
        return {item["id"] for item in await console.items(**query)}

    every = await found()
    for query in (
        {"origin": "stad/placement"},
        {"origin": "stad"},
        {"correlation": uid(77)},
        {"subject": "elsewhere"},
        {"type": "capacity-told", "origin": "stad"},
        {"origin": "stad", "log": "pub", "epoch": 1, "sequence": 1},
    ):
        assert await found(**query) == {uid(99)}, query
    assert len(await found(type="stay-began")) == len(await found(type="nl.plek.placement.stay-began.v1")) == 1
    assert await found(log="loc") == every - await found(log="pub")
    assert await found(subject="nobody") == set()


async def test_the_journal_comes_in_pages_without_a_gap_or_a_repeat(console: Console) -> None:
    for sequence in range(1, 24):
        # All at one moment: the order must not depend on time alone.
        put(console.bus, "west", "PUB_west_placement", message(contracts()[0], sequence))
    await console.heard(23)
    sequences: list[int] = []
    cursor = None
    while True:
        answer = (await console.get(limit=5, **({} if cursor is None else {"cursor": cursor}))).json()
        sequences += [item["sequence"] for item in answer["items"]]
        cursor = answer["next"]
        if cursor is None:
            break
    assert sequences == list(range(23, 0, -1))


async def test_a_wrong_question_is_refused_with_a_code(console: Console) -> None:
    no_such_time = encode_cursor('["0001-01-01T00:00:00+14:00","west/placement","pub",1,1]')
    for name, value in (
        ("cursor", "nonsense"),
        ("cursor", encode_cursor("{}")),
        ("cursor", no_such_time),
        ("limit", "0"),
        ("unknown", "1"),
        ("correlation", "x"),
    ):
        answer = await console.get(JOURNAL_PATH, "oncall", **{name: value})
        assert answer.status_code == 422, (name, value)
        assert name in str(answer.json()["errors"])
    for id_ in ("nobody", uid(404)):
        answer = await console.get(f"{JOURNAL_PATH}/{id_}")
        assert (answer.status_code, answer.json()["code"]) == (404, "event-unknown")


async def test_only_who_repairs_and_who_checks_may_read_it(console: Console) -> None:
    for path in (JOURNAL_PATH, f"{JOURNAL_PATH}/{uid(1)}", "/api/console/parked", "/api/console/stream"):
        for role in ROLES:
            if role not in ("oncall", "auditor"):
                assert (await console.get(path, role)).status_code == 403, (path, role)


async def test_what_cannot_be_digested_is_parked_and_shown_with_its_reason(console: Console) -> None:
    put(console.bus, "west", "PUB_west_placement", message(contracts()[0], 1), data=b'{"location": 5}')

    async def parked() -> bool:
        return len(await console.items("/api/console/parked")) == 1

    await eventually("it is parked", parked)
    (item,) = await console.items("/api/console/parked")
    assert (item["service"], item["reader"], item["origin"], item["code"]) == (
        "console", "journal", "west/placement", "body-invalid",
    )  # fmt: skip
    assert "data" not in item
    assert await console.items() == []


async def test_the_tail_gives_what_was_last_and_then_what_comes(console: Console) -> None:
    put(console.bus, "west", "PUB_west_placement", message(contracts()[0], 1))
    await console.heard(1)
    # The transport of this test hands a streamed answer over only when it has ended: the stream itself is asked.
    tail = api.Tail()
    console.reader.on_rows = tail.stored
    journal = app.Journal(console.store)

    async def recent() -> list[Any]:
        return list(await journal.entries(Filter(), None, 10))

    stream = tail.follow(Filter(type="capacity-told"), recent)
    assert (await anext(stream)).event == "open"
    assert (await anext(stream)).data["sequence"] == 1
    put(console.bus, "west", "LOC_west_placement", message(contracts()[2], 1, minutes=1))
    put(console.bus, "west", "PUB_west_placement", message(contracts()[0], 2, minutes=2))
    async with asyncio.timeout(20):
        coming = await anext(stream)
    assert (coming.data["type"], coming.data["sequence"]) == ("nl.plek.placement.capacity-told.v1", 2)
    await stream.aclose()  # type: ignore[attr-defined]


async def test_a_slow_reader_of_the_tail_is_told_what_it_missed() -> None:
    tail = api.Tail()

    async def nothing() -> list[Any]:
        return []

    stream = tail.follow(Filter(), nothing)
    await anext(stream)
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    for sequence in range(1, api.TAIL_WAITING_MAX + 6):
        tail.stored(list(JOURNAL.project(message(contracts()[0], sequence), contracts()[0])))
    missed = await waiting
    assert (missed.event, missed.data) == ("missed", {"missed": 5})
    assert (await anext(stream)).data["sequence"] == 6
    await stream.aclose()  # type: ignore[attr-defined]


async def test_an_upgrade_has_what_was_kept_in_part_read_again(database: str) -> None:
    """What was parked before has lost its headers: its reader begins its sources anew, and no other does."""
    await migration.upgrade(database, "console", "0001")
    connection = await asyncpg.connect(database)
    try:
        await connection.execute(
            "insert into parked values ('journal', 'CITY', 7, 'west/placement', 'pub', 1, 7, '', 'x', '', '', now());"
            "insert into checkpoints values ('journal', 'west/placement', 'pub', 1, 6);"
            "insert into cursors values ('journal', 'CITY', 'i', 9), ('other', 'CITY', 'i', 9)"
        )
        await app.migrate(database)
        assert await connection.fetchval("select string_agg(reader, ' ') from cursors") == "other"
        assert await connection.fetchval("select count(*) from parked") == 0
        assert await connection.fetchval("select sequence from checkpoints") == 6
    finally:
        await connection.close()


async def test_what_is_old_goes_but_the_last_word_of_each_log_stays_whatever_the_clock_says(console: Console) -> None:
    for sequence, minutes in ((1, 0), (2, 60 * 24 * 20), (3, 60 * 24 * 30)):
        put(console.bus, "west", "PUB_west_placement", message(contracts()[0], sequence, minutes=minutes))
    put(console.bus, "west", "LOC_west_placement", message(contracts()[2], 1))
    await console.heard(4)
    a_year_ahead = AT + timedelta(days=400)
    age = views_trail.Age()
    assert await views_trail.prune(console.store, a_year_ahead, 15, age) == 1, "young beside the newest is not old"
    left = {(entry["log"], entry["sequence"]) for entry in await console.items()}
    assert left == {("pub", 2), ("pub", 3), ("loc", 1)}, "how far loc was heard is still known"
    assert await views_trail.prune(console.store, a_year_ahead, 15, age) == 0
    gone = [age.outlived(change) for sequence, minutes in ((1, 0), (2, 60 * 24 * 20))
            for change in journal_rows(message(contracts()[0], sequence, minutes=minutes), contracts()[0])
            if isinstance(change, Put)]  # fmt: skip
    assert gone == [True, False], "a replay goes by the same days, also with a clock that is far ahead"
