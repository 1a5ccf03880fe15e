"""A desk of the placement service: one worker at its own location of 60 places."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from bench.ground import IDS
from services.placement.app import AGGREGATE, INLINE_TABLES, READER_TABLES
from services.placement.commands import (
    CancelHold,
    CheckInHold,
    EndStay,
    HoldPlaces,
    LocationCommand,
    OpenLocation,
    OpenPlaces,
)
from services.placement.decider_location import Location
from services.placement.events import LocationEvent
from shared.clock import SystemClock
from shared.handling import Context, Handled, Handler
from shared.store import PgStore

TABLES = (*INLINE_TABLES, *READER_TABLES)
PLACES = 60
KIND = "shelter_24h"
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

PlacementHandler = Handler[Location, LocationCommand, LocationEvent]


def handler(store: PgStore) -> PlacementHandler:
    """The placement service's command handler, as `services/placement/app.py` builds it."""
    return Handler(store, AGGREGATE, SystemClock(), IDS)


class Desk:
    """One location and the commands given there, in turns: hold, cancel, hold, check in, end the stay."""

    def __init__(self, handle: PlacementHandler, number: int) -> None:
        self._handle, self.location = handle, f"location-{number}"

    async def open(self) -> None:
        """Opens the location with 60 places, two to a room."""
        now = datetime.now(UTC)
        await self.give(
            OpenLocation(at=now, role="system", location=self.location, title="A", district="B", site="west")
        )
        for room in range(PLACES // 2):
            ids = (IDS.random_id(), IDS.random_id())
            command = OpenPlaces(
                at=now, role="operator", location=self.location, place_ids=ids, kind=KIND, room=f"room {room}"
            )
            await self.give(command)

    async def give(self, command: LocationCommand) -> Handled:
        """Handles one command as the API would; a refusal fails the benchmark."""
        id_ = IDS.event_id()
        handled = await self._handle.handle(self.location, command, Context(id_, id_, id_, self.traceparent()))
        assert handled.rejected is None, handled.rejected
        return handled

    def traceparent(self) -> str | None:
        """The trace a command belongs to: it is stored with its events."""
        return TRACEPARENT

    async def work(self, go_on: Callable[[], bool]) -> int:
        """Gives commands until told to stop, and those that free the place again; returns how many."""
        given, hold_id, stay_id = 0, "", ""
        while given % 5 or go_on():
            turn = given % 5
            now, place = datetime.now(UTC), self.location
            if turn in (0, 2):
                hold_id = IDS.random_id()
                command: LocationCommand = HoldPlaces(
                    at=now, role="operator", location=place, hold_id=hold_id, kind=KIND
                )
            elif turn == 1:
                command = CancelHold(at=now, role="operator", location=place, hold_id=hold_id)
            elif turn == 3:
                stay_id = IDS.random_id()
                command = CheckInHold(at=now, role="operator", location=place, hold_id=hold_id, stay_id=stay_id)
            else:
                command = EndStay(at=now, role="operator", location=place, stay_id=stay_id, reason="moved_on")
            await self.give(command)
            given += 1
        return given
