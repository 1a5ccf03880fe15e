"""What a reader promises: of every origin the last sequence + 1 and nothing else, effects and checkpoint together, and
trouble that stays where it is. In memory and on the real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from typing import Annotated, Any, ClassVar, Literal

import msgspec
import pytest
import pytest_asyncio
import sqlalchemy as sa
from pydantic import Field

from shared import inbox, schema
from shared.clock import Clock, SystemClock
from shared.contracts.base import Contract
from shared.envelope import Log, Message, Origin
from shared.inbox import Follow, Reader, View
from shared.inbox_batch import SHARED_BYTES_MAX, Undigestible, Work, understood
from shared.ports import Append, Appended, Delivery, Put, RowChange, SourceRemade, Store, StoreUnavailable
from tests.conformance.stores import NOW, Backend, MemoryBackend, PgBackend, tables
from tests.support.processes import soon

counts = sa.Table(
    "counts",
    tables,
    sa.Column("origin", schema.NAME, primary_key=True),
    sa.Column("name", schema.NAME, primary_key=True),
    sa.Column("value", sa.SmallInteger, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
)
"""The view under test: the last value each origin told of each name."""


class Counted(Contract):
    """A told event of the tests' own."""

    type_name: ClassVar[str] = "nl.plek.placement.counted.v1"
    log: ClassVar[Literal["pub", "loc"]] = "pub"

    name: Annotated[str, Field(min_length=1)]
    value: int


def project(message: Message, contract: Contract) -> Iterable[RowChange]:
    assert isinstance(contract, Counted)
    if contract.name == "unlucky":
        raise ArithmeticError("a view that cannot make sense of it")
    yield Put(counts, (message.origin.key, contract.name, contract.value, message.sequence))


VIEW = View("counts", (counts,), {Counted.type_name: Counted}, project)
WEST, NOORD = Origin("west", "placement", 1), Origin("noord", "placement", 1)


def message(sequence: int, value: int | None = None, origin: Origin = WEST, **more: Any) -> Message:
    told = {"name": more.pop("name", "beds"), "value": sequence if value is None else value}
    body = more.pop("data", msgspec.json.encode(told))
    fields: dict[str, Any] = {
        "origin": origin, "log": "pub", "sequence": sequence, "id": f"00000000-0000-7000-8000-{sequence:012d}",
        "type": Counted.type_name, "subject": "west", "time": NOW, "data": body,
        "correlation_id": f"{'c' * 8}-0000-4000-8000-{'c' * 12}",
        "causation_id": f"{'d' * 8}-0000-4000-8000-{'d' * 12}",
    }  # fmt: skip
    return Message(**(fields | more))


class Shelf:
    """A source under the test's hand: whatever is put on it comes, in that order; it can be made anew."""

    name = "CITY"

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self.number = 1
        self.reads: list[int] = []
        self.more = asyncio.Event()

    def put(self, *messages: Message | tuple[str, str]) -> None:
        for item in messages:
            position = len(self.deliveries) + 1
            if isinstance(item, Message):
                self.deliveries.append(Delivery(position, "", item))
            else:
                subject, problem = item
                self.deliveries.append(Delivery(position, subject, None, problem, "as a test wants it", b"?"))
        self.more.set()

    def remake(self, *messages: Message) -> None:
        self.deliveries, self.number = [], self.number + 1
        self.put(*messages)

    async def incarnation(self) -> str:
        return str(self.number)

    async def batches(self, after: int) -> AsyncGenerator[Sequence[Delivery], None]:
        self.reads.append(after)
        number = self.number
        while True:
            self.more.clear()
            if number != self.number:
                raise SourceRemade(self.name)
            if len(self.deliveries) > after:
                batch = self.deliveries[after:]
                after = batch[-1].position
                yield batch
            else:
                await self.more.wait()


