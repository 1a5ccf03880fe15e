"""A call: a command on its way to another site by letter, under an id the caller made.

The other site decides, by its own clock. Until its answer is heard the call is `pending`, and it is asked again by the
same id, less and less often. At `expires_at` nobody waits any more: an unanswered call ends as `lapsed`. Giving up is a
letter too, which the owner remembers even when it comes before the ask, and it is repeated until the owner has said how
the call ended. So a late answer is never believed over what the owner holds, nor the other way round: the owner's word
is what counts, and a call is settled only by it.

This is the caller's half, one stream a call, `call/<id>`. What is asked, and how letters are worded, is the service's.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias, assert_never

import msgspec
from msgspec.structs import replace

from shared.kernel import Codec, Command, Decider, Event, Rejected
from shared.timers import TimerCleared, TimerSet

PENDING, LAPSED, CANCELLED = "pending", "lapsed", "cancelled"
CAME_TO_NOTHING = frozenset({LAPSED, CANCELLED, "refused", "no_show"})
"""How a call may have ended that gave nothing. Once one of them was shown, another of them is no news."""

ASK_SECONDS_MIN, ASK_SECONDS_MAX, LATE_SECONDS_MAX = 2, 300, 3600
"""The first pause before a call is asked again; it doubles up to five minutes, and after `expires_at` up to an hour."""
GRACE = timedelta(seconds=60)
"""After its end, how long an accepted call waits for the owner to say how it ended, before it asks."""
ASKED_FOR_MAX = timedelta(days=7)
"""After `expires_at`, how long the owner is asked how it ended; a site that is gone for longer will not say."""

TIMER = "call"


class MakeCall(Command, frozen=True, kw_only=True):
    """Ask `site`. body: what is asked, plain JSON values. expires_at: when nobody waits for an answer any more, UTC."""

    call_id: str
    site: str
    body: dict[str, Any]
    expires_at: datetime


class RepeatCall(Command, frozen=True, kw_only=True):
    """The call's timer fired: ask again, or let it lapse. Nothing happens before its time."""

    call_id: str


class HearAnswer(Command, frozen=True, kw_only=True):
    """The owner says how it stands. final: it will not change any more. code: why, if it refused."""

    call_id: str
    site: str
    status: str
    final: bool
    code: str | None = None
    expires_at: datetime | None = None


class GiveUpCall(Command, frozen=True, kw_only=True):
    """Nobody wants it any more. if_version: of the call as it was seen."""

    call_id: str
    if_version: int | None = None


class CloseCall(Command, frozen=True, kw_only=True):
    """Its site has left the network: nobody will answer. code: what is shown as the reason."""

    call_id: str
    code: str


CallCommand: TypeAlias = MakeCall | RepeatCall | HearAnswer | GiveUpCall | CloseCall


class CallMade(Event, frozen=True, tag="call-made.v1"):
    """again_at: when it is asked again if nothing was heard, here and below."""

    call_id: str
    site: str
    body: dict[str, Any]
    expires_at: datetime
    again_at: datetime
    at: datetime


class CallRepeated(Event, frozen=True, tag="call-repeated.v1"):
    """Asked again, or called off again if it was given up."""

    call_id: str
    again_at: datetime
    at: datetime


class CallAccepted(Event, frozen=True, tag="call-accepted.v1"):
    """The owner has done what was asked; that lasts until `expires_at`, by its clock, or ends before."""

    call_id: str
    status: str
    expires_at: datetime
    again_at: datetime
    at: datetime


class CallGivenUp(Event, frozen=True, tag="call-given-up.v1"):
    """Nobody wants it any more; the owner is told so until it has said how the call ended."""

    call_id: str
    again_at: datetime
    at: datetime


class CallLapsed(Event, frozen=True, tag="call-lapsed.v1"):
    """No answer came in time. The owner is told that nobody waits."""

    call_id: str
    again_at: datetime
    at: datetime


class CallEnded(Event, frozen=True, tag="call-ended.v1"):
    """The owner has said how it ended, or will never say. how: what is shown from now on."""

    call_id: str
    how: str
    code: str | None
    at: datetime


CallEvent: TypeAlias = CallMade | CallRepeated | CallAccepted | CallGivenUp | CallLapsed | CallEnded

CODEC: Codec[CallEvent] = Codec((CallMade, CallRepeated, CallAccepted, CallGivenUp, CallLapsed, CallEnded))


class Call(msgspec.Struct, frozen=True, gc=False):
    """One call. status: `pending`, `lapsed`, or the owner's word. asked: how often, since something last changed.

    given_up: call-offs are sent instead of asks. settled: nothing more is asked or expected. version: events so far.
    """

    id: str = ""
    site: str = ""
    body: dict[str, Any] = {}
    status: str = ""
    code: str | None = None
    expires_at: datetime | None = None
    again_at: datetime | None = None
    asked: int = 0
    given_up: bool = False
    settled: bool = False
    version: int = 0


Outcome: TypeAlias = Sequence[CallEvent] | Rejected


def decide(state: Call, command: CallCommand) -> Outcome:
    """The events that follow. Refused: `call-unknown`, and what each command's function says."""
    if isinstance(command, MakeCall):
        return make(state, command)
    if not state.id:
        return Rejected("call-unknown", {"call_id": command.call_id[:80]})
    match command:
        case RepeatCall():
            return repeat(state, command)
        case HearAnswer():
            return hear(state, command)
        case GiveUpCall():
            return give_up(state, command)
        case CloseCall():
            return close(state, command)
        case _:
            assert_never(command)


