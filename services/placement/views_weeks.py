"""What every desk has told of every week, row by row; kept as told, shown as sums without small counts only."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from services.placement.weeks import (
    FLOWS,
    OUTCOMES,
    REFERRALS,
    REGISTRATIONS,
    UNMET,
    UNMET_DISTRICTS,
    UNMET_FEATURES,
    UNMET_KINDS,
    UNMET_SIZES,
    flow_word,
)
from shared.contracts import intake as told
from shared.contracts.base import Contract
from shared.contracts.placement import SessionWeekTold
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

session_weeks = sa.Table(
    "session_weeks",
    metadata,
    sa.Column("origin", NAME, primary_key=True),
    sa.Column("week", sa.Date, primary_key=True),
    sa.Column("location", NAME, primary_key=True),
    sa.Column("kind", NAME, primary_key=True),
    *(sa.Column(name, sa.Integer, nullable=False) for name in ("sessions", "counted", "booked", "attended", "full")),
    sa.Column("wait_days", sa.Integer),
)
"""What the sessions of each house came to, by week and kind. wait_days: null where no session had a free seat."""

SESSION_WEEK_TABLES = (session_weeks,)


def session_week_rows(message: Message, contract: SessionWeekTold) -> Iterable[RowChange]:
    """The kinds one message names; those it does not name are as they were."""
    key = (message.origin.key, contract.week, contract.location)
    for row in contract.rows:
        counts = (row.sessions, row.counted, row.booked, row.attended, row.full, row.wait_days)
        yield Put(session_weeks, (*key, row.kind, *counts))


def week_rows(message: Message, contract: Contract) -> Iterable[RowChange]:
    """The rows of one week of one desk: always the same ones, so the newest telling leaves nothing of an older."""
    assert isinstance(contract, told.WeekTold)
    key = (message.origin.key, contract.week)
    yield Put(week_counts, (*key, REGISTRATIONS, "", contract.registrations))
    for group in contract.referrals:
        yield Put(week_counts, (*key, REFERRALS, group.group, group.count))
    for outcome in contract.outcomes:
        yield Put(week_counts, (*key, OUTCOMES, outcome.kind, outcome.count))


def unmet_rows(message: Message, contract: Contract) -> Iterable[RowChange]:
    """What nothing was found for in one week of one desk; always the same rows, too."""
    assert isinstance(contract, told.UnmetTold)
    key = (message.origin.key, contract.week)
    yield Put(week_counts, (*key, UNMET, "", contract.total))
    words: list[tuple[str, str, int]] = [
        *((UNMET_KINDS, each.kind, each.count) for each in contract.kinds),
        *((UNMET_SIZES, each.size_class, each.count) for each in contract.size_classes),
        *((UNMET_FEATURES, each.feature, each.count) for each in contract.features),
        *((UNMET_DISTRICTS, each.district, each.count) for each in contract.districts),
    ]
    for part, word, count in words:
        yield Put(week_counts, (*key, part, word, count))


def flow_rows(message: Message, contract: Contract) -> Iterable[RowChange]:
    """Who went from one kind of place to another in one week of one desk; always the same rows, too."""
    assert isinstance(contract, told.FlowsTold)
    for each in contract.flows:
        word = flow_word(each.came_from, each.went_to)
        yield Put(week_counts, (message.origin.key, contract.week, FLOWS, word, each.count))
