"""Regimes as this site knows them: its own if it is the municipality, else those it has heard of. Written inline."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from services.placement.decider_regimes import Regime
from services.placement.events_regimes import RegimeEvent
from shared.ports import Put, RowChange
from shared.schema import NAME, TIME, metadata

regimes = sa.Table(
    "regimes",
    metadata,
    sa.Column("id", NAME, primary_key=True),
    sa.Column("site", NAME, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("kinds", ARRAY(sa.Text), nullable=False),
    sa.Column("starts_at", TIME, nullable=False),
    sa.Column("ends_at", TIME, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
)

REGIME_TABLES = (regimes,)


def project(before: Regime, events: Sequence[RegimeEvent], after: Regime, at: datetime) -> list[RowChange]:
    """The one row of a regime as it is after these events."""
    row = (
        after.id, after.site, after.name, list(after.kinds), after.starts_at, after.ends_at, after.reason,
        after.revision, after.version,
    )  # fmt: skip
    return [Put(regimes, row)]
