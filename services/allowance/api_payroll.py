"""HTTP: pay runs and the ledger, at the municipality."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

import msgspec
from fastapi import Query
from pydantic import BaseModel, Field, StringConstraints

from services.allowance import commands_payroll as cmd
from services.allowance import views_payroll as views
from services.allowance.api_desk import Allowance, Asked, base, person
from services.allowance.api_models import ChangeView, HandoutView, RunCheck
from services.allowance.checking import explained, households, twice
from services.allowance.decider_dues import dues
from services.allowance.decider_payroll import year_of
from services.allowance.decider_sites import Unpaid
from services.allowance.events_payroll import Payee, PayRunDrafted
from shared.contracts.figures import SiteName
from shared.contracts.vocabulary import PayMethod
from shared.http import Claim
from shared.http_access import CurrentActor
from shared.http_models import Body, CommandAnswer, Page, PageQuery, Uuid, decode_cursor, encode_cursor, is_id
from shared.http_problems import Problem
from shared.money import period_named

PeriodName = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-W?[0-9]{2}$")]


class PayRunBody(Body):
    """period: `2026-W05` or `2026-01`, as the programme is paid."""

    programme: Uuid
    period: PeriodName


class PayRunAnswer(CommandAnswer):
    """lines: entitlements in it. pay_on: a working day."""

    period: str
    pay_on: date
    lines: int
    total_cents: int


class LineView(BaseModel):
    """parts: cents by period, what is new; before, after: what was paid too much, before and after this run."""

    entitlement_id: str
    site: str
    method: str
    parts: list[tuple[str, int]]
    before: int
    cents: int
    after: int


class PayRunView(BaseModel):
    id: str
    programme_id: str
    period: str
    pay_on: date
    status: Literal["drafted", "dropped", "approved", "executed"]
    total_cents: int
    version: int


class PayRunDetail(PayRunView):
    """corrections_cents: what the periods before this one come to, by which it differs from a run without any.
    handouts: what sites hand out of it, while that is remembered."""

    lines: list[LineView]
    corrections_cents: int
    handouts: list[HandoutView]


class RunsQuery(PageQuery):
    programme: Uuid | None = None


class PostingsQuery(RunsQuery):
    """period: what was paid for."""

    site: SiteName | None = None
    method: PayMethod | None = None
    period: PeriodName | None = None
    entitlement_id: Uuid | None = None


class PostingView(BaseModel):
    """cents: above 0 debit, below 0 credit. event_version: of the event in the programme's payroll that posted it."""

    id: str
    programme_id: str
    run_id: str
    event_version: int
    account: str
    site: str
    method: str
    period: str
    entitlement_id: str
    cents: int


class BalanceQuery(Body):
    programme: Uuid


class BalanceLine(BaseModel):
    account: str
    site: str
    method: str
    period: str
    cents: int


class Balance(BaseModel):
    """total_cents: always 0. paid_cents: by year, what was paid of its budget."""

    lines: Annotated[list[BalanceLine], Field()]
    total_cents: int
    paid_cents: dict[str, int]
    budget_cents: dict[str, int]


