"""HTTP: what goes on at a house beside arriving and leaving: moves, corrections, counts, and many at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import time
from typing import Any

from services.placement import api_shapes as s
from services.placement import commands as cmd
from services.placement import commands_house as ch
from services.placement import events as ev
from services.placement import views
from services.placement.api_desk import Asked, Placement, base, event_of
from services.placement.decider_limits import location_name_refused
from shared.handling import Handled
from shared.http import Claim, IfMatch
from shared.http_access import CurrentActor
from shared.http_models import CommandAnswer
from shared.http_problems import Problem
from shared.security import Role


class HouseWrites:
    """One method a command."""

    def __init__(self, placement: Placement) -> None:
        self._placement = placement

    async def close_location(self, name: str, actor: CurrentActor, claim: Claim) -> CommandAnswer:
        """The house takes nobody any more: holds are cancelled, places in use close when their stay ends."""
        if location_name_refused(name):
            raise Problem(404, "location-unknown")
        return CommandAnswer(**base(name, await self._placement.do(name, Asked(actor, claim), cmd.CloseLocation)))

    async def declare_hours(self, name: str, body: s.HoursBody, actor: CurrentActor, claim: Claim) -> CommandAnswer:
        """When the night shelter takes people in, and by when they are out: stays end at that time, unless they are
        extended."""
        times = {at: None if told is None else time.fromisoformat(told) for at, told in body}
        return await self._rule(name, Asked(actor, claim), ch.DeclareHours, **times)

    async def declare_cleaning(
        self, name: str, body: s.CleaningBody, actor: CurrentActor, claim: Claim
    ) -> CommandAnswer:
        """Whether places of a kind are blocked for cleaning when somebody leaves, until they are unblocked."""
        asked = Asked(actor, claim)
        return await self._rule(name, asked, ch.DeclareCleaning, kind=body.kind, cleaned=body.cleaned)

    async def _rule(self, name: str, asked: Asked, command: type[cmd.LocationCommand], **fields: Any) -> CommandAnswer:
        if location_name_refused(name):
            raise Problem(404, "location-unknown")
        return CommandAnswer(**base(name, await self._placement.do(name, asked, command, **fields)))

    async def compose_room(self, body: s.RoomBody, actor: CurrentActor, claim: Claim) -> CommandAnswer:
        """Say who a room is for. Whoever lives there stays."""
        handled = await self._placement.do(
            body.location, Asked(actor, claim), cmd.ComposeRoom, room=body.room, composition=body.composition
        )
        return CommandAnswer(**base(body.location, handled))

    async def block(self, body: s.BlockPlacesBody, actor: CurrentActor, claim: Claim) -> s.BlockPlacesAnswer:
        """Take several places out of use at once. Refused: `no-place-free`, `place-not-free` unless `after_stay`."""
        handled = await self._placement.do(
            body.location, Asked(actor, claim), cmd.BlockPlaces,
            room=body.room, kind=body.kind, count=body.count, reason=body.reason, until=body.until,
            after_stay=body.after_stay,
        )  # fmt: skip
        now = [id_ for _, event in handled.events if isinstance(event, ev.PlacesBlocked) for id_ in event.place_ids]
        later = [id_ for _, event in handled.events if isinstance(event, ev.BlockPlanned) for id_ in event.place_ids]
        return s.BlockPlacesAnswer(**base(body.location, handled), place_ids=now, later_ids=later)

    async def end_stays(self, body: s.EndStaysBody, actor: CurrentActor, claim: Claim) -> s.EndStaysAnswer:
        """Everybody of a room, of a kind, or of the stays named has left; all or nothing."""
        handled = await self._placement.do(
            body.location, Asked(actor, claim), cmd.EndStays,
            stay_ids=tuple(body.stay_ids), room=body.room, kind=body.kind, reason=body.reason,
            observed_at=body.observed_at,
        )  # fmt: skip
        ended = [event.stay_id for _, event in handled.events if isinstance(event, ev.StayEnded)]
        return s.EndStaysAnswer(**base(body.location, handled), stay_ids=ended)

    async def move(
        self, stay_id: str, body: s.MoveBody, actor: CurrentActor, claim: Claim, version: IfMatch
    ) -> CommandAnswer:
        """The household takes other places of the same location. Refused: `no-place-free`, `place-not-free`."""
        return await self._stay(
            stay_id, Asked(actor, claim), cmd.MoveStay,
            place_ids=tuple(body.place_ids or ()), kind=body.kind, features=tuple(body.features),
            composition=body.composition, observed_at=body.observed_at, if_version=version,
        )  # fmt: skip

    async def away(
        self, stay_id: str, body: s.AwayBody, actor: CurrentActor, claim: Claim, version: IfMatch
    ) -> CommandAnswer:
        """The household is away, its places are kept; or it is back. Nothing ends by itself."""
        return await self._stay(stay_id, Asked(actor, claim), cmd.NoteAway, until=body.until, if_version=version)

    async def extend(
        self, stay_id: str, actor: CurrentActor, claim: Claim, version: IfMatch, body: s.ExtendBody | None = None
    ) -> CommandAnswer:
        """The household need not be out by the next out-by time. Refused: `stay-without-end`."""
        until = None if body is None else body.until
        return await self._stay(stay_id, Asked(actor, claim), ch.ExtendStay, until=until, if_version=version)

    async def correct(
        self, stay_id: str, body: s.CorrectBody, actor: CurrentActor, claim: Claim, version: IfMatch
    ) -> CommandAnswer:
        """What was tapped in about a present stay was wrong."""
        return await self._stay(
            stay_id, Asked(actor, claim), cmd.CorrectStay,
            household_size=body.household_size, began_at=body.began_at, if_version=version,
        )  # fmt: skip

    async def undo(self, stay_id: str, actor: CurrentActor, claim: Claim) -> CommandAnswer:
        """Take back the last tap about a stay, within a minute. Refused: `undo-too-late`, `undo-not-possible`."""
        return await self._stay(stay_id, Asked(actor, claim), cmd.UndoStay)

    async def no_show(self, hold_id: str, actor: CurrentActor, claim: Claim, version: IfMatch) -> CommandAnswer:
        """Somebody was expected and did not come. Refused: `hold-ended`, `hold-lapsed`."""
        location = await self._placement.location_of(views.holds, hold_id, "hold")
        handled = await self._placement.do(
            location, Asked(actor, claim), cmd.NoteNoShow, hold_id=hold_id, if_version=version
        )
        return CommandAnswer(**base(hold_id, handled))

    async def undo_hold(self, hold_id: str, actor: CurrentActor, claim: Claim) -> CommandAnswer:
        """Take back the last tap about a hold, within a minute; one that was cancelled is held again under the id that
        is answered. Refused: `undo-too-late`, `undo-not-possible`."""
        location = await self._placement.location_of(views.holds, hold_id, "hold")
        handled = await self._placement.do(
            location, Asked(actor, claim), cmd.UndoHold, hold_id=hold_id, again_id=self._placement.ids.random_id()
        )
        again = [event.hold_id for _, event in handled.events if isinstance(event, ev.PlaceHeld)]
        return CommandAnswer(**base(again[0] if again else hold_id, handled))

    async def undo_block(self, place_id: str, actor: CurrentActor, claim: Claim) -> CommandAnswer:
        """Take back the last block of a place, or its end, within a minute. Refused: `undo-too-late`,
        `undo-not-possible`."""
        location = await self._placement.location_of(views.places, place_id, "place")
        handled = await self._placement.do(location, Asked(actor, claim), cmd.UndoBlock, place_id=place_id)
        return CommandAnswer(**base(place_id, handled))

    async def _stay(
        self, stay_id: str, asked: Asked, command: type[cmd.LocationCommand], **fields: Any
    ) -> CommandAnswer:
        location = await self._placement.location_of(views.stays, stay_id, "stay")
        handled = await self._placement.do(location, asked, command, stay_id=stay_id, **fields)
        return CommandAnswer(**base(stay_id, handled))

    async def count_heads(self, body: s.HeadCountBody, actor: CurrentActor, claim: Claim) -> s.HeadCountAnswer:
        """Somebody counted people. It changes no place; the answer says what differs."""
        seen = body.occupied_place_ids
        handled = await self._placement.do(
            body.location, Asked(actor, claim), cmd.CountHeads,
            count_id=self._placement.ids.random_id(), kind=body.kind, counted=body.counted,
            seen=None if seen is None else tuple(seen), observed_at=body.observed_at,
        )  # fmt: skip
        return _counted(body.location, handled)

    async def open_session(self, body: s.SessionBody, actor: CurrentActor, claim: Claim) -> CommandAnswer:
        """A consultation hour, an activity or an internship, with so many seats."""
        handled = await self._placement.do(
            body.location, Asked(actor, claim), cmd.OpenSession,
            session_id=self._placement.ids.random_id(), kind=body.kind, starts_at=body.starts_at, ends_at=body.ends_at,
            seats=body.seats,
        )  # fmt: skip
        return CommandAnswer(**base(event_of(handled, ev.SessionOpened).session_id, handled))

    async def book(self, session_id: str, actor: CurrentActor, claim: Claim) -> s.BookingAnswer:
        """One seat, nobody's by name. Refused: `session-full`, `session-over`."""
        location = await self._placement.location_of(views.sessions, session_id, "session")
        handled = await self._placement.do(
            location, Asked(actor, claim), cmd.BookSeat, session_id=session_id,
            booking_id=self._placement.ids.random_id(),
        )  # fmt: skip
        booking_id = event_of(handled, ev.SeatBooked).booking_id
        number = booking_id[: s.NUMBER_LENGTH]
        return s.BookingAnswer(**base(session_id, handled), booking_id=booking_id, number=number)

    async def give_back(self, session_id: str, body: s.BookingBody, actor: CurrentActor, claim: Claim) -> CommandAnswer:
        """A booked seat is not needed after all."""
        location = await self._placement.location_of(views.sessions, session_id, "session")
        handled = await self._placement.do(
            location, Asked(actor, claim), cmd.GiveSeatBack, session_id=session_id, booking_id=body.booking_id
        )
        return CommandAnswer(**base(session_id, handled))

    async def attended(
        self, session_id: str, body: s.AttendanceBody, actor: CurrentActor, claim: Claim
    ) -> CommandAnswer:
        """How many of those booked came: from the moment it begins until a week after it ended. Refused:
        `session-not-begun`, `attendance-too-late`, `attendance-invalid`."""
        location = await self._placement.location_of(views.sessions, session_id, "session")
        handled = await self._placement.do(
            location, Asked(actor, claim), ch.NoteAttendance, session_id=session_id, attended=body.attended
        )
        return CommandAnswer(**base(session_id, handled))

    async def undo_attended(self, session_id: str, actor: CurrentActor, claim: Claim) -> CommandAnswer:
        """Take back the last count of who came, within a minute. Refused: `undo-too-late`, `undo-not-possible`."""
        location = await self._placement.location_of(views.sessions, session_id, "session")
        handled = await self._placement.do(location, Asked(actor, claim), ch.UndoAttendance, session_id=session_id)
        return CommandAnswer(**base(session_id, handled))


def _counted(location: str, handled: Handled) -> s.HeadCountAnswer:
    count = event_of(handled, ev.HeadsCounted)
    return s.HeadCountAnswer(
        **base(count.count_id, handled), location=location, kind=count.kind, counted=count.counted,
        expected=count.expected, difference=count.counted - count.expected, missing=list(count.missing),
        unexpected=list(count.unexpected), superseded=count.superseded, observed_at=count.observed_at,
        recorded_at=count.at,
    )  # fmt: skip


def rule_routes(
    house: HouseWrites, openers: tuple[Role, ...], desk: tuple[Role, ...], organisers: tuple[Role, ...]
) -> list[tuple[str, str, Callable[..., Any], int, tuple[Role, ...]]]:
    """How a house is kept, who of it may stay longer, and who came to its sessions."""
    return [
        ("POST", "/locations/{name}/hours", house.declare_hours, 200, openers),
        ("POST", "/locations/{name}/cleaning", house.declare_cleaning, 200, openers),
        ("POST", "/stays/{stay_id}/extend", house.extend, 200, desk),
        ("POST", "/sessions/{session_id}/attended", house.attended, 200, organisers),
        ("POST", "/sessions/{session_id}/undo", house.undo_attended, 200, organisers),
    ]
