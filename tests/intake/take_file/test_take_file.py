"""A file that another desk handed over begins here, with all it knew."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from services.intake import events as fe
from services.intake import policy
from services.intake.commands import NoteUnmet
from services.intake.commands_handover import TakenRequest
from services.intake.decider_parts import turn_at
from services.intake.events_guidance import AppointmentMade
from services.intake.events_handover import TakenReferral, TakenTrajectory
from services.intake.publish import tell
from shared.contracts import intake as told
from tests.intake.handover import OVER, OVER_2, TAKEN_OVER, take
from tests.intake.sample import ANNA, ASKED, CARD_2, FACTS, READ, REGISTERED, T0, asked, at_desk

SINCE = date(2025, 12, 1)
WAITS = TakenRequest(ASKED, ("family_shelter",), ("cot",), 5, ("west",), FACTS, 1, 1, SINCE, counted=True)
OPENED = fe.RequestOpened(
    ANNA, ASKED, ("family_shelter",), ("cot",), 5, ("west",), FACTS, 1, 1, SINCE, T0, counted=True
)  # fmt: skip
WAY = TakenTrajectory(READ, CARD_2, T0, {OVER_2: CARD_2}, None, "")
REFERRED = TakenReferral(READ, CARD_2, T0, "made", None, None)


def test_whoever_waited_waits_on_since_when_they_did() -> None:
    after = at_desk.when(take(request=WAITS)).then(TAKEN_OVER, OPENED)
    assert after.state.requests[ASKED].waiting_since == SINCE
    after.when(asked(NoteUnmet, request_id=ASKED)).then_nothing()


def test_who_guides_them_goes_on() -> None:
    after = at_desk.given().after(take(trajectories=(WAY,), referrals=(REFERRED,)))
    assert after.state.open_trajectory is not None
    assert after.state.open_trajectory.milestones == {OVER_2: CARD_2}
    assert after.state.referrals[READ].state == "made"


def test_where_they_are_expected_is_known_here_and_they_know_it() -> None:
    later, over = T0 + timedelta(days=2), T0 - timedelta(days=2)
    made = AppointmentMade(ANNA, OVER_2, turn_at(T0, 2), later, T0, known=True)
    after = at_desk.when(take(expected={OVER_2: later, OVER: over})).then(TAKEN_OVER, made)
    contract = tell(at_desk.given().state, [made], after.state)[0].contract
    assert isinstance(contract, told.AppointmentMade)
    assert contract.known


def test_nothing_of_it_is_counted_a_second_time() -> None:
    taken = at_desk.given().after(take(trajectories=(WAY,), referrals=(REFERRED,))).state
    event = fe.CODEC.decode(fe.CODEC.encode(TAKEN_OVER))
    assert policy.timers([event]) == []
    assert taken.taken_as == OVER


def test_this_sites_services_hear_of_a_client_and_the_network_of_a_request() -> None:
    after = at_desk.given().after(take(request=WAITS)).state
    contracts = [each.contract for each in tell(at_desk.given().state, [TAKEN_OVER, OPENED], after)]
    assert [type(each) for each in contracts] == [told.ClientRegistered, told.RequestOpened, told.RequestNoticed]


def test_it_begins_once() -> None:
    at_desk.given(TAKEN_OVER).when(take()).then_nothing()
    at_desk.given(TAKEN_OVER).when(take(hand_over_id=OVER_2)).then_rejected("client-id-used")
    at_desk.given(REGISTERED).when(take()).then_rejected("client-id-used")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"client_id": "anna"}, "id-invalid"),
        ({"site": "No Site"}, "site-invalid"),
        ({"card": "Anna"}, "not-sealed"),
        ({"personal": "Anna"}, "not-sealed"),
        ({"trajectories": (TakenTrajectory(READ, CARD_2, T0, {OVER_2: "a step"}, None, ""),)}, "not-sealed"),
        ({"referrals": (TakenReferral(READ, CARD_2, T0, "made", "tomorrow", None),)}, "not-sealed"),
        ({"request": TakenRequest(ASKED, (), (), 5, (), FACTS, 1, 1, SINCE, counted=False)}, "kinds-missing"),
        ({"request": TakenRequest(ASKED, ("family_shelter",), (), 50, (), FACTS, 1, 1, SINCE, counted=False)},
         "household-size-invalid"),
    ],
)  # fmt: skip
def test_what_no_desk_would_have_written_is_not_taken(fields: dict[str, Any], code: str) -> None:
    at_desk.when(take(**fields)).then_rejected(code)


def test_nobody_waits_since_tomorrow() -> None:
    tomorrow = TakenRequest(
        ASKED, ("family_shelter",), (), 5, (), FACTS, 1, 1, T0.date() + timedelta(days=1), counted=False
    )
    assert at_desk.given().after(take(request=tomorrow)).state.requests[ASKED].waiting_since == T0.date()
