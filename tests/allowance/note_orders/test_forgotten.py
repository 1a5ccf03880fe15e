"""What is settled is not remembered for ever, but what waits is; and what is on a card does not hang on it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.allowance import events_payroll as ep
from services.allowance.decider import PAYROLL
from services.allowance.decider_orders import KEPT, Sent, kept, on_cards
from shared.contracts.vocabulary import PayMethod
from shared.money import period_named
from tests.allowance.sample import (
    APPROVED,
    DRAFTED,
    EXECUTED,
    HANDED_OVER,
    RUN_2,
    SEAT,
    T0,
)

Status = Literal["sent", "paid", "returned"]


def sent(period: str, status: Status, method: PayMethod = "transfer", card: str = SEAT, cents: int = 100) -> Sent:
    return Sent("run", period, "west", method, ((card, cents),), cents, "", status)


def test_a_transfer_may_come_back_for_a_year_and_one_that_waits_is_waited_for() -> None:
    orders = {"old": sent("2025-01", "paid"), "waits": sent("2020-01", "sent"), "new": sent("2026-01", "returned")}
    assert list(kept(orders, date(2025, 2, 2))) == ["waits", "new"]
    assert list(kept(orders, date(2025, 2, 1))) == ["old", "waits", "new"]


LOADS = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from(("sent", "paid")), st.integers(0, 9)), min_size=1, max_size=9
)


@given(LOADS, st.integers(0, 8), st.integers(0, 99))
def test_what_is_on_a_card_does_not_hang_on_what_is_forgotten(
    loads: list[tuple[str, Status, int]], number: int, balance: int
) -> None:
    """Whichever of the loads that wait is answered next, in a store that remembers all and in one that does not."""
    orders = {str(n): sent("2026-01", status, "prepaid_card", card, cents)
              for n, (card, status, cents) in enumerate(loads)}  # fmt: skip
    few = kept(orders, date(2030, 1, 1))
    waiting = [id_ for id_, order in orders.items() if order.status == "sent"]
    assert set(waiting) <= few.keys()
    for card in "ab":
        done = [id_ for id_, it in orders.items() if it.shares[0][0] == card and it.status != "sent"]
        assert [id_ for id_ in done if id_ in few] == done[-1:]
    if waiting:
        id_ = waiting[number % len(waiting)]
        answer = ep.Answered(id_, False, orders[id_].cents, "", balance)
        now, then = ({**known, id_: replace(known[id_], status="paid")} for known in (few, orders))
        assert on_cards(now, [answer]) == on_cards(then, [answer])


def test_a_run_forgets_what_was_handed_out_and_settled_long_before_it() -> None:
    """A handout of which somebody has still to come is waited for."""
    done: list[ep.PayrollEvent] = [
        ep.HandoutNoted(HANDED_OVER, DRAFTED.run_id, DRAFTED.programme_id, 2, (SEAT,), (), None, T0)
    ]
    found = period_named(DRAFTED.period)
    assert found is not None
    last = T0.replace(hour=12) + KEPT + (found.until - T0.date())
    for words, at, known in (
        (done, last, True), (done, last + timedelta(days=1), False), ([], last + timedelta(days=1), True),
    ):  # fmt: skip
        again: list[ep.PayrollEvent] = [
            replace(DRAFTED, run_id=RUN_2, period="2027-06", lines=(), at=at), replace(APPROVED, run_id=RUN_2, at=at),
            replace(EXECUTED, run_id=RUN_2, handouts=(), at=at),
        ]  # fmt: skip
        state = PAYROLL.fold(PAYROLL.initial, [DRAFTED, APPROVED, EXECUTED, *words, *again])
        assert (HANDED_OVER in state.waiting) == known
