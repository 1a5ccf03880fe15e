"""Checks, whether somebody may be known at another desk: what the desk that asks decides, and the one that is asked.

Any letter may be lost, late or twice, and either process may die. The desk that asks begins anew, less and less often,
until there is an answer; the one that is asked gives one answer a check, whenever it is asked for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import assert_never

import msgspec
from msgspec.structs import replace

from services.intake import commands_likeness as cmd
from services.intake import events_likeness as ev
from services.intake.decider_limits import id_refused, site_refused, zone_refused
from shared.contracts.vocabulary import CHECK_ANSWERS, CHECK_ENDS
from shared.forward import pause
from shared.kernel import Decider, Rejected

PENDING, LAPSED = "pending", "lapsed"
ASKED_A_ROUND_MAX = 5
"""Keys of one round that are answered: two processes of a desk that has two for a moment may each give their own."""


class Check(msgspec.Struct, frozen=True, gc=False):
    """One check as the desk that asks knows it. status: `pending`, the answer, or why it ended. asked: questions of
    this round; rounds: how often it was begun."""

    id: str = ""
    client_id: str = ""
    site: str = ""
    status: str = ""
    begun_at: datetime | None = None
    until: datetime | None = None
    again_at: datetime | None = None
    asked: int = 0
    rounds: int = 0
    version: int = 0

    @property
    def settled(self) -> bool:
        return self.status != PENDING


CheckOutcome = Sequence[ev.CheckEvent] | Rejected


def decide_check(state: Check, command: cmd.CheckCommand) -> CheckOutcome:
    """Refused: `check-unknown`, `check-of-another-site`, and what each function says. Of one that is over nothing
    follows."""
    if isinstance(command, cmd.BeginCheck):
        return begin(state, command)
    if not state.id:
        return Rejected("check-unknown", {})
    if isinstance(command, cmd.AskCheck | cmd.HearCheckAnswer) and command.site != state.site:
        return Rejected("check-of-another-site", {})
    if state.settled:
        return ()
    match command:
        case cmd.AskCheck():
            if not command.question or state.asked >= ASKED_A_ROUND_MAX:
                return ()
            return [ev.CheckAsked(state.id, command.question, _again(state, command.at), command.at)]
        case cmd.RepeatCheck():
            return repeat(state, command)
        case cmd.HearCheckAnswer():
            if command.answer not in CHECK_ANSWERS:
                return Rejected("check-answer-unknown", {})
            return [ev.CheckAnswered(state.id, command.answer, command.at)]
        case cmd.EndCheck():
            if command.because not in CHECK_ENDS:
                return Rejected("check-end-unknown", {})
            return [ev.CheckEnded(state.id, command.because, command.at)]
        case _:
            assert_never(command)


def begin(state: Check, command: cmd.BeginCheck) -> CheckOutcome:
    """Refused: `id-invalid`, `site-invalid`, `time-without-zone`, `check-id-used`, `check-expired`."""
    refused = (
        id_refused(command.check_id, command.client_id) or site_refused(command.site) or zone_refused(command.until)
    )
    if refused:
        return refused
    if state.id:
        same = (state.client_id, state.site) == (command.client_id, command.site)
        return () if same else Rejected("check-id-used", {})
    if command.until <= command.at:
        return Rejected("check-expired", {})
    again_at = min(command.at + pause(0, late=False), command.until)
    return [ev.CheckBegun(command.check_id, command.client_id, command.site, command.until, again_at, command.at)]


def repeat(state: Check, command: cmd.RepeatCheck) -> CheckOutcome:
    """Never refused: a timer may fire late, early or twice."""
    assert state.again_at is not None  # every check that was begun has both
    assert state.until is not None
    if command.at < state.again_at:
        return ()
    if command.at >= state.until:
        return [ev.CheckEnded(state.id, LAPSED, command.at)]
    return [ev.CheckRepeated(state.id, _again(state, command.at), command.at)]


def _again(state: Check, at: datetime) -> datetime:
    assert state.until is not None
    return min(at + pause(state.rounds, late=False), max(state.until, at))


def evolve_check(state: Check, event: ev.CheckEvent) -> Check:
    version = state.version + 1
    match event:
        case ev.CheckBegun():
            return Check(
                event.check_id, event.client_id, event.site, PENDING, event.at, event.until, event.again_at,
                rounds=1, version=version,
            )  # fmt: skip
        case ev.CheckAsked():
            return replace(state, again_at=event.again_at, asked=state.asked + 1, version=version)
        case ev.CheckRepeated():
            return replace(state, again_at=event.again_at, asked=0, rounds=state.rounds + 1, version=version)
        case ev.CheckAnswered():
            return replace(state, status=event.answer, again_at=None, version=version)
        case ev.CheckEnded():
            return replace(state, status=event.because, again_at=None, version=version)
        case _:
            assert_never(event)


CHECK: Decider[Check, cmd.CheckCommand, ev.CheckEvent] = Decider(
    name="check",
    initial=Check(),
    decide=decide_check,
    evolve=evolve_check,
    codec=ev.CHECK_CODEC,
    state_type=Check,
    state_version=1,
    commands=cmd.CHECK_COMMANDS,
)
"""Stream `check/<id>`."""


class Reply(msgspec.Struct, frozen=True, gc=False):
    """One check as the desk that is asked knows it. answer: empty before there is one. since: when it first heard."""

    id: str = ""
    site: str = ""
    key: str = ""
    answer: str = ""
    clients: tuple[str, ...] = ()
    since: datetime | None = None
    version: int = 0


ReplyOutcome = Sequence[ev.ReplyEvent] | Rejected


def decide_reply(state: Reply, command: cmd.ReplyCommand) -> ReplyOutcome:
    """Nothing while nothing can be compared: it is asked again. Refused: `id-invalid`, `check-of-another-site`,
    `check-answer-unknown`."""
    refused = id_refused(command.check_id)
    if refused:
        return refused
    if state.id and state.site != command.site:
        return Rejected("check-of-another-site", {})
    if state.answer:
        return [ev.CheckReplyRepeated(state.id, command.at)]
    if command.refuse:
        return [ev.CheckReplied(command.check_id, command.site, "refused", (), command.at)]
    if isinstance(command, cmd.ReplyToCheck) and command.answer:
        if command.answer not in CHECK_ANSWERS:
            return Rejected("check-answer-unknown", {})
        return [ev.CheckReplied(command.check_id, command.site, command.answer, command.clients, command.at)]
    return [ev.CheckKeyGiven(command.check_id, command.site, command.key, command.at)] if command.key else ()


def evolve_reply(state: Reply, event: ev.ReplyEvent) -> Reply:
    version = state.version + 1
    match event:
        case ev.CheckKeyGiven():
            return Reply(event.check_id, event.site, event.key, since=state.since or event.at, version=version)
        case ev.CheckReplied():
            return Reply(
                event.check_id, event.site, "", event.answer, event.clients, state.since or event.at, version
            )  # fmt: skip
        case ev.CheckReplyRepeated():
            return replace(state, version=version)
        case _:
            assert_never(event)


REPLY: Decider[Reply, cmd.ReplyCommand, ev.ReplyEvent] = Decider(
    name="reply",
    initial=Reply(),
    decide=decide_reply,
    evolve=evolve_reply,
    codec=ev.REPLY_CODEC,
    state_type=Reply,
    state_version=1,
    commands=cmd.REPLY_COMMANDS,
)
"""Stream `reply/<site that asks>/<id of the check>`."""
