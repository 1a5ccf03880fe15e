"""What this site hands out, written inline in the append of the events it follows from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from services.allowance.decider_handout import Handout
from services.allowance.events_handout import HandoutEvent, TransferHeard
from shared.ids import derived_id
from shared.ports import Put, RowChange
from shared.schema import NAME, metadata

vouchers = sa.Table(
    "vouchers",
    metadata,
    sa.Column("id", NAME, primary_key=True),
    sa.Column("handout_id", NAME, nullable=False),
    sa.Column("entitlement_id", NAME, nullable=False, index=True),
    sa.Column("programme_id", NAME, nullable=False),
    sa.Column("period", NAME, nullable=False),
    sa.Column("cents", sa.BigInteger, nullable=False),
    sa.Column("status", NAME, nullable=False),
    sa.Column("hashed", NAME, index=True),
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
)
"""status: `waiting`, `issued` (a code was given), `redeemed`, `expired`. hashed: of the code that is good. version: of
the handout."""

transfers = sa.Table(
    "transfers",
    metadata,
    sa.Column("id", NAME, primary_key=True),
    sa.Column("entitlement_id", NAME, nullable=False, index=True),
    sa.Column("programme_id", NAME, nullable=False),
    sa.Column("period", NAME, nullable=False),
    sa.Column("cents", sa.BigInteger, nullable=False),
    sa.Column("status", NAME, nullable=False),
    sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
)
"""Whose part of a transfer to the organisation here is how much. status: `sent`, `paid`, `returned`. moved_at: since
when it is."""

HANDOUT_TABLES = (vouchers, transfers)


def voucher_id(handout_id: str, entitlement_id: str) -> str:
    """The id of one payment at the desk."""
    return derived_id("voucher", handout_id, entitlement_id)


def project(before: Handout, events: Sequence[HandoutEvent], after: Handout, at: datetime) -> list[RowChange]:
    """The row of every payment that is another one than before, or waits longer."""
    rows: list[RowChange] = []
    for event in events:
        if isinstance(event, TransferHeard):
            rows += [
                Put(transfers, (
                    voucher_id(event.handout_id, one.entitlement_id), one.entitlement_id, event.programme_id,
                    event.period, one.cents, event.status, event.at, after.version,
                ))
                for one in event.payments
            ]  # fmt: skip
    if after.expires_at is None:  # nothing is fetched here
        return rows
    for entitlement_id, slip in after.slips.items():
        longer = slip.status == "waiting" and before.expires_at != after.expires_at
        if before.slips.get(entitlement_id) == slip and not longer:
            continue
        status = {"paid": "redeemed", "refused": "expired"}.get(slip.status, "issued" if slip.hashed else "waiting")
        about = (voucher_id(after.id, entitlement_id), after.id, entitlement_id, after.programme_id, after.period)
        good = slip.hashed if slip.cents else None
        rows.append(Put(vouchers, (*about, slip.cents, status, good, after.expires_at, after.version)))
    return rows
