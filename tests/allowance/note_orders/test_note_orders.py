"""The bank, and the cards' issuer, say what became of a run's orders."""

from __future__ import annotations

from collections import Counter
from typing import Any

from services.allowance import commands_payroll as cp
from services.allowance import events_payroll as ep
from services.allowance.decider import PAYROLL
from services.allowance.decider_orders import SAID_MAX, noted
from services.allowance.ledger import OVERPAID, PAID, RESERVED, answered
from services.allowance.transfers import order_id
from services.allowance.views_payroll import postings, project
from shared.kernel import Rejected
from shared.ports import Put
from tests.allowance.sample import (
    APPROVED,
    DRAFTED,
    DRAWN,
    EXECUTE,
    EXECUTED,
    LEEFGELD,
    ORDERING,
    RUN,
    RUN_2,
    SEAT,
    SEAT_2,
    SEAT_3,
    T0,
    TO_CARD,
    TO_WEST,
    WEST_ACCOUNT,
    WITH_ACCOUNTS,
    asked,
    at_payroll,
    draft,
)

IBAN = WEST_ACCOUNT.iban


def executed() -> ep.PayRunExecuted:
    events = PAYROLL.decide(PAYROLL.fold(PAYROLL.initial, [ORDERING, WITH_ACCOUNTS]), EXECUTE)
    assert not isinstance(events, Rejected)
    [event] = events
    assert isinstance(event, ep.PayRunExecuted)
    return event


PAST = at_payroll.given(ORDERING, WITH_ACCOUNTS, executed())


def note(*said: cp.Said, **fields: Any) -> cp.NoteOrders:
    made: cp.NoteOrders = asked(cp.NoteOrders, **({"run_id": RUN, "method": "transfer", "said": said} | fields))
    return made


def event(*answers: ep.Answered) -> ep.OrdersNoted:
    return ep.OrdersNoted(RUN, LEEFGELD, answers, T0)


PAID_LINE = cp.Said(1, TO_WEST, False, 54_001, IBAN)
BACK_LINE = cp.Said(2, TO_WEST, True, 54_001, None, "AC04")
BACK = ep.Answered(TO_WEST, True, 0, "AC04")
CAME = ep.Answered(TO_WEST, False, 54_001)


def test_a_transfer_was_paid_once_however_often_it_is_said() -> None:
    paid = PAST.when(note(PAID_LINE)).then(event(CAME))
    paid.when(note(PAID_LINE, PAID_LINE)).then_nothing()
    PAST.when(note(PAID_LINE, PAID_LINE)).then(event(CAME))


def test_what_the_bank_has_paid_meanwhile_is_not_due_again_because_somebody_says_that_it_was_not_paid() -> None:
    """They looked at the order before the bank's file was read, and said so after it."""
    not_paid = cp.Said(1, TO_WEST, True, 54_001, reason="HAND", by_hand=True)
    PAST.when(note(not_paid)).then(event(ep.Answered(TO_WEST, True, 0, "HAND")))
    paid = PAST.when(note(PAID_LINE)).then(event(CAME))
    paid.when(note(not_paid)).then_nothing()
    assert noted(paid.state.orders, note(not_paid))[1] == [(1, "order-noted")]
    paid.when(note(BACK_LINE)).then(event(BACK))


def test_what_came_back_is_due_with_the_next_run_and_may_be_spent_again() -> None:
    assert PAST.state.spent == {"2025": 254_001}, "what does not fit on a card is not spent"
    back = PAST.when(note(PAID_LINE, BACK_LINE)).then(event(CAME, BACK))
    assert back.state.spent == {"2025": 200_000}
    assert back.state.owed == {SEAT: 45_000, SEAT_2: 9_001, SEAT_3: 50_000}
    dues = (cp.Due(SEAT, "west", "transfer", (("2025-12", 45_000), ("2026-01", 1_000))),)
    drafted = PAYROLL.decide(back.state, draft(run_id=RUN_2, period="2026-01", due=dues, at=T0.replace(month=2)))
    assert not isinstance(drafted, Rejected)
    [run] = drafted
    assert isinstance(run, ep.PayRunDrafted)
    [line] = run.lines
    assert (line.before, line.cents, line.after) == (45_000, 46_000, 0)


