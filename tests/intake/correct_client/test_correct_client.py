"""The file was wrong, or the world has changed."""

from __future__ import annotations

from services.intake import commands as cmd
from services.intake import events as ev
from tests.intake.sample import ANNA, CARD_2, ERASED, PERSONAL, REGISTERED, T0, asked, at_desk

CORRECT = asked(cmd.CorrectClient, reason="mistake", card=CARD_2)


def test_what_was_wrong_is_right_now() -> None:
    corrected = at_desk.given(REGISTERED).when(CORRECT).then(ev.ClientCorrected(ANNA, "mistake", CARD_2, None, T0))
    assert (corrected.state.card, corrected.state.personal) == (CARD_2, PERSONAL)


def test_a_correction_of_nothing_changes_nothing() -> None:
    at_desk.given(REGISTERED).when(asked(cmd.CorrectClient, reason="news")).then_nothing()


def test_a_correction_needs_one_of_the_reasons() -> None:
    wrong = asked(cmd.CorrectClient, reason="she said so", card=CARD_2)
    at_desk.given(REGISTERED).when(wrong).then_rejected("correction-reason-unknown")


def test_whoever_has_seen_an_older_file_is_refused() -> None:
    stale = asked(cmd.CorrectClient, reason="news", card=CARD_2, if_version=7)
    at_desk.given(REGISTERED).when(stale).then_rejected("version-stale", expected=7, actual=1)


def test_nothing_in_the_open_gets_in_by_a_correction() -> None:
    open_text = asked(cmd.CorrectClient, reason="news", personal="Anna")
    at_desk.given(REGISTERED).when(open_text).then_rejected("not-sealed")


def test_an_erased_file_is_not_corrected_and_an_unknown_one_neither() -> None:
    at_desk.given(REGISTERED, ERASED).when(CORRECT).then_rejected("client-erased", erased_at=T0.isoformat())
    at_desk.when(CORRECT).then_rejected("client-unknown")
