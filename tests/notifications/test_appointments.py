"""What a client hears of one appointment from the first word of it to the last."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from services.notifications import commands as cmd
from services.notifications import events as ev
from services.notifications.decider import RECIPIENT
from services.notifications.decider_recipient import Recipient
from services.notifications.policy_appointments import SETTLES
from shared.contracts import intake
from tests.notifications.sample import T0
from tests.notifications.test_policy import CLIENT, SEEN, expected, hear, no_more

LATER = SEEN + timedelta(hours=3)
SOON, NIGHT = T0 + timedelta(seconds=20), T0 + timedelta(hours=2)
NOBODY = Recipient()


def done(state: Recipient, events: Sequence[ev.RecipientEvent] | object) -> Recipient:
    assert isinstance(events, Sequence)
    return RECIPIENT.fold(state, events)


def said(
    state: Recipient, word: intake.AppointmentMade | intake.AppointmentEnded, at: datetime
) -> tuple[Recipient, list[str]]:
    """The client after a word of it, and what was chosen then."""
    reaction = hear(word, at)
    assert reaction is not None
    command = reaction.command
    assert isinstance(command, cmd.ReplaceMessages)
    events = RECIPIENT.decide(state, command)
    assert isinstance(events, Sequence)
    return done(state, events), [event.template for event in events if isinstance(event, ev.MessageChosen)]


def went_out(state: Recipient, template: str, at: datetime) -> Recipient:
    [message] = [one for one in state.open.values() if one.template == template]
    assert message.due_at <= at
    began = ev.SendingBegan(CLIENT, message.id, "sms", 1, False, at, at + timedelta(minutes=2))
    return done(state, [began, ev.MessageSent(CLIENT, message.id, 1, at)])


@pytest.mark.parametrize("moves", [1, 2, 3])
def test_whoever_heard_of_an_earlier_time_hears_that_it_is_off_though_the_new_one_never_went_out(moves: int) -> None:
    """Moved in the evening, called off in the morning before anything went out: they would go there at the old time."""
    state, _ = said(NOBODY, expected(), T0)
    state = went_out(state, "appointment_made", T0 + SETTLES)
    turn = 3
    for number in range(1, moves + 1):
        moved = expected(turn=turn + 2, replaces=turn, starts_at=LATER + timedelta(hours=number), at=NIGHT)
        state, chosen = said(state, moved, NIGHT)
        assert chosen == ["appointment_moved", "appointment_near"]
        turn += 2
    state, chosen = said(state, no_more("called_off", turn=turn, at=NIGHT), NIGHT)
    assert chosen == ["appointment_off"]
    assert [one.template for one in state.open.values()] == ["appointment_off"]
    assert said(state, no_more("called_off", turn=turn, at=NIGHT), NIGHT)[1] == []


def test_one_that_is_moved_before_anybody_heard_of_it_is_a_new_one() -> None:
    state, _ = said(NOBODY, expected(), T0)
    state, chosen = said(state, expected(turn=5, replaces=3, starts_at=LATER, at=SOON), SOON)
    assert chosen == ["appointment_made", "appointment_near"]
    assert {one.fields["time"] for one in state.open.values()} == {LATER.isoformat()}
    state, chosen = said(state, no_more("called_off", turn=5, starts_at=LATER, at=SOON), SOON)
    assert (chosen, state.open) == ([], {})


def test_what_another_desk_told_them_of_is_moved_and_called_off_as_what_they_know() -> None:
    state, chosen = said(NOBODY, expected(known=True), T0)
    assert chosen == ["appointment_near"]
    assert said(state, no_more("called_off"), T0)[1] == ["appointment_off"]
    moved, chosen = said(state, expected(turn=5, replaces=3, starts_at=LATER), T0)
    assert chosen == ["appointment_moved", "appointment_near"]
    assert said(moved, no_more("called_off", turn=5, starts_at=LATER), T0)[1] == ["appointment_off"]
    assert said(state, no_more("over"), T0)[1] == []


def test_whoever_could_not_be_told_for_a_day_is_reminded_even_of_what_was_made_shortly_before() -> None:
    made_at = SEEN - timedelta(hours=30)
    heard_at = made_at + timedelta(days=1)
    assert heard_at < SEEN
    assert said(NOBODY, expected(at=made_at), heard_at)[1] == ["appointment_near"]
