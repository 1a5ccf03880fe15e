"""What only a real PostgreSQL shows: no gap for a tailing reader, nothing lost or doubled when connections die."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from infra.postgres import Postgres, start_postgres
from shared import lane
from shared import writer as writing
from shared.append_sql import LOCK_KEYS
from shared.envelope import Recorded
from shared.ports import Append, Appended, NewEvent, Put, StoreUnavailable, StreamWrite, VersionConflict
from shared.store import PgStore
from tests.conformance.gapfree import TROUBLE, run
from tests.conformance.proxy import Proxy
from tests.conformance.stores import (
    IDS,
    NOW,
    TABLES,
    PgBackend,
    append,
    box,
    boxes,
    event,
    gather,
    key,
    meta,
    seen,
    told,
)
from tests.support.processes import soon

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def backend(postgres: Postgres) -> AsyncIterator[PgBackend]:
    made = await PgBackend.make(postgres)
    yield made
    await made.close()


@pytest_asyncio.fixture
async def store(backend: PgBackend) -> PgStore:
    return await backend.store()


@pytest.fixture
def own_server() -> Iterator[Postgres]:
    """A PostgreSQL of the test's own, to be killed. Commits reach the operating system, so it loses nothing."""
    with tempfile.TemporaryDirectory(prefix="plek-test-", ignore_cleanup_errors=True) as directory:
        server = start_postgres(Path(directory) / "pg", fsync=False)
        yield server
        server.stop()


# --- what is told is on the disk --------------------------------------------------------------------------------------


async def test_commits_are_synced_whatever_the_server_does_by_default(backend: PgBackend) -> None:
    """A log on the bus is not synced message by message: it is filled again from the store."""
    admin = await asyncpg.connect(backend.dsn)
    try:
        name = await admin.fetchval("select current_database()")
        await admin.execute(f'alter database "{name}" set synchronous_commit = off')
    finally:
        await admin.close()
    store, said = await backend.store(), "show synchronous_commit"
    writer = await asyncpg.connect(backend.dsn, server_settings=lane.WRITER_SETTINGS)
    try:
        by_default = await asyncpg.connect(backend.dsn)
        found = [await connection.fetchval(said) for connection in (by_default, writer, store.pool)]
        await by_default.close()
    finally:
        await writer.close()
    assert found == ["off", "on", "on"]


# --- gap-free ---------------------------------------------------------------------------------------------------------


async def test_a_tailing_reader_sees_every_acknowledged_event(backend: PgBackend) -> None:
    (await run(backend.dsn, "store")).prove()


async def test_numbers_from_a_sequence_lose_events_under_the_same_load(backend: PgBackend) -> None:
    """The harness has teeth: what most would write fails it."""
    outcome = await run(backend.dsn, "sequence")
    assert not outcome.refused
    assert outcome.lost


async def test_without_its_lock_the_store_fails_the_same_proof(backend: PgBackend) -> None:
    outcome = await run(backend.dsn, "unlocked")
    with pytest.raises(AssertionError):
        outcome.prove()


# --- a refused value fails alone --------------------------------------------------------------------------------------

NOT_STORABLE: dict[str, Callable[[], Append]] = {
    "a NUL in a row": lambda: append(rows=[Put(boxes, box("s", "bad", 1, "a\x00b"))]),
    "a NUL in a stream's name": lambda: append("bad/\x00", 0),
    "half a surrogate pair": lambda: append(rows=[Put(boxes, box("s", "bad", 1, "\ud800"))]),
    "an id that is none": lambda: Append(NOW, [StreamWrite("bad/1", 0, [NewEvent("x", "t", b"", meta())])]),
    "a number too large": lambda: append(rows=[Put(boxes, ("s", "bad", None, 2**40, None, []))]),
    "a row too short": lambda: append(rows=[Put(boxes, ("s", "bad"))]),
    "a null where none may be": lambda: append(rows=[Put(boxes, ("s", "bad", None, None, None, []))]),
    "something at the very end": lambda: Append(NOW, [StreamWrite("bad/1", 0, [event(b'{"fail":1}')])]),
}


