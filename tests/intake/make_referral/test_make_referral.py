"""Somebody of a household is referred to a partner."""

from __future__ import annotations

from services.intake import commands_guidance as cmd
from services.intake import events_guidance as ev
from tests.intake.guided import OVER, REFERRED, SENT, SENT_2, sealed
from tests.intake.sample import ANNA, ERASED, REGISTERED, T0, asked, at_desk

REFER = asked(cmd.MakeReferral, referral_id=SENT, referral=sealed("referral"))


def test_a_client_is_referred_and_referred_again() -> None:
    again = asked(cmd.MakeReferral, referral_id=SENT_2, referral=sealed("referral"))
    referred = at_desk.given(REGISTERED).when(REFER).then(REFERRED)
    referred.when(again).then(ev.ReferralMade(ANNA, SENT_2, sealed("referral"), T0))


def test_the_same_once_more_changes_nothing() -> None:
    at_desk.given(REGISTERED, REFERRED).when(REFER).then_nothing()
    at_desk.given(REGISTERED, REFERRED, OVER).when(REFER).then_nothing()


def test_what_cannot_be_says_why() -> None:
    given = at_desk.given(REGISTERED, REFERRED)
    given.when(asked(cmd.MakeReferral, referral_id="x", referral=sealed("referral"))).then_rejected("id-invalid")
    given.when(asked(cmd.MakeReferral, referral_id=SENT_2, referral="dental_care")).then_rejected("not-sealed")
    other = asked(cmd.MakeReferral, referral_id=SENT, referral=sealed("other"))
    given.when(other).then_rejected("referral-id-used")
    given.given(ERASED).when(REFER).then_rejected("client-erased")


def test_a_file_has_so_many_and_no_more() -> None:
    given = at_desk.given(REGISTERED)
    for number in range(500):
        id_ = f"{number:08x}-0000-4000-8000-000000000000"
        given = given.given(ev.ReferralMade(ANNA, id_, sealed("referral"), T0))
    given.when(REFER).then_rejected("too-many-referrals", referrals_max=500)
