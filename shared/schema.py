"""The tables every service's database has. A service adds its own views to the same metadata.

Ids are `uuid` where the kernel writes millions of them and text in views. Payloads are JSON bytes: a third smaller than
jsonb and written twice as fast (measured), and nobody queries inside an event.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

ADDED_TO = {"plek.added_to": True}
"""`info` of a table whose rows come once and stay as they came: a heap of them is stored without looking for each."""

NAME = sa.Text(collation="C")
TIME = sa.DateTime(timezone=True)

metadata = sa.MetaData()

events = sa.Table(
    "events",
    metadata,
    sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("stream", NAME, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("id", pg.UUID, nullable=False),
    sa.Column("type", NAME, nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
    sa.Column("meta", sa.LargeBinary, nullable=False),
    sa.Column("recorded_at", TIME, nullable=False),
    sa.UniqueConstraint("stream", "version", name="events_stream_version"),
)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("epoch", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("log", NAME, primary_key=True),
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("id", pg.UUID, nullable=False),
    sa.Column("type", NAME, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
    sa.Column("meta", sa.LargeBinary, nullable=False),
    sa.Column("recorded_at", TIME, nullable=False),
)

idempotency = sa.Table(
    "idempotency",
    metadata,
    sa.Column("scope", NAME, primary_key=True),
    sa.Column("key", NAME, primary_key=True),
    sa.Column("body_hash", sa.LargeBinary, nullable=False),
    sa.Column("stream", NAME, nullable=False),
    sa.Column("from_version", sa.Integer, nullable=False),
    sa.Column("to_version", sa.Integer, nullable=False),
    sa.Column("refusal", sa.LargeBinary),
    sa.Column("recorded_at", TIME, nullable=False, index=True),
)

origins = sa.Table(
    "origins",
    metadata,
    sa.Column("epoch", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("site", NAME, nullable=False),
    sa.Column("service", NAME, nullable=False),
    sa.Column("begun_at", TIME, nullable=False),
)

snapshots = sa.Table(
    "snapshots",
    metadata,
    sa.Column("stream", NAME, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("state_version", sa.Integer, nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
)

timers = sa.Table(
    "timers",
    metadata,
    sa.Column("id", NAME, primary_key=True),
    sa.Column("due_at", TIME, nullable=False, index=True),
    sa.Column("kind", NAME, nullable=False),
    sa.Column("key", NAME, nullable=False),
)

checkpoints = sa.Table(
    "checkpoints",
    metadata,
    sa.Column("reader", NAME, primary_key=True),
    sa.Column("origin", NAME, primary_key=True),
    sa.Column("log", NAME, primary_key=True),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
)

cursors = sa.Table(
    "cursors",
    metadata,
    sa.Column("reader", NAME, primary_key=True),
    sa.Column("source", NAME, primary_key=True),
    sa.Column("incarnation", sa.Text, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
)

DOUBT = "relay"
"""The reader under whose name a cursor says at which row a log stood when its service started (`heard.py`)."""

parked = sa.Table(
    "parked",
    metadata,
    sa.Column("reader", NAME, primary_key=True),
    sa.Column("id", NAME, primary_key=True),
    sa.Column("source", NAME, nullable=False),
    sa.Column("incarnation", sa.Text, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("origin", NAME, nullable=False),
    sa.Column("log", NAME, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("headers", sa.LargeBinary, nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
    sa.Column("parked_at", TIME, nullable=False),
    sa.Column("retries", sa.Integer, nullable=False),
    sa.Column("retried_at", TIME),
)
"""Messages a reader could not digest, whole. A message without a number has epoch and sequence 0."""

discarded = sa.Table(
    "discarded",
    metadata,
    sa.Column("reader", NAME, primary_key=True),
    sa.Column("id", NAME, primary_key=True),
    sa.Column("source", NAME, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("origin", NAME, nullable=False),
    sa.Column("log", NAME, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("from_sequence", sa.BigInteger, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("role", NAME, nullable=False),
    sa.Column("discarded_at", TIME, nullable=False),
)
"""Parked messages a person let go, which the view goes without: its mark, until it is rebuilt with them.

from_sequence, sequence: what is gone; more than one where the parked message had waited for others that never came.
"""

worklist = sa.Table(
    "worklist",
    metadata,
    sa.Column("id", NAME, primary_key=True),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("log", NAME, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("event_id", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("time", TIME),
    sa.Column("data", sa.LargeBinary, nullable=False),
    sa.Column("found_at", TIME, nullable=False),
    sa.Column("done_at", TIME),
    sa.Column("done_by", sa.Text, nullable=False),
)
"""What a service has told and lost (`shared/worklist.py`); only services that tell anything have it."""

KERNEL_ROW_TABLES: tuple[sa.Table, ...] = (snapshots, timers, checkpoints, cursors, parked, discarded)
"""Kernel tables written as inline rows of an append, like the views of a service."""


KERNEL_TABLES: tuple[sa.Table, ...] = (events, outbox, idempotency, origins, *KERNEL_ROW_TABLES)
"""What every service's database holds."""


@lru_cache(maxsize=512)
def key_columns(table: sa.Table) -> tuple[str, ...]:
    """The names of a table's primary key columns, in order."""
    return tuple(column.name for column in table.primary_key.columns)


def row_key(table: sa.Table, values: tuple[Any, ...]) -> tuple[Any, ...]:
    """The primary key of a full row."""
    return tuple([values[index] for index in _key_indexes(table)])


def doubted_in(epoch: int) -> str:
    """The incarnation of such a cursor (`DOUBT`): one of an earlier epoch means nothing."""
    return f"epoch-{epoch}"


@lru_cache(maxsize=512)
def _key_indexes(table: sa.Table) -> tuple[int, ...]:
    names = list(table.columns.keys())
    return tuple(names.index(name) for name in key_columns(table))
