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


class PayRunApproved(Event, frozen=True, tag="pay-run-approved.v1"):
    """A second person has looked at it. budget_cents: what may be paid in its year."""

    run_id: str
    programme_id: str
    approved_by: str
    budget_cents: int
    at: datetime


class Handed(msgspec.Struct, frozen=True, gc=False):
    """Lines of a run that are handed out by one site, and told to it in one letter."""

    handout_id: str
    site: str
    entitlement_ids: tuple[str, ...]


class PayRunExecuted(Event, frozen=True, tag="pay-run-executed.v2"):
    """It counts, each of its lines, once. handouts: the lines that wait to be handed out at their sites; all others
    count as paid. again_at: when sites that have said nothing are told again."""

    run_id: str
    programme_id: str
    handouts: tuple[Handed, ...]
    again_at: datetime
    at: datetime


class PayRunExecutedV1(Event, frozen=True, tag="pay-run-executed.v1"):
    """Every line counted as paid: nothing was handed out by Plek then."""

    run_id: str
    programme_id: str
    at: datetime


def _executed_v2(old: PayRunExecutedV1) -> PayRunExecuted:
    return PayRunExecuted(old.run_id, old.programme_id, (), old.at, old.at)


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


PayrollEvent: TypeAlias = (
    PayRunDrafted | PayRunDropped | PayRunApproved | PayRunExecuted | PaymentsRepeated | HandoutNoted
)

PAYROLL_CODEC: Codec[PayrollEvent] = Codec(get_args(PayrollEvent), upcasters={PayRunExecutedV1: _executed_v2})
