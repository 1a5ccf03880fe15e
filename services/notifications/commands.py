"""What can be asked of the notifications service.

recipient: whose messages decide. message_id: one of theirs.
"""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

from shared.kernel import Command


class ChooseMessage(Command, frozen=True, kw_only=True):
    """Something has happened that this recipient should hear of. send_at: not before; None: now."""

    recipient: str
    message_id: str
    cause_id: str
    template: str
    fields: dict[str, str]
    expires_at: datetime
    send_at: datetime | None = None


class PlanMessage(Command, frozen=True, kw_only=True):
    """What is told of one day ahead, from now on: `wanted`, under an id of the plan's own; None: nothing. whole:
    whoever says so knows all of what it is about. Whoever does not changes no day that somebody else knew."""

    recipient: str
    plan_id: str
    wanted: ChooseMessage | None
    whole: bool


class ReplaceMessages(Command, frozen=True, kw_only=True):
    """What there was to tell of a thing is over, and this is told instead.

    over: messages that need not be told any more. instead: in this order. only_if_told: whoever has heard of none of
    what is over is told `otherwise`. heard_by: messages there only are for whoever heard of it before, sent or not.
    plan: what changes of a day ahead with it.
    """

    recipient: str
    over: tuple[str, ...] = ()
    instead: tuple[ChooseMessage, ...] = ()
    only_if_told: bool = False
    otherwise: tuple[ChooseMessage, ...] = ()
    heard_by: tuple[str, ...] = ()
    plan: PlanMessage | None = None


class TakeUpMessage(Command, frozen=True, kw_only=True):
    """It is due, and this is how its recipient can be reached now.

    channel: None when the desk has to tell it, for the reason `desk_because`. keyed: the channel knows a message again
    by its id, so that sending it twice is receiving it once. quiet_until: nothing goes out before that. erased: the
    vault knows nobody of that id. gone_on: the channel that this very attempt was given to before the database was put
    back to an older backup; empty when it never began.
    """

    recipient: str
    message_id: str
    channel: str | None
    desk_because: str = ""
    keyed: bool = False
    quiet_until: datetime | None = None
    erased: bool = False
    gone_on: str = ""


class RecordSent(Command, frozen=True, kw_only=True):
    """The channel has taken it. delivered: and says that it has arrived."""

    recipient: str
    message_id: str
    attempt: int
    delivered: bool = False


class RecordFailure(Command, frozen=True, kw_only=True):
    """The channel has not. known: it surely did not arrive. lasting: it will not take it later either."""

    recipient: str
    message_id: str
    attempt: int
    code: str
    known: bool = True
    lasting: bool = False


class RecordTold(Command, frozen=True, kw_only=True):
    """Somebody at the desk has told them."""

    recipient: str
    message_id: str


class RecordBounce(Command, frozen=True, kw_only=True):
    """What this channel took has come back: nobody has it. template, fields, cause_id: of the message, as the list of
    messages still has them. until: how long it waits at the desk."""

    recipient: str
    message_id: str
    channel: str
    template: str
    fields: dict[str, str]
    cause_id: str
    until: datetime


class StopMessages(Command, frozen=True, kw_only=True):
    """The client has answered a message with a word that stops them. said_at: when, as the channel says."""

    recipient: str
    said_at: datetime


class AllowMessages(Command, frozen=True, kw_only=True):
    """The client has told the desk that messages may come again."""

    recipient: str


class EraseRecipient(Command, frozen=True, kw_only=True):
    """The client is forgotten: what waits for them is not sent."""

    recipient: str


RecipientCommand: TypeAlias = (
    ChooseMessage
    | PlanMessage
    | ReplaceMessages
    | TakeUpMessage
    | RecordSent
    | RecordFailure
    | RecordTold
    | RecordBounce
    | StopMessages
    | AllowMessages
    | EraseRecipient
)

COMMANDS: tuple[type[RecipientCommand], ...] = (
    ChooseMessage,
    PlanMessage,
    ReplaceMessages,
    TakeUpMessage,
    RecordSent,
    RecordFailure,
    RecordTold,
    RecordBounce,
    StopMessages,
    AllowMessages,
    EraseRecipient,
)
