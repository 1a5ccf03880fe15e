"""What may be asked of one location. Ids are made by the caller; a repeat with the same content changes nothing.

`location` names the stream. `if_version` is the version the caller saw (HTTP `If-Match`); another one is refused with
`version-stale`. `observed_at` is when a person saw it; None means now.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import TypeAlias, get_args

from services.placement.commands_house import RuleCommand
from services.placement.commands_offers import OfferCommand
from services.placement.commands_regimes import NoteRegime, TurnRegime
from shared.contracts.vocabulary import HOLD_MINUTES_DEFAULT
from shared.kernel import Command


class OpenLocation(Command, frozen=True, kw_only=True):
    """`location` becomes known: its title and district for screens, and the site that serves it."""

    location: str
    title: str
    district: str
    site: str


class OpenPlaces(Command, frozen=True, kw_only=True):
    """As many places of one make as there are ids. `sleeps` is people a place. standby: closed until a regime opens
    places of their kind."""

    location: str
    place_ids: tuple[str, ...]
    kind: str
    room: str
    sleeps: int = 1
    features: tuple[str, ...] = ()
    programme: str | None = None
    standby: bool = False


class ComposeRoom(Command, frozen=True, kw_only=True):
    """Say who a room is for: men, women, families, or anybody (`mixed`). Whoever lives there stays."""

    location: str
    room: str
    composition: str


class BlockPlaces(Command, frozen=True, kw_only=True):
    """Take places out of use: those named, or `count` free ones (of `room` and `kind`, where given), or all of `room`.

    after_stay: a place in use is blocked when that use ends, instead of the command being refused.
    """

    location: str
    place_ids: tuple[str, ...] = ()
    room: str | None = None
    kind: str | None = None
    count: int | None = None
    reason: str
    until: datetime | None = None
    after_stay: bool = False
    if_version: int | None = None


class UnblockPlace(Command, frozen=True, kw_only=True):
    location: str
    place_id: str
    if_version: int | None = None


class ClosePlace(Command, frozen=True, kw_only=True):
    """after_stay: a place in use is closed when that use ends, instead of the command being refused."""

    location: str
    place_id: str
    after_stay: bool = False
    if_version: int | None = None


class HoldPlaces(Command, frozen=True, kw_only=True):
    """Keep places for a household on its way: those named, or the best fit of `kind` within one room.

    composition: who they are; without it they get no room that is for men, women or families only.
    """

    location: str
    hold_id: str
    place_ids: tuple[str, ...] = ()
    kind: str | None = None
    household_size: int = 1
    features: tuple[str, ...] = ()
    hold_minutes: int = HOLD_MINUTES_DEFAULT
    composition: str | None = None


class CheckInHold(Command, frozen=True, kw_only=True):
    """The household has arrived: the hold becomes the stay `stay_id`. arrival: of an offer, salt and hash of what was
    said at the door."""

    location: str
    hold_id: str
    stay_id: str
    observed_at: datetime | None = None
    if_version: int | None = None
    arrival: str | None = None


class CancelHold(Command, frozen=True, kw_only=True):
    location: str
    hold_id: str
    if_version: int | None = None


class NoteNoShow(Command, frozen=True, kw_only=True):
    """Nobody came, and nobody will: the places need not be kept any longer."""

    location: str
    hold_id: str
    if_version: int | None = None


class UndoHold(Command, frozen=True, kw_only=True):
    """Take back the last tap about a hold, within a minute. Placed, it ends; cancelled, the same places are held again
    until the same time, as `again_id`: a hold that has ended stays so."""

    location: str
    hold_id: str
    again_id: str


class UndoBlock(Command, frozen=True, kw_only=True):
    """Take back the last tap about a place being in use or not, within a minute: its block, or the end of one."""

    location: str
    place_id: str


class LapseHold(Command, frozen=True, kw_only=True):
    """The hold's timer fired. Nothing happens when it is not due or has ended already."""

    location: str
    hold_id: str


class HoldForSite(Command, frozen=True, kw_only=True):
    """`site` asks for the best fit of `kind`, under an id of its own; it waits until `expires_at`, by its own clock."""

    location: str
    hold_id: str
    site: str
    kind: str
    household_size: int = 1
    features: tuple[str, ...] = ()
    hold_minutes: int = HOLD_MINUTES_DEFAULT
    expires_at: datetime


class CallOffForSite(Command, frozen=True, kw_only=True):
    """`site` no longer wants the hold, whether or not its ask has come yet. expires_at: as in that ask."""

    location: str
    hold_id: str
    site: str
    expires_at: datetime


class BeginStay(Command, frozen=True, kw_only=True):
    """Somebody walked in: in the places named, or in the best fit of `kind` within one room.

    extra: where nothing of `kind` is free that fits, an overflow place is opened for them. It closes with their stay.
    """

    location: str
    stay_id: str
    place_ids: tuple[str, ...] = ()
    kind: str | None = None
    household_size: int = 1
    features: tuple[str, ...] = ()
    observed_at: datetime | None = None
    extra: bool = False
    composition: str | None = None


