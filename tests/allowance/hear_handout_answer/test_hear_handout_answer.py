"""The municipality has heard how it stands."""

from __future__ import annotations

from typing import Any

from services.allowance import commands_handout as ch
from services.allowance import events_handout as eh
from tests.allowance.sample import (  # fmt: skip
    CODE,
    HANDED_OVER,
    HEARD,
    ISSUED,
    REDEEMED,
    SEAT,
    SEAT_2,
    SOON,
    T0,
    TO_PAY,
    at_counter,
    counter,
)


def answer(revision: int = 1, **fields: Any) -> Any:
    return counter(ch.HearHandoutAnswer, **({"site": "stad", "revision": revision, "paid": (), "refused": ()} | fields))


def test_it_is_told_no_more() -> None:
    assert at_counter.given(TO_PAY).when(answer()).then(HEARD).state.settled


def test_an_older_or_repeated_answer_changes_nothing() -> None:
    at_counter.given(TO_PAY, HEARD).when(answer()).then_nothing()
    at_counter.given(TO_PAY, ISSUED, REDEEMED).when(answer()).then_nothing()


def test_a_desk_that_was_restored_does_not_pay_again_what_the_municipality_knows_as_paid() -> None:
    reminded = eh.HandoutReminded(HANDED_OVER, (SEAT,), (SEAT_2,), 5, SOON, T0)
    told = at_counter.given(TO_PAY, ISSUED).when(answer(4, paid=(SEAT,), refused=(SEAT_2,))).then(reminded)
    told.when(counter(ch.RedeemVoucher, hashed=CODE)).then_rejected("voucher-redeemed")


def test_only_the_municipality_that_pays_is_heard() -> None:
    at_counter.given(TO_PAY).when(answer(site="noord")).then_rejected("answer-of-another-site", site="noord")
    at_counter.when(answer()).then_rejected("handout-unknown")
