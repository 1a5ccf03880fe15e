"""A house that asks its operator before it offers, and a question about a request of `noord`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.placement import commands_offers as oc
from services.placement import events_offers as oe
from tests.placement.offers import OFFER, REQUEST, with_unit
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
