"""What went out comes back."""

from __future__ import annotations

from datetime import timedelta

from services.notifications import commands as cmd
from services.notifications import events as ev
from services.notifications.decider_recipient import Message
from tests.notifications.sample import (
    ANNA,
    CAUSE,
    CHOSEN,
    DELIVERED,
    ENDS,
    ERASED,
    FIELDS,
    NEWS,
    SENT,
    T0,
    began,
    of_anna,
    to_anna,
)  # fmt: skip

GIVEN = {"channel": "email", "template": "request_noted", "fields": FIELDS, "cause_id": CAUSE, "until": ENDS}
BOUNCE = of_anna(cmd.RecordBounce, **GIVEN)
BOUNCED = ev.MessageBounced(ANNA, NEWS, "email", CAUSE, "request_noted", FIELDS, ENDS, T0)
TOLD = of_anna(cmd.RecordTold, role="operator")


def test_it_is_told_at_the_desk_once() -> None:
    back = to_anna.given(CHOSEN, began(), SENT).when(BOUNCE).then(BOUNCED)
    assert back.state.open == {
        NEWS: Message(NEWS, "request_noted", FIELDS, CAUSE, T0, ENDS, ENDS, "desk", "email", because="bounced")
    }
    back.when(BOUNCE).then_nothing()
    told = back.when(TOLD).then(ev.MessageDelivered(ANNA, NEWS, "operator", T0))
    told.when(BOUNCE).then_nothing()


def test_what_is_on_its_way_waits_or_never_went_out_does_not_come_back() -> None:
    overtaken = ev.MessageSuppressed(ANNA, NEWS, "overtaken", T0)
    for given in ([CHOSEN], [CHOSEN, began()], [CHOSEN, overtaken]):
        to_anna.given(*given).when(BOUNCE).then_nothing()


def test_whoever_is_erased_is_told_nothing() -> None:
    to_anna.given(CHOSEN, began(), SENT, ERASED).when(BOUNCE).then_nothing()


def test_it_waits_at_the_desk_no_longer_than_it_may() -> None:
    late = of_anna(
        cmd.TakeUpMessage, at=ENDS + timedelta(seconds=1), channel=None, desk_because="expired"
    )  # fmt: skip
    gone = ev.MessageSuppressed(ANNA, NEWS, "expired", ENDS + timedelta(seconds=1))
    to_anna.given(CHOSEN, began(), SENT, DELIVERED, BOUNCED).when(late).then(gone)


def test_what_is_over_when_it_comes_back_is_not_told() -> None:
    to_anna.given(CHOSEN, began(), SENT).when(of_anna(cmd.RecordBounce, **GIVEN | {"until": T0})).then_nothing()


def test_what_nobody_sent_is_refused() -> None:
    to_anna.when(BOUNCE).then_rejected("message-unknown")