class Desk:
    """A reader at work on a shelf, over one backend; `restart` is what a crash and a new process amount to."""

    def __init__(self, backend: Backend) -> None:
        self._backend, self.shelf, self.view = backend, Shelf(), VIEW
        self._task: asyncio.Task[None] | None = None
        self.store: Store
        self.reader: Reader

    async def start(
        self, skip_site: str | None = None, gather_seconds: float = 0.0, clock: Clock | None = None
    ) -> None:
        self.store = await self._backend.store()
        self.reader = Reader(self.store, self.view, clock or SystemClock())
        self._task = asyncio.create_task(self.reader.run(Follow(self.shelf, skip_site, gather_seconds)))

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def restart(self, view: View | None = None) -> None:
        """view: what the program is from now on; the same as before unless it is given."""
        self.view = view or self.view
        await self.stop()
        await self.start()

    async def another(self) -> Desk:
        """A second process of the same service, on the same shelf."""
        other = Desk(self._backend)
        other.shelf, other.view = self.shelf, self.view
        await other.start()
        return other

    async def read(self) -> None:
        """Returns when everything on the shelf was looked at."""
        wanted = len(self.shelf.deliveries)
        async with asyncio.timeout(20):
            while True:
                seen = self.reader.applied.count
                if self.reader.looked_at(self.shelf.name) == (str(self.shelf.number), wanted):
                    return
                await self.reader.applied.wait_at_most(seen, 0.05, SystemClock())

    async def values(self) -> dict[tuple[str, str], int]:
        return {(row["origin"], row["name"]): row["value"] for row in await self.store.rows(counts)}

    async def cursors(self) -> list[int]:
        """What is written down of where it is."""
        return [row["position"] for row in await self.store.rows(schema.cursors, reader="counts")]

    async def parked(self) -> list[tuple[str, str]]:
        rows = await self.store.rows(schema.parked, reader="counts")
        return sorted((row["origin"], row["code"]) for row in rows)


async def _memory(_: pytest.FixtureRequest) -> Backend:
    return MemoryBackend()


async def _postgres(request: pytest.FixtureRequest) -> Backend:
    backend = await PgBackend.make(request.getfixturevalue("postgres"), (counts,))
    backend.store = _with_counts(backend)  # type: ignore[method-assign]
    return backend


@pytest_asyncio.fixture(params=[_memory, _postgres], ids=["memory", "postgres"])
async def desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    backend = await request.param(request)
    desk = Desk(backend)
    await desk.start()
    yield desk
    await desk.stop()
    await backend.close()


def _with_counts(backend: PgBackend) -> Any:
    make = backend.store
    return lambda: make(extra=(counts,))


async def test_messages_are_applied_in_order_and_the_checkpoint_says_how_far(desk: Desk) -> None:
    desk.shelf.put(message(1), message(2), message(1, 7, NOORD))
    await desk.read()
    assert await desk.values() == {("west/placement", "beds"): 2, ("noord/placement", "beds"): 7}
    assert desk.reader.checkpoint("west/placement") == (1, 2)
    assert desk.reader.checkpoint("noord/placement") == (1, 1)


async def test_what_came_before_is_a_duplicate_however_it_comes(desk: Desk) -> None:
    desk.shelf.put(message(1), message(2), message(2, 99), message(1, 98), message(3), message(3, 97))
    await desk.read()
    assert await desk.values() == {("west/placement", "beds"): 3}
    await desk.restart()
    desk.shelf.remake(message(1, 96), message(2, 95), message(3, 94), message(4))
    await desk.read()
    assert await desk.values() == {("west/placement", "beds"): 4}


async def test_after_a_crash_reading_goes_on_behind_the_last_batch_stored(desk: Desk) -> None:
    desk.shelf.put(message(1), message(2))
    await desk.read()
    await desk.restart()
    desk.shelf.put(message(3))
    await desk.read()
    assert desk.shelf.reads == [0, 2]
    assert await desk.values() == {("west/placement", "beds"): 3}


async def test_a_hole_is_fetched_again_and_then_waited_for_while_others_flow(desk: Desk) -> None:
    desk.shelf.put(message(1), message(3), message(1, 5, NOORD))
    await desk.read()
    assert desk.shelf.reads == [0, 0], "once more from the checkpoint, no oftener"
    assert await desk.values() == {("west/placement", "beds"): 1, ("noord/placement", "beds"): 5}
    assert await desk.parked() == [("west/placement", "sequence-gap")]
    assert desk.reader.incomplete == {"west/placement": "sequence-gap"}
    desk.shelf.put(message(2), message(3))
    await desk.read()
    assert await desk.values() == {("west/placement", "beds"): 3, ("noord/placement", "beds"): 5}
    assert await desk.parked() == []
    assert desk.reader.incomplete == {}


async def test_of_each_log_one_row_says_how_far_and_the_last_one_counts(desk: Desk) -> None:
    """A batch brings what was missing behind what came too early."""
    async with desk.reader.resting():
        work = Work(desk.reader, "CITY", "1")
        for position, sequence in enumerate((1, 2, 5, 3, 4), 1):
            await work.take(Delivery(position, "", message(sequence)), refetch=False)
        said = [row.values[3:] for row in work.rows if isinstance(row, Put) and row.table is schema.checkpoints]
        assert said == [(1, 2), (1, 2), (1, 4)], "reached, said again with what came too early, reached"
        assert work.checkpoints[("west/placement", "pub")] == (1, 4)


