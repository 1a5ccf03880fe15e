"""A database that comes back older than what this process has stored: it is noticed before anything is written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from infra.postgres import Postgres
from shared import schema
from shared.ports import Append, Put, StoreUnavailable
from shared.store import PgStore
from tests.conformance.stores import NOW, PgBackend, append, told

LOSE_CONNECTIONS = "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"  # noqa: E501


@pytest_asyncio.fixture
async def backend(postgres: Postgres) -> AsyncIterator[PgBackend]:
    made = await PgBackend.make(postgres)
    yield made
    await made.close()


async def watched(backend: PgBackend) -> tuple[PgStore, asyncio.Future[str]]:
    store = await backend.store()
    over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    store.on_over = over.set_result
    return store, over


def checkpoint(sequence: int, origin: str = "noord/placement") -> Append:
    return Append(NOW, rows=[Put(schema.checkpoints, ("capacity", origin, "pub", 1, sequence))])


async def test_a_told_row_that_is_gone_ends_the_process_and_nothing_is_written(backend: PgBackend) -> None:
    store, over = await watched(backend)
    await store.append(append("a/1", told=[told(), told()]))
    await backend.run("delete from outbox where sequence = 2")
    await backend.run(LOSE_CONNECTIONS)
    with pytest.raises(StoreUnavailable):
        await store.append(append("a/1", 1, told=[told()]))
    assert "row 2 of its pub log is not there" in await asyncio.wait_for(over, 10)
    assert store.halted is not None
    assert await backend.fetch("select count(*) from events") == [(1,)]


async def test_another_row_in_its_place_is_noticed_too(backend: PgBackend) -> None:
    store, over = await watched(backend)
    await store.append(append("a/1", told=[told()]))
    await backend.run("update outbox set id = gen_random_uuid()")
    await backend.run(LOSE_CONNECTIONS)
    with pytest.raises(StoreUnavailable):
        await store.append(append("a/1", 1))
    assert "older than this process" in await asyncio.wait_for(over, 10)


async def test_a_view_that_was_further_is_not_gone_on_with(backend: PgBackend) -> None:
    """From memory the reader would apply the next message, and what came before it would be missing for good."""
    store, over = await watched(backend)
    await store.append(checkpoint(3, "stad/placement"))
    await store.append(checkpoint(7))
    await backend.run("update checkpoints set sequence = 5 where origin = 'noord/placement'")
    await backend.run(LOSE_CONNECTIONS)
    with pytest.raises(StoreUnavailable):
        await store.append(checkpoint(8))
    assert "its reader capacity was further" in await asyncio.wait_for(over, 10)
    at = "select sequence from checkpoints where origin = 'noord/placement'"
    assert await backend.fetch(at) == [(5,)]


async def test_a_process_with_nothing_to_write_notices_too(backend: PgBackend) -> None:
    store, over = await watched(backend)
    await store.append(append("a/1", told=[told()]))
    await store.compare()
    assert not over.done()
    await backend.run("delete from outbox")
    await store.compare()
    assert "older than this process" in await asyncio.wait_for(over, 10)


async def test_a_connection_that_is_lost_and_made_again_ends_nothing(backend: PgBackend) -> None:
    store, over = await watched(backend)
    await store.append(append("a/1", told=[told()]))
    await store.append(checkpoint(7))
    await backend.run("update checkpoints set sequence = 9")  # another process of the service has read on
    await backend.run(LOSE_CONNECTIONS)
    await store.append(append("a/1", 1, told=[told()]))
    assert (over.done(), store.halted) == (False, None)
    assert await store.outbox_last("pub") == 2


async def test_what_is_stored_while_the_database_is_asked_ends_nothing(backend: PgBackend) -> None:
    """The answer to the question is older than what was stored since; under load that is no rare moment."""
    store, over = await watched(backend)
    await store.append(checkpoint(1))

    async def read_on() -> None:
        for sequence in range(2, 400):
            await store.append(checkpoint(sequence))
            if sequence % 50 == 0:
                await store.append(append(f"a/{sequence}", told=[told()]))

    reading = asyncio.create_task(read_on())
    asked = 0
    while not reading.done() and not over.done():
        await store.compare()
        asked += 1
    assert (over.done(), store.halted) == (False, None)
    await reading
    assert asked > 1
