"""The channel has taken it."""

from __future__ import annotations

from services.notifications import commands as cmd
from services.notifications.decider import LEASE
from tests.notifications.sample import CHOSEN, DELIVERED, SENT, T0, began, of_anna, to_anna

RECORD = of_anna(cmd.RecordSent, attempt=1)


def test_it_is_sent_and_that_is_all_e_mail_ever_says() -> None:
    ended = to_anna.given(CHOSEN, began()).when(RECORD).then(SENT)
    assert ended.state.open == {}


def test_a_gateway_says_that_it_has_arrived() -> None:
    to_anna.given(CHOSEN, began()).when(of_anna(cmd.RecordSent, attempt=1, delivered=True)).then(SENT, DELIVERED)


def test_an_attempt_that_was_given_up_for_lost_is_still_heard_of() -> None:
    lost = to_anna.given(CHOSEN, began(), began(2, at=T0 + LEASE, repeat=True))
    lost.when(RECORD).then(SENT)


def test_a_second_word_of_it_changes_nothing() -> None:
    to_anna.given(CHOSEN, began(), SENT).when(RECORD).then_nothing()


def test_nobody_sends_what_was_never_begun() -> None:
    to_anna.when(RECORD).then_rejected("message-unknown")
    to_anna.given(CHOSEN).when(RECORD).then_rejected("attempt-unknown")
