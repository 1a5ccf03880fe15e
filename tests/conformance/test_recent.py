"""What a process remembers of its outbox: what it stored last, and never more than the database would say."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import msgspec
import pytest_asyncio

from infra.postgres import Postgres
from shared.batch import Grown, ToldRow
from shared.envelope import Meta
from shared.ports import Told
from shared.recent import Recent
from shared.store import PgStore
from tests.conformance.stores import IDS, NOW, TABLES, PgBackend, append, gather, told


@pytest_asyncio.fixture
async def backend(postgres: Postgres) -> AsyncIterator[PgBackend]:
    made = await PgBackend.make(postgres)
    yield made
    await made.close()


META = Meta("c", "d", "system")


def grown(*sequences: int, data: bytes = b"") -> Grown:
    """Rows that say which they are, or `data`."""
    rows: list[ToldRow] = [
        (Told("pub", IDS.event_id(), "nl.plek.placement.thing-told.v1", "west", data or b"%d" % sequence, META), NOW)
        for sequence in sequences
    ]
    return Grown(sequences[0], rows)


def sequences(rows: Sequence[ToldRow] | None) -> list[int] | None:
    return None if rows is None else [int(told.data) for told, _ in rows]


def test_it_answers_for_what_it_has_and_for_nothing_else() -> None:
    recent = Recent()
    assert recent.after("pub", 0, 10) is None
    recent.add("pub", grown(5))
    recent.add("pub", grown(6, 7, 8))
    assert sequences(recent.after("pub", 4, 10)) == [5, 6, 7, 8]
    assert sequences(recent.after("pub", 5, 2)) == [6, 7]
    assert recent.after("pub", 3, 10) is None  # 4 is not here
    assert recent.after("pub", 8, 10) is None  # somebody else may have told 9
    assert recent.after("loc", 4, 10) is None
    recent.forget()
    assert recent.after("pub", 4, 10) is None


def test_a_row_that_does_not_follow_begins_anew() -> None:
    recent = Recent()
    recent.add("pub", grown(1, 2))
    recent.add("pub", grown(5, 6))
    assert recent.after("pub", 0, 10) is None
    assert sequences(recent.after("pub", 4, 10)) == [5, 6]
    recent.add("pub", grown(3))  # answers of two batches may be looked at in the wrong order
    assert recent.after("pub", 4, 10) is None


def test_it_keeps_the_newest_within_its_bounds() -> None:
    recent = Recent(bytes_max=1_000)
    for sequence in range(1, 101):
        recent.add("pub", grown(sequence, data=b"%0100d" % sequence))
    kept = recent.after("pub", 99, 10)
    assert sequences(kept) == [100]
    assert recent.after("pub", 80, 100) is None
    recent.add("pub", grown(101, data=b"x" * 5_000))
    assert recent.after("pub", 100, 10) is None


async def test_what_is_remembered_is_what_the_database_says(backend: PgBackend) -> None:
    store = await backend.store()
    await gather(
        *(
            store.append(append(f"a/{n}", 0, told=[told(b"%d" % n), told(b"l", "loc", observed_at=NOW)]))
            for n in range(40)
        )
    )
    again = PgStore(backend.dsn, "west", "placement", TABLES)
    await again.open(NOW)
    try:
        for log in ("pub", "loc"):
            mine = await store.read_outbox("pub" if log == "pub" else "loc", 3, 30)
            theirs = await again.read_outbox("pub" if log == "pub" else "loc", 3, 30)
            assert [msgspec.structs.asdict(m) for m in mine] == [msgspec.structs.asdict(m) for m in theirs]
            assert len(mine) == 30
    finally:
        await again.close()


async def test_what_another_process_told_in_between_is_read_too(backend: PgBackend) -> None:
    store, other = await backend.store(), await backend.store()
    for turn in range(4):
        for number, each in enumerate((store, other)):
            await each.append(append(f"{number}/1", turn, told=[told(b"%d%d" % (turn, number))]))
        for each in (store, other):
            said = [m.data for after in range(2 * turn + 2) for m in await each.read_outbox("pub", after, 1)]
            assert said == [b"%d%d" % (t, n) for t in range(turn + 1) for n in range(2)]
