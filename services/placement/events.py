"""What happened at one location: the private events of the placement service.

Every `at` is the owner's clock when the command was handled. `observed_at` is when a person saw it; None where nobody
looked (a timer fired, a place was promised). Events that end the use of places name those places, so that a view
needs no state of its own.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple, TypeAlias, get_args

from services.placement.events_house import RuleEvent
from services.placement.events_offers import OfferEvent
from services.placement.events_regimes import RegimeBegan, RegimeEnded, RegimeNoted, StandbyClosed, StandbyOpened
from shared.kernel import Codec, Event


class LocationOpened(Event, frozen=True, tag="location-opened.v1"):
    """A house with places exists, at exactly one site."""

    name: str
    title: str
    district: str
    site: str
    at: datetime


class PlacesOpened(Event, frozen=True, tag="places-opened.v1"):
    """Places of one make came into being, free.

    sleeps: people who can sleep in one such place. programme: the reported programme they belong to, if any.
    overflow: extra places; each closes when its stay ends. standby: they wait, closed, for a regime.
    numbered_from: None when all are in `room`; else every place is a room of its own, `<room>-<n>` from this n on.
    """

    place_ids: tuple[str, ...]
    kind: str
    room: str
    sleeps: int
    features: tuple[str, ...]
    at: datetime
    observed_at: datetime | None = None
    programme: str | None = None
    overflow: bool = False
    numbered_from: int | None = None
    standby: bool = False

    def room_of(self, index: int) -> str:
        """The room of the place at `index` of `place_ids`."""
        return self.room if self.numbered_from is None else f"{self.room}-{self.numbered_from + index}"


class RoomComposed(Event, frozen=True, tag="room-composed.v1"):
    """A room is for these households from now on."""

    room: str
    composition: str
    at: datetime


class PlacesBlocked(Event, frozen=True, tag="places-blocked.v1"):
    """Free places were taken out of use. `until` is the expected end and ends nothing by itself.

    reported: a night report said so; only such a block does a later report lift. undo: a tap taken back, as below.
    """

    place_ids: tuple[str, ...]
    reason: str
    until: datetime | None
    at: datetime
    observed_at: datetime | None = None
    reported: bool = False
    undo: bool = False


class BlockPlanned(Event, frozen=True, tag="block-planned.v1"):
    """Places in use will be blocked when that use ends."""

    place_ids: tuple[str, ...]
    reason: str
    until: datetime | None
    at: datetime


class PlacesUnblocked(Event, frozen=True, tag="places-unblocked.v1"):
    """Blocked places are free again; a planned block is called off."""

    place_ids: tuple[str, ...]
    at: datetime
    observed_at: datetime | None = None
    undo: bool = False


class ClosingPlanned(Event, frozen=True, tag="closing-planned.v1"):
    """Places in use will be closed when that use ends."""

    place_ids: tuple[str, ...]
    at: datetime


class PlacesClosed(Event, frozen=True, tag="places-closed.v1"):
    """Places exist no more and count nowhere."""

    place_ids: tuple[str, ...]
    at: datetime
    observed_at: datetime | None = None


class PlaceHeld(Event, frozen=True, tag="place-held.v1"):
    """One or more free places of one room are kept for a household on its way, until `expires_at`.

    features: what was asked for, not everything the places have. location: whose timer it is.
    """

    location: str
    hold_id: str
    place_ids: tuple[str, ...]
    kind: str
    household_size: int
    features: tuple[str, ...]
    hold_minutes: int
    expires_at: datetime
    at: datetime


class HoldCancelled(Event, frozen=True, tag="hold-cancelled.v1"):
    """reason: why, where it was not somebody saying that nobody is coming: `location-closed`, `entered_in_error`."""

    hold_id: str
    place_ids: tuple[str, ...]
    at: datetime
    reason: str | None = None


class NoShowNoted(Event, frozen=True, tag="no-show-noted.v1"):
    """Somebody was expected and did not come; the hold has ended."""

    hold_id: str
    place_ids: tuple[str, ...]
    at: datetime


class HoldLapsed(Event, frozen=True, tag="hold-lapsed.v1"):
    """Nobody came in time."""

    hold_id: str
    place_ids: tuple[str, ...]
    at: datetime


class HoldAsked(Event, frozen=True, tag="hold-asked.v1"):
    """Another site asked for this hold, and is answered; what came of it follows in the same decision.

    expires_at: when it no longer waits, by its own clock; so long the owner remembers the id.
    """

    hold_id: str
    site: str
    expires_at: datetime
    at: datetime


class HoldRefused(Event, frozen=True, tag="hold-refused.v1"):
    """The hold another site asked for was not given. code: why. The answer stays the same for this id."""

    hold_id: str
    code: str
    at: datetime


class HoldCalledOff(Event, frozen=True, tag="hold-called-off.v1"):
    """Another site gave a hold up before it was asked for here: it will not be given when the ask comes."""

    hold_id: str
    site: str
    expires_at: datetime
    at: datetime


class AnswerRepeated(Event, frozen=True, tag="answer-repeated.v1"):
    """Another site asked again how it stands with its hold, and was told once more."""

    hold_id: str
    at: datetime


class StayBegan(Event, frozen=True, tag="stay-began.v1"):
    """A household lives in these places since `began_at` (when it was seen).

    hold_id: the hold this checks in; with this event it has ended as `checked_in`. None for a walk-in.
    """

    stay_id: str
    place_ids: tuple[str, ...]
    kind: str
    household_size: int
    began_at: datetime
    at: datetime
    hold_id: str | None = None


class StayEnded(Event, frozen=True, tag="stay-ended.v1"):
    """The household left at `ended_at` (when it was seen). by_itself: its time was over, and nobody looked."""

    stay_id: str
    place_ids: tuple[str, ...]
    reason: str
    ended_at: datetime
    at: datetime
    by_itself: bool = False


class StayMoved(Event, frozen=True, tag="stay-moved.v1"):
    """The household lives in other places since `moved_at` (when it was seen). undo: a tap taken back."""

    stay_id: str
    from_ids: tuple[str, ...]
    place_ids: tuple[str, ...]
    kind: str
    moved_at: datetime
    at: datetime
    undo: bool = False


class AwayNoted(Event, frozen=True, tag="away-noted.v1"):
    """The household is away and expected back by `until`; None: it is back."""

    stay_id: str
    until: datetime | None
    at: datetime


class StayCorrected(Event, frozen=True, tag="stay-corrected.v1"):
    """What was known of a present stay was wrong; this is right."""

    stay_id: str
    place_ids: tuple[str, ...]
    household_size: int
    began_at: datetime
    at: datetime


class StayResumed(Event, frozen=True, tag="stay-resumed.v1"):
    """The stay had not ended after all: the tap is taken back, and the household is in its places as before."""

    stay_id: str
    place_ids: tuple[str, ...]
    at: datetime


class HeadsCounted(Event, frozen=True, tag="heads-counted.v1"):
    """Somebody counted people in the places of one kind. It changes no place.

    expected: people in stays then. missing: occupied places where nobody was; unexpected: other places where somebody
    was. superseded: a newer look at these places was known already.
    """

    count_id: str
    kind: str
    counted: int
    expected: int
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    superseded: bool
    observed_at: datetime
    at: datetime


class SessionOpened(Event, frozen=True, tag="session-opened.v1"):
    """There is a consultation hour, an activity or an internship, with so many seats. location: whose timer it is."""

    session_id: str
    kind: str
    starts_at: datetime
    ends_at: datetime
    seats: int
    at: datetime
    location: str = ""


class SeatBooked(Event, frozen=True, tag="seat-booked.v1"):
    session_id: str
    booking_id: str
    at: datetime


class SeatGivenBack(Event, frozen=True, tag="seat-given-back.v1"):
    session_id: str
    booking_id: str
    at: datetime


class LocationClosed(Event, frozen=True, tag="location-closed.v1"):
    """The house takes nobody any more; the events beside it close what can close now."""

    name: str
    at: datetime


class InPlace(NamedTuple):
    """One of many anonymous stays, each in one place."""

    stay_id: str
    place_id: str


class StaysBegan(Event, frozen=True, tag="stays-began.v1"):
    """A night report counted these as occupied: anonymous stays of one person, one place each."""

    programme: str
    kind: str
    stays: tuple[InPlace, ...]
    began_at: datetime
    at: datetime


class StaysEnded(Event, frozen=True, tag="stays-ended.v1"):
    """A later night report counted fewer."""

    programme: str
    stays: tuple[InPlace, ...]
    reason: str
    ended_at: datetime
    at: datetime


class NightRecorded(Event, frozen=True, tag="night-recorded.v1"):
    """The figures of one reported programme-night were adopted; the events beside it made the places match.

    total: places without overflow, blocked ones included. overflow: places beyond total, all of them occupied.
    funded, unavailable, service_users: as published beside it; None where the report says nothing. words: what the
    report calls the programme; None when that is as it was.
    """

    programme: str
    kind: str
    features: tuple[str, ...]
    sleeps: int
    night: date
    total: int
    blocked: int
    occupied: int
    overflow: int
    observed_at: datetime
    at: datetime
    funded: int | None = None
    unavailable: int | None = None
    service_users: int | None = None
    words: tuple[str, ...] | None = None


HouseEvent: TypeAlias = (
    LocationOpened
    | PlacesOpened
    | PlacesBlocked
    | BlockPlanned
    | PlacesUnblocked
    | ClosingPlanned
    | PlacesClosed
    | PlaceHeld
    | HoldCancelled
    | NoShowNoted
    | HoldLapsed
    | HoldAsked
    | HoldRefused
    | HoldCalledOff
    | AnswerRepeated
    | StayBegan
    | StayEnded
    | StaysBegan
    | StaysEnded
    | NightRecorded
    | StayMoved
    | AwayNoted
    | StayCorrected
    | StayResumed
    | HeadsCounted
    | LocationClosed
    | RoomComposed
    | SessionOpened
    | SeatBooked
    | SeatGivenBack
    | RegimeNoted
    | RegimeBegan
    | RegimeEnded
    | StandbyOpened
    | StandbyClosed
    | RuleEvent
)
"""What happens to places, and to whoever holds them or lives there."""

LocationEvent: TypeAlias = HouseEvent | OfferEvent


CODEC: Codec[LocationEvent] = Codec(get_args(LocationEvent))
"""Reads and writes this service's events. A changed event is a new class with its upcaster directly under it."""
