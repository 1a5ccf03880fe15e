"""A file is to go to another desk: it is frozen until that one has decided."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.intake import commands as cmd
from services.intake import commands_guidance as guide
from services.intake import commands_offers as oc
from services.intake import events_handover as ev
from tests.intake.handover import BEGUN, CALLED_OFF, OVER_2, ended, hand_over
from tests.intake.offers import (
    BY,
    CODE,
    EXPECTED,
    HOUSED,
    OFFER,
    OFFER_2,
    PLACED,
    accept,
    accepted,
    declined,
    hear,
    heard,
    received,
    word,
)
from tests.intake.sample import (
    ANNA,
    ASKED,
    CARD_2,
    ERASED,
    FACTS_2,
    OPENED,
    READ,
    REGISTERED,
    T0,
    WITHDRAWN,
    asked,
    at_desk,
    open_request,
)

frozen = at_desk.given(REGISTERED, OPENED, received(), BEGUN)

WORK: list[cmd.ClientCommand] = [
    asked(cmd.CorrectClient, reason="news", card=CARD_2),
    open_request(),
    asked(cmd.PrioritizeRequest, request_id=ASKED, facts=FACTS_2, priority_band=0, rules_version=1),
    asked(cmd.WithdrawRequest, request_id=ASKED, reason="mistake"),
    asked(cmd.NoteUnmet, request_id=ASKED),
    asked(cmd.EraseClient, because="asked_by_client"),
    asked(cmd.EraseClient, because="retention"),
    asked(guide.StartTrajectory, trajectory_id=READ, goals=CARD_2),
    accept(),
    asked(oc.DeclineOffer, offer_id=OFFER, reason="too_far"),
    asked(oc.ClaimStay, claim_id=READ, stay_id=READ, site="west", location="west-2", kind="shelter_24h"),
]


def test_it_is_under_way() -> None:
    at_desk.given(REGISTERED, OPENED).when(hand_over()).then(BEGUN)
    at_desk.given(REGISTERED, BEGUN, ended("declined")).when(hand_over(hand_over_id=OVER_2)).then(
        ev.HandOverBegun(ANNA, OVER_2, "west", T0)
    )


def test_the_same_again_changes_nothing() -> None:
    frozen.when(hand_over()).then_nothing()


def test_a_file_goes_to_one_desk_at_a_time() -> None:
    frozen.when(hand_over(hand_over_id=OVER_2)).then_rejected("hand-over-under-way", site="west")
    frozen.when(hand_over(site="zuidoost")).then_rejected("hand-over-under-way", site="west")


def test_nobody_works_with_a_file_that_another_desk_may_have() -> None:
    for command in WORK:
        frozen.when(command).then_rejected("hand-over-under-way", site="west")
        frozen.given(CALLED_OFF).when(command).then_rejected("hand-over-under-way")


def test_owners_of_places_are_heard_and_it_may_be_looked_into() -> None:
    read = asked(cmd.ReadPersonal, read_id=READ, purpose="contact")
    for command in (read, hear(READ), word("withdrawn"), asked(oc.RepeatOfferLetter, offer_id=OFFER, at=BY)):
        outcome = frozen.after(command)
        assert outcome.state.hand_over == frozen.state.hand_over


def test_a_key_that_is_destroyed_already_waits_for_nobody() -> None:
    erased = frozen.after(asked(cmd.EraseClient, because="backup_restored"))
    assert erased.state.hand_over is None
    assert erased.state.erased_at == T0


@pytest.mark.parametrize(
    ("events", "code"),
    [
        ([accepted()], "slot-unanswered"),
        ([accepted(), EXPECTED], "slot-taken"),
        ([accepted(), EXPECTED, HOUSED, PLACED], "client-housed"),
    ],
)
def test_whoever_is_expected_somewhere_or_lives_there_is_not_handed_over(events: list[Any], code: str) -> None:
    """Their owner writes to this desk."""
    at_desk.given(REGISTERED, OPENED, received(), *events).when(hand_over()).then_rejected(code, offer_id=OFFER)


def test_whoever_may_be_at_a_place_that_was_overridden_is_not_handed_over_before_its_owner_has_answered() -> None:
    """The place that was taken instead came to nothing: the file has no place, and may have one."""
    instead: list[Any] = [declined("overridden", turn=2), accepted(OFFER_2, override="owner_silent")]
    came_to_nothing = heard("no_show", offer_id=OFFER_2)
    double = at_desk.given(REGISTERED, OPENED, received(), received(OFFER_2, "zuidoost"), accepted(), *instead)
    double.given(came_to_nothing).when(hand_over()).then_rejected("slot-unanswered", offer_id=OFFER)
    ended_there = heard("called_off", number=12, turn=2)
    double.given(came_to_nothing, ended_there).when(hand_over()).then(BEGUN)


def test_what_is_no_hand_over() -> None:
    at_desk.given(REGISTERED).when(hand_over(hand_over_id="x")).then_rejected("id-invalid")
    at_desk.given(REGISTERED).when(hand_over(site="No Site")).then_rejected("site-invalid")
    at_desk.when(hand_over()).then_rejected("client-unknown")
    at_desk.given(REGISTERED, OPENED, WITHDRAWN, ERASED).when(hand_over()).then_rejected("client-erased")


def test_it_may_last() -> None:
    later = frozen.after(hear(READ, at=T0 + timedelta(hours=1)))
    later.when(accept(expected_by=BY, arrival=CODE)).then_rejected("hand-over-under-way")
