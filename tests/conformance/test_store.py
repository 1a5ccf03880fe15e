"""What a store promises (`shared.ports.Store`), in memory and on the real PostgreSQL."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio

from shared import schema
from shared.envelope import Log
from shared.ports import (
    GIVEN,
    Append,
    Appended,
    Delete,
    KeyTaken,
    OriginHalted,
    Put,
    Store,
    StreamWrite,
    VersionConflict,
)
from tests.conformance.stores import (
    NOW,
    Backend,
    MemoryBackend,
    PgBackend,
    append,
    box,
    boxes,
    event,
    gather,
    key,
    seen,
    told,
    write,
)

pytestmark = pytest.mark.asyncio

TRACEPARENT = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
WORDS = "é \\ \" ' {} null"


@pytest_asyncio.fixture(params=["memory", "postgres"])
async def backend(request: pytest.FixtureRequest) -> AsyncIterator[Backend]:
    made: Backend
    if request.param == "memory":
        made = MemoryBackend()
    else:
        made = await PgBackend.make(request.getfixturevalue("postgres"))
    yield made
    await made.close()


@pytest_asyncio.fixture
async def store(backend: Backend) -> Store:
    return await backend.store()


# --- events -----------------------------------------------------------------------------------------------------------


async def test_an_event_is_read_as_it_was_appended(store: Store) -> None:
    written = event(b'{"type":"thing-done.v1","n":1}', traceparent=TRACEPARENT, observed_at=NOW)
    appended = await store.append(Append(NOW, [StreamWrite("a/1", 0, [written])]))
    [read] = await store.read_stream("a/1")
    assert appended == Appended(1, {})
    assert (read.position, read.stream, read.version) == (1, "a/1", 1)
    assert (read.id, read.type, read.data, read.meta) == (written.id, written.type, written.data, written.meta)
    assert read.recorded_at == NOW


async def test_versions_count_within_a_stream_and_positions_in_the_store(store: Store) -> None:
    await store.append(append("a/1", 0, 2))
    await store.append(append("b/1", 0, 1))
    last = await store.append(append("a/1", 2, 2))
    assert last.position == 5 == await store.last_position()
    assert [e.version for e in await store.read_stream("a/1")] == [1, 2, 3, 4]
    assert [(e.position, e.stream) for e in await store.read_all(0, 10)] == [
        (1, "a/1"), (2, "a/1"), (3, "b/1"), (4, "a/1"), (5, "a/1"),
    ]  # fmt: skip


@pytest.mark.parametrize("expected", [0, 1, 3, 7])
async def test_another_version_than_expected_is_refused_and_nothing_is_stored(store: Store, expected: int) -> None:
    await store.append(append("a/1", 0, 2))
    with pytest.raises(VersionConflict) as refused:
        await store.append(append("a/1", expected, told=[told()], rows=[Put(seen, ("x",))], key=key()))
    assert refused.value.stream == "a/1"
    assert await store.last_position() == 2
    assert await store.outbox_last("pub") == 0
    assert await store.rows(seen) == []
    assert await store.find_key(*key_of()) is None


async def test_a_stream_that_does_not_exist_is_at_version_zero(store: Store) -> None:
    with pytest.raises(VersionConflict):
        await store.append(append("a/1", 1))
    assert await store.read_stream("a/1") == []
    assert await store.last_position() == 0


async def test_after_a_refusal_the_right_version_is_stored(store: Store) -> None:
    await store.append(append("a/1", 0, 2))
    for wrong in (1, 3):
        with pytest.raises(VersionConflict):
            await store.append(append("a/1", wrong))
    assert (await store.append(append("a/1", 2))).position == 3


async def test_of_many_at_once_only_the_late_ones_fail(store: Store) -> None:
    await store.append(append("late/1", 0))
    results = await gather(
        *(store.append(append(f"a/{n}", 0)) for n in range(20)),
        store.append(append("late/1", 0)),
        *(store.append(append(f"b/{n}", 0)) for n in range(20)),
        store.append(append("late/2", 5)),
    )
    assert [n for n, result in enumerate(results) if not isinstance(result, Appended)] == [20, 41]
    assert isinstance(results[20], VersionConflict)
    assert isinstance(results[41], VersionConflict)
    assert sorted(r.position for r in results if isinstance(r, Appended)) == list(range(2, 42))


async def test_of_ten_writers_at_one_version_one_wins(store: Store) -> None:
    results = await gather(*(store.append(append("a/1", 0)) for _ in range(10)))
    assert sum(isinstance(result, Appended) for result in results) == 1
    assert sum(isinstance(result, VersionConflict) for result in results) == 9
    assert len(await store.read_stream("a/1")) == 1


async def test_appends_that_follow_each_other_in_one_stream_may_wait_together(store: Store) -> None:
    results = await gather(*(store.append(append("a/1", n)) for n in range(30)))
    assert [result.position for result in results] == list(range(1, 31))
    assert [e.version for e in await store.read_stream("a/1")] == list(range(1, 31))


async def test_an_append_to_several_streams_is_stored_whole(store: Store) -> None:
    appended = await store.append(Append(NOW, [write("a/1", 0, 2), write("b/1", 0, 1)]))
    assert appended.position == 3
    assert [e.stream for e in await store.read_all(0, 10)] == ["a/1", "a/1", "b/1"]


@pytest.mark.parametrize("late", [0, 1, 2])
async def test_an_append_to_several_streams_is_refused_whole(store: Store, late: int) -> None:
    await store.append(append(f"s/{late}", 0))
    with pytest.raises(VersionConflict) as refused:
        await store.append(Append(NOW, [write(f"s/{n}", 0) for n in range(3)]))
    assert refused.value.stream == f"s/{late}"
    assert await store.last_position() == 1


async def test_a_stream_is_read_from_a_version_on_and_no_further_than_asked(store: Store) -> None:
    await store.append(append("a/1", 0, 10))
    assert [e.version for e in await store.read_stream("a/1", 4)] == [5, 6, 7, 8, 9, 10]
    assert [e.version for e in await store.read_stream("a/1", 4, 2)] == [5, 6]
    assert await store.read_stream("a/1", 10) == []
    assert await store.read_stream("a/2") == []


async def test_what_folding_needs_is_read_as_it_was_written(store: Store) -> None:
    await store.append(append("a/1", 0, 3))
    assert [tuple(row) for row in await store.read_to_fold("a/1", 1)] == [(2, b'{"n":2}'), (3, b'{"n":3}')]
    assert list(await store.read_to_fold("a/2")) == []


async def test_everything_is_read_in_pages(store: Store) -> None:
    await gather(*(store.append(append(f"a/{n}", 0, n % 3 + 1)) for n in range(40)))
    last, positions = 0, []
    while page := await store.read_all(last, 7):
        assert len(page) <= 7
        positions += [e.position for e in page]
        last = page[-1].position
    assert positions == list(range(1, await store.last_position() + 1))


# --- the outbox -------------------------------------------------------------------------------------------------------


async def test_told_rows_are_numbered_for_each_log_without_a_hole(store: Store) -> None:
    first = await store.append(append("a/1", 0, told=[told(log="pub"), told(log="loc"), told(log="pub")]))
    second = await store.append(append("a/1", 1, told=[told(log="loc")]))
    third = await store.append(append("a/1", 2))
    assert (first.sequences, second.sequences, third.sequences) == ({"pub": 2, "loc": 1}, {"loc": 2}, {})
    assert (await store.outbox_last("pub"), await store.outbox_last("loc")) == (2, 2)
    assert [m.sequence for m in await store.read_outbox("pub", 0, 10)] == [1, 2]
    assert [m.sequence for m in await store.read_outbox("loc", 1, 10)] == [2]


async def test_many_tell_at_once_and_every_number_is_used_once(store: Store) -> None:
    logs: tuple[Log, Log] = ("pub", "loc")
    results = await gather(
        *(store.append(append(f"a/{n}", 0, told=[told(log=logs[n % 2])])) for n in range(60)),
        store.append(append("a/1", 7, told=[told(log="pub")])),
    )
    assert isinstance(results.pop(), VersionConflict)
    for parity, log in enumerate(logs):
        assert sorted(r.sequences[log] for r in results[parity::2]) == list(range(1, 31))
        assert [m.sequence for m in await store.read_outbox(log, 0, 100)] == list(range(1, 31))


async def test_a_told_row_says_who_told_it_and_why(store: Store) -> None:
    row = told(b'{"free":3}', observed_at=NOW - timedelta(hours=1), traceparent=TRACEPARENT)
    await store.append(append("a/1", 0, told=[row]))
    [message] = await store.read_outbox("pub", 0, 10)
    assert message.origin == store.origin
    assert (message.log, message.sequence, message.time) == ("pub", 1, NOW)
    assert (message.id, message.type, message.subject, message.data) == (row.id, row.type, row.subject, row.data)
    assert (message.correlation_id, message.causation_id) == (row.meta.correlation_id, row.meta.causation_id)
    assert (message.observed_at, message.traceparent) == (row.meta.observed_at, row.meta.traceparent)


async def test_the_outbox_is_read_in_pages(store: Store) -> None:
    await store.append(append("a/1", 0, told=[told(b"%d" % n) for n in range(10)]))
    assert [m.data for m in await store.read_outbox("pub", 3, 4)] == [b"3", b"4", b"5", b"6"]
    assert await store.read_outbox("pub", 10, 4) == []


async def test_something_may_be_told_without_an_event(store: Store) -> None:
    assert (await store.append(append(told=[told()]))).sequences == {"pub": 1}
    assert await store.last_position() == 0


# --- rows -------------------------------------------------------------------------------------------------------------


async def test_a_row_is_put_replaced_and_deleted(store: Store) -> None:
    await store.append(append(rows=[Put(boxes, box("s", "a", 1, WORDS)), Put(seen, ("x",))]))
    assert await store.rows(boxes) == [dict(zip(boxes.columns.keys(), box("s", "a", 1, WORDS), strict=True))]
    await store.append(append(rows=[Put(boxes, box("s", "a", 2, None)), Put(seen, ("x",))]))
    assert [(row["words"], row["count"]) for row in await store.rows(boxes)] == [(None, 2)]
    assert await store.rows(seen) == [{"name": "x"}]
    await store.append(append(rows=[Delete(boxes, ("s", "a")), Delete(boxes, ("s", "gone")), Delete(seen, ("x",))]))
    assert await store.rows(boxes) == []
    assert await store.rows(seen) == []


async def test_of_several_changes_of_one_row_in_an_append_the_last_counts(store: Store) -> None:
    one, two, three = (Put(boxes, box("s", "a", n)) for n in (1, 2, 3))
    await store.append(append(rows=[one, two, Delete(boxes, ("s", "a")), three]))
    assert [row["count"] for row in await store.rows(boxes)] == [3]
    await store.append(append(rows=[one, Delete(boxes, ("s", "a"))]))
    assert await store.rows(boxes) == []
    await store.append(append(rows=[Delete(boxes, ("s", "a")), two]))
    assert [row["count"] for row in await store.rows(boxes)] == [2]


async def test_of_several_changes_of_one_row_in_appends_at_once_the_last_counts(store: Store) -> None:
    for ends_with_delete in (False, True):
        changes = [Put(boxes, box("s", "a", n)) for n in range(20)]
        work = [store.append(append(rows=[change])) for change in changes]
        if ends_with_delete:
            work.append(store.append(append(rows=[Delete(boxes, ("s", "a"))])))
        await gather(*work)
        assert [row["count"] for row in await store.rows(boxes)] == ([] if ends_with_delete else [19])


async def test_rows_of_a_refused_append_are_not_written(store: Store) -> None:
    await store.append(append("a/1", 0))
    results = await gather(
        store.append(append("b/1", 0, rows=[Put(boxes, box("s", "a", 1))])),
        store.append(append("a/1", 0, rows=[Put(boxes, box("s", "a", 2)), Put(boxes, box("s", "b", 2))])),
    )
    assert isinstance(results[1], VersionConflict)
    assert [(row["name"], row["count"]) for row in await store.rows(boxes)] == [("a", 1)]


async def test_rows_are_found_by_their_columns_in_order_of_their_key(store: Store) -> None:
    names = ["b", "a", "B", "é", "a-1", "Z"]
    await store.append(append(rows=[Put(boxes, box(shelf, name, 1)) for shelf in ("t", "s") for name in names]))
    assert [(row["shelf"], row["name"]) for row in await store.rows(boxes)] == [
        (shelf, name) for shelf in ("s", "t") for name in sorted(names)
    ]
    assert [row["name"] for row in await store.rows(boxes, shelf="t")] == sorted(names)
    assert len(await store.rows(boxes, shelf="t", name="é")) == 1
    assert await store.rows(boxes, shelf="u") == []


# --- idempotency keys -------------------------------------------------------------------------------------------------


def key_of(name: str = "k1") -> tuple[str, str]:
    return key(name).scope, name


async def test_a_key_is_kept_with_what_it_stands_for(store: Store) -> None:
    record = key(refusal=b'{"code":"no-place-free"}')
    await store.append(append("a/1", 0, key=record))
    assert await store.find_key(*key_of()) == record
    assert await store.find_key("another scope", "k1") is None
    assert await store.find_key(record.scope, "k2") is None


async def test_a_key_that_is_taken_refuses_the_whole_append(store: Store) -> None:
    await store.append(append(key=key()))
    with pytest.raises(KeyTaken):
        await store.append(append("a/1", 0, told=[told()], rows=[Put(seen, ("x",))], key=key()))
    assert (await store.last_position(), await store.outbox_last("pub"), await store.rows(seen)) == (0, 0, [])


async def test_of_two_keys_in_one_append_either_refuses_it(store: Store) -> None:
    await store.append(Append(NOW, [write("a/1", 0)], keys=[key("k1"), key("k2")]))
    for known in ("k1", "k2"):
        with pytest.raises(KeyTaken):
            await store.append(Append(NOW, [write("b/1", 0)], keys=[key("k3"), key(known)]))
    assert (await store.last_position(), await store.find_key(*key_of("k3"))) == (1, None)


async def test_of_ten_with_one_key_at_once_one_is_stored(store: Store) -> None:
    results = await gather(
        *(store.append(append(f"a/{n}", 0, key=key())) for n in range(10)),
        store.append(append("b/1", 0, key=key("k2"))),
    )
    assert isinstance(results.pop(), Appended)
    assert sum(isinstance(result, Appended) for result in results) == 1
    assert sum(isinstance(result, KeyTaken) for result in results) == 9
    assert await store.last_position() == 2


async def test_the_same_key_in_another_scope_is_another_key(store: Store) -> None:
    await store.append(append("a/1", 0, key=key(scope="anna POST /holds")))
    await store.append(append("a/1", 1, key=key(scope="bram POST /holds")))
    assert await store.last_position() == 2


# --- waking, leaving, halting -----------------------------------------------------------------------------------------


async def test_an_append_wakes_whoever_waits(store: Store) -> None:
    appended, told_count = store.appended.count, store.told.count
    waiting = asyncio.ensure_future(store.appended.wait(appended))
    await store.append(append("a/1", 0))
    async with asyncio.timeout(5):
        assert await waiting > appended
    assert store.told.count == told_count
    await store.append(append("a/1", 1, told=[told()]))
    assert store.told.count > told_count


async def test_a_caller_who_leaves_does_not_disturb_the_others(store: Store) -> None:
    tasks = [asyncio.ensure_future(store.append(append(f"a/{n}", 0, told=[told()]))) for n in range(20)]
    await asyncio.sleep(0)
    for task in tasks[::3]:
        task.cancel()
    results = await gather(*tasks)
    assert all(isinstance(result, Appended) for n, result in enumerate(results) if n % 3)
    stored = {e.stream for e in await store.read_all(0, 100)}
    assert {f"a/{n}" for n in range(20) if n % 3} <= stored
    assert await store.last_position() == len(stored) == await store.outbox_last("pub")
    for n in range(0, 20, 3):  # whether it was stored is found by looking, and the stream goes on from there
        await store.append(append(f"a/{n}", len(await store.read_stream(f"a/{n}"))))


async def test_a_halted_origin_takes_no_events_and_still_keeps_checkpoints(store: Store) -> None:
    await store.append(append("a/1", 0))
    store.halt("its log was written by somebody else")
    with pytest.raises(OriginHalted, match="somebody else"):
        await store.append(append("a/1", 1))
    await store.append(append(rows=[Put(seen, ("x",))]))
    assert store.halted == "its log was written by somebody else"
    assert (await store.last_position(), await store.rows(seen)) == (1, [{"name": "x"}])


async def test_an_epoch_begun_elsewhere_halts_this_process(backend: Backend, store: Store) -> None:
    await store.append(append("a/1", 0, told=[told()]))
    await backend.begin_epoch(4)
    results = await gather(*(store.append(append(f"b/{n}", 0)) for n in range(3)))
    assert all(isinstance(result, OriginHalted) for result in results)
    assert "epoch 4" in str(store.halted)
    assert await store.last_position() == 1


async def test_a_new_epoch_numbers_its_logs_from_one(backend: Backend, store: Store) -> None:
    await store.append(append("a/1", 0, told=[told(), told(log="loc")]))
    store.halt("the bus is ahead")
    first = [told(b'{"all":1}'), told(b'{"all":2}'), told(log="loc")]
    origin = await store.begin_epoch(first, 3, NOW)
    assert (origin.epoch, store.origin, store.halted) == (3, origin, None)
    appended = await store.append(append("a/1", 1, told=[told(b'{"next":1}')]))
    assert appended == Appended(2, {"pub": 3})
    rows = await store.read_outbox("pub", 0, 10)
    assert [(m.sequence, m.origin.epoch, m.data) for m in rows] == [
        (1, 3, b'{"all":1}'), (2, 3, b'{"all":2}'), (3, 3, b'{"next":1}'),
    ]  # fmt: skip
    assert (await backend.store()).origin.epoch == 3


# --- readers ----------------------------------------------------------------------------------------------------------


def read_to(epoch: int, sequence: int, reader: str = "view") -> Put:
    return Put(schema.checkpoints, (reader, "west/placement", "pub", epoch, sequence))


async def test_a_checkpoint_never_moves_back_and_takes_nothing_with_it(store: Store) -> None:
    await store.append(append(rows=[read_to(1, 7), read_to(1, 8), Put(boxes, box("a", "1", 1))]))
    late, other = await gather(
        store.append(append(rows=[read_to(1, 5), Put(boxes, box("a", "2", 2))])),
        store.append(append(rows=[read_to(1, 3, "another view")])),
    )
    assert isinstance(late, VersionConflict)
    assert isinstance(other, Appended)
    await store.append(append(rows=[read_to(1, 8), Put(seen, ("x",))]))
    await store.append(append(rows=[read_to(2, 1)]))
    rows = await store.rows(schema.checkpoints, reader="view")
    assert [(row["epoch"], row["sequence"]) for row in rows] == [(2, 1)]
    assert [row["name"] for row in await store.rows(boxes)] == ["1"]


# --- several processes ------------------------------------------------------------------------------------------------


async def test_what_one_process_stored_another_sees(backend: Backend) -> None:
    ours, theirs = await backend.store(), await backend.store()
    await ours.append(append("a/1", 0, told=[told()], rows=[Put(seen, ("x",))], key=key()))
    assert len(await theirs.read_stream("a/1")) == 1
    with pytest.raises(VersionConflict):
        await theirs.append(append("a/1", 0))
    with pytest.raises(KeyTaken):
        await theirs.append(append("b/1", 0, key=key()))
    await theirs.append(append("a/1", 1, told=[told()]))
    with pytest.raises(VersionConflict):
        await ours.append(append("a/1", 1))
    assert (await ours.append(append("a/1", 2, told=[told()]))).sequences == {"pub": 3}


@pytest.mark.parametrize("seed", [1, 2])
async def test_processes_that_race_over_the_same_streams_lose_nothing(backend: Backend, seed: int) -> None:
    """Two stores on one memory, eight writers each, four streams: every acknowledged event is there once."""
    dice = random.Random(seed)
    stores = [await backend.store(), await backend.store()]
    acknowledged: list[str] = []
    refused = 0

    async def work(store: Store, number: int) -> None:
        nonlocal refused
        for turn in range(25):
            stream = f"s/{dice.randrange(4)}"
            version = len(await store.read_stream(stream))
            mine = event()
            rows = [Put(boxes, box("last", stream, version + 1))]
            try:
                change = Append(NOW, [StreamWrite(stream, version, [mine])], [told(mine.id.encode())], rows)
                appended = await store.append(change)
                acknowledged.append(mine.id)
                assert appended.sequences["pub"] == appended.position
            except VersionConflict:
                refused += 1
            if turn % 5 == number % 5:
                await asyncio.sleep(0)

    assert await gather(*(work(store, n) for n, store in enumerate(stores * 8))) == [None] * 16
    everything = await stores[0].read_all(0, 1000)
    assert [e.position for e in everything] == list(range(1, len(acknowledged) + 1))
    assert sorted(e.id for e in everything) == sorted(acknowledged)
    assert [m.data.decode() for m in await stores[1].read_outbox("pub", 0, 1000)] == [e.id for e in everything]
    for n in range(4):
        versions = [e.version for e in await stores[1].read_stream(f"s/{n}")]
        assert versions == list(range(1, len(versions) + 1))
        assert [row["count"] for row in await stores[0].rows(boxes, name=f"s/{n}")] == [len(versions)]
    assert refused > 0, "nobody raced"


async def test_a_page_of_a_table_goes_on_behind_its_last_key(store: Store) -> None:
    due = NOW + timedelta(minutes=30)
    rows = [Put(schema.timers, (f"t{n}", due, "odd" if n % 2 else "even", "house")) for n in range(1, 8)]
    await store.append(append(rows=rows))
    first = await store.page(schema.timers, None, 2, kind="odd")
    rest = await store.page(schema.timers, first[-1]["id"], 9, kind="odd")
    assert [row["id"] for row in first + rest] == ["t1", "t3", "t5", "t7"]
    assert await store.page(schema.timers, "t7", 9) == []
    named = await store.page(schema.timers, "t1", 2, kind="odd", id=["t6", "t1", "t3", "t9", "t5", "t7"])
    assert [row["id"] for row in named] == ["t3", "t5"]


async def test_a_page_tells_null_from_given(store: Store) -> None:
    await store.append(append(rows=[Put(schema.timers, ("t1", NOW, "kind", "house"))]))
    assert await store.page(schema.timers, None, 9, kind=None) == []
    assert [row["id"] for row in await store.page(schema.timers, None, 9, kind=GIVEN)] == ["t1"]
