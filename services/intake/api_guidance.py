"""HTTP: how a client is guided: trajectories and referrals. What is said about them is sealed before anything else sees
it, and opened anew for each answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import Query, Response
from pydantic import BaseModel, Field

from services.intake import commands_guidance as cmd
from services.intake import events_guidance as ev
from services.intake import file as f
from services.intake import views_guidance as views
from services.intake.api_desk import Asked, Intake, accepted, base, event_of
from services.intake.api_looks import DEFAULT, Looking
from services.intake.api_models import AfterQuery, Line
from services.intake.api_reads import Reads
from shared.contracts.vocabulary import GROUP_OF, Outcome, OutcomeKind, PartnerKind, ReadPurpose, ReferralState
from shared.http import Claim, IfMatch
from shared.http_access import CurrentActor
from shared.http_models import Body, CommandAnswer, Moment, Page, PageQuery, Slug, Uuid
from shared.http_problems import Problem
from shared.security import Actor

Row = Mapping[str, Any]
S = TypeVar("S", bound=msgspec.Struct)


class TrajectoryBody(Body):
    """What it is to lead to, in a few lines."""

    goals: Annotated[list[Line], Field(min_length=1, max_length=f.GOALS_MAX)]


class MilestoneBody(Body):
    milestone: Line


class EndTrajectoryBody(Body):
    """outcome: with the kind it belongs to."""

    outcome: Outcome
    kind: OutcomeKind


class ReferralBody(Body):
    """partner: as the desk knows them. member_id: who of the household; left out: the client."""

    partner_kind: PartnerKind
    partner: Line | None = None
    member_id: Uuid | None = None


class SeatBody(Body):
    """A seat booked for the client in a session of this site, as the booking was answered."""

    session_id: Uuid
    booking_id: Uuid


class FollowBody(Body):
    """appointment_at: with the state `appointment`, and only then; seat: with an appointment, and only then."""

    state: ReferralState
    appointment_at: Moment | None = None
    seat: SeatBody | None = None


class TrajectoryAnswer(CommandAnswer):
    """status: `open`, or `ended`."""

    client_id: str
    status: str


class MilestoneAnswer(CommandAnswer):
    """id: the milestone's."""

    client_id: str
    trajectory_id: str


class ReferralAnswer(CommandAnswer):
    client_id: str
    state: str


class MilestoneView(BaseModel):
    id: str
    milestone: str | None
    at: Moment | None


class TrajectoryView(BaseModel):
    """How one client is guided. Of an erased one only that they were, and when."""

    id: str
    client_id: str
    goals: list[str]
    milestones: list[MilestoneView]
    status: str
    outcome: str | None
    kind: str | None
    started_at: Moment
    ended_at: Moment | None
    version: int


class SeatView(BaseModel):
    session_id: str
    booking_id: str


class ReferralView(BaseModel):
    """One referral. group: the coarse one it is counted in. appointment_at, seat: of the newest appointment."""

    id: str
    client_id: str
    partner_kind: str | None
    group: str | None
    partner: str | None
    member_id: str | None
    state: str
    made_at: Moment
    appointment_at: Moment | None
    seat: SeatView | None
    version: int


class TrajectoriesQuery(PageQuery):
    """purpose: what for, as it is written down of every file that is opened."""

    purpose: ReadPurpose = DEFAULT
    client_id: Uuid | None = None


class ReferralsQuery(PageQuery):
    """purpose: as for trajectories."""

    purpose: ReadPurpose = DEFAULT
    client_id: Uuid | None = None
    state: Slug | None = None


