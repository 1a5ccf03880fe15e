"""A batch is written out at once, and whoever cannot be is refused alone, in memory and on the real PostgreSQL.

The aggregate is a counter: it goes up, and what others hear of it is the number.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import ClassVar, Literal, NamedTuple

import msgspec
import pytest
import pytest_asyncio

from shared.aggregate import Aggregate
from shared.clock import SystemClock
from shared.contracts.base import Contract, Written
from shared.handling import Context, Handled, Handler
from shared.ids import SystemIds
from shared.kernel import Codec, Command, Decider, Event
from shared.ports import Put, RowChange, Store
from tests.conformance.stores import NOW, Backend, MemoryBackend, PgBackend, gather, seen
from tests.support.memory_store import MemoryStore

pytestmark = pytest.mark.asyncio

IDS = SystemIds()
UNLUCKY = 13


class Up(Command, frozen=True, kw_only=True):
    by: int


class WentUp(Event, frozen=True, tag="went-up.v1"):
    by: int


class Counter(msgspec.Struct, frozen=True):
    count: int = 0


class CountTold(Contract):
    type_name: ClassVar[str] = "nl.plek.till.count-told.v1"
    log: ClassVar[Literal["pub", "loc"]] = "pub"
    count: int


class Telling(NamedTuple):
    event: Written[CountTold]
    subject: str
    observed_at: datetime | None


class Unlucky(Exception):
    """What this aggregate cannot tell."""


def tell(before: Counter, events: Sequence[WentUp], after: Counter) -> list[Telling]:
    if after.count == UNLUCKY:
        raise Unlucky
    return [Telling(CountTold.written(count=after.count), "counter", None)]


def project(before: Counter, events: Sequence[WentUp], after: Counter, at: datetime) -> list[RowChange]:
    return [Put(seen, (f"{after.count}",))]


CODEC: Codec[WentUp] = Codec((WentUp,))
DECIDER: Decider[Counter, Up, WentUp] = Decider(
    "counter", Counter(), lambda _, up: [WentUp(up.by)], lambda counter, event: Counter(counter.count + event.by),
    CODEC, Counter,
)  # fmt: skip
AGGREGATE = Aggregate(DECIDER, tell, project, lambda _: ())


@pytest_asyncio.fixture(params=["memory", "postgres"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    made: Backend = (
        MemoryBackend() if request.param == "memory" else await PgBackend.make(request.getfixturevalue("postgres"))
    )
    yield await made.store()
    await made.close()


def up(handler: Handler[Counter, Up, WentUp], key: str, by: int) -> asyncio.Future[Handled]:
    id_ = IDS.event_id()
    command = Up(at=NOW, role="operator", by=by)
    return asyncio.ensure_future(handler.handle(key, command, Context(id_, id_, id_, None)))


async def told(store: Store) -> list[int]:
    """The numbers others may hear, the smallest first: whose state was loaded first is first."""
    return sorted(CountTold.model_validate_json(row.data).count for row in await store.read_outbox("pub", 0, 20))


async def test_what_cannot_be_written_out_is_refused_alone(store: Store) -> None:
    handler = Handler(store, AGGREGATE, SystemClock(), IDS)
    results = await gather(*(up(handler, f"{n}", n) for n in range(11, 16)))
    assert [n for n, found in enumerate(results, 11) if isinstance(found, Unlucky)] == [UNLUCKY]
    stored = [11, 12, 14, 15]
    assert await told(store) == stored
    assert {row["name"] for row in await store.rows(seen)} == {f"{n}" for n in stored}
    assert await store.read_stream("counter/13") == []


async def test_whoever_was_refused_is_decided_anew_on_what_is_stored(store: Store) -> None:
    handler = Handler(store, AGGREGATE, SystemClock(), IDS)
    await up(handler, "a", 10)
    with pytest.raises(Unlucky):
        await up(handler, "a", 3)
    assert (await up(handler, "a", 4)).version == 2
    assert await handler.load("a") == (Counter(14), 2)


async def test_two_aggregates_in_one_batch_are_each_written_out_by_their_own(store: Store) -> None:
    other = Aggregate(DECIDER, lambda *_: (), project, lambda _: ())
    loud, quiet = (Handler(store, each, SystemClock(), IDS) for each in (AGGREGATE, other))
    asked = [up(loud if n % 2 else quiet, f"{n}", n) for n in range(1, 9)]
    handled = await gather(*asked)
    assert await told(store) == [1, 3, 5, 7]
    for n, done in enumerate(handled, 1):
        assert isinstance(done, Handled)
        [event] = await store.read_stream(f"counter/{n}")
        assert (done.events, CODEC.decode(event.data)) == ([(event.id, WentUp(n))], WentUp(n))
    assert {row["name"] for row in await store.rows(seen)} == {f"{n}" for n in range(1, 9)}


async def test_several_commands_are_written_out_step_by_step(store: Store) -> None:
    steps: list[str] = []

    def watched_tell(before: Counter, events: Sequence[WentUp], after: Counter) -> list[Telling]:
        steps.append("tell")
        return tell(before, events, after)

    def watched_project(before: Counter, events: Sequence[WentUp], after: Counter, at: datetime) -> list[RowChange]:
        steps.append("project")
        return project(before, events, after, at)

    watched = Aggregate(DECIDER, watched_tell, watched_project, lambda _: ())
    handler = Handler(store, watched, SystemClock(), IDS)
    for n in range(20, 30):
        await handler.load(f"{n}")
    await gather(*(up(handler, f"{n}", n) for n in range(20, 30)))
    one_by_one, at_once = ["tell", "project"] * 10, ["tell"] * 10 + ["project"] * 10
    assert steps == (one_by_one if isinstance(store, MemoryStore) else at_once)
