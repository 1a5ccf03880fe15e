"""What a run orders of the bank and of the cards' issuer, and what may be said of it afterwards. Pure.

A transfer goes to the organisation that hands out the cash: one for each site, so that the bank sees no household. A
card is loaded up to what may be on it; the rest is reserved and follows. What comes back follows too, with the next run
(`docs/decisions/0055-orders.md`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import Literal, NamedTuple

import msgspec
from msgspec.structs import replace

from services.allowance import commands_payroll as cmd
from services.allowance import events_payroll as ev
from services.allowance.loads import Load, load_file
from services.allowance.transfers import Party, Transfer, file_id, order_id, pain_001
from shared.contracts.vocabulary import PayMethod
from shared.kernel import Rejected
from shared.money import day_of, period_named, working_day_from

SAID_MAX = 10_000
"""Lines of one file that are taken at once."""


KEPT = timedelta(days=400)
"""How long what is settled is known by itself: a transfer may come back, a site may be put back and ask. The ledger
has it for ever."""


class Sent(msgspec.Struct, frozen=True, gc=False):
    """One order as it stands. cents: what was ordered; paid_cents: what was paid of it."""

    run_id: str
    period: str
    site: str
    method: PayMethod
    shares: tuple[tuple[str, int], ...]
    cents: int
    iban: str
    status: Literal["sent", "paid", "returned"] = "sent"
    paid_cents: int = 0
    reason: str = ""


class Ordered(NamedTuple):
    """What follows from a run's lines. rests: what does not fit on a card."""

    orders: tuple[ev.Order, ...]
    rests: tuple[ev.Rest, ...]
    bank_file: bytes
    card_file: bytes


def accounts_refused(run: ev.PayRunDrafted, command: cmd.ApprovePayRun) -> Rejected | None:
    """Refused: `account-missing` (the facts say of which sites), `account-own`: whoever names an account does not
    approve what is paid with it."""
    used, known = _sites(run, command.home), {named.payee.site: named for named in command.accounts}
    missing = sorted(used - known.keys())
    if missing:
        return Rejected("account-missing", {"sites": missing})
    own = sorted(site for site in used if known[site].by == command.by)
    return Rejected("account-own", {"sites": own}) if own else None


def accounts(run: ev.PayRunDrafted, command: cmd.ApprovePayRun) -> tuple[ev.Payee | None, tuple[ev.Payee, ...]]:
    """The accounts a run is paid with: where from, where to."""
    used = _sites(run, command.home)
    payees = {named.payee.site: named.payee for named in command.accounts if named.payee.site in used}
    return payees.pop(command.home, None), tuple(payees[site] for site in sorted(payees))


def _sites(run: ev.PayRunDrafted, home: str) -> set[str]:
    sites = {line.site for line in run.lines if line.method == "transfer" and line.cents}
    return sites | {home} if sites else set()


def ordered(
    run: ev.PayRunDrafted, payer: ev.Payee | None, payees: Iterable[ev.Payee], balances: Mapping[str, int],
    command: cmd.ExecutePayRun,
) -> Ordered | Rejected:  # fmt: skip
    """The orders and files of a run. balances: what is known to be on cards, by entitlement. Refused:
    `account-missing`: it was approved without."""
    to = {payee.site: payee for payee in payees}
    by_site = sorted((line for line in run.lines if line.method == "transfer" and line.cents), key=lambda it: it.site)
    missing = sorted({line.site for line in by_site} - to.keys())
    if missing or (by_site and payer is None):
        return Rejected("account-missing", {"sites": missing})
    about, transfers = (run.programme_id, run.period), []
    for site, lines in groupby(by_site, key=lambda line: line.site):
        shares = tuple((line.entitlement_id, line.cents) for line in lines)
        cents = sum(share for _, share in shares)
        transfers.append(ev.Order(order_id(*about, site), site, "transfer", shares, cents, to[site].iban))
    loads, rests = [], []
    for line in run.lines:
        if line.method != "prepaid_card":
            continue
        room = max(0, command.balance_cents_max - balances.get(line.entitlement_id, 0))
        cents = min(line.cents, room)
        shares = ((line.entitlement_id, cents),)
        loads.append(
            ev.Order(order_id(*about, line.entitlement_id), line.site, "prepaid_card", shares, cents, "")
        )  # fmt: skip
        if cents < line.cents:
            rests.append(ev.Rest(line.entitlement_id, line.cents - cents))
    pay_on = max(run.pay_on, working_day_from(day_of(command.at)))
    bank_file = b"" if payer is None else pain_001(
        file_id(*about), Party(payer.name, payer.iban),
        [
            Transfer(it.order_id, Party(to[it.site].name, it.iban), it.cents, f"{run.period} {it.order_id}")
            for it in transfers
        ],
        pay_on, command.at,
    )  # fmt: skip
    card_file = load_file(
        [Load(it.order_id, it.shares[0][0], it.cents) for it in loads], command.balance_cents_max,
        command.cash_cents_a_day_max,
    )  # fmt: skip
    return Ordered((*transfers, *loads), tuple(rests), bank_file, card_file)


