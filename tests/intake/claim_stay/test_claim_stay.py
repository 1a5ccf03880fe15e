"""Somebody who walked in is known now: their stay fills the slot, once its owner has found it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from services.intake import commands_offers as oc
from services.intake import events_offers as oe
from services.intake.decider_file import doubles
from services.intake.publish import tell
from services.intake.publish_offers import letter
from shared.contracts import intake as told
from tests.intake.offers import ASK, EXPECTED, OFFER, accept, accepted, decline, declined, received, word
from tests.intake.sample import ANNA, ASKED, ERASED, OPENED, REGISTERED, T0, asked, at_desk

CLAIM, STAY = "88888888-8888-4888-8888-888888888888", "99999999-9999-4999-8999-999999999999"
CLAIMED = oe.StayClaimed(ANNA, CLAIM, CLAIM, 1, STAY, "west", "west-2", "night_shelter", T0 + ASK, T0)
AGAIN = T0 + timedelta(hours=12)


def heard(said: str, number: int = 10, **more: Any) -> oe.OfferWordHeard:
    given: dict[str, Any] = {"reason": None, "turn": 1, "again_at": None} | more
    return oe.OfferWordHeard(
        ANNA, CLAIM, CLAIM, said, given["reason"], given["turn"], 1, number, None, given["again_at"], T0
    )  # fmt: skip


HOUSED = heard("housed", again_at=AGAIN)

registered = at_desk.given(REGISTERED)
claimed = at_desk.given(REGISTERED, CLAIMED)
lives_there = at_desk.given(REGISTERED, OPENED, CLAIMED, HOUSED)


def claim(**fields: Any) -> oc.ClaimStay:
    given = {"claim_id": CLAIM, "stay_id": STAY, "site": "west", "location": "west-2", "kind": "night_shelter"}
    made: oc.ClaimStay = asked(oc.ClaimStay, **(given | fields))
    return made


def said(what: str, number: int = 10, **fields: Any) -> oc.HearWord:
    return word(what, number, CLAIM, **({"request_id": CLAIM} | fields))


def test_it_fills_the_slot_before_its_owner_has_answered() -> None:
    state = registered.when(claim()).then(CLAIMED).state
    assert (state.slot, state.offers[CLAIM].unanswered) == (CLAIM, True)
    claimed.when(claim()).then_nothing()


def test_its_owner_is_written_to_under_an_id_that_is_not_the_stays() -> None:
    written = letter(claimed.state, claimed.state.offers[CLAIM])
    assert (written.letter, written.to, written.request_id) == (told.StayClaimed, "west", CLAIM)
    again = oe.OfferLetterRepeated(ANNA, CLAIM, CLAIM, 1, T0 + 3 * ASK, T0 + ASK)
    claimed.when(asked(oc.RepeatOfferLetter, offer_id=CLAIM, at=T0 + ASK, role="system")).then(again)


def test_nobody_claims_who_has_a_place_or_is_expected_in_one() -> None:
    expected = at_desk.given(REGISTERED, OPENED, received(), accepted(), EXPECTED)
    expected.when(claim(override="owner_silent")).then_rejected("slot-taken", offer_id=OFFER)
    other = claim(claim_id="77777777-7777-4777-8777-777777777777")
    lives_there.when(other).then_rejected("slot-taken", offer_id=CLAIM)


def test_while_an_acceptance_is_unanswered_a_claim_needs_a_reason_and_its_owner_is_told() -> None:
    unanswered = at_desk.given(REGISTERED, OPENED, received(), accepted())
    unanswered.when(claim()).then_rejected("slot-unanswered", offer_id=OFFER, site="west")
    unanswered.when(claim(override="tired")).then_rejected("override-reason-unknown")
    overriding = replace(CLAIMED, override="owner_silent")
    state = unanswered.when(claim(override="owner_silent")).then(declined("overridden", turn=2), overriding).state
    assert (state.slot, doubles(state)) == (CLAIM, [OFFER])
    called_off = letter(state, state.offers[OFFER])
    assert (called_off.letter, called_off.to) == (told.PlaceDeclined, "west")
    claimed.when(claim(override="owner_silent")).then_nothing()


def test_found_they_live_there_and_nothing_is_told_of_a_request() -> None:
    done = claimed.when(said("housed")).then(HOUSED)
    assert done.state.home is not None
    tellings = [type(one.contract) for one in tell(claimed.state, [HOUSED], done.state)]
    assert tellings == [told.ClientHoused]


def test_not_found_the_slot_is_free_and_it_may_be_claimed_again() -> None:
    refused = claimed.when(said("withdrawn", reason="offer-unknown", turn=0)).then(
        heard("withdrawn", reason="offer-unknown", turn=0)
    )
    assert refused.state.slot == ""
    second = oe.StayClaimed(ANNA, CLAIM, CLAIM, 2, STAY, "west", "west-2", "night_shelter", T0 + ASK, T0)
    assert refused.when(claim()).then(second).state.slot == CLAIM


def test_one_that_is_over_is_over() -> None:
    left = lives_there.given(heard("left", 11))
    left.when(claim()).then_rejected("offer-ended", how="left")
    assert left.state.slot == ""


def test_what_they_asked_for_stays_open_and_is_a_transfer_now() -> None:
    asking = at_desk.given(REGISTERED, OPENED, received(), CLAIMED)
    state = asking.when(said("housed")).then(HOUSED).state
    assert [request.id for request in state.open_requests] == [ASKED]
    moving = asking.given(HOUSED).when(accept()).then(accepted())
    assert (moving.state.slot, moving.state.moving_to) == (CLAIM, OFFER)


def test_checked_in_elsewhere_they_give_up_what_they_had_claimed() -> None:
    moving = at_desk.given(REGISTERED, OPENED, received(), CLAIMED, HOUSED, accepted())
    state = moving.after(word("housed", 11)).state
    assert (state.slot, state.offers[CLAIM].given_up) == (OFFER, T0)
    assert letter(state, state.offers[CLAIM]).letter is told.PlaceGivenUp


def test_a_claim_is_no_offer_to_accept_and_can_be_called_off_while_it_is_unanswered() -> None:
    claimed.when(accept(CLAIM)).then_rejected("offer-unknown")
    off = oe.OfferDeclined(ANNA, CLAIM, CLAIM, 2, "too_far", T0 + ASK, T0)
    state = claimed.when(decline(CLAIM)).then(off).state
    assert letter(state, state.offers[CLAIM]).letter is told.PlaceDeclined


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"claim_id": "x"}, "id-invalid"),
        ({"stay_id": "x"}, "id-invalid"),
        ({"site": "Not a site"}, "site-invalid"),
        ({"location": "Not a house"}, "location-name-invalid"),
        ({"kind": "castle"}, "kind-unknown"),
        ({"kind": "allowance"}, "kind-without-beds"),
    ],
)
def test_what_cannot_be_claimed_says_why(wrong: dict[str, str], code: str) -> None:
    registered.when(claim(**wrong)).then_rejected(code)


def test_nobody_claims_out_of_an_erased_file() -> None:
    at_desk.given(REGISTERED, ERASED).when(claim()).then_rejected("client-erased")