@pytest.mark.parametrize("what", NOT_STORABLE)
async def test_what_postgresql_refuses_fails_alone(backend: PgBackend, store: PgStore, what: str) -> None:
    await backend.run(TROUBLE)
    good = [store.append(append(f"a/{n}", 0, told=[told()], rows=[Put(seen, (f"{n}",))])) for n in range(9)]
    bad = store.append(NOT_STORABLE[what]())
    results = await gather(*good[:4], bad, *good[4:])
    refusal = results.pop(4)
    assert isinstance(refusal, Exception)
    assert not isinstance(refusal, StoreUnavailable | VersionConflict)
    assert all(isinstance(result, Appended) for result in results)
    assert (await store.last_position(), await store.outbox_last("pub"), len(await store.rows(seen))) == (9, 9, 9)
    assert {e.stream for e in await store.read_all(0, 100)} == {f"a/{n}" for n in range(9)}


# --- two lanes --------------------------------------------------------------------------------------------------------

WRITERS_AT_WORK = (
    "select count(*) from pg_stat_activity where application_name = 'plek-writer' and datname = current_database()"
    " and state = 'active' and wait_event = 'advisory'"
)


Appending = Coroutine[Any, Any, Appended]


@asynccontextmanager
async def two_batches_under_way(
    backend: PgBackend,
    first: Sequence[Coroutine[Any, Any, Appended]],
    second: Callable[[], Sequence[Coroutine[Any, Any, Appended]]],
) -> AsyncIterator[list[asyncio.Task[Appended]]]:
    """Both lanes wait for the lock that somebody else holds; they get it when the block ends."""
    connection = await asyncpg.connect(backend.dsn)
    try:
        async with connection.transaction():
            await connection.execute(f"select pg_advisory_xact_lock({LOCK_KEYS})")
            results = [asyncio.create_task(work) for work in first]
            await sessions_wait(backend, 1)
            results += [asyncio.create_task(work) for work in second()]
            await sessions_wait(backend, 2)
            yield results
    finally:
        await connection.close()


async def sessions_wait(backend: PgBackend, sessions: int) -> None:
    """Returns once so many writers' sessions wait for the lock."""
    async with asyncio.timeout(20):
        while await backend.fetch(WRITERS_AT_WORK) != [(sessions,)]:
            await asyncio.sleep(0)


async def known_by_heart(store: PgStore, streams: int) -> None:
    """Only a writer that knows where the store is sends one batch behind another."""
    await gather(*(store.append(append(f"a/{n}", 0, told=[told()])) for n in range(streams)))


async def test_a_batch_leaves_behind_another_and_both_are_numbered_in_order(backend: PgBackend, store: PgStore) -> None:
    await known_by_heart(store, 20)
    first = [store.append(append(f"a/{n}", 1, 2, told=[told()])) for n in range(10)]
    later = [append(f"a/{n}", 1, told=[told()]) for n in range(10, 20)]
    async with two_batches_under_way(backend, first, lambda: [store.append(each) for each in later]) as results:
        assert not any(result.done() for result in results)
    stored = await gather(*results)
    assert [each.position for each in stored] == [*range(22, 42, 2), *range(41, 51)]
    assert [each.sequences["pub"] for each in stored] == list(range(21, 41))
    assert [event.position for event in await store.read_all(0, 100)] == list(range(1, 51))


async def test_what_was_taken_for_granted_of_a_batch_that_failed_counts_for_nothing(
    backend: PgBackend, store: PgStore
) -> None:
    """The first batch holds what cannot be stored; the second, which was numbered behind it, is stored all the same."""
    await backend.run(TROUBLE)
    await known_by_heart(store, 20)
    first = [store.append(append(f"a/{n}", 1)) for n in range(10)]
    first.insert(5, store.append(Append(NOW, [StreamWrite("bad/1", 0, [event(b'{"fail":1}')])])))
    later = [append(f"a/{n}", 1) for n in range(10, 20)]
    async with two_batches_under_way(backend, first, lambda: [store.append(each) for each in later]) as results:
        pass
    stored = await gather(*results)
    refused = stored.pop(5)
    assert isinstance(refused, Exception)
    assert sorted(each.position for each in stored) == list(range(21, 41))
    assert {(e.stream, e.version) for e in await store.read_all(20, 100)} == {(f"a/{n}", 2) for n in range(20)}


