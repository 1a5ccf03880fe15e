"""What happened to one recipient's messages: the private events of the notifications service.

recipient: a client by id, or a role of this site (`operator`, `oncall`, ...). No event says where somebody can be
reached, in which language, or what the message said: contact details are the vault's, words come from the template.
message_id: follows from the recipient, the template and what it is about, so that the same cause told twice is one
message.
"""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

from shared.kernel import Codec, Event


class MessageChosen(Event, frozen=True, tag="message-chosen.v1"):
    """Something is to be told. fields: what the template has to fill in; dates and words of lists, never a person.

    cause_id: the event it follows from. expires_at: later it is of no use to anybody.
    """

    recipient: str
    message_id: str
    cause_id: str
    template: str
    fields: dict[str, str]
    send_at: datetime
    expires_at: datetime
    at: datetime


class MessagePlanned(Event, frozen=True, tag="message-planned.v1"):
    """What is to be told of a day ahead is settled anew: `message_id` is told of it, and no other of this plan. turn:
    how many messages there were of it, this one with them. whole: by who knows all of what it is about. fields,
    send_at, expires_at: of the message, as they are kept for a plan that is taken up again."""

    recipient: str
    plan_id: str
    message_id: str
    turn: int
    whole: bool
    fields: dict[str, str]
    send_at: datetime
    expires_at: datetime
    at: datetime


class PlanEnded(Event, frozen=True, tag="plan-ended.v1"):
    """There is nothing to be told of that day any more."""

    recipient: str
    plan_id: str
    whole: bool
    at: datetime


class MessageGathered(Event, frozen=True, tag="message-gathered.v1"):
    """One of too many in an hour: it is counted in a summary and not sent by itself."""

    recipient: str
    message_id: str
    cause_id: str
    template: str
    summary_id: str
    at: datetime


class MessageQueued(Event, frozen=True, tag="message-queued.v1"):
    """It goes out on this channel, and not before `until`. because: a word of the list (`quiet-hours`)."""

    recipient: str
    message_id: str
    channel: str
    until: datetime
    because: str
    at: datetime


class SendingBegan(Event, frozen=True, tag="sending-began.v1"):
    """From now on it may have been sent. again_at: when nobody has said by then what came of it, nobody will.

    repeat: an earlier attempt may have arrived, and the message says so.
    """

    recipient: str
    message_id: str
    channel: str
    attempt: int
    repeat: bool
    at: datetime
    again_at: datetime


class SendingFailed(Event, frozen=True, tag="sending-failed.v1"):
    """The channel did not take it. known: it surely did not arrive."""

    recipient: str
    message_id: str
    attempt: int
    code: str
    known: bool
    at: datetime
    again_at: datetime


class MessageSent(Event, frozen=True, tag="message-sent.v1"):
    """The channel has taken it. That is all e-mail ever says."""

    recipient: str
    message_id: str
    attempt: int
    at: datetime


class MessageDelivered(Event, frozen=True, tag="message-delivered.v1"):
    """The recipient has it: a gateway says so, or somebody at the desk who told them. role: who says it."""

    recipient: str
    message_id: str
    role: str
    at: datetime


class MessageSuppressed(Event, frozen=True, tag="message-suppressed.v1"):
    """It is not sent, now or later. because: `client-erased`, `expired`."""

    recipient: str
    message_id: str
    because: str
    at: datetime


class MessageLeftAtDesk(Event, frozen=True, tag="message-left-at-desk.v1"):
    """Somebody at the desk has to tell it: no channel is safe, or none took it. because: why. until: when it ends."""

    recipient: str
    message_id: str
    because: str
    until: datetime
    at: datetime


class MessageBounced(Event, frozen=True, tag="message-bounced.v1"):
    """A channel had taken it, and it came back: the desk has to tell it, until `until`. template, fields: as they were
    chosen."""

    recipient: str
    message_id: str
    channel: str
    cause_id: str
    template: str
    fields: dict[str, str]
    until: datetime
    at: datetime


class MessagesStopped(Event, frozen=True, tag="messages-stopped.v1"):
    """The client has said stop: from now on everything is told at the desk."""

    recipient: str
    at: datetime


class MessagesAllowed(Event, frozen=True, tag="messages-allowed.v1"):
    """The client wants messages again, and has said so at the desk."""

    recipient: str
    at: datetime


class RecipientErased(Event, frozen=True, tag="recipient-erased.v1"):
    """Nothing is ever sent to this client again."""

    recipient: str
    at: datetime


RecipientEvent: TypeAlias = (
    MessageChosen
    | MessagePlanned
    | PlanEnded
    | MessageGathered
    | MessageQueued
    | SendingBegan
    | SendingFailed
    | MessageSent
    | MessageDelivered
    | MessageSuppressed
    | MessageLeftAtDesk
    | MessageBounced
    | MessagesStopped
    | MessagesAllowed
    | RecipientErased
)

CODEC: Codec[RecipientEvent] = Codec(
    (
        MessageChosen,
        MessagePlanned,
        PlanEnded,
        MessageGathered,
        MessageQueued,
        SendingBegan,
        SendingFailed,
        MessageSent,
        MessageDelivered,
        MessageSuppressed,
        MessageLeftAtDesk,
        MessageBounced,
        MessagesStopped,
        MessagesAllowed,
        RecipientErased,
    )
)
"""Reads and writes them. A changed event is a new class with its upcaster directly under it."""
