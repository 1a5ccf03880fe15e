"""The channel has not taken it."""

from __future__ import annotations

from services.notifications import commands as cmd
from services.notifications import events as ev
from services.notifications.decider import LEASE, pause
from tests.notifications.sample import ANNA, CHOSEN, ENDS, NEWS, T0, began, failed, of_anna, to_anna

RECORD = of_anna(cmd.RecordFailure, attempt=1, code="channel-silent")


def test_it_is_tried_again_after_a_pause_of_its_own() -> None:
    to_anna.given(CHOSEN, began()).when(RECORD).then(failed())
    pauses = [pause(NEWS, attempt).total_seconds() for attempt in range(1, 7)]
    assert all(15 <= one <= 45 for one in pauses[:1])
    assert all(1_800 <= one <= 5_400 for one in pauses[4:])
    assert len({pause(f"{number}", 1) for number in range(100)}) > 90  # many that failed together do not come back so


def test_what_lasts_goes_to_the_desk() -> None:
    refused = of_anna(cmd.RecordFailure, attempt=1, code="address-refused", lasting=True)
    left = ev.MessageLeftAtDesk(ANNA, NEWS, "address-refused", ENDS, T0)
    to_anna.given(CHOSEN, began()).when(refused).then(failed(code="address-refused"), left)


def test_what_is_over_by_now_changes_nothing() -> None:
    to_anna.given(CHOSEN, began(), failed()).when(RECORD).then_nothing()
    to_anna.given(CHOSEN, began(), began(2, at=T0 + LEASE, repeat=True)).when(RECORD).then_nothing()


def test_nobody_fails_at_what_was_never_begun() -> None:
    to_anna.when(RECORD).then_rejected("message-unknown")
    to_anna.given(CHOSEN).when(RECORD).then_rejected("attempt-unknown")
