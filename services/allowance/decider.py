"""What the municipality decides about a programme: its ceiling, its tariffs, and who has its seats. Pure.

A seat has one writer, this stream: two sites that want the last one meet here. A site says how it stands with its
entitlement, whole and numbered, until it hears that it was heard; so a word that comes twice, late or before an earlier
one has one effect (`docs/decisions/0031-seats.md`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeAlias, assert_never

from services.allowance import commands as cmd
from services.allowance import decider_limits as limits
from services.allowance import events as ev
from services.allowance.days import Tariff, without
from services.allowance.decider_client import CLIENT
from services.allowance.decider_entitlement import ENTITLEMENT
from services.allowance.decider_handout import HANDOUT
from services.allowance.decider_payroll import PAYROLL
from services.allowance.decider_programme import Programme, Seat, evolve
from shared.kernel import Decider, Rejected

__all__ = ["CLIENT", "ENTITLEMENT", "HANDOUT", "PAYROLL", "PROGRAMME", "decide"]

ANSWERED_FOR = timedelta(seconds=1)

Outcome: TypeAlias = Sequence[ev.ProgrammeEvent] | Rejected


def decide(state: Programme, command: cmd.ProgrammeCommand) -> Outcome:
    """The events that follow. Refused: `programme-unknown`, `version-stale`, and what each command's function says."""
    match command:
        case cmd.OpenProgramme():
            return open_programme(state, command)
        case cmd.HearEntitlement():
            return hear(state, command)
        case _ if not state.id:
            return Rejected("programme-unknown", {})
        case _ if limits.stale_refused(command.if_version, state.version):
            return limits.stale_refused(command.if_version, state.version) or ()
        case cmd.MoveCeiling():
            return move_ceiling(state, command)
        case cmd.AddTariff():
            return add_tariff(state, Tariff(command.size_class, command.cents, command.valid_from), command.at)
        case cmd.GrantBudget():
            return grant_budget(state, command)
        case cmd.NameAccount():
            return name_account(state, command)
        case cmd.LimitCards():
            return limit_cards(state, command)
        case cmd.EndSeat():
            return end_seat(state, command)
        case _:
            assert_never(command)


def open_programme(state: Programme, command: cmd.OpenProgramme) -> Outcome:
    """Refused: `id-invalid`, `programme-name-invalid`, `ceiling-out-of-range`, `methods-missing`, `method-unknown`,
    `programme-id-used`, and what is wrong with a tariff (`add_tariff`)."""
    refused = (
        limits.id_refused(command.programme_id)
        or limits.name_refused(command.name)
        or limits.ceiling_refused(command.ceiling)
        or limits.methods_refused(command.methods)
    )
    if refused:
        return refused
    methods = tuple(sorted(set(command.methods)))
    opened = ev.ProgrammeOpened(
        command.programme_id, command.site, command.name, command.period, command.ceiling, methods, command.at
    )
    if state.id:
        return () if state.opened == opened else Rejected("programme-id-used", {})
    events: list[ev.ProgrammeEvent] = [opened]
    for tariff in command.tariffs:
        added = add_tariff(_folded(events), tariff, command.at)
        if isinstance(added, Rejected):
            return added
        events += added
    return events


def _folded(events: Sequence[ev.ProgrammeEvent]) -> Programme:
    state = Programme()
    for event in events:
        state = evolve(state, event)
    return state


def move_ceiling(state: Programme, command: cmd.MoveCeiling) -> Outcome:
    """Refused: `ceiling-out-of-range`, `seats-taken` (fewer than are taken, and not planned)."""
    refused = limits.ceiling_refused(command.ceiling)
    if refused:
        return refused
    taken = state.taken
    if command.ceiling < taken:
        if not command.planned:
            return Rejected("seats-taken", {"taken": taken, "ceiling": command.ceiling})
        lowered = [ev.CeilingLowered(state.id, taken, command.at)] if taken < state.ceiling else []
        planned = [] if state.planned == command.ceiling else [
            ev.LoweringPlanned(state.id, command.ceiling, command.at)
        ]  # fmt: skip
        return [*lowered, *planned]
    if command.ceiling == state.ceiling and state.planned is None:
        return ()
    if command.ceiling >= state.ceiling:
        return [ev.CeilingRaised(state.id, command.ceiling, command.at)]
    return [ev.CeilingLowered(state.id, command.ceiling, command.at)]


