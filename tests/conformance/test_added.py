"""Rows that come once and stay as they came: many are stored as if none were there, and one that is does no harm."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from infra.postgres import Postgres
from shared.append_sql import ADDED_MIN
from shared.ports import Delete, Put
from shared.store import PgStore
from tests.conformance.stores import PgBackend, append, lines, seen

COUNT = ADDED_MIN + 8

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def store(postgres: Postgres) -> AsyncIterator[PgStore]:
    backend = await PgBackend.make(postgres)
    yield await backend.store()
    await backend.close()


@pytest.mark.parametrize("again", [0, 1, COUNT])
async def test_of_a_heap_that_is_added_what_was_there_is_replaced(store: PgStore, again: int) -> None:
    """Rows of a table that is only added to are stored without looking for each, and none of them is lost by that."""
    await store.append(append(rows=[Put(lines, (f"n{n}", 1)) for n in range(COUNT)]))
    news = [Put(lines, (f"n{n}", 2)) for n in range(COUNT - again, 2 * COUNT)]
    await store.append(append("s", rows=[*news, Put(seen, ("x",)), Delete(lines, ("n0",))]))
    found = {row["name"]: row["count"] for row in await store.rows(lines)}
    assert found == {f"n{n}": 1 if n < COUNT - again else 2 for n in range(1, 2 * COUNT)}
    assert (len(await store.rows(seen)), await store.last_position()) == (1, 1)


async def test_a_few_that_are_there_are_replaced_too(store: PgStore) -> None:
    for count in (1, 2):
        await store.append(append(rows=[Put(lines, ("n", count))]))
    assert [row["count"] for row in await store.rows(lines)] == [2]
