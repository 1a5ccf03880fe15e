"""The municipality says what is to be handed out."""

from __future__ import annotations

from msgspec.structs import replace

from services.allowance import commands_handout as ch
from services.allowance import events_handout as eh
from tests.allowance.sample import HANDED_OVER, SEAT, SOON, T0, TO_PAY, at_counter, counter, to_pay  # fmt: skip


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