def test_what_comes_back_while_a_draft_waits_is_not_lost() -> None:
    line = ep.Line(SEAT, "west", "voucher", (("2026-01", 1_000),), 0, 1_000, 0)
    at = T0.replace(month=2)
    drafted = ep.PayRunDrafted(RUN_2, LEEFGELD, "2026-01", at.date(), (line,), 1_000, DRAWN, at)
    approved = ep.PayRunApproved(RUN_2, LEEFGELD, "b", 10**6, None, (), at)
    second = ep.PayRunExecuted(RUN_2, LEEFGELD, (), (), (), b"", b"", at, at)
    both = PAYROLL.fold(PAST.state, [drafted, event(BACK), approved, second])
    assert both.owed == {SEAT: 45_000, SEAT_2: 9_001, SEAT_3: 50_000}


def test_a_card_that_took_less_has_the_rest_with_the_next_run() -> None:
    load = cp.Said(2, TO_CARD, False, 120_000, balance_cents=199_999)
    loaded = PAST.when(note(load, method="prepaid_card")).then(event(ep.Answered(TO_CARD, False, 120_000, "", 199_999)))
    assert loaded.state.owed[SEAT_3] == 50_000 + 80_000
    assert loaded.state.balances == {SEAT_3: 199_999}
    loaded.when(note(load, method="prepaid_card")).then_nothing()


def test_a_late_answer_about_an_earlier_load_empties_no_card() -> None:
    """What was ordered since is on it, whether its issuer has said so before or not."""
    later = order_id(LEEFGELD, "2026-01", SEAT_3)
    line = ep.Line(SEAT_3, "noord", "prepaid_card", (("2026-01", 30_000),), 0, 30_000, 0)
    at = T0.replace(month=2)
    order = ep.Order(later, "noord", "prepaid_card", ((SEAT_3, 30_000),), 30_000, "")
    both = PAST.given(
        ep.PayRunDrafted(RUN_2, LEEFGELD, "2026-01", at.date(), (line,), 30_000, DRAWN, at),
        ep.PayRunApproved(RUN_2, LEEFGELD, "b", 10**6, None, (), at),
        ep.PayRunExecuted(RUN_2, LEEFGELD, (), (order,), (), b"", b"", at, at),
    )
    assert both.state.balances == {SEAT_3: 230_000}
    first = event(ep.Answered(TO_CARD, False, 200_000, "", 150_000))
    second = ep.OrdersNoted(RUN_2, LEEFGELD, (ep.Answered(later, False, 30_000, "", 180_000),), at)
    assert both.given(first).state.balances == {SEAT_3: 150_000 + 30_000}
    assert both.given(second).state.balances == {SEAT_3: 180_000}
    assert both.given(second, first).state.balances == {SEAT_3: 180_000}
    assert both.given(first, second).state.balances == {SEAT_3: 180_000}


def test_what_was_not_loaded_is_on_no_card_also_where_somebody_settles_it_by_hand() -> None:
    """Else the next run holds back what is due, as if the card were full. What its issuer said since counts already."""
    later = order_id(LEEFGELD, "2026-01", SEAT_3)
    line = ep.Line(SEAT_3, "noord", "prepaid_card", (("2026-01", 30_000),), 0, 30_000, 0)
    at = T0.replace(month=2)
    order = ep.Order(later, "noord", "prepaid_card", ((SEAT_3, 30_000),), 30_000, "")
    by_hand = event(ep.Answered(TO_CARD, False, 0, "HAND"))
    assert PAST.given(by_hand).state.balances == {SEAT_3: 0}
    both = PAST.given(
        ep.PayRunDrafted(RUN_2, LEEFGELD, "2026-01", at.date(), (line,), 30_000, DRAWN, at),
        ep.PayRunApproved(RUN_2, LEEFGELD, "b", 10**6, None, (), at),
        ep.PayRunExecuted(RUN_2, LEEFGELD, (), (order,), (), b"", b"", at, at),
    )
    assert both.given(by_hand).state.balances == {SEAT_3: 30_000}
    second = ep.OrdersNoted(RUN_2, LEEFGELD, (ep.Answered(later, False, 30_000, "", 40_000),), at)
    assert both.given(second, by_hand).state.balances == {SEAT_3: 40_000}


