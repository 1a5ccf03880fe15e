"""What must be true of what a run orders of a bank and of cards' issuers, by other means than the product: a
treasurer's book. Every line is in one order, in one file; no order is paid twice; no card holds more than it may.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from services.allowance import events_payroll as ep
from shared.contracts.vocabulary import PayMethod
from tests.simulation.judging import require

CARD_CENTS_MAX = 30_000
"""What may be on a simulated card: a few weeks."""


@dataclass
class Ordered:
    """One order. left: cents that nobody has said anything of."""

    run_id: str
    method: PayMethod
    shares: dict[str, int]
    site: str
    paid: int = 0
    back: bool = False
    answered: bool = False

    @property
    def cents(self) -> int:
        return sum(self.shares.values())


@dataclass
class Treasury:
    """orders: by id. cards: what is on each, as its issuer would say. files: bytes made, by run."""

    orders: dict[str, Ordered] = field(default_factory=dict)
    cards: Counter[str] = field(default_factory=Counter)
    files: dict[str, tuple[bytes, bytes]] = field(default_factory=dict)

    def execute(self, run: ep.PayRunDrafted, event: ep.PayRunExecuted) -> Counter[str]:
        """Takes a run in that is executed. What follows with the next one, by entitlement."""
        due = {line.entitlement_id: line.cents for line in run.lines if line.method in ("transfer", "prepaid_card")}
        asked: Counter[str] = Counter()
        for one in event.orders:
            require(one.order_id not in self.orders, "one order twice", event)
            require(sum(cents for _, cents in one.shares) == one.cents, "an order is not its shares", one)
            self.orders[one.order_id] = Ordered(event.run_id, one.method, dict(one.shares), one.site)
            asked.update(dict(one.shares))
            if one.method == "prepaid_card":
                self.cards.update(dict(one.shares))
                require(
                    all(self.cards[id_] <= CARD_CENTS_MAX for id_, cents in one.shares if cents),
                    "a card holds more than it may", one, self.cards,
                )  # fmt: skip
        rests = Counter({rest.entitlement_id: rest.cents for rest in event.rests})
        require(
            all(asked[id_] + rests[id_] == cents for id_, cents in due.items()), "a line is ordered otherwise", event
        )
        require(asked.keys() | rests.keys() <= due.keys(), "an order of what nobody drafted", event)
        require(event.run_id not in self.files, "a run has two files", event)
        self.files[event.run_id] = event.bank_file, event.card_file
        numbers = re.findall(rb"<EndToEndId>([0-9a-f]{32})</EndToEndId>", event.bank_file)
        mine = [one.order_id.replace("-", "").encode() for one in event.orders if one.method == "transfer"]
        require(numbers == mine, "a bank's file has other payments", event)
        return rests

    def note(self, event: ep.OrdersNoted) -> Counter[str]:
        """Takes an answer in. What follows with the next run, by entitlement."""
        due: Counter[str] = Counter()
        for answer in event.answered:
            known = self.orders.get(answer.order_id)
            require(known is not None and known.run_id == event.run_id, "an answer to what was not ordered", event)
            assert known is not None
            late = known.method == "transfer" and answer.returned and not known.back
            require(not known.answered or late, "an order was settled twice", event)
            require(answer.cents <= known.cents, "more was paid than ordered", answer, known)
            known.answered, known.back, known.paid = True, answer.returned, answer.cents
            if answer.returned:
                due.update(known.shares)
            elif known.method == "transfer":
                require(answer.cents == known.cents, "part of a transfer", answer, known)
            else:
                [id_] = known.shares
                due[id_] += known.cents - answer.cents
            if answer.balance_cents is not None:
                self._say(known, answer.balance_cents)
        return due

    def _say(self, order: Ordered, balance: int) -> None:
        """What is on a card after one load; those ordered later go on it yet, unless one of them is known already."""
        [id_] = order.shares
        loads = [one for one in self.orders.values() if one.method == "prepaid_card" and id_ in one.shares]
        later = loads[next(n for n, one in enumerate(loads) if one is order) + 1 :]
        if not any(one.answered for one in later):
            self.cards[id_] = balance + sum(one.cents for one in later)

    @property
    def waiting(self) -> int:
        """Cents that were ordered, and nobody has said anything of."""
        return sum(order.cents for order in self.orders.values() if not order.answered)
