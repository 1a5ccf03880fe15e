"""What the intake service decides about one client's file. Pure: state and command in, events or a refusal out.

The file sees no person: what describes one comes sealed, is kept sealed, and was checked before it was sealed
(`file.py`). What is decided is whether something may happen to the file at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias, assert_never

from services.intake import commands as cmd
from services.intake import commands_alias as alias
from services.intake import commands_guidance as guide
from services.intake import commands_handover as over
from services.intake import commands_offers as oc
from services.intake import decider_alias as telling
from services.intake import decider_flows as flows
from services.intake import decider_guidance as guidance
from services.intake import decider_handover as handing
from services.intake import decider_limits as limits
from services.intake import decider_offers as offers
from services.intake import events as ev
from services.intake.commands_flows import NoteSeat
from services.intake.commands_offers import OfferCommand
from services.intake.decider_file import File, evolve
from services.intake.decider_parts import Request
from services.intake.decider_retention import RETENTION
from services.intake.decider_weeks import WEEKS
from shared.contracts.intake import NOT_AT_MAX
from shared.contracts.vocabulary import (
    ANYWHERE,
    CORRECTION_REASONS,
    DISTRICTS,
    ERASURE_CAUSES,
    READ_PURPOSES,
    REQUEST_END_REASONS,
)
from shared.kernel import Decider, Rejected

__all__ = ["CLIENT", "RETENTION", "WEEKS", "decide"]

Outcome: TypeAlias = Sequence[ev.ClientEvent] | Rejected


def decide(file: File, command: cmd.ClientCommand) -> Outcome:
    """The events that follow. Refused: `client-unknown`, `client-erased`, `hand-over-under-way` (another desk may have
    the file by now), and what each command's function says."""
    if isinstance(command, cmd.RegisterClient | over.TakeFile):
        return begin(file, command)
    if not file.id:
        return Rejected("client-unknown", {})
    refused = handing.frozen_refused(file) if _is_work(command) else None
    if refused:
        return refused
    if isinstance(command, OfferCommand):
        return offers.decide_offer(file, command)
    match command:
        case cmd.EraseClient():
            return erase(file, command)
        case cmd.NoteKeyDestroyed():
            return note_key_destroyed(file, command)
        case _ if file.erased_at is not None:
            return Rejected("client-erased", {"erased_at": file.erased_at.isoformat()})
        case cmd.CorrectClient():
            return correct(file, command)
        case cmd.ReadPersonal():
            return read_personal(file, command)
        case cmd.OpenRequest():
            return open_request(file, command)
        case cmd.PrioritizeRequest() | cmd.WithdrawRequest() | cmd.NoteUnmet():
            return move_request(file, command)
        case NoteSeat():
            return flows.note_seat(file, command)
        case alias.HandAliasOver() | alias.TakeAliasBack():
            return telling.decide(file, command)
        case over.HandOver() | over.CallOffHandOver() | over.ResumeHandOver() | over.HearHandOver():
            return handing.decide(file, command)
        case (
            guide.StartTrajectory()
            | guide.ReachMilestone()
            | guide.EndTrajectory()
            | guide.MakeReferral()
            | guide.FollowReferral()
        ):
            return guidance.decide(file, command)
        case _:
            assert_never(command)


def _is_work(command: cmd.ClientCommand) -> bool:
    """Whether somebody works with the file, who must not while another desk may have it. What owners of places say is
    heard meanwhile, who has to look into it may; a key that is destroyed already waits for nobody, and neither does a
    client who does not want their alias told any more."""
    if isinstance(command, cmd.EraseClient):
        return command.because != "backup_restored"
    return not isinstance(
        command,
        cmd.ReadPersonal | cmd.NoteKeyDestroyed | over.HandOverCommand | oc.HearOffer | oc.HearWord | oc.HearStay
        | oc.CloseOffer | oc.RepeatOfferLetter | NoteSeat | alias.TakeAliasBack,
    )  # fmt: skip


def begin(file: File, command: cmd.RegisterClient | over.TakeFile) -> Outcome:
    """A file begins: somebody is here, or another desk handed it over. Refused: as both say."""
    return register(file, command) if isinstance(command, cmd.RegisterClient) else handing.take(file, command)


