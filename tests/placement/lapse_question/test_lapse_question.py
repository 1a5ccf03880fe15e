"""Nobody has said anything in time: the choice has passed on."""

from __future__ import annotations

from typing import Any

from services.placement import commands_offers as oc
from services.placement import policy
from tests.placement.offers import OFFER, OFFER_2, offer
from tests.placement.questions import ANSWER_BY, asked, said, to
from tests.placement.sample import after


def test_what_nobody_answers_in_time_is_over_whether_or_not_the_timer_has_fired() -> None:
    asked.when(to(oc.AgreeToOffer, at=ANSWER_BY)).then_rejected("question-over", answer="none")
    none = said("none", after(minutes=30), ANSWER_BY)
    lapse: Any = policy.due("question", "west", f"question/{OFFER}", ANSWER_BY).command
    asked.when(lapse).then(none)
    asked.when(to(oc.LapseQuestion, role="system")).then_nothing()
    asked.given(none).when(lapse).then_nothing()
    asked.given(none).when(offer(offer_id=OFFER_2, at=after(minutes=20))).then_rejected("operator-asked-lately")
    again = asked.given(none).after(offer(offer_id=OFFER_2, at=after(minutes=30)))
    assert again.state.questions[OFFER_2].answer == ""
