"""Nobody came in time."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from services.allowance import commands_handout as ch
from services.allowance import events_handout as eh
from tests.allowance.sample import (  # fmt: skip
    HANDED_OVER,
    ISSUED,
    LATER,
    REDEEMED,
    SEAT,
    SEAT_2,
    TO_PAY,
    at_counter,
    counter,
)

EXPIRE = counter(ch.ExpireVouchers, at=LATER)
AGAIN = LATER + timedelta(seconds=2)


def test_what_nobody_came_for_goes_back() -> None:
    expired = eh.VouchersExpired(HANDED_OVER, (SEAT_2,), 3, AGAIN, LATER)
    gone = at_counter.given(TO_PAY, ISSUED, REDEEMED).when(EXPIRE).then(expired)
    assert {id_: slip.status for id_, slip in gone.state.slips.items()} == {SEAT: "paid", SEAT_2: "refused"}
    assert not gone.state.waits


def test_when_everybody_came_nobody_is_waited_for_any_more() -> None:
    alone = replace(TO_PAY, payments=(eh.Payment(SEAT, 45_000),))
    at_counter.given(alone, ISSUED, REDEEMED).when(EXPIRE).then(eh.VouchersExpired(HANDED_OVER, (), 2, AGAIN, LATER))


def test_before_its_time_nothing_happens() -> None:
    at_counter.given(TO_PAY).when(counter(ch.ExpireVouchers)).then_nothing()


def test_what_nobody_knows_is_refused() -> None:
    at_counter.when(EXPIRE).then_rejected("handout-unknown")
