"""A client is forgotten."""

from __future__ import annotations

from services.notifications import commands as cmd
from services.notifications import events as ev
from tests.notifications.sample import ANNA, AT_DESK, CHOSEN, ERASED, NEWS, T0, began, choose, of_anna, to_anna

ERASE = of_anna(cmd.EraseRecipient)
SUPPRESSED = ev.MessageSuppressed(ANNA, NEWS, "client-erased", T0)


def test_whatever_waits_is_not_sent() -> None:
    for given in ([CHOSEN], [CHOSEN, began()], [CHOSEN, AT_DESK]):
        gone = to_anna.given(*given).when(ERASE).then(SUPPRESSED, ERASED)
        assert gone.state.open == {}
        gone.when(choose()).then_nothing()


def test_a_client_nobody_wrote_to_is_remembered_as_erased() -> None:
    to_anna.when(ERASE).then(ERASED)


def test_a_second_time_changes_nothing() -> None:
    to_anna.given(ERASED).when(ERASE).then_nothing()


def test_what_comes_of_an_attempt_under_way_is_no_longer_asked() -> None:
    gone = to_anna.given(CHOSEN, began(), SUPPRESSED, ERASED)
    gone.when(of_anna(cmd.RecordSent, attempt=1)).then_nothing()
    gone.when(of_anna(cmd.RecordTold, message_id=ANNA)).then_rejected("message-unknown")
