"""What follows from a heard event or a committed one: how a message is chosen, and when it is taken up. Which event
makes which message is in `policy_clients.py` and `policy_staff.py`.

What is too old to be told is not: whoever reads a log from its beginning again, or hears it anew in another epoch,
tells nobody the news of last month.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import TypeAlias
from zoneinfo import ZoneInfo

from services.notifications import events as ev
from services.notifications.commands import ChooseMessage
from shared.contracts.base import Contract, Opened
from shared.envelope import SYSTEM_ROLE, Message
from shared.ids import derived_id
from shared.kernel import Reaction
from shared.timers import TimerCleared, TimerSet

RECIPIENT = "recipient"
"""The aggregate that commands go to."""

SEND = "send"
"""The timer of every message that is not settled."""

CASEWORKER, OPERATOR, ONCALL, COORDINATOR = "caseworker", "operator", "oncall", "coordinator"
FINANCE = "finance"
ROLES = frozenset({CASEWORKER, OPERATOR, ONCALL, COORDINATOR, FINANCE})
"""Recipients who are no clients: the roles of this site's people."""

NEWS = timedelta(days=1)
"""How old an event may be and still be news."""
WAITS = timedelta(days=14)
"""How long a message waits at the desk for somebody who does not come."""

SETTLES = timedelta(seconds=10)
"""An offer that cannot be taken is declined by intake in the same breath: nobody is told of it."""

CITY_ZONE = ZoneInfo("Europe/Amsterdam")
QUIET_FROM, QUIET_UNTIL = time(21), time(8)
"""By the city's clock. A phone that lights up at night may be seen by somebody it is not meant for, and wakes a room of
two."""


React: TypeAlias = Callable[[Message, Contract | Opened, datetime], Reaction | None]


def here(site: str, react: React, elsewhere: Mapping[type[Contract], str]) -> React:
    """`react`, for what this site's own services tell. elsewhere: the site to be heard of a contract that is told by
    another one."""

    def reacts(message: Message, said: Contract | Opened, at: datetime) -> Reaction | None:
        whose = site if isinstance(said, Opened) else elsewhere.get(type(said), site)
        return react(message, said, at) if message.origin.site == whose else None

    return reacts


def told(
    message: Message, recipient: str, template: str, about: str, happened_at: datetime, at: datetime,
    fields: Mapping[str, str] | None = None,
) -> Reaction | None:  # fmt: skip
    """One message, or None when it is no news any more."""
    if not is_news(happened_at, at):
        return None
    return Reaction(RECIPIENT, recipient, choice(message, recipient, template, about, at, fields))


def is_news(happened_at: datetime, at: datetime) -> bool:
    """Whether it is still to be told."""
    return at < happened_at + NEWS


def choice(
    message: Message, recipient: str, template: str, about: str, at: datetime, fields: Mapping[str, str] | None = None,
    *, expires_at: datetime | None = None, send_at: datetime | None = None,
) -> ChooseMessage:  # fmt: skip
    """One message: its id follows from whom it goes to, what it says and what it is about, however often that is
    told."""
    return ChooseMessage(
        at=at, role=SYSTEM_ROLE, recipient=recipient, message_id=message_id_of(recipient, template, about),
        cause_id=message.id, template=template, fields=dict(fields or {}), expires_at=expires_at or at + WAITS,
        send_at=send_at,
    )  # fmt: skip


def message_id_of(recipient: str, template: str, about: str) -> str:
    """The id of the one message there is of this to them."""
    return derived_id("message", recipient, template, about)


def quiet_until(at: datetime) -> datetime | None:
    """When the night ends that `at` is in; None by day."""
    local = at.astimezone(CITY_ZONE)
    if QUIET_UNTIL <= local.time() < QUIET_FROM:
        return None
    day = local.date() if local.time() < QUIET_UNTIL else local.date() + timedelta(days=1)
    return datetime.combine(day, QUIET_UNTIL, CITY_ZONE).astimezone(at.tzinfo)


def timers(events: Sequence[ev.RecipientEvent]) -> list[TimerSet | TimerCleared]:
    """One for each message that is not settled, named `send/<message id>`: it is taken up then."""
    changes: list[TimerSet | TimerCleared] = []
    for event in events:
        match event:
            case ev.MessageChosen():
                changes.append(_due(event.message_id, event.send_at, event.recipient))
            case ev.MessageQueued() | ev.MessageLeftAtDesk() | ev.MessageBounced():
                changes.append(_due(event.message_id, event.until, event.recipient))
            case ev.SendingBegan() | ev.SendingFailed():
                changes.append(_due(event.message_id, event.again_at, event.recipient))
            case ev.MessageSent() | ev.MessageDelivered() | ev.MessageSuppressed():
                changes.append(TimerCleared(send_timer(event.message_id)))
            case _:
                pass
    return changes


def _due(message_id: str, at: datetime, recipient: str) -> TimerSet:
    return TimerSet(send_timer(message_id), at, SEND, recipient)


def send_timer(message_id: str) -> str:
    """The timer of one message."""
    return f"{SEND}/{message_id}"


def message_of(timer_id: str) -> str:
    """Whose timer it is."""
    return timer_id.removeprefix(f"{SEND}/")
