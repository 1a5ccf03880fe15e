"""What happened to one client's entitlement: private events of the allowance service where the client is known.

`revision` counts what the municipality has to know of: each word to it is whole, and the highest one counts.
`again_at`: when it is told again if it has not said that it heard.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import TypeAlias, get_args

from services.allowance.days import Span
from shared.contracts.vocabulary import EntitlementEnd, PayMethod
from shared.kernel import Codec, Event


class EntitlementAsked(Event, frozen=True, tag="entitlement-asked.v1"):
    """A seat is asked for a client, to be paid for from `spans` on. entitlement_id: random; all that leaves the site.

    site: the municipality's, which decides.
    """

    entitlement_id: str
    client_id: str
    programme_id: str
    site: str
    household_size: int
    method: PayMethod
    spans: tuple[Span, ...]
    again_at: datetime
    at: datetime


class EntitlementGranted(Event, frozen=True, tag="entitlement-granted.v1"):
    """There is a seat, and it is for this client. The municipality is told."""

    entitlement_id: str
    revision: int
    again_at: datetime
    at: datetime


class EntitlementRefused(Event, frozen=True, tag="entitlement-refused.v1"):
    """There is no seat. code: the municipality's reason."""

    entitlement_id: str
    code: str
    at: datetime


class EntitlementSuspended(Event, frozen=True, tag="entitlement-suspended.v1"):
    """Nothing is paid from a day on; the seat stays."""

    entitlement_id: str
    from_day: date
    spans: tuple[Span, ...]
    revision: int
    again_at: datetime
    at: datetime


class EntitlementResumed(Event, frozen=True, tag="entitlement-resumed.v1"):
    """It is paid again from a day on."""

    entitlement_id: str
    from_day: date
    spans: tuple[Span, ...]
    revision: int
    again_at: datetime
    at: datetime


class EntitlementEnded(Event, frozen=True, tag="entitlement-ended.v1"):
    """It is over from a day on, and the seat goes back."""

    entitlement_id: str
    from_day: date
    reason: EntitlementEnd
    spans: tuple[Span, ...]
    revision: int
    again_at: datetime
    at: datetime


class DaysCorrected(Event, frozen=True, tag="days-corrected.v1"):
    """Which days are paid was wrong, or the household is another; these are right, also of an entitlement that is
    over. no_meals: all days on which the client had no meals elsewhere, whatever is heard of a stay."""

    entitlement_id: str
    household_size: int
    spans: tuple[Span, ...]
    revision: int
    again_at: datetime
    at: datetime
    no_meals: tuple[tuple[date, date | None], ...] = ()


class MealsFollowed(Event, frozen=True, tag="meals-followed.v1"):
    """The client has meals elsewhere on these days, and is not paid for them; on all others it is as the desk says.

    meals: all of these days, from the first to before the last. followed: which word of intake's this follows from.
    """

    entitlement_id: str
    meals: tuple[tuple[date, date | None], ...]
    followed: int
    revision: int
    again_at: datetime
    at: datetime


class EntitlementForgotten(Event, frozen=True, tag="entitlement-forgotten.v1"):
    """Its client is erased: it is over, no later day is paid, and nobody corrects it any more. spans: the days it was
    for."""

    entitlement_id: str
    from_day: date
    spans: tuple[Span, ...]
    revision: int
    again_at: datetime
    at: datetime


class EntitlementRepeated(Event, frozen=True, tag="entitlement-repeated.v1"):
    """The municipality has not said that it heard, or says that it heard more than is known here: it is told again."""

    entitlement_id: str
    revision: int
    again_at: datetime
    at: datetime


class PaymentNoted(Event, frozen=True, tag="payment-noted.v1"):
    """Cash waits for the client at this site's desk, until `until`. The services of this site are told."""

    entitlement_id: str
    handout_id: str
    until: datetime
    at: datetime


class EntitlementConfirmed(Event, frozen=True, tag="entitlement-confirmed.v1"):
    """The municipality has heard everything up to this revision."""

    entitlement_id: str
    revision: int
    at: datetime


EntitlementEvent: TypeAlias = (
    EntitlementAsked
    | EntitlementGranted
    | EntitlementRefused
    | EntitlementSuspended
    | EntitlementResumed
    | EntitlementEnded
    | DaysCorrected
    | MealsFollowed
    | EntitlementForgotten
    | EntitlementRepeated
    | PaymentNoted
    | EntitlementConfirmed
)

ENTITLEMENT_CODEC: Codec[EntitlementEvent] = Codec(get_args(EntitlementEvent))
