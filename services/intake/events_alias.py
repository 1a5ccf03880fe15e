"""That a client lets the house they live in know their alias, and that they do not any more. The alias is in neither:
it stays in the sealed card, and is told when the house asks (`app_alias.py`).
"""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

from shared.kernel import Event


class AliasHandedOver(Event, frozen=True, tag="alias-handed-over.v1"):
    """The client has said that those who work where they live by this offer may know their alias. say_so: the id of
    that word; once it is on the list of destroyed keys it counts no more, whatever backup says that it was given."""

    client_id: str
    request_id: str
    offer_id: str
    say_so: str
    at: datetime


class AliasTakenBack(Event, frozen=True, tag="alias-taken-back.v1"):
    """They have said that nobody there may know it any more."""

    client_id: str
    request_id: str
    offer_id: str
    say_so: str
    at: datetime


AliasEvent: TypeAlias = AliasHandedOver | AliasTakenBack
