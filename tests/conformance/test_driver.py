"""The driver's questions about what kind of thing a value is: answered sooner, and answered the same."""

from __future__ import annotations

from collections import deque
from types import ModuleType
from typing import Any

import asyncpg
import pytest
from asyncpg.protocol import protocol

from infra.postgres import Postgres
from shared import driver


def test_the_driver_still_asks_by_these_names() -> None:
    """When a newer driver asks otherwise, commands cost a fifteenth more, and nobody would notice."""
    iterable, sized, mapping = (getattr(protocol, name) for name in driver.NAMES)
    assert all(isinstance(asked, tuple) for asked in (iterable, sized, mapping))
    assert all(isinstance(thing, iterable) for thing in ((1,), [1], "a", {1}, deque([1])))
    assert all(isinstance(thing, sized) for thing in ((1,), [1], "a", {1}, deque([1])))
    assert not isinstance(iter([1]), sized)
    assert not isinstance(1, iterable)
    assert isinstance({}, mapping)
    assert not isinstance((1,), mapping)


def test_a_driver_that_asks_otherwise_is_left_alone() -> None:
    other = ModuleType("other")
    driver.answer_sooner(other)
    assert not any(hasattr(other, name) for name in driver.NAMES)


@pytest.mark.parametrize(
    ("type_", "given", "back"),
    [
        ("int[]", [1, None, 3], [1, None, 3]),
        ("int[]", (1, 2), [1, 2]),
        ("int[]", deque([1, 2]), [1, 2]),
        ("int[]", [[1, 2], [3, 4]], [[1, 2], [3, 4]]),
        ("text[]", ["a", "bé", ""], ["a", "bé", ""]),
        ("text[]", [], []),
        ("pair[]", [("a", 1), ("b", None)], [("a", 1), ("b", None)]),
        ("pair[]", [{"name": "a", "number": 1}], [("a", 1)]),
        ("pair", {"number": 2}, (None, 2)),
    ],
)
async def test_what_is_written_is_what_was_given(postgres: Postgres, type_: str, given: Any, back: Any) -> None:
    connection = await asyncpg.connect(postgres.dsn())
    try:
        await connection.execute("create type pg_temp.pair as (name text, number int)")
        got = await connection.fetchval(f"select $1::{type_.replace('pair', 'pg_temp.pair')}", given)
        assert got == back
        with pytest.raises(asyncpg.DataError):
            await connection.fetchval("select $1::int[]", 5)
        with pytest.raises(asyncpg.DataError):
            await connection.fetchval("select $1::int[]", {"a": 1})
        with pytest.raises(asyncpg.DataError):
            await connection.fetchval("select $1::text[]", "not a list")
    finally:
        await connection.close()
