"""The municipality says what is to be handed out."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace

from services.allowance import commands_handout as ch
from services.allowance import decider_handout
from services.allowance import events_handout as eh
from services.allowance.publish import tell_handout
from services.allowance.views_handout import project, vouchers
from services.allowance.vouchers import hashed
from shared.contracts.base import Draft
from shared.ids import derived_id
from shared.ports import Put
from tests.allowance.sample import (  # fmt: skip
    HANDED_OVER,
    RUN_2,
    SEAT,
    SEAT_2,
    SEAT_3,
    SOON,
    T0,
    TO_PAY,
    at_counter,
    counter,
    to_pay,
)


def test_it_waits_for_its_clients() -> None:
    heard = at_counter.when(to_pay()).then(TO_PAY)
    assert heard.state.waits
    assert not heard.state.settled


def test_what_comes_to_nothing_waits_for_nobody() -> None:
    nothing = (eh.Payment(SEAT, 0),)
    heard = at_counter.when(to_pay(payments=nothing)).then(replace(TO_PAY, payments=nothing))
    assert not heard.state.waits


def test_said_again_the_municipality_is_told_again() -> None:
    at_counter.given(TO_PAY).when(to_pay()).then(eh.HandoutRepeated(HANDED_OVER, SOON, T0))


def test_what_cannot_be_is_refused() -> None:
    twice = (eh.Payment(SEAT, 1), eh.Payment(SEAT, 2))
    at_counter.when(to_pay(payments=twice)).then_rejected("entitlement-twice")
    at_counter.when(to_pay(payments=(eh.Payment(SEAT, -1),))).then_rejected("amount-invalid", cents_max=10_000_000_000)
    at_counter.when(to_pay(run_id="x")).then_rejected("id-invalid")


def test_more_of_nothing_changes_nothing() -> None:
    at_counter.given(TO_PAY).when(counter(ch.RepeatHandout)).then_nothing()


# --- a run that was made a second time, with other amounts ------------------------------------------------------------

BOTH = (eh.Payment(SEAT, 45_000), eh.Payment(SEAT_2, 10_000))
CODE = hashed("AAAA-AAAA-AAAA-AAAA") or ""
HEARD = replace(TO_PAY, payments=BOTH)
REDEEMED = eh.VoucherRedeemed(HANDED_OVER, SEAT, 2, SOON, T0)
LATER = T0 + timedelta(days=decider_handout.VOUCHER_DAYS)


def amended(*payments: eh.Payment, revision: int = 2, expires_at: datetime = LATER) -> eh.PaymentsAmended:
    return eh.PaymentsAmended(HANDED_OVER, RUN_2, payments, expires_at, revision, SOON, T0)


def again(*payments: eh.Payment) -> ch.HearPayments:
    return to_pay(run_id=RUN_2, payments=payments)


def test_what_still_waits_is_worth_what_the_second_making_says() -> None:
    other = eh.Payment(SEAT, 44_000)
    now = at_counter.given(HEARD, eh.VoucherIssued(HANDED_OVER, SEAT, CODE, T0)).when(again(other)).then(amended(other))
    assert (now.state.slips[SEAT].cents, now.state.slips[SEAT].hashed) == (44_000, CODE), "the code is still good"
    assert now.state.slips[SEAT_2].cents == 10_000, "of whoever is not named nothing was said"
    now.when(again(other)).then(eh.HandoutRepeated(HANDED_OVER, SOON, T0))


def test_what_was_handed_out_stays_as_it_was_and_is_said_with_its_amount() -> None:
    other = eh.Payment(SEAT, 44_000)
    assert HEARD.expires_at is not None
    known = at_counter.given(HEARD, REDEEMED).when(again(other, BOTH[1]))
    now = known.then(amended(revision=3, expires_at=HEARD.expires_at))
    assert (now.state.slips[SEAT].cents, now.state.amended) == (45_000, True)
    now.when(again(other, BOTH[1])).then(eh.HandoutRepeated(HANDED_OVER, SOON, T0))


def test_whoever_the_second_making_pays_too_waits_now_and_hears_so() -> None:
    new = eh.Payment(SEAT_3, 7_000)
    now = at_counter.given(HEARD).when(again(*BOTH, new)).then(amended(new))
    assert now.state.slips[SEAT_3] == decider_handout.Slip(7_000)
    ready = f"{decider_handout.READY}/{HANDED_OVER}"
    assert ready in {timer.id for timer in decider_handout.timers([amended(new)])}


def test_who_is_due_nothing_in_the_second_making_waits_no_more() -> None:
    nothing = eh.Payment(SEAT, 0)
    assert at_counter.given(HEARD).when(again(nothing)).then(amended(nothing)).state.slips[SEAT].status == "paid"


def test_who_fetches_what_the_second_making_leaves_out_is_told_with_the_amount() -> None:
    """The municipality knows nobody by that id in its run: it books what it is told, and a bare name is nothing."""
    given = at_counter.given(HEARD)
    assert HEARD.expires_at is not None
    events = [amended(expires_at=HEARD.expires_at)]
    told = given.when(again(BOTH[1])).then(*events)
    told.when(again(BOTH[1])).then(eh.HandoutRepeated(HANDED_OVER, SOON, T0))
    fetched = replace(REDEEMED, revision=3)
    known = given.given(*events, eh.VoucherIssued(HANDED_OVER, SEAT, CODE, T0))
    whole, _ = [item.event for item in tell_handout(known.state, [fetched], known.given(fetched).state)]
    assert isinstance(whole, Draft)
    assert whole.body.paid == ((SEAT, 45_000),)  # type: ignore[attr-defined]


def test_whoever_waits_longer_is_shown_so_at_the_desk() -> None:
    """Also whose own amount stays: the time is that of the whole handout."""
    given, later = at_counter.given(HEARD), LATER + timedelta(days=3)
    events = [amended(eh.Payment(SEAT, 44_000), expires_at=later)]
    rows = project(given.state, events, given.given(*events).state, T0)
    shown = [dict(zip(vouchers.columns.keys(), row.values, strict=True)) for row in rows if isinstance(row, Put)]
    assert {row["entitlement_id"]: row["expires_at"] for row in shown} == {SEAT: later, SEAT_2: later}


def test_more_than_one_letter_can_say_is_refused() -> None:
    ids = [derived_id("seat", str(number)) for number in range(decider_handout.STATED_MAX + 1)]
    first = replace(TO_PAY, payments=tuple(eh.Payment(id_, 1) for id_ in ids[:-1]))
    at_counter.given(first).when(again(eh.Payment(ids[-1], 1))).then_rejected(
        "too-many-payments", payments_max=decider_handout.STATED_MAX
    )


def test_the_municipality_hears_how_much_first_and_then_what_every_version_knows() -> None:
    given = at_counter.given(HEARD, REDEEMED)
    events = [amended(revision=3)]
    after = given.given(*events).state
    whole, plain = [item.event for item in tell_handout(given.state, events, after)]
    assert isinstance(whole, Draft)
    assert isinstance(plain, Draft)
    assert (whole.body.paid, plain.body.paid) == (((SEAT, 45_000),), (SEAT,))  # type: ignore[attr-defined]
    first = tell_handout(at_counter.given().state, [HEARD], at_counter.given(HEARD).state)
    assert len(first) == 1, "who was paid is enough where one amount was told"
