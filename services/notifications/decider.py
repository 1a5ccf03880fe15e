"""What the notifications service decides about one recipient's messages. Pure: state and command in, events or a
refusal out.

A message is in one of few hands: it waits, it is with a channel, or it is at the desk; and it ends once. Between
`SendingBegan` and what is recorded afterwards nobody knows whether it arrived. A channel that knows messages by id is
given it again. Any other is given it once more at most, marked as a repeat; after that the desk tells it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import TypeAlias, assert_never

from msgspec import structs

from services.notifications import commands as cmd
from services.notifications import events as ev
from services.notifications.decider_recipient import RECENT_MAX, SUMMARY, Message, Plan, Recipient, evolve
from shared.ids import derived_id
from shared.kernel import Decider, Rejected

__all__ = ["RECIPIENT", "decide", "pause"]

Outcome: TypeAlias = Sequence[ev.RecipientEvent] | Rejected

LEASE = timedelta(seconds=120)
"""How long an attempt may take before its outcome counts as unknown; longer than any channel is waited for."""
ATTEMPTS_MAX = 6
PAUSE_SECONDS, PAUSE_SECONDS_MAX = 30.0, 3600.0
"""Between two attempts: the first pause, four times as long each time, at most an hour. Six attempts take three
hours."""
UNKNOWN_MAX = 1
"""Attempts without a known end after which a channel that does not know messages by id gets it once more."""
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FIELDS_MAX, FIELD_CHARS_MAX = 8, 200


def decide(state: Recipient, command: cmd.RecipientCommand) -> Outcome:
    """The events that follow. Refused: `message-unknown`, and what each command's function says."""
    match command:
        case cmd.ChooseMessage():
            return choose(state, command)
        case cmd.PlanMessage():
            return plan(state, command)
        case cmd.ReplaceMessages():
            return replace(state, command)
        case cmd.EraseRecipient():
            return erase(state, command)
        case cmd.StopMessages():
            return stop(state, command)
        case cmd.AllowMessages():
            return allow(state, command)
        case cmd.RecordBounce():
            return bounce(state, command)
        case _ if not state.knows(command.message_id):
            return Rejected("message-unknown", {})
        case _ if command.message_id not in state.open:
            return ()  # it has ended
        case cmd.TakeUpMessage():
            return take_up(state, state.open[command.message_id], command)
        case cmd.RecordSent():
            return record_sent(state.open[command.message_id], command)
        case cmd.RecordFailure():
            return record_failure(state.open[command.message_id], command)
        case cmd.RecordTold():
            return record_told(state.open[command.message_id], command)
        case _:
            assert_never(command)


def choose(state: Recipient, command: cmd.ChooseMessage) -> Outcome:
    """One message for a cause, however often it is told; none for whoever is erased; a summary instead of a flood.
    Refused: `message-fields-invalid`."""
    if len(command.fields) > FIELDS_MAX or any(len(text) > FIELD_CHARS_MAX for text in command.fields.values()):
        return Rejected("message-fields-invalid", {"fields_max": FIELDS_MAX, "characters_max": FIELD_CHARS_MAX})
    if state.knows(command.message_id) or state.erased_at is not None or command.expires_at <= command.at:
        return ()
    flood = len(state.recent) == RECENT_MAX and state.recent[0] > command.at - HOUR
    if flood and (command.send_at is None or command.send_at < command.at + DAY):  # else it goes out when that is over
        return gather(state, command)
    return [
        ev.MessageChosen(
            command.recipient, command.message_id, command.cause_id, command.template, command.fields,
            command.send_at or command.at, command.expires_at, command.at,
        )
    ]  # fmt: skip


def replace(state: Recipient, command: cmd.ReplaceMessages) -> Outcome:
    """What has not gone out yet is not told any more; what is under way is not tried again. Refused: as `choose`."""
    heard = any(map(state.has_heard, command.over)) or any(map(state.knows, command.heard_by))
    events: list[ev.RecipientEvent] = [
        ev.MessageSuppressed(command.recipient, message_id, "overtaken", command.at)
        for message_id in command.over
        if message_id in state.open
    ]
    for wanted in command.otherwise if command.only_if_told and not heard else command.instead:
        chosen = choose(RECIPIENT.fold(state, events), wanted)
        if isinstance(chosen, Rejected):
            return chosen
        events += chosen
    if command.plan is not None:
        planned = plan(RECIPIENT.fold(state, events), command.plan)
        if isinstance(planned, Rejected):
            return planned
        events += planned
    return events