def add_tariff(state: Programme, added: Tariff, at: datetime) -> Outcome:
    """Refused: `size-class-unknown`, `amount-invalid`, `day-too-far`, `tariff-overlaps` (another one of this class
    begins that day), `too-many-tariffs`."""
    refused = (
        limits.size_class_refused(added.size_class)
        or limits.cents_refused(added.cents)
        or limits.day_refused(added.valid_from, at)
    )
    if refused:
        return refused
    if added in state.tariffs:
        return ()
    if any((it.size_class, it.valid_from) == (added.size_class, added.valid_from) for it in state.tariffs):
        facts = {"size_class": added.size_class, "valid_from": added.valid_from.isoformat()}
        return Rejected("tariff-overlaps", facts)
    if len(state.tariffs) >= limits.TARIFFS_MAX:
        return Rejected("too-many-tariffs", {"tariffs_max": limits.TARIFFS_MAX})
    return [ev.TariffAdded(state.id, added.size_class, added.cents, added.valid_from, at)]


def grant_budget(state: Programme, command: cmd.GrantBudget) -> Outcome:
    """Refused: `amount-invalid`, `year-invalid`."""
    refused = limits.cents_refused(command.cents)
    if refused:
        return refused
    if command.year not in limits.YEARS:
        return Rejected("year-invalid", {"year_min": limits.YEARS[0], "year_max": limits.YEARS[-1]})
    if state.budgets.get(str(command.year)) == command.cents:
        return ()
    return [ev.BudgetGranted(state.id, command.year, command.cents, command.at)]


def name_account(state: Programme, command: cmd.NameAccount) -> Outcome:
    """Refused: `account-site-invalid`, `account-name-invalid`, `iban-invalid`."""
    refused = (
        limits.site_refused(command.site)
        or limits.account_name_refused(command.name)
        or limits.iban_refused(command.iban)
    )
    if refused:
        return refused
    known = state.accounts.get(command.site)
    if known is not None and (known.name, known.iban) == (command.name, command.iban):
        return ()
    return [ev.AccountNamed(state.id, command.site, command.name, command.iban, command.by, command.at)]


def limit_cards(state: Programme, command: cmd.LimitCards) -> Outcome:
    """Refused: `amount-invalid`."""
    most, cash = command.balance_cents_max, command.cash_cents_a_day_max
    refused = limits.cents_refused(most) or limits.cents_refused(cash)
    if refused:
        return refused
    if (state.cards.balance_cents_max, state.cards.cash_cents_a_day_max) == (most, cash):
        return ()
    return [ev.CardsLimited(state.id, most, cash, command.at)]


def end_seat(state: Programme, command: cmd.EndSeat) -> Outcome:
    """Nobody may be left who gives it back: its site left the network, or was restored from before it asked. A site
    that knows of it says so once it hears of this, and has it again. Refused: `seat-unknown`, `day-too-far`,
    `day-ahead`."""
    seat = state.seats.get(command.seat_id)
    if seat is None:
        return Rejected("seat-unknown", {})
    refused = limits.day_refused(command.from_day, command.at) or limits.ahead_refused(command.from_day, command.at)
    if refused:
        return refused
    if not seat.is_taken or seat.method is None:
        return ()
    spans = without(seat.spans, command.from_day, None)
    about = (state.id, command.seat_id, seat.site, seat.revision, seat.method, spans)
    return [ev.SeatEnded(*about, command.at), *_lowered(state, seat, command.at)]


