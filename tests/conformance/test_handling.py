"""One command from load to answer (`shared.handling.Handler`), over the memory store and the real PostgreSQL.

The aggregate is the tests' own: a till that takes in and gives out cents, and closes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias

import msgspec
import pytest
import pytest_asyncio

from shared import handling, schema
from shared.aggregate import Aggregate
from shared.clock import SystemClock
from shared.contracts.base import Contract, Written
from shared.handling import Also, Context, Handled, Handler, KeyClaim, KeyReused
from shared.ids import SystemIds
from shared.kernel import Codec, Command, Decider, Event, Rejected
from shared.ports import (
    Append,
    Appended,
    Delete,
    KeyRecord,
    KeyTaken,
    NewEvent,
    Put,
    RowChange,
    Store,
    StreamWrite,
    VersionConflict,
)
from shared.timers import TimerCleared, TimerSet
from tests.conformance.stores import NOW, Backend, MemoryBackend, PgBackend, append, gather, key, meta, seen, write
from tests.support.memory_store import Disk, MemoryStore

pytestmark = pytest.mark.asyncio

IDS = SystemIds()
CLOSES_AT = datetime(2026, 1, 6, tzinfo=UTC)


class TakenInV1(Event, frozen=True, tag="taken-in.v1"):
    """Long ago the till counted whole euros."""

    amount_euros: int


class TakenIn(Event, frozen=True, tag="taken-in.v2"):
    amount_cents: int


def in_cents(old: TakenInV1) -> TakenIn:
    return TakenIn(old.amount_euros * 100)


class GivenOut(Event, frozen=True, tag="given-out.v1"):
    amount_cents: int


class Closed(Event, frozen=True, tag="closed.v1"):
    pass


TillEvent: TypeAlias = TakenIn | GivenOut | Closed


class TakeIn(Command, frozen=True, kw_only=True):
    amount_cents: int
    times: int = 1
    observed_at: datetime | None = None


class GiveOut(Command, frozen=True, kw_only=True):
    amount_cents: int


class Close(Command, frozen=True, kw_only=True):
    pass


TillCommand: TypeAlias = TakeIn | GiveOut | Close


class Till(msgspec.Struct, frozen=True):
    cents: int = 0
    closed: bool = False


class TillTold(Contract):
    type_name: ClassVar[str] = "nl.plek.till.till-told.v1"
    log: ClassVar[Literal["pub", "loc"]] = "pub"
    cents: int


class Telling(NamedTuple):
    event: Written[Any]
    subject: str
    observed_at: datetime | None


def decide(till: Till, command: TillCommand) -> Sequence[TillEvent] | Rejected:
    match command:
        case Close():
            return () if till.closed else [Closed()]
        case _ if till.closed:
            return Rejected("till-closed", {"cents": till.cents})
        case TakeIn():
            return [TakenIn(command.amount_cents)] * command.times
        case GiveOut() if command.amount_cents > till.cents:
            return Rejected("not-enough", {"cents": till.cents})
        case GiveOut():
            return [GivenOut(command.amount_cents)]


def evolve(till: Till, event: TillEvent) -> Till:
    match event:
        case TakenIn():
            return Till(till.cents + event.amount_cents, till.closed)
        case GivenOut():
            return Till(till.cents - event.amount_cents, till.closed)
        case Closed():
            return Till(till.cents, True)


def tell(before: Till, events: Sequence[TillEvent], after: Till) -> list[Telling]:
    return [Telling(TillTold.written(cents=after.cents), "till", NOW)] if before.cents != after.cents else []


def project(before: Till, events: Sequence[TillEvent], after: Till, at: datetime) -> list[RowChange]:
    return [Put(seen, (f"{after.cents}",)), Delete(seen, (f"{before.cents}",))]


def timers(events: Sequence[TillEvent]) -> Iterable[TimerSet | TimerCleared]:
    for event in events:
        yield TimerCleared("close") if isinstance(event, Closed) else TimerSet("close", CLOSES_AT, "closing", "a")


CODEC: Codec[TillEvent] = Codec((TakenIn, GivenOut, Closed), {TakenInV1: in_cents})
DECIDER: Decider[Till, TillCommand, TillEvent] = Decider(
    name="till",
    initial=Till(),
    decide=decide,
    evolve=evolve,
    codec=CODEC,
    state_type=Till,
    state_version=1,
)
AGGREGATE = Aggregate(DECIDER, tell, project, timers)

TillHandler: TypeAlias = Handler[Till, TillCommand, TillEvent]


def process(store: Store, aggregate: Aggregate[Till, TillCommand, TillEvent] = AGGREGATE) -> TillHandler:
    """A process that has just started: it remembers nothing."""
    return Handler(store, aggregate, SystemClock(), IDS)


def take_in(cents: int, times: int = 1) -> TakeIn:
    return TakeIn(at=NOW, role="operator", amount_cents=cents, times=times)


def give_out(cents: int) -> GiveOut:
    return GiveOut(at=NOW, role="operator", amount_cents=cents)


CLOSE = Close(at=NOW, role="operator")


def context(key: str | None = None, body: bytes = b"body", scope: str = "anna POST /till") -> Context:
    claim = None if key is None else KeyClaim(scope, key, body)
    id_ = IDS.event_id()
    return Context(id_, id_, id_, "00-" + "a" * 32 + "-" + "b" * 16 + "-01", claim)


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


@pytest_asyncio.fixture
async def handler(store: Store) -> TillHandler:
    return process(store)


# --- one command ------------------------------------------------------------------------------------------------------


async def test_everything_a_decision_changes_is_stored_with_it(store: Store, handler: TillHandler) -> None:
    where = context()
    handled = await handler.handle("a", take_in(250), where)
    assert (handled.stream, handled.version, handled.position, handled.rejected) == ("till/a", 1, 1, None)
    assert handled.replayed is False
    [event] = await store.read_stream("till/a")
    assert handled.events == [(event.id, TakenIn(250))]
    assert (event.type, event.data) == ("taken-in.v2", b'{"type":"taken-in.v2","amount_cents":250}')
    assert (event.meta.correlation_id, event.meta.causation_id) == (where.correlation_id, where.command_id)
    assert (event.meta.role, event.meta.traceparent) == ("operator", where.traceparent)
    [message] = await store.read_outbox("pub", 0, 10)
    assert (message.type, message.subject, message.data) == ("nl.plek.till.till-told.v1", "till", b'{"cents":250}')
    assert (message.correlation_id, message.causation_id) == (where.correlation_id, event.id)
    assert message.observed_at == NOW
    assert await store.rows(seen) == [{"name": "250"}]
    [timer] = await store.due_timers(CLOSES_AT, 10)
    assert (timer.id, timer.due_at, timer.kind, timer.key) == ("close", CLOSES_AT, "closing", "a")


async def test_what_was_observed_when_is_kept_with_the_event(store: Store, handler: TillHandler) -> None:
    earlier = NOW - timedelta(hours=2)
    await handler.handle("a", TakeIn(at=NOW, role="operator", amount_cents=1, observed_at=earlier), context())
    [event] = await store.read_stream("till/a")
    assert event.meta.observed_at == earlier


async def test_a_refusal_stores_nothing(store: Store, handler: TillHandler) -> None:
    await handler.handle("a", take_in(100), context())
    handled = await handler.handle("a", give_out(101), context())
    assert (handled.rejected, handled.events) == (Rejected("not-enough", {"cents": 100}), [])
    assert (await store.last_position(), await store.outbox_last("pub")) == (1, 1)


async def test_a_repeated_command_that_changes_nothing_stores_nothing(store: Store, handler: TillHandler) -> None:
    await handler.handle("a", CLOSE, context())
    handled = await handler.handle("a", CLOSE, context())
    assert (handled.rejected, handled.events, handled.version) == (None, [], 1)
    assert await store.last_position() == 1
    assert await store.due_timers(CLOSES_AT, 10) == []


@pytest.mark.parametrize("command", [take_in(1), give_out(1), CLOSE], ids=["decided", "refused", "nothing"])
async def test_what_comes_with_a_command_is_stored_whatever_is_decided(
    store: Store, handler: TillHandler, command: TillCommand
) -> None:
    await handler.handle("b", CLOSE, context())
    name = "b" if isinstance(command, Close) else "a"
    await handler.handle(name, command, context(), Also([Put(schema.cursors, ("reader", "source", "made", 7))]))
    assert [row["position"] for row in await store.rows(schema.cursors)] == [7]


@pytest.mark.parametrize("command", [take_in(1), give_out(1), CLOSE], ids=["decided", "refused", "nothing"])
async def test_somebody_elses_events_and_key_come_after_its_own_in_one_append(
    store: Store, handler: TillHandler, command: TillCommand
) -> None:
    await handler.handle("b", CLOSE, context())
    name = "b" if isinstance(command, Close) else "a"
    before, count = await store.last_position(), int(isinstance(command, TakeIn))
    handled = await handler.handle(name, command, context("k"), Also((), [write("act/1", 0)], [key("of the act")]))
    stored = await store.read_all(before, 10)
    assert [event.stream for event in stored] == ["till/a"] * count + ["act/1"]
    assert handled.position == stored[-1].position
    assert len(handled.events) == count
    assert await store.find_key("desk POST /holds", "of the act") is not None
    assert await store.find_key("anna POST /till", "k") is not None
    again = await handler.handle(name, command, context("k"), Also((), [write("act/1", 1)]))
    assert again.replayed
    assert await store.last_position() == stored[-1].position, "an old answer stores nothing"


async def test_what_comes_with_a_command_and_is_late_takes_it_along(store: Store, handler: TillHandler) -> None:
    await store.append(append("act/1", 0, key=key("of the act")))
    before = await store.last_position()
    with pytest.raises(VersionConflict, match="act/1"):
        await handler.handle("a", take_in(1), context("k"), Also((), [write("act/1", 0)]))
    with pytest.raises(KeyTaken):
        await handler.handle("a", take_in(1), context("k"), Also((), [write("act/1", 1)], [key("of the act")]))
    assert await store.last_position() == before
    assert await store.find_key("anna POST /till", "k") is None
    handled = await handler.handle("a", take_in(1), context("k"), Also((), [write("act/1", 1)]))
    assert (handled.version, handled.replayed) == (1, False)


async def test_commands_of_one_aggregate_at_once_are_decided_one_after_the_other(handler: TillHandler) -> None:
    await handler.handle("a", take_in(500), context())
    results = await gather(*(handler.handle("a", give_out(100), context()) for _ in range(12)))
    assert [result.rejected is None for result in results].count(True) == 5
    assert (await handler.load("a"))[0] == Till(0)


# --- idempotency keys -------------------------------------------------------------------------------------------------


def first_and_replays(results: Sequence[Handled]) -> tuple[Handled, list[Handled]]:
    [first] = [result for result in results if not result.replayed]
    return first, [result for result in results if result.replayed]


async def test_ten_at_once_with_one_key_are_decided_once(store: Store, handler: TillHandler) -> None:
    results = await gather(*(handler.handle("a", take_in(100, 2), context("k")) for _ in range(10)))
    first, replays = first_and_replays(results)
    assert len(replays) == 9
    for again in replays:
        assert (again.stream, again.version, again.position) == (first.stream, first.version, first.position)
        assert again.events == first.events
    assert await store.last_position() == 2


async def test_ten_at_once_in_two_processes_with_one_key_are_decided_once(backend: Backend) -> None:
    processes = [process(await backend.store()) for _ in range(2)]
    results = await gather(*(one.handle("a", take_in(100), context("k")) for one in processes * 5))
    first, replays = first_and_replays(results)
    assert len(replays) == 9
    assert all(again.events == first.events for again in replays)


async def test_the_answer_is_the_same_after_a_restart(backend: Backend, handler: TillHandler) -> None:
    first = await handler.handle("a", take_in(100, 3), context("k"))
    await handler.handle("a", give_out(50), context())
    again = await process(await backend.store()).handle("a", take_in(100, 3), context("k"))
    assert again.replayed
    assert (again.version, again.position, again.events) == (first.version, first.position, first.events)


async def test_a_refusal_stays_refused_though_it_would_be_accepted_now(backend: Backend, handler: TillHandler) -> None:
    first = await handler.handle("a", give_out(100), context("k"))
    await handler.handle("a", take_in(100), context())
    for one in (handler, process(await backend.store())):
        again = await one.handle("a", give_out(100), context("k"))
        assert again.replayed
        assert again.rejected == first.rejected == Rejected("not-enough", {"cents": 0})
    assert (await handler.load("a"))[0].cents == 100


async def test_nothing_to_do_is_an_answer_too(backend: Backend, handler: TillHandler) -> None:
    await handler.handle("a", CLOSE, context())
    await handler.handle("a", CLOSE, context("k"))
    again = await process(await backend.store()).handle("a", CLOSE, context("k"))
    assert (again.replayed, again.rejected, again.events, again.version) == (True, None, [], 1)


async def test_the_same_key_with_another_body_is_refused(backend: Backend, handler: TillHandler) -> None:
    await handler.handle("a", take_in(100), context("k"))
    await handler.handle("b", give_out(100), context("refused"))
    for one in (handler, process(await backend.store())):
        for known in ("k", "refused"):
            with pytest.raises(KeyReused):
                await one.handle("a", take_in(100), context(known, b"another body"))
    assert (await handler.load("a"))[0].cents == 100


async def test_two_bodies_at_once_with_one_key(store: Store, handler: TillHandler) -> None:
    results = await gather(*(handler.handle("a", take_in(n), context("k", b"%d" % n)) for n in range(1, 11)))
    assert sum(isinstance(result, KeyReused) for result in results) == 9
    assert await store.last_position() == 1


async def test_a_key_belongs_to_a_person_and_a_route(handler: TillHandler) -> None:
    for scope in ("anna POST /till", "bram POST /till", "anna POST /close"):
        handled = await handler.handle("a", take_in(100), context("k", scope=scope))
        assert not handled.replayed
    assert (await handler.load("a"))[0].cents == 300


# --- several processes, snapshots, old events -------------------------------------------------------------------------


async def test_a_command_is_decided_on_what_another_process_wrote(backend: Backend) -> None:
    ours, theirs = process(await backend.store()), process(await backend.store())
    await ours.handle("a", take_in(100), context())
    await theirs.handle("a", give_out(100), context())
    handled = await ours.handle("a", take_in(5), context())
    assert (handled.version, await ours.load("a")) == (3, (Till(5), 3))


async def test_a_refusal_is_never_given_on_a_state_that_is_out_of_date(backend: Backend) -> None:
    ours, theirs = process(await backend.store()), process(await backend.store())
    await ours.handle("a", take_in(10), context())
    await theirs.handle("a", take_in(90), context())
    assert (await ours.handle("a", give_out(100), context())).rejected is None
    await theirs.handle("a", take_in(1), context())
    assert (await theirs.handle("a", CLOSE, context())).events != []
    assert (await ours.handle("a", CLOSE, context())).events == []


async def test_processes_that_race_over_one_aggregate_never_give_out_too_much(backend: Backend) -> None:
    processes = [process(await backend.store()) for _ in range(3)]
    await processes[0].handle("a", take_in(1000), context())
    work = [one.handle("a", give_out(100), context()) for one in processes for _ in range(6)]
    results = await gather(*work)
    given = [r for r in results if isinstance(r, Handled) and r.rejected is None]
    refused = [r for r in results if isinstance(r, Handled) and r.rejected is not None]
    conflicts = [r for r in results if isinstance(r, VersionConflict)]
    assert len(given) + len(refused) + len(conflicts) == len(results)
    assert len(given) == 10 or conflicts
    assert (await process(await backend.store()).load("a"))[0] == Till(1000 - 100 * len(given))


async def test_a_command_gives_up_when_its_stream_never_rests() -> None:
    """Whoever is always too late is told so, and is not kept for ever."""
    backend = MemoryBackend()
    rival = await backend.store()
    tries = 0

    async def somebody_else_is_first(what: str) -> None:
        nonlocal tries
        if what == "append":
            tries += 1
            version = len(await rival.read_stream("till/a"))
            new = NewEvent(IDS.event_id(), "taken-in.v2", CODEC.encode(TakenIn(1)), meta())
            await rival.append(Append(NOW, [StreamWrite("till/a", version, [new])]))

    late = process(MemoryStore(backend.disk, "west", "placement", somebody_else_is_first))
    with pytest.raises(VersionConflict):
        await late.handle("a", take_in(1), context())
    assert tries == handling.TRIES_MAX


async def test_a_long_stream_is_loaded_from_its_snapshot(
    backend: Backend, store: Store, handler: TillHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.aggregate.SNAPSHOT_EVERY", 10)
    for _ in range(4):
        await handler.handle("a", take_in(1, 6), context())
    [row] = await store.rows(schema.snapshots)
    assert (row["stream"], row["version"], row["state_version"]) == ("till/a", 24, 1)
    await handler.handle("a", give_out(4), context())
    assert await process(await backend.store()).load("a") == (Till(20), 25)
    # A snapshot that says otherwise shows that it is what is read, and that only later events are folded onto it.
    told_otherwise = Put(schema.snapshots, ("till/a", 24, 1, msgspec.json.encode(Till(1000))))
    await store.append(Append(NOW, rows=[told_otherwise]))
    assert await process(await backend.store()).load("a") == (Till(996), 25)


async def test_a_snapshot_of_another_shape_is_not_believed(
    backend: Backend, handler: TillHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.aggregate.SNAPSHOT_EVERY", 5)
    await handler.handle("a", take_in(1, 6), context())
    newer = Decider("till", Till(), decide, evolve, CODEC, Till, state_version=2)
    later = process(await backend.store(), Aggregate(newer, tell, project, timers))
    assert await later.load("a") == (Till(6), 6)


async def test_an_event_stored_earlier_is_read_through_its_upcaster(backend: Backend, store: Store) -> None:
    old = NewEvent(IDS.event_id(), "taken-in.v1", b'{"type":"taken-in.v1","amount_euros":3}', meta())
    await store.append(Append(NOW, [StreamWrite("till/a", 0, [old])]))
    handler = process(await backend.store())
    assert await handler.load("a") == (Till(300), 1)
    await handler.handle("a", give_out(300), context())
    assert [CODEC.decode(e.data) for e in await store.read_stream("till/a")] == [TakenIn(300), GivenOut(300)]


async def test_a_replayed_answer_reads_old_events_through_their_upcaster(store: Store, handler: TillHandler) -> None:
    old = NewEvent(IDS.event_id(), "taken-in.v1", b'{"type":"taken-in.v1","amount_euros":3}', meta())
    known = KeyRecord("anna POST /till", "k", b"body", "till/a", 1, 1)
    await store.append(Append(NOW, [StreamWrite("till/a", 0, [old])], keys=[known]))
    again = await handler.handle("a", take_in(300), context("k"))
    assert again.events == [(old.id, TakenIn(300))]


class Answering(MemoryStore):
    """A store whose answer to an append is on its way for a while."""

    answer: asyncio.Event

    async def append(self, append: Append) -> Appended:
        appended = await super().append(append)
        await self.answer.wait()
        return appended


async def test_what_is_stored_already_is_loaded_by_whoever_waits_for_it_to_settle() -> None:
    store = Answering(Disk(), "west", "till")
    store.answer = asyncio.Event()
    deciding = process(store)
    await deciding.load("a")
    taken = asyncio.create_task(deciding.handle("a", take_in(5), context()))
    while not store.disk.events:
        await asyncio.sleep(0)
    assert (await deciding.load("a"))[0].cents == 0
    settled = asyncio.create_task(deciding.load_settled("a"))
    store.answer.set()
    assert (await settled)[0].cents == 5
    await taken
