"""A file with an open request for five, and offers of `west` and `zuidoost`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from services.intake import commands_offers as oc
from services.intake import events_offers as oe
from tests.intake.sample import ANNA, ASKED, OPENED, REGISTERED, T0, asked, at_desk

OFFER, OFFER_2 = "55555555-5555-4555-8555-555555555555", "66666666-6666-4666-8666-666666666666"
CODE, CODE_2 = "a" * 32 + "." + "1" * 64, "b" * 32 + "." + "2" * 64
UNTIL, BY = T0 + timedelta(hours=4), T0 + timedelta(hours=6)
ASK, MINUTE = timedelta(seconds=2), timedelta(minutes=1)


def received(offer_id: str = OFFER, site: str = "west", sleeps: int = 6, fits: bool = True) -> oe.OfferReceived:
    return oe.OfferReceived(
        ANNA, ASKED, offer_id, site, f"{site}-2", "family_shelter", sleeps, UNTIL, UNTIL + MINUTE, T0, fits
    )  # fmt: skip


def accepted(offer_id: str = OFFER, turn: int = 1, override: str | None = None, **more: Any) -> oe.OfferAccepted:
    given: dict[str, Any] = {"expected_by": BY, "arrival": CODE} | more
    return oe.OfferAccepted(
        ANNA, ASKED, offer_id, turn, 5, given["expected_by"], given["arrival"], override, T0 + ASK, T0
    )  # fmt: skip


def declined(reason: str, offer_id: str = OFFER, turn: int = 1, at: datetime = T0) -> oe.OfferDeclined:
    return oe.OfferDeclined(ANNA, ASKED, offer_id, turn, reason, at + ASK, at)


def heard(word: str, number: int = 10, offer_id: str = OFFER, turn: int = 1, **more: Any) -> oe.OfferWordHeard:
    """again_at: None unless said otherwise; at: T0."""
    given: dict[str, Any] = {"reason": None, "until": None, "again_at": None, "at": T0} | more
    return oe.OfferWordHeard(
        ANNA, ASKED, offer_id, word, given["reason"], turn, 1, number, given["until"], given["again_at"], given["at"]
    )  # fmt: skip


PLACED = oe.RequestPlaced(ANNA, ASKED, OFFER, T0)
EXPECTED = heard("expected", until=BY, again_at=BY + MINUTE)
HOUSED = heard("housed", number=11, again_at=T0 + timedelta(hours=12))

with_request = at_desk.given(REGISTERED, OPENED)
with_offer = at_desk.given(REGISTERED, OPENED, received())
with_two = at_desk.given(REGISTERED, OPENED, received(), received(OFFER_2, "zuidoost"))
with_accepted = at_desk.given(REGISTERED, OPENED, received(), received(OFFER_2, "zuidoost"), accepted())


def hear(offer_id: str = OFFER, **fields: Any) -> oc.HearOffer:
    given = {
        "request_id": ASKED, "site": "west", "location": "west-2", "kind": "family_shelter", "sleeps": 6,
        "expires_at": UNTIL, "role": "system",
    }  # fmt: skip
    made: oc.HearOffer = asked(oc.HearOffer, offer_id=offer_id, **(given | fields))
    return made


def accept(offer_id: str = OFFER, **fields: Any) -> oc.AcceptOffer:
    given = {"expected_by": BY, "arrival": CODE}
    made: oc.AcceptOffer = asked(oc.AcceptOffer, offer_id=offer_id, **(given | fields))
    return made


def decline(offer_id: str = OFFER, reason: str = "too_far", **fields: Any) -> oc.DeclineOffer:
    made: oc.DeclineOffer = asked(oc.DeclineOffer, offer_id=offer_id, reason=reason, **fields)
    return made


def word(said: str, number: int = 10, offer_id: str = OFFER, **fields: Any) -> oc.HearWord:
    given = {"request_id": ASKED, "site": "west", "turn": 1, "role": "system"}
    made: oc.HearWord = asked(oc.HearWord, offer_id=offer_id, word=said, number=number, **(given | fields))
    return made
