"""What is known of a client that moves the days of an allowance: where they have meals, and whether they are erased.
Pure. What follows from it is each entitlement's own decision (`decider_entitlement.follow`), made when a timer of this
stream fires: so one that is asked for later hears of it, and so does one that is over.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TypeAlias, assert_never

import msgspec
from msgspec.structs import replace

from services.allowance import commands_client as cmd
from services.allowance import decider_limits as limits
from services.allowance import events_client as ev
from shared.kernel import Decider, Rejected
from shared.timers import TimerSet

FOLLOW = "follow"
STAYS_MAX = 60
"""Stays remembered one by one; of more the oldest that are over are known by their days only: what a period comes to is
counted anew in every run."""


class Meals(msgspec.Struct, frozen=True, gc=False):
    """Days with meals at one place. until: the first day without; None: until further notice."""

    first: date
    until: date | None = None


class Client(msgspec.Struct, frozen=True, gc=False):
    """meals: by stay. forgotten_from: the first day nothing is paid because they are erased. revision: events so
    far. earlier: days with meals of stays that are remembered no more, in order."""

    id: str = ""
    meals: dict[str, Meals] = {}
    forgotten_from: date | None = None
    revision: int = 0
    earlier: tuple[tuple[date, date], ...] = ()

    @property
    def days(self) -> tuple[tuple[date, date | None], ...]:
        """All days with meals, each from the first to before the last."""
        return (*self.earlier, *((stay.first, stay.until) for stay in self.meals.values()))


Outcome: TypeAlias = Sequence[ev.ClientEvent] | Rejected


def decide(state: Client, command: cmd.ClientCommand) -> Outcome:
    """The events that follow. Refused: `id-invalid`. What is known already changes nothing, and whoever is erased has
    no news."""
    refused = limits.id_refused(command.client_id)
    if refused:
        return refused
    if state.forgotten_from is not None:
        return ()
    match command:
        case cmd.NoteHoused():
            return housed(state, command)
        case cmd.NoteLeft():
            return left(state, command)
        case cmd.NoteErased():
            return [ev.ClientForgotten(command.client_id, command.from_day, state.revision + 1, command.at)]
        case _:
            assert_never(command)


def housed(state: Client, command: cmd.NoteHoused) -> Outcome:
    """A stay that was told as ended and had not goes on from its own beginning."""
    known = state.meals.get(command.stay_id)
    first = command.first if known is None else min(known.first, command.first)
    return _noted(state, command, Meals(first))


def left(state: Client, command: cmd.NoteLeft) -> Outcome:
    """The first word of an end counts until it is taken back: a log that is told anew says it later."""
    known = state.meals.get(command.stay_id)
    if known is None or known.until is not None:
        return ()
    return _noted(state, command, Meals(known.first, max(known.first, command.until)))


def _noted(state: Client, command: cmd.NoteHoused | cmd.NoteLeft, meals: Meals) -> Outcome:
    if state.meals.get(command.stay_id) == meals:
        return ()
    return [
        ev.MealsNoted(
            command.client_id, command.stay_id, meals.first, meals.until, state.revision + 1, command.at
        )
    ]  # fmt: skip


def evolve(state: Client, event: ev.ClientEvent) -> Client:
    """The client after `event`."""
    match event:
        case ev.MealsNoted():
            meals = state.meals | {event.stay_id: Meals(event.first, event.until)}
            over = sorted((it.first, it.until, id_) for id_, it in meals.items() if it.until is not None)
            gone = over[: max(0, len(meals) - STAYS_MAX)]
            for _, _, id_ in gone:
                del meals[id_]
            earlier = _joined([*state.earlier, *((first, until) for first, until, _ in gone)])
            return replace(state, id=event.client_id, meals=meals, revision=event.revision, earlier=earlier)
        case ev.ClientForgotten():
            return replace(state, id=event.client_id, forgotten_from=event.from_day, revision=event.revision)
        case _:
            assert_never(event)


def _joined(days: Sequence[tuple[date, date]]) -> tuple[tuple[date, date], ...]:
    """The same days, those that touch as one."""
    found: list[tuple[date, date]] = []
    for first, until in sorted(days):
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], until))
        else:
            found.append((first, until))
    return tuple(found)


def timers(events: Sequence[ev.ClientEvent]) -> list[TimerSet]:
    """One for each change, at once: every entitlement of the client follows. Each has a name of its own, so that
    none goes with one before it."""
    return [
        TimerSet(f"{FOLLOW}/{event.client_id}/{event.revision}", event.at, FOLLOW, event.client_id)
        for event in events
    ]  # fmt: skip


CLIENT: Decider[Client, cmd.ClientCommand, ev.ClientEvent] = Decider(
    name="client",
    initial=Client(),
    decide=decide,
    evolve=evolve,
    codec=ev.CLIENT_CODEC,
    state_type=Client,
    state_version=2,
    commands=cmd.CLIENT_COMMANDS,
)
"""Stream `client/<id>`."""