def test_a_line_that_cannot_be_books_nothing_and_the_others_are_taken() -> None:
    wrong = (
        (cp.Said(3, RUN_2, False, 54_001), "order-unknown"),
        (cp.Said(4, TO_CARD, False, 200_000), "order-unknown"),  # a bank knows no card
        (cp.Said(5, TO_WEST, False, 54_000), "amount-differs"),
        (cp.Said(6, TO_WEST, False, None), "amount-differs"),
        (cp.Said(7, TO_WEST, False, 54_001, "NL91ABNA0417164300"), "iban-differs"),
        (cp.Said(8, TO_WEST, True, 1, None, "AC04"), "amount-differs"),
    )
    command = note(*(said for said, _ in wrong), PAID_LINE)
    PAST.when(command).then(event(CAME))
    assert noted(PAST.state.orders, command)[1] == [(said.number, code) for said, code in wrong]
    again = PAST.when(note(BACK_LINE)).then(event(BACK))
    assert noted(again.state.orders, note(PAID_LINE, BACK_LINE))[1] == [(1, "order-noted"), (2, "order-noted")]


def test_a_file_of_another_run_books_nothing() -> None:
    other = at_payroll.given(DRAFTED, APPROVED, EXECUTED)
    other.when(note(PAID_LINE)).then_nothing()
    other.when(note(PAID_LINE, run_id=RUN_2)).then_rejected("pay-run-unknown")
    elsewhere = note(PAID_LINE, run_id=RUN_2)
    assert noted(PAST.state.orders, elsewhere)[1] == [(1, "order-of-another-run")]
    too_many = note(*(PAID_LINE for _ in range(SAID_MAX + 1)))
    PAST.when(too_many).then_rejected("too-many-lines", lines_max=SAID_MAX)


def test_whatever_is_said_of_an_order_paid_and_reserved_are_what_was_ordered() -> None:
    for order, answers in ((TO_WEST, (CAME, BACK)), (TO_WEST, (BACK,)), (TO_CARD, (ep.Answered(TO_CARD, False, 7),))):
        state, sums = PAST.state, Counter({RESERVED: -PAST.state.orders[order].cents})
        for answer in answers:
            for posting in answered(state.orders[order], answer):
                sums[posting.account] += posting.cents
            state = PAYROLL.fold(state, [event(answer)])
        assert sums.total() == -PAST.state.orders[order].cents
        assert -sums[PAID] == state.orders[order].paid_cents


def _sums(*events: ep.PayrollEvent) -> dict[str, int]:
    """The ledger of whoever is paid by transfer, by account."""
    sums: Counter[str] = Counter()
    state = PAYROLL.initial
    for one in events:
        after = PAYROLL.evolve(state, one)
        for row in project(state, [one], after, T0):
            if isinstance(row, Put) and row.table is postings and row.values[8] == SEAT:
                sums[row.values[4]] += row.values[9]
        state = after
    return {account: cents for account, cents in sums.items() if cents}


def test_what_comes_back_of_somebody_paid_too_much_makes_up_for_it() -> None:
    """Whichever of the two is known first, nothing waits in the ledger that no run will pay."""
    paid = (ORDERING, WITH_ACCOUNTS, executed(), event(CAME))
    line = ep.Line(SEAT, "west", "transfer", (("2025-12", -45_000),), 0, 0, -45_000)
    at = T0.replace(month=2)
    none = ep.PayRunDrafted(RUN_2, LEEFGELD, "2026-01", at.date(), (line,), 0, DRAWN, at)
    second = ep.PayRunExecuted(RUN_2, LEEFGELD, (), (), (), b"", b"", at, at)
    assert _sums(*paid, none, second) == {PAID: -45_000, OVERPAID: 45_000}
    assert _sums(*paid, none, second, event(BACK)) == {}
    assert _sums(*paid, none, event(BACK), second) == {}
