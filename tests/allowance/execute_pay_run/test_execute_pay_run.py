"""A run counts, once, and its files are made then."""

from __future__ import annotations

from msgspec.structs import replace

from services.allowance import events_payroll as ep
from services.allowance.decider import PAYROLL
from shared.kernel import Rejected
from tests.allowance.sample import (
    APPROVED,
    DRAFTED,
    DROPPED,
    EXECUTE,
    EXECUTED,
    ORDERING,
    RUN,
    SEAT,
    SEAT_2,
    SEAT_3,
    TO_CARD,
    TO_WEST,
    WEST_ACCOUNT,
    WITH_ACCOUNTS,
    at_payroll,
)


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
