"""A code is shown, and cash is handed out."""

from __future__ import annotations

from services.allowance import commands_handout as ch
from services.allowance import events_handout as eh
from tests.allowance.sample import (  # fmt: skip
    CODE,
    HANDED_OVER,
    ISSUED,
    LATER,
    REDEEMED,
    SEAT,
    SEAT_2,
    SOON,
    TO_PAY,
    at_counter,
    counter,
)

REDEEM = counter(ch.RedeemVoucher, hashed=CODE)


def test_it_is_paid_and_the_municipality_is_told() -> None:
    paid = at_counter.given(TO_PAY, ISSUED).when(REDEEM).then(REDEEMED)
    assert paid.state.slips[SEAT].status == "paid"
    assert not paid.state.settled


def test_twice_is_refused() -> None:
    at_counter.given(TO_PAY, ISSUED, REDEEMED).when(REDEEM).then_rejected("voucher-redeemed")


def test_a_code_of_somewhere_else_or_too_late_is_refused() -> None:
    at_counter.given(TO_PAY).when(REDEEM).then_rejected("voucher-unknown")
    at_counter.given(TO_PAY, ISSUED).when(counter(ch.RedeemVoucher, hashed=CODE, at=LATER)).then_rejected(
        "voucher-expired"
    )
    expired = eh.VouchersExpired(HANDED_OVER, (SEAT, SEAT_2), 2, SOON, LATER)
    at_counter.given(TO_PAY, ISSUED, expired).when(REDEEM).then_rejected("voucher-expired")
    at_counter.when(REDEEM).then_rejected("handout-unknown")


def test_the_same_code_given_again_changes_nothing() -> None:
    at_counter.given(TO_PAY, ISSUED).when(counter(ch.IssueVoucher, entitlement_id=SEAT, hashed=CODE)).then_nothing()
