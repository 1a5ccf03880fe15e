"""How it goes on with a referral."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from services.intake import commands_guidance as cmd
from services.intake import events_guidance as ev
from services.intake.decider_parts import turn_at
from tests.intake.guided import AGREED, ATTENDED, EXPECTED, FRIDAY, MONDAY, OVER, REFERRED, SENT, SENT_2, WENT, sealed
from tests.intake.sample import ANNA, ERASED, REGISTERED, T0, asked, at_desk

GIVEN = (REGISTERED, REFERRED, AGREED, EXPECTED)


def follow(state: str, appointment: str | None = None, **more: Any) -> Any:
    return asked(cmd.FollowReferral, **({"referral_id": SENT, "state": state, "appointment": appointment} | more))


def agree(appointment: str, starts_at: datetime) -> Any:
    return follow("appointment", sealed(appointment), starts_at=starts_at)


def followed(state: str, appointment: str | None = None) -> ev.ReferralFollowed:
    return ev.ReferralFollowed(ANNA, SENT, state, appointment, T0)


FRIDAYS = followed("appointment", sealed("friday"))


def test_an_appointment_is_made_kept_and_the_referral_ends() -> None:
    agreed = at_desk.given(REGISTERED, REFERRED).when(agree("monday", MONDAY)).then(AGREED, EXPECTED)
    agreed.when(follow("attended")).then(ATTENDED, WENT).when(follow("ended")).then(OVER)


def test_who_did_not_come_may_get_another_appointment() -> None:
    missed = at_desk.given(*GIVEN).when(follow("did_not_attend")).then(followed("did_not_attend"), WENT)
    another = ev.AppointmentMade(ANNA, SENT, turn_at(T0, 7), FRIDAY, T0)
    again = missed.when(agree("friday", FRIDAY)).then(FRIDAYS, another)
    known = again.state.referrals[SENT]
    assert (known.first, known.appointment) == (sealed("monday"), sealed("friday"))


def test_an_appointment_that_was_moved_before_anybody_went_is_the_first_one() -> None:
    moved_to = ev.AppointmentMade(ANNA, SENT, turn_at(T0, 5), FRIDAY, T0, replaces=EXPECTED.turn)
    moved = at_desk.given(*GIVEN).when(agree("friday", FRIDAY)).then(FRIDAYS, moved_to)
    assert moved.state.referrals[SENT].first == sealed("friday")
    there_and_back = ev.AppointmentMade(ANNA, SENT, turn_at(T0, 7), MONDAY, T0, replaces=moved_to.turn)
    back = moved.when(agree("monday", MONDAY)).then(AGREED, there_and_back)
    assert back.state.appointments.keys() == {SENT}


def test_a_turn_that_was_told_is_not_given_again_by_a_file_that_was_put_back() -> None:
    """The backup is from before the appointment was moved to Friday, of which the client has heard: moved once more,
    they hear of that, too."""
    later = T0 + timedelta(minutes=10)
    moved, again = (
        ev.AppointmentMade(ANNA, SENT, turn_at(at, 5), FRIDAY, at, replaces=EXPECTED.turn) for at in (T0, later)
    )
    at_desk.given(*GIVEN).when(agree("friday", FRIDAY)).then(FRIDAYS, moved)
    at_desk.given(*GIVEN).when(replace(agree("friday", FRIDAY), at=later)).then(replace(FRIDAYS, at=later), again)
    assert EXPECTED.turn < moved.turn < again.turn < 2**53


def test_a_clock_that_is_put_back_gives_a_higher_turn_all_the_same() -> None:
    ahead = ev.AppointmentMade(ANNA, SENT, turn_at(FRIDAY, 3), MONDAY, T0)
    given = at_desk.given(REGISTERED, REFERRED, AGREED, ahead)
    moved_to = ev.AppointmentMade(ANNA, SENT, ahead.turn + 1, FRIDAY, T0, replaces=ahead.turn)
    given.when(agree("friday", FRIDAY)).then(FRIDAYS, moved_to)


def test_the_same_moment_sealed_anew_is_no_other_appointment() -> None:
    sealed_anew = followed("appointment", sealed("again"))
    at_desk.given(*GIVEN).when(agree("again", MONDAY)).then(sealed_anew)


def test_a_referral_that_ends_before_the_day_calls_its_appointment_off() -> None:
    off = ev.AppointmentEnded(ANNA, SENT, EXPECTED.turn, "called_off", MONDAY, T0)
    at_desk.given(*GIVEN).when(follow("ended")).then(OVER, off)


def test_a_file_from_before_appointments_were_told_has_none_to_end() -> None:
    at_desk.given(REGISTERED, REFERRED, AGREED).when(follow("attended")).then(ATTENDED)


def test_nobody_is_expected_of_whoever_is_erased() -> None:
    assert at_desk.given(*GIVEN, ERASED).state.appointments == {}


def test_the_same_once_more_changes_nothing() -> None:
    given = at_desk.given(*GIVEN)
    given.when(agree("monday", MONDAY)).then_nothing()
    given.given(ATTENDED, WENT).when(follow("attended")).then_nothing()
    given.given(OVER).when(follow("ended")).then_nothing()


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        (follow("lost"), "referral-state-unknown"),
        (follow("made"), "referral-state-unknown"),
        (follow("appointment"), "appointment-missing"),
        (follow("attended", sealed("monday")), "appointment-missing"),
        (follow("appointment", sealed("monday")), "appointment-missing"),
        (follow("ended", starts_at=MONDAY), "appointment-missing"),
        (agree("monday", MONDAY.replace(tzinfo=None)), "time-without-zone"),
        (follow("appointment", "monday", starts_at=MONDAY), "not-sealed"),
        (follow("attended", referral_id=SENT_2), "referral-unknown"),
        (follow("attended"), "referral-without-appointment"),
        (follow("ended", if_version=1), "version-stale"),
    ],
)
def test_what_cannot_be_says_why(wish: Any, code: str) -> None:
    at_desk.given(REGISTERED, REFERRED).when(wish).then_rejected(code)


def test_what_ended_is_over() -> None:
    given = at_desk.given(REGISTERED, REFERRED, OVER)
    given.when(agree("monday", MONDAY)).then_rejected("referral-ended")
    given.given(ERASED).when(follow("attended")).then_rejected("client-erased")
