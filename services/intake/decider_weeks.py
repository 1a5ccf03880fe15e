"""What is counted at a desk by week: one stream a site, absolute counts, each week told once it is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from services.intake import commands_weeks as cmd
from services.intake import events_weeks as ev
from services.intake.flows import read_flow
from services.intake.need import read_need
from shared.contracts.vocabulary import OUTCOME_KINDS, PARTNER_GROUPS
from shared.contracts.weeks import WEEK, week_of
from shared.kernel import Decider, Rejected

WEEKS_KEPT = 106
"""Weeks a desk can still tell anew, by their counts: two years."""


class Counts(msgspec.Struct, frozen=True, gc=False):
    """What belongs to one week."""

    registrations: int = 0
    referrals: dict[str, int] = {}
    outcomes: dict[str, int] = {}
    unreadable: int = 0
    unmet: dict[str, int] = {}
    flows: dict[str, int] = {}


class Weeks(msgspec.Struct, frozen=True, gc=False):
    """weeks: by Monday. closed: the last week that is over and counted."""

    weeks: dict[date, Counts] = {}
    closed: date | None = None
    version: int = 0


Outcome: TypeAlias = Sequence[ev.WeekEvent] | Rejected


def decide(state: Weeks, command: cmd.WeekCommand) -> Outcome:
    """Refused: `week-invalid` (a week begins on a Monday, and has begun), and what each function says."""
    if command.week.weekday() or command.week > week_of(command.at):
        return Rejected("week-invalid", {})
    return close(state, command) if isinstance(command, cmd.CloseWeek) else count(state, command)


def count(state: Weeks, command: cmd.CountWeek) -> Outcome:
    """Refused: `week-count-invalid` (below nobody, or of a word that is not counted)."""
    known = state.weeks.get(command.week, Counts())
    referrals, outcomes, unmet, flows = command.referrals, command.outcomes, command.unmet, command.flows
    words = [*referrals.values(), *outcomes.values(), *unmet.values(), *flows.values()]
    more = [command.registrations, command.unreadable, *words]
    if min(more) < 0 or not (set(referrals) <= set(PARTNER_GROUPS) and set(outcomes) <= set(OUTCOME_KINDS)):
        return Rejected("week-count-invalid", {})
    if any(read_need(word) is None for word in unmet) or any(read_flow(word) is None for word in flows):
        return Rejected("week-count-invalid", {})
    if not any(more):
        return ()
    return [
        ev.WeekCounted(
            command.site, command.week, known.registrations + command.registrations, _sum(known.referrals, referrals),
            _sum(known.outcomes, outcomes), known.unreadable + command.unreadable, command.at,
            _sum(known.unmet, unmet), _sum(known.flows, flows),
        )
    ]  # fmt: skip


def close(state: Weeks, command: cmd.CloseWeek) -> Outcome:
    """Closes every week that was not yet, up to this one; one that is closed changes nothing. Refused: `week-not-over`,
    `again-at-past`."""
    if command.week == week_of(command.at):
        return Rejected("week-not-over", {})
    if command.again_at <= command.at:
        return Rejected("again-at-past", {})
    if state.closed is not None and command.week <= state.closed:
        return ()
    first = command.week if state.closed is None else state.closed + WEEK
    first = max(min([first, *state.weeks]), command.week - WEEKS_KEPT * WEEK)
    return [
        ev.WeekClosed(command.site, first + number * WEEK, command.at, command.again_at)
        for number in range((command.week - first) // WEEK + 1)
        if state.closed is None or first + number * WEEK > state.closed
    ]


def evolve(state: Weeks, event: ev.WeekEvent) -> Weeks:
    version = state.version + 1
    if isinstance(event, ev.WeekClosed):
        oldest = event.week - WEEKS_KEPT * WEEK
        weeks = {week: counts for week, counts in state.weeks.items() if week > oldest}
        if state.closed is not None:  # before the first, nobody was there who could say that nobody came
            weeks.setdefault(event.week, Counts())
        return Weeks(weeks, event.week, version)
    counts = Counts(event.registrations, event.referrals, event.outcomes, event.unreadable, event.unmet, event.flows)
    return replace(state, weeks=state.weeks | {event.week: counts}, version=version)


def _sum(known: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    return {word: known.get(word, 0) + more.get(word, 0) for word in sorted({*known, *more})}


WEEKS: Decider[Weeks, cmd.WeekCommand, ev.WeekEvent] = Decider(
    name="weeks",
    initial=Weeks(),
    decide=decide,
    evolve=evolve,
    codec=ev.WEEK_CODEC,
    state_type=Weeks,
    state_version=3,
    commands=(cmd.CountWeek, cmd.CloseWeek),
)
"""Stream `weeks/<site>`."""
