"""A site says how it stands with what it hands out."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from services.allowance import commands_payroll as cp
from services.allowance import events_payroll as ep
from services.allowance import policy
from services.allowance.publish import tell_payroll
from services.allowance.views_payroll import project
from shared.contracts import allowance
from shared.contracts.allowance import HandoutAnsweredBody
from shared.contracts.base import Draft, Opened
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
    SEAT_3,
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


# --- a run that was made a second time --------------------------------------------------------------------------------


def otherwise(*payments: tuple[str, int]) -> ep.PaidOtherwise:
    return ep.PaidOtherwise(HANDED_OVER, RUN, LEEFGELD, payments, T0)


def posted(before: Any, *events: Any) -> dict[tuple[str, str], int]:
    """What these events post, by account and entitlement; together it comes to zero."""
    found: Counter[tuple[str, str]] = Counter()
    for row in project(before.state, events, before.given(*events).state, T0):
        assert isinstance(row, Put)
        found[row.values[4], row.values[8]] += row.values[9]
    assert sum(found.values()) == 0
    return {key: cents for key, cents in found.items() if cents}


def test_who_had_less_than_this_run_says_is_due_the_rest_with_the_next_one() -> None:
    less = otherwise((SEAT, 40_000))
    known = at_both.when(at_desk_stands(2, paid=(SEAT,), amounts=((SEAT, 40_000),)))
    state = known.then(noted(2, paid=(SEAT,), waits=True), less).state
    assert (state.owed, state.spent) == ({SEAT: 5_000}, {"2025": 85_000})
    assert state.waiting[HANDED_OVER].otherwise == {SEAT: -5_000}
    expected = {("paid", SEAT): -40_000, ("reserved", SEAT): 40_000}
    assert posted(at_both, noted(2, paid=(SEAT,), waits=True), less) == expected


def test_who_had_more_is_paid_less_next_time() -> None:
    more = otherwise((SEAT, 50_000))
    known = at_both.when(at_desk_stands(2, paid=(SEAT,), amounts=((SEAT, 50_000),)))
    state = known.then(noted(2, paid=(SEAT,), waits=True), more).state
    assert (state.owed, state.spent) == ({SEAT: -5_000}, {"2025": 95_000})
    expected = {("paid", SEAT): -50_000, ("reserved", SEAT): 45_000, ("overpaid", SEAT): 5_000}
    assert posted(at_both, noted(2, paid=(SEAT,), waits=True), more) == expected


def test_whoever_was_paid_though_this_run_does_not_pay_them_is_in_the_books_too() -> None:
    stranger = otherwise((SEAT_3, 3_000))
    known = at_both.when(at_desk_stands(2, paid=(SEAT_3,), amounts=((SEAT_3, 3_000),)))
    state = known.then(noted(2, waits=True), stranger).state
    assert state.owed == {SEAT_3: -3_000}
    assert state.waiting[HANDED_OVER].paid == ()
    assert posted(at_both, noted(2, waits=True), stranger) == {("paid", SEAT_3): -3_000, ("overpaid", SEAT_3): 3_000}


def test_amounts_count_once_in_whatever_order_they_are_heard() -> None:
    """A site that had said who was paid before it was told again says how much later."""
    known = at_both.given(noted(2, paid=(SEAT,), waits=True))
    now = known.when(at_desk_stands(3, paid=(SEAT,), amounts=((SEAT, 40_000),)))
    told = now.then(noted(3, waits=True), otherwise((SEAT, 40_000)))
    told.when(at_desk_stands(3, paid=(SEAT,), amounts=((SEAT, 40_000),))).then(noted(3, waits=True))
    told.when(at_desk_stands(3, paid=(SEAT,))).then(noted(3, waits=True))


def test_amounts_of_what_had_gone_back_count_too() -> None:
    known = at_both.given(noted(2, refused=(SEAT,), waits=True))
    now = known.when(at_desk_stands(3, paid=(SEAT,), amounts=((SEAT, 40_000),)))
    after_all = ep.PaidAfterAll(HANDED_OVER, RUN, LEEFGELD, (SEAT,), T0)
    assert now.then(noted(3, waits=True), after_all, otherwise((SEAT, 40_000))).state.owed == {SEAT: 5_000}


def test_what_is_owed_already_is_made_up_for() -> None:
    """They had been paid too much before: what they had less now is first taken off that."""
    before = at_both.given(noted(2, paid=(SEAT, SEAT_2)), otherwise((SEAT, 48_000)))
    assert before.state.owed == {SEAT: -3_000}
    expected = {("paid", SEAT): 8_000, ("overpaid", SEAT): -3_000, ("reserved", SEAT): -5_000}
    assert posted(before, otherwise((SEAT, 40_000))) == expected


def test_both_versions_of_the_letter_lead_to_one_word() -> None:
    """As a site sends them: the one with amounts first, and then the one that every version reads."""
    react = policy.heard_by("stad", "stad")
    about: dict[str, Any] = {"programme_id": LEEFGELD, "revision": 2, "refused": ()}
    state = at_both
    for body in (
        allowance.HandoutStatedV2Body(**about, paid=((SEAT, 40_000),)),
        allowance.HandoutStatedBody(**about, paid=(SEAT,)),
    ):
        reaction = react(None, Opened("west", HANDED_OVER, body), T0)  # type: ignore[arg-type]
        assert reaction is not None
        assert isinstance(reaction.command, cp.HearHandout)
        state = state.after(reaction.command)
    assert state.state.owed == {SEAT: 5_000}
    assert state.state.waiting[HANDED_OVER].booked == {SEAT: 40_000}