def make(state: Call, command: MakeCall) -> Outcome:
    """Refused: `call-id-used` (another call has it), `call-expired` (it would lapse at once)."""
    if state.id:
        same = (state.site, state.body) == (command.site, command.body)
        return () if same else Rejected("call-id-used", {"call_id": command.call_id[:80]})
    if command.expires_at <= command.at:
        return Rejected("call-expired", {"expires_at": command.expires_at.isoformat()})
    again_at = min(command.at + pause(0, late=False), command.expires_at)
    return [CallMade(command.call_id, command.site, command.body, command.expires_at, again_at, command.at)]


def repeat(state: Call, command: RepeatCall) -> Outcome:
    """Never refused: a timer may fire late, early or twice."""
    expires_at = _known(state.expires_at)
    if state.settled or command.at < _known(state.again_at):
        return ()
    if command.at >= expires_at + ASKED_FOR_MAX:
        how = state.status if state.status in CAME_TO_NOTHING else LAPSED
        return [CallEnded(state.id, how, state.code, command.at)]
    late = command.at >= expires_at
    if late and state.status == PENDING:
        return [CallLapsed(state.id, command.at + pause(0, late=False), command.at)]
    again_at = command.at + pause(state.asked, late=late)
    if state.status == PENDING:
        again_at = min(again_at, expires_at)
    return [CallRepeated(state.id, again_at, command.at)]


def hear(state: Call, command: HearAnswer) -> Outcome:
    """Refused: `call-of-another-site`. An owner that still holds what was given up is told so again."""
    if command.site != state.site:
        return Rejected("call-of-another-site", {"site": command.site})
    again_at = command.at + pause(0, late=False)
    if command.final:
        if state.settled:
            return ()
        nothing_new = state.status in CAME_TO_NOTHING and command.status in CAME_TO_NOTHING
        how, code = (state.status, state.code) if nothing_new else (command.status, command.code)
        return [CallEnded(state.id, how, code, command.at)]
    if state.settled:  # the owner's store was restored, and it did again what had ended
        return [CallGivenUp(state.id, again_at, command.at)] if state.status in CAME_TO_NOTHING else ()
    expires_at = command.expires_at or _known(state.expires_at)
    if state.given_up or (state.status, state.expires_at) == (command.status, expires_at):
        return ()
    return [CallAccepted(state.id, command.status, expires_at, expires_at + GRACE, command.at)]


def give_up(state: Call, command: GiveUpCall) -> Outcome:
    """Refused: `version-stale`, `call-ended` (the facts say how)."""
    if command.if_version not in (None, state.version):
        return Rejected("version-stale", {"expected": command.if_version, "actual": state.version})
    if state.status == LAPSED or (state.settled and state.status != CANCELLED):
        return Rejected("call-ended", {"how": state.status})
    if state.given_up or state.settled:
        return ()
    return [CallGivenUp(state.id, command.at + pause(0, late=False), command.at)]


def close(state: Call, command: CloseCall) -> Outcome:
    """Never refused. What was given ends as lapsed: its owner is gone, and nobody keeps it any more."""
    if state.settled:
        return ()
    how = state.status if state.status in CAME_TO_NOTHING else LAPSED
    return [CallEnded(state.id, how, command.code, command.at)]


def evolve(state: Call, event: CallEvent) -> Call:
    """The call after `event`."""
    version = state.version + 1
    match event:
        case CallMade():
            return Call(event.call_id, event.site, event.body, PENDING, None, event.expires_at, event.again_at, 1,
                        version=version)  # fmt: skip
        case CallRepeated():
            return replace(state, version=version, again_at=event.again_at, asked=state.asked + 1)
        case CallAccepted():
            return replace(
                state, version=version, status=event.status, expires_at=event.expires_at, again_at=event.again_at,
                asked=0,
            )  # fmt: skip
        case CallGivenUp():
            return replace(state, version=version, given_up=True, settled=False, again_at=event.again_at, asked=1)
        case CallLapsed():
            return replace(state, version=version, status=LAPSED, given_up=True, again_at=event.again_at, asked=1)
        case CallEnded():
            return replace(state, version=version, status=event.how, code=event.code, settled=True, again_at=None)
        case _:
            assert_never(event)


def pause(asked: int, *, late: bool) -> timedelta:
    """How long after it was asked so often a call is asked again."""
    most = LATE_SECONDS_MAX if late else ASK_SECONDS_MAX
    return timedelta(seconds=min(ASK_SECONDS_MIN * 2 ** min(asked, 16), most))


def timers(events: Sequence[CallEvent]) -> list[TimerSet | TimerCleared]:
    """The timers that these events set and clear: one for each call that is not settled, `call/<id>`."""
    return [
        TimerCleared(_timer(event.call_id)) if isinstance(event, CallEnded)
        else TimerSet(_timer(event.call_id), event.again_at, TIMER, event.call_id)
        for event in events
    ]  # fmt: skip


def _timer(call_id: str) -> str:
    return f"{TIMER}/{call_id}"


def _known(time: datetime | None) -> datetime:
    assert time is not None  # every call that was made has one
    return time


CALL: Decider[Call, CallCommand, CallEvent] = Decider(
    name="call",
    initial=Call(),
    decide=decide,
    evolve=evolve,
    codec=CODEC,
    state_type=Call,
    state_version=1,
    commands=(MakeCall, RepeatCall, HearAnswer, GiveUpCall, CloseCall),
)
"""Stream `call/<id>`."""
