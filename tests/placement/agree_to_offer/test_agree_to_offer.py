"""The operator says yes: a place is held and offered in the same decision."""

from __future__ import annotations

from services.placement import commands_offers as oc
from services.placement import events as ev
from services.placement import events_offers as oe
from tests.placement.offers import HELD, OFFER_2, OFFERED, REQUEST
from tests.placement.questions import asked, asking, said, to
from tests.placement.sample import AT, after


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


def test_an_answer_is_given_once() -> None:
    refused = asked.given(said("no", after(hours=24)))
    refused.when(to(oc.AgreeToOffer)).then_rejected("question-over", answer="no")
    refused.when(to(oc.PutOffOffer)).then_rejected("question-over", answer="no")
    asking.when(to(oc.RefuseOffer)).then_rejected("question-unknown")
    asking.when(to(oc.AgreeToOffer)).then_rejected("question-unknown")
    asking.when(to(oc.PutOffOffer)).then_rejected("question-unknown")
