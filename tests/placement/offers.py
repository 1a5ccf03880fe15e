"""A house with a family unit, and an offer of it to a request of `noord`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from services.placement import commands as cmd
from services.placement import commands_offers as oc
from services.placement import events as ev
from services.placement import events_offers as oe
from tests.placement.sample import A1, AT, STAY, after, opened, uid, west

OFFER, OFFER_2, REQUEST, REQUEST_2 = uid(301), uid(302), uid(401), uid(402)
CODE, CODE_2 = "a" * 32 + "." + "1" * 64, "b" * 32 + "." + "2" * 64
UNTIL, BY = after(minutes=240), after(hours=10)

HELD = ev.PlaceHeld("west", OFFER, (A1,), "family_shelter", 5, (), 240, UNTIL, AT)
OFFERED = oe.PlaceOffered(OFFER, REQUEST, "noord", 6, UNTIL, AT)
ACCEPTED = oe.OfferAccepted("west", OFFER, 1, 4, BY, CODE, False, AT)
CHECKED_IN = ev.StayBegan(STAY, (A1,), "family_shelter", 4, AT, AT, OFFER)
CANCELLED = ev.HoldCancelled(OFFER, (A1,), AT)
WORD = oe.WordRepeated(OFFER, REQUEST, "noord", AT)

with_unit = west.given(opened(A1, kind="family_shelter", sleeps=6))
with_offer = west.given(opened(A1, kind="family_shelter", sleeps=6), HELD, OFFERED)
with_accepted = west.given(opened(A1, kind="family_shelter", sleeps=6), HELD, OFFERED, ACCEPTED)
with_housed = west.given(opened(A1, kind="family_shelter", sleeps=6), HELD, OFFERED, ACCEPTED, CHECKED_IN)


def ended(how: str, reason: str | None = None, at: datetime = AT) -> oe.OfferEnded:
    return oe.OfferEnded(OFFER, how, reason, at)


def offer(**fields: Any) -> oc.OfferPlace:
    """West was chosen for a family of at most five at noord, unless said otherwise."""
    given: dict[str, Any] = {
        "at": AT, "role": "system", "location": "west", "offer_id": OFFER, "request_id": REQUEST, "site": "noord",
        "kind": "family_shelter", "household_size": 5,
    }  # fmt: skip
    return oc.OfferPlace(**(given | fields))


def take(**fields: Any) -> oc.TakeOffer:
    """The desk accepts for a family of four."""
    given: dict[str, Any] = {
        "at": AT, "role": "system", "location": "west", "offer_id": OFFER, "request_id": REQUEST, "site": "noord",
        "turn": 1, "household_size": 4, "expected_by": BY, "arrival": CODE,
    }  # fmt: skip
    return oc.TakeOffer(**(given | fields))


def drop(**fields: Any) -> oc.DropOffer:
    given: dict[str, Any] = {
        "at": AT, "role": "system", "location": "west", "offer_id": OFFER, "request_id": REQUEST, "site": "noord",
        "turn": 1, "reason": "too_far",
    }  # fmt: skip
    return oc.DropOffer(**(given | fields))


def check_in(arrival: str | None = CODE, at: datetime = AT) -> cmd.CheckInHold:
    return cmd.CheckInHold(at=at, role="operator", location="west", hold_id=OFFER, stay_id=STAY, arrival=arrival)


def lapse(at: datetime) -> cmd.LapseHold:
    return cmd.LapseHold(at=at, role="system", location="west", hold_id=OFFER)


A_MINUTE = timedelta(minutes=1)
