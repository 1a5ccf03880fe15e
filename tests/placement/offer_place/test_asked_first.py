"""A location that asks first: being chosen is a question, and holds nothing."""

from __future__ import annotations

from msgspec.structs import replace

from services.placement import events_offers as oe
from services.placement import policy
from services.placement.publish import tell
from shared.contracts.placement import QuestionTold
from shared.timers import TimerCleared, TimerSet
from tests.placement.offers import OFFER, OFFER_2, REQUEST_2, offer
from tests.placement.questions import ANSWER_BY, ASKED, asked, asking, said
from tests.placement.sample import AT, after, uid


def test_a_choice_is_a_question_and_holds_nothing() -> None:
    state = asking.when(offer()).then(ASKED).state
    assert (state.holds, state.offers, len(state.free_of("family_shelter"))) == ({}, {}, 1)
    assert policy.timers([ASKED]) == [TimerSet(f"question/{OFFER}", ANSWER_BY, "question", "west")]
    assert policy.timers([said("no")]) == [TimerCleared(f"question/{OFFER}")]


def test_this_site_hears_that_its_operator_is_asked_and_when_no_more() -> None:
    told = [
        telling.contract
        for event in (ASKED, said("later"))
        for telling in tell(asking.state, [event], asked.given(said("later")).state)
    ]
    about = {"location": "west", "question_id": OFFER, "kind": "family_shelter", "answer_by": ANSWER_BY, "at": AT}
    assert told == [QuestionTold.of(**about, open=True), QuestionTold.of(**about, open=False)]


def test_one_question_a_request_and_none_where_nothing_is_free() -> None:
    asked.when(offer(offer_id=OFFER_2)).then_nothing()
    other = oe.OperatorAsked("west", OFFER_2, REQUEST_2, "noord", "family_shelter", 5, (), ANSWER_BY, AT)
    asked.when(offer(offer_id=OFFER_2, request_id=REQUEST_2)).then(other)
    asking.when(offer(kind="shelter_24h")).then_rejected("no-place-free")


def test_what_is_over_is_forgotten_when_another_question_is_asked_days_later() -> None:
    later = asked.given(said("no", after(hours=24))).after(offer(offer_id=OFFER_2, at=after(hours=26)))
    assert list(later.state.questions) == [OFFER_2]


def test_what_may_be_asked_again_counts_for_no_limit() -> None:
    over = [
        event
        for number in range(500)
        for event in (
            replace(ASKED, offer_id=uid(1000 + number), request_id=uid(2000 + number)),
            oe.QuestionAnswered(uid(1000 + number), "none", after(minutes=30), ANSWER_BY),
        )
    ]
    full = asking.given(*over)
    full.when(offer(at=after(minutes=29))).then_rejected("too-many-offers", offers_max=500)
    assert full.after(offer(at=after(minutes=30))).state.questions[OFFER].answer == ""