def register(file: File, command: cmd.RegisterClient) -> Outcome:
    """Refused: `id-invalid`, `not-sealed`, `client-id-used`, `client-erased`."""
    refused = limits.id_refused(command.client_id) or limits.sealed_refused(command.card, command.personal)
    if refused:
        return refused
    if file.erased_at is not None:
        return Rejected("client-erased", {"erased_at": file.erased_at.isoformat()})
    if file.id:
        same = (file.card, file.personal) == (command.card, command.personal)
        return () if same else Rejected("client-id-used", {})
    return [ev.ClientRegistered(command.client_id, command.card, command.personal, command.at)]


def correct(file: File, command: cmd.CorrectClient) -> Outcome:
    """Refused: `version-stale`, `correction-reason-unknown`, `not-sealed`."""
    refused = limits.version_refused(file, command.if_version) or limits.sealed_refused(command.card, command.personal)
    if refused:
        return refused
    if command.reason not in CORRECTION_REASONS:
        return Rejected("correction-reason-unknown", {})
    if command.card is None and command.personal is None:
        return ()
    return [ev.ClientCorrected(file.id, command.reason, command.card, command.personal, command.at)]


def read_personal(file: File, command: cmd.ReadPersonal) -> Outcome:
    """Refused: `read-purpose-unknown`, `id-invalid`."""
    if command.purpose not in READ_PURPOSES:
        return Rejected("read-purpose-unknown", {})
    refused = limits.id_refused(command.read_id)
    if refused:
        return refused
    if command.read_id == file.last_read_id:
        return ()
    return [ev.PersonalRead(file.id, command.read_id, command.purpose, command.role, command.at, command.in_list)]


def open_request(file: File, command: cmd.OpenRequest) -> Outcome:
    """Of a transfer it leads anywhere but to where they live. Refused: `id-invalid`, `not-sealed`, `request-id-used`,
    `request-open` (one at a time: a file has one slot), `client-housed` (whoever has a place asks for a transfer),
    `client-not-housed`, `too-many-requests`, and what is wrong with the wishes themselves (`decider_limits`)."""
    refused = (
        limits.id_refused(command.request_id)
        or limits.sealed_refused(command.facts)
        or limits.kinds_refused(command.kinds)
        or limits.wishes_refused(command.features, command.household_size, command.not_at)
        or limits.priority_refused(command.priority_band, command.rules_version)
    )
    if refused:
        return refused
    home = file.home
    not_at = {*command.not_at, *(() if home is None else (home.location,))}
    opened = ev.RequestOpened(
        file.id, command.request_id, command.kinds, tuple(sorted(set(command.features))), command.household_size,
        tuple(sorted(not_at)), command.facts, command.priority_band, command.rules_version,
        command.at.date(), command.at,
    )  # fmt: skip
    known = file.requests.get(command.request_id)
    if known is not None:
        return () if known.open and _same(known, opened, command) else Rejected("request-id-used", {})
    if file.open_requests:
        return Rejected("request-open", {"request_id": file.open_requests[0].id})
    if command.transfer != (home is not None):
        return Rejected("client-not-housed" if home is None else "client-housed", {})
    if len(not_at) > NOT_AT_MAX:
        return Rejected("too-many-locations", {"locations_max": NOT_AT_MAX})
    since = command.at - limits.REQUESTS_COUNT_FOR
    if sum(each.opened_at > since for each in file.requests.values()) >= limits.REQUESTS_A_YEAR_MAX:
        return Rejected("too-many-requests", {"requests_max": limits.REQUESTS_A_YEAR_MAX})
    return [opened]


def _same(known: Request, opened: ev.RequestOpened, command: cmd.OpenRequest) -> bool:
    """Where the client lives may be among `not_at`, whether they lived there when it was asked first or not."""
    wished = set(command.not_at) <= set(known.not_at) and len(set(known.not_at) - set(command.not_at)) <= 1
    return wished and (known.kinds, known.features, known.household_size) == (
        opened.kinds, opened.features, opened.household_size,
    )  # fmt: skip


def move_request(file: File, command: cmd.PrioritizeRequest | cmd.WithdrawRequest | cmd.NoteUnmet) -> Outcome:
    """Something about a request there is. Refused: as each says."""
    match command:
        case cmd.PrioritizeRequest():
            return prioritize(file, command)
        case cmd.WithdrawRequest():
            return withdraw(file, command)
        case cmd.NoteUnmet():
            return note_unmet(file, command)


