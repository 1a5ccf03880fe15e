"""A recipient to test with: Anna's request was noted, on an evening in January."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from services.notifications import commands as cmd
from services.notifications import events as ev
from services.notifications.decider import LEASE, RECIPIENT, pause
from services.notifications.decider_recipient import Recipient
from tests.support.scenario import Scenario

T0 = datetime(2026, 1, 5, 18, 0, tzinfo=UTC)
ANNA = "11111111-1111-4111-8111-111111111111"
NEWS, CAUSE = "55555555-5555-5555-8555-555555555555", "66666666-6666-7666-8666-666666666666"
ENDS = T0 + timedelta(days=14)
MORNING = datetime(2026, 1, 6, 7, 0, tzinfo=UTC)
FIELDS = {"date": "2026-01-05"}


def not_twice(before: Recipient, events: Any, after: Recipient) -> None:
    """What holds of every decision: a message is open or settled, never both, and an open one has a time to come."""
    assert not after.open.keys() & set(after.settled)
    assert all(message.due_at >= message.chosen_at for message in after.open.values())


to_anna = Scenario(RECIPIENT, not_twice)

CHOSEN = ev.MessageChosen(ANNA, NEWS, CAUSE, "request_noted", FIELDS, T0, ENDS, T0)


def began(attempt: int = 1, *, at: datetime = T0, channel: str = "email", repeat: bool = False) -> ev.SendingBegan:
    return ev.SendingBegan(ANNA, NEWS, channel, attempt, repeat, at, at + LEASE)


def failed(
    attempt: int = 1, *, at: datetime = T0, code: str = "channel-silent", known: bool = True
) -> ev.SendingFailed:
    return ev.SendingFailed(ANNA, NEWS, attempt, code, known, at, at + pause(NEWS, attempt))


SENT = ev.MessageSent(ANNA, NEWS, 1, T0)
DELIVERED = ev.MessageDelivered(ANNA, NEWS, "system", T0)
AT_DESK = ev.MessageLeftAtDesk(ANNA, NEWS, "channel-none", ENDS, T0)
ERASED = ev.RecipientErased(ANNA, T0)


def of_anna(command: type[Any], **fields: Any) -> Any:
    """A command of the service itself about Anna's message."""
    given: dict[str, Any] = {"at": T0, "role": "system", "recipient": ANNA, "message_id": NEWS}
    if command in (cmd.EraseRecipient, cmd.StopMessages, cmd.AllowMessages):
        del given["message_id"]
    if command is cmd.StopMessages:
        given["said_at"] = T0
    return command(**(given | fields))


def choose(**fields: Any) -> Any:
    """The choice that `CHOSEN` came of."""
    given = {"cause_id": CAUSE, "template": "request_noted", "fields": FIELDS, "expires_at": ENDS}
    return of_anna(cmd.ChooseMessage, **(given | fields))


def take_up(**fields: Any) -> Any:
    """By e-mail, now."""
    return of_anna(cmd.TakeUpMessage, **({"channel": "email"} | fields))
