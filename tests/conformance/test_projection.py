"""Rebuild and swap on the real PostgreSQL while writers go on: the new view is the old one, row for row."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, TypeAlias

import asyncpg
import msgspec
import pytest
import pytest_asyncio

from infra.postgres import Postgres
from shared import projection, projection_tables, schema
from shared.aggregate import Aggregate
from shared.clock import SystemClock
from shared.handling import Context, Handler
from shared.ids import SystemIds
from shared.inbox import Follow, Reader
from shared.kernel import Codec, Command, Decider, Event
from shared.ports import Delete, Put, RowChange
from shared.projection import RebuildRunning, RebuildStuck, rebuild, rebuild_reader
from shared.store import PgStore
from tests.conformance.stores import NOW, TABLES, PgBackend, append, boxes
from tests.conformance.test_inbox import VIEW, Shelf, counts, message
from tests.support.processes import soon

pytestmark = pytest.mark.asyncio

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
IDS = SystemIds()


# --- a service of the tests' own: shelves with boxes ------------------------------------------------------------------


class BoxFilled(Event, frozen=True, tag="box-filled.v1"):
    name: str
    count: int
    at: datetime


class BoxGone(Event, frozen=True, tag="box-gone.v1"):
    name: str


class Fill(Command, frozen=True, kw_only=True):
    name: str
    count: int


class Remove(Command, frozen=True, kw_only=True):
    name: str


class Cupboard(msgspec.Struct, frozen=True):
    boxes: dict[str, BoxFilled] = {}


BoxEvent: TypeAlias = BoxFilled | BoxGone


def decide(state: Cupboard, command: Fill | Remove) -> Sequence[BoxEvent]:
    if isinstance(command, Fill):
        return [BoxFilled(command.name, command.count, command.at)]
    return [BoxGone(command.name)] if command.name in state.boxes else []


def evolve(state: Cupboard, event: BoxEvent) -> Cupboard:
    if isinstance(event, BoxFilled):
        return Cupboard({**state.boxes, event.name: event})
    return Cupboard({name: box for name, box in state.boxes.items() if name != event.name})


def project(before: Cupboard, events: Sequence[BoxEvent], after: Cupboard, at: datetime) -> list[RowChange]:
    rows: list[RowChange] = []
    for name in dict.fromkeys(event.name for event in events):
        box = after.boxes.get(name)
        shelf = name.partition("-")[0]
        if box is None:
            rows.append(Delete(boxes, (shelf, name)))
        else:
            rows.append(Put(boxes, (shelf, name, f"'{name}'", box.count, box.at, [name, "é"])))
    return rows


CODEC: Codec[BoxEvent] = Codec((BoxFilled, BoxGone))
DECIDER: Decider[Cupboard, Fill | Remove, BoxEvent] = Decider("shelf", Cupboard(), decide, evolve, CODEC, Cupboard)
AGGREGATE = Aggregate(DECIDER, lambda *_: [], project, lambda _: [])


class Writers:
    """They fill and remove boxes until they are stopped."""

    def __init__(self, store: PgStore, count: int = 4) -> None:
        self.done = 0
        self._handler, self._stop = Handler(store, AGGREGATE, SystemClock(), IDS), False
        self._tasks = [asyncio.create_task(self._work(f"{n}")) for n in range(count)]

    async def _work(self, shelf: str) -> None:
        dice = random.Random(shelf)
        while not self._stop:
            name = f"{shelf}-{dice.randrange(40)}"
            command: Fill | Remove = Fill(at=NOW, role="operator", name=name, count=dice.randrange(1000))
            if dice.random() < 0.3:
                command = Remove(at=NOW, role="operator", name=name)
            id_ = IDS.event_id()
            await self._handler.handle(shelf, command, Context(id_, id_, id_))
            self.done += 1

    async def reached(self, more: int) -> None:
        goal = self.done + more
        await soon(lambda: self.done >= goal or any(task.done() for task in self._tasks), f"{more} more commands", 60)

    async def stop(self) -> None:
        self._stop = True
        await asyncio.gather(*self._tasks)


async def truth(store: PgStore) -> list[dict[str, Any]]:
    """The view as it has to be: every stream folded from its beginning."""
    states: dict[str, Cupboard] = {}
    for recorded in await store.read_all(0, 1_000_000):
        if recorded.stream.startswith("shelf/"):
            state = states.get(recorded.stream, Cupboard())
            states[recorded.stream] = evolve(state, CODEC.decode(recorded.data))
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for state in states.values():
        for change in project(Cupboard(), list(state.boxes.values()), state, NOW):
            assert isinstance(change, Put)
            rows[change.values[0], change.values[1]] = dict(zip(boxes.columns.keys(), change.values, strict=True))
    return [rows[key] for key in sorted(rows)]


async def shape(backend: PgBackend, table: str = "boxes") -> list[Any]:
    """A table's columns, constraints and indexes as the database knows them."""
    return [
        await backend.fetch(
            "select attname, format_type(atttypid, atttypmod), attnotnull, attcollation from pg_attribute"
            " where attrelid = $1::text::regclass and attnum > 0 order by attnum", table),
        await backend.fetch("select indexname, indexdef from pg_indexes where tablename = $1 order by 1", table),
        await backend.fetch(
            "select conname, pg_get_constraintdef(oid) from pg_constraint where conrelid = $1::text::regclass"
            " and contype <> 'n' order by 1", table),
    ]  # fmt: skip


