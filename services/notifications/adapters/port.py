"""What a channel is: one way a message goes out. Everything else about sending is decided elsewhere."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from services.notifications.words import Written
from shared.unspoken import Unspoken


class Outgoing(Unspoken, frozen=True):
    """One message on its way. It exists while it is sent, and is kept nowhere.

    message_id: the same at every attempt. address: where to. written: what it says. at: when this attempt was begun.
    """

    message_id: str
    address: str
    written: Written
    repeat: bool
    at: datetime


class ChannelProblem(Exception):
    """Why a channel did not take a message; the text is a code and quotes nothing of it.

    known: it surely did not arrive. lasting: it will not be taken later either. ours: the channel does not work for
    anybody, so that the next message need not try it at once.
    """

    def __init__(self, code: str, *, known: bool = True, lasting: bool = False, ours: bool = False) -> None:
        super().__init__(code)
        self.code, self.known, self.lasting, self.ours = code, known, lasting, ours


class Channel(Protocol):
    """keyed: it knows a message again by its id. confirms: what it takes has arrived. per_minute: it takes at most."""

    keyed: bool
    confirms: bool
    per_minute: int

    async def send(self, outgoing: Outgoing) -> None:
        """Hands it over, within 60 seconds. Raises `ChannelProblem`."""
        ...
