"""The queries of an archive (`archive.py`): whatever is asked for is found by the primary keys a store has anyway."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from shared.envelope import Meta

Pool = asyncpg.Pool

AROUND = 2_000
"""Rows looked at on either side of where an id should be: more than a store takes in while a clock is a moment off."""

NEWEST = 50_000
"""Events looked through, from the newest, for what only their envelope says."""

_COLUMNS = "stream, version, id, type, data, meta, recorded_at"
_META = "convert_from(meta, 'UTF8')::jsonb"
_KEYS = {
    "correlation": f"{_META} ->> 'correlation_id' = $1",
    "trace": f"substr({_META} ->> 'traceparent', 4, 32) = $1",
}
_ABOUT = "coalesce(convert_from(data, 'UTF8')::jsonb ->> 'request_id', subject) as about"
"""What a row of the outbox is about: of a letter the subject is only whom it is for."""

_decode_meta = msgspec.json.Decoder(Meta).decode


class Near(msgspec.Struct, frozen=True, gc=False):
    """A stored event, with its bytes: whoever looks things up needs them, and gives none of them away."""

    stream: str
    version: int
    id: str
    type: str
    data: bytes
    meta: Meta
    recorded_at: datetime


class Outcome(msgspec.Struct, frozen=True):
    """What came of a message a policy answered. No events: it was refused (the code is in `refusal`), or nothing had to
    be done.
    """

    scope: str
    message_id: str
    refusal: bytes | None
    at: datetime
    events: list[Near]


async def near_ids(pool: Pool, ids: Sequence[str]) -> list[Near]:
    """The events with these ids, and those of the commands with these ids."""
    found: dict[str, Near] = {}
    waiting = sorted(id_ for id_ in ids if _is_timed(id_))
    while waiting:
        at = await _position(pool, "events", "position", "true", waiting[0])
        sql = (
            f"select {_COLUMNS} from events where position between $1 and $2"  # noqa: S608
            f" and (id = any($3::uuid[]) or {_META} ->> 'causation_id' = any($4::text[])) order by position"
        )
        rows = await pool.fetch(sql, at - AROUND, at + AROUND, waiting, waiting)
        found |= {event.id: event for event in map(_near, rows)}
        end = await pool.fetchval("select id from events where position >= $1 order by position limit 1", at + AROUND)
        seen = {id_ for event in found.values() for id_ in (event.id, event.meta.causation_id)}
        waiting = [] if end is None else [id_ for id_ in waiting[1:] if id_ not in seen and id_ > str(end)]
    return list(found.values())


async def by_meta(pool: Pool, key: str, value: str) -> list[Near]:
    """The newest events of a correlation, or of a trace."""
    sql = (
        f"select {_COLUMNS} from (select * from events order by position desc limit {NEWEST}) as newest"  # noqa: S608
        f" where {_KEYS[key]} order by position"
    )
    return [_near(row) for row in await pool.fetch(sql, value)]


async def mentioned(pool: Pool, streams: Sequence[str], word: str | None, limit: int) -> list[Near]:
    """The newest events of these streams in which a word occurs; all of them that are of the stream named after it.

    word: an id; None: any event.
    """
    sql = (
        f"select {_COLUMNS} from events where stream = any($1::text[])"  # noqa: S608
        " and ($2::text is null or split_part(stream, '/', 2) = $2 or position(convert_to($2, 'UTF8') in data) > 0)"
        " order by position desc limit $3"
    )
    return [_near(row) for row in await pool.fetch(sql, list(streams), word, limit)]


async def neighbours(
    pool: Pool, stream: str, first: int, last: int, commands: Collection[str] | None
) -> list[Near]:  # fmt: skip
    """The events of a stream around these versions that follow from one of these commands; None: whatever they follow
    from.
    """
    sql = (
        f"select {_COLUMNS} from events where stream = $1 and version between $2 and $3"  # noqa: S608
        f" and ($4::text[] is null or {_META} ->> 'causation_id' = any($4)) order by version"
    )
    wanted = None if commands is None else list(commands)
    return [_near(row) for row in await pool.fetch(sql, stream, first - AROUND, last + AROUND, wanted)]


async def outcomes(pool: Pool, scopes: Sequence[str], message_ids: Sequence[str]) -> list[Outcome]:
    """What the policies of these scopes made of these messages, as long as their keys are kept."""
    rows = await pool.fetch(
        "select scope, key, stream, from_version, to_version, refusal, recorded_at from idempotency"
        " where scope = any($1::text[]) and key = any($2::text[])",
        list(scopes),
        list(message_ids),
    )
    found = []
    for scope, key, stream, first, last, refusal, at in rows:
        sql = f"select {_COLUMNS} from events where stream = $1 and version between $2 and $3 order by version"  # noqa: S608
        events = [_near(row) for row in await pool.fetch(sql, stream, first, last)]
        found.append(Outcome(scope, key, refusal, at, events))
    return found


async def cut_with(pool: Pool, epoch: int, event: Near) -> list[tuple[str, str]]:
    """The id, and what it is about, of what was told to everybody in the append of an event, as its own cause."""
    at = await _position(pool, "outbox", "sequence", f"epoch = {int(epoch)} and log = 'pub'", event.id)
    sql = (
        f"select id, {_ABOUT} from outbox where epoch = $1 and log = 'pub' and sequence between $2 and $3"  # noqa: S608
        f" and recorded_at = $4 and {_META} ->> 'causation_id' = id::text"
    )
    rows = await pool.fetch(sql, epoch, at - AROUND, at + AROUND, event.recorded_at)
    return [(str(row["id"]), row["about"]) for row in rows]


async def told_with(pool: Pool, epoch: int, message_id: str) -> list[Near]:
    """The events in whose append a message was told that is its own cause, and which speak of what it is about."""
    if not _is_timed(message_id):
        return []
    at = await _position(pool, "outbox", "sequence", f"epoch = {int(epoch)} and log = 'pub'", message_id)
    told = await pool.fetchrow(
        f"select {_ABOUT}, recorded_at from outbox where epoch = $1 and log = 'pub'"  # noqa: S608
        f" and sequence between $2 and $3 and id = $4::uuid and {_META} ->> 'causation_id' = id::text",
        epoch, at - AROUND, at + AROUND, message_id,
    )  # fmt: skip
    if told is None:
        return []
    near = await _position(pool, "events", "position", "true", message_id)
    sql = (
        f"select {_COLUMNS} from events where position between $1 and $2 and recorded_at = $3"  # noqa: S608
        " and position(convert_to($4, 'UTF8') in data) > 0 order by position"
    )
    rows = await pool.fetch(sql, near - AROUND, near + AROUND, told["recorded_at"], told["about"])
    return [_near(row) for row in rows]


async def _position(pool: Pool, table: str, number: str, where: str, id_: str) -> int:
    """Where in a numbered table an id ordered by time has to be, by halves. 0 in an empty one."""
    low, high = 1, int(await pool.fetchval(f"select coalesce(max({number}), 0) from {table} where {where}"))  # noqa: S608
    sql = f"select id from {table} where {where} and {number} >= $1 order by {number} limit 8"  # noqa: S608
    while low < high:
        middle = (low + high) // 2
        timed = [str(row["id"]) for row in await pool.fetch(sql, middle) if _is_timed(str(row["id"]))]
        if timed and timed[0] < id_:
            low = middle + 1
        else:
            high = middle
    return high


def _is_timed(id_: str) -> bool:
    """Whether an id is ordered by time (UUIDv7)."""
    return id_[14:15] == "7"


def _near(row: Any) -> Near:
    stream, version, id_, type_, data, meta, recorded_at = row
    return Near(stream, version, str(id_), type_, data, _decode_meta(meta), recorded_at)
