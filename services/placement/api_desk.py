"""Between a route and the handler: what every command needs, and the parts every answer has."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

import sqlalchemy as sa

from services.placement import commands as cmd
from services.placement import events as ev
from services.placement.capacity import Found
from services.placement.commands_regimes import RegimeCommand
from services.placement.decider_location import Location
from services.placement.decider_regimes import Regime
from services.placement.events_regimes import RegimeEvent
from services.placement.views_waiting import WaitingList
from shared import metrics
from shared.clock import Clock
from shared.forward import Call, CallCommand, CallEvent
from shared.handling import Context, Handled, Handler, KeyClaim
from shared.http import Streams
from shared.http_models import EventRef, is_id
from shared.http_problems import Problem, rejected
from shared.ids import Ids
from shared.ports import Store, Wake
from shared.security import Actor, Role
from shared.suppression import BELOW
from shared.telemetry import current_traceparent

INPUT_CODES = frozenset({
    "attendance-invalid", "block-reason-unknown", "kind-without-seats", "seats-invalid", "session-times-invalid",
    "composition-unknown", "count-invalid", "district-invalid", "end-reason-unknown",
    "feature-unknown", "figures-impossible", "hold-minutes-out-of-range", "household-size-invalid", "id-invalid",
    "id-repeated", "kind-unknown", "kind-without-beds", "location-missing", "location-name-invalid", "night-in-future",
    "observed-in-future", "observed-too-old", "places-missing", "programme-invalid", "room-invalid", "room-unknown",
    "site-invalid", "sleeps-out-of-range", "time-without-zone", "title-invalid", "until-in-past", "until-too-far",
    "words-invalid", "kinds-missing", "reason-invalid", "regime-name-invalid", "regime-times-invalid",
    "regime-too-short", "withdraw-reason-unknown", "offer-mode-unknown", "hours-invalid",
})  # fmt: skip
"""Refusals that say the request itself is wrong, whatever the state of the location: 422."""

TRY_ELSEWHERE = frozenset({"no-place-free", "household-too-large"})
"""Refusals of one location that another one of the same site need not share."""

ORGANISERS: tuple[Role, ...] = ("operator", "caseworker", "coordinator")
"""Who opens sessions, books their seats and counts who came."""

Noun = Literal["place", "hold", "stay", "session"]

_THINGS: dict[Noun, Callable[[Location], Container[str]]] = {
    "place": lambda location: location.places,
    "hold": lambda location: location.holds,
    "stay": lambda location: location.stays,
    "session": lambda location: location.sessions | location.past,
}

E = TypeVar("E", bound=ev.LocationEvent)
LocationHandler = Handler[Location, cmd.LocationCommand, ev.LocationEvent]
RegimeHandler = Handler[Regime, RegimeCommand, RegimeEvent]
CallHandler = Handler[Call, CallCommand, CallEvent]


class CapacityView(Protocol):
    """The network's capacity as this site sees it. changed: wakes whenever a figure moved."""

    changed: Wake

    async def capacity(
        self,
        *,
        at: datetime | None = None,
        site: str | None = None,
        location: str | None = None,
        kind: str | None = None,
    ) -> Mapping[str, Any]:
        """`{as_of, rows: [CapacityRow], totals}`; `at`: as it was then, as far as is known now."""
        ...

    async def search(
        self, *, kind: str | None, household_size: int, features: Sequence[str], district: str | None, limit: int
    ) -> Sequence[Found]:
        """Where there is room, the nearest match first."""
        ...

    async def digest(
        self, origin: str | None = None, epoch: int | None = None, sequence: int | None = None
    ) -> Mapping[str, Any]:
        """`{origins: {"west/placement": {epoch, sequence, digest}}, digest}`: now, or one origin's at a sequence."""
        ...

    async def caught_up(self, position: int) -> None:
        """Returns once this view shows what this site's store held at `position`."""
        ...


