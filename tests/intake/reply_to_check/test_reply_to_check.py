"""Another desk asks, and is told yes or no."""

from __future__ import annotations

from typing import Any

from services.intake.commands_likeness import ReplyToCheck
from services.intake.events_likeness import CheckKeyGiven
from services.intake.publish_likeness import tell_reply
from shared.contracts.base import Draft
from tests.intake.checks import CHECK_ID, GIVEN, OTHER_KEY, QUESTION, REPLIED, SAID_AGAIN, of, replying
from tests.intake.sample import ANNA, T0


def reply(**fields: Any) -> ReplyToCheck:
    given = {"site": "noord", "question": QUESTION, "answer": "known", "clients": (ANNA,)}
    made: ReplyToCheck = of(ReplyToCheck, **(given | fields))
    return made


def test_it_is_told_yes_or_no_and_not_about_whom() -> None:
    replied = replying.given(GIVEN).when(reply()).then(REPLIED).state
    [telling] = tell_reply(replied, [REPLIED], replied)
    assert isinstance(telling.contract, Draft)
    assert (telling.contract.to, telling.contract.body.model_dump()) == ("noord", {"answer": "known"})
    assert replied.key == ""


def test_one_answer_a_check_however_often_it_is_asked() -> None:
    replied = replying.given(GIVEN, REPLIED)
    said = replied.when(reply(answer="unknown", clients=())).then(SAID_AGAIN)
    assert said.state.answer == "known"


def test_sealed_to_a_key_that_is_gone_it_gets_another_one() -> None:
    replying.given(GIVEN).when(reply(answer="", clients=(), key=OTHER_KEY)).then(
        CheckKeyGiven(CHECK_ID, "noord", OTHER_KEY, T0)
    )


def test_nothing_while_nothing_can_be_compared() -> None:
    replying.given(GIVEN).when(reply(answer="", clients=())).then_nothing()


def test_refusals() -> None:
    replying.given(GIVEN).when(reply(answer="perhaps")).then_rejected("check-answer-unknown")
    replying.given(GIVEN).when(reply(site="zuidoost")).then_rejected("check-of-another-site")
    replying.when(reply(check_id="x")).then_rejected("id-invalid")
