"""The journal: every told event this site heard, as it came, and what is asked of it.

Its own services' logs come from their own streams (`loc` and `pub`), everybody else's `pub` through `CITY`. A row is a
fact about a fact; nothing is decided on it. It is what `plek tail` shows and what an event's chain of causes is read
from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from shared.contracts.base import Contract
from shared.contracts.intake import RequestNoticed
from shared.contracts.schemas.committed import EVERY_CONTRACT
from shared.envelope import LOGS, Log, Message
from shared.heard import Mark
from shared.inbox import View
from shared.ports import Put, RowChange
from shared.schema import ADDED_TO, NAME, TIME, metadata
from shared.store import PgStore
from shared.worklist import FACTS_BYTES_MAX, Lost

TRACE = "substr(traceparent, 4, 32)"
"""The trace an entry belongs to, in a statement."""

journal = sa.Table(
    "journal",
    metadata,
    sa.Column("teller", NAME, primary_key=True),
    sa.Column("log", NAME, primary_key=True),
    sa.Column("epoch", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("id", pg.UUID, nullable=False),
    sa.Column("type", NAME, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("time", TIME, nullable=False),
    sa.Column("observed_at", TIME),
    sa.Column("correlation_id", pg.UUID, nullable=False),
    sa.Column("causation_id", pg.UUID, nullable=False),
    sa.Column("traceparent", sa.Text),
    sa.Column("data", sa.LargeBinary, nullable=False),
    sa.Index("journal_newest", "time", "teller", "log", "epoch", "sequence"),
    sa.Index("journal_id", "id"),
    sa.Index("journal_correlation", "correlation_id"),
    sa.Index("journal_causation", "causation_id", postgresql_where=sa.text("causation_id <> correlation_id")),
    sa.Index("journal_trace", sa.text(TRACE), postgresql_where=sa.text("traceparent is not null")),
    sa.Index("journal_notices", "time", postgresql_where=sa.text(f"type = '{RequestNoticed.type_name}'")),
    sa.Index("journal_thing", "subject", postgresql_where=sa.text("length(subject) = 36")),
    info=ADDED_TO,
)
"""Its column is `teller`, not `origin`: a new epoch ends what is current, not what was heard. What a command led to at
once has that command as its cause and as its correlation: it is found by the one, and the other index leaves it out."""

JOURNAL_TABLES = (journal,)

_ORDER = ("time", "teller", "log", "epoch", "sequence")
_ORDERED = ", ".join(f'"{name}"' for name in _ORDER)
COLUMNS = ", ".join(f'"{column.name}"' for column in journal.columns)


def journal_rows(message: Message, contract: Contract) -> Iterable[RowChange]:
    """One row a message, whatever it says."""
    origin = message.origin
    yield Put(
        journal,
        (
            origin.key, message.log, origin.epoch, message.sequence, message.id, message.type, message.subject,
            message.time, message.observed_at, message.correlation_id, message.causation_id, message.traceparent,
            message.data,
        ),
    )  # fmt: skip


JOURNAL = View("journal", JOURNAL_TABLES, {contract.type_name: contract for contract in EVERY_CONTRACT}, journal_rows)


class Entry(msgspec.Struct, frozen=True):
    """One line of the journal. origin: `west/placement`. time: when it was recorded there. data: what it says."""

    origin: str
    log: str
    epoch: int
    sequence: int
    id: str
    type: str
    subject: str
    time: datetime
    observed_at: datetime | None
    correlation_id: str
    causation_id: str
    traceparent: str | None
    data: Any

    @classmethod
    def of(cls, values: Iterable[Any]) -> Entry:
        """The entry in a journal row, given its values in the table's order."""
        teller, log, epoch, sequence, id_, type_, subject, time, observed_at, cause, because, trace, data = values
        decoded = msgspec.json.decode(data)
        return cls(
            teller,
            log,
            epoch,
            sequence,
            str(id_),
            type_,
            subject,
            time,
            observed_at,
            str(cause),
            str(because),
            trace,
            decoded,
        )


