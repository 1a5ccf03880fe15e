"""The other desk gave a key, and is asked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from services.intake.commands_likeness import AskCheck
from services.intake.decider_likeness import ASKED_A_ROUND_MAX
from services.intake.events_likeness import CheckAsked, CheckRepeated
from tests.intake.checks import ANSWERED, BEGUN, CHECK_ID, ENDED, KEY, LATER, PUT, QUESTION, SOON, asking, of
from tests.intake.sample import T0


def ask(**fields: Any) -> AskCheck:
    made: AskCheck = of(AskCheck, **({"site": "west", "key": KEY, "question": QUESTION} | fields))
    return made


def test_the_question_goes_out_and_is_waited_for() -> None:
    asking.given(BEGUN).when(ask()).then(PUT)


def test_nothing_is_asked_while_it_cannot_be_sealed_nor_when_it_is_over() -> None:
    asking.given(BEGUN).when(ask(question="")).then_nothing()
    asking.given(BEGUN, ANSWERED).when(ask()).then_nothing()
    asking.given(BEGUN, ENDED).when(ask()).then_nothing()


def test_two_processes_that_each_give_their_own_key_are_not_answered_for_ever() -> None:
    asked = asking.given(BEGUN, *[PUT] * ASKED_A_ROUND_MAX)
    asked.when(ask()).then_nothing()
    again = CheckRepeated(CHECK_ID, LATER, SOON)
    asked.given(again).when(ask()).then(CheckAsked(CHECK_ID, QUESTION, T0 + timedelta(seconds=8), T0))


def test_nobody_else_can_be_told() -> None:
    asking.given(BEGUN).when(ask(site="zuidoost")).then_rejected("check-of-another-site")
    asking.when(ask()).then_rejected("check-unknown")
