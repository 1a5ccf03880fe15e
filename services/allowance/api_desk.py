"""Between a route and the handler: what every command needs, and the parts every answer has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from services.allowance import commands as cmd
from services.allowance import commands_entitlement as en
from services.allowance.commands_client import ClientCommand
from services.allowance.commands_handout import HandoutCommand
from services.allowance.commands_payroll import PayrollCommand
from services.allowance.decider_client import Client
from services.allowance.decider_entitlement import Entitlement
from services.allowance.decider_handout import Handout
from services.allowance.decider_payroll import Payroll
from services.allowance.decider_programme import Programme
from services.allowance.events import ProgrammeEvent
from services.allowance.events_client import ClientEvent
from services.allowance.events_entitlement import EntitlementEvent
from services.allowance.events_handout import HandoutEvent
from services.allowance.events_payroll import PayrollEvent
from shared import metrics
from shared.clock import Clock
from shared.handling import NOTHING_ELSE, Also, Context, Handled, Handler, KeyClaim
from shared.http_models import EventRef, is_id
from shared.http_problems import Problem, rejected
from shared.ids import Ids, derived_id
from shared.money import day_of
from shared.ports import Store
from shared.security import Actor
from shared.suppression import BELOW
from shared.telemetry import current_traceparent

INPUT_CODES = frozenset({
    "account-name-invalid", "account-site-invalid", "amount-invalid", "ceiling-out-of-range", "day-too-far",
    "days-in-too-many-pieces", "days-invalid", "end-reason-unknown", "household-size-invalid", "iban-invalid",
    "id-invalid", "method-unknown", "methods-missing", "period-unknown", "programme-name-invalid",
    "size-class-unknown", "year-invalid",
})  # fmt: skip
"""Refusals that say the request itself is wrong, whatever the state: 422."""


class Asked(NamedTuple):
    """Who asks for a command, and under which idempotency key."""

    actor: Actor
    claim: KeyClaim | None


@dataclass(frozen=True)
class Allowance:
    """What the routes work with. municipality: whether this site is; municipality_site: which one is.
    can_write_to: whether a letter to a site can be sealed. small_counts_below: counts of people from 1 to one less are
    in no report. left_at: when a site left the network, None if it did not."""

    site: str
    municipality: bool
    municipality_site: str
    store: Store
    clock: Clock
    ids: Ids
    programmes: Handler[Programme, cmd.ProgrammeCommand, ProgrammeEvent]
    entitlements: Handler[Entitlement, en.EntitlementCommand, EntitlementEvent]
    payrolls: Handler[Payroll, PayrollCommand, PayrollEvent]
    clients: Handler[Client, ClientCommand, ClientEvent]
    handouts: Handler[Handout, HandoutCommand, HandoutEvent]
    can_write_to: Callable[[str], bool]
    small_counts_below: int = BELOW
    left_at: Callable[[str], datetime | None] = lambda _: None

    def at_municipality(self) -> None:
        """Raises 409 `municipality-only` anywhere else."""
        if not self.municipality:
            raise Problem(409, "municipality-only", facts={"site": self.municipality_site})

    def at_location(self) -> None:
        """Raises 409 `clients-elsewhere` at the municipality, where nobody knows a client."""
        if self.municipality:
            raise Problem(409, "clients-elsewhere", "The municipality's site knows no client.")

    def today(self) -> date:
        """The day it is in the city."""
        return day_of(self.clock.now())

    def context(self, asked: Asked) -> Context:
        """Where a command from outside comes from: nothing came before it."""
        command_id = self.ids.event_id()
        return Context(command_id, self.ids.random_id(), command_id, current_traceparent(), asked.claim)

    async def programme(self, id_: str, asked: Asked, command: type[Any], **fields: Any) -> Handled:
        """Let a programme decide. A refusal is raised as the `Problem` it becomes."""
        made = command(at=self.clock.now(), role=asked.actor.role, programme_id=id_, **fields)
        return _accepted(command, await self.programmes.handle(id_, made, self.context(asked)))

    async def entitlement(
        self, id_: str, asked: Asked, command: type[Any], also: Also = NOTHING_ELSE, **fields: Any
    ) -> Handled:
        """Let an entitlement decide. A refusal is raised as the `Problem` it becomes."""
        made = command(at=self.clock.now(), role=asked.actor.role, entitlement_id=id_, **fields)
        return _accepted(command, await self.entitlements.handle(id_, made, self.context(asked), also))

    async def payroll(self, programme_id: str, asked: Asked, command: type[Any], **fields: Any) -> Handled:
        """Let a payroll decide. A refusal is raised as the `Problem` it becomes."""
        made = command(at=self.clock.now(), role=asked.actor.role, programme_id=programme_id, **fields)
        return _accepted(command, await self.payrolls.handle(programme_id, made, self.context(asked)))

    async def handout(self, handout_id: str, asked: Asked, command: type[Any], **fields: Any) -> Handled:
        """Let a handout decide. A refusal is raised as the `Problem` it becomes."""
        made = command(at=self.clock.now(), role=asked.actor.role, handout_id=handout_id, **fields)
        return _accepted(command, await self.handouts.handle(handout_id, made, self.context(asked)))

    async def row(self, table: sa.Table, id_: str, noun: str) -> dict[str, Any]:
        """One row by its id. Raises 404 `<noun>-unknown`."""
        rows = await self.store.rows(table, id=id_) if is_id(id_) else []
        if not rows:
            raise Problem(404, f"{noun}-unknown")
        return rows[0]


def _accepted(command: type[Any], handled: Handled) -> Handled:
    metrics.COMMANDS.labels("allowance", command.__name__, outcome(handled)).inc()
    if handled.rejected is not None:
        raise rejected(handled.rejected, INPUT_CODES)
    return handled


def outcome(handled: Handled) -> str:
    """What came of a command, as it is counted."""
    if handled.replayed:
        return "replayed"
    if handled.rejected is not None:
        return "rejected"
    return "applied" if handled.events else "nothing"


def base(id_: str, handled: Handled) -> dict[str, Any]:
    """The fields every command's answer has."""
    events = [EventRef(id=one, type=str(type(event).__struct_config__.tag)) for one, event in handled.events]
    return {"id": id_, "version": handled.version, "position": handled.position, "events": events}


def person(actor: Actor) -> str:
    """Who it is, under a name that says no more than whether two are the same."""
    return derived_id("pay-run-person", actor.subject)
