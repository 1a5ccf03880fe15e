"""What is decided about paying a programme's seats: one stream a programme, so that a run is executed once, in order,
and no period of an entitlement is paid twice, whoever asks how often. Pure.

A run settles periods: what a period comes to as its days are known now, less what earlier runs settled of it. So
corrected days are made up for in the next run, and the past is never changed. What was paid too much is taken off what
comes next, and never asked back; what could not be paid is in what comes next.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import TypeAlias, assert_never

import msgspec
from msgspec.structs import replace

from services.allowance import commands_payroll as cmd
from services.allowance import decider_limits as limits
from services.allowance import decider_orders as orders
from services.allowance import decider_sites as sites
from services.allowance import events_payroll as ev
from services.allowance.decider_dues import dues_refused
from shared.contracts.vocabulary import PayMethod
from shared.ids import derived_id
from shared.kernel import Decider, Rejected
from shared.money import day_of, kind_of, pay_day, period_named
from shared.timers import TimerCleared, TimerSet

LINES_MAX = 20_000
HANDOUT_MAX = 50
"""Lines one letter tells a site to hand out."""
HANDED_OUT: tuple[PayMethod, ...] = ("voucher",)
"""Ways to pay that are a site's to hand out; the others are ordered of a bank, or of the cards' issuer."""
PAYMENTS = "payments"

Outcome: TypeAlias = Sequence[ev.PayrollEvent] | Rejected


class Payroll(msgspec.Struct, frozen=True, gc=False):
    """settled: by entitlement, the cents of each period in all runs. owed: by entitlement, what was paid too much,
    below 0, or could not be paid, above. spent: by year, what was paid. draft: the run that is not executed yet;
    approved: whether somebody has approved it, with the accounts `payer` and `payees`. last: the latest period that was
    executed. executed, dropped: runs by id. waiting: what sites hand out, by handout. orders: what was asked of others,
    by id. balances: what is known to be on cards, in cents by entitlement."""

    settled: dict[str, dict[str, int]] = {}
    owed: dict[str, int] = {}
    spent: dict[str, int] = {}
    draft: ev.PayRunDrafted | None = None
    approved: bool = False
    last: str = ""
    executed: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    version: int = 0
    waiting: dict[str, sites.Waiting] = {}
    payer: ev.Payee | None = None
    payees: tuple[ev.Payee, ...] = ()
    orders: dict[str, orders.Sent] = {}
    balances: dict[str, int] = {}


def decide(state: Payroll, command: cmd.PayrollCommand) -> Outcome:
    """The events that follow. Refused: what each command's function says."""
    match command:
        case cmd.DraftPayRun():
            return draft(state, command)
        case cmd.DropPayRun():
            return drop(state, command)
        case cmd.ApprovePayRun():
            return approve(state, command)
        case cmd.ExecutePayRun():
            return execute(state, command)
        case cmd.NoteOrders():
            return note_orders(state, command)
        case cmd.HearHandout():
            return hear_handout(state, command)
        case cmd.RepeatPayments():
            return repeat_payments(state, command)
        case _:
            assert_never(command)


def draft(state: Payroll, command: cmd.DraftPayRun) -> Outcome:
    """Refused: `id-invalid`, `period-unknown`, `period-not-ended`, `period-paid` (it, or a later one, is executed),
    `pay-run-open` (another draft waits), `entitlement-twice`, `too-many-lines`, `amount-invalid`."""
    if state.draft is not None:
        same = (state.draft.run_id, state.draft.period) == (command.run_id, command.period)
        return () if same else Rejected("pay-run-open", {"run_id": state.draft.run_id, "period": state.draft.period})
    refused = limits.id_refused(command.run_id, command.programme_id) or dues_refused(command.due)
    if refused:
        return refused
    period = period_named(command.period)
    if period is None or kind_of(period.name) != command.kind:
        return Rejected("period-unknown", {})
    if day_of(command.at) < period.until:
        return Rejected("period-not-ended", {"until": period.until.isoformat()})
    if command.period <= state.last:
        return Rejected("period-paid", {"last": state.last})
    lines = tuple(line for due in command.due if (line := _line(state, due)) is not None)
    if len(lines) > LINES_MAX:  # whoever had nothing new for years is in none
        return Rejected("too-many-lines", {"lines_max": LINES_MAX})
    return [
        ev.PayRunDrafted(
            command.run_id, command.programme_id, command.period, pay_day(period.until), lines,
            sum(line.cents for line in lines), command.by, command.at,
        )
    ]  # fmt: skip