async def leftovers(backend: PgBackend) -> list[str]:
    rows = await backend.fetch(
        "select relname from pg_class where relname like '%\\_\\_new%' or relname like '%\\_\\_old%'"
    )
    return [name for (name,) in rows]


def nobody_looks(done: int, total: int) -> None:
    """Progress that nobody shows."""


@pytest_asyncio.fixture
async def backend(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PgBackend]:
    monkeypatch.setattr(projection, "PAGE", 40)
    monkeypatch.setattr(projection, "SLICE", 10)
    monkeypatch.setattr(projection, "ROWS_MAX", 30)
    made = await PgBackend.make(postgres, (*TABLES, counts))
    await made.run("create index boxes_by_count on boxes (count desc) where words is not null")
    yield made
    await made.close()


@pytest_asyncio.fixture
async def store(backend: PgBackend) -> PgStore:
    return await backend.store(extra=(*TABLES, counts))


# --- inline views -----------------------------------------------------------------------------------------------------


async def test_a_view_rebuilt_under_load_is_the_old_one_row_for_row(backend: PgBackend, store: PgStore) -> None:
    before = await shape(backend)
    writers = Writers(store)
    reports: list[tuple[int, int]] = []
    for _ in range(3):
        await writers.reached(300)
        count = await rebuild(store, AGGREGATE, [boxes], lambda done, total: reports.append((done, total)))
        assert count >= 300
        assert await shape(backend) == before
        assert await leftovers(backend) == []
    await writers.reached(50)
    await writers.stop()
    assert await store.rows(boxes) == await truth(store) != []
    assert len(reports) > 10
    assert all(done <= total for done, total in reports)


async def test_what_was_wrong_is_put_right_and_what_is_not_of_the_view_stays(
    backend: PgBackend, store: PgStore
) -> None:
    writers = Writers(store)
    await writers.reached(200)
    await writers.stop()
    await store.append(append("other/1", 0, 5, rows=[Put(schema.timers, ("t", NOW, "lapse", "west"))]))
    await backend.run("update boxes set count = -1; delete from boxes where name like '%1'")
    await backend.run("insert into boxes values ('x', 'x', null, 1, null, '{}')")
    await rebuild(store, AGGREGATE, [boxes], nobody_looks)
    assert await store.rows(boxes) == await truth(store)
    assert len(await store.rows(schema.timers)) == 1


async def test_the_old_view_answers_while_the_new_one_is_made(backend: PgBackend, store: PgStore) -> None:
    writers = Writers(store)
    await writers.reached(400)
    await writers.stop()
    expected = await store.rows(boxes)
    task = asyncio.create_task(rebuild(store, AGGREGATE, [boxes], nobody_looks))
    looks = 0
    while not task.done():
        assert await store.rows(boxes) == expected
        looks += 1
    assert await task >= 280
    assert looks > 3