def plan(state: Recipient, command: cmd.PlanMessage) -> Outcome:
    """One message of a day ahead. When there is another day, what was chosen before is overtaken and the new one is
    told; when there is none, nothing is, until there is one again. Whoever has heard of a day does not hear it
    twice. Refused: as `choose`."""
    if state.erased_at is not None:
        return ()
    known = state.plan(command.plan_id)
    wanted, whole = _wanted(known, command), command.whole or known.whole
    same = wanted is not None and wanted.fields == known.fields
    nothing_to_end = known.off or not (known.turn or whole)
    if nothing_to_end if wanted is None else same and not known.off and known.whole == whole:
        return ()
    events: list[ev.RecipientEvent] = []
    if known.message_id in state.open and not same:
        events.append(ev.MessageSuppressed(command.recipient, known.message_id, "overtaken", command.at))
    if wanted is None:
        return [*events, ev.PlanEnded(command.recipient, command.plan_id, whole, command.at)]
    again = same and (known.message_id in state.open or state.has_heard(known.message_id))
    turn = known.turn if again else known.turn + 1
    message_id = planned_id(command.plan_id, turn)
    events.append(ev.MessagePlanned(
        command.recipient, command.plan_id, message_id, turn, whole, wanted.fields, wanted.send_at or command.at,
        wanted.expires_at, command.at,
    ))  # fmt: skip
    chosen = choose(RECIPIENT.fold(state, events), structs.replace(wanted, message_id=message_id))
    return chosen if isinstance(chosen, Rejected) else [*events, *chosen]


def planned_id(plan_id: str, turn: int) -> str:
    """The id of a plan's message. The first has the plan's own: so it was when there were no plans."""
    return plan_id if turn == 1 else derived_id("planned", plan_id, str(turn))


def _wanted(known: Plan, command: cmd.PlanMessage) -> cmd.ChooseMessage | None:
    """What is to be told. By whoever does not know all: of a day that is known, what was told of that."""
    wanted = command.wanted
    if wanted is not None and known.whole and not command.whole:
        if known.expires_at is None or not known.message_id:
            return None
        send_at = max(command.at, known.send_at or command.at)
        wanted = structs.replace(wanted, fields=known.fields, send_at=send_at, expires_at=known.expires_at)
    return wanted if wanted is not None and wanted.expires_at > command.at else None


def gather(state: Recipient, command: cmd.ChooseMessage) -> Outcome:
    """It is counted in the open summary, or in a new one that goes out in an hour."""
    summary_id = state.summary_id or derived_id(command.message_id, SUMMARY)
    gathered = ev.MessageGathered(
        command.recipient, command.message_id, command.cause_id, command.template, summary_id, command.at
    )
    if state.summary_id:
        return [gathered]
    until = command.at + HOUR
    summary = ev.MessageChosen(
        command.recipient, summary_id, command.cause_id, SUMMARY, {}, until, max(command.expires_at, until + HOUR),
        command.at,
    )  # fmt: skip
    return [summary, gathered]


def take_up(state: Recipient, message: Message, command: cmd.TakeUpMessage) -> Outcome:
    """Send it, or say why not."""
    about = (command.recipient, message.id)
    if command.erased or state.erased_at is not None:
        return [ev.MessageSuppressed(*about, "client-erased", command.at)]
    if message.expires_at <= command.at:
        return [ev.MessageSuppressed(*about, "expired", command.at)]
    if command.at < message.due_at or message.status == "desk":
        return ()  # another process has taken it up
    because = _why_the_desk(state, message, command)
    if because:
        return [ev.MessageLeftAtDesk(*about, because, message.expires_at, command.at)]
    assert command.channel is not None
    if command.quiet_until is not None:
        return [ev.MessageQueued(*about, command.channel, command.quiet_until, "quiet-hours", command.at)]
    once_more = message.uncertain > 0 and not _known_again(message, command)
    repeat = once_more or (command.gone_on != "" and not (command.keyed and command.channel == command.gone_on))
    return [
        ev.SendingBegan(
            *about, command.channel, message.attempts + 1, repeat, command.at, command.at + LEASE
        )
    ]  # fmt: skip


def _known_again(message: Message, command: cmd.TakeUpMessage) -> bool:
    """Whether the channel itself sees to it that the message is had once: it is the one that may have it already."""
    return command.keyed and command.channel == message.channel


def _why_the_desk(state: Recipient, message: Message, command: cmd.TakeUpMessage) -> str:
    """Why no channel can be used; empty when one can."""
    if command.channel is None:
        return command.desk_because
    if state.stopped_at is not None:
        return "stop-word"
    if message.uncertain > UNKNOWN_MAX and not _known_again(message, command):
        return "outcome-unknown"
    if message.attempts >= ATTEMPTS_MAX:
        return "attempts-used"
    if command.quiet_until is not None and command.quiet_until >= message.expires_at:
        return "quiet-hours"
    return ""


