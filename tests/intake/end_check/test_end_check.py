"""Nobody needs the answer any more, or nobody will give it."""

from __future__ import annotations

from services.intake.commands_likeness import EndCheck
from services.intake.policy import check_timers
from services.intake.publish_likeness import tell_check
from shared.timers import TimerCleared
from tests.intake.checks import ANSWERED, BEGUN, CHECK_ID, ENDED, PUT, asking, of


def end(because: str = "client_erased") -> EndCheck:
    made: EndCheck = of(EndCheck, because=because)
    return made


def test_whoever_is_erased_is_not_asked_about_any_more_and_nobody_is_told() -> None:
    ended = asking.given(BEGUN, PUT).when(end()).then(ENDED).state
    assert tell_check(ended, [ENDED], ended) == []
    assert check_timers([ENDED]) == [TimerCleared(f"check/{CHECK_ID}")]


def test_it_ends_once() -> None:
    asking.given(BEGUN, ENDED).when(end()).then_nothing()
    asking.given(BEGUN, ANSWERED).when(end("site_left")).then_nothing()


def test_for_a_reason_of_the_list_only() -> None:
    asking.given(BEGUN).when(end("tired")).then_rejected("check-end-unknown")
    asking.when(end()).then_rejected("check-unknown")
