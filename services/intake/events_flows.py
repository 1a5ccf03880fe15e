"""What a file hears of seats in allowance programmes: so that weeks can count who goes from a place to an allowance."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

from shared.kernel import Event


class SeatNoted(Event, frozen=True, tag="seat-noted.v1"):
    """The client has the seat of this entitlement (`held`), or has it no more, in the word of the allowance service."""

    client_id: str
    entitlement_id: str
    held: bool
    at: datetime


FlowEvent: TypeAlias = SeatNoted