class Guidance:
    """What is done in guiding a client, one method each."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def start(self, client_id: str, body: TrajectoryBody, actor: CurrentActor, claim: Claim) -> TrajectoryAnswer:
        """Begin to work with the client. Refused: `trajectory-open` (one at a time), `client-erased`."""
        intake = self._intake
        accepted(f.lines_refused(*body.goals))
        await intake.file(client_id)
        handled = await intake.do(
            client_id, Asked(actor, claim), cmd.StartTrajectory, trajectory_id=intake.ids.random_id(),
            goals=await intake.seal(client_id, f.GOALS, f.Goals(tuple(body.goals))),
        )  # fmt: skip
        started = event_of(handled, ev.TrajectoryStarted)
        return TrajectoryAnswer(**base(started.trajectory_id, handled), client_id=client_id, status="open")

    async def reach(
        self, client_id: str, trajectory_id: str, body: MilestoneBody, actor: CurrentActor, claim: Claim
    ) -> MilestoneAnswer:
        """A step on the way is made. Refused: `trajectory-ended`."""
        intake = self._intake
        accepted(f.lines_refused(body.milestone))
        await intake.file(client_id)
        handled = await intake.do(
            client_id, Asked(actor, claim), cmd.ReachMilestone, trajectory_id=trajectory_id,
            milestone_id=intake.ids.random_id(),
            milestone=await intake.seal(client_id, f.MILESTONE, f.Milestone(body.milestone)),
        )  # fmt: skip
        reached = event_of(handled, ev.MilestoneReached)
        return MilestoneAnswer(**base(reached.milestone_id, handled), client_id=client_id, trajectory_id=trajectory_id)

    async def end(
        self,
        client_id: str,
        trajectory_id: str,
        body: EndTrajectoryBody,
        actor: CurrentActor,
        claim: Claim,
        version: IfMatch,
    ) -> TrajectoryAnswer:
        """The guidance is over. Refused: `trajectory-ended` (an outcome is given once), `outcome-kind-other`."""
        intake, ending = self._intake, f.Ending(body.outcome, body.kind)
        accepted(f.ending_refused(ending))
        await intake.file(client_id)
        handled = await intake.do(
            client_id, Asked(actor, claim), cmd.EndTrajectory, trajectory_id=trajectory_id, if_version=version,
            outcome=await intake.seal(client_id, f.ENDING, ending),
        )  # fmt: skip
        return TrajectoryAnswer(**base(trajectory_id, handled), client_id=client_id, status="ended")

    async def refer(self, client_id: str, body: ReferralBody, actor: CurrentActor, claim: Claim) -> ReferralAnswer:
        """Somebody of the household is referred to a partner. Refused: `household-member-unknown`."""
        intake = self._intake
        referred = f.Referred(body.partner_kind, body.partner, body.member_id)
        file = await intake.file(client_id)
        accepted(f.referred_refused(referred, await intake.card(client_id, file.card)))
        handled = await intake.do(
            client_id, Asked(actor, claim), cmd.MakeReferral, referral_id=intake.ids.random_id(),
            referral=await intake.seal(client_id, f.REFERRAL, referred),
        )  # fmt: skip
        made = event_of(handled, ev.ReferralMade)
        return ReferralAnswer(**base(made.referral_id, handled), client_id=client_id, state="made")

    async def follow(
        self,
        client_id: str,
        referral_id: str,
        body: FollowBody,
        actor: CurrentActor,
        claim: Claim,
        version: IfMatch,
    ) -> ReferralAnswer:
        """How it goes on. Refused: `referral-ended`, `referral-without-appointment`, `appointment-impossible`,
        `appointment-missing`."""
        intake, sealed = self._intake, None
        await intake.file(client_id)
        if body.appointment_at is not None:
            accepted(f.appointment_refused(body.appointment_at, intake.now()))
            seat = None if body.seat is None else f.Seat(body.seat.session_id, body.seat.booking_id)
            sealed = await intake.seal(client_id, f.APPOINTMENT, f.Appointment(body.appointment_at, seat))
        elif body.seat is not None:
            raise Problem(422, "appointment-missing")
        handled = await intake.do(
            client_id, Asked(actor, claim), cmd.FollowReferral, referral_id=referral_id, state=body.state,
            appointment=sealed, starts_at=body.appointment_at, if_version=version,
        )  # fmt: skip
        return ReferralAnswer(**base(referral_id, handled), client_id=client_id, state=body.state)


class OneQuery(AfterQuery):
    """purpose: as for trajectories."""

    purpose: ReadPurpose = DEFAULT


class GuidanceReads:
    """What can be looked at of it, at this desk only: every file that is opened says so, and what for."""

    def __init__(self, intake: Intake, reads: Reads) -> None:
        self._intake, self._reads = intake, reads

    async def list_trajectories(
        self, query: Annotated[TrajectoriesQuery, Query()], actor: CurrentActor
    ) -> Page[TrajectoryView]:
        """This desk's trajectories, ended ones included."""
        where = {} if query.client_id is None else {"client_id": query.client_id}
        return await self._reads.page(
            TrajectoryView, views.trajectories, query, self._shape(self._trajectory, actor, query.purpose), where
        )

    async def show_trajectory(
        self, trajectory_id: str, query: Annotated[OneQuery, Query()], actor: CurrentActor, answer: Response
    ) -> TrajectoryView:
        """One trajectory, with the version of its file when it last moved as `ETag`."""
        await self._reads.written(query.after)
        row = await self._intake.row(views.trajectories, trajectory_id, "trajectory")
        view = TrajectoryView(**await self._shape(self._trajectory, actor, query.purpose)(row))
        answer.headers["ETag"] = f'"{view.version}"'
        return view

    async def list_referrals(
        self, query: Annotated[ReferralsQuery, Query()], actor: CurrentActor
    ) -> Page[ReferralView]:
        """This desk's referrals, ended ones included unless `state` says otherwise."""
        where = {"client_id": query.client_id, "state": query.state}
        given = {name: value for name, value in where.items() if value is not None}
        return await self._reads.page(
            ReferralView, views.referrals, query, self._shape(self._referral, actor, query.purpose), given
        )

    async def show_referral(
        self, referral_id: str, query: Annotated[OneQuery, Query()], actor: CurrentActor, answer: Response
    ) -> ReferralView:
        """One referral, with the version of its file when it last moved as `ETag`."""
        await self._reads.written(query.after)
        row = await self._intake.row(views.referrals, referral_id, "referral")
        view = ReferralView(**await self._shape(self._referral, actor, query.purpose)(row))
        answer.headers["ETag"] = f'"{view.version}"'
        return view

    def _shape(
        self, shape: Callable[[Looking, Row], Awaitable[dict[str, Any]]], actor: Actor, purpose: ReadPurpose
    ) -> Callable[[Row], Awaitable[dict[str, Any]]]:
        return partial(shape, Looking(self._intake, actor, purpose))

    async def _trajectory(self, looking: Looking, row: Row) -> dict[str, Any]:
        client_id = row["client_id"]
        row = await _readable(looking, row, goals="", outcome="")
        goals = await opened(self._intake, client_id, f.GOALS, row["goals"], f.Goals)
        ending = await opened(self._intake, client_id, f.ENDING, row["outcome"], f.Ending)
        steps = []
        for step in await self._intake.store.rows(views.milestones, trajectory_id=row["id"]):
            sealed = (await _readable(looking, step, milestone=""))["milestone"]
            text = await opened(self._intake, client_id, f.MILESTONE, sealed, f.Milestone)
            steps.append({"id": step["id"], "milestone": text and text.milestone, "at": step["at"]})
        copied = {name: row[name] for name in ("id", "client_id", "started_at", "ended_at", "version")}
        return copied | {
            "goals": [] if goals is None else list(goals.goals),
            "milestones": sorted(steps, key=lambda step: (step["at"] is None, step["at"], step["id"])),
            "status": "open" if row["ended_at"] is None else "ended",
            "outcome": ending and ending.outcome, "kind": ending and ending.kind,
        }  # fmt: skip

    async def _referral(self, looking: Looking, row: Row) -> dict[str, Any]:
        client_id = row["client_id"]
        row = await _readable(looking, row, referral="", appointment=None)
        to = await opened(self._intake, client_id, f.REFERRAL, row["referral"], f.Referred)
        at = await opened(self._intake, client_id, f.APPOINTMENT, row["appointment"], f.Appointment)
        copied = {name: row[name] for name in ("id", "client_id", "state", "made_at", "version")}
        return copied | {
            "partner_kind": to and to.partner_kind, "group": to and GROUP_OF[to.partner_kind],
            "partner": to and to.partner, "member_id": to and to.member_id,
            "appointment_at": at and at.at,
            "seat": at and at.seat and {"session_id": at.seat.session_id, "booking_id": at.seat.booking_id},
        }  # fmt: skip


async def _readable(looking: Looking, row: Row, **sealed: Any) -> Row:
    """The row; without what is sealed in it unless it is written down that it is opened. sealed: those columns, as they
    are when nothing is."""
    nothing_sealed = not any(row[name] for name in sealed)
    return row if nothing_sealed or await looking.may_open(row["client_id"]) else {**row, **sealed}


async def opened(intake: Intake, client_id: str, name: str, sealed: str | None, kind: type[S]) -> S | None:
    """A sealed part of a file again; None when there is none, or when it cannot be read: that hides no other. Raises
    503 while the vault is shut: nothing can be read then, and a list without anybody would be wrong."""
    if not sealed:
        return None
    try:
        return await intake.opened(client_id, name, sealed, kind)
    except Problem:
        if intake.vault.shut is not None:
            raise
        return None


async def appointment(intake: Intake, client_id: str, sealed: str | None) -> datetime | None:
    """When a sealed appointment is."""
    found = await opened(intake, client_id, f.APPOINTMENT, sealed, f.Appointment)
    return None if found is None else found.at
