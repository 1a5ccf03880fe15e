"""A desk says whose an anonymous stay is: once a stay, and the stay's own location looks."""

from __future__ import annotations

from typing import Any

from services.placement import commands_offers as oc
from services.placement import events as ev
from services.placement import events_offers as oe
from services.placement.publish_offers import letters
from tests.placement.offers import with_housed
from tests.placement.sample import A1, AT, STAY, opened, uid, west

CLAIM, CLAIM_2 = uid(501), uid(502)
CLAIMED = oe.StayClaimed(CLAIM, CLAIM, "noord", 1, STAY, AT)
WALKED_IN = ev.StayBegan(STAY, (A1,), "night_shelter", 1, AT, AT)

with_stay = west.given(opened(A1, kind="night_shelter"), WALKED_IN)


def claim(**fields: Any) -> oc.ClaimStay:
    given: dict[str, Any] = {
        "at": AT, "role": "system", "location": "west", "offer_id": CLAIM, "request_id": CLAIM, "site": "noord",
        "turn": 1, "stay_id": STAY, "kind": "night_shelter",
    }  # fmt: skip
    return oc.ClaimStay(**(given | fields))


def word(claim_id: str = CLAIM) -> oe.WordRepeated:
    return oe.WordRepeated(claim_id, claim_id, "noord", AT)


def answer(events: list[ev.LocationEvent], after: Any) -> tuple[str, str, str]:
    [written, *_] = letters(with_stay.state, events, after)
    body: Any = written.draft.body
    return written.to, written.draft.request_id, body.word


def test_the_stay_is_theirs_and_their_desk_hears_that_they_live_here() -> None:
    done = with_stay.when(claim()).then(CLAIMED)
    assert answer([CLAIMED], done.state) == ("noord", CLAIM, "housed")


def test_asked_again_it_is_answered_again() -> None:
    given = with_stay.given(CLAIMED)
    given.when(claim()).then(word())
    given.when(claim(turn=2)).then(word())
    assert answer([word()], given.state) == ("noord", CLAIM, "housed")


def test_a_stay_is_claimed_once_whoever_lives_there() -> None:
    second = claim(offer_id=CLAIM_2, request_id=CLAIM_2)
    given = with_stay.given(CLAIMED)
    assert answer([word(CLAIM_2)], given.when(second).then(word(CLAIM_2)).state) == ("noord", CLAIM_2, "withdrawn")
    by_offer = claim(kind="family_shelter")
    with_housed.when(by_offer).then(word())


def test_no_such_stay_or_of_another_kind_or_of_a_night_report() -> None:
    west.given(opened(A1, kind="night_shelter")).when(claim()).then(word())
    with_stay.when(claim(kind="shelter_24h")).then(word())
    over = with_stay.given(ev.StayEnded(STAY, (A1,), "moved_on", AT, AT))
    over.when(claim()).then(word())
    counted = ev.StaysBegan("programme", "night_shelter", (ev.InPlace(STAY, A1),), AT, AT)
    west.given(opened(A1, kind="night_shelter", programme="programme"), counted).when(claim()).then(word())


def test_their_desk_hears_when_it_ends_and_when_that_was_a_mistake() -> None:
    ended = ev.StayEnded(STAY, (A1,), "moved_on", AT, AT)
    left = with_stay.given(CLAIMED, ended)
    assert answer([ended], left.state) == ("noord", CLAIM, "left")
    back = ev.StayResumed(STAY, (A1,), AT)
    assert answer([back], left.given(back).state) == ("noord", CLAIM, "housed")


def test_who_claims_says_who_they_are() -> None:
    with_stay.when(claim(site="Not a site")).then_rejected("site-invalid")
    with_stay.when(claim(offer_id="x")).then_rejected("id-invalid")
    with_stay.given(CLAIMED).when(claim(site="zuidoost")).then_rejected("offer-of-another-site")


def test_the_timer_of_no_hold_has_nothing_to_do_with_a_claim() -> None:
    from services.placement.commands import LapseHold

    with_stay.given(CLAIMED).when(LapseHold(at=AT, role="system", location="west", hold_id=CLAIM)).then_nothing()