def record_sent(message: Message, command: cmd.RecordSent) -> Outcome:
    """An attempt that was given up for lost may still be heard of: it was sent. Refused: `attempt-unknown`."""
    if not 1 <= command.attempt <= message.attempts:
        return Rejected("attempt-unknown", {})
    sent: list[ev.RecipientEvent] = [ev.MessageSent(command.recipient, message.id, command.attempt, command.at)]
    if command.delivered:
        sent.append(ev.MessageDelivered(command.recipient, message.id, command.role, command.at))
    return sent


def record_failure(message: Message, command: cmd.RecordFailure) -> Outcome:
    """It is tried again after a pause; what lasts goes to the desk. Refused: `attempt-unknown`."""
    if not 1 <= command.attempt <= message.attempts:
        return Rejected("attempt-unknown", {})
    if message.status != "sending" or command.attempt != message.attempts:
        return ()
    again_at = command.at + pause(message.id, command.attempt)
    failed = ev.SendingFailed(
        command.recipient, message.id, command.attempt, command.code, command.known, command.at, again_at
    )
    if not command.lasting:
        return [failed]
    left = ev.MessageLeftAtDesk(command.recipient, message.id, command.code, message.expires_at, command.at)
    return [failed, left]


def record_told(message: Message, command: cmd.RecordTold) -> Outcome:
    """Refused: `message-not-at-desk`."""
    if message.status != "desk":
        return Rejected("message-not-at-desk", {"status": message.status})
    return [ev.MessageDelivered(command.recipient, message.id, command.role, command.at)]


def bounce(state: Recipient, command: cmd.RecordBounce) -> Outcome:
    """What went out and came back is told at the desk, once; whoever was erased meanwhile is told nothing, and nobody
    what is over. Refused: `message-unknown`."""
    if not state.knows(command.message_id):
        return Rejected("message-unknown", {})
    gone_out = command.message_id not in state.open and command.message_id not in state.untold
    over = state.erased_at is not None or command.until <= command.at
    if over or command.message_id in state.bounced or not gone_out:
        return ()
    return [
        ev.MessageBounced(
            command.recipient, command.message_id, command.channel, command.cause_id, command.template, command.fields,
            command.until, command.at,
        )
    ]  # fmt: skip


def stop(state: Recipient, command: cmd.StopMessages) -> Outcome:
    """Nothing goes out any more; what waits is told at the desk when it is due. A word that was said before the client
    took it back, and comes once more, stops nothing. Refused: `client-erased`."""
    if state.erased_at is not None:
        return Rejected("client-erased", {})
    taken_back = state.allowed_at is not None and command.said_at <= state.allowed_at
    if state.stopped_at is not None or taken_back:
        return ()
    return [ev.MessagesStopped(command.recipient, command.at)]


def allow(state: Recipient, command: cmd.AllowMessages) -> Outcome:
    """Messages go out again; what is at the desk stays there. Refused: `client-erased`."""
    if state.erased_at is not None:
        return Rejected("client-erased", {})
    return [ev.MessagesAllowed(command.recipient, command.at)] if state.stopped_at is not None else ()


def erase(state: Recipient, command: cmd.EraseRecipient) -> Outcome:
    """Whatever waits is suppressed, also what is at the desk."""
    if state.erased_at is not None:
        return ()
    suppressed = [
        ev.MessageSuppressed(command.recipient, message_id, "client-erased", command.at) for message_id in state.open
    ]
    return [*suppressed, ev.RecipientErased(command.recipient, command.at)]


def pause(message_id: str, attempt: int) -> timedelta:
    """How long to wait after this attempt. Half to one and a half times the rule, by the message: many that failed
    together do not come back together."""
    seconds: float = min(PAUSE_SECONDS * 4 ** (attempt - 1), PAUSE_SECONDS_MAX)
    draw = hashlib.blake2b(f"{message_id}/{attempt}".encode(), digest_size=2).digest()
    return timedelta(seconds=round(seconds * (0.5 + int.from_bytes(draw, "big") / 0xFFFF), 3))


RECIPIENT: Decider[Recipient, cmd.RecipientCommand, ev.RecipientEvent] = Decider(
    name="recipient",
    initial=Recipient(),
    decide=decide,
    evolve=evolve,
    codec=ev.CODEC,
    state_type=Recipient,
    state_version=6,
    commands=cmd.COMMANDS,
)
"""Stream `recipient/<client id or role>`: one message a cause, and one place where a flood becomes a summary."""
