"""A site says how it stands with what it hands out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from services.allowance import events_payroll as ep
from services.allowance.publish import tell_payroll
from services.allowance.views_payroll import project
from shared.contracts.allowance import HandoutAnsweredBody
from shared.contracts.base import Draft
from shared.ports import Put
from tests.allowance.sample import (  # fmt: skip
    APPROVED,
    DRAFTED,
    EXECUTE,
    EXECUTED,
    HANDED_OVER,
    LEEFGELD,
    LINE,
    RUN,
    SEAT,
    SEAT_2,
    T0,
    at_desk_stands,
    at_payroll,
)


def noted(revision: int, paid: tuple[str, ...] = (), refused: tuple[str, ...] = (), *, waits: bool = False) -> Any:
    again_at = T0 + timedelta(days=1) if waits else None
    return ep.HandoutNoted(HANDED_OVER, RUN, LEEFGELD, revision, paid, refused, again_at, T0)


def test_what_was_paid_is_noted_once() -> None:
    given = at_payroll.given(DRAFTED, APPROVED, EXECUTED)
    given.when(at_desk_stands(paid=(SEAT,))).then(noted(2, paid=(SEAT,)))
    known = given.given(noted(2, paid=(SEAT,)))
    known.when(at_desk_stands(3, paid=(SEAT,))).then(noted(3))
    assert known.state.spent == {"2025": 45_000}


def test_what_nobody_came_for_may_be_spent_again_and_is_not_owed() -> None:
    back = at_payroll.given(DRAFTED, APPROVED, EXECUTED).when(at_desk_stands(refused=(SEAT,)))
    state = back.then(noted(2, refused=(SEAT,))).state
    assert (state.spent, state.settled, state.owed) == ({"2025": 0}, {SEAT: {"2025-12": 45_000}}, {})


def test_an_older_word_is_only_answered_and_what_is_settled_stays_so() -> None:
    given = at_payroll.given(DRAFTED, APPROVED, EXECUTED, noted(5, paid=(SEAT,)))
    given.when(at_desk_stands(3, refused=(SEAT,))).then(noted(5))
    given.when(at_desk_stands(6, refused=(SEAT,))).then(noted(6))


TWO = (LINE, replace(LINE, entitlement_id=SEAT_2))
at_both = at_payroll.given(
    replace(DRAFTED, lines=TWO, total_cents=90_000), APPROVED,
    replace(EXECUTED, handouts=(ep.Handed(HANDED_OVER, "west", (SEAT, SEAT_2)),)),
)  # fmt: skip


def test_a_site_that_was_restored_gives_its_numbers_anew_and_what_it_paid_since_is_booked() -> None:
    """It forgot the handout, was told what still waits, and numbers its word about that as one it had said before."""
    given = at_both.given(noted(2, paid=(SEAT,), waits=True))
    given.when(at_desk_stands(2, paid=(SEAT_2,))).then(noted(2, paid=(SEAT_2,)))
    given.when(at_desk_stands(1, refused=(SEAT_2,))).then(noted(2, refused=(SEAT_2,)))


def test_cash_that_was_handed_out_though_its_payment_had_gone_back_is_paid_and_finance_sees_it() -> None:
    given = at_both.given(noted(2, paid=(SEAT_2,), refused=(SEAT,)))
    after_all = ep.PaidAfterAll(HANDED_OVER, RUN, LEEFGELD, (SEAT,), T0)
    state = given.when(at_desk_stands(3, paid=(SEAT, SEAT_2))).then(noted(3), after_all).state
    assert state.spent == {"2025": 90_000}
    known = state.waiting[HANDED_OVER]
    assert (set(known.paid), known.refused) == ({SEAT, SEAT_2}, {})
    assert {id_: line.cents for id_, line in known.after_all.items()} == {SEAT: 45_000}
    given.given(after_all).when(at_desk_stands(4, paid=(SEAT, SEAT_2))).then(noted(4))


def test_its_cents_move_in_the_ledger_from_refused_to_paid_and_the_site_is_answered_so() -> None:
    before = at_both.given(noted(2, paid=(SEAT_2,), refused=(SEAT,)))
    events = [noted(3), ep.PaidAfterAll(HANDED_OVER, RUN, LEEFGELD, (SEAT,), T0)]
    after = before.given(*events).state
    rows = [row.values for row in project(before.state, events, after, T0) if isinstance(row, Put)]
    assert [(row[4], row[8], row[9]) for row in rows] == [("refused", SEAT, 45_000), ("paid", SEAT, -45_000)]
    [answer] = [item.event.body for item in tell_payroll(before.state, events, after) if isinstance(item.event, Draft)]
    assert isinstance(answer, HandoutAnsweredBody)
    assert (set(answer.paid), answer.refused) == ({SEAT, SEAT_2}, ())


def test_what_a_word_names_twice_goes_back_once() -> None:
    back = at_both.when(at_desk_stands(refused=(SEAT, SEAT))).then(noted(2, refused=(SEAT,), waits=True))
    assert back.state.spent == {"2025": 45_000}


def test_a_strangers_id_in_it_books_nothing() -> None:
    given = at_payroll.given(DRAFTED, APPROVED, EXECUTED)
    given.when(at_desk_stands(paid=(SEAT_2,))).then(noted(2, waits=True))


def test_another_site_has_no_word_about_it() -> None:
    given = at_payroll.given(DRAFTED, APPROVED, EXECUTED)
    given.when(at_desk_stands(site="noord")).then_rejected("handout-of-another-site", site="noord")
    at_payroll.when(at_desk_stands()).then_rejected("handout-unknown")


def test_a_run_that_is_executed_again_settles_nothing() -> None:
    at_payroll.given(DRAFTED, APPROVED, EXECUTED).when(EXECUTE).then_nothing()
