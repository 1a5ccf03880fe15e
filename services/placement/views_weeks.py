"""What every desk has told of every week, row by row; kept as told, shown as sums without small counts only."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from services.placement.weeks import OUTCOMES, REFERRALS, REGISTRATIONS
from shared.contracts import intake as told
from shared.contracts.base import Contract
from shared.envelope import Message
from shared.ports import Put, RowChange
from shared.schema import NAME, metadata

week_counts = sa.Table(
    "week_counts",
    metadata,
    sa.Column("origin", NAME, primary_key=True),
    sa.Column("week", sa.Date, primary_key=True),
    sa.Column("part", NAME, primary_key=True),
    sa.Column("word", NAME, primary_key=True),
    sa.Column("count", sa.Integer),
)
"""count: null where the desk told only that it is small."""

WEEK_TABLES = (week_counts,)


def week_rows(message: Message, contract: Contract) -> Iterable[RowChange]:
    """The rows of one week of one desk: always the same ones, so the newest telling leaves nothing of an older."""
    assert isinstance(contract, told.WeekTold)
    key = (message.origin.key, contract.week)
    yield Put(week_counts, (*key, REGISTRATIONS, "", contract.registrations))
    for group in contract.referrals:
        yield Put(week_counts, (*key, REFERRALS, group.group, group.count))
    for outcome in contract.outcomes:
        yield Put(week_counts, (*key, OUTCOMES, outcome.kind, outcome.count))
