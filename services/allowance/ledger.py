"""The ledger: what each event of a payroll posts, in double entry. Pure, so that every posting leads to its event.

Nothing is changed in it: a correction is another posting. The postings of one event come to zero, so the trial balance
is zero at every position.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import NamedTuple

from services.allowance.decider_orders import Sent
from services.allowance.decider_sites import Waiting
from services.allowance.decider_sites import otherwise as otherwise_paid
from services.allowance.events_payroll import Answered, HandoutNoted, PaidAfterAll, PaidOtherwise, PayRunDrafted

ENTITLED, PAID, RESERVED, REFUSED, OVERPAID = "entitled", "paid", "reserved", "refused", "overpaid"
"""What the programme owes for days (debit), what was paid for it (credit), what waits to be handed out, loaded or
transferred, also with the next run, what nobody came for, and what was paid too much and is taken off what comes
next."""


HANDED_OUT = "voucher"
"""What sites hand out is paid by."""


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
    waiting: entitlements whose line is paid by others, who say when it was."""
    for line in run.lines:
        about = (line.site, line.method)
        for period, cents in line.parts:
            yield Posting(ENTITLED, *about, period, line.entitlement_id, cents)
        if line.cents:
            account = RESERVED if line.entitlement_id in waiting else PAID
            yield Posting(account, *about, run.period, line.entitlement_id, -line.cents)
        late, before = max(0, line.before), min(0, line.before)
        if late:
            yield Posting(RESERVED, *about, run.period, line.entitlement_id, late)
        if line.after != before:
            yield Posting(OVERPAID, *about, run.period, line.entitlement_id, before - line.after)


def settled(run: Waiting, noted: HandoutNoted) -> Iterable[Posting]:
    """What the word of a site posts: what waited was paid, or nobody came for it. run: what waited before that."""
    for account, ids in ((PAID, noted.paid), (REFUSED, noted.refused)):
        for entitlement_id in ids:
            line = run.lines[entitlement_id]
            if line.cents:
                about = (run.site, line.method, run.period, entitlement_id)
                yield Posting(RESERVED, *about, line.cents)
                yield Posting(account, *about, -line.cents)


def after_all(run: Waiting, paid: PaidAfterAll) -> Iterable[Posting]:
    """What cash posts that was handed out though its payment had gone back. run: as it stood before that."""
    for entitlement_id in paid.entitlement_ids:
        line = run.refused[entitlement_id]
        if line.cents:
            about = (run.site, line.method, run.period, entitlement_id)
            yield Posting(REFUSED, *about, line.cents)
            yield Posting(PAID, *about, -line.cents)


def otherwise(
    run: Waiting, paid: PaidOtherwise, before: Mapping[str, int], after: Mapping[str, int]
) -> Iterable[Posting]:  # fmt: skip
    """What other amounts post than had counted as paid. run: as it stood before that. before, after: what is owed, by
    entitlement."""
    _, more = otherwise_paid(run, paid)
    for entitlement_id, cents in more.items():
        about = (run.site, HANDED_OUT, run.period, entitlement_id)
        was, now = before.get(entitlement_id, 0), after.get(entitlement_id, 0)
        for account, posted in (
            (PAID, -cents), (RESERVED, max(0, was) - max(0, now)), (OVERPAID, min(0, was) - min(0, now)),
        ):  # fmt: skip
            if posted:
                yield Posting(account, *about, posted)


def netted(
    lines: Iterable[Posting], about: Mapping[str, tuple[str, str, str]], before: Mapping[str, int],
    after: Mapping[str, int],
) -> Iterable[Posting]:  # fmt: skip
    """What an event posts besides `lines`, where a payment came back of somebody who had been paid too much: the one
    makes up for the other, so that nothing waits that nobody can fetch. about: site, method and period by entitlement.
    before, after: what is owed, by entitlement."""
    posted = dict.fromkeys(about, 0)
    for one in lines:
        posted[one.entitlement_id] += one.cents if one.account == OVERPAID else 0
    for id_, where in about.items():
        cents = min(0, before.get(id_, 0)) - min(0, after.get(id_, 0)) - posted[id_]
        if cents:
            yield Posting(OVERPAID, *where, id_, cents)
            yield Posting(RESERVED, *where, id_, -cents)


def answered(order: Sent, answer: Answered) -> Iterable[Posting]:
    """What the word of the bank or the cards' issuer posts; what was not paid stays reserved. order: as it stood before
    that."""
    for entitlement_id, cents in order.shares:
        about = (order.site, order.method, order.period, entitlement_id)
        paid = 0 if answer.returned else cents if order.method == "transfer" else answer.cents
        before = cents if order.status == "paid" else 0
        if paid != before:
            yield Posting(RESERVED, *about, paid - before)
            yield Posting(PAID, *about, before - paid)


class Account(NamedTuple):
    """What was posted on one account. balance_cents: debit less credit."""

    account: str
    debit_cents: int
    credit_cents: int
    balance_cents: int


def statement(lines: Iterable[Posting]) -> list[Account]:
    """What these postings come to, account by account."""
    sides: dict[str, tuple[int, int]] = {}
    for one in lines:
        debit, credit = sides.get(one.account, (0, 0))
        sides[one.account] = (debit + max(0, one.cents), credit + max(0, -one.cents))
    return [Account(account, debit, credit, debit - credit) for account, (debit, credit) in sorted(sides.items())]
