"""A run counts, once, and its files are made then."""

from __future__ import annotations

import re

from msgspec.structs import replace

from services.allowance import events_payroll as ep
from services.allowance.decider import PAYROLL
from services.allowance.decider_payroll import HANDOUT_MAX
from shared.kernel import Rejected
from tests.allowance.sample import (
    APPROVED,
    BY_TRANSFER,
    DRAFTED,
    DROPPED,
    EXECUTE,
    EXECUTED,
    LINE,
    ORDERING,
    RUN,
    RUN_2,
    SEAT,
    SEAT_2,
    SEAT_3,
    SEAT_4,
    SOON,
    TO_CARD,
    TO_WEST,
    WEST_ACCOUNT,
    WITH_ACCOUNTS,
    at_payroll,
)

LINE_4 = replace(LINE, entitlement_id=SEAT_4)


def test_every_line_is_settled() -> None:
    paid = at_payroll.given(DRAFTED, APPROVED).when(EXECUTE).then(EXECUTED)
    assert paid.state.settled == {SEAT: {"2025-12": 45_000}}
    assert paid.state.spent == {"2025": 45_000}


def test_a_second_time_pays_nothing() -> None:
    at_payroll.given(DRAFTED, APPROVED, EXECUTED).when(EXECUTE).then_nothing()


def test_what_nobody_approved_is_not_paid() -> None:
    at_payroll.given(DRAFTED).when(EXECUTE).then_rejected("pay-run-not-approved")
    at_payroll.given(DRAFTED, APPROVED, DROPPED).when(EXECUTE).then_rejected("pay-run-unknown")
    at_payroll.when(EXECUTE).then_rejected("pay-run-unknown")


def executed(*given: ep.PayrollEvent, **fields: object) -> ep.PayRunExecuted:
    events = PAYROLL.decide(at_payroll.given(*given).state, replace(EXECUTE, **fields))
    assert not isinstance(events, Rejected), events
    [event] = events
    assert isinstance(event, ep.PayRunExecuted)
    return event


def test_a_site_gets_one_transfer_and_a_card_what_fits() -> None:
    event = executed(ORDERING, WITH_ACCOUNTS)
    shares = ((SEAT, 45_000), (SEAT_2, 9_001))
    assert event.orders == (
        ep.Order(TO_WEST, "west", "transfer", shares, 54_001, WEST_ACCOUNT.iban),
        ep.Order(TO_CARD, "noord", "prepaid_card", ((SEAT_3, 200_000),), 200_000, ""),
    )
    assert event.rests == (ep.Rest(SEAT_3, 50_000),)
    assert event.bank_file.count(b"<CdtTrfTxInf>") == 1
    assert b"<Dt>2026-01-05</Dt>" in event.bank_file, "its pay day has passed: today, and that is a working day"
    assert f"{TO_CARD},{SEAT_3},200000,200000,25000\r\n" in event.card_file.decode()
    assert executed(ORDERING, WITH_ACCOUNTS) == event


def test_a_full_card_is_asked_what_is_on_it() -> None:
    """So that whoever spends is paid again, though nothing was loaded that an answer could come to."""
    event = executed(ORDERING, WITH_ACCOUNTS, balance_cents_max=0)
    assert event.rests == (ep.Rest(SEAT_3, 250_000),)
    assert f"{TO_CARD},{SEAT_3},0,0,25000\r\n" in event.card_file.decode()


def test_what_was_approved_without_accounts_goes_nowhere() -> None:
    """A run that was approved before there were any."""
    without = replace(WITH_ACCOUNTS, payer=None, payees=())
    at_payroll.given(ORDERING, without).when(EXECUTE).then_rejected("account-missing", sites=["west"])
    at_payroll.given(ORDERING, without, ep.PayRunDropped(RUN, ORDERING.programme_id, ORDERING.at)).when(
        EXECUTE
    ).then_rejected("pay-run-unknown")


def test_a_run_that_was_forgotten_is_made_again_under_ids_the_bank_the_issuer_and_the_sites_have_had() -> None:
    """A store that was restored from before it: whoever drafts it anew gives it another id, and pays it later."""
    first = executed(replace(ORDERING, lines=(*BY_TRANSFER, LINE_4)), WITH_ACCOUNTS)
    anew = replace(ORDERING, run_id=RUN_2, lines=(LINE_4, *reversed(BY_TRANSFER)), at=SOON)
    again = executed(anew, replace(WITH_ACCOUNTS, run_id=RUN_2), run_id=RUN_2, at=SOON)
    assert {one.order_id for one in again.orders} == {one.order_id for one in first.orders}
    assert again.handouts == first.handouts
    assert _ids(again.bank_file) == _ids(first.bank_file)
    assert len(_ids(first.bank_file)) == 3, "of the message, of its payment, and of the transfer"
    later = replace(ORDERING, run_id=RUN_2, period="2026-01", lines=(*BY_TRANSFER, LINE_4))
    other = executed(later, replace(WITH_ACCOUNTS, run_id=RUN_2), run_id=RUN_2)
    assert not {*_ids(other.bank_file)} & {*_ids(first.bank_file)}, "another period is another file"
    assert other.handouts[0].handout_id != first.handouts[0].handout_id


def _ids(file: bytes) -> list[bytes]:
    return re.findall(rb"<(?:MsgId|PmtInfId|EndToEndId)>([0-9a-f]{32})<", file)


def test_who_comes_between_leaves_the_others_in_the_letter_they_were_in() -> None:
    """Sixteen times as many as one letter takes, and all of one beginning in one."""
    seats = [f"{n % 16:x}{n:07x}-3333-4333-8333-333333333333" for n in range(16 * 40)]
    lines = tuple(replace(LINE_4, entitlement_id=id_) for id_ in seats)
    run = replace(DRAFTED, lines=lines, total_cents=len(lines) * LINE_4.cents)
    parts = {handed.handout_id: set(handed.entitlement_ids) for handed in executed(run, APPROVED).handouts}
    assert sorted(id_ for part in parts.values() for id_ in part) == sorted(seats)
    assert max(map(len, parts.values())) <= HANDOUT_MAX
    fewer = executed(replace(run, lines=lines[:0:-1]), APPROVED).handouts
    assert all(set(handed.entitlement_ids) <= parts[handed.handout_id] for handed in fewer)
