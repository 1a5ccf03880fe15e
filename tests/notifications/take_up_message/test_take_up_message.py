"""A message is due: it goes out, waits, or is left at the desk."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.notifications import events as ev
from services.notifications.decider import ATTEMPTS_MAX, LEASE, RECIPIENT
from tests.notifications.sample import (
    ANNA,
    AT_DESK,
    CHOSEN,
    ENDS,
    ERASED,
    MORNING,
    NEWS,
    SENT,
    T0,
    began,
    failed,
    take_up,
    to_anna,
)

AFTER_LEASE = T0 + LEASE
LOST = (CHOSEN, began())


def left(because: str, at: object = T0) -> ev.MessageLeftAtDesk:
    return ev.MessageLeftAtDesk(ANNA, NEWS, because, ENDS, at)  # type: ignore[arg-type]


def test_sending_is_written_down_before_it_begins() -> None:
    to_anna.given(CHOSEN).when(take_up()).then(began())


@pytest.mark.parametrize(
    ("gone_on", "channel", "keyed", "repeat"),
    [
        ("email", "email", False, True),
        ("sms", "sms", True, False),  # the gateway knows it again
        ("email", "sms", True, True),
        ("", "email", False, False),
    ],
)
def test_what_a_database_that_was_put_back_has_forgotten_may_have_arrived(
    gone_on: str, channel: str, keyed: bool, repeat: bool
) -> None:
    again = began(channel=channel, repeat=repeat)
    command = take_up(channel=channel, keyed=keyed, gone_on=gone_on)
    assert to_anna.given(CHOSEN).when(command).then(again).state.open[NEWS].repeat is repeat


def test_what_comes_again_after_a_backup_and_is_lost_again_is_told_at_the_desk() -> None:
    again = to_anna.given(CHOSEN).when(take_up(gone_on="email")).then(began(repeat=True))
    again.when(take_up(at=AFTER_LEASE)).then(left("outcome-unknown", AFTER_LEASE))


@pytest.mark.parametrize("because", ["channel-none", "channel-desk", "no-channel"])
def test_without_a_safe_channel_the_desk_tells_it(because: str) -> None:
    to_anna.given(CHOSEN).when(take_up(channel=None, desk_because=because)).then(left(because))


def test_nothing_goes_to_whoever_is_erased_also_when_it_was_queued() -> None:
    gone = ev.MessageSuppressed(ANNA, NEWS, "client-erased", T0)
    queued = ev.MessageQueued(ANNA, NEWS, "email", MORNING, "quiet-hours", T0)
    for given in ([CHOSEN], [CHOSEN, queued], [CHOSEN, began(), failed()], [CHOSEN, AT_DESK]):
        to_anna.given(*given).when(take_up(erased=True)).then(gone)
    to_anna.given(ERASED, CHOSEN).when(take_up()).then(gone)  # chosen by an event that was on its way


def test_at_night_it_waits_for_the_morning() -> None:
    queued = ev.MessageQueued(ANNA, NEWS, "email", MORNING, "quiet-hours", T0)
    waiting = to_anna.given(CHOSEN).when(take_up(quiet_until=MORNING)).then(queued)
    waiting.when(take_up()).then_nothing()
    waiting.when(take_up(at=MORNING)).then(began(at=MORNING))


def test_what_is_over_by_the_morning_is_told_at_the_desk() -> None:
    to_anna.given(CHOSEN).when(take_up(quiet_until=ENDS)).then(left("quiet-hours"))


def test_what_nobody_came_for_ends() -> None:
    over = ev.MessageSuppressed(ANNA, NEWS, "expired", ENDS)
    to_anna.given(CHOSEN, AT_DESK).when(take_up(at=ENDS)).then(over)


def test_two_processes_begin_one_attempt() -> None:
    to_anna.given(*LOST).when(take_up()).then_nothing()
    to_anna.given(CHOSEN, AT_DESK).when(take_up()).then_nothing()


def test_what_may_have_arrived_is_sent_once_more_and_says_so() -> None:
    again = to_anna.given(*LOST).when(take_up(at=AFTER_LEASE)).then(began(2, at=AFTER_LEASE, repeat=True))
    later = AFTER_LEASE + LEASE
    again.when(take_up(at=later)).then(left("outcome-unknown", later))


def test_also_when_the_channel_itself_does_not_know() -> None:
    unknown = failed(known=False)
    later = unknown.again_at
    to_anna.given(*LOST, unknown).when(take_up(at=later)).then(began(2, at=later, repeat=True))


def test_a_repeat_stays_one_when_it_surely_failed() -> None:
    second, third = began(2, at=AFTER_LEASE, repeat=True), failed(2, at=AFTER_LEASE, code="address-refused")
    at = third.again_at
    to_anna.given(*LOST, second, third).when(take_up(at=at)).then(began(3, at=at, repeat=True))


@pytest.mark.parametrize("given", [LOST, (*LOST, failed(known=False))])
def test_it_stays_a_repeat_when_the_night_comes_in_between(given: tuple[ev.RecipientEvent, ...]) -> None:
    later = failed(known=False).again_at if len(given) > len(LOST) else AFTER_LEASE
    queued = ev.MessageQueued(ANNA, NEWS, "email", MORNING, "quiet-hours", later)
    waiting = to_anna.given(*given).when(take_up(at=later, quiet_until=MORNING)).then(queued)
    again = waiting.when(take_up(at=MORNING)).then(began(2, at=MORNING, repeat=True))
    again.when(take_up(at=MORNING + LEASE)).then(left("outcome-unknown", MORNING + LEASE))


def test_the_desk_says_so_too() -> None:
    state = RECIPIENT.initial
    for event in (*LOST, left("channel-none", AFTER_LEASE)):
        state = RECIPIENT.evolve(state, event)
    assert state.open[NEWS].repeat


def test_a_channel_knows_only_what_it_was_given_itself() -> None:
    by_text = began(2, at=AFTER_LEASE, channel="sms", repeat=True)
    to_anna.given(*LOST).when(take_up(at=AFTER_LEASE, channel="sms", keyed=True)).then(by_text)
    queued = ev.MessageQueued(ANNA, NEWS, "sms", MORNING, "quiet-hours", AFTER_LEASE)
    overnight = to_anna.given(*LOST, queued)
    overnight.when(take_up(at=MORNING, channel="sms", keyed=True)).then(
        began(2, at=MORNING, channel="sms", repeat=True)
    )


def test_a_channel_that_knows_messages_by_id_gets_it_again_without_a_mark() -> None:
    given, at = to_anna.given(CHOSEN, began(channel="sms")), T0
    for attempt in range(2, ATTEMPTS_MAX + 1):
        at += LEASE
        again = began(attempt, at=at, channel="sms")
        given = given.when(take_up(at=at, channel="sms", keyed=True)).then(again)
    at += LEASE
    given.when(take_up(at=at, channel="sms", keyed=True)).then(left("attempts-used", at))


def test_after_the_last_attempt_the_desk_tells_it() -> None:
    given, at = to_anna.given(CHOSEN), T0
    for attempt in range(1, ATTEMPTS_MAX + 1):
        failure = failed(attempt, at=at)
        given = given.given(began(attempt, at=at), failure)
        at = failure.again_at
    assert at - T0 < timedelta(hours=6)
    given.when(take_up(at=at)).then(left("attempts-used", at))


def test_a_message_there_never_was_is_refused_and_one_that_has_ended_is_left_alone() -> None:
    to_anna.when(take_up()).then_rejected("message-unknown")
    to_anna.given(CHOSEN, began(), SENT).when(take_up()).then_nothing()
