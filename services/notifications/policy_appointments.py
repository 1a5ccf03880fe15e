"""What a client hears of an appointment: that there is one, that it was moved or is off, and a reminder the day before.

Nothing says where it is or with whom: whom somebody was referred to says what is wrong with them, and no event that
comes here knows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import TypeAlias

from services.notifications.commands import ChooseMessage, ReplaceMessages
from services.notifications.policy import CITY_ZONE, choice, is_news, message_id_of
from shared.contracts import intake
from shared.envelope import SYSTEM_ROLE, Message

MADE, MOVED, NEAR, OFF = "appointment_made", "appointment_moved", "appointment_near", "appointment_off"
TOLD = (MADE, MOVED, NEAR)
"""What waits, or was heard, of an appointment that is to come."""

SETTLES = timedelta(minutes=1)
"""A wrong tap is undone within a minute: nobody is told of it."""
REMINDED_AT = time(10)
"""On the day before, by the city's clock."""
REMINDED_APART = timedelta(hours=12)
"""Whoever hears of it here so shortly before the reminder needs none."""

AppointmentSaid: TypeAlias = intake.AppointmentMade | intake.AppointmentEnded


def of_appointment(message: Message, said: AppointmentSaid, at: datetime) -> ReplaceMessages:
    """What is said of an appointment now, and what said before is over."""
    if isinstance(said, intake.AppointmentMade):
        over = () if said.replaces is None else _ids(said, said.replaces)
        return ReplaceMessages(
            at=at, role=SYSTEM_ROLE, recipient=said.client_id, over=over, instead=tuple(_made(message, said, at))
        )
    off = said.how == "called_off" and is_news(said.at, at)
    return ReplaceMessages(
        at=at, role=SYSTEM_ROLE, recipient=said.client_id, over=_ids(said, said.turn), only_if_told=True,
        instead=(_choice(message, said, OFF, at),) if off else (),
    )  # fmt: skip


def _made(message: Message, said: intake.AppointmentMade, at: datetime) -> Iterator[ChooseMessage]:
    """That there is one is news for a day; the reminder is, until it is over, however long ago it was made."""
    if not said.known and is_news(said.at, at):
        yield _choice(message, said, MADE if said.replaces is None else MOVED, at, at + SETTLES)
    remind_at = reminded_at(said.starts_at)
    if said.known or said.at + REMINDED_APART <= remind_at:
        yield _choice(message, said, NEAR, at, max(at, remind_at))


def reminded_at(starts_at: datetime) -> datetime:
    """When the client is reminded of what begins then."""
    day = starts_at.astimezone(CITY_ZONE).date() - timedelta(days=1)
    return datetime.combine(day, REMINDED_AT, CITY_ZONE).astimezone(starts_at.tzinfo)


def _choice(
    message: Message, said: AppointmentSaid, template: str, at: datetime, send_at: datetime | None = None
) -> ChooseMessage:
    about, fields = _about(said, said.turn), {"time": said.starts_at.isoformat()}
    return choice(
        message, said.client_id, template, about, at, fields, expires_at=said.starts_at, send_at=send_at
    )  # fmt: skip


def _ids(said: AppointmentSaid, turn: int) -> tuple[str, ...]:
    return tuple(message_id_of(said.client_id, template, _about(said, turn)) for template in TOLD)


def _about(said: AppointmentSaid, turn: int) -> str:
    """One appointment of what it belongs to: moved there and back again it is another one."""
    return f"{said.appointment_id}/{turn}"