def _line(state: Payroll, due: cmd.Due) -> ev.Line | None:
    """What is new of one entitlement; None when nothing is."""
    settled, owed = state.settled.get(due.entitlement_id, {}), state.owed.get(due.entitlement_id, 0)
    wanted = dict(due.periods)
    parts = tuple(
        (period, wanted.get(period, 0) - settled.get(period, 0))
        for period in sorted({*wanted, *settled})
        if wanted.get(period, 0) != settled.get(period, 0)
    )
    if not parts and not owed:
        return None
    together = owed + sum(cents for _, cents in parts)
    if not parts and together <= 0:
        return None
    return ev.Line(due.entitlement_id, due.site, due.method, parts, owed, max(0, together), min(0, together))


def drop(state: Payroll, command: cmd.DropPayRun) -> Outcome:
    """A second time changes nothing. Refused: `pay-run-unknown`, `pay-run-executed`."""
    if command.run_id in state.dropped:
        return ()
    if command.run_id in state.executed:
        return Rejected("pay-run-executed", {})
    if state.draft is None or state.draft.run_id != command.run_id:
        return Rejected("pay-run-unknown", {})
    return [ev.PayRunDropped(command.run_id, command.programme_id, command.at)]


def approve(state: Payroll, command: cmd.ApprovePayRun) -> Outcome:
    """Refused: `pay-run-unknown`, `pay-run-own` (whoever drafted it may not), `budget-exceeded` (the facts say by how
    many cents), `account-missing`, `account-own`."""
    if command.run_id in state.executed:
        return ()
    run = state.draft
    if run is None or run.run_id != command.run_id:
        return Rejected("pay-run-unknown", {})
    if command.by == run.drafted_by:
        return Rejected("pay-run-own", {})
    if state.approved:
        return ()
    over = state.spent.get(year_of(run.period), 0) + run.total_cents - command.budget_cents
    if over > 0:
        return Rejected("budget-exceeded", {"over_cents": over, "budget_cents": command.budget_cents})
    refused = orders.accounts_refused(run, command)
    if refused:
        return refused
    about = (command.run_id, command.programme_id, command.by, command.budget_cents)
    return [ev.PayRunApproved(*about, *orders.accounts(run, command), command.at)]


def execute(state: Payroll, command: cmd.ExecutePayRun) -> Outcome:
    """Once: asked again nothing happens. Refused: `pay-run-unknown`, `pay-run-not-approved`, `account-missing`."""
    if command.run_id in state.executed:
        return ()
    if state.draft is None or state.draft.run_id != command.run_id:
        return Rejected("pay-run-unknown", {})
    if not state.approved:
        return Rejected("pay-run-not-approved", {})
    made = orders.ordered(state.draft, state.payer, state.payees, state.balances, command)
    if isinstance(made, Rejected):
        return made
    again_at = limits.again(command.at)
    return [
        ev.PayRunExecuted(
            command.run_id, command.programme_id, _handouts(state.draft), *made, again_at=again_at, at=command.at
        )
    ]  # fmt: skip


def _handouts(run: ev.PayRunDrafted) -> tuple[ev.Handed, ...]:
    """What each site hands out, in letters of up to `HANDOUT_MAX` lines. Their ids are not the run's: a store that was
    restored makes it once more, and a site that knows its handout says how that stands and pays nobody again."""
    found = []
    by_site = sorted((line for line in run.lines if line.method in HANDED_OUT), key=lambda line: line.site)
    for site, lines in groupby(by_site, key=lambda line: line.site):
        ids = [line.entitlement_id for line in lines]
        for shared, some in in_parts(ids):
            handout_id = derived_id("handout", run.programme_id, run.period, site, shared)
            found.append(ev.Handed(handout_id, site, some))
    return tuple(found)


def in_parts(ids: Sequence[str], shared: str = "") -> Iterator[tuple[str, tuple[str, ...]]]:
    """Different ids in parts of up to `HANDOUT_MAX`, by how they begin, so that one more or less, or another order,
    leaves the others in theirs. shared: what those of a part begin with."""
    if len(ids) <= HANDOUT_MAX:
        yield shared, tuple(ids)
        return
    begin = len(shared) + 1
    for start, some in groupby(sorted(ids), key=lambda id_: id_[:begin]):
        yield from in_parts(list(some), start)


