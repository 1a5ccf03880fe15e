"""Somebody at the desk has told them."""

from __future__ import annotations

from services.notifications import commands as cmd
from services.notifications import events as ev
from tests.notifications.sample import ANNA, AT_DESK, CHOSEN, NEWS, T0, began, of_anna, to_anna

TELL = of_anna(cmd.RecordTold, role="operator")
TOLD = ev.MessageDelivered(ANNA, NEWS, "operator", T0)


def test_they_know_now() -> None:
    ended = to_anna.given(CHOSEN, AT_DESK).when(TELL).then(TOLD)
    assert ended.state.open == {}


def test_a_second_time_changes_nothing() -> None:
    to_anna.given(CHOSEN, AT_DESK, TOLD).when(TELL).then_nothing()


def test_only_what_is_at_the_desk_is_told_there() -> None:
    to_anna.given(CHOSEN, began()).when(TELL).then_rejected("message-not-at-desk")
    to_anna.when(TELL).then_rejected("message-unknown")
