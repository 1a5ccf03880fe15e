"""What an allowance depends on of one client, as this site's intake told it: private events of the allowance service
where the client is known. `client_id` leads nowhere by itself.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import TypeAlias, get_args

from shared.kernel import Codec, Event


class MealsNoted(Event, frozen=True, tag="meals-noted.v1"):
    """The client has meals where they live from a day on; until: the first day without, None: until further notice.

    stay_id: of the offer it began with. The newest word of a stay counts.
    """

    client_id: str
    stay_id: str
    first: date
    until: date | None
    revision: int
    at: datetime


class StayNoted(Event, frozen=True, tag="stay-noted.v1"):
    """All of a stay is known from the owner of its places: on these days they have meals there, each from the first to
    before the last (None: until further notice). It counts in place of every `MealsNoted` of that stay."""

    client_id: str
    stay_id: str
    days: tuple[tuple[date, date | None], ...]
    revision: int
    at: datetime


class ClientForgotten(Event, frozen=True, tag="client-forgotten.v1"):
    """The client was erased: nothing is paid from this day on."""

    client_id: str
    from_day: date
    revision: int
    at: datetime


ClientEvent: TypeAlias = MealsNoted | StayNoted | ClientForgotten

CLIENT_CODEC: Codec[ClientEvent] = Codec(get_args(ClientEvent))