class Asked(NamedTuple):
    """Who asks for a command, and under which idempotency key."""

    actor: Actor
    claim: KeyClaim | None


@dataclass(frozen=True)
class Placement:
    """What the routes work with. sites: every site of the network. calls: what this site asks of others.
    regimes: what it knows of them. municipality: whether it may declare one.
    can_write_to: whether a letter to a site can be sealed. waiting: who waits in the network.
    left_at: when a site left the network, None if it did not. small_counts_below: counts of people
    from 1 to one less are shown to nobody.
    """

    site: str
    sites: Collection[str]
    handler: LocationHandler
    store: Store
    capacity: CapacityView
    clock: Clock
    ids: Ids
    streams: Streams
    calls: CallHandler
    regimes: RegimeHandler
    can_write_to: Callable[[str], bool]
    municipality: bool
    waiting: WaitingList
    left_at: Callable[[str], datetime | None] = lambda _: None
    small_counts_below: int = BELOW

    async def handle(self, location: str, asked: Asked, command: type[cmd.LocationCommand], **fields: Any) -> Handled:
        """Let the location decide; a refusal comes back in the answer."""
        made = command(at=self.clock.now(), role=asked.actor.role, location=location, **fields)
        handled = await self.handler.handle(location, made, self.context(asked))
        metrics.COMMANDS.labels("placement", command.__name__, outcome(handled)).inc()
        return handled

    def context(self, asked: Asked) -> Context:
        """Where a command from outside comes from: nothing came before it."""
        command_id = self.ids.event_id()
        return Context(command_id, self.ids.random_id(), command_id, current_traceparent(), asked.claim)

    async def do(self, location: str, asked: Asked, command: type[cmd.LocationCommand], **fields: Any) -> Handled:
        """Let the location decide. A refusal is raised as the `Problem` it becomes."""
        handled = await self.handle(location, asked, command, **fields)
        if handled.rejected is not None:
            raise rejected(handled.rejected, INPUT_CODES)
        return handled

    async def row(self, table: sa.Table, id_: str, noun: str) -> dict[str, Any]:
        """The row of one place, hold or stay. Raises 404 `<noun>-unknown`."""
        row = await self.find(table, id_)
        if row is None:
            raise Problem(404, f"{noun}-unknown")
        return row

    async def find(self, table: sa.Table, id_: str) -> dict[str, Any] | None:
        """The row with this id, if there is one."""
        rows = await self.store.rows(table, id=id_) if is_id(id_) else []
        return rows[0] if rows else None

    async def location_of(self, table: sa.Table, id_: str, noun: Noun) -> str:
        """The location a place, hold or stay belongs to. Raises 404 `<noun>-unknown`.

        Most are asked for while they last, by a desk whose location is in memory; the board knows all of them.
        """
        things = _THINGS[noun]
        for state in self.handler.remembered():
            if id_ in things(state):
                return state.name
        return str((await self.row(table, id_, noun))["location"])


def outcome(handled: Handled) -> str:
    """What came of a command, as it is counted."""
    if handled.replayed:
        return "replayed"
    if handled.rejected is not None:
        return "rejected"
    return "applied" if handled.events else "nothing"


def refs(handled: Handled) -> list[EventRef]:
    """The events a command led to, as an answer names them."""
    return [EventRef(id=id_, type=str(type(event).__struct_config__.tag)) for id_, event in handled.events]


def base(id_: str, handled: Handled) -> dict[str, Any]:
    """The fields every command's answer has."""
    return {"id": id_, "version": handled.version, "position": handled.position, "events": refs(handled)}


def event_of(handled: Handled, kind: type[E]) -> E:
    """The one event of this kind a command must have led to."""
    return next(event for _, event in handled.events if isinstance(event, kind))


def location_of_stream(handled: Handled) -> str:
    """The location that decided."""
    return handled.stream.partition("/")[2]
