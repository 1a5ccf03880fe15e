"""What the allowance service of this site says of a client's seat, to their file."""

from __future__ import annotations

from typing import TypeAlias

from shared.kernel import Command


class NoteSeat(Command, frozen=True, kw_only=True):
    """The client has a seat of an allowance programme (`held`), or has it no more."""

    client_id: str
    entitlement_id: str
    held: bool


FlowCommand: TypeAlias = NoteSeat
