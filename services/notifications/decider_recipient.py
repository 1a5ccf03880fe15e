"""A recipient's messages as their events make them."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

import msgspec
from msgspec.structs import replace

from services.notifications import events as ev

SUMMARY = "summary"
"""The template of the message that stands for all that were too many."""

RECENT_MAX = 10
"""Messages one recipient gets in an hour at most. What comes after them is counted in one summary."""

SETTLED_KEPT = 500
"""Ids of settled messages that are known again. Older causes are kept away by their age (`policy.py`)."""


PLANS_KEPT = 50
"""Plans of one recipient, the newest. Nobody lives in more places that have a limit than that."""


class Message(msgspec.Struct, frozen=True, gc=False):
    """One message that is not settled. status: `chosen`, `queued`, `sending`, `failed` or `desk`.

    attempts: begun so far. unknown: of those, how many nobody knows the end of. due_at: when it is taken up again.
    """

    id: str
    template: str
    fields: dict[str, str]
    cause_id: str
    chosen_at: datetime
    expires_at: datetime
    due_at: datetime
    status: str = "chosen"
    channel: str = ""
    attempts: int = 0
    unknown: int = 0
    because: str = ""

    @property
    def uncertain(self) -> int:
        """Attempts nobody knows the end of, the one under way with them."""
        return self.unknown + (self.status == "sending")

    @property
    def repeat(self) -> bool:
        """Whether it may have arrived already."""
        return self.unknown > 0


class Plan(msgspec.Struct, frozen=True, gc=False):
    """What is told of one day ahead. message_id: of the last message there was of it; empty: of none. turn: how many
    there were. whole: by who knows all. off: nothing is to be told any more. The others: of that message."""

    message_id: str = ""
    turn: int = 0
    whole: bool = False
    off: bool = False
    fields: dict[str, str] = {}
    send_at: datetime | None = None
    expires_at: datetime | None = None


class Recipient(msgspec.Struct, frozen=True, gc=False):
    """recent: when the last messages were chosen that went out or will, at most `RECENT_MAX`. summary_id: that of the
    open summary, which stands for `gathered` messages. untold: of the settled, those that ended before anything of them
    went out. stopped_at: since when the client wants no messages. bounced: those that came back. allowed_at: when the
    client last wanted messages again. plans: what is told of a day ahead, the newest.
    """

    key: str = ""
    open: dict[str, Message] = {}
    settled: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()
    recent: tuple[datetime, ...] = ()
    summary_id: str = ""
    gathered: int = 0
    erased_at: datetime | None = None
    version: int = 0
    stopped_at: datetime | None = None
    bounced: tuple[str, ...] = ()
    allowed_at: datetime | None = None
    plans: dict[str, Plan] = {}

    def knows(self, message_id: str) -> bool:
        """Whether there is, or was, such a message."""
        return message_id in self.open or message_id in self.settled

    def plan(self, plan_id: str) -> Plan:
        """What is known of a plan, also of one from before there were plans: it has a message and nothing else."""
        before = Plan()
        if plan_id in self.open:
            message = self.open[plan_id]
            before = Plan(plan_id, 1, fields=message.fields, send_at=message.due_at, expires_at=message.expires_at)
        elif plan_id in self.settled:
            before = Plan(plan_id, 1, off=not self.has_heard(plan_id))
        return self.plans.get(plan_id, before)

    def has_heard(self, message_id: str) -> bool:
        """Whether it was told, or may have been."""
        if message_id in self.open:
            return self.open[message_id].uncertain > 0
        return message_id in self.settled and message_id not in self.untold


def evolve(state: Recipient, event: ev.RecipientEvent) -> Recipient:
    """The recipient after `event`."""
    state = replace(state, key=event.recipient, version=state.version + 1)
    match event:
        case ev.MessageChosen():
            return _chosen(state, event)
        case ev.MessagePlanned():
            plan = Plan(event.message_id, event.turn, event.whole, False, event.fields, event.send_at, event.expires_at)
            return replace(state, plans=_planned(state, event.plan_id, plan))
        case ev.PlanEnded():
            plan = replace(state.plan(event.plan_id), off=True, whole=event.whole)
            return replace(state, plans=_planned(state, event.plan_id, plan))
        case ev.MessageGathered():
            untold = (*state.untold, event.message_id)[-SETTLED_KEPT:]  # the summary counts it, and says nothing of it
            settled = _kept(state, event.message_id)
            return replace(state, gathered=state.gathered + 1, settled=settled, untold=untold)
        case ev.MessageQueued():
            changes = {"status": "queued", "due_at": event.until, "because": event.because,
                       "unknown": state.open[event.message_id].uncertain}  # fmt: skip
            if not changes["unknown"]:  # else it says which channel an earlier attempt may have arrived on
                changes["channel"] = event.channel
            return _with(state, event.message_id, changes)
        case ev.SendingBegan():
            before = state.open[event.message_id].uncertain
            unknown = max(before, int(event.repeat))  # a backup was put back that does not know what may have arrived
            changes = {"status": "sending", "channel": event.channel, "attempts": event.attempt, "because": "",
                       "due_at": event.again_at, "unknown": unknown}  # fmt: skip
            return _with(state, event.message_id, changes)
        case ev.SendingFailed():
            unknown = state.open[event.message_id].unknown + (not event.known)
            changes = {"status": "failed", "because": event.code, "due_at": event.again_at, "unknown": unknown}
            return _with(state, event.message_id, changes)
        case ev.MessageLeftAtDesk():
            changes = {"status": "desk", "because": event.because, "due_at": event.until,
                       "unknown": state.open[event.message_id].uncertain}  # fmt: skip
            return _with(state, event.message_id, changes)
        case ev.MessageSuppressed():
            return _settled(_silenced(state, event.message_id), event.message_id)
        case ev.MessageSent() | ev.MessageDelivered():
            return _settled(state, event.message_id)
        case ev.MessageBounced():
            return _bounced(state, event)
        case ev.MessagesStopped():
            return replace(state, stopped_at=event.at)
        case ev.MessagesAllowed():
            return replace(state, stopped_at=None, allowed_at=event.at)
        case ev.RecipientErased():
            return replace(state, erased_at=event.at, recent=(), summary_id="", gathered=0)
        case _:
            assert_never(event)


def _planned(state: Recipient, plan_id: str, plan: Plan) -> dict[str, Plan]:
    plans = {id_: known for id_, known in state.plans.items() if id_ != plan_id} | {plan_id: plan}
    return dict(list(plans.items())[-PLANS_KEPT:])


def _chosen(state: Recipient, event: ev.MessageChosen) -> Recipient:
    message = Message(
        event.message_id, event.template, event.fields, event.cause_id, event.at, event.expires_at, event.send_at
    )
    opened = replace(state, open=state.open | {message.id: message})
    if event.template == SUMMARY:
        return replace(opened, summary_id=message.id, gathered=0)
    return replace(opened, recent=(*state.recent, event.at)[-RECENT_MAX:])


def _bounced(state: Recipient, event: ev.MessageBounced) -> Recipient:
    """It is open once more, at the desk: nobody has heard of it."""
    message = Message(
        event.message_id, event.template, event.fields, event.cause_id, event.at, event.until, event.until, "desk",
        event.channel, because="bounced",
    )  # fmt: skip
    settled = tuple(id_ for id_ in state.settled if id_ != message.id)
    bounced = (*state.bounced, message.id)[-SETTLED_KEPT:]
    return replace(state, open=state.open | {message.id: message}, settled=settled, bounced=bounced)


def _with(state: Recipient, message_id: str, changes: dict[str, object]) -> Recipient:
    changed = replace(state.open[message_id], **changes)
    return replace(state, open=state.open | {message_id: changed})


def _silenced(state: Recipient, message_id: str) -> Recipient:
    """What nothing of went out is untold, and counts for no limit: nobody was disturbed by it."""
    message = state.open.get(message_id)
    if message is None or message.uncertain:
        return state
    recent = list(state.recent)
    if message.template != SUMMARY and message.chosen_at in recent:
        recent.remove(message.chosen_at)
    return replace(state, untold=(*state.untold, message_id)[-SETTLED_KEPT:], recent=tuple(recent))


def _settled(state: Recipient, message_id: str) -> Recipient:
    still = {id_: message for id_, message in state.open.items() if id_ != message_id}
    settled = replace(state, open=still, settled=_kept(state, message_id))
    return replace(settled, summary_id="", gathered=0) if message_id == state.summary_id else settled


def _kept(state: Recipient, message_id: str) -> tuple[str, ...]:
    if message_id in state.settled:  # sent, and delivered later
        return state.settled
    return (*state.settled, message_id)[-SETTLED_KEPT:]
