"""Handing a file over to another desk. One desk owns a file at any moment, whatever is lost on the way.

The desk that has the file freezes it, and asks. The other one decides, once: what it has said is what happened, and it
says the same however often it is asked. Until it was heard the file stays frozen: no clock gives it back, for the other
desk may have it. So between the two decisions nobody works with the file, and never two.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias, assert_never

import msgspec
from msgspec.structs import replace

from services.intake import commands_handover as cmd
from services.intake import decider_limits as limits
from services.intake import events as fe
from services.intake import events_handover as ev
from services.intake.decider_file import File, doubles
from services.intake.decider_offers import ended_with
from services.intake.decider_parts import turn_at
from services.intake.events_guidance import AppointmentMade
from shared.contracts.vocabulary import HAND_OVER_ENDS
from shared.kernel import Decider, Rejected

Outcome: TypeAlias = Sequence[fe.ClientEvent] | Rejected

TAKEN, DECLINED, CALLED_OFF = "taken", "declined", "called_off"


def frozen_refused(file: File) -> Rejected | None:
    """Refused: `hand-over-under-way`."""
    known = file.hand_over
    return None if known is None else Rejected("hand-over-under-way", {"hand_over_id": known.id, "site": known.site})


def decide(file: File, command: cmd.HandOver | cmd.CallOffHandOver | cmd.ResumeHandOver | cmd.HearHandOver) -> Outcome:
    """The events that follow, in a file that is there and not erased."""
    match command:
        case cmd.HandOver():
            return hand_over(file, command)
        case cmd.CallOffHandOver():
            return call_off(file, command)
        case cmd.ResumeHandOver():
            return resume(file, command)
        case cmd.HearHandOver():
            return hear(file, command)


def hand_over(file: File, command: cmd.HandOver) -> Outcome:
    """Freezes the file. Refused: `id-invalid`, `site-invalid`, `hand-over-under-way`, `slot-unanswered` (the owner of a
    place has still to say whether they are expected), `slot-taken` (they are), `client-housed`. That holds for every
    place they may be at, also for one that was overridden."""
    refused = limits.id_refused(command.hand_over_id) or limits.site_refused(command.site)
    if refused:
        return refused
    known = file.hand_over
    if known is not None and (known.id, known.site) == (command.hand_over_id, command.site):
        return ()
    if known is not None:
        return frozen_refused(file) or ()
    for slot in [file.offers.get(id_) for id_ in (file.slot, file.moving_to, *doubles(file))]:
        if slot is None:
            continue
        if slot.unanswered:
            return Rejected("slot-unanswered", {"offer_id": slot.id, "site": slot.site})
        return Rejected("client-housed" if slot.lived_in else "slot-taken", {"offer_id": slot.id})
    return [ev.HandOverBegun(file.id, command.hand_over_id, command.site, command.at)]


def call_off(file: File, command: cmd.CallOffHandOver) -> Outcome:
    """The other desk is told until it has answered. Refused: `hand-over-unknown`."""
    known = file.hand_over
    if known is None:
        return Rejected("hand-over-unknown", {})
    return () if known.called_off else [ev.HandOverCalledOff(file.id, known.id, command.at)]


def resume(file: File, command: cmd.ResumeHandOver) -> Outcome:
    """The file is frozen again, and called off: whoever put the backup back does not know what was agreed since. The
    other desk says whether it has it. Wherever the client lives by this older file stands in no way: the file is sent
    already. One that was under way before is over, for this one began after it. Refused: `id-invalid`,
    `site-invalid`."""
    refused = limits.id_refused(command.hand_over_id) or limits.site_refused(command.site)
    if refused:
        return refused
    known, at = file.hand_over, command.at
    if known is not None and known.id == command.hand_over_id:
        return ()
    over = [] if known is None else [ev.HandOverEnded(file.id, known.id, CALLED_OFF, at)]
    begun = ev.HandOverBegun(file.id, command.hand_over_id, command.site, at)
    return [*over, begun, ev.HandOverCalledOff(file.id, command.hand_over_id, at)]


def hear(file: File, command: cmd.HearHandOver) -> Outcome:
    """The other desk's word counts, once. What it has taken is forgotten here; what it has not is this desk's again.
    What is asked for goes on there: it is no need that was not met. Refused: `hand-over-end-unknown`."""
    if command.how not in HAND_OVER_ENDS:
        return Rejected("hand-over-end-unknown", {})
    known = file.hand_over
    if known is None or known.id != command.hand_over_id:
        return ()
    ended = ev.HandOverEnded(file.id, known.id, command.how, command.at)
    if command.how != TAKEN:
        return [ended]
    closed = [fe.RequestWithdrawn(file.id, request.id, "erased", command.at) for request in file.open_requests]
    declined = ended_with(file, None, command.at)
    return [ended, *declined, *closed, fe.ClientErased(file.id, "handed_over", command.at)]


def take(file: File, command: cmd.TakeFile) -> Outcome:
    """A file begins with all that the other desk knew; the client waits since when they did. Refused: `id-invalid`,
    `site-invalid`, `not-sealed`, `client-id-used`, and what is wrong with what they wait for (`decider_limits`)."""
    sealed: list[str | None] = [command.card, command.personal]
    for way in command.trajectories:
        sealed += [way.goals, way.outcome or None, *way.milestones.values()]
    for each in command.referrals:
        sealed += [each.referral, each.appointment, each.first]
    asked = command.request
    refused = (
        limits.id_refused(command.client_id, command.hand_over_id, *(() if asked is None else (asked.request_id,)))
        or limits.site_refused(command.site)
        or limits.sealed_refused(*sealed, *(() if asked is None else (asked.facts,)))
        or (None if asked is None else _request_refused(asked))
    )
    if refused:
        return refused
    taken = ev.FileTakenOver(
        command.client_id, command.hand_over_id, command.site, command.card, command.personal, command.trajectories,
        command.referrals, command.at, command.reached,
    )  # fmt: skip
    if file.id:
        return () if file.taken_as == command.hand_over_id else Rejected("client-id-used", {})
    expected = [  # the desk that had the file has told them
        AppointmentMade(command.client_id, id_, turn_at(command.at, number), starts_at, command.at, known=True)
        for number, (id_, starts_at) in enumerate(sorted(command.expected.items()), start=1)
        if starts_at > command.at
    ]
    if asked is None:
        return [taken, *expected]
    return [taken, *expected, fe.RequestOpened(
        command.client_id, asked.request_id, asked.kinds, tuple(sorted(set(asked.features))), asked.household_size,
        tuple(sorted(set(asked.not_at))), asked.facts, asked.priority_band, asked.rules_version,
        min(asked.waiting_since, command.at.date()), command.at, counted=asked.counted,
    )]  # fmt: skip


def _request_refused(asked: cmd.TakenRequest) -> Rejected | None:
    return (
        limits.kinds_refused(asked.kinds)
        or limits.wishes_refused(asked.features, asked.household_size, asked.not_at)
        or limits.priority_refused(asked.priority_band, asked.rules_version)
    )


# --- the desk that is asked -------------------------------------------------------------------------------------------


class Taking(msgspec.Struct, frozen=True, gc=False):
    """One file of another desk, as the desk knows it that is to have it. status: empty before it was heard of, then
    `asked`, `agreed`, `taken`, `declined`, `called_off`. client_id: whose file it is here, once it is taken."""

    id: str = ""
    site: str = ""
    status: str = ""
    client_id: str = ""
    since: datetime | None = None
    version: int = 0

    @property
    def open(self) -> bool:
        return self.status in ("asked", "agreed")


TakingOutcome: TypeAlias = Sequence[ev.TakingEvent] | Rejected


def decide_taking(state: Taking, command: cmd.TakingCommand) -> TakingOutcome:
    """Decided once, whatever comes later. Refused: `id-invalid`, `site-invalid`, `hand-over-unknown`,
    `hand-over-of-another-site`, and what each function says."""
    refused = limits.id_refused(command.hand_over_id)
    if refused:
        return refused
    if isinstance(command, cmd.AskToTake | cmd.FinishTaking | cmd.CallOffTaking):
        refused = limits.site_refused(command.site)
        if refused:
            return refused
        if state.id and state.site != command.site:
            return Rejected("hand-over-of-another-site", {})
    elif not state.id:
        return Rejected("hand-over-unknown", {})
    match command:
        case cmd.AskToTake():
            if state.id:
                return ()
            asked = ev.TakingAsked(command.hand_over_id, command.site, command.at)
            ended = ev.TakingEnded(command.hand_over_id, command.site, DECLINED, command.at)
            return [ended] if command.refuse else [asked]
        case cmd.CallOffTaking():  # also before anybody here has heard of it: what comes after is late
            over = state.id and not state.open
            return () if over else [ev.TakingEnded(command.hand_over_id, command.site, CALLED_OFF, command.at)]
        case cmd.AgreeToTake():
            return agree(state, command)
        case cmd.DeclineToTake():
            return decline(state, command)
        case cmd.FinishTaking():
            return finish(state, command)
        case _:
            assert_never(command)


def agree(state: Taking, command: cmd.AgreeToTake) -> TakingOutcome:
    """Refused: `hand-over-ended`."""
    if state.status == "asked":
        return [ev.TakingAgreed(state.id, command.at)]
    return () if state.status in ("agreed", TAKEN) else Rejected("hand-over-ended", {"how": state.status})


def decline(state: Taking, command: cmd.DeclineToTake) -> TakingOutcome:
    """Also after it was agreed to, until it has come. Refused: `hand-over-ended`."""
    if state.open:
        return [ev.TakingEnded(state.id, state.site, DECLINED, command.at)]
    return () if state.status == DECLINED else Rejected("hand-over-ended", {"how": state.status})


def finish(state: Taking, command: cmd.FinishTaking) -> TakingOutcome:
    """Refused: `id-invalid`, `hand-over-unknown`, `hand-over-not-agreed`, `hand-over-ended`."""
    refused = limits.id_refused(command.client_id)
    if refused:
        return refused
    if not state.id:
        return Rejected("hand-over-unknown", {})
    if state.status == TAKEN and state.client_id == command.client_id:
        return ()
    if state.status == "agreed":
        return [ev.TakingFinished(state.id, command.client_id, command.at)]
    if state.open:
        return Rejected("hand-over-not-agreed", {})
    return Rejected("hand-over-ended", {"how": state.status})


def evolve_taking(state: Taking, event: ev.TakingEvent) -> Taking:
    version = state.version + 1
    match event:
        case ev.TakingAsked():
            return Taking(event.hand_over_id, event.site, "asked", since=event.at, version=version)
        case ev.TakingAgreed():
            return replace(state, status="agreed", version=version)
        case ev.TakingFinished():
            return replace(state, status=TAKEN, client_id=event.client_id, version=version)
        case ev.TakingEnded():
            since = state.since or event.at
            return Taking(event.hand_over_id, event.site, event.how, since=since, version=version)
        case _:
            assert_never(event)


TAKING: Decider[Taking, cmd.TakingCommand, ev.TakingEvent] = Decider(
    name="taking",
    initial=Taking(),
    decide=decide_taking,
    evolve=evolve_taking,
    codec=ev.TAKING_CODEC,
    state_type=Taking,
    state_version=1,
    commands=cmd.TAKING_COMMANDS,
)
"""Stream `taking/<id of the hand-over>`."""
