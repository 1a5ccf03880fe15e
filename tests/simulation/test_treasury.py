"""The treasurer's book notices what it is there for, each thing by itself."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from services.allowance import events_payroll as ep
from services.allowance.decider import PAYROLL
from shared.kernel import Rejected
from tests.allowance.sample import EXECUTE, LEEFGELD, ORDERING, RUN, T0, TO_CARD, TO_WEST, WITH_ACCOUNTS
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
