"""A client is given a code."""

from __future__ import annotations

from services.allowance import commands_handout as ch
from services.allowance import events_handout as eh
from tests.allowance.sample import (  # fmt: skip
    CODE,
    HANDED_OVER,
    ISSUED,
    LATER,
    OTHER_CODE,
    REDEEMED,
    SEAT,
    SEAT_3,
    T0,
    TO_PAY,
    at_counter,
    counter,
)

ISSUE = counter(ch.IssueVoucher, entitlement_id=SEAT, hashed=CODE)


def test_only_its_hash_is_kept() -> None:
    at_counter.given(TO_PAY).when(ISSUE).then(ISSUED)


def test_the_same_again_changes_nothing() -> None:
    at_counter.given(TO_PAY, ISSUED).when(ISSUE).then_nothing()


def test_a_lost_code_is_worth_nothing_once_there_is_another() -> None:
    another = counter(ch.IssueVoucher, entitlement_id=SEAT, hashed=OTHER_CODE)
    given = at_counter.given(TO_PAY, ISSUED)
    given.when(another).then(eh.VoucherIssued(HANDED_OVER, SEAT, OTHER_CODE, T0))
    lost = given.after(another).when(counter(ch.RedeemVoucher, hashed=CODE))
    lost.then_rejected("voucher-unknown")


def test_what_is_settled_has_no_code() -> None:
    at_counter.given(TO_PAY, ISSUED, REDEEMED).when(ISSUE).then_rejected("voucher-redeemed")
    late = counter(ch.IssueVoucher, entitlement_id=SEAT, hashed=CODE, at=LATER)
    at_counter.given(TO_PAY).when(late).then_rejected("voucher-expired")
    stranger = counter(ch.IssueVoucher, entitlement_id=SEAT_3, hashed=CODE)
    at_counter.given(TO_PAY).when(stranger).then_rejected("payment-unknown")
    at_counter.when(ISSUE).then_rejected("handout-unknown")