async def test_somebody_else_who_wrote_first_is_noticed_by_both_lanes(backend: PgBackend, store: PgStore) -> None:
    """As many events as the first batch holds, and on the streams of both: nothing may look as it was expected."""
    await known_by_heart(store, 20)
    other = await backend.store()
    stolen = [other.append(append(f"a/{n}", 1)) for n in range(5, 15)]
    async with two_batches_under_way(
        backend, stolen, lambda: [store.append(append(f"a/{n}", 1)) for n in range(10)]
    ) as results:
        results += [asyncio.create_task(store.append(append(f"a/{n}", 1))) for n in range(10, 20)]
        await sessions_wait(backend, 3)
    ours, theirs = results[10:], results[:10]
    stored = await gather(*ours)
    assert all(isinstance(each, Appended) for each in await gather(*theirs))
    late = [n for n, each in enumerate(stored) if isinstance(each, VersionConflict)]
    assert late == list(range(5, 15))
    everything = await store.read_all(0, 100)
    assert [event.position for event in everything] == list(range(1, 41))
    assert len({(event.stream, event.version) for event in everything}) == 40
    await other.close()


# --- lost connections -------------------------------------------------------------------------------------------------


class Load:
    """Writers that each fill a stream, one event after the other, and remember what they were told."""

    def __init__(self, store: PgStore, writers: int = 12) -> None:
        self.acknowledged: list[tuple[str, int, str, Appended]] = []
        self._store, self._stop = store, False
        self._tasks = [asyncio.create_task(self._write(f"a/{n}")) for n in range(writers)]

    async def _write(self, stream: str) -> None:
        version = 0
        while not self._stop:
            new = event()
            change = Append(NOW, [StreamWrite(stream, version, [new])], [told(new.id.encode())], [Put(seen, (stream,))])
            try:
                appended = await self._store.append(change)
            except StoreUnavailable:
                if not any(e.id == new.id for e in await self._read(stream, version)):
                    continue
                appended = Appended(0, {})
            version += 1
            self.acknowledged.append((stream, version, new.id, appended))

    async def _read(self, stream: str, version: int) -> list[Recorded]:
        while True:
            try:
                return await self._store.read_stream(stream, version)
            except StoreUnavailable:
                await asyncio.sleep(0.01)

    async def reached(self, more: int) -> None:
        """Waits until so many more events were acknowledged."""
        goal = len(self.acknowledged) + more
        await soon(lambda: len(self.acknowledged) >= goal or any(t.done() for t in self._tasks), f"{more} more", 60)

    async def prove(self) -> None:
        """Ends the load; every acknowledged event is there exactly once, where its writer was told it is."""
        self._stop = True
        assert await gather(*self._tasks) == [None] * len(self._tasks)
        everything = await self._store.read_all(0, 1_000_000)
        assert [e.position for e in everything] == list(range(1, len(everything) + 1))
        assert len(everything) == len(self.acknowledged)
        stored = {(e.stream, e.version): e for e in everything}
        messages = await self._store.read_outbox("pub", 0, 1_000_000)
        assert sorted(m.data.decode() for m in messages) == sorted(e.id for e in everything)
        for stream, version, id_, appended in self.acknowledged:
            assert stored[stream, version].id == id_
            if appended.position:
                assert appended.position == stored[stream, version].position
                assert messages[appended.sequences["pub"] - 1].data.decode() == id_


async def test_sessions_ended_in_the_middle_of_commits_lose_and_double_nothing(
    backend: PgBackend, store: PgStore
) -> None:
    connection = await asyncpg.connect(backend.dsn)
    load = Load(store)
    for _ in range(15):
        await load.reached(20)
        await connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where application_name = 'plek-writer' and datname = current_database()"
        )
    await load.reached(20)
    await load.prove()
    await connection.close()


async def test_a_server_killed_in_the_middle_of_commits_loses_and_doubles_nothing(own_server: Postgres) -> None:
    backend = await PgBackend.make(own_server)
    load = Load(await backend.store())
    for _ in range(2):
        await load.reached(200)
        own_server.kill()
        own_server.launch()
        await soon(own_server.ready, "the server is back", 60)
    await load.reached(200)
    await load.prove()
    await backend.close()


