"""The ledger: what each event of a payroll posts, in double entry. Pure, so that every posting leads to its event.

Nothing is changed in it: a correction is another posting. The postings of one event come to zero, so the trial balance
is zero at every position.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import NamedTuple

from services.allowance.decider_payroll import Waiting
from services.allowance.events_payroll import HandoutNoted, PayRunDrafted

ENTITLED, PAID, RESERVED, REFUSED, OVERPAID = "entitled", "paid", "reserved", "refused", "overpaid"
"""What the programme owes for days (debit), what was paid for it (credit), what waits to be handed out, what nobody
came for, and what was paid too much and is taken off what comes next."""


class Posting(NamedTuple):
    """Cents on one account: above 0 debit, below 0 credit. period: what it is for."""

    account: str
    site: str
    method: str
    period: str
    entitlement_id: str
    cents: int


def postings(run: PayRunDrafted, waiting: Container[str] = ()) -> Iterable[Posting]:
    """What a run posts when it is executed: for each line what it settles, what it pays, and what it carries over.
    waiting: entitlements whose line is handed out by their site."""
    for line in run.lines:
        about = (line.site, line.method)
        for period, cents in line.parts:
            yield Posting(ENTITLED, *about, period, line.entitlement_id, cents)
        if line.cents:
            account = RESERVED if line.entitlement_id in waiting else PAID
            yield Posting(account, *about, run.period, line.entitlement_id, -line.cents)
        if line.after != line.before:
            yield Posting(OVERPAID, *about, run.period, line.entitlement_id, line.before - line.after)


def settled(run: Waiting, noted: HandoutNoted) -> Iterable[Posting]:
    """What the word of a site posts: what waited was paid, or nobody came for it. run: what waited before that."""
    for account, ids in ((PAID, noted.paid), (REFUSED, noted.refused)):
        for entitlement_id in ids:
            line = run.lines[entitlement_id]
            if line.cents:
                about = (run.site, line.method, run.period, entitlement_id)
                yield Posting(RESERVED, *about, line.cents)
                yield Posting(account, *about, -line.cents)
