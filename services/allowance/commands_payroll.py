"""What may be asked about paying a programme's seats. by: a person, under a name that leads to nobody elsewhere."""

from __future__ import annotations

from typing import TypeAlias, get_args

import msgspec

from shared.contracts.vocabulary import PayMethod
from shared.kernel import Command
from shared.money import PeriodKind


class Due(msgspec.Struct, frozen=True, gc=False):
    """What one entitlement comes to in each period, in cents, as its days and the tariffs are known now."""

    entitlement_id: str
    site: str
    method: PayMethod
    periods: tuple[tuple[str, int], ...]


class DraftPayRun(Command, frozen=True, kw_only=True):
    """Draft what is to be paid for a period that has ended. kind: what the programme is paid by. due: of every
    entitlement, up to that period."""

    run_id: str
    programme_id: str
    kind: PeriodKind
    period: str
    due: tuple[Due, ...]
    by: str


class DropPayRun(Command, frozen=True, kw_only=True):
    """Do not pay it as it was drafted."""

    run_id: str
    programme_id: str


class ApprovePayRun(Command, frozen=True, kw_only=True):
    """Approve it, as somebody else than who drafted it. budget_cents: what may be paid in its year."""

    run_id: str
    programme_id: str
    by: str
    budget_cents: int


class ExecutePayRun(Command, frozen=True, kw_only=True):
    """Let it count as paid."""

    run_id: str
    programme_id: str


class HearHandout(Command, frozen=True, kw_only=True):
    """A site says how it stands with what it hands out. revision: of its word, the higher one is the newer."""

    programme_id: str
    handout_id: str
    site: str
    revision: int
    paid: tuple[str, ...]
    refused: tuple[str, ...]


class RepeatPayments(Command, frozen=True, kw_only=True):
    """Its timer fired: tell a site again what it is to hand out. Nothing happens when it has heard."""

    programme_id: str
    handout_id: str


PayrollCommand: TypeAlias = DraftPayRun | DropPayRun | ApprovePayRun | ExecutePayRun | HearHandout | RepeatPayments

PAYROLL_COMMANDS: tuple[type[PayrollCommand], ...] = get_args(PayrollCommand)
