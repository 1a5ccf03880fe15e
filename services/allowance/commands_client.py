"""What this site's intake says of a client, on which an allowance depends."""

from __future__ import annotations

from datetime import date
from typing import TypeAlias, get_args

from shared.kernel import Command


class NoteHoused(Command, frozen=True, kw_only=True):
    """They live somewhere with meals since a day, and have not left."""

    client_id: str
    stay_id: str
    first: date


class NoteLeft(Command, frozen=True, kw_only=True):
    """They left it on a day. A stay that nobody told of before has no days."""

    client_id: str
    stay_id: str
    until: date


class NoteStay(Command, frozen=True, kw_only=True):
    """All of a stay as the owner of the place tells it. days: those with meals, each from the first to before the last
    (None: until further notice), in order; none of a stay without."""

    client_id: str
    stay_id: str
    days: tuple[tuple[date, date | None], ...]


class NoteErased(Command, frozen=True, kw_only=True):
    """They are erased since a day."""

    client_id: str
    from_day: date


ClientCommand: TypeAlias = NoteHoused | NoteLeft | NoteStay | NoteErased

CLIENT_COMMANDS: tuple[type[ClientCommand], ...] = get_args(ClientCommand)
