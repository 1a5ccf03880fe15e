"""The ledger: what each event of a payroll posts, in double entry. Pure, so that every posting leads to its event.

Nothing is changed in it: a correction is another posting. The postings of one event come to zero, so the trial balance
is zero at every position.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from services.allowance.events_payroll import PayRunDrafted

ENTITLED, PAID, OVERPAID = "entitled", "paid", "overpaid"
"""What the programme owes for days (debit), what was paid for it (credit), and what was paid too much and is taken off
what comes next."""


class Posting(NamedTuple):
    """Cents on one account: above 0 debit, below 0 credit. period: what it is for."""

    account: str
    site: str
    method: str
    period: str
    entitlement_id: str
    cents: int


def postings(run: PayRunDrafted) -> Iterable[Posting]:
    """What a run posts when it is executed: for each line what it settles, what it pays, and what it carries over."""
    for line in run.lines:
        about = (line.site, line.method)
        for period, cents in line.parts:
            yield Posting(ENTITLED, *about, period, line.entitlement_id, cents)
        if line.cents:
            yield Posting(PAID, *about, run.period, line.entitlement_id, -line.cents)
        if line.after != line.before:
            yield Posting(OVERPAID, *about, run.period, line.entitlement_id, line.before - line.after)