@pytest_asyncio.fixture
async def proxied(backend: PgBackend) -> AsyncIterator[tuple[Proxy, PgStore]]:
    """A store that reaches its database through a wire that can be cut."""
    async with Proxy(backend.server) as proxy:
        store = PgStore(proxy.dsn(backend.dsn), "west", "placement", TABLES)
        await store.open(NOW)
        yield proxy, store
        await store.close()


async def test_what_was_stored_before_the_answer_was_lost_is_found(proxied: tuple[Proxy, PgStore]) -> None:
    proxy, store = proxied
    await store.append(append("a/0", 0, told=[told(log="loc")]))
    proxy.swallow_answers()
    results = await gather(
        store.append(append("a/1", 0, 2, told=[told(), told(log="loc")], key=key())),
        store.append(append("b/1", 0)),
        store.append(append(told=[told()])),
        store.append(append(rows=[Put(boxes, box("s", "a", 1))])),
    )
    assert results[:3] == [Appended(3, {"pub": 1, "loc": 2}), Appended(4, {}), Appended(4, {"pub": 2})]
    assert isinstance(results[3], Appended)
    assert proxy.cuts == 1
    assert (await store.last_position(), await store.outbox_last("pub"), await store.outbox_last("loc")) == (4, 2, 2)
    assert [row["count"] for row in await store.rows(boxes)] == [1]


async def test_a_lost_session_that_still_commits_does_not_double_its_events(
    backend: PgBackend, proxied: tuple[Proxy, PgStore]
) -> None:
    """The wire is cut while the server works on the commit: the writer makes sure of its end before it tries again."""
    proxy, store = proxied
    connection = await asyncpg.connect(backend.dsn)
    await connection.execute(TROUBLE.replace("0.02", "0.5"))
    appending = asyncio.ensure_future(store.append(Append(NOW, [StreamWrite("a/1", 0, [event(b'{"slow":1}')])])))
    holding = (
        "select count(*) from pg_locks join pg_database d on d.oid = database"
        " where locktype = 'advisory' and granted and datname = current_database()"
    )
    async with asyncio.timeout(30):
        while not await connection.fetchval(holding):
            await asyncio.sleep(0)
    proxy.cut()
    async with asyncio.timeout(30):
        assert await appending == Appended(1, {})
    assert len(await store.read_all(0, 10)) == 1
    await connection.close()


async def test_a_statement_that_hangs_counts_as_a_lost_connection(
    backend: PgBackend, store: PgStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "STATEMENT_SECONDS", 0.2)
    monkeypatch.setattr(writing, "RECONNECT_SECONDS", 0.5)
    connection = await asyncpg.connect(backend.dsn)
    async with connection.transaction():
        await connection.execute(f"select pg_advisory_xact_lock({LOCK_KEYS})")
        [refused] = await gather(store.append(append("a/1", 0)))
        assert isinstance(refused, StoreUnavailable)
    await connection.close()
    monkeypatch.undo()
    assert (await store.append(append("a/1", 0))).position == 1
    assert len(await store.read_all(0, 10)) == 1


async def test_a_database_gone_for_longer_is_said_within_bounds_and_comes_back_by_itself(
    own_server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "RECONNECT_SECONDS", 0.5)
    backend = await PgBackend.make(own_server)
    store = await backend.store()
    await store.append(append("a/1", 0))
    own_server.stop()
    # More than fit in a batch: whoever came while others waited is told together with them.
    refused = await gather(*(store.append(append(f"b/{n}", 0)) for n in range(2 * writing.BATCH_MAX)))
    assert all(isinstance(result, StoreUnavailable) for result in refused)
    for read in (store.last_position(), store.read_all(0, 1), store.find_key("a", "b"), store.rows(seen)):
        with pytest.raises(StoreUnavailable):
            await read
    own_server.launch()
    await soon(own_server.ready, "the server is back", 60)
    assert (await store.append(append("a/1", 1))).position == 2
    assert await store.last_position() == 2
    await backend.close()


async def test_a_store_without_its_database_does_not_open(own_server: Postgres) -> None:
    backend = await PgBackend.make(own_server)
    own_server.stop()
    store = PgStore(backend.dsn, "west", "placement", TABLES)
    with pytest.raises(StoreUnavailable):
        await store.open(NOW)
    with pytest.raises(StoreUnavailable):
        await store.append(append("a/1", 0))
    with pytest.raises(StoreUnavailable):
        await store.last_position()
    await store.close()


