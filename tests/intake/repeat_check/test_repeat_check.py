"""Another desk has not answered."""

from __future__ import annotations

from datetime import timedelta

from services.intake.commands_likeness import RepeatCheck
from services.intake.events_likeness import CheckEnded, CheckRepeated
from services.intake.publish_likeness import tell_check
from shared.contracts.intake import CheckBegun
from tests.intake.checks import ANSWERED, BEGUN, CHECK_ID, LATER, PUT, UNTIL, asking, of


def test_it_is_begun_anew_less_and_less_often() -> None:
    first = asking.given(BEGUN, PUT).when(of(RepeatCheck, at=LATER))
    after = first.then(CheckRepeated(CHECK_ID, LATER + timedelta(seconds=4), LATER))
    assert (after.state.rounds, after.state.asked) == (2, 0)
    [letter] = tell_check(after.state, [CheckRepeated(CHECK_ID, LATER, LATER)], after.state)
    assert letter.event.kind.type_name == CheckBegun.type_name
    at = LATER + timedelta(seconds=4)
    after.when(of(RepeatCheck, at=at)).then(CheckRepeated(CHECK_ID, at + timedelta(seconds=8), at))


def test_not_before_its_time_and_not_when_it_is_over() -> None:
    asking.given(BEGUN).when(of(RepeatCheck)).then_nothing()
    asking.given(BEGUN, ANSWERED).when(of(RepeatCheck, at=UNTIL)).then_nothing()


def test_after_a_week_nobody_waits_any_more() -> None:
    asking.given(BEGUN).when(of(RepeatCheck, at=UNTIL)).then(CheckEnded(CHECK_ID, "lapsed", UNTIL))


def test_of_no_check() -> None:
    asking.when(of(RepeatCheck)).then_rejected("check-unknown")
