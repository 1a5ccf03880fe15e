"""Allowances broken on purpose, as in `broken.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

import msgspec

from services.allowance import commands as cmd
from services.allowance import views_payroll
from services.allowance.app import ENTITLEMENTS, FACTS, HANDOUTS, PAYROLLS, SEATS, facts
from services.allowance.commands_handout import HandoutCommand, RedeemVoucher
from services.allowance.commands_payroll import ExecutePayRun, NoteOrders, PayrollCommand
from services.allowance.decider import HANDOUT, PAYROLL, PROGRAMME
from services.allowance.decider_entitlement import timers
from services.allowance.decider_handout import Handout
from services.allowance.decider_payroll import Payroll
from services.allowance.decider_programme import Programme
from services.allowance.events_entitlement import EntitlementEvent
from services.allowance.ledger import PAID
from shared.aggregate import Aggregate
from shared.contracts import intake
from shared.handling import Handler
from shared.policies import Handlers, Policy, PolicyReader
from shared.ports import Put, RowChange
from shared.timers import TimerCleared, TimerSet
from tests.simulation.allowance import AllowanceProcess
from tests.simulation.process import Parts, Process


class _Deaf(AllowanceProcess):
    """Hears nothing of these sorts from its intake."""

    deaf_to: tuple[type[Any], ...]

    def hearing(self) -> PolicyReader:
        process, site = self.process, self.process.site
        heard = facts(site.name)
        left = {name: contract for name, contract in heard.contracts.items() if contract not in self.deaf_to}
        policy = Policy(FACTS, left, heard.react)
        return PolicyReader(self.store, policy, site.clock, self.handlers, process.world.seals[site.name])


class _DeafToErasures(_Deaf):
    deaf_to = (intake.ClientErased,)


class PaysTheErased(Parts):
    """An erasure that stops no allowance."""

    def allowance(self, process: Process) -> AllowanceProcess:
        return _DeafToErasures(process)


class _DeafToHousing(_Deaf):
    deaf_to = (intake.ClientHoused, intake.ClientStayTold)


class PaidTwiceOver(Parts):
    """Meals and money for the same day."""

    def allowance(self, process: Process) -> AllowanceProcess:
        return _DeafToHousing(process)


class _DeafToMoves(_Deaf):
    deaf_to = (intake.ClientStayTold,)


class MovesAreNotHeard(Parts):
    """Days that follow where somebody was checked in, and not to which kind of place they were moved since."""

    def allowance(self, process: Process) -> AllowanceProcess:
        return _DeafToMoves(process)


class _Decides(AllowanceProcess):
    """Aggregates of one's own in place of the product's."""

    aggregates: Mapping[str, Aggregate[Any, Any, Any]]

    def deciding(self) -> Handlers:
        site, world = self.process.site, self.process.world
        encode = world.seals[site.name].encode
        return dict(super().deciding()) | {
            name: Handler(self.store, aggregate, site.clock, world.ids, encode)
            for name, aggregate in self.aggregates.items()
        }


def _timers(events: Sequence[EntitlementEvent]) -> list[TimerSet | TimerCleared]:
    return [timer for timer in timers(events) if not timer.id.startswith("follow/")]


class _NeverLooks(_Decides):
    aggregates = MappingProxyType({"entitlement": replace(ENTITLEMENTS, timers=_timers)})


class AskedAfterwards(Parts):
    """An entitlement that is asked for follows only what its client's file says after that."""

    def allowance(self, process: Process) -> AllowanceProcess:
        return _NeverLooks(process)


def _full(state: Programme, command: cmd.ProgrammeCommand) -> Any:
    return PROGRAMME.decide(msgspec.structs.replace(state, ceiling=state.ceiling + 1), command)


class _Generous(_Decides):
    aggregates = MappingProxyType({"programme": replace(SEATS, decider=replace(PROGRAMME, decide=_full))})


