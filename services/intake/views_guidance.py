"""How clients are guided, as their own desk looks it up: written inline like the rest of the file, and as sealed."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from services.intake import events as ev
from services.intake import events_guidance as guide
from services.intake import events_handover as over
from services.intake.decider_file import File, forgotten
from services.intake.decider_parts import Referral, Trajectory
from shared.ports import Put, RowChange
from shared.schema import NAME, TIME, metadata

trajectories = sa.Table(
    "trajectories",
    metadata,
    sa.Column("id", NAME, primary_key=True),
    sa.Column("client_id", NAME, nullable=False, index=True),
    sa.Column("goals", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("started_at", TIME, nullable=False),
    sa.Column("ended_at", TIME),
    sa.Column("version", sa.Integer, nullable=False),
)

milestones = sa.Table(
    "milestones",
    metadata,
    sa.Column("id", NAME, primary_key=True),
    sa.Column("client_id", NAME, nullable=False),
    sa.Column("trajectory_id", NAME, nullable=False, index=True),
    sa.Column("milestone", sa.Text, nullable=False),
    sa.Column("at", TIME),
)
"""at: null once the file is erased."""

referrals = sa.Table(
    "referrals",
    metadata,
    sa.Column("id", NAME, primary_key=True),
    sa.Column("client_id", NAME, nullable=False, index=True),
    sa.Column("referral", sa.Text, nullable=False),
    sa.Column("state", NAME, nullable=False),
    sa.Column("made_at", TIME, nullable=False),
    sa.Column("appointment", sa.Text),
    sa.Column("first_appointment", sa.Text),
    sa.Column("version", sa.Integer, nullable=False),
)

GUIDANCE_TABLES = (trajectories, milestones, referrals)


def project(events: Sequence[ev.ClientEvent], after: File) -> list[RowChange]:
    """The rows that these events change. An erased file keeps them, with nothing in them."""
    rows: list[RowChange] = []
    for event in events:
        match event:
            case guide.MilestoneReached():
                row = (event.milestone_id, event.client_id, event.trajectory_id, event.milestone, event.at)
                rows.append(Put(milestones, row))
            case over.FileTakenOver():
                rows += [
                    Put(milestones, (id_, event.client_id, way.id, milestone, event.reached.get(id_, event.at)))
                    for way in event.trajectories
                    for id_, milestone in way.milestones.items()
                ]
            case ev.ClientErased():
                rows += [
                    Put(milestones, (id_, after.id, each.id, "", None))
                    for each in after.trajectories.values()
                    for id_ in each.milestones
                ]
    left = after if after.erased_at is None else forgotten(after)
    everything = any(isinstance(event, ev.ClientErased) for event in events)
    moved = after.version - len(events)
    rows += [
        Put(trajectories, _trajectory_row(after.id, each))
        for each in left.trajectories.values()
        if everything or each.version > moved
    ]
    rows += [
        Put(referrals, _referral_row(after.id, each))
        for each in left.referrals.values()
        if everything or each.version > moved
    ]
    return rows


def _trajectory_row(client_id: str, each: Trajectory) -> tuple[object, ...]:
    return (each.id, client_id, each.goals, each.outcome, each.started_at, each.ended_at, each.version)


def _referral_row(client_id: str, each: Referral) -> tuple[object, ...]:
    return (
        each.id, client_id, each.referral, each.state, each.made_at, each.appointment, each.first, each.version,
    )  # fmt: skip
