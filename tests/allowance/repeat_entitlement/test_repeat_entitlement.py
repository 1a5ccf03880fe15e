"""The municipality has not said that it heard: it is told again, less and less often."""

from __future__ import annotations

from datetime import timedelta

from services.allowance import commands_entitlement as en
from services.allowance import events_entitlement as ee
from tests.allowance.sample import ASKED, CONFIRMED, REFUSED, SEAT, SOON, WON, at_desk, desk


def test_it_is_told_again_less_and_less_often_and_without_end() -> None:
    given, at, pauses = at_desk.given(ASKED), SOON, []
    for _ in range(14):
        given = given.after(desk(en.RepeatEntitlement, at=at))
        assert given.state.again_at is not None
        pauses.append((given.state.again_at - at).total_seconds())
        at = given.state.again_at
    assert pauses[:4] == [4, 8, 16, 32]
    assert pauses[-2:] == [3600, 3600]


def test_a_repeat_says_the_same() -> None:
    at_desk.given(ASKED, WON).when(desk(en.RepeatEntitlement, at=SOON)).then(
        ee.EntitlementRepeated(SEAT, 2, SOON + timedelta(seconds=4), SOON)
    )


def test_nothing_happens_before_its_time_or_when_it_has_heard() -> None:
    at_desk.given(ASKED).when(desk(en.RepeatEntitlement)).then_nothing()
    late = desk(en.RepeatEntitlement, at=SOON)
    at_desk.given(ASKED, WON, CONFIRMED).when(late).then_nothing()
    at_desk.given(ASKED, REFUSED).when(late).then_nothing()


def test_a_timer_of_nothing_is_refused() -> None:
    at_desk.when(desk(en.RepeatEntitlement)).then_rejected("entitlement-unknown")
