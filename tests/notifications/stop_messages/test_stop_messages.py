"""A client says stop."""

from __future__ import annotations

from datetime import timedelta

from services.notifications import commands as cmd
from services.notifications import events as ev
from tests.notifications.sample import ANNA, CHOSEN, ENDS, ERASED, NEWS, T0, of_anna, to_anna

STOP = of_anna(cmd.StopMessages)
STOPPED = ev.MessagesStopped(ANNA, T0)
SEND = of_anna(cmd.TakeUpMessage, channel="sms", keyed=True)


def test_everything_after_it_is_told_at_the_desk() -> None:
    stopped = to_anna.given(CHOSEN).when(STOP).then(STOPPED)
    stopped.when(SEND).then(ev.MessageLeftAtDesk(ANNA, NEWS, "stop-word", ENDS, T0))


def test_a_second_time_changes_nothing() -> None:
    to_anna.given(STOPPED).when(STOP).then_nothing()


def test_what_was_said_before_the_client_took_it_back_stops_nothing_when_it_comes_again() -> None:
    later = T0 + timedelta(minutes=3)
    allowed = to_anna.given(STOPPED, ev.MessagesAllowed(ANNA, T0))
    allowed.when(of_anna(cmd.StopMessages, at=later)).then_nothing()
    again = of_anna(cmd.StopMessages, at=later, said_at=later)
    allowed.when(again).then(ev.MessagesStopped(ANNA, later))


def test_of_whoever_is_erased_nothing_is_kept() -> None:
    to_anna.given(ERASED).when(STOP).then_rejected("client-erased")