def prioritize(file: File, command: cmd.PrioritizeRequest) -> Outcome:
    """Refused: `version-stale`, `request-unknown`, `request-ended`, `not-sealed`, `priority-invalid`."""
    refused = limits.sealed_refused(command.facts) or limits.priority_refused(
        command.priority_band, command.rules_version
    )
    if refused:
        return refused
    request = file.requests.get(command.request_id)
    if request is None:
        return Rejected("request-unknown", {})
    refused = limits.request_version_refused(file, request, command.if_version)
    if refused:
        return refused
    if not request.open:
        return Rejected("request-ended", {"status": request.status})
    now = (command.facts, command.priority_band, command.rules_version)
    if now == (request.facts, request.priority_band, request.rules_version):
        return ()
    return [ev.RequestPrioritized(file.id, request.id, *now, command.at, command.by_rules)]


def withdraw(file: File, command: cmd.WithdrawRequest) -> Outcome:
    """Refused: `version-stale`, `request-unknown`, `withdrawal-reason-unknown`. A second time changes nothing."""
    if command.reason not in REQUEST_END_REASONS or command.reason == "erased":
        return Rejected("withdrawal-reason-unknown", {})
    request = file.requests.get(command.request_id)
    if request is None:
        return Rejected("request-unknown", {})
    refused = limits.request_version_refused(file, request, command.if_version)
    if refused:
        return refused
    if not request.open:
        return ()
    declined = offers.ended_with(file, request.id, command.at)
    unmet = [] if command.reason == "mistake" else _unmet(file, request, ANYWHERE, command.at)
    return [*unmet, *declined, ev.RequestWithdrawn(file.id, request.id, command.reason, command.at)]


def note_unmet(file: File, command: cmd.NoteUnmet) -> Outcome:
    """Once a request, and not any more once a place was offered. Refused: `request-unknown`, `request-ended`,
    `district-unknown`."""
    if command.district not in (ANYWHERE, *DISTRICTS):
        return Rejected("district-unknown", {})
    request = file.requests.get(command.request_id)
    if request is None:
        return Rejected("request-unknown", {})
    if not request.open:
        return Rejected("request-ended", {"status": request.status})
    return _unmet(file, request, command.district, command.at)


def _unmet(file: File, request: Request, district: str, at: datetime) -> list[ev.ClientEvent]:
    return [] if request.found or request.unmet else [ev.RequestUnmet(file.id, request.id, district, at)]


def erase(file: File, command: cmd.EraseClient) -> Outcome:
    """Ends what is open, then the file. Refused: `version-stale`, `erasure-cause-unknown`, `time-without-zone`,
    `client-in-use` (retention asks, and somebody has used the file since)."""
    if file.erased_at is not None:
        return ()
    refused = limits.version_refused(file, command.if_version) or limits.zone_refused(command.idle_since)
    if refused:
        return refused
    if command.because not in ERASURE_CAUSES:
        return Rejected("erasure-cause-unknown", {})
    if command.idle_since is not None and file.active_at is not None and file.active_at > command.idle_since:
        return Rejected("client-in-use", {})
    ended = [ev.RequestWithdrawn(file.id, request.id, "erased", command.at) for request in file.open_requests]
    unmet = [each for request in file.open_requests for each in _unmet(file, request, ANYWHERE, command.at)]
    declined = offers.ended_with(file, None, command.at)
    return [*unmet, *declined, *ended, ev.ClientErased(file.id, command.because, command.at)]


def note_key_destroyed(file: File, command: cmd.NoteKeyDestroyed) -> Outcome:
    """Refused: `key-before-file` (a key is never destroyed before its file is), `time-without-zone`."""
    refused = limits.zone_refused(command.destroyed_at)
    if refused:
        return refused
    if file.erased_at is None:
        return Rejected("key-before-file", {})
    if file.key_gone_at is not None:
        return ()
    return [ev.KeyDestroyed(file.id, command.destroyed_at, command.at)]


CLIENT: Decider[File, cmd.ClientCommand, ev.ClientEvent] = Decider(
    name="client",
    initial=File(),
    decide=decide,
    evolve=evolve,
    codec=ev.CODEC,
    state_type=File,
    state_version=9,
    commands=cmd.COMMANDS,
)
"""Stream `client/<id>`."""
