"""Every kind of value a view may hold comes back from PostgreSQL as it was given, and finds its row again as a key."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from infra.postgres import Postgres
from shared import schema
from shared.ports import Delete, Put
from shared.store import PgStore
from tests.conformance.stores import PgBackend, append

pytestmark = pytest.mark.asyncio

things = sa.Table(
    "things",
    sa.MetaData(),
    sa.Column("name", schema.NAME, primary_key=True),
    sa.Column("at", schema.TIME, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True),
    sa.Column("id", postgresql.UUID(as_uuid=False), primary_key=True),
    sa.Column("words", sa.Text),
    sa.Column("flag", sa.Boolean),
    sa.Column("part", sa.Double),
    sa.Column("raw", sa.LargeBinary),
    sa.Column("marks", postgresql.ARRAY(sa.Text)),
    sa.Column("always", postgresql.ARRAY(sa.Text), nullable=False),
)
KEY = (
    'größe \'n\\ "q" {a,b} $1 %s',
    datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    date(2024, 2, 29),
    -(2**63),
    "0af76519-16cd-43dd-8448-eb211c80319c",
)
WORDS = ["", "null", "NULL", '"', "\\", "{}", "a,b", "\n\t\x01", "\u2028", "مرحبا", "🙂", "\\x41", "1", "t"]


@pytest_asyncio.fixture
async def store(postgres: Postgres) -> AsyncIterator[PgStore]:
    backend = await PgBackend.make(postgres, (things,))
    yield await backend.store(extra=(things,))
    await backend.close()


@pytest.mark.parametrize(
    "rest",
    [
        (None, None, None, None, None, []),
        ("", False, 0.0, b"", [], [""]),
        *[(words, True, 0.1 + 0.2, words.encode(), [words, words], ("a", words)) for words in WORDS],
        ("long", True, -1e-300, random.Random(1).randbytes(200_000), WORDS, WORDS * 100),
    ],
)
async def test_a_row_comes_back_as_it_was_given(store: PgStore, rest: tuple[Any, ...]) -> None:
    await store.append(append(rows=[Put(things, (*KEY, *rest))]))
    (row,) = await store.rows(things)
    found = tuple(dict(row).values())
    assert found[:5] == (KEY[0], KEY[1].astimezone(UTC), *KEY[2:4], found[4])
    assert str(found[4]) == KEY[4]
    assert found[5:9] == rest[:4]
    assert found[9:] == (None if rest[4] is None else list(rest[4]), list(rest[5]))


async def test_a_row_is_found_again_by_its_key(store: PgStore) -> None:
    await store.append(append(rows=[Put(things, (*KEY, "first", None, None, None, None, []))]))
    await store.append(append(rows=[Put(things, (*KEY, "second", None, None, None, None, []))]))
    assert [row["words"] for row in await store.rows(things)] == ["second"]
    await store.append(append(rows=[Delete(things, KEY)]))
    assert await store.rows(things) == []


@pytest.mark.parametrize("less", [1, -1])
async def test_a_row_that_is_not_of_its_table_is_refused_alone(store: PgStore, less: int) -> None:
    row: tuple[Any, ...] = (*KEY, "words", None, None, None, None, [])
    bad, good = [*row, None][: len(row) - less], (*KEY[:3], 1, *row[4:])
    answers = await asyncio.gather(
        store.append(append(rows=[Put(things, tuple(bad))])),
        store.append(append(rows=[Put(things, good)])),
        return_exceptions=True,
    )
    assert isinstance(answers[0], Exception)
    assert [row["number"] for row in await store.rows(things)] == [1]
