"""What the desk looks things up in: written inline, in the append of the events it follows from.

Whatever describes a person is here as sealed as in the events, and gone from the row once the file is erased.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from services.intake import events as ev
from services.intake import views_guidance, views_handover, views_offers
from services.intake.decider_file import File, status_of, touched
from services.intake.decider_parts import Request
from services.intake.decider_retention import Retention
from shared.ports import Put, RowChange
from shared.schema import NAME, TIME, metadata

clients = sa.Table(
    "clients",
    metadata,
    sa.Column("id", NAME, primary_key=True),
    sa.Column("card", sa.Text, nullable=False),
    sa.Column("has_personal", sa.Boolean, nullable=False),
    sa.Column("requests", ARRAY(sa.Text), nullable=False),
    sa.Column("registered_at", TIME, nullable=False),
    sa.Column("active_at", TIME, nullable=False, index=True),
    sa.Column("erased_at", TIME),
    sa.Column("key_gone_at", TIME),
    sa.Column("version", sa.Integer, nullable=False),
)

requests = sa.Table(
    "requests",
    metadata,
    sa.Column("id", NAME, primary_key=True),
    sa.Column("client_id", NAME, nullable=False, index=True),
    sa.Column("kinds", ARRAY(sa.Text), nullable=False),
    sa.Column("features", ARRAY(sa.Text), nullable=False),
    sa.Column("household_size", sa.Integer, nullable=False),
    sa.Column("not_at", ARRAY(sa.Text), nullable=False),
    sa.Column("facts", sa.Text, nullable=False),
    sa.Column("priority_band", sa.Integer, nullable=False),
    sa.Column("rules_version", sa.Integer, nullable=False),
    sa.Column("status", NAME, nullable=False, index=True),
    sa.Column("reason", sa.Text),
    sa.Column("waiting_since", NAME, nullable=False),
    sa.Column("opened_at", TIME, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
)

personal_reads = sa.Table(
    "personal_reads",
    metadata,
    sa.Column("id", NAME, primary_key=True),
    sa.Column("client_id", NAME, nullable=False, index=True),
    sa.Column("purpose", NAME, nullable=False),
    sa.Column("role", NAME, nullable=False),
    sa.Column("at", TIME, nullable=False),
)
"""Every time somebody opened what is personal. It stays when the file is erased: it names nobody."""

retention_days = sa.Table(
    "retention_days",
    metadata,
    sa.Column("day", NAME, primary_key=True),
    sa.Column("retention_days", sa.Integer, nullable=False),
    sa.Column("erased", sa.Integer, nullable=False),
    sa.Column("at", TIME, nullable=False),
)

CLIENT_TABLES = (
    clients, requests, personal_reads, *views_guidance.GUIDANCE_TABLES, *views_offers.OFFER_TABLES,
    views_handover.hand_overs,
)  # fmt: skip
RETENTION_TABLES = (retention_days,)


def project(before: File, events: Sequence[ev.ClientEvent], after: File, at: datetime) -> list[RowChange]:
    """The rows that these events change; each as it is after the last of them."""
    rows: list[RowChange] = [Put(clients, _client_row(after))]
    rows += [Put(requests, _request_row(after, after.requests[request_id])) for request_id in touched(events)]
    rows += views_offers.project(before, events, after)
    rows += [
        Put(personal_reads, (event.read_id, event.client_id, event.purpose, event.role, event.at))
        for event in events
        if isinstance(event, ev.PersonalRead)
    ]
    return [*rows, *views_guidance.project(events, after), *views_handover.project(before, events)]


def project_retention(
    before: Retention, events: Sequence[ev.RetentionDone], after: Retention, at: datetime
) -> list[RowChange]:
    """One row a day."""
    return [
        Put(retention_days, (event.day.isoformat(), event.retention_days, event.erased, event.at)) for event in events
    ]


def project_nothing(before: object, events: Sequence[object], after: object, at: datetime) -> list[RowChange]:
    """What a week counts is looked at where the network's is, with small counts left out (placement)."""
    return []


def _client_row(file: File) -> tuple[object, ...]:
    return (
        file.id, file.card, file.personal is not None, list(file.requests), file.registered_at, file.active_at,
        file.erased_at, file.key_gone_at, file.version,
    )  # fmt: skip


def _request_row(file: File, request: Request) -> tuple[object, ...]:
    return (
        request.id, file.id, list(request.kinds), list(request.features), request.household_size,
        list(request.not_at), request.facts, request.priority_band, request.rules_version,
        status_of(file, request),
        request.reason, request.waiting_since.isoformat(), request.opened_at, request.version,
    )  # fmt: skip
