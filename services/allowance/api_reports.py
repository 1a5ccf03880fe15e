"""HTTP: what became of a pay run in counts that may be handed on, statements of the ledger, and how far a year's budget
goes; at the municipality."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from fastapi import Query
from pydantic import BaseModel, Field

from services.allowance import views_payroll as views
from services.allowance.api_desk import Allowance
from services.allowance.api_payroll import PeriodName
from services.allowance.decider_limits import YEARS
from services.allowance.decider_programme import Programme
from services.allowance.events_payroll import Line
from services.allowance.forecast import forecast
from services.allowance.ledger import Posting, statement
from services.allowance.reports import households, report
from shared.contracts.figures import SiteName
from shared.contracts.vocabulary import PayMethod
from shared.http_models import Body, PageQuery, Uuid, is_id
from shared.http_problems import Problem

NEXT_YEARS = 1
"""Years a forecast looks ahead."""


class PartView(BaseModel):
    """null: left out, because it is small or would give something small away."""

    households: int | None
    cents: int | None


class ReportView(PartView):
    """What a run came to for its own period, and what became of that; null: left out. cents: of that period, without
    what was corrected of others. small_counts_below: counts from 1 to one less are small."""

    run_id: str
    programme_id: str
    period: str
    small_counts_below: int
    sites: dict[str, PartView]
    methods: dict[str, PartView]
    outcomes: dict[Literal["paid", "waiting", "not_fetched"], PartView]


class StatementQuery(Body):
    """What is left out is not asked for. period: what was paid for. until_version: of the programme's payroll, as
    postings have it; without it: as it stands."""

    model_config = PageQuery.model_config

    programme: Uuid
    site: SiteName | None = None
    method: PayMethod | None = None
    period: PeriodName | None = None
    entitlement_id: Uuid | None = None
    until_version: Annotated[int | None, Field(ge=0)] = None


class AccountView(BaseModel):
    account: str
    debit_cents: int
    credit_cents: int
    balance_cents: int


class StatementView(BaseModel):
    """total_cents: of all balances: 0, at every version, unless only one period is asked for: what was paid too much
    for one is taken off another. postings: how many there are; `GET /ledger` shows each with the event that posted
    it."""

    accounts: list[AccountView]
    total_cents: int
    postings: int
    version: int


class ForecastQuery(Body):
    """year: of the budget; this year unless said otherwise."""

    model_config = PageQuery.model_config

    year: int | None = None


class AheadView(BaseModel):
    """A run that is still to come. left_cents: of the budget after it."""

    period: str
    cents: int
    left_cents: int


class ForecastView(BaseModel):
    """spent_cents: by runs so far, less what came back. expected_cents: by the end of the year, if seats, days and
    tariffs stay as they are. full_cents: the same if every seat that nobody has were taken from the next run on.
    short_from: the first run the budget does not cover."""

    year: int
    budget_cents: int
    spent_cents: int
    expected_cents: int
    full_cents: int
    short_from: str | None
    ahead: list[AheadView]


class ReportRoutes:
    """Every question about what was paid and will be, one method each."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance

    async def show_report(self, run_id: str) -> ReportView:
        """A run in counts of households and sums, without what is small or would give that away. Refused:
        `pay-run-not-executed`."""
        allowance = self._allowance
        allowance.at_municipality()
        run = await allowance.row(views.pay_runs, run_id, "pay-run")
        if run["status"] != "executed":
            raise Problem(409, "pay-run-not-executed")
        lines = msgspec.json.decode(run["lines"], type=list[Line])
        rows = await allowance.store.rows(views.postings, programme_id=run["programme_id"], run_id=run_id)
        below = allowance.small_counts_below
        shown = report(households(lines, run["period"], map(_posting, rows)), below)
        lists: dict[str, Any] = {
            name: {word: PartView(**part._asdict()) for word, part in getattr(shown, name).items()}
            for name in ("sites", "methods", "outcomes")
        }
        return ReportView(
            run_id=run_id, programme_id=run["programme_id"], period=run["period"], small_counts_below=below,
            households=shown.households, cents=shown.cents, **lists,
        )  # fmt: skip

    async def show_statement(self, query: Annotated[StatementQuery, Query()]) -> StatementView:
        """The accounts of a programme, of one site, one way to pay, one period or one entitlement, as they stood after
        an event of its payroll."""
        programme = await self._programme(query.programme)
        payroll, _ = await self._allowance.payrolls.load(programme.id)
        until = payroll.version if query.until_version is None else query.until_version
        asked = {"site": query.site, "method": query.method, "period": query.period,
                 "entitlement_id": query.entitlement_id}  # fmt: skip
        where = {name: value for name, value in asked.items() if value is not None}
        rows = await self._allowance.store.rows(views.postings, programme_id=programme.id, **where)
        posted = [_posting(row) for row in rows if row["event_version"] <= until]
        accounts = [AccountView(**one._asdict()) for one in statement(posted)]
        return StatementView(
            accounts=accounts, total_cents=sum(one.balance_cents for one in accounts), postings=len(posted),
            version=until,
        )  # fmt: skip

    async def show_forecast(self, programme_id: str, query: Annotated[ForecastQuery, Query()]) -> ForecastView:
        """How far a year's budget goes, run by run to its end, if nothing changes. Refused: `year-invalid` (after the
        next one)."""
        programme = await self._programme(programme_id)
        this_year = self._allowance.today().year
        year = this_year if query.year is None else query.year
        if year not in range(YEARS.start, this_year + NEXT_YEARS + 1):
            raise Problem(422, "year-invalid", errors=[("year", "year-invalid")])
        payroll, _ = await self._allowance.payrolls.load(programme_id)
        # Of a programme with years of seats this takes a second, in which everybody else at the site would wait.
        shown = (await asyncio.to_thread(forecast, programme, payroll, year))._asdict()
        ahead = [AheadView(**one._asdict()) for one in shown.pop("ahead")]
        return ForecastView(year=year, ahead=ahead, **shown)

    async def _programme(self, programme_id: str) -> Programme:
        self._allowance.at_municipality()
        programme = (await self._allowance.programmes.load(programme_id))[0] if is_id(programme_id) else None
        if programme is None or not programme.id:
            raise Problem(404, "programme-unknown")
        return programme


def _posting(row: Mapping[str, Any]) -> Posting:
    return Posting(*(row[name] for name in Posting._fields))