def test_what_a_small_message_says_is_read_once_for_all_readers() -> None:
    small, large = message(1), message(2, name="b" * SHARED_BYTES_MAX)
    assert understood(Counted, small.data) is understood(Counted, bytes(bytearray(small.data)))
    assert understood(Counted, large.data) is not understood(Counted, large.data)
    for _ in range(2):
        with pytest.raises(Undigestible, match="body-invalid"):
            understood(Counted, b"{}")


async def test_a_hole_is_remembered_over_a_restart_and_closes_afterwards(desk: Desk) -> None:
    desk.shelf.put(message(1), message(3))
    await desk.read()
    await desk.restart()
    desk.shelf.put(message(2))
    await desk.read()
    assert await desk.parked() == []
    assert desk.reader.checkpoint("west/placement") == (1, 2)


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (message(2, data=b"{"), "body-invalid"),
        (message(2, data=b'{"name":"","value":1}'), "body-invalid"),
        (message(2, data=b'{"name":"beds","value":1,"more":true}'), "body-invalid"),
        (message(2, data=b"\xff\xfe"), "body-invalid"),
        (message(2, type="nl.plek.placement.counted.v2"), "version-unknown"),
        (message(2, name="unlucky"), "handler-failed"),
        (("plek.west.pub.placement.counted", "header-missing"), "header-missing"),
        (("plek.west.pub.placement.counted", "origin-mismatch"), "origin-mismatch"),
        (("plek.west.pub.placement.counted", "data-too-large"), "data-too-large"),
    ],
)
async def test_what_cannot_be_digested_is_parked_and_halts_its_origin_only(
    desk: Desk, bad: Message | tuple[str, str], code: str
) -> None:
    desk.shelf.put(message(1), bad, message(2, 50), message(3, 51), message(1, 6, NOORD), message(2, 7, NOORD))
    await desk.read()
    assert await desk.values() == {("west/placement", "beds"): 1, ("noord/placement", "beds"): 7}
    assert await desk.parked() == [("west/placement", code)]
    await desk.restart()
    desk.shelf.put(message(4))
    await desk.read()
    assert desk.reader.incomplete == {"west/placement": code}
    assert desk.reader.checkpoint("west/placement") == (1, 1)


async def test_a_type_nobody_here_subscribes_to_counts_as_applied(desk: Desk) -> None:
    desk.shelf.put(
        message(1), message(2, type="nl.plek.placement.something-else.v3", data=b"not even JSON"), message(3)
    )
    await desk.read()
    assert await desk.values() == {("west/placement", "beds"): 3}
    assert await desk.parked() == []


async def test_a_heap_of_what_nobody_here_wants_is_passed_by_number_by_number(desk: Desk) -> None:
    """Only the first of its type is looked at; a number that is missing among them is missed all the same."""
    nobodys = [message(n, type="nl.plek.placement.something-else.v3", data=b"?") for n in range(2, 60)]
    desk.shelf.put(message(1), *nobodys[:38], message(40, 7))
    await desk.read()
    assert desk.reader.passed_by == {"nl.plek.placement.something-else.v3"}
    assert (await desk.values(), desk.reader.checkpoint("west/placement")) == ({("west/placement", "beds"): 7}, (1, 40))
    desk.shelf.put(*nobodys[39:50], *nobodys[51:], message(60, 8))
    await desk.read()
    assert desk.reader.checkpoint("west/placement") == (1, 51)
    desk.shelf.put(*nobodys[50:], message(60, 8))  # a source goes on from what came, so the rest comes again
    await desk.read()
    assert (await desk.values(), desk.reader.checkpoint("west/placement")) == ({("west/placement", "beds"): 8}, (1, 60))
    assert await desk.parked() == []


async def test_a_message_of_nobodys_log_is_parked_and_halts_nobody(desk: Desk) -> None:
    desk.shelf.put(message(1), ("somewhere.else", "no-headers"), message(2))
    await desk.read()
    assert await desk.values() == {("west/placement", "beds"): 2}
    assert await desk.parked() == [("", "no-headers")]


