"""What of a client's guidance may happen to their file. Pure: state and command in, events or a refusal out.

One trajectory at a time: whoever guides somebody knows how it stands. Referrals stand by themselves, there may be many.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeAlias, assert_never

from services.intake import commands_guidance as cmd
from services.intake import decider_limits as limits
from services.intake import events_guidance as ev
from services.intake.decider_file import File
from services.intake.decider_parts import turn_at
from shared.contracts.vocabulary import REFERRAL_STATES
from shared.kernel import Rejected

Outcome: TypeAlias = Sequence[ev.GuidanceEvent] | Rejected

TRAJECTORIES_A_FILE_MAX, MILESTONES_MAX, REFERRALS_A_FILE_MAX = 50, 100, 500


def decide(file: File, command: cmd.GuidanceCommand) -> Outcome:
    """The events that follow, in a file that is there and not erased."""
    match command:
        case cmd.StartTrajectory():
            return start(file, command)
        case cmd.ReachMilestone():
            return reach(file, command)
        case cmd.EndTrajectory():
            return end(file, command)
        case cmd.MakeReferral():
            return refer(file, command)
        case cmd.FollowReferral():
            return follow(file, command)
        case _:
            assert_never(command)


def start(file: File, command: cmd.StartTrajectory) -> Outcome:
    """Refused: `id-invalid`, `not-sealed`, `trajectory-id-used`, `trajectory-open`, `too-many-trajectories`."""
    refused = limits.id_refused(command.trajectory_id) or limits.sealed_refused(command.goals)
    if refused:
        return refused
    known = file.trajectories.get(command.trajectory_id)
    if known is not None:
        same = known.open and known.goals == command.goals
        return () if same else Rejected("trajectory-id-used", {})
    if file.open_trajectory is not None:
        return Rejected("trajectory-open", {"trajectory_id": file.open_trajectory.id})
    if len(file.trajectories) >= TRAJECTORIES_A_FILE_MAX:
        return Rejected("too-many-trajectories", {"trajectories_max": TRAJECTORIES_A_FILE_MAX})
    return [ev.TrajectoryStarted(file.id, command.trajectory_id, command.goals, command.at)]


def reach(file: File, command: cmd.ReachMilestone) -> Outcome:
    """Refused: `id-invalid`, `not-sealed`, `trajectory-unknown`, `trajectory-ended`, `milestone-id-used`,
    `too-many-milestones`."""
    refused = limits.id_refused(command.milestone_id) or limits.sealed_refused(command.milestone)
    if refused:
        return refused
    known = file.trajectories.get(command.trajectory_id)
    if known is None:
        return Rejected("trajectory-unknown", {})
    if command.milestone_id in known.milestones:
        same = known.milestones[command.milestone_id] == command.milestone
        return () if same else Rejected("milestone-id-used", {})
    if not known.open:
        return Rejected("trajectory-ended", {})
    if len(known.milestones) >= MILESTONES_MAX:
        return Rejected("too-many-milestones", {"milestones_max": MILESTONES_MAX})
    return [ev.MilestoneReached(file.id, known.id, command.milestone_id, command.milestone, command.at)]


def end(file: File, command: cmd.EndTrajectory) -> Outcome:
    """Refused: `not-sealed`, `trajectory-unknown`, `version-stale`, `trajectory-ended`: an outcome is given once. The
    very same words again change nothing."""
    refused = limits.sealed_refused(command.outcome)
    if refused:
        return refused
    known = file.trajectories.get(command.trajectory_id)
    if known is None:
        return Rejected("trajectory-unknown", {})
    refused = limits.moved_refused(file, known.version, command.if_version)
    if refused:
        return refused
    if not known.open:
        return () if known.outcome == command.outcome else Rejected("trajectory-ended", {})
    return [ev.TrajectoryEnded(file.id, known.id, command.outcome, command.at)]


def refer(file: File, command: cmd.MakeReferral) -> Outcome:
    """Refused: `id-invalid`, `not-sealed`, `referral-id-used`, `too-many-referrals`."""
    refused = limits.id_refused(command.referral_id) or limits.sealed_refused(command.referral)
    if refused:
        return refused
    known = file.referrals.get(command.referral_id)
    if known is not None:
        return () if known.referral == command.referral else Rejected("referral-id-used", {})
    if len(file.referrals) >= REFERRALS_A_FILE_MAX:
        return Rejected("too-many-referrals", {"referrals_max": REFERRALS_A_FILE_MAX})
    return [ev.ReferralMade(file.id, command.referral_id, command.referral, command.at)]


def follow(file: File, command: cmd.FollowReferral) -> Outcome:
    """Refused: `referral-state-unknown`, `appointment-missing` (exactly the state `appointment` comes with one, and
    with its time), `time-without-zone`, `not-sealed`, `referral-unknown`, `version-stale`, `referral-ended`,
    `referral-without-appointment`."""
    if command.state not in REFERRAL_STATES or command.state == "made":
        return Rejected("referral-state-unknown", {})
    agreed = command.state == "appointment"
    if agreed != (command.appointment is not None) or agreed != (command.starts_at is not None):
        return Rejected("appointment-missing", {})
    if command.starts_at is not None and command.starts_at.tzinfo is None:
        return Rejected("time-without-zone", {})
    refused = limits.sealed_refused(command.appointment)
    if refused:
        return refused
    known = file.referrals.get(command.referral_id)
    if known is None:
        return Rejected("referral-unknown", {})
    refused = limits.moved_refused(file, known.version, command.if_version)
    if refused:
        return refused
    if (known.state, known.appointment) == (command.state, command.appointment or known.appointment):
        return ()
    if known.state == "ended":
        return Rejected("referral-ended", {})
    if command.state in ("attended", "did_not_attend") and known.appointment is None:
        return Rejected("referral-without-appointment", {})
    followed = ev.ReferralFollowed(file.id, known.id, command.state, command.appointment, command.at)
    if command.starts_at is not None:
        return [followed, *appoint(file, known.id, command.starts_at, command.at)]
    return [followed, *no_longer(file, known.id, "called_off" if command.state == "ended" else "over", command.at)]


def appoint(file: File, appointment_id: str, starts_at: datetime, at: datetime) -> list[ev.GuidanceEvent]:
    """The client is expected there and then; nothing when that is known."""
    before, starts_at = file.appointments.get(appointment_id), starts_at.astimezone(UTC)
    if before is not None and before.starts_at == starts_at:
        return []
    replaces = None if before is None else before.turn
    turn = max(turn_at(at, file.version + 1), 0 if replaces is None else replaces + 1)
    return [ev.AppointmentMade(file.id, appointment_id, turn, starts_at, at, replaces)]


def no_longer(file: File, appointment_id: str, how: str, at: datetime) -> list[ev.GuidanceEvent]:
    """Nobody is expected there any more; nothing when nobody was."""
    known = file.appointments.get(appointment_id)
    if known is None:
        return []
    return [ev.AppointmentEnded(file.id, appointment_id, known.turn, how, known.starts_at, at)]