async def test_a_store_of_an_earlier_site_of_this_name_does_not_open(backend: PgBackend) -> None:
    """Somebody put its database back; others have heard everything it could tell in its epoch, from another history."""
    earlier = await backend.store()
    await earlier.append(append("a/1", 0))
    again = PgStore(backend.dsn, "west", "placement", TABLES)
    with pytest.raises(StoreUnavailable, match="ends in epoch 1, and west began in epoch 2"):
        await again.open(NOW, first_epoch=2)
    await backend.begin_epoch(2)
    await again.open(NOW, first_epoch=2)
    assert again.origin.epoch == 2
    await again.close()


# --- closing, crowds, swapped tables ----------------------------------------------------------------------------------


async def test_closing_stores_what_is_waiting_and_leaves_nobody_waiting(backend: PgBackend, store: PgStore) -> None:
    waiting = [asyncio.ensure_future(store.append(append(f"a/{n}", 0))) for n in range(600)]
    await asyncio.sleep(0)
    await store.close()
    assert all(isinstance(result, Appended) for result in await gather(*waiting))
    with pytest.raises(StoreUnavailable):
        await store.append(append("a/0", 1))


async def test_closing_while_one_half_of_a_batch_has_its_answer_leaves_nobody_waiting(store: PgStore) -> None:
    closing: list[asyncio.Task[None]] = []
    store.on_batch = lambda _: closing.append(asyncio.create_task(store.close()))
    results = await gather(*(store.append(append(f"a/{n}", 0)) for n in range(40)))
    assert all(isinstance(result, Appended) for result in results)
    await gather(*closing)


async def test_closing_without_a_database_leaves_nobody_waiting(
    own_server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "CLOSE_SECONDS", 0.1)
    backend = await PgBackend.make(own_server)
    store = await backend.store()
    own_server.stop()
    waiting = [asyncio.ensure_future(store.append(append(f"a/{n}", 0))) for n in range(5)]
    await asyncio.sleep(0)
    await store.close()
    assert all(isinstance(result, StoreUnavailable) for result in await gather(*waiting))


async def test_a_crowd_is_turned_away_at_the_door(store: PgStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "QUEUE_MAX", 50)
    results = await gather(*(store.append(append(f"a/{n}", 0)) for n in range(60)))
    assert sum(isinstance(result, StoreUnavailable) for result in results) == 10
    assert await store.last_position() == 50


async def test_another_process_goes_on_writing_after_a_view_was_swapped(backend: PgBackend, store: PgStore) -> None:
    await store.append(append(rows=[Put(boxes, box("s", "a", 1))]))
    await backend.run("""
        create table boxes__new (like boxes including all);
        insert into boxes__new select * from boxes;
        drop table boxes cascade;
        alter table boxes__new rename to boxes;
    """)
    results = await gather(
        *(store.append(append(f"a/{n}", 0, rows=[Put(boxes, box("s", f"{n}", n))])) for n in range(5))
    )
    assert all(isinstance(result, Appended) for result in results)
    assert len(await store.rows(boxes)) == 6
    assert await store.last_position() == 5


async def test_positions_stay_right_when_many_streams_are_known_by_heart(
    backend: PgBackend, store: PgStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "VERSIONS_MAX", 20)
    other = await backend.store()
    for turn in range(3):
        await gather(*(store.append(append(f"a/{n}", turn)) for n in range(30)))
        await other.append(append("b/1", turn))
    assert await store.last_position() == 93


async def test_times_and_ids_are_kept_to_the_letter(store: PgStore) -> None:
    moments = [NOW + timedelta(microseconds=n * 7919) for n in range(100)]
    ids = [IDS.event_id() for _ in moments]
    for n, (moment, id_) in enumerate(zip(moments, ids, strict=True)):
        change = Append(moment, [StreamWrite("a/1", n, [NewEvent(id_, "thing-done.v1", b"{}", meta())])])
        await store.append(change)
    assert [(e.recorded_at, e.id) for e in await store.read_stream("a/1")] == list(zip(moments, ids, strict=True))
