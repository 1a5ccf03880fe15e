"""Holds asked for at other sites, as this site knows them: written inline, like the board.

No place of another site is ever named here: a letter names a location and a kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from shared.forward import Call, CallEvent
from shared.ports import Put, RowChange
from shared.schema import NAME, TIME, metadata

remote_holds = sa.Table(
    "remote_holds",
    metadata,
    sa.Column("id", NAME, primary_key=True),
    sa.Column("site", NAME, nullable=False),
    sa.Column("location", NAME, nullable=False, index=True),
    sa.Column("kind", NAME, nullable=False),
    sa.Column("household_size", sa.Integer, nullable=False),
    sa.Column("features", ARRAY(sa.Text), nullable=False),
    sa.Column("status", NAME, nullable=False),
    sa.Column("code", NAME),
    sa.Column("given_up", sa.Boolean, nullable=False),
    sa.Column("expires_at", TIME, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
)

CALL_TABLES = (remote_holds,)


def project(before: Call, events: Sequence[CallEvent], after: Call, at: datetime) -> list[RowChange]:
    """The one row of a call as it is after these events."""
    body = after.body
    row = (
        after.id, after.site, body["location"], body["kind"], body["household_size"], list(body["features"]),
        after.status, after.code, after.given_up and not after.settled, after.expires_at, after.version,
    )  # fmt: skip
    return [Put(remote_holds, row)]
