"""A location that asks its operator first: a question, one answer, and a held place only after a yes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from services.placement import commands_offers as oc
from services.placement import events as ev
from services.placement import events_offers as oe
from services.placement import policy
from services.placement.publish import tell
from services.placement.publish_epoch import epoch
from shared.contracts import placement as told
from shared.timers import TimerCleared, TimerSet
from tests.placement.offers import HELD, OFFER, OFFER_2, OFFERED, REQUEST, REQUEST_2, offer, with_unit
from tests.placement.sample import AT, after

ANSWER_BY = after(minutes=15)
ASKS = oe.OffersTurned("west", "ask", AT)
ASKED = oe.OperatorAsked("west", OFFER, REQUEST, "noord", "family_shelter", 5, (), ANSWER_BY, AT)

asking = with_unit.given(ASKS)
asked = with_unit.given(ASKS, ASKED)


def said(answer: str, again_at: datetime = AT, at: datetime = AT) -> oe.QuestionAnswered:
    return oe.QuestionAnswered(OFFER, answer, again_at, at)


def to(command: type[Any], **fields: Any) -> Any:
    given: dict[str, Any] = {"at": AT, "role": "operator", "location": "west"}
    given |= {} if command is oc.TurnOffers else {"offer_id": OFFER}
    return command(**(given | fields))


def test_a_location_is_turned_and_says_so_to_everybody() -> None:
    done = with_unit.when(to(oc.TurnOffers, mode="ask")).then(ASKS)
    [telling] = tell(with_unit.state, [ASKS], done.state)
    assert telling.contract == told.OfferModeTold.of(location="west", site="west", mode="ask")
    asking.when(to(oc.TurnOffers, mode="ask")).then_nothing()
    asking.when(to(oc.TurnOffers, mode="automatic")).then(oe.OffersTurned("west", "automatic", AT))
    with_unit.when(to(oc.TurnOffers, mode="never")).then_rejected("offer-mode-unknown")


def test_a_new_epoch_says_it_again() -> None:
    modes = [one.contract for one in epoch([asking.state, with_unit.state], AT) if one.subject == "west"]
    assert sum(isinstance(contract, told.OfferModeTold) for contract in modes) == 1


def test_a_choice_is_a_question_and_holds_nothing() -> None:
    state = asking.when(offer()).then(ASKED).state
    assert (state.holds, state.offers, len(state.free["family_shelter"])) == ({}, {}, 1)
    assert policy.timers([ASKED]) == [TimerSet(f"question/{OFFER}", ANSWER_BY, "question", "west")]
    assert policy.timers([said("no")]) == [TimerCleared(f"question/{OFFER}")]


def test_one_question_a_request_and_none_where_nothing_is_free() -> None:
    asked.when(offer(offer_id=OFFER_2)).then_nothing()
    other = oe.OperatorAsked("west", OFFER_2, REQUEST_2, "noord", "family_shelter", 5, (), ANSWER_BY, AT)
    asked.when(offer(offer_id=OFFER_2, request_id=REQUEST_2)).then(other)
    asking.when(offer(kind="shelter_24h")).then_rejected("no-place-free")


def test_yes_holds_and_offers_in_one_decision() -> None:
    asked.when(to(oc.AgreeToOffer)).then(said("yes"), HELD, OFFERED)
    asked.given(said("yes"), HELD, OFFERED).when(to(oc.AgreeToOffer)).then_nothing()


def test_yes_to_what_was_offered_or_given_away_meanwhile() -> None:
    in_spite = ev.PlaceHeld(
        "west", OFFER_2, HELD.place_ids, HELD.kind, 5, (), 240, HELD.expires_at, AT
    )  # fmt: skip
    offered = oe.PlaceOffered(OFFER_2, REQUEST, "noord", 6, HELD.expires_at, AT)
    asked.given(in_spite, offered).when(to(oc.AgreeToOffer)).then(said("yes"))
    asked.given(in_spite).when(to(oc.AgreeToOffer)).then_rejected("no-place-free")
    closed = ev.LocationClosed("west", AT)
    asked.given(closed).when(to(oc.AgreeToOffer)).then_rejected("location-closed")


@pytest.mark.parametrize(
    ("command", "answer", "again"),
    [(oc.RefuseOffer, "no", timedelta(days=1)), (oc.PutOffOffer, "later", timedelta(hours=1))],
)
def test_no_and_later_keep_the_request_away_for_a_while(command: type[Any], answer: str, again: timedelta) -> None:
    done = asked.when(to(command)).then(said(answer, AT + again))
    done.when(to(command)).then_nothing()
    done.when(offer(offer_id=OFFER_2, at=AT + again - timedelta(seconds=1))).then_rejected("operator-asked-lately")
    assert done.after(offer(offer_id=OFFER_2, at=AT + again)).state.questions[OFFER_2].answer == ""


def test_an_answer_is_given_once() -> None:
    refused = asked.given(said("no", after(hours=24)))
    refused.when(to(oc.AgreeToOffer)).then_rejected("question-over", answer="no")
    refused.when(to(oc.PutOffOffer)).then_rejected("question-over", answer="no")
    asking.when(to(oc.RefuseOffer)).then_rejected("question-unknown")
    asking.when(to(oc.AgreeToOffer)).then_rejected("question-unknown")
    asking.when(to(oc.PutOffOffer)).then_rejected("question-unknown")


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


def test_what_is_over_is_forgotten_when_another_question_is_asked_days_later() -> None:
    later = asked.given(said("no", after(hours=24))).after(offer(offer_id=OFFER_2, at=after(hours=26)))
    assert list(later.state.questions) == [OFFER_2]


def test_turned_back_it_offers_by_itself() -> None:
    back = oe.OffersTurned("west", "automatic", AT)
    asking.given(back).when(offer()).then(HELD, OFFERED)
