"""The harness behind "a reader of `position > last` misses nothing": many writers, slow commits, rollbacks, one reader.

Run as a program it is one of the writing processes: `python -m tests.conformance.gapfree DSN KIND`; it says that it is
ready, waits for a word, and prints what it was told is stored and what was refused.
"""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from dataclasses import dataclass, field
from typing import Literal

import asyncpg

from shared.ports import Append, NewEvent, StreamWrite
from shared.store import PgStore
from tests.conformance.stores import IDS, NOW, TABLES, meta

Kind = Literal["store", "unlocked", "sequence"]
"""store: ours. unlocked: ours with the lock taken out. sequence: what most would write, a sequence and no lock."""

PROCESSES = 2
WRITERS = 12
EVENTS = 20
SLOW, FAIL = b'{"slow":1}', b'{"fail":1}'

TROUBLE = """
create sequence positions;
create function trouble() returns trigger language plpgsql as $$
begin
  if new.data = '{"slow":1}'::bytea then perform pg_sleep(0.02); end if;
  if new.data = '{"fail":1}'::bytea then raise exception 'rolled back at the end'; end if;
  return null;
end $$;
create constraint trigger trouble after insert on events deferrable initially deferred
  for each row execute function trouble();
"""
"""Some transactions take long to commit and some are rolled back at their very end."""


class Unlocked(PgStore):
    lock_statement = ""


class Outcome:
    """What the writers say, and what the reader saw while they wrote."""

    def __init__(self) -> None:
        self.acknowledged: set[str] = set()
        self.refused: set[str] = set()
        self.seen: list[tuple[int, str]] = []

    @property
    def lost(self) -> set[str]:
        """Acknowledged, and never seen by the reader."""
        return self.acknowledged - {id_ for _, id_ in self.seen}

    def prove(self) -> None:
        """Everything that could be stored was acknowledged, and the reader saw each once, in order, without a hole."""
        assert not self.refused, f"{len(self.refused)} of {len(self.acknowledged) + len(self.refused)} were refused"
        assert not self.lost, f"{len(self.lost)} of {len(self.acknowledged)} were never seen"
        assert len(self.seen) == len(self.acknowledged) == len({id_ for _, id_ in self.seen})
        assert [position for position, _ in self.seen] == list(range(1, len(self.seen) + 1))


async def run(dsn: str, kind: Kind) -> Outcome:
    """Lets two processes write while a reader follows. The database has its tables already."""
    outcome = Outcome()
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(TROUBLE)
        done = asyncio.Event()
        reader = asyncio.create_task(_follow(connection, outcome, done))
        ready = asyncio.Barrier(PROCESSES)
        for report in await asyncio.gather(*(_process(dsn, kind, ready) for _ in range(PROCESSES))):
            outcome.acknowledged |= set(report.acknowledged)
            outcome.refused |= set(report.refused)
        done.set()
        await reader
    finally:
        await connection.close()
    return outcome


async def _follow(connection: asyncpg.Connection[asyncpg.Record], outcome: Outcome, done: asyncio.Event) -> None:
    """Reads on from the last position seen, as every reader of the store does."""
    last = 0
    while True:
        finished = done.is_set()
        rows = await connection.fetch("select position, id from events where position > $1 order by position", last)
        outcome.seen += [(row["position"], str(row["id"])) for row in rows]
        if rows:
            last = rows[-1]["position"]
        elif finished:
            return


@dataclass
class Report:
    acknowledged: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


async def _process(dsn: str, kind: Kind, ready: asyncio.Barrier) -> Report:
    program = (sys.executable, "-m", "tests.conformance.gapfree", dsn, kind)
    process = await asyncio.create_subprocess_exec(*program, stdin=PIPE, stdout=PIPE)
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        assert await process.stdout.readline() == b"ready\n"
        await ready.wait()
        process.stdin.write(b"go\n")
        output = await process.stdout.read()
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
    return Report(**json.loads(output))


# --- the writing process ----------------------------------------------------------------------------------------------


async def _main(dsn: str, kind: Kind) -> None:
    report = Report()
    if kind == "sequence":
        pool = await asyncpg.create_pool(dsn, min_size=WRITERS, max_size=WRITERS)
        _wait_for_the_others()
        await asyncio.gather(*(_number_by_sequence(pool, writer, report) for writer in range(WRITERS)))
        await pool.close()
    else:
        store = {"store": PgStore, "unlocked": Unlocked}[kind](dsn, "west", "placement", TABLES)
        await store.open(NOW)
        _wait_for_the_others()
        await asyncio.gather(*(_append(store, report) for _ in range(WRITERS)))
        await store.close()
    print(json.dumps({"acknowledged": report.acknowledged, "refused": report.refused}))


def _wait_for_the_others() -> None:
    print("ready", flush=True)
    sys.stdin.readline()


def _data(turn: int) -> bytes:
    return FAIL if turn % 7 == 6 else SLOW if turn % 5 == 1 else b"{}"


async def _append(store: PgStore, report: Report) -> None:
    for turn in range(EVENTS):
        new = NewEvent(IDS.event_id(), "thing-done.v1", _data(turn), meta())
        try:
            await store.append(Append(NOW, [StreamWrite(f"a/{new.id}", 0, [new])]))
            report.acknowledged.append(new.id)
        except Exception:
            if new.data != FAIL:
                report.refused.append(new.id)


async def _number_by_sequence(pool: asyncpg.Pool[asyncpg.Record], writer: int, report: Report) -> None:
    for turn in range(EVENTS):
        id_ = IDS.event_id()
        try:
            await pool.execute(
                "insert into events (position, stream, version, id, type, data, meta, recorded_at)"
                " values (nextval('positions'), $1, 1, $2, 'thing-done.v1', $3, '', now())",
                f"a/{id_}", id_, _data(turn),
            )  # fmt: skip
            report.acknowledged.append(id_)
        except asyncpg.RaiseError:
            assert _data(turn) == FAIL


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], sys.argv[2]))  # type: ignore[arg-type]