def sent(run: ev.PayRunDrafted, orders: Iterable[ev.Order]) -> dict[str, Sent]:
    """The orders of a run as it is executed."""
    return {
        it.order_id: Sent(run.run_id, run.period, it.site, it.method, it.shares, it.cents, it.iban) for it in orders
    }


def kept(known: Mapping[str, Sent], since: date) -> dict[str, Sent]:
    """The orders of which something new may still be said: all that wait, transfers of periods that ended since, which
    may come back, and of each card the load that was answered last, and whatever was ordered after it."""
    found: list[tuple[str, Sent]] = []
    answered_later: set[str] = set()
    for id_, order in reversed(list(known.items())):
        if order.method == "prepaid_card":
            card = order.shares[0][0]
            if order.status == "sent" or card not in answered_later:
                found.append((id_, order))
            if order.status != "sent":
                answered_later.add(card)
        elif order.status == "sent" or ended_since(order.period, since):
            found.append((id_, order))
    return dict(reversed(found))


def ended_since(period: str, since: date) -> bool:
    """Whether a period ended on a day or later."""
    found = period_named(period)
    assert found is not None
    return found.until >= since


def noted(orders: Mapping[str, Sent], command: cmd.NoteOrders) -> tuple[list[ev.Answered], list[tuple[int, str]]]:
    """What is new of what was said, and what is wrong with the other lines: their numbers and a code."""
    now: dict[str, Sent] = {}
    new: list[ev.Answered] = []
    wrong: list[tuple[int, str]] = []
    for said in command.said:
        known = now.get(said.order_id) or orders.get(said.order_id)
        code = _wrong(known, command, said)
        if code is not None:
            wrong.append((said.number, code))
            continue
        assert known is not None
        assert said.cents is not None
        answer = ev.Answered(
            said.order_id, said.returned, 0 if said.returned else said.cents, said.reason, said.balance_cents
        )
        now[said.order_id] = answered(known, answer)
        new.append(answer)
    return new, wrong


def _wrong(known: Sent | None, command: cmd.NoteOrders, said: cmd.Said) -> str | None:
    """`order-unknown`, `order-of-another-run`, `iban-differs`, `amount-differs`, `order-noted` (before, or that it came
    back). What was paid a moment ago comes back by the bank's word only: it would be paid again."""
    if known is None or known.method != command.method:
        return "order-unknown"
    if known.run_id != command.run_id:
        return "order-of-another-run"
    if said.iban is not None and said.iban != known.iban:
        return "iban-differs"
    whole = known.method == "transfer"
    if said.cents is None or (said.cents != known.cents if whole else not 0 <= said.cents <= known.cents):
        return "amount-differs"
    comes_back = known.status == "paid" and said.returned and whole and not said.by_hand
    return None if known.status == "sent" or comes_back else "order-noted"


def answered(known: Sent, answer: ev.Answered) -> Sent:
    """An order after what was said of it."""
    status: Literal["paid", "returned"] = "returned" if answer.returned else "paid"
    return replace(known, status=status, paid_cents=answer.cents, reason=answer.reason)


def on_cards(orders: Mapping[str, Sent], answers: Iterable[ev.Answered]) -> dict[str, int]:
    """What is known to be on each card after these answers, which `orders` know already: what its issuer said with the
    latest load, and what was ordered after that. An answer to an earlier load says nothing of a later one."""
    said = {answer.order_id: answer.balance_cents for answer in answers if answer.balance_cents is not None}
    cards = {orders[id_].shares[0][0] for id_ in said}
    found: dict[str, int] = {}
    for id_, order in orders.items():  # as they were ordered
        card = order.shares[0][0]
        if order.method != "prepaid_card" or card not in cards:
            continue
        if id_ in said:
            found[card] = said[id_]
        elif order.status == "sent" and card in found:
            found[card] += order.cents
        elif order.status != "sent":
            found.pop(card, None)
    return found


def not_loaded(orders: Mapping[str, Sent], answers: Iterable[ev.Answered]) -> Mapping[str, int]:
    """What was ordered and is not on its card, by entitlement, where nobody said what is: it was settled by hand. What
    was said with a later load counts without it already. orders: as they stand after these answers."""
    found: dict[str, int] = {}
    for answer in answers:
        order = orders[answer.order_id]
        if order.method != "prepaid_card" or answer.balance_cents is not None:
            continue
        card = order.shares[0][0]
        of_card = [(id_, it) for id_, it in orders.items() if it.method == "prepaid_card" and it.shares[0][0] == card]
        later = of_card[[id_ for id_, _ in of_card].index(answer.order_id) + 1 :]
        if all(it.status == "sent" for _, it in later):
            found[card] = found.get(card, 0) + order.cents - order.paid_cents
    return found


def follows(known: Sent, answer: ev.Answered) -> Sequence[tuple[str, int]]:
    """What was ordered and not paid, by entitlement, and is paid with the next run. A card has one share."""
    if answer.returned:
        return known.shares
    if known.method == "transfer" or answer.cents == known.cents:
        return ()
    return ((known.shares[0][0], known.cents - answer.cents),)
