"""The one statement that stores a batch of appends.

It is a PL/pgSQL function made anew on the writer's connection from the tables the service declares, so that code and
function cannot drift apart. A function, because in read committed each statement inside it sees what committed before
that statement began: the version check runs after the lock is held. One call is one transaction and one fsync, and a
batch of 64 costs one round trip.

It stores the whole batch or nothing: the streams that have moved on (`r_conflicts`) and the idempotency keys that are
known (`r_taken`) are named by their place in the parameter, and the writer sends the others again. While nobody else
writes, the writer knows its streams' versions by heart; `p_base`, the store's last position as it knows it, proves that
nobody did (-1: check every stream).

The advisory lock makes writers queue, so that positions and sequences are numbered without holes and in commit order.
Were it taken out, two writers would number the same rows: the primary keys would refuse one of them, and it would halt.

Rows arrive as arrays of composite values, one a table: the driver encodes a row at a time twice as fast as a column.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from shared import schema
from shared.schema import key_columns

LOCK_KEYS = "5000, 1"
"""The advisory lock of everybody who writes events or swaps a view, in the store's own database."""

LOCK = f"perform pg_advisory_xact_lock({LOCK_KEYS});"

ADDED_MIN = 32
"""So many rows of a table that is only added to (`schema.ADDED_TO`) are inserted as if none of them were there; if one
is, after all, they are written again the careful way. Being careful costs a quarter of a row's whole price; the net it
takes to fall into costs as much as being careful with a few."""

TABLES_MAX = 40
"""Tables a service writes with its appends at most: two parameters each, and PostgreSQL allows a function 100."""

_TYPES = """
create type pg_temp.plek_check as (stream text, expected int);
create type pg_temp.plek_event as (
  at float8, stream text, version int, id uuid, type text, data bytea, meta bytea);
create type pg_temp.plek_told as (
  at float8, log text, nth int, id uuid, type text, subject text, data bytea, meta bytea);
create type pg_temp.plek_key as (
  at float8, scope text, key text, body_hash bytea, stream text, from_version int, to_version int, refusal bytea);
"""

_HEAD = """
create function pg_temp.plek_append(
  p_epoch int, p_base bigint, p_checks pg_temp.plek_check[], p_events pg_temp.plek_event[],
  p_told pg_temp.plek_told[], p_keys pg_temp.plek_key[]{parameters}
) returns table (r_epoch int, r_base bigint, r_conflicts bigint[], r_taken bigint[], r_pub bigint, r_loc bigint)
language plpgsql as $plek$
#variable_conflict use_variable
begin
  {lock}
  select max(o.epoch) into r_epoch from origins o;
  select coalesce(max(e.position), 0) into r_base from events e;
  if r_epoch is distinct from p_epoch or (p_base >= 0 and r_base <> p_base) then return next; return; end if;

  if cardinality(p_checks) > 0 then
    select array_agg(c.n) into r_conflicts
      from unnest(p_checks) with ordinality as c(stream, expected, n)
     where coalesce((select e.version from events e where e.stream = c.stream order by e.version desc limit 1), 0)
           <> c.expected;
  end if;
  if cardinality(p_keys) > 0 then
    select array_agg(k.n) into r_taken
      from unnest(p_keys) with ordinality as k(at, scope, key, body_hash, stream, from_version, to_version, refusal, n)
     where exists (select 1 from idempotency i where i.scope = k.scope and i.key = k.key);
  end if;
  if r_conflicts is not null or r_taken is not null then return next; return; end if;

  if cardinality(p_events) > 0 then
    insert into events (position, stream, version, id, type, data, meta, recorded_at)
    select r_base + e.n, e.stream, e.version, e.id, e.type, e.data, e.meta, to_timestamp(e.at)
      from unnest(p_events) with ordinality as e(at, stream, version, id, type, data, meta, n);
  end if;

  if cardinality(p_told) > 0 then
    select coalesce(max(o.sequence), 0) into r_pub from outbox o where o.epoch = p_epoch and o.log = 'pub';
    select coalesce(max(o.sequence), 0) into r_loc from outbox o where o.epoch = p_epoch and o.log = 'loc';
    insert into outbox (epoch, log, sequence, id, type, subject, data, meta, recorded_at)
    select p_epoch, o.log, case o.log when 'pub' then r_pub else r_loc end + o.nth,
           o.id, o.type, o.subject, o.data, o.meta, to_timestamp(o.at)
      from unnest(p_told) as o(at, log, nth, id, type, subject, data, meta);
  end if;

  if cardinality(p_keys) > 0 then
    insert into idempotency (scope, key, body_hash, stream, from_version, to_version, refusal, recorded_at)
    select k.scope, k.key, k.body_hash, k.stream, k.from_version, k.to_version, k.refusal, to_timestamp(k.at)
      from unnest(p_keys) as k(at, scope, key, body_hash, stream, from_version, to_version, refusal);
  end if;
"""

