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
from services.allowance.days import Days, Span, but, in_order
from shared.kernel import Decider, Rejected
from shared.timers import TimerSet

FOLLOW = "follow"
STAYS_MAX = 60
"""Stays remembered one by one; of more the oldest that are over are known by their days only: what a period comes to is
counted anew in every run."""


class Meals(msgspec.Struct, frozen=True, gc=False):
    """Days with meals of one stay, in order, each from the first to before the last; None: until further notice. whole:
    they are what the owner of its places tells of all of it; a stay without meals may be known so, too."""

    days: Days
    whole: bool = False

    @property
    def over(self) -> bool:
        """Whether all of these days have an end."""
        return not self.days or self.days[-1][1] is not None


class Client(msgspec.Struct, frozen=True, gc=False):
    """meals: by stay. forgotten_from: the first day nothing is paid because they are erased. revision: events so
    far. earlier: days with meals of stays that are remembered no more, in order."""

    id: str = ""
    meals: dict[str, Meals] = {}
    forgotten_from: date | None = None
    revision: int = 0
    earlier: tuple[tuple[date, date], ...] = ()

    @property
    def days(self) -> Days:
        """All days with meals, each from the first to before the last."""
        return (*self.earlier, *(days for stay in self.meals.values() for days in stay.days))


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
        case cmd.NoteStay():
            return lived(state, command)
        case cmd.NoteErased():
            return [ev.ClientForgotten(command.client_id, command.from_day, state.revision + 1, command.at)]
        case _:
            assert_never(command)


def housed(state: Client, command: cmd.NoteHoused) -> Outcome:
    """A stay that was told as ended and had not goes on from its own beginning. Of a stay that is known whole this is
    no news: whoever says it again says the whole of it next."""
    known = state.meals.get(command.stay_id)
    if known is not None and known.whole:
        return ()
    first = command.first if known is None else min(known.days[0][0], command.first)
    return _noted(state, command, first, None)


def left(state: Client, command: cmd.NoteLeft) -> Outcome:
    """The first word of an end counts until it is taken back: a log that is told anew says it later."""
    known = state.meals.get(command.stay_id)
    if known is None or known.over:
        return ()
    if known.whole:
        return [_whole(state, command, but(known.days, command.until, None))]
    [(first, _)] = known.days
    return _noted(state, command, first, max(first, command.until))


def lived(state: Client, command: cmd.NoteStay) -> Outcome:
    """The newest word counts, and nothing that was heard of the stay before it. Refused: `days-invalid`."""
    if not in_order(tuple(Span(first, until, "1") for first, until in command.days)):
        return Rejected("days-invalid", {})
    known = state.meals.get(command.stay_id)
    if known == Meals(command.days, whole=True) or (known is None and not command.days):
        return ()
    return [_whole(state, command, command.days)]


def _noted(
    state: Client, command: cmd.NoteHoused | cmd.NoteLeft, first: date, until: date | None
) -> Sequence[ev.ClientEvent]:
    if state.meals.get(command.stay_id) == Meals(((first, until),)):
        return ()
    return [ev.MealsNoted(command.client_id, command.stay_id, first, until, state.revision + 1, command.at)]


def _whole(state: Client, command: cmd.NoteLeft | cmd.NoteStay, days: Days) -> ev.StayNoted:
    return ev.StayNoted(command.client_id, command.stay_id, days, state.revision + 1, command.at)


def evolve(state: Client, event: ev.ClientEvent) -> Client:
    """The client after `event`."""
    match event:
        case ev.MealsNoted():
            return _known(state, event, Meals(((event.first, event.until),)))
        case ev.StayNoted():
            return _known(state, event, Meals(event.days, whole=True))
        case ev.ClientForgotten():
            return replace(state, id=event.client_id, forgotten_from=event.from_day, revision=event.revision)
        case _:
            assert_never(event)


def _known(state: Client, event: ev.MealsNoted | ev.StayNoted, stay: Meals) -> Client:
    """With this stay in it; of too many the oldest that are over are remembered by their days."""
    meals = state.meals | {event.stay_id: stay}
    over = sorted((known.days, id_) for id_, known in meals.items() if known.over)
    gone = over[: max(0, len(meals) - STAYS_MAX)]
    for _, id_ in gone:
        del meals[id_]
    ended = [(first, until) for days, _ in gone for first, until in days if until is not None]
    earlier = _joined([*state.earlier, *ended])
    return replace(state, id=event.client_id, meals=meals, revision=event.revision, earlier=earlier)


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
    state_version=3,
    commands=cmd.CLIENT_COMMANDS,
)
"""Stream `client/<id>`."""