class OneSeatTooMany(Parts):
    """A municipality that gives one seat more than there are."""

    def allowance(self, process: Process) -> AllowanceProcess:
        return _Generous(process)


def _again(state: Payroll, command: PayrollCommand) -> Any:
    done = isinstance(command, ExecutePayRun) and state.draft is not None
    return PAYROLL.decide(msgspec.structs.replace(state, approved=True) if done else state, command)


class _Hasty(_Decides):
    aggregates = MappingProxyType({"payroll": replace(PAYROLLS, decider=replace(PAYROLL, decide=_again))})


class NobodyApproves(Parts):
    """A run that is executed before a second person has looked at it."""

    def allowance(self, process: Process) -> AllowanceProcess:
        return _Hasty(process)


def _one_sided(before: Payroll, events: Sequence[Any], after: Payroll, at: datetime) -> list[RowChange]:
    rows = views_payroll.project(before, events, after, at)
    return [row for row in rows if not (isinstance(row, Put) and PAID in row.values)]


class _OneSided(_Decides):
    aggregates = MappingProxyType({"payroll": replace(PAYROLLS, project=_one_sided)})


class PaidIsNotPosted(Parts):
    """A ledger with one side."""

    def allowance(self, process: Process) -> AllowanceProcess:
        return _OneSided(process)


def _any_time(state: Handout, command: HandoutCommand) -> Any:
    if isinstance(command, RedeemVoucher):
        slips = {id_: msgspec.structs.replace(slip, status="waiting") for id_, slip in state.slips.items()}
        state = msgspec.structs.replace(state, slips=slips)
    return HANDOUT.decide(state, command)


class _Forgetful(_Decides):
    aggregates = MappingProxyType({"handout": replace(HANDOUTS, decider=replace(HANDOUT, decide=_any_time))})


class CodesWorkTwice(Parts):
    """A desk that pays whoever shows a code, however often."""

    def allowance(self, process: Process) -> AllowanceProcess:
        return _Forgetful(process)


def _once(events: Sequence[Any]) -> list[TimerSet | TimerCleared]:
    return []


class _SaysItOnce(_Decides):
    aggregates = MappingProxyType({"payroll": replace(PAYROLLS, timers=_once)})


class PaymentsToldOnce(Parts):
    """A municipality that tells a site once what it is to hand out."""

    def allowance(self, process: Process) -> AllowanceProcess:
        return _SaysItOnce(process)


def _reads_anew(state: Payroll, command: PayrollCommand) -> Any:
    if isinstance(command, NoteOrders):
        unsaid = {id_: msgspec.structs.replace(order, status="sent") for id_, order in state.orders.items()}
        state = msgspec.structs.replace(state, orders=unsaid)
    return PAYROLL.decide(state, command)


class _ReadsAnew(_Decides):
    aggregates = MappingProxyType({"payroll": replace(PAYROLLS, decider=replace(PAYROLL, decide=_reads_anew))})


class StatementsCountTwice(Parts):
    """A municipality that books a statement as often as it is read."""

    def allowance(self, process: Process) -> AllowanceProcess:
        return _ReadsAnew(process)


def _overfull(state: Payroll, command: PayrollCommand) -> Any:
    return PAYROLL.decide(msgspec.structs.replace(state, balances={}), command)


class _Overfull(_Decides):
    aggregates = MappingProxyType({"payroll": replace(PAYROLLS, decider=replace(PAYROLL, decide=_overfull))})


class CardsOverflow(Parts):
    """Loads that do not ask what is on a card already."""

    def allowance(self, process: Process) -> AllowanceProcess:
        return _Overfull(process)


BROKEN: tuple[type[Parts], ...] = (
    PaysTheErased, PaidTwiceOver, MovesAreNotHeard, AskedAfterwards, OneSeatTooMany, NobodyApproves, PaidIsNotPosted,
    CodesWorkTwice, PaymentsToldOnce, StatementsCountTwice, CardsOverflow,
)  # fmt: skip
