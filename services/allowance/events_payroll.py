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


class PayRunExecuted(Event, frozen=True, tag="pay-run-executed.v1"):
    """It counts as paid, each of its lines, once."""

    run_id: str
    programme_id: str
    at: datetime


PayrollEvent: TypeAlias = PayRunDrafted | PayRunDropped | PayRunApproved | PayRunExecuted

PAYROLL_CODEC: Codec[PayrollEvent] = Codec(get_args(PayrollEvent))