async def test_another_process_writes_on_through_the_swap(backend: PgBackend, store: PgStore) -> None:
    other = await backend.store(extra=TABLES)
    writers = Writers(other)
    for _ in range(3):
        await writers.reached(100)
        await rebuild(store, AGGREGATE, [boxes], nobody_looks)
    await writers.reached(100)
    await writers.stop()
    assert await store.rows(boxes) == await truth(store)


async def test_of_two_rebuilds_at_once_one_is_refused(backend: PgBackend, store: PgStore) -> None:
    writers = Writers(store)
    await writers.reached(300)
    work = [rebuild(store, AGGREGATE, [boxes], nobody_looks) for _ in range(2)]
    results = await asyncio.gather(*work, return_exceptions=True)
    await writers.stop()
    assert sorted(type(result).__name__ for result in results) == [RebuildRunning.__name__, "int"]
    assert await store.rows(boxes) == await truth(store)


async def test_a_rebuild_that_fails_leaves_the_old_view_and_nothing_else(backend: PgBackend, store: PgStore) -> None:
    writers = Writers(store)
    await writers.reached(300)

    def fails(done: int, total: int) -> None:
        raise ArithmeticError("half-way")

    with pytest.raises(ArithmeticError):
        await rebuild(store, AGGREGATE, [boxes], fails)
    assert await leftovers(backend) == []
    await writers.stop()
    assert await store.rows(boxes) == await truth(store)


@pytest.mark.parametrize("seed", range(4))
async def test_a_rebuild_that_crashed_anywhere_is_begun_anew(backend: PgBackend, store: PgStore, seed: int) -> None:
    """Its session is ended at some step; the old view serves, and the next rebuild drops what was left behind."""
    writers = Writers(store)
    await writers.reached(300)
    dice = random.Random(seed)
    steps = dice.randrange(2, 60)

    async def crash(work: Callable[[], Awaitable[int]]) -> None:
        task = asyncio.ensure_future(work())
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    await crash(lambda: rebuild(store, AGGREGATE, [boxes], nobody_looks))
    await backend.run("create table if not exists boxes__new (like boxes); create table if not exists boxes__old ()")
    await writers.reached(50)
    await rebuild(store, AGGREGATE, [boxes], nobody_looks)
    assert await leftovers(backend) == []
    await writers.reached(50)
    await writers.stop()
    assert await store.rows(boxes) == await truth(store)


async def test_the_swap_waits_for_a_long_reader_and_lets_writers_pass(
    backend: PgBackend, store: PgStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projection_tables, "SWAP_WAIT", "20ms")
    monkeypatch.setattr(projection_tables, "SWAP_TRIES", 10_000)
    writers = Writers(store)
    await writers.reached(100)
    connection = await asyncpg.connect(backend.dsn)
    async with connection.transaction():
        await connection.fetch("select count(*) from boxes")
        task = asyncio.create_task(rebuild(store, AGGREGATE, [boxes], nobody_looks))
        await writers.reached(200)
        assert not task.done()
    await connection.close()
    async with asyncio.timeout(30):
        await task
    await writers.stop()
    assert await store.rows(boxes) == await truth(store)


# --- views that a reader feeds ----------------------------------------------------------------------------------------


class Heard:
    """A reader at work on a shelf of messages, and messages that keep coming."""

    def __init__(self, store: PgStore) -> None:
        self.store, self.shelf = store, Shelf()
        self.reader = Reader(store, VIEW, SystemClock())
        self._task = asyncio.create_task(self.reader.run(Follow(self.shelf)))
        self._sequence = 0

    def tell(self, count: int) -> None:
        for _ in range(count):
            self._sequence += 1
            name = f"n{self._sequence % 17}"
            self.shelf.put(message(self._sequence, self._sequence % 1000, name=name))

    async def told_is_applied(self) -> None:
        await soon(lambda: self.reader.checkpoint("west/placement") == (1, self._sequence), "everything is applied")

    def truth(self) -> dict[str, int]:
        """The last value and sequence of each name."""
        return {f"n{n % 17}": n for n in range(1, self._sequence + 1)}

    async def seen(self) -> dict[str, int]:
        return {row["name"]: row["sequence"] for row in await self.store.rows(counts)}

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@pytest_asyncio.fixture
async def heard(store: PgStore) -> AsyncIterator[Heard]:
    made = Heard(store)
    yield made
    await made.stop()


