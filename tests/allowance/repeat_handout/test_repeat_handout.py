"""The municipality has not said that it heard."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from services.allowance import commands_handout as ch
from services.allowance import events_handout as eh
from tests.allowance.sample import HANDED_OVER, HEARD, SOON, T0, TO_PAY, at_counter, counter  # fmt: skip

REPEAT = counter(ch.RepeatHandout, at=SOON)


def test_it_is_told_again_and_later_each_time() -> None:
    repeated = eh.HandoutRepeated(HANDED_OVER, SOON + timedelta(seconds=4), SOON)
    at_counter.given(TO_PAY).when(REPEAT).then(repeated)


def test_what_was_heard_is_told_no_more() -> None:
    asked = eh.HandoutRepeated(HANDED_OVER, SOON, T0)
    at_counter.given(TO_PAY, HEARD, asked).when(REPEAT).then(replace(HEARD, at=SOON))


def test_before_its_time_nothing_happens() -> None:
    at_counter.given(TO_PAY).when(counter(ch.RepeatHandout)).then_nothing()


def test_what_nobody_knows_is_refused() -> None:
    at_counter.when(REPEAT).then_rejected("handout-unknown")