class EndStay(Command, frozen=True, kw_only=True):
    location: str
    stay_id: str
    reason: str
    observed_at: datetime | None = None
    if_version: int | None = None


class EndStays(Command, frozen=True, kw_only=True):
    """Everybody of these stays has left; or of all stays in `room`, of `kind`, or of both: a night shelter's
    morning."""

    location: str
    stay_ids: tuple[str, ...] = ()
    room: str | None = None
    kind: str | None = None
    reason: str
    observed_at: datetime | None = None


class MoveStay(Command, frozen=True, kw_only=True):
    """A household takes other places of this location: those named, or the best fit of `kind` within one room."""

    location: str
    stay_id: str
    place_ids: tuple[str, ...] = ()
    kind: str | None = None
    features: tuple[str, ...] = ()
    composition: str | None = None
    observed_at: datetime | None = None
    if_version: int | None = None


class NoteAway(Command, frozen=True, kw_only=True):
    """A household is away and its places are kept until `until`; None: it is back. Nothing ends by itself."""

    location: str
    stay_id: str
    until: datetime | None
    if_version: int | None = None


class CorrectStay(Command, frozen=True, kw_only=True):
    """What was tapped in about a present stay was wrong: how many people, or since when. None leaves it as it is."""

    location: str
    stay_id: str
    household_size: int | None = None
    began_at: datetime | None = None
    if_version: int | None = None


class UndoStay(Command, frozen=True, kw_only=True):
    """Take back the last tap about a stay, within a minute: its beginning, its move or its end."""

    location: str
    stay_id: str


class CountHeads(Command, frozen=True, kw_only=True):
    """Somebody walked round and counted people in places of `kind`. seen: the places where somebody was, if noted."""

    location: str
    count_id: str
    kind: str
    counted: int
    seen: tuple[str, ...] | None = None
    observed_at: datetime | None = None


class CloseLocation(Command, frozen=True, kw_only=True):
    """The house takes nobody any more: holds are cancelled, places in use close when their stay ends."""

    location: str


class RecordNight(Command, frozen=True, kw_only=True):
    """Adopt the published figures of one programme for one night.

    total: places without overflow, blocked ones included. occupied: overflow included. overflow: how many of the
    occupied are beyond the places in use (max(0, occupied - (total - blocked))). own_rooms: every place is a room
    of its own.

    As published beside it, kept and not acted upon (None: not published): funded: places paid for. unavailable: blocked
    as the report has it, where that is no count. service_users: people. words: what the report calls the programme, in
    the order of `overnight.DESCRIBED`; none when nobody reported it that night.
    """

    location: str
    programme: str
    kind: str
    features: tuple[str, ...] = ()
    sleeps: int = 1
    own_rooms: bool = False
    night: date
    observed_at: datetime
    total: int
    blocked: int
    occupied: int
    overflow: int
    funded: int | None = None
    unavailable: int | None = None
    service_users: int | None = None
    words: tuple[str, ...] = ()


class OpenSession(Command, frozen=True, kw_only=True):
    """A consultation hour, an activity or an internship at this location, with so many seats."""

    location: str
    session_id: str
    kind: str
    starts_at: datetime
    ends_at: datetime
    seats: int


class BookSeat(Command, frozen=True, kw_only=True):
    """One seat for somebody. booking_id: of the caller's making; it names nobody."""

    location: str
    session_id: str
    booking_id: str


class GiveSeatBack(Command, frozen=True, kw_only=True):
    """A booked seat is not needed after all."""

    location: str
    session_id: str
    booking_id: str


class RecordNights(Command, frozen=True, kw_only=True):
    """Several reported nights of one location at once, in their order: each that alone would be adopted is; the rest
    leaves nothing behind and can be asked one by one for the reason."""

    location: str
    nights: tuple[RecordNight, ...]


HouseCommand: TypeAlias = (
    OpenLocation
    | OpenPlaces
    | ComposeRoom
    | BlockPlaces
    | UnblockPlace
    | ClosePlace
    | HoldPlaces
    | CheckInHold
    | CancelHold
    | NoteNoShow
    | UndoHold
    | UndoBlock
    | LapseHold
    | HoldForSite
    | CallOffForSite
    | BeginStay
    | EndStay
    | EndStays
    | MoveStay
    | NoteAway
    | CorrectStay
    | UndoStay
    | CountHeads
    | CloseLocation
    | RecordNight
    | RecordNights
    | OpenSession
    | BookSeat
    | GiveSeatBack
    | NoteRegime
    | TurnRegime
)

LocationCommand: TypeAlias = HouseCommand | RuleCommand | OfferCommand

COMMANDS: tuple[type[LocationCommand], ...] = get_args(LocationCommand)
