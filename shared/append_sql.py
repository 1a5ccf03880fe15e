"""The one statement that stores a batch of appends.

It is a PL/pgSQL function made anew on the writer's connection from the tables the service declares, so that code and
function cannot drift apart. A function, because in read committed each statement inside it sees what committed before
that statement began: the version check runs after the lock is held. One call is one transaction and one fsync, and a batch
of 64 costs one round trip.

It stores the whole batch or nothing: the commands that came too late (`r_conflicts`) or whose idempotency key is known
(`r_taken`) are named, and the writer sends the others again. While nobody else writes, the writer knows its streams'
versions by heart; `p_base`, the store's last position as it knows it, proves that nobody did (-1: check every stream).

The advisory lock makes writers queue, so that positions and sequences are numbered without holes and in commit order. Were
it taken out, two writers would number the same rows: the primary keys would refuse one of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from shared.schema import key_columns

LOCK = "perform pg_advisory_xact_lock(5000, 1);"

_HEAD = """
create or replace function pg_temp.plek_append(
  p_epoch int, p_base bigint, c_at timestamptz[],
  s_cmd int[], s_stream text[], s_expected int[],
  e_cmd int[], e_stream text[], e_version int[], e_id uuid[], e_type text[], e_data bytea[], e_meta bytea[],
  o_cmd int[], o_log text[], o_nth int[], o_id uuid[], o_type text[], o_subject text[], o_data bytea[], o_meta bytea[],
  k_cmd int[], k_scope text[], k_key text[], k_body_hash bytea[], k_stream text[], k_from int[], k_to int[],
  k_refusal bytea[]{parameters}
) returns table (r_epoch int, r_base bigint, r_conflicts int[], r_taken int[], r_pub bigint, r_loc bigint)
language plpgsql as $plek$
#variable_conflict use_variable
begin
  {lock}
  select max(o.epoch) into r_epoch from origins o;
  select coalesce(max(e.position), 0) into r_base from events e;
  if r_epoch is distinct from p_epoch or (p_base >= 0 and r_base <> p_base) then return next; return; end if;

  if cardinality(s_cmd) > 0 then
    select array_agg(s.cmd) into r_conflicts
      from unnest(s_cmd, s_stream, s_expected) as s(cmd, stream, expected)
     where coalesce((select e.version from events e where e.stream = s.stream order by e.version desc limit 1), 0)
           <> s.expected;
  end if;
  if cardinality(k_cmd) > 0 then
    select array_agg(k.cmd) into r_taken
      from unnest(k_cmd, k_scope, k_key) as k(cmd, scope, key)
     where exists (select 1 from idempotency i where i.scope = k.scope and i.key = k.key);
  end if;
  if r_conflicts is not null or r_taken is not null then return next; return; end if;

  if cardinality(e_cmd) > 0 then
    insert into events (position, stream, version, id, type, data, meta, recorded_at)
    select r_base + e.n, e.stream, e.version, e.id, e.type, e.data, e.meta, c_at[e.cmd]
      from unnest(e_cmd, e_stream, e_version, e_id, e_type, e_data, e_meta)
           with ordinality as e(cmd, stream, version, id, type, data, meta, n);
  end if;

  if cardinality(o_cmd) > 0 then
    select coalesce(max(o.sequence), 0) into r_pub from outbox o where o.epoch = p_epoch and o.log = 'pub';
    select coalesce(max(o.sequence), 0) into r_loc from outbox o where o.epoch = p_epoch and o.log = 'loc';
    insert into outbox (epoch, log, sequence, id, type, subject, data, meta, recorded_at)
    select p_epoch, o.log, case o.log when 'pub' then r_pub else r_loc end + o.nth,
           o.id, o.type, o.subject, o.data, o.meta, c_at[o.cmd]
      from unnest(o_cmd, o_log, o_nth, o_id, o_type, o_subject, o_data, o_meta)
           as o(cmd, log, nth, id, type, subject, data, meta);
  end if;

  if cardinality(k_cmd) > 0 then
    insert into idempotency (scope, key, body_hash, stream, from_version, to_version, refusal, recorded_at)
    select k.scope, k.key, k.body_hash, k.stream, k.from_version, k.to_version, k.refusal, c_at[k.cmd]
      from unnest(k_cmd, k_scope, k_key, k_body_hash, k_stream, k_from, k_to, k_refusal)
           as k(cmd, scope, key, body_hash, stream, from_version, to_version, refusal);
  end if;
"""

_TABLE = """
  if cardinality(t{i}_del) > 0 then
    with last as materialized (
      select distinct on ({key}) r.*
        from unnest(t{i}_del, t{i}_row) with ordinality as r(r_del, {columns}, r_n)
       order by {key}, r.r_n desc),
    gone as (delete from {table} t using last where last.r_del and {match})
    insert into {table} ({columns}) select {columns} from last where not r_del
    {conflict};
  end if;
"""

_TAIL = """
  return next;
end $plek$
"""


def append_function(tables: Sequence[sa.Table], lock: str = LOCK) -> str:
    """The text of the function for a service whose inline rows go to `tables` (at most 30)."""
    if len(tables) > 30:
        raise ValueError("a service writes at most 30 tables with its appends: PostgreSQL allows 100 parameters")
    parameters = "".join(f",\n  t{i}_del bool[], t{i}_row {_name(t)}[]" for i, t in enumerate(tables))
    body = _HEAD.format(parameters=parameters, lock=lock)
    for i, table in enumerate(tables):
        key = key_columns(table)
        columns = [_quote(name) for name in table.columns.keys()]
        others = [_quote(name) for name in table.columns.keys() if name not in key]
        update = ", ".join(f"{name} = excluded.{name}" for name in others)
        body += _TABLE.format(
            i=i,
            table=_name(table),
            columns=", ".join(columns),
            key=", ".join(f"r.{_quote(name)}" for name in key),
            match=" and ".join(f"t.{_quote(name)} = last.{_quote(name)}" for name in key),
            conflict=f"on conflict ({', '.join(map(_quote, key))}) "
            + (f"do update set {update}" if others else "do nothing"),
        )
    return body + _TAIL


def append_call(tables: Sequence[sa.Table]) -> str:
    """The statement that calls it."""
    count = 29 + 2 * len(tables)
    return f"select * from pg_temp.plek_append({', '.join(f'${n}' for n in range(1, count + 1))})"


def _name(table: sa.Table) -> str:
    return _quote(table.name)


def _quote(name: str) -> str:
    return str(postgresql.dialect().identifier_preparer.quote(name))  # type: ignore[no-untyped-call]