class Filter(msgspec.Struct, frozen=True):
    """Which entries somebody wants to see; None: all of them.

    type: the full name, or its middle (`stay-began`). origin: `west/placement`, or a site (`west`).
    """

    type: str | None = None
    origin: str | None = None
    correlation: str | None = None
    subject: str | None = None
    log: str | None = None
    epoch: int | None = None
    sequence: int | None = None

    def wants(self, entry: Entry) -> bool:
        """Whether an entry passes every condition."""
        return (
            self.type in (None, entry.type, entry.type.split(".")[3])
            and self.origin in (None, entry.origin, entry.origin.partition("/")[0])
            and self.correlation in (None, entry.correlation_id)
            and self.subject in (None, entry.subject)
            and self.log in (None, entry.log)
            and self.epoch in (None, entry.epoch)
            and self.sequence in (None, entry.sequence)
        )

    def where(self) -> tuple[list[str], list[Any]]:
        """The same conditions as SQL, numbered from $1."""
        conditions: list[str] = []
        values: list[Any] = []
        for value, condition in (
            (self.type, "(type = ${n} or split_part(type, '.', 4) = ${n})"),
            (self.origin, "(teller = ${n} or split_part(teller, '/', 1) = ${n})"),
            (self.correlation, "correlation_id = ${n}"),
            (self.subject, "subject = ${n}"),
            (self.log, "log = ${n}"),
            (self.epoch, "epoch = ${n}"),
            (self.sequence, "sequence = ${n}"),
        ):
            if value is not None:
                values.append(value)
                conditions.append(condition.replace("{n}", str(len(values))))
        return conditions, values


Place = tuple[
    Annotated[datetime, msgspec.Meta(tz=True)],
    str,
    str,
    Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)],
    Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)],
]
"""Where an entry stands in the journal's order: time, origin, log, epoch, sequence."""


async def entries(store: PgStore, wanted: Filter, before: Place | None, limit: int) -> list[Entry]:
    """At most `limit` entries that pass the filter, newest first; only those before the place `before` when it is
    given.
    """
    conditions, values = wanted.where()
    if before is not None:
        numbers = ", ".join(f"${len(values) + n}" for n in range(1, len(_ORDER) + 1))
        conditions.append(f"({_ORDERED}) < ({numbers})")
        values += before
    where = " and ".join(conditions) or "true"
    order = ", ".join(f'"{name}" desc' for name in _ORDER)
    # Only constants of this module are written into the statement; whatever was asked for is a parameter.
    sql = f"select {COLUMNS} from journal where {where} order by {order} limit {int(limit)}"  # noqa: S608
    return [Entry.of(row) for row in await store.query(lambda pool: pool.fetch(sql, *values))]


async def entry(store: PgStore, id_: str) -> Entry | None:
    """The entry of one event, by the event's id."""
    sql = f"select {COLUMNS} from journal where id = $1 order by epoch desc limit 1"  # noqa: S608
    row = await store.query(lambda pool: pool.fetchrow(sql, id_))
    return None if row is None else Entry.of(row)


async def last_heard(store: PgStore, origin: str) -> list[Mark]:
    """The last message of each log of an origin that is in the journal, with its id."""
    found = []
    for which in LOGS:
        sql = (
            "select epoch, sequence, id from journal where teller = $1 and log = $2"
            " order by epoch desc, sequence desc limit 1"
        )
        row = await store.query(lambda pool, sql=sql, which=which: pool.fetchrow(sql, origin, which))  # type: ignore[misc]
        if row is not None:
            found.append(Mark(which, row["epoch"], row["sequence"], str(row["id"])))
    return found


async def kept(store: PgStore, origin: str, which: Log, epoch: int, after: int, limit: int) -> list[Lost]:
    """What the journal keeps of an origin's log behind a sequence, in order."""
    sql = (
        "select sequence, id, type, subject, time, data from journal"
        " where teller = $1 and log = $2 and epoch = $3 and sequence > $4 order by sequence limit $5"
    )
    rows = await store.query(lambda pool: pool.fetch(sql, origin, which, epoch, after, limit))
    return [
        Lost(
            which,
            epoch,
            row["sequence"],
            str(row["id"]),
            row["type"],
            row["subject"],
            row["time"],
            row["data"] if len(row["data"]) <= FACTS_BYTES_MAX else b"",
        )
        for row in rows
    ]


def place_of(found: Entry) -> Place:
    """Where an entry stands in the journal's order."""
    return (found.time, found.origin, found.log, found.epoch, found.sequence)


WITHHELD = "withheld"


def as_json(found: Entry) -> Mapping[str, Any]:
    """An entry as it is answered and streamed. Whose request or entitlement it is, is withheld: that leads through the
    client's file, which opens for a purpose and writes it down (`archive.py`).
    """
    shown = msgspec.structs.asdict(found)
    client_id = found.data.get("client_id") if isinstance(found.data, dict) else None
    if client_id is not None:
        shown["data"] = found.data | {"client_id": WITHHELD}
        shown["subject"] = WITHHELD if found.subject == client_id else found.subject
    return shown
