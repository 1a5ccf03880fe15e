"""A client asks no longer."""

from __future__ import annotations

from services.intake import commands as cmd
from services.intake import events as ev
from tests.intake.sample import ANNA, ASKED, ASKED_AGAIN, ERASED, OPENED, REGISTERED, T0, WITHDRAWN, asked, at_desk

WITHDRAW = asked(cmd.WithdrawRequest, request_id=ASKED, reason="found_elsewhere")


LEFT = ev.RequestUnmet(ANNA, ASKED, "anywhere", T0)
"""No place was offered."""


def test_a_client_asks_no_longer_and_the_facts_are_gone() -> None:
    ended = at_desk.given(REGISTERED, OPENED).when(WITHDRAW).then(LEFT, WITHDRAWN)
    assert ended.state.requests[ASKED].facts == ""


def test_a_second_time_changes_nothing() -> None:
    at_desk.given(REGISTERED, OPENED, WITHDRAWN).when(WITHDRAW).then_nothing()


def test_what_cannot_be_withdrawn_says_why() -> None:
    given = at_desk.given(REGISTERED, OPENED)
    for reason in ("bored", "erased"):
        wrong = asked(cmd.WithdrawRequest, request_id=ASKED, reason=reason)
        given.when(wrong).then_rejected("withdrawal-reason-unknown")
    other = asked(cmd.WithdrawRequest, request_id=ASKED_AGAIN, reason="mistake")
    given.when(other).then_rejected("request-unknown")
    stale = asked(cmd.WithdrawRequest, request_id=ASKED, reason="mistake", if_version=1)
    given.when(stale).then_rejected("version-stale")
    given.given(ERASED).when(WITHDRAW).then_rejected("client-erased")
