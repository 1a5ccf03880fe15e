"""Files on their way from this desk to another, and from others to this one: written inline. No row names anybody."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from services.intake import events as ev
from services.intake import events_handover as over
from services.intake.decider_file import File
from services.intake.decider_handover import Taking
from services.intake.decider_parts import HandingOver
from shared.ports import Put, RowChange
from shared.schema import NAME, TIME, metadata

hand_overs = sa.Table(
    "hand_overs",
    metadata,
    sa.Column("id", NAME, primary_key=True),
    sa.Column("client_id", NAME, nullable=False, index=True),
    sa.Column("site", NAME, nullable=False),
    sa.Column("status", NAME, nullable=False),
    sa.Column("begun_at", TIME, nullable=False),
)
"""Files of this desk. status: `under_way`, `calling_off`, or how it ended."""

takings = sa.Table(
    "takings",
    metadata,
    sa.Column("id", NAME, primary_key=True),
    sa.Column("site", NAME, nullable=False, index=True),
    sa.Column("status", NAME, nullable=False),
    sa.Column("client_id", NAME),
    sa.Column("since", TIME, nullable=False),
)
"""Files of other desks. status: as of `Taking`. client_id: null until it was taken."""

TAKING_TABLES = (takings,)

UNDER_WAY, CALLING_OFF = "under_way", "calling_off"


def project(before: File, events: Sequence[ev.ClientEvent]) -> list[RowChange]:
    """The row of each hand-over that these events move."""
    rows: list[RowChange] = []
    known = before.hand_over
    for event in events:
        match event:
            case over.HandOverBegun():
                known = HandingOver(event.hand_over_id, event.site, event.at)
                rows.append(_row(event.client_id, known, UNDER_WAY))
            case over.HandOverCalledOff() if known is not None:
                rows.append(_row(event.client_id, known, CALLING_OFF))
            case over.HandOverEnded() if known is not None:
                rows.append(_row(event.client_id, known, event.how))
                known = None
            case ev.ClientErased() if known is not None:  # it went before the other desk was heard
                rows.append(_row(event.client_id, known, "erased"))
            case _:
                pass
    return rows


def _row(client_id: str, known: HandingOver, status: str) -> Put:
    return Put(hand_overs, (known.id, client_id, known.site, status, known.begun_at))


def project_taking(
    before: Taking, events: Sequence[over.TakingEvent], after: Taking, at: datetime
) -> list[RowChange]:  # fmt: skip
    """How it stands."""
    return [Put(takings, (after.id, after.site, after.status, after.client_id or None, after.since))]
