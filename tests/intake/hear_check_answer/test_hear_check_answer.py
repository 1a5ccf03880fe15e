"""The other desk says whether somebody like that is known there."""

from __future__ import annotations

from typing import Any

from services.intake.commands_likeness import HearCheckAnswer
from services.intake.events_likeness import CheckAnswered
from services.intake.policy import check_timers
from shared.timers import TimerCleared
from tests.intake.checks import ANSWERED, BEGUN, CHECK_ID, ENDED, PUT, asking, of
from tests.intake.sample import T0


def hear(**fields: Any) -> HearCheckAnswer:
    made: HearCheckAnswer = of(HearCheckAnswer, **({"site": "west", "answer": "known"} | fields))
    return made


def test_the_answer_ends_it() -> None:
    asking.given(BEGUN, PUT).when(hear()).then(ANSWERED)
    assert check_timers([ANSWERED]) == [TimerCleared(f"check/{CHECK_ID}")]


def test_it_may_come_before_this_desk_knows_that_it_has_asked() -> None:
    """Its store is an older backup: the other desk has answered the question it forgot."""
    asking.given(BEGUN).when(hear(answer="unknown")).then(CheckAnswered(CHECK_ID, "unknown", T0))


def test_twice_is_once_and_what_has_ended_stays_so() -> None:
    asking.given(BEGUN, PUT, ANSWERED).when(hear()).then_nothing()
    asking.given(BEGUN, ENDED).when(hear()).then_nothing()


def test_of_another_desk_of_no_check_or_in_no_word_of_ours() -> None:
    asking.given(BEGUN).when(hear(site="zuidoost")).then_rejected("check-of-another-site")
    asking.given(BEGUN).when(hear(answer="perhaps")).then_rejected("check-answer-unknown")
    asking.when(hear()).then_rejected("check-unknown")