async def test_a_new_epoch_begins_at_one_and_drops_what_the_old_one_told(desk: Desk) -> None:
    second = Origin("west", "placement", 2)
    desk.shelf.put(message(1), message(2, name="seats"), message(1, 5, NOORD), message(1, 40, second))
    await desk.read()
    assert await desk.values() == {("west/placement", "beds"): 40, ("noord/placement", "beds"): 5}
    assert desk.reader.checkpoint("west/placement") == (2, 1)
    desk.shelf.put(message(3, 77), message(2, 41, second))
    await desk.read()
    assert await desk.values() == {("west/placement", "beds"): 41, ("noord/placement", "beds"): 5}


async def test_an_epoch_is_not_joined_in_the_middle(desk: Desk) -> None:
    desk.shelf.put(message(1), message(2, 40, Origin("west", "placement", 2)))
    await desk.read()
    assert await desk.values() == {("west/placement", "beds"): 1}
    assert await desk.parked() == [("west/placement", "sequence-gap")]


async def test_the_own_site_is_heard_another_way(desk: Desk) -> None:
    await desk.stop()
    await desk.start(skip_site="west")
    desk.shelf.put(message(1), ("plek.west.pub.placement.counted", "no-headers"), message(1, 5, NOORD))
    await desk.read()
    assert await desk.values() == {("noord/placement", "beds"): 5}
    assert await desk.parked() == []


async def test_what_means_nothing_to_a_reader_costs_no_append(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is in a source is written down with the next thing that counts, or every so often."""
    monkeypatch.setattr(inbox, "CURSOR_EVERY", 50)
    await desk.stop()
    await desk.start(skip_site="west")
    desk.shelf.put(*(message(n) for n in range(1, 11)))
    await desk.read()
    assert await desk.cursors() == []
    desk.shelf.put(message(1, 7, NOORD))
    await desk.read()
    assert await desk.cursors() == [11]
    desk.shelf.put(*(message(n) for n in range(11, 71)))
    await desk.read()
    assert await desk.cursors() == [71]
    await desk.stop()
    await desk.start(skip_site="west")
    desk.shelf.put(message(2, 8, NOORD))
    await desk.read()
    assert await desk.values() == {("noord/placement", "beds"): 8}


class GatheringClock(SystemClock):
    """Its short sleeps, in which a reader gathers, end when the test says so."""

    def __init__(self) -> None:
        self.asleep, self.wake = asyncio.Event(), asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.asleep.set()
        await self.wake.wait()


async def test_a_busy_source_is_gathered_and_a_quiet_one_is_heard_at_once(desk: Desk) -> None:
    clock = GatheringClock()
    await desk.stop()
    await desk.start(gather_seconds=3600.0, clock=clock)  # longer than any database takes: it always gathers
    batches: list[int] = []
    desk.reader.on_rows = lambda rows: batches.append(sum(row.table is counts for row in rows))
    desk.shelf.put(message(1))
    await desk.read()
    async with asyncio.timeout(20):
        await clock.asleep.wait()
    for n in range(2, 7):
        desk.shelf.put(message(n))
    assert desk.reader.checkpoint("west/placement") == (1, 1)
    clock.wake.set()
    await desk.read()
    assert batches == [1, 5]


async def test_the_two_logs_of_an_origin_are_counted_apart(desk: Desk) -> None:
    other: Log = "loc"
    desk.shelf.put(message(1), message(1, 9, log=other, name="local"), message(2))
    await desk.read()
    assert await desk.values() == {("west/placement", "beds"): 2, ("west/placement", "local"): 9}


class Failing:
    """A store that loses its database now and then, around the real one."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.failures = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def append(self, append: Append) -> Appended:
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("the database is away")
        return await self._store.append(append)


async def test_a_lost_database_is_waited_for_and_nothing_is_skipped(desk: Desk) -> None:
    await desk.stop()
    store = Failing(desk.store)
    desk.reader = Reader(store, VIEW, SystemClock())
    store.failures = 2
    task = asyncio.create_task(desk.reader.run(Follow(desk.shelf)))
    desk.shelf.put(message(1), message(2))
    await desk.read()
    assert await desk.values() == {("west/placement", "beds"): 2}
    await soon(lambda: store.failures == 0, "both failures to be used up")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("desk", [_postgres], ids=["postgres"], indirect=True)  # memory refuses no value
async def test_a_value_the_database_refuses_is_parked_alone(desk: Desk) -> None:
    desk.shelf.put(message(1), message(2, 10**6), message(1, 5, NOORD))
    await desk.read()
    assert await desk.values() == {("west/placement", "beds"): 1, ("noord/placement", "beds"): 5}
    assert await desk.parked() == [("west/placement", "not-storable")]