async def rebuild_heard(heard: Heard, progress: projection.Progress = nobody_looks) -> int:
    async with asyncio.timeout(60):
        return await rebuild_reader(heard.store, heard.reader, [Follow(heard.shelf)], SystemClock(), progress)


async def test_a_reader_view_is_rebuilt_while_messages_keep_coming(backend: PgBackend, heard: Heard) -> None:
    before = await shape(backend, "counts")
    heard.tell(200)
    await heard.told_is_applied()
    await backend.run("update counts set value = -1; delete from counts where name = 'n3'")
    reports: list[tuple[int, int]] = []
    task = asyncio.create_task(rebuild_heard(heard, lambda done, total: reports.append((done, total))))
    while not task.done():
        heard.tell(3)
        await asyncio.sleep(0)
    assert await task >= 200
    heard.tell(40)
    await heard.told_is_applied()
    assert await heard.seen() == heard.truth()
    assert all(row["value"] == row["sequence"] % 1000 for row in await heard.store.rows(counts))
    assert await shape(backend, "counts") == before
    assert await leftovers(backend) == []
    assert {row["reader"] for row in await heard.store.rows(schema.checkpoints)} == {"counts"}
    assert {row["reader"] for row in await heard.store.rows(schema.cursors)} == {"counts"}
    assert reports[-1][0] == reports[-1][1]


async def test_after_the_swap_another_process_reads_on_where_it_is(backend: PgBackend, heard: Heard) -> None:
    heard.tell(100)
    await heard.told_is_applied()
    await rebuild_heard(heard)
    await heard.stop()
    heard.tell(20)
    again = Reader(await backend.store(extra=(counts,)), VIEW, SystemClock())
    task = asyncio.create_task(again.run(Follow(heard.shelf)))
    await soon(lambda: again.checkpoint("west/placement") == (1, 120), "everything is applied")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await heard.seen() == heard.truth()


async def test_a_rebuild_can_free_an_origin_that_was_halted(backend: PgBackend, heard: Heard) -> None:
    """What an older program could not digest the new one can: the parked message goes, and its origin flows again."""
    heard.tell(10)
    await heard.told_is_applied()
    await backend.run(
        "insert into parked select 'counts', 'id', 'CITY', '1', 10, 'west/placement', 'pub', 1, 10, 't',"
        " 'handler-failed', '', '', '{}', '', now(), 0, null;"
        "update checkpoints set sequence = 9"
    )
    async with heard.reader.resting():
        """It reads anew where it is."""
    heard.tell(5)
    await soon(lambda: heard.reader.incomplete != {}, "the origin is halted")
    await rebuild_heard(heard)
    heard.tell(5)
    await heard.told_is_applied()
    assert heard.reader.incomplete == {}
    assert await heard.seen() == heard.truth()


async def test_a_second_reader_that_cannot_follow_says_so_and_leaves_the_old_view(
    backend: PgBackend, heard: Heard
) -> None:
    heard.tell(10)
    await heard.told_is_applied()
    rows = await heard.store.rows(counts)
    broken = Shelf()
    broken.put(*(message(n) for n in range(1, 5)), message(5, name="unlucky"), message(6))
    with pytest.raises(RebuildStuck, match="handler-failed"):
        await rebuild_reader(heard.store, heard.reader, [Follow(broken)], SystemClock(), nobody_looks)
    assert await heard.store.rows(counts) == rows
    assert await leftovers(backend) == []
    assert {row["reader"] for row in await heard.store.rows(schema.checkpoints)} == {"counts"}
    assert await heard.store.rows(schema.parked) == []
    heard.tell(5)
    await heard.told_is_applied()


async def test_a_reader_rebuild_that_crashed_is_begun_anew(backend: PgBackend, heard: Heard) -> None:
    heard.tell(50)
    await heard.told_is_applied()
    await backend.run(
        "create table counts__new (like counts);"
        "insert into checkpoints values ('counts__new', 'west/placement', 'pub', 1, 30);"
        "insert into cursors values ('counts__new', 'CITY', '1', 30)"
    )
    await rebuild_heard(heard)
    assert await heard.seen() == heard.truth()
    assert await leftovers(backend) == []