def note_orders(state: Payroll, command: cmd.NoteOrders) -> Outcome:
    """Lines that cannot be are left out (`decider_orders.noted`). Refused: `pay-run-unknown`, `too-many-lines`."""
    if command.run_id not in state.executed:
        return Rejected("pay-run-unknown", {})
    if len(command.said) > orders.SAID_MAX:
        return Rejected("too-many-lines", {"lines_max": orders.SAID_MAX})
    new, _ = orders.noted(state.orders, command)
    return [ev.OrdersNoted(command.run_id, command.programme_id, tuple(new), command.at)] if new else ()


def hear_handout(state: Payroll, command: cmd.HearHandout) -> Outcome:
    """Refused: as `decider_sites.heard` says."""
    return sites.heard(state.waiting.get(command.handout_id), command)


def repeat_payments(state: Payroll, command: cmd.RepeatPayments) -> Outcome:
    """Until the site has said anything, and every day while somebody has still to come: a site that was restored may
    have forgotten it, or whom it has paid, and is answered then. Never refused: a timer may fire late or twice."""
    known = state.waiting.get(command.handout_id)
    if known is None or not known.lines:
        return ()
    again_at = command.at + sites.WAITING_AGAIN if known.revision else limits.again(command.at, known.repeated + 1)
    return [ev.PaymentsRepeated(command.handout_id, command.programme_id, again_at, command.at)]


def year_of(period: str) -> str:
    """The year whose budget a period is paid of: the one it begins in."""
    found = period_named(period)
    assert found is not None
    return str(found.first.year)


def evolve(state: Payroll, event: ev.PayrollEvent) -> Payroll:
    """The payroll after `event`."""
    version = state.version + 1
    match event:
        case ev.PayRunDrafted():
            return replace(state, draft=event, approved=False, version=version)
        case ev.PayRunDropped():
            return replace(state, draft=None, approved=False, dropped=(*state.dropped, event.run_id), version=version)
        case ev.PayRunApproved():
            return replace(state, approved=True, payer=event.payer, payees=event.payees, version=version)
        case ev.PayRunExecuted():
            assert state.draft is not None
            return _executed(state, state.draft, event, version)
        case ev.PaymentsRepeated():
            known = state.waiting[event.handout_id]
            told = replace(known, repeated=known.repeated + 1)
            return replace(state, waiting=state.waiting | {event.handout_id: told}, version=version)
        case ev.HandoutNoted() | ev.PaidAfterAll():
            return _noted(state, event, version)
        case ev.PaidOtherwise():
            return _paid_otherwise(state, event, version)
        case ev.OrdersNoted():
            return _orders_noted(state, event, version)
        case _:
            assert_never(event)


def _noted(state: Payroll, event: ev.HandoutNoted | ev.PaidAfterAll, version: int) -> Payroll:
    """What nobody came for may be spent again; what was paid after all is spent after all."""
    known = state.waiting[event.handout_id]
    after, back = sites.noted(known, event)
    year = year_of(known.period)
    spent = state.spent | {year: state.spent.get(year, 0) - back} if back else state.spent
    return replace(state, waiting=state.waiting | {event.handout_id: after}, spent=spent, version=version)


def _paid_otherwise(state: Payroll, event: ev.PaidOtherwise, version: int) -> Payroll:
    """What was too much is owed to the programme, what was too little by it."""
    known = state.waiting[event.handout_id]
    after, more = sites.otherwise(known, event)
    owed, year = dict(state.owed), year_of(known.period)
    for entitlement_id, cents in more.items():
        owed[entitlement_id] = owed.get(entitlement_id, 0) - cents
    owed = {id_: cents for id_, cents in owed.items() if cents}
    spent = state.spent | {year: state.spent.get(year, 0) + sum(more.values())}
    return replace(state, waiting=state.waiting | {event.handout_id: after}, owed=owed, spent=spent, version=version)


