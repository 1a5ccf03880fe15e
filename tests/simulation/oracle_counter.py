"""What must be true of cash at a desk, by other means than the product: a cashier's book."""

from __future__ import annotations

from dataclasses import dataclass, field

from services.allowance import events_handout as eh
from tests.simulation.judging import require


@dataclass
class Book:
    """What was handed out of one handout at a desk, by a cashier's book. codes: the hash that is good, by payment."""

    programme_id: str = ""
    cents: dict[str, int] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    paid: set[str] = field(default_factory=set)
    expired: set[str] = field(default_factory=set)
    told: bool = False

    def take(self, event: eh.HandoutEvent) -> None:
        """Takes one event in, and refuses what must not be."""
        self.told = isinstance(event, eh.HandoutConfirmed) or (self.told and isinstance(event, eh.VoucherIssued))
        match event:
            case eh.PaymentsHeard():
                require(not self.cents, "a handout began twice", event)
                self.programme_id = event.programme_id
                self.cents = {payment.entitlement_id: payment.cents for payment in event.payments}
                self.paid = {id_ for id_, cents in self.cents.items() if not cents}
            case eh.TransferHeard():
                require(not self.cents, "a transfer is fetched with vouchers", event)
            case eh.PaymentsAmended():
                require(False, "no run was made twice, and a desk was told two amounts", event)
            case eh.VoucherIssued():
                require(event.entitlement_id in self.waiting, "a code for what is settled", event)
                self.codes[event.entitlement_id] = event.hashed
            case eh.VoucherRedeemed():
                require(event.entitlement_id in self.waiting, "a voucher was paid that is settled", event)
                require(event.entitlement_id in self.codes, "cash without a code", event)
                self.paid.add(event.entitlement_id)
            case eh.VouchersExpired():
                require(set(event.entitlement_ids) <= self.waiting, "what was paid has expired", event)
                self.expired |= set(event.entitlement_ids)
            case eh.HandoutReminded():
                known = not event.paid and set(event.refused) <= self.waiting
                require(known, "nobody was restored, and was reminded of what was paid", event)
                self.expired |= set(event.refused)
            case _:
                pass

    @property
    def waiting(self) -> set[str]:
        return self.cents.keys() - self.paid - self.expired
