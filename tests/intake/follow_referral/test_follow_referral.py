"""How it goes on with a referral."""

from __future__ import annotations

from typing import Any

import pytest

from services.intake import commands_guidance as cmd
from services.intake import events_guidance as ev
from tests.intake.guided import AGREED, ATTENDED, OVER, REFERRED, SENT, SENT_2, sealed
from tests.intake.sample import ANNA, ERASED, REGISTERED, T0, asked, at_desk


def follow(state: str, appointment: str | None = None, **more: Any) -> Any:
    return asked(cmd.FollowReferral, **({"referral_id": SENT, "state": state, "appointment": appointment} | more))


def followed(state: str, appointment: str | None = None) -> ev.ReferralFollowed:
    return ev.ReferralFollowed(ANNA, SENT, state, appointment, T0)


def test_an_appointment_is_made_kept_and_the_referral_ends() -> None:
    agreed = at_desk.given(REGISTERED, REFERRED).when(follow("appointment", sealed("monday"))).then(AGREED)
    agreed.when(follow("attended")).then(ATTENDED).when(follow("ended")).then(OVER)


def test_who_did_not_come_may_get_another_appointment() -> None:
    missed = at_desk.given(REGISTERED, REFERRED, AGREED).when(follow("did_not_attend")).then(followed("did_not_attend"))
    again = missed.when(follow("appointment", sealed("friday"))).then(followed("appointment", sealed("friday")))
    known = again.state.referrals[SENT]
    assert (known.first, known.appointment) == (sealed("monday"), sealed("friday"))


def test_an_appointment_that_was_moved_before_anybody_went_is_the_first_one() -> None:
    moved = at_desk.given(REGISTERED, REFERRED, AGREED, followed("appointment", sealed("friday")))
    assert moved.state.referrals[SENT].first == sealed("friday")


def test_the_same_once_more_changes_nothing() -> None:
    given = at_desk.given(REGISTERED, REFERRED, AGREED)
    given.when(follow("appointment", sealed("monday"))).then_nothing()
    given.given(ATTENDED).when(follow("attended")).then_nothing()
    given.given(OVER).when(follow("ended")).then_nothing()


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        (follow("lost"), "referral-state-unknown"),
        (follow("made"), "referral-state-unknown"),
        (follow("appointment"), "appointment-missing"),
        (follow("attended", sealed("monday")), "appointment-missing"),
        (follow("appointment", "monday"), "not-sealed"),
        (follow("attended", referral_id=SENT_2), "referral-unknown"),
        (follow("attended"), "referral-without-appointment"),
        (follow("ended", if_version=1), "version-stale"),
    ],
)
def test_what_cannot_be_says_why(wish: Any, code: str) -> None:
    at_desk.given(REGISTERED, REFERRED).when(wish).then_rejected(code)


def test_what_ended_is_over() -> None:
    given = at_desk.given(REGISTERED, REFERRED, OVER)
    given.when(follow("appointment", sealed("monday"))).then_rejected("referral-ended")
    given.given(ERASED).when(follow("attended")).then_rejected("client-erased")
