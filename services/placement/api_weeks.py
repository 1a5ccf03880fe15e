"""HTTP: what happened at the network's desks by week, without small counts: the same at every site."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field

from services.placement.views_waiting import WaitingList
from services.placement.views_weeks import session_weeks, week_counts
from services.placement.weeks import (
    PERSPECTIVE_SHARE_REPORTED,
    Count,
    HouseSessions,
    Sessions,
    Week,
    sessions_of_network,
    week_of_network,
)
from shared.clock import Clock
from shared.contracts.weeks import WEEK, week_of
from shared.http_models import Body, PageQuery
from shared.ports import Store

WEEKS_MAX = 106


class WeeksQuery(Body):
    """weeks: how many, the newest that is over first."""

    model_config = PageQuery.model_config

    weeks: Annotated[int, Field(ge=1, le=WEEKS_MAX)] = 12


class BoundsView(BaseModel):
    """From `least` to `most`: what a desk tells only as small is somewhere in between. null: left out."""

    least: int | None
    most: int | None


class UnmetView(BaseModel):
    """Searches and requests that found nothing, each once. kinds: wanted most. features: one need may have several."""

    total: int | None
    kinds: dict[str, int | None]
    size_classes: dict[str, int | None]
    features: dict[str, int | None]
    districts: dict[str, int | None]


class FlowsView(BaseModel):
    """Households that lived in one kind of place when the week began, and in another when it ended: `out` is neither a
    place nor an allowance, as far as their desk knows. null: left out. ways: by where they came from, then where they
    went to; left: the sums of those. told: whether any desk has told them.
    """

    total: int | None
    left: dict[str, int | None]
    ways: dict[str, dict[str, int | None]]
    told: bool


class SessionsView(BaseModel):
    """Sessions of one kind that ended in the week, in all houses. full: those of which every seat was booked. counted:
    those of which it was counted who came. booked, attended: people; null: left out.

    wait_days_least, wait_days_most: days from the end of the week until the first session with a free seat, in the
    house where that was soonest and in the one where it was latest; null: no house had one. without_seat: houses that
    had none.
    """

    sessions: int
    full: int
    counted: int
    booked: int | None
    attended: int | None
    wait_days_least: int | None
    wait_days_most: int | None
    without_seat: int


class WeekView(BaseModel):
    """One week, known by its Monday. null: left out, because it is small or would give a small count away.

    referrals: by coarse group. ended: trajectories; outcomes: of those, by kind; perspective: (legal stay + new
    application + medical deferral); share: that / ended. missing: desks that have not told this week.
    """

    week: date
    registrations: int | None
    referrals: dict[str, BoundsView]
    ended: int | None
    perspective: int | None
    share: float | None
    outcomes: dict[str, int | None]
    unmet: UnmetView
    flows: FlowsView
    sessions: dict[str, SessionsView]
    missing: list[str]


class WeeksAnswer(BaseModel):
    """small_counts_below: counts of people from 1 to one less are left out. share_reported: beside `share`, what
    organisations report after good guidance. incomplete: origins this site has not heard in full.
    """

    small_counts_below: int
    share_reported: float
    items: list[WeekView]
    incomplete: list[str]
    not_heard: list[str]


class WeekReads:
    """What happened by week."""

    def __init__(self, store: Store, waiting: WaitingList, clock: Clock, below: int) -> None:
        self._store, self._waiting, self._clock, self._below = store, waiting, clock, below

    async def weeks(self, query: Annotated[WeeksQuery, Query()]) -> WeeksAnswer:
        """Registrations, referrals by coarse group, outcomes, unmet need and sessions of the network, week by week."""
        last = week_of(self._clock.now()) - WEEK
        weeks = [last - number * WEEK for number in range(query.weeks)]
        items = [_shown(await self._week(week), await self._sessions(week)) for week in weeks]
        return WeeksAnswer(
            small_counts_below=self._below, share_reported=PERSPECTIVE_SHARE_REPORTED,
            items=items, incomplete=sorted(self._waiting.incomplete),
            not_heard=await self._waiting.not_heard(),
        )  # fmt: skip

    async def _week(self, week: date) -> Week:
        rows = await self._store.rows(week_counts, week=week)
        counts = [Count(row["origin"].partition("/")[0], row["part"], row["word"], row["count"]) for row in rows]
        return week_of_network(week, counts, self._waiting.desks, self._below)

    async def _sessions(self, week: date) -> dict[str, Sessions]:
        rows = await self._store.rows(session_weeks, week=week)
        told = [(row["kind"], HouseSessions(*(row[name] for name in HouseSessions._fields))) for row in rows]
        return sessions_of_network(told, self._below)


def _shown(week: Week, sessions: Mapping[str, Sessions]) -> WeekView:
    return WeekView(
        week=week.week, registrations=week.registrations, ended=week.ended, perspective=week.perspective,
        share=None if week.share is None else round(week.share, 4), outcomes=dict(week.outcomes),
        referrals={group: BoundsView(least=each.least, most=each.most) for group, each in week.referrals.items()},
        unmet=UnmetView(**asdict(week.unmet)), flows=FlowsView(**asdict(week.flows)),
        sessions={kind: SessionsView(**asdict(each)) for kind, each in sessions.items()}, missing=list(week.missing),
    )  # fmt: skip