class PayrollRoutes:
    """Every command and question about paying, one method each."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance

    async def draft(self, body: PayRunBody, actor: CurrentActor, claim: Claim) -> PayRunAnswer:
        """Draft what is to be paid for a period that has ended. Refused: `municipality-only`, `period-not-ended`,
        `period-paid`, `pay-run-open`."""
        allowance = self._allowance
        allowance.at_municipality()
        programme, _ = await allowance.programmes.load(body.programme)
        period = period_named(body.period)
        if not programme.id:
            raise Problem(404, "programme-unknown")
        if period is None:
            raise Problem(422, "period-unknown")
        ended = period.until <= allowance.today()  # any other is refused: nothing is counted up to the year 9999
        handled = await allowance.payroll(
            body.programme, Asked(actor, claim), cmd.DraftPayRun, run_id=allowance.ids.random_id(),
            kind=programme.period, period=body.period, due=dues(programme, period) if ended else (),
            by=person(actor),
        )  # fmt: skip
        event = next(event for _, event in handled.events if isinstance(event, PayRunDrafted))
        return PayRunAnswer(
            **base(event.run_id, handled), period=event.period, pay_on=event.pay_on, lines=len(event.lines),
            total_cents=event.total_cents,
        )  # fmt: skip

    async def drop(self, run_id: str, actor: CurrentActor, claim: Claim) -> CommandAnswer:
        """Do not pay it as drafted. Refused: `pay-run-executed`."""
        return await self._do(run_id, Asked(actor, claim), cmd.DropPayRun)

    async def approve(self, run_id: str, actor: CurrentActor, claim: Claim) -> CommandAnswer:
        """Approve it, as somebody else than who drafted it, and than who named its accounts. Refused: `pay-run-own`,
        `budget-exceeded`, `account-missing`, `account-own`."""
        run = await self._run(run_id)
        programme, _ = await self._allowance.programmes.load(run["programme_id"])
        budget = programme.budgets.get(year_of(run["period"]), 0)
        accounts = tuple(
            cmd.Named(Payee(site, account.name, account.iban), account.named_by)
            for site, account in programme.accounts.items()
        )
        return await self._do(
            run_id, Asked(actor, claim), cmd.ApprovePayRun, by=person(actor), budget_cents=budget,
            home=self._allowance.site, accounts=accounts,
        )  # fmt: skip

    async def execute(self, run_id: str, actor: CurrentActor, claim: Claim) -> CommandAnswer:
        """Let it count, once, however often it is asked, and make its files. Refused: `pay-run-not-approved`."""
        run = await self._run(run_id)
        programme, _ = await self._allowance.programmes.load(run["programme_id"])
        cards = programme.cards
        return await self._do(
            run_id, Asked(actor, claim), cmd.ExecutePayRun, balance_cents_max=cards.balance_cents_max,
            cash_cents_a_day_max=cards.cash_cents_a_day_max,
        )  # fmt: skip

    async def list_runs(self, query: Annotated[RunsQuery, Query()]) -> Page[PayRunView]:
        """Pay runs without their lines."""
        where = {} if query.programme is None else {"programme_id": query.programme}
        rows = await self._allowance.store.page(
            views.pay_runs, decode_cursor(query.cursor), query.limit + 1, **where
        )  # fmt: skip
        shown = rows[: query.limit]
        following = encode_cursor(str(shown[-1]["id"])) if len(rows) > query.limit else None
        return Page[PayRunView](items=[PayRunView(**_shown(row)) for row in shown], next=following)

    async def show_run(self, run_id: str) -> PayRunDetail:
        """One pay run with its lines, and what is in it of earlier periods."""
        row = await self._run(run_id)
        lines = msgspec.json.decode(row["lines"])
        earlier = sum(cents for line in lines for period, cents in line["parts"] if period != row["period"])
        payroll, _ = await self._allowance.payrolls.load(row["programme_id"])
        handouts = [
            HandoutView(
                id=id_, site=it.site, waiting=len(it.lines), waiting_cents=_sum(it.lines),
                after_all=len(it.after_all), after_all_cents=_sum(it.after_all),
                otherwise=len(it.otherwise), otherwise_cents=sum(it.otherwise.values()),
            )
            for id_, it in payroll.waiting.items() if it.run_id == run_id
        ]  # fmt: skip
        return PayRunDetail(**_shown(row), lines=lines, corrections_cents=earlier, handouts=handouts)

    async def check(self, run_id: str) -> RunCheck:
        """A run held against the year's budget, the ceiling, itself, and the run before it: what they differ by, and
        why."""
        row = await self._run(run_id)
        payroll, _ = await self._allowance.payrolls.load(row["programme_id"])
        programme, _ = await self._allowance.programmes.load(row["programme_id"])
        year, executed = year_of(row["period"]), payroll.executed
        at = executed.index(run_id) if run_id in executed else len(executed)
        last = await self._allowance.row(views.pay_runs, executed[at - 1], "pay-run") if at else None
        lines = msgspec.json.decode(row["lines"])
        why = explained(
            row["period"], lines, *(("", ()) if last is None else (last["period"], msgspec.json.decode(last["lines"])))
        )
        budget, due = programme.budgets.get(year, 0), 0 if run_id in executed else row["total_cents"]
        return RunCheck(
            budget_cents=budget, left_cents=budget - payroll.spent.get(year, 0) - due,
            households=households(row["period"], lines), ceiling=programme.ceiling, twice=twice(lines),
            last=None if last is None else last["id"], last_period=None if last is None else last["period"],
            last_total_cents=0 if last is None else last["total_cents"], difference_cents=why.cents,
            **{name: ChangeView(**change._asdict()) for name, change in why._asdict().items()},
        )  # fmt: skip

    async def list_postings(self, query: Annotated[PostingsQuery, Query()]) -> Page[PostingView]:
        """The ledger, in order, or what of it is asked for."""
        names = ("site", "method", "period", "entitlement_id")
        asked = {"programme_id": query.programme} | {name: getattr(query, name) for name in names}
        where = {name: value for name, value in asked.items() if value is not None}
        rows = await self._allowance.store.page(
            views.postings, decode_cursor(query.cursor), query.limit + 1, **where
        )  # fmt: skip
        shown = rows[: query.limit]
        following = encode_cursor(str(shown[-1]["id"])) if len(rows) > query.limit else None
        return Page[PostingView](items=[PostingView(**row) for row in shown], next=following)

    async def trial_balance(self, query: Annotated[BalanceQuery, Query()]) -> Balance:
        """A programme's accounts by site, method and period: they come to zero. Beside them what was paid of each
        year's budget."""
        self._allowance.at_municipality()
        programme, _ = await self._allowance.programmes.load(query.programme)
        if not programme.id:
            raise Problem(404, "programme-unknown")
        sums: dict[tuple[str, str, str, str], int] = {}
        for row in await self._allowance.store.rows(views.postings, programme_id=query.programme):
            key = (row["account"], row["site"], row["method"], row["period"])
            sums[key] = sums.get(key, 0) + row["cents"]
        lines = [
            BalanceLine(account=key[0], site=key[1], method=key[2], period=key[3], cents=cents)
            for key, cents in sorted(sums.items())
        ]
        payroll, _ = await self._allowance.payrolls.load(query.programme)
        return Balance(
            lines=lines, total_cents=sum(sums.values()), paid_cents=payroll.spent, budget_cents=programme.budgets
        )

    async def _run(self, run_id: str) -> dict[str, Any]:
        self._allowance.at_municipality()
        if not is_id(run_id):
            raise Problem(404, "pay-run-unknown")
        return await self._allowance.row(views.pay_runs, run_id, "pay-run")

    async def _do(self, run_id: str, asked: Asked, command: type[Any], **fields: Any) -> CommandAnswer:
        run = await self._run(run_id)
        handled = await self._allowance.payroll(run["programme_id"], asked, command, run_id=run_id, **fields)
        return CommandAnswer(**base(run_id, handled))


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in PayRunView.model_fields if name != "pay_on"} | {
        "pay_on": date.fromisoformat(row["pay_on"])
    }


def _sum(lines: Mapping[str, Unpaid]) -> int:
    return sum(line.cents for line in lines.values())