_FORWARD = """
  if cardinality(t{i}_rows) > 0 then
    if exists (select 1 from unnest(t{i}_rows) as r({columns})
                 join checkpoints c on c.reader = r.reader and c.origin = r.origin and c.log = r.log
                where (c.epoch, c.sequence) > (r.epoch, r.sequence)) then
      raise exception 'the reader has read on elsewhere' using errcode = 'serialization_failure';
    end if;
  end if;
"""
"""A checkpoint never moves back: what a dead process had asked for, or a second one that lags, may come late. Its rows
are older than what the view shows, and nothing would ever put them right again."""

_TABLE = """
  if cardinality(t{i}_gone) > 0 then
    {delete};
  end if;
  if cardinality(t{i}_rows) > 0 then
    {upsert};
  end if;
"""

_ADDED = """if cardinality(t{i}_rows) < {min} then
      {upsert};
    else
      begin
        {insert};
      exception when unique_violation then
        {upsert};
      end;
    end if"""

_TAIL = """
  return next;
end $plek$
"""


def append_function(tables: Sequence[sa.Table], lock: str = LOCK) -> str:
    """The statements that make the function for a service whose inline rows go to `tables` (at most `TABLES_MAX`)."""
    if len(tables) > TABLES_MAX:
        raise ValueError(f"a service writes at most {TABLES_MAX} tables with its appends")
    parameters = "".join(f",\n  t{i}_gone {quote(t.name)}[], t{i}_rows {quote(t.name)}[]" for i, t in enumerate(tables))
    body = _TYPES + _HEAD.format(parameters=parameters, lock=lock)
    for i, table in enumerate(tables):
        delete, upsert = delete_statement(table, f"t{i}_gone"), upsert_statement(table, f"t{i}_rows")
        if table.info.items() >= schema.ADDED_TO.items():
            upsert = _ADDED.format(i=i, min=ADDED_MIN, insert=insert_statement(table, f"t{i}_rows"), upsert=upsert)
        if table is schema.checkpoints:
            body += _FORWARD.format(i=i, columns=_columns(table))
        body += _TABLE.format(i=i, delete=delete, upsert=upsert)
    return body + _TAIL


def delete_statement(table: sa.Table, rows: str) -> str:
    """Deletes the rows whose keys are in `rows`, an expression that is an array of the table's rows."""
    match = " and ".join(f"t.{quote(name)} = r.{quote(name)}" for name in key_columns(table))
    return f"delete from {quote(table.name)} t using unnest({rows}) as r({_columns(table)}) where {match}"  # noqa: S608


def insert_statement(table: sa.Table, rows: str) -> str:
    """Inserts the rows of `rows`, an expression that is an array of the table's rows. None of them may be there."""
    columns = _columns(table)
    return f"insert into {quote(table.name)} ({columns}) select {columns} from unnest({rows}) as r({columns})"  # noqa: S608


def upsert_statement(table: sa.Table, rows: str) -> str:
    """Inserts or replaces the rows of `rows`, an expression that is an array of the table's rows, each key once."""
    key = key_columns(table)
    update = ", ".join(f"{quote(c.name)} = excluded.{quote(c.name)}" for c in table.columns if c.name not in key)
    return f"{insert_statement(table, rows)} on conflict ({', '.join(map(quote, key))}) " + (
        f"do update set {update}" if update else "do nothing"
    )


def append_call(tables: Sequence[sa.Table]) -> str:
    """The statement that calls it."""
    count = 6 + 2 * len(tables)
    return f"select * from pg_temp.plek_append({', '.join(f'${n}' for n in range(1, count + 1))})"  # noqa: S608


def _columns(table: sa.Table) -> str:
    return ", ".join(quote(column.name) for column in table.columns)


def quote(name: str) -> str:
    """A name as it stands in a statement."""
    return str(postgresql.dialect().identifier_preparer.quote(name))  # type: ignore[no-untyped-call]
