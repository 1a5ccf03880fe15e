"""The operator says no: not this request, for a day."""

from __future__ import annotations

from datetime import timedelta

from services.placement import commands_offers as oc
from tests.placement.offers import OFFER_2, offer
from tests.placement.questions import ANSWER_BY, asked, asking, said, to
from tests.placement.sample import AT

AGAIN_AT = AT + timedelta(days=1)


def test_the_request_is_not_put_to_the_operator_again_for_a_while() -> None:
    done = asked.when(to(oc.RefuseOffer)).then(said("no", AGAIN_AT))
    done.when(offer(offer_id=OFFER_2, at=AGAIN_AT - timedelta(seconds=1))).then_rejected("operator-asked-lately")
    assert done.after(offer(offer_id=OFFER_2, at=AGAIN_AT)).state.questions[OFFER_2].answer == ""


def test_said_again_it_changes_nothing() -> None:
    asked.given(said("no", AGAIN_AT)).when(to(oc.RefuseOffer)).then_nothing()


def test_it_is_said_once_and_in_time() -> None:
    asked.given(said("yes")).when(to(oc.RefuseOffer)).then_rejected("question-over", answer="yes")
    asked.when(to(oc.RefuseOffer, at=ANSWER_BY)).then_rejected("question-over", answer="none")
    asking.when(to(oc.RefuseOffer)).then_rejected("question-unknown")
