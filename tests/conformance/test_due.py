"""Timers that are due: which, in what order, and how soon they are known."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio

from infra.postgres import Postgres
from shared import schema
from shared.due import OTHERS_SECONDS
from shared.ports import Delete, Put, Store
from tests.conformance.stores import NOW, Backend, MemoryBackend, PgBackend, append
from tests.support.processes import PATIENCE_SECONDS

pytestmark = pytest.mark.asyncio


def timer(id_: str, seconds: int) -> Put:
    return Put(schema.timers, (id_, NOW + timedelta(seconds=seconds), "lapse", "west"))


@pytest_asyncio.fixture(params=["memory", "postgres"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    made: Backend
    if request.param == "memory":
        made = MemoryBackend()
    else:
        made = await PgBackend.make(request.getfixturevalue("postgres"))
    yield await made.store()
    await made.close()


async def due(store: Store, seconds: int) -> list[str]:
    return [one.id for one in await store.due_timers(NOW + timedelta(seconds=seconds), 10)]


async def test_due_timers_come_longest_overdue_first(store: Store) -> None:
    await store.append(append(rows=[timer("later", 1), timer("b", 0), timer("a", 0), timer("early", -60)]))
    assert await due(store, 0) == ["early", "a", "b"]
    assert [one.id for one in await store.due_timers(NOW, 2)] == ["early", "a"]
    [first] = await store.due_timers(NOW - timedelta(seconds=60), 10)
    assert (first.id, first.due_at, first.kind, first.key) == ("early", NOW - timedelta(seconds=60), "lapse", "west")
    await store.append(append(rows=[timer("early", 2), Delete(schema.timers, ("a",))]))
    assert await due(store, 0) == ["b"]


async def test_what_this_process_sets_moves_or_clears_is_known_at_once(store: Store) -> None:
    assert await due(store, 0) == []
    await store.append(append(rows=[timer("a", 0)]))
    assert await due(store, 0) == ["a"]
    await store.append(append(rows=[timer("a", 10)]))
    assert await due(store, 9) == []
    assert await due(store, 10) == ["a"], "its time has come, and nothing else has happened"
    assert await due(store, 9) == [], "the clock was put back"
    await store.append(append(rows=[timer("a", 5)]))
    assert await due(store, 9) == ["a"]
    await store.append(append(rows=[Delete(schema.timers, ("a",))]))
    assert await due(store, 10) == []


async def test_what_another_process_sets_is_known_soon(postgres: Postgres) -> None:
    backend = await PgBackend.make(postgres)
    store, other = await backend.store(), await backend.store()
    assert await due(store, 0) == []
    await other.append(append(rows=[timer("a", 0)]))
    async with asyncio.timeout(OTHERS_SECONDS + PATIENCE_SECONDS):
        while await due(store, 0) != ["a"]:
            await asyncio.sleep(0.05)
    await backend.close()


async def test_a_timer_stored_while_it_is_looked_for_is_not_forgotten(postgres: Postgres) -> None:
    """Whatever the order of the looking, the storing and the hearing of it: nobody else stores, and no time passes."""
    backend = await PgBackend.make(postgres)
    store = await backend.store()
    for number in range(200):
        looked, _ = await asyncio.gather(due(store, 0), store.append(append(rows=[timer("a", 0)])))
        assert looked in ([], ["a"])
        assert await due(store, 0) == ["a"], number
        await store.append(append(rows=[Delete(schema.timers, ("a",))]))
        assert await due(store, 0) == []
    await backend.close()
