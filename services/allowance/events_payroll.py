"""What was paid for a programme's seats: private events of the municipality's allowance service. Money is whole cents.

A line is one entitlement in one run: what each period comes to beyond what earlier runs have settled, less what was
paid too much before.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import TypeAlias, get_args

import msgspec

from shared.contracts.vocabulary import PayMethod
from shared.kernel import Codec, Event


class Line(msgspec.Struct, frozen=True, gc=False):
    """parts: cents by period, also less than nothing where days were corrected. before: what had been paid too much,
    never above 0. cents: what is paid now: the sum of both, or nothing where that is below 0, and the rest is for the
    next run (`after`)."""

    entitlement_id: str
    site: str
    method: PayMethod
    parts: tuple[tuple[str, int], ...]
    before: int
    cents: int
    after: int


class PayRunDrafted(Event, frozen=True, tag="pay-run-drafted.v1"):
    """What is to be paid for a period. drafted_by: a person, under a name that leads to nobody outside this store."""

    run_id: str
    programme_id: str
    period: str
    pay_on: date
    lines: tuple[Line, ...]
    total_cents: int
    drafted_by: str
    at: datetime


class PayRunDropped(Event, frozen=True, tag="pay-run-dropped.v1"):
    """It is not paid as drafted; another draft may follow."""

    run_id: str
    programme_id: str
    at: datetime


class Payee(msgspec.Struct, frozen=True, gc=False):
    """Whose account transfers for people at a site go to; of the programme's own site: come from."""

    site: str
    name: str
    iban: str


class PayRunApproved(Event, frozen=True, tag="pay-run-approved.v2"):
    """A second person has looked at it. budget_cents: what may be paid in its year. payer, payees: the accounts its
    transfers come from and go to, as that person saw them."""

    run_id: str
    programme_id: str
    approved_by: str
    budget_cents: int
    payer: Payee | None
    payees: tuple[Payee, ...]
    at: datetime


class PayRunApprovedV1(Event, frozen=True, tag="pay-run-approved.v1"):
    """No account was looked at: nothing was paid by transfer then."""

    run_id: str
    programme_id: str
    approved_by: str
    budget_cents: int
    at: datetime


def _approved_v2(old: PayRunApprovedV1) -> PayRunApproved:
    return PayRunApproved(old.run_id, old.programme_id, old.approved_by, old.budget_cents, None, (), old.at)


class Handed(msgspec.Struct, frozen=True, gc=False):
    """Lines of a run that are handed out by one site, and told to it in one letter."""

    handout_id: str
    site: str
    entitlement_ids: tuple[str, ...]


class Order(msgspec.Struct, frozen=True, gc=False):
    """What is asked of the bank or the card's issuer in one payment. shares: of each entitlement in it, in cents. iban:
    of whom it is transferred to; of a card nothing."""

    order_id: str
    site: str
    method: PayMethod
    shares: tuple[tuple[str, int], ...]
    cents: int
    iban: str


class Rest(msgspec.Struct, frozen=True, gc=False):
    """What does not fit on a card now, and follows later."""

    entitlement_id: str
    cents: int


class PayRunExecuted(Event, frozen=True, tag="pay-run-executed.v3"):
    """It counts, each of its lines, once. handouts: the lines that wait to be handed out at their sites; orders: those
    that wait for the bank or the card's issuer; all others count as paid. bank_file, card_file: the bytes that were
    made of it, once. again_at: when sites that have said nothing are told again."""

    run_id: str
    programme_id: str
    handouts: tuple[Handed, ...]
    orders: tuple[Order, ...]
    rests: tuple[Rest, ...]
    bank_file: bytes
    card_file: bytes
    again_at: datetime
    at: datetime


class PayRunExecutedV2(Event, frozen=True, tag="pay-run-executed.v2"):
    """Lines of cards and transfers counted as paid: nothing was ordered by Plek then."""

    run_id: str
    programme_id: str
    handouts: tuple[Handed, ...]
    again_at: datetime
    at: datetime


def _executed_v3(old: PayRunExecutedV2) -> PayRunExecuted:
    return PayRunExecuted(old.run_id, old.programme_id, old.handouts, (), (), b"", b"", old.again_at, old.at)


class PayRunExecutedV1(Event, frozen=True, tag="pay-run-executed.v1"):
    """Every line counted as paid: nothing was handed out by Plek then."""

    run_id: str
    programme_id: str
    at: datetime


def _executed_v2(old: PayRunExecutedV1) -> PayRunExecutedV2:
    return PayRunExecutedV2(old.run_id, old.programme_id, (), old.at, old.at)


class PaymentsRepeated(Event, frozen=True, tag="payments-repeated.v1"):
    """A site has not said that it heard what it is to hand out: it is told again."""

    handout_id: str
    programme_id: str
    again_at: datetime
    at: datetime


class HandoutNoted(Event, frozen=True, tag="handout-noted.v1"):
    """A site says how it stands with what it hands out; new are these that were paid, and these nobody came for.
    revision: of its word, also when there is nothing new. again_at: when it is told again what still waits; None when
    nothing does."""

    handout_id: str
    run_id: str
    programme_id: str
    revision: int
    paid: tuple[str, ...]
    refused: tuple[str, ...]
    again_at: datetime | None
    at: datetime


class PaidAfterAll(Event, frozen=True, tag="paid-after-all.v1"):
    """A site handed out cash for these though their payment had gone back: they are paid, and not refused."""

    handout_id: str
    run_id: str
    programme_id: str
    entitlement_ids: tuple[str, ...]
    at: datetime


class PaidOtherwise(Event, frozen=True, tag="paid-otherwise.v1"):
    """A site has handed out other amounts than these payments count with: the run was made a second time, and the site
    paid as the first one said. payments: the cents that were handed out, by entitlement; also of whom this run does not
    pay. What was too little is due with the next run; what was too much is taken off what comes next."""

    handout_id: str
    run_id: str
    programme_id: str
    payments: tuple[tuple[str, int], ...]
    at: datetime


class Answered(msgspec.Struct, frozen=True, gc=False):
    """What became of one order. cents: what was paid of it, all of it or of a card perhaps less; nothing when it came
    back. reason: the bank's code for that. balance_cents: on the card, after it."""

    order_id: str
    returned: bool
    cents: int
    reason: str = ""
    balance_cents: int | None = None


class OrdersNoted(Event, frozen=True, tag="orders-noted.v1"):
    """The bank, or the card's issuer, says what became of these orders. What was not paid follows in the next run."""

    run_id: str
    programme_id: str
    answered: tuple[Answered, ...]
    at: datetime


PayrollEvent: TypeAlias = (
    PayRunDrafted
    | PayRunDropped
    | PayRunApproved
    | PayRunExecuted
    | PaymentsRepeated
    | HandoutNoted
    | PaidAfterAll
    | PaidOtherwise
    | OrdersNoted
)

PAYROLL_CODEC: Codec[PayrollEvent] = Codec(
    get_args(PayrollEvent),
    upcasters={
        PayRunApprovedV1: _approved_v2, PayRunExecutedV1: _executed_v2, PayRunExecutedV2: _executed_v3,
    },
)  # fmt: skip
