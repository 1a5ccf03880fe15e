"""The other desk has decided: its word is what happened."""

from __future__ import annotations

import pytest

from services.intake import commands as cmd
from services.intake import events as fe
from services.intake.publish import tell
from shared.contracts import intake as told
from tests.intake.handover import BEGUN, CALLED_OFF, OVER_2, ended, hear
from tests.intake.offers import ASK, declined, received
from tests.intake.sample import ANNA, ASKED, CARD_2, OPENED, REGISTERED, T0, asked, at_desk

frozen = at_desk.given(REGISTERED, OPENED, received(), BEGUN)
FORGOTTEN = fe.ClientErased(ANNA, "handed_over", T0)


def test_what_was_taken_is_forgotten_here() -> None:
    after = frozen.when(hear("taken")).then(
        ended("taken"), declined("request_ended"), fe.RequestWithdrawn(ANNA, ASKED, "erased", T0), FORGOTTEN
    )
    assert after.state.card == ""
    assert after.state.hand_over is None


def test_taken_is_taken_also_when_it_was_called_off_too_late() -> None:
    at_desk.given(REGISTERED, BEGUN, CALLED_OFF).when(hear("taken")).then(ended("taken"), FORGOTTEN)


def test_what_is_asked_for_goes_on_there_and_is_no_need_that_was_not_met() -> None:
    after = at_desk.given(REGISTERED, OPENED, BEGUN).after(hear("taken"))
    assert after.state.requests[ASKED].unmet == ""


@pytest.mark.parametrize("how", ["declined", "called_off", "site_left"])
def test_what_was_not_taken_is_this_desks_again(how: str) -> None:
    after = frozen.when(hear(how)).then(ended(how))
    after.after(asked(cmd.CorrectClient, reason="news", card=CARD_2))


def test_a_word_about_another_one_or_about_none_says_nothing() -> None:
    frozen.when(hear("taken", hand_over_id=OVER_2)).then_nothing()
    frozen.given(ended("declined")).when(hear("taken")).then_nothing()


def test_a_word_nobody_knows() -> None:
    frozen.when(hear("lost")).then_rejected("hand-over-end-unknown")


def test_nobody_outside_the_site_hears_more_than_that_a_request_is_closed() -> None:
    before = frozen.state
    events: list[fe.ClientEvent] = [ended("taken"), fe.RequestWithdrawn(ANNA, ASKED, "erased", T0), FORGOTTEN]
    after = frozen.given(*events).state
    contracts = [each.event for each in tell(before, events, after)]
    outside = [each for each in contracts if each.kind.log == "pub"]
    assert [each.kind for each in outside] == [told.RequestNoticed]
    assert ASK.total_seconds() > 0
