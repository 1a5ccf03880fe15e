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
KNOWN = "known"
"""What the reminder of an appointment is about that another desk has told the client of."""

AppointmentSaid: TypeAlias = intake.AppointmentMade | intake.AppointmentEnded


def of_appointment(message: Message, said: AppointmentSaid, at: datetime) -> ReplaceMessages:
    """What is said of an appointment now, and what said before is over. One that is moved is a new one to whoever has
    not heard of it."""
    if isinstance(said, intake.AppointmentMade):
        again = said.replaces is not None
        return ReplaceMessages(
            at=at, role=SYSTEM_ROLE, recipient=said.client_id,
            over=() if said.replaces is None else _ids(said, said.replaces), only_if_told=again,
            instead=tuple(_made(message, said, MOVED if again else MADE, at)),
            otherwise=tuple(_made(message, said, MADE, at)) if again else (),
            heard_by=() if said.replaces is None else _known(said, said.replaces),
        )  # fmt: skip
    off = said.how == "called_off" and is_news(said.at, at)
    return ReplaceMessages(
        at=at, role=SYSTEM_ROLE, recipient=said.client_id, over=_ids(said, said.turn), only_if_told=True,
        instead=(_choice(message, said, OFF, at),) if off else (), heard_by=_known(said, said.turn),
    )  # fmt: skip


def _made(message: Message, said: intake.AppointmentMade, template: str, at: datetime) -> Iterator[ChooseMessage]:
    """That there is one is news for a day; the reminder is, until it is over, however long ago it was made."""
    remind_at, told_now = reminded_at(said.starts_at), not said.known and is_news(said.at, at)
    if told_now:
        yield _choice(message, said, template, at, at + SETTLES)
    if not told_now or said.at + REMINDED_APART <= remind_at:
        yield _choice(message, said, NEAR, at, max(at, remind_at))


def reminded_at(starts_at: datetime) -> datetime:
    """When the client is reminded of what begins then."""
    day = starts_at.astimezone(CITY_ZONE).date() - timedelta(days=1)
    return datetime.combine(day, REMINDED_AT, CITY_ZONE).astimezone(starts_at.tzinfo)


def _choice(
    message: Message, said: AppointmentSaid, template: str, at: datetime, send_at: datetime | None = None
) -> ChooseMessage:
    about, fields = _about(said, said.turn), {"time": said.starts_at.isoformat()}
    if isinstance(said, intake.AppointmentMade) and said.known:
        about = f"{about}/{KNOWN}"
    return choice(
        message, said.client_id, template, about, at, fields, expires_at=said.starts_at, send_at=send_at
    )  # fmt: skip


def _ids(said: AppointmentSaid, turn: int) -> tuple[str, ...]:
    """All there may be of one appointment."""
    about = _about(said, turn)
    elsewhere = message_id_of(said.client_id, NEAR, f"{about}/{KNOWN}")
    return (*(message_id_of(said.client_id, template, about) for template in TOLD), elsewhere)


def _known(said: AppointmentSaid, turn: int) -> tuple[str, ...]:
    """Those there are for whoever has heard of it before: at another desk, or at another time. They would go there
    then, whether or not the newer time has gone out yet."""
    about = _about(said, turn)
    moved = message_id_of(said.client_id, MOVED, about)
    return moved, message_id_of(said.client_id, NEAR, f"{about}/{KNOWN}")


def _about(said: AppointmentSaid, turn: int) -> str:
    """One appointment of what it belongs to: moved there and back again it is another one."""
    return f"{said.appointment_id}/{turn}"
