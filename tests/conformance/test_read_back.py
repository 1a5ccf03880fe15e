"""What nobody could read is never told (`shared.batch.read_back`), in memory and on the real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import ClassVar, Literal

import pytest
import pytest_asyncio
from pydantic import field_validator

from shared.contracts.base import Contract
from shared.ports import Append, Untellable
from tests.conformance.stores import Backend, MemoryBackend, PgBackend, append, gather, told

pytestmark = pytest.mark.asyncio


class Priced(Contract):
    type_name: ClassVar[str] = "nl.plek.till.priced.v1"
    log: ClassVar[Literal["pub", "loc"]] = "pub"
    cents: int

    @field_validator("cents")
    @classmethod
    def affordable(cls, cents: int) -> int:
        if cents > 1_000:
            raise KeyError(cents)
        return cents


@pytest_asyncio.fixture(params=["memory", "postgres"])
async def backend(request: pytest.FixtureRequest) -> AsyncIterator[Backend]:
    made: Backend = (
        MemoryBackend() if request.param == "memory" else await PgBackend.make(request.getfixturevalue("postgres"))
    )
    yield made
    await made.close()


async def test_what_no_reader_could_read_is_refused_alone_and_nothing_of_it_is_stored(backend: Backend) -> None:
    store = await backend.store()

    def priced(stream: str, cents: object) -> Append:
        made = Priced.written(cents=cents)
        return append(stream, told=[told(made.payload, read=made.kind.read_back)])

    results = await gather(*(store.append(priced(f"a/{n}", "ten" if n == 3 else n)) for n in range(6)))
    assert [n for n, found in enumerate(results) if isinstance(found, Untellable)] == [3]
    assert str(results[3]).endswith("cents: int_type"), "it says which field, not what it holds"
    assert await store.read_stream("a/3", 0, 10) == []
    rows = await store.read_outbox("pub", 0, 10)
    stored = enumerate((0, 1, 2, 4, 5), 1)
    assert [(row.sequence, row.data) for row in rows] == [(n, b'{"cents":%d}' % cents) for n, cents in stored]


async def test_what_cannot_even_be_read_is_refused_alone_and_the_store_goes_on(backend: Backend) -> None:
    store = await backend.store()
    dear, fair = Priced.written(cents=1_001), Priced.written(cents=999)
    appends = [
        append(f"b/{n}", told=[told(one.payload, read=one.kind.read_back)]) for n, one in enumerate((fair, dear))
    ]
    async with asyncio.timeout(5):
        first, second = await gather(*map(store.append, appends))
        assert not isinstance(first, Exception), "what came with it is stored"
        assert isinstance(second, Untellable)
        assert str(second).endswith(": KeyError"), "it says what became of reading it, not what it holds"
        await store.append(append("b/2"))
    assert await store.read_stream("b/1", 0, 10) == []


async def test_whoever_waits_behind_what_is_refused_is_stored_next(backend: Backend) -> None:
    """Those of one stream never leave together; the first are refused, and nobody comes who would wake the store."""
    store = await backend.store()
    made = Priced.written(cents="ten")
    unread = [append("c/1", told=[told(made.payload, read=made.kind.read_back)]) for _ in range(4)]
    async with asyncio.timeout(5):
        *refused, stored = await gather(*map(store.append, (*unread, append("c/1"))))
    assert [type(found) for found in refused] == [Untellable] * 4
    assert not isinstance(stored, Exception)
    assert len(await store.read_stream("c/1", 0, 10)) == 1
