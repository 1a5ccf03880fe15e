"""Checks at other desks, and theirs here: written inline. No row says what somebody is called."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from services.intake.decider_likeness import Check, Reply
from services.intake.events_likeness import CheckEvent, ReplyEvent
from shared.ports import Put, RowChange
from shared.schema import NAME, TIME, metadata

checks = sa.Table(
    "checks",
    metadata,
    sa.Column("id", NAME, primary_key=True),
    sa.Column("client_id", NAME, nullable=False, index=True),
    sa.Column("site", NAME, nullable=False),
    sa.Column("status", NAME, nullable=False),
    sa.Column("begun_at", TIME, nullable=False),
)
"""What this desk asked. status: `pending`, the answer, or why it ended."""

check_replies = sa.Table(
    "check_replies",
    metadata,
    sa.Column("id", NAME, primary_key=True),
    sa.Column("site", NAME, nullable=False, index=True),
    sa.Column("day", NAME, nullable=False, index=True),
    sa.Column("answer", NAME, nullable=False),
    sa.Column("counts", sa.Boolean, nullable=False),
    sa.Column("clients", ARRAY(sa.Text), nullable=False),
    sa.Column("since", TIME, nullable=False),
)
"""What this desk was asked, by whom. id: the site and the id of the check, as the stream has it. answer: empty before
there is one. counts: towards what a site may ask in a day: what was refused does not."""

CHECK_TABLES, REPLY_TABLES = (checks,), (check_replies,)


def project_check(before: Check, events: Sequence[CheckEvent], after: Check, at: datetime) -> list[RowChange]:
    """The check as it stands."""
    return [Put(checks, (after.id, after.client_id, after.site, after.status, after.begun_at))]


def project_reply(before: Reply, events: Sequence[ReplyEvent], after: Reply, at: datetime) -> list[RowChange]:
    """What was answered; the day is the one it was first asked on."""
    assert after.since is not None
    return [
        Put(check_replies, (
            f"{after.site}/{after.id}", after.site, after.since.date().isoformat(), after.answer,
            after.answer != "refused", list(after.clients), after.since,
        ))
    ]  # fmt: skip
