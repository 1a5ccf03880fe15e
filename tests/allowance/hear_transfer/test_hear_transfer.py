"""The municipality says for whom a transfer to the organisation here is, and how it stands with it."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from services.allowance import commands_handout as ch
from services.allowance import decider_handout, policy
from services.allowance import events_handout as eh
from services.allowance import events_payroll as ep
from services.allowance.decider_payroll import HANDOUT_MAX, PAYROLL
from services.allowance.publish import tell_handout, tell_payroll
from services.allowance.views_handout import project, transfers
from shared.contracts import allowance
from shared.contracts.base import Draft, Opened
from shared.ids import derived_id
from shared.kernel import Rejected
from shared.ports import Put
from tests.allowance.sample import (  # fmt: skip
    BY_TRANSFER,
    EXECUTE,
    HANDED_OVER,
    LEEFGELD,
    ORDERING,
    RUN,
    SEAT,
    SEAT_2,
    T0,
    TO_CARD,
    TO_PAY,
    TO_WEST,
    WITH_ACCOUNTS,
    at_counter,
    at_payroll,
    counter,
)

FOR = (eh.Payment(SEAT, 45_000), eh.Payment(SEAT_2, 9_001))


def told(status: str, **fields: Any) -> ch.HearTransfer:
    given = {"run_id": RUN, "programme_id": LEEFGELD, "period": "2025-12", "site": "stad", "payments": FOR}
    made: ch.HearTransfer = counter(ch.HearTransfer, status=status, **(given | fields))
    return made


def heard(status: Any) -> eh.TransferHeard:
    return eh.TransferHeard(HANDED_OVER, RUN, LEEFGELD, "2025-12", "stad", FOR, status, T0)


def test_it_is_on_its_way_is_paid_and_may_come_back() -> None:
    sent = at_counter.when(told("sent")).then(heard("sent"))
    paid = sent.when(told("paid")).then(heard("paid"))
    paid.when(told("returned")).then(heard("returned"))
    at_counter.when(told("paid")).then(heard("paid"))


@pytest.mark.parametrize("status", ["sent", "paid"])
def test_what_is_told_again_or_late_is_no_news(status: str) -> None:
    at_counter.given(heard("paid")).when(told(status)).then_nothing()


def test_what_cannot_be_is_refused() -> None:
    at_counter.when(told("sent", run_id="x")).then_rejected("id-invalid")
    at_counter.when(told("sent", payments=(FOR[0], FOR[0]))).then_rejected("entitlement-twice")
    at_counter.when(told("sent", payments=(eh.Payment(SEAT, -1),))).then_rejected(
        "amount-invalid", cents_max=10_000_000_000
    )
    at_counter.given(TO_PAY).when(told("paid")).then_nothing()  # it is one of vouchers


def test_nothing_is_fetched_at_the_desk_and_the_municipality_is_told_nothing() -> None:
    known = at_counter.given(heard("paid"))
    known.when(counter(ch.IssueVoucher, entitlement_id=SEAT, hashed="a" * 64)).then_rejected("payment-unknown")
    assert tell_handout(at_counter.given().state, [heard("paid")], known.state) == []
    assert decider_handout.timers([heard("paid")]) == []


def test_each_client_of_it_has_a_row_that_says_how_it_stands() -> None:
    rows: dict[str, Any] = {}
    state = at_counter.given()
    for event in (heard("sent"), heard("returned")):
        after = state.given(event)
        for row in project(state.state, [event], after.state, T0):
            assert isinstance(row, Put)
            assert row.table is transfers
            rows[row.values[0]] = row.values
        state = after
    assert sorted((row[1], row[4], row[5]) for row in rows.values()) == sorted(
        [(SEAT, 45_000, "returned"), (SEAT_2, 9_001, "returned")]
    )


def executed_by(before: Any) -> ep.PayrollEvent:
    outcome = PAYROLL.decide(before.state, EXECUTE)
    assert not isinstance(outcome, Rejected)
    [event] = outcome
    return event


def letters(before: Any, after: Any, events: Any) -> list[Draft]:
    """What of these events is told of transfers."""
    drafts = [item.event for item in tell_payroll(before, events, after) if isinstance(item.event, Draft)]
    return [draft for draft in drafts if draft.letter is allowance.TransferTold]


def test_the_site_hears_for_whom_it_is_when_it_is_ordered_and_what_the_bank_says_and_of_cards_nothing() -> None:
    before = at_payroll.given(ORDERING, WITH_ACCOUNTS)
    executed = before.after(EXECUTE)
    event = executed_by(before)
    [first] = letters(before.state, executed.state, [event])
    answers = (ep.Answered(TO_WEST, False, 54_001), ep.Answered(TO_CARD, False, 200_000, "", 200_000))
    noted = ep.OrdersNoted(RUN, LEEFGELD, answers, T0)
    [second] = letters(executed.state, executed.given(noted).state, [noted])
    assert (first.to, first.request_id) == (second.to, second.request_id) == ("west", first.request_id)
    desk = at_counter.given()
    for draft in (first, second):
        reaction = policy.heard_by("west", "stad")(None, Opened("stad", draft.request_id, draft.body), T0)  # type: ignore[arg-type]
        assert reaction is not None
        assert isinstance(reaction.command, ch.HearTransfer)
        desk = desk.after(reaction.command)
    assert desk.state.transfer == "paid"
    stranger = Opened("noord", first.request_id, first.body)
    assert policy.heard_by("west", "stad")(None, stranger, T0) is None  # type: ignore[arg-type]


def test_many_are_told_in_letters_of_fifty() -> None:
    lines = [replace(BY_TRANSFER[0], entitlement_id=derived_id("seat", str(number)), cents=1) for number in range(300)]
    before = at_payroll.given(replace(ORDERING, lines=tuple(lines), total_cents=300), WITH_ACCOUNTS)
    told_of = letters(before.state, before.after(EXECUTE).state, [executed_by(before)])
    ids = [id_ for draft in told_of for id_, _ in draft.body.payments]  # type: ignore[attr-defined]
    assert sorted(ids) == sorted(line.entitlement_id for line in lines)
    assert max(len(draft.body.payments) for draft in told_of) <= HANDOUT_MAX  # type: ignore[attr-defined]
    assert len({draft.request_id for draft in told_of}) == len(told_of)