def _orders_noted(state: Payroll, event: ev.OrdersNoted, version: int) -> Payroll:
    """What was not paid is due again, and may be spent again."""
    sent, owed, balances = dict(state.orders), dict(state.owed), dict(state.balances)
    spent = dict(state.spent)
    for answer in event.answered:
        known = sent[answer.order_id]
        sent[answer.order_id] = orders.answered(known, answer)
        for entitlement_id, cents in orders.follows(known, answer):
            owed[entitlement_id] = owed.get(entitlement_id, 0) + cents
            spent[year_of(known.period)] -= cents
    for entitlement_id, cents in orders.not_loaded(sent, event.answered).items():
        balances[entitlement_id] = max(0, balances.get(entitlement_id, 0) - cents)
    balances |= orders.on_cards(sent, event.answered)
    owed = {id_: cents for id_, cents in owed.items() if cents}
    return replace(state, orders=sent, owed=owed, balances=balances, spent=spent, version=version)


def _executed(state: Payroll, run: ev.PayRunDrafted, event: ev.PayRunExecuted, version: int) -> Payroll:
    """What came back since it was drafted is still to be paid after it."""
    settled, owed, year = dict(state.settled), dict(state.owed), year_of(run.period)
    balances = dict(state.balances)
    for line in run.lines:
        settled[line.entitlement_id] = _added(settled.get(line.entitlement_id, {}), line.parts)
        owed[line.entitlement_id] = owed.get(line.entitlement_id, 0) - line.before + line.after
    for rest in event.rests:
        owed[rest.entitlement_id] += rest.cents
    for order in event.orders:
        if order.method == "prepaid_card":
            [(entitlement_id, cents)] = order.shares
            balances[entitlement_id] = balances.get(entitlement_id, 0) + cents
    by_id = {line.entitlement_id: line for line in run.lines}
    waiting = {
        handed.handout_id: sites.Waiting(
            run.run_id, handed.site, run.period,
            {id_: sites.Unpaid(by_id[id_].cents, by_id[id_].method) for id_ in handed.entitlement_ids},
        )
        for handed in event.handouts
    }  # fmt: skip
    paid = run.total_cents - sum(rest.cents for rest in event.rests)
    since = day_of(event.at) - orders.KEPT
    open_ = {id_: it for id_, it in state.waiting.items() if it.lines or orders.ended_since(it.period, since)}
    return replace(
        state, waiting=open_ | waiting, settled=settled,
        owed={id_: cents for id_, cents in owed.items() if cents}, balances=balances,
        orders=orders.kept(state.orders, since) | orders.sent(run, event.orders),
        spent=state.spent | {year: state.spent.get(year, 0) + paid}, draft=None, approved=False, payer=None, payees=(),
        last=run.period, executed=(*state.executed, run.run_id), version=version,
    )  # fmt: skip


def _added(periods: Mapping[str, int], parts: Sequence[tuple[str, int]]) -> dict[str, int]:
    added = dict(periods)
    for period, cents in parts:
        added[period] = added.get(period, 0) + cents
    return {period: cents for period, cents in added.items() if cents}


def timers(events: Sequence[ev.PayrollEvent]) -> list[TimerSet | TimerCleared]:
    """`payments/<handout>` while anybody has still to come for what a site hands out."""
    found: dict[str, TimerSet | TimerCleared] = {}
    for event in events:
        if isinstance(event, ev.PayRunExecuted):
            for handed in event.handouts:
                name = f"{PAYMENTS}/{handed.handout_id}"
                found[name] = TimerSet(name, event.again_at, PAYMENTS, event.programme_id)
        elif isinstance(event, ev.PaymentsRepeated):
            name = f"{PAYMENTS}/{event.handout_id}"
            found[name] = TimerSet(name, event.again_at, PAYMENTS, event.programme_id)
        elif isinstance(event, ev.HandoutNoted):  # what was paid after all comes with one
            name = f"{PAYMENTS}/{event.handout_id}"
            again_at, key = event.again_at, event.programme_id
            found[name] = TimerCleared(name) if again_at is None else TimerSet(name, again_at, PAYMENTS, key)
    return list(found.values())


PAYROLL: Decider[Payroll, cmd.PayrollCommand, ev.PayrollEvent] = Decider(
    name="payroll",
    initial=Payroll(),
    decide=decide,
    evolve=evolve,
    codec=ev.PAYROLL_CODEC,
    state_type=Payroll,
    state_version=5,
    commands=cmd.PAYROLL_COMMANDS,
)
"""Stream `payroll/<programme id>`."""