def hear(state: Programme, command: cmd.HearEntitlement) -> Outcome:
    """A newer word counts, and so does another one under the same number: a site whose store was restored gives its
    numbers anew. Refused: `id-invalid`, `days-invalid`, `days-in-too-many-pieces`, `seat-of-another-site`,
    `too-many-seats`. What is refused a seat is no refused command: the site has to hear of it."""
    refused = limits.id_refused(command.programme_id, command.seat_id) or limits.spans_refused(command.spans)
    if refused:
        return refused
    seat = state.seats.get(command.seat_id)
    if seat is None:
        return _new_seat(state, command)
    if seat.site != command.site:
        return Rejected("seat-of-another-site", {"site": command.site})
    newer = command.revision > seat.revision or (command.revision == seat.revision and not _same(seat, command))
    if newer and command.status != "asked":
        return _word(state, command)
    if command.revision == seat.revision and _just_answered(seat, command):
        return ()
    return [ev.SeatWordRepeated(command.programme_id, command.seat_id, command.at)]


def _same(seat: Seat, command: cmd.HearEntitlement) -> bool:
    """Whether a word says of a seat what is known of it."""
    return (command.status, command.method, command.spans) == (seat.status, seat.method, seat.spans)


def _just_answered(seat: Seat, command: cmd.HearEntitlement) -> bool:
    """A site asks again after two seconds at the earliest: what comes twice within one is on its way twice."""
    assert seat.answered_at is not None
    return timedelta() <= command.at - seat.answered_at < ANSWERED_FOR


def _new_seat(state: Programme, command: cmd.HearEntitlement) -> Outcome:
    """A seat nobody knows here. A word that one was granted is believed, full or not: only a municipality whose store
    was restored can lack what it answered before. So it is when it refused the seat since, or knows it as given back,
    which a site that was restored does not."""
    if len(state.seats) >= limits.SEATS_MAX:
        return Rejected("too-many-seats", {"seats_max": limits.SEATS_MAX})
    if command.status != "asked":
        return _word(state, command)
    about = (command.programme_id, command.seat_id, command.site, command.revision)
    code = _why_not(state, command)
    if code is not None:
        return [ev.SeatRefused(*about, code, command.at)]
    return [ev.SeatReserved(*about, command.method, command.at)]


def _why_not(state: Programme, command: cmd.HearEntitlement) -> str | None:
    if not state.id:
        return "programme-unknown"
    if command.method not in state.methods:
        return "method-not-offered"
    return "no-seat-free" if state.taken >= state.ceiling else None


def _word(state: Programme, command: cmd.HearEntitlement) -> Outcome:
    """A site's newer word about a seat."""
    about = (command.programme_id, command.seat_id, command.site, command.revision, command.method, command.spans)
    if command.status != "ended":
        return [ev.SeatGranted(*about, command.at)]
    return [ev.SeatEnded(*about, command.at), *_lowered(state, state.seats.get(command.seat_id), command.at)]


def _lowered(state: Programme, ended: Seat | None, at: datetime) -> list[ev.CeilingLowered]:
    """What follows for the ceiling from the end of a seat, where a lowering waits for it."""
    if state.planned is None or ended is None or not ended.is_taken:
        return []
    ceiling = max(state.taken - 1, state.planned)
    # More may be taken than there are, of a municipality that has forgotten some: no end raises a ceiling.
    return [ev.CeilingLowered(state.id, ceiling, at)] if ceiling < state.ceiling else []


PROGRAMME: Decider[Programme, cmd.ProgrammeCommand, ev.ProgrammeEvent] = Decider(
    name="programme",
    initial=Programme(),
    decide=decide,
    evolve=evolve,
    codec=ev.CODEC,
    state_type=Programme,
    state_version=2,
    commands=cmd.COMMANDS,
)
"""Stream `programme/<id>`."""
