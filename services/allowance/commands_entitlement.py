"""What may be asked about one client's entitlement.

Days are calendar days of the city. if_version: of the entitlement as whoever asks has seen it.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal, TypeAlias, get_args

from shared.contracts.vocabulary import EntitlementEnd, PayMethod
from shared.kernel import Command


class AskEntitlement(Command, frozen=True, kw_only=True):
    """Ask the municipality's site for a seat for this client, paid from `from_day` on."""

    entitlement_id: str
    client_id: str
    programme_id: str
    site: str
    household_size: int
    method: PayMethod
    from_day: date


class HearSeat(Command, frozen=True, kw_only=True):
    """The municipality says how it stands with the seat, having heard everything up to `revision`. code: why it
    refused."""

    entitlement_id: str
    site: str
    revision: int
    status: Literal["reserved", "granted", "ended", "refused"]
    code: str | None = None


class SuspendEntitlement(Command, frozen=True, kw_only=True):
    """Pay nothing from a day on: the client has meals elsewhere, or is not there."""

    entitlement_id: str
    from_day: date
    if_version: int | None = None


class ResumeEntitlement(Command, frozen=True, kw_only=True):
    """Pay again from a day on."""

    entitlement_id: str
    from_day: date
    if_version: int | None = None


class EndEntitlement(Command, frozen=True, kw_only=True):
    """It is over from a day on; asked for but not answered, it is asked for no more."""

    entitlement_id: str
    from_day: date
    reason: EntitlementEnd
    if_version: int | None = None


class CorrectDays(Command, frozen=True, kw_only=True):
    """From `first` to before `until` (None: until further notice) the household is this large. 0: nothing is paid for
    these days. no_meals: they had none elsewhere then, whatever was or will be heard of a stay.
    """

    entitlement_id: str
    first: date
    until: date | None
    household_size: int
    no_meals: bool = False
    if_version: int | None = None


class FollowClient(Command, frozen=True, kw_only=True):
    """What is known of the client, whole. meals: days with meals elsewhere, from the first to before the last (None:
    until further notice). forgotten_from: since when they are erased. followed: the higher one is the newer."""

    entitlement_id: str
    followed: int
    meals: tuple[tuple[date, date | None], ...] = ()
    forgotten_from: date | None = None


class NotePayment(Command, frozen=True, kw_only=True):
    """Cash waits for the client, out of this handout, until `until`."""

    entitlement_id: str
    handout_id: str
    until: datetime


class RepeatEntitlement(Command, frozen=True, kw_only=True):
    """Its timer fired: tell the municipality again. Nothing happens before its time, or when it has heard."""

    entitlement_id: str


EntitlementCommand: TypeAlias = (
    AskEntitlement
    | HearSeat
    | SuspendEntitlement
    | ResumeEntitlement
    | EndEntitlement
    | CorrectDays
    | FollowClient
    | NotePayment
    | RepeatEntitlement
)

ENTITLEMENT_COMMANDS: tuple[type[EntitlementCommand], ...] = get_args(EntitlementCommand)
