"""A client wants messages again."""

from __future__ import annotations

from services.notifications import commands as cmd
from services.notifications import events as ev
from services.notifications.decider import LEASE
from tests.notifications.sample import ANNA, CHOSEN, ERASED, NEWS, T0, of_anna, to_anna

ALLOW = of_anna(cmd.AllowMessages)
STOPPED, ALLOWED = ev.MessagesStopped(ANNA, T0), ev.MessagesAllowed(ANNA, T0)


def test_messages_go_out_again() -> None:
    allowed = to_anna.given(CHOSEN, STOPPED).when(ALLOW).then(ALLOWED)
    send = of_anna(cmd.TakeUpMessage, channel="sms", keyed=True)
    allowed.when(send).then(ev.SendingBegan(ANNA, NEWS, "sms", 1, False, T0, T0 + LEASE))


def test_whoever_has_not_said_stop_is_written_to_as_before() -> None:
    to_anna.given(CHOSEN).when(ALLOW).then_nothing()
    to_anna.given(STOPPED, ALLOWED).when(ALLOW).then_nothing()


def test_nobody_writes_to_whoever_is_erased() -> None:
    to_anna.given(STOPPED, ERASED).when(ALLOW).then_rejected("client-erased")
