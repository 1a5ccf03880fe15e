"""What may be asked about paying a programme's seats. by: a person, under a name that leads to nobody elsewhere."""

from __future__ import annotations

from typing import TypeAlias, get_args

import msgspec

from services.allowance.events_payroll import Payee
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


class Named(msgspec.Struct, frozen=True, gc=False):
    """An account of the programme, and who said that it is."""

    payee: Payee
    by: str


class ApprovePayRun(Command, frozen=True, kw_only=True):
    """Approve it, as somebody else than who drafted it. budget_cents: what may be paid in its year. home: the site
    whose account transfers come from. accounts: of all sites, as they are known now."""

    run_id: str
    programme_id: str
    by: str
    budget_cents: int
    home: str
    accounts: tuple[Named, ...] = ()


class ExecutePayRun(Command, frozen=True, kw_only=True):
    """Let it count, and make its files. balance_cents_max, cash_cents_a_day_max: what may be on a card, and drawn from
    it in cash a day."""

    run_id: str
    programme_id: str
    balance_cents_max: int
    cash_cents_a_day_max: int


class Said(msgspec.Struct, frozen=True, gc=False):
    """What a line of a file says of one order. number: of the line. returned: it came back, for that reason. cents:
    None when they cannot be read; iban: of the payee, None when nothing is said of it; balance_cents: what is on a card
    after it. by_hand: somebody says it of an order that waits."""

    number: int
    order_id: str
    returned: bool
    cents: int | None
    iban: str | None = None
    reason: str = ""
    balance_cents: int | None = None
    by_hand: bool = False


class NoteOrders(Command, frozen=True, kw_only=True):
    """The bank, or the card's issuer, says what became of a run's orders. What cannot be is left out."""

    run_id: str
    programme_id: str
    method: PayMethod
    said: tuple[Said, ...]


class HearHandout(Command, frozen=True, kw_only=True):
    """A site says how it stands with what it hands out. revision: of its word, the higher one is the newer. amounts:
    how much it handed out to whom, where it says so; it does when it was told two."""

    programme_id: str
    handout_id: str
    site: str
    revision: int
    paid: tuple[str, ...]
    refused: tuple[str, ...]
    amounts: tuple[tuple[str, int], ...] = ()


class RepeatPayments(Command, frozen=True, kw_only=True):
    """Its timer fired: tell a site again what it is to hand out. Nothing happens when it has heard."""

    programme_id: str
    handout_id: str


PayrollCommand: TypeAlias = (
    DraftPayRun | DropPayRun | ApprovePayRun | ExecutePayRun | NoteOrders | HearHandout | RepeatPayments
)

PAYROLL_COMMANDS: tuple[type[PayrollCommand], ...] = get_args(PayrollCommand)
