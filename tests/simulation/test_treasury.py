"""The treasurer's book notices what it is there for, each thing by itself; also a payroll broken on purpose: few of the
simulated lives have two runs for one card, so that seeds would be many.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from copy import deepcopy

import pytest
from msgspec.structs import replace

from services.allowance import commands_payroll as cp
from services.allowance import events_payroll as ep
from services.allowance.decider import PAYROLL
from shared.kernel import Rejected
from tests.allowance.sample import EXECUTE, LEEFGELD, ORDERING, RUN, RUN_2, T0, TO_CARD, TO_WEST, WITH_ACCOUNTS
from tests.simulation.oracle_bank import CARD_CENTS_MAX, Treasury


def executed() -> ep.PayRunExecuted:
    given = PAYROLL.fold(PAYROLL.initial, [ORDERING, WITH_ACCOUNTS])
    events = PAYROLL.decide(given, replace(EXECUTE, balance_cents_max=CARD_CENTS_MAX))
    assert not isinstance(events, Rejected)
    [event] = events
    assert isinstance(event, ep.PayRunExecuted)
    return event


def noted(*answers: ep.Answered) -> ep.OrdersNoted:
    return ep.OrdersNoted(RUN, LEEFGELD, answers, T0)


CAME = ep.Answered(TO_WEST, False, 54_001)
BACK = ep.Answered(TO_WEST, True, 0, "AC04")


def test_what_is_right_is_not_noticed() -> None:
    book = Treasury()
    assert sum(book.execute(ORDERING, executed()).values()) == 250_000 - CARD_CENTS_MAX
    book.note(noted(CAME, BACK))
    assert book.waiting == CARD_CENTS_MAX
    assert book.note(noted(ep.Answered(TO_CARD, False, 1, "", 1))).total() == CARD_CENTS_MAX - 1


@pytest.mark.parametrize("wrong", [(CAME, CAME), (BACK, BACK), (BACK, CAME), (ep.Answered(RUN, False, 1),)])
def test_an_order_that_is_settled_twice_or_was_never_made_is_noticed(wrong: tuple[ep.Answered, ...]) -> None:
    book = Treasury()
    book.execute(ORDERING, executed())
    with pytest.raises(AssertionError):
        book.note(noted(*wrong))


@pytest.mark.parametrize(
    "wrong",
    [
        replace(executed(), rests=()),
        replace(executed(), bank_file=b""),
        replace(executed(), orders=executed().orders * 2),
        replace(executed(), orders=executed().orders[:1]),
    ],
)
def test_a_run_that_is_ordered_otherwise_is_noticed(wrong: ep.PayRunExecuted) -> None:
    with pytest.raises(AssertionError):
        Treasury().execute(ORDERING, wrong)


def test_a_card_that_is_loaded_above_its_limit_is_noticed() -> None:
    book = Treasury()
    book.cards[executed().orders[1].shares[0][0]] = 1
    with pytest.raises(AssertionError):
        book.execute(ORDERING, executed())


def test_a_municipality_that_books_a_statement_as_often_as_it_is_read_is_noticed() -> None:
    book, event = Treasury(), executed()
    state = PAYROLL.fold(PAYROLL.initial, [ORDERING, WITH_ACCOUNTS, event])
    book.execute(ORDERING, event)
    command = cp.NoteOrders(
        at=T0, role="finance", programme_id=LEEFGELD, run_id=RUN, method="transfer",
        said=(cp.Said(1, TO_WEST, False, 54_001),),
    )  # fmt: skip
    first = PAYROLL.decide(state, command)
    assert not isinstance(first, Rejected)
    _note(book, first)
    state = PAYROLL.fold(state, first)
    assert PAYROLL.decide(state, command) == ()
    forgetful = replace(state, orders={id_: replace(one, status="sent") for id_, one in state.orders.items()})
    again = PAYROLL.decide(forgetful, command)
    assert not isinstance(again, Rejected)
    with pytest.raises(AssertionError):
        _note(book, again)


def _note(book: Treasury, events: Sequence[ep.PayrollEvent]) -> None:
    for event in events:
        assert isinstance(event, ep.OrdersNoted)
        book.note(event)


def test_loads_that_do_not_ask_what_is_on_a_card_are_noticed() -> None:
    """The same people, a month later."""
    book, event = Treasury(), executed()
    book.execute(ORDERING, event)
    later = replace(ORDERING, run_id=RUN_2, period="2026-01")
    given = PAYROLL.fold(PAYROLL.initial, [ORDERING, WITH_ACCOUNTS, event, later, replace(WITH_ACCOUNTS, run_id=RUN_2)])
    command = replace(EXECUTE, run_id=RUN_2, balance_cents_max=CARD_CENTS_MAX)
    for state, noticed in ((given, False), (replace(given, balances={}), True)):
        events = PAYROLL.decide(state, command)
        assert not isinstance(events, Rejected)
        [second] = events
        assert isinstance(second, ep.PayRunExecuted)
        with pytest.raises(AssertionError) if noticed else nullcontext():
            deepcopy(book).execute(later, second)
