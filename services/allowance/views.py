"""What the allowance service shows.

`programmes` and `seats` (the municipality's) and `entitlements` (where clients are known) are written inline, in the
append of the events they follow from. `network_programmes` is what every site has heard of programmes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from services.allowance import events as ev
from services.allowance.decider_entitlement import Entitlement
from services.allowance.decider_programme import Programme
from services.allowance.events_entitlement import EntitlementEvent
from shared.contracts import allowance as told
from shared.contracts.base import Contract
from shared.envelope import Message
from shared.inbox import View
from shared.ports import Put, RowChange
from shared.schema import NAME, metadata

programmes = sa.Table(
    "programmes",
    metadata,
    sa.Column("id", NAME, primary_key=True),
    sa.Column("site", NAME, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("period", NAME, nullable=False),
    sa.Column("ceiling", sa.Integer, nullable=False),
    sa.Column("planned", sa.Integer),
    sa.Column("reserved", sa.Integer, nullable=False),
    sa.Column("granted", sa.Integer, nullable=False),
    sa.Column("methods", ARRAY(sa.Text), nullable=False),
    sa.Column("tariffs", sa.LargeBinary, nullable=False),
    sa.Column("budgets", sa.LargeBinary, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
)
"""tariffs, budgets: JSON, as the state has them."""

seats = sa.Table(
    "seats",
    metadata,
    sa.Column("id", NAME, primary_key=True),
    sa.Column("programme_id", NAME, nullable=False, index=True),
    sa.Column("site", NAME, nullable=False),
    sa.Column("status", NAME, nullable=False),
    sa.Column("method", NAME),
    sa.Column("code", NAME),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
)

entitlements = sa.Table(
    "entitlements",
    metadata,
    sa.Column("id", NAME, primary_key=True),
    sa.Column("client_id", NAME, nullable=False, index=True),
    sa.Column("programme_id", NAME, nullable=False),
    sa.Column("household_size", sa.Integer, nullable=False),
    sa.Column("method", NAME, nullable=False),
    sa.Column("status", NAME, nullable=False),
    sa.Column("code", NAME),
    sa.Column("spans", sa.LargeBinary, nullable=False),
    sa.Column("told", sa.Boolean, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("meals", sa.LargeBinary),
)
"""spans: JSON, the days that are paid. meals: JSON, days with meals elsewhere that count; nothing in a row from before
there were any. told: whether the municipality has heard all of it."""

network_programmes = sa.Table(
    "network_programmes",
    metadata,
    sa.Column("origin", NAME, primary_key=True),
    sa.Column("id", NAME, primary_key=True),
    sa.Column("site", NAME, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("period", NAME, nullable=False),
    sa.Column("methods", ARRAY(sa.Text), nullable=False),
    sa.Column("total", sa.Integer, nullable=False),
    sa.Column("occupied", sa.Integer, nullable=False),
    sa.Column("held", sa.Integer, nullable=False),
)
"""The last word of every origin about each of its programmes."""

PROGRAMME_TABLES = (programmes, seats)
ENTITLEMENT_TABLES = (entitlements,)
NETWORK_TABLES = (network_programmes,)

_json = msgspec.json.encode


def project(before: Programme, events: Sequence[ev.ProgrammeEvent], after: Programme, at: datetime) -> list[RowChange]:
    """The row of a programme as it is after these events, and of every seat they touched."""
    rows: list[RowChange] = []
    if after.opened is not None:
        opened = after.opened
        row = (
            after.id, opened.site, opened.name, opened.period, after.ceiling, after.planned, after.reserved,
            after.granted, list(opened.methods), _json(after.tariffs), _json(after.budgets), after.version,
        )  # fmt: skip
        rows.append(Put(programmes, row))
    touched: dict[str, int] = {}
    for number, event in enumerate(events, before.version + 1):
        if isinstance(event, ev.SeatReserved | ev.SeatRefused | ev.SeatGranted | ev.SeatEnded):
            touched[event.seat_id] = number
    for seat_id, version in touched.items():
        seat = after.seats[seat_id]
        about = (seat_id, events[0].programme_id, seat.site, seat.status, seat.method, seat.code)
        rows.append(Put(seats, (*about, seat.revision, version)))
    return rows


def project_entitlement(
    before: Entitlement, events: Sequence[EntitlementEvent], after: Entitlement, at: datetime
) -> list[RowChange]:
    """The one row of an entitlement as it is after these events."""
    row = (
        after.id, after.client_id, after.programme_id, after.household_size, after.method, after.status, after.code,
        _json(after.paid), after.settled, after.version, _json(after.elsewhere),
    )  # fmt: skip
    return [Put(entitlements, row)]


def project_nothing(before: object, events: Sequence[object], after: object, at: datetime) -> list[RowChange]:
    """What is known of a client is shown with their entitlement."""
    return []


def network_rows(message: Message, contract: Contract) -> Iterable[RowChange]:
    """What everybody is told of one programme. Whose it is, is who tells it: anybody can write another one's name."""
    assert isinstance(contract, told.SeatsTold)
    yield Put(network_programmes, (
        message.origin.key, contract.programme_id, message.origin.site, contract.name, contract.period,
        list(contract.methods), contract.total, contract.occupied, contract.held,
    ))  # fmt: skip


PROGRAMMES = View("programmes", NETWORK_TABLES, {told.SeatsTold.type_name: told.SeatsTold}, network_rows)
