"""What the log and the desk are shown from: one row a message, written in the append of the events it follows from.

No row says where somebody can be reached, in which language, or what the message said.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
import sqlalchemy as sa

from services.notifications import events as ev
from services.notifications.decider_recipient import Message, Recipient, evolve
from shared.ports import Put, RowChange
from shared.schema import NAME, TIME, metadata

messages = sa.Table(
    "messages",
    metadata,
    sa.Column("id", NAME, primary_key=True),
    sa.Column("recipient", NAME, nullable=False, index=True),
    sa.Column("template", NAME, nullable=False),
    sa.Column("fields", sa.Text, nullable=False),
    sa.Column("status", NAME, nullable=False, index=True),
    sa.Column("channel", NAME, nullable=False),
    sa.Column("because", NAME, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("repeat", sa.Boolean, nullable=False),
    sa.Column("gathered", sa.Integer, nullable=False),
    sa.Column("cause_id", NAME, nullable=False, index=True),
    sa.Column("chosen_at", TIME, nullable=False),
    sa.Column("due_at", TIME),
    sa.Column("moved_at", TIME, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
)
"""fields: as JSON. status: `chosen`, `queued`, `sending`, `failed` and `desk` wait (until `due_at`); `sent`,
`delivered`, `suppressed` and `gathered` have ended. gathered: how many messages a summary stands for."""

MESSAGE_TABLES = (messages,)
_NO_ROW = ev.RecipientErased | ev.MessagesStopped | ev.MessagesAllowed | ev.MessagePlanned | ev.PlanEnded
ENDED = ("sent", "delivered", "suppressed", "gathered")


def project(before: Recipient, events: Sequence[ev.RecipientEvent], after: Recipient, at: datetime) -> list[RowChange]:
    """The rows that these events change; each as it is after the last of them."""
    rows: dict[str, Put] = {}
    state, last = before, dict(before.open)
    for event in events:
        state = evolve(state, event)
        last |= state.open
        if isinstance(event, _NO_ROW):
            continue
        rows[event.message_id] = _row(state, event, last.get(event.message_id))
        if isinstance(event, ev.MessageGathered) and event.summary_id in state.open:
            summary = state.open[event.summary_id]
            rows[summary.id] = _put(state, summary, summary.status, summary.because, event.at)
    return list(rows.values())


def _row(state: Recipient, event: ev.RecipientEvent, message: Message | None) -> Put:
    match event:
        case ev.MessageGathered():
            gone = Message(event.message_id, event.template, {}, event.cause_id, event.at, event.at, event.at)
            return _put(state, gone, "gathered", event.summary_id, event.at)
        case ev.MessageSent():
            return _put(state, message, "sent", "", event.at)
        case ev.MessageDelivered():
            return _put(state, message, "delivered", event.role, event.at)
        case ev.MessageSuppressed():
            return _put(state, message, "suppressed", event.because, event.at)
        case _:
            assert message is not None
            return _put(state, message, message.status, message.because, event.at)


def _put(state: Recipient, message: Message | None, status: str, because: str, at: datetime) -> Put:
    assert message is not None, "a message ends after it was chosen"
    due_at = None if status in ENDED else message.due_at
    gathered = state.gathered if message.id == state.summary_id and status not in ENDED else 0
    return Put(
        messages,
        (
            message.id, state.key, message.template, msgspec.json.encode(message.fields).decode(), status,
            message.channel, because, message.attempts, message.repeat, gathered, message.cause_id, message.chosen_at,
            due_at, at, state.version,
        ),
    )  # fmt: skip
