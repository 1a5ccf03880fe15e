"""HTTP: request -> command -> answer, and who may call what.

Programmes are the municipality's, entitlements are written where the client is known: the same paths stand at every
site, and say where to go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI

from services.allowance import api_models as m
from services.allowance import commands as cmd
from services.allowance import commands_entitlement as en
from services.allowance import views
from services.allowance.api_desk import Allowance, Asked, base
from services.allowance.api_orders import OrderRoutes
from services.allowance.api_payroll import PayrollRoutes
from services.allowance.api_reads import Reads
from services.allowance.api_reports import ReportRoutes
from services.allowance.api_vouchers import VoucherRoutes
from services.allowance.days import Tariff
from services.allowance.events_entitlement import EntitlementAsked
from shared.handling import Also, Handled, KeyClaim
from shared.http import Claim, IfMatch, service_api
from shared.http_access import EVERYBODY, CurrentActor, allow
from shared.http_models import CommandAnswer, is_id
from shared.http_problems import Problem
from shared.http_repair import Bench, add_repair
from shared.ports import KeyRecord, KeyTaken
from shared.security import Role

__all__ = ["Allowance", "build", "routes"]

Route = tuple[str, str, Callable[..., Any], int, tuple[Role, ...]]
"""Method, path, endpoint, status of success, who may call."""

MONEY: tuple[Role, ...] = ("coordinator", "finance")
FINANCE: tuple[Role, ...] = ("finance",)
FINANCE_READERS: tuple[Role, ...] = ("finance", "auditor")
DESK: tuple[Role, ...] = ("caseworker",)
COUNTER: tuple[Role, ...] = ("operator", "caseworker")
COUNTER_READERS: tuple[Role, ...] = ("operator", "caseworker", "auditor")
DESK_READERS: tuple[Role, ...] = ("caseworker", "auditor")
MONEY_READERS: tuple[Role, ...] = ("coordinator", "finance", "auditor")
ALL: tuple[Role, ...] = tuple(sorted(EVERYBODY))

LIVE = ("asked", "granted", "suspended")
"""How an entitlement stands that a client has, or is about to have."""


def routes(
    money: MoneyWrites,
    pay: PayrollRoutes,
    orders: OrderRoutes,
    desk: DeskWrites,
    vouchers: VoucherRoutes,
    reads: Reads,
    reports: ReportRoutes,
) -> list[Route]:
    """Every path of the service and who may call it, beside those a service shares with others."""
    return [
        ("GET", "/programmes", reads.list_programmes, 200, ALL),
        ("POST", "/programmes", money.open_programme, 201, MONEY),
        ("GET", "/programmes/{programme_id}", reads.show_programme, 200, MONEY_READERS),
        ("POST", "/programmes/{programme_id}/ceiling", money.move_ceiling, 200, MONEY),
        ("POST", "/programmes/{programme_id}/tariffs", money.add_tariff, 200, MONEY),
        ("POST", "/programmes/{programme_id}/budget", money.grant_budget, 200, FINANCE),
        ("POST", "/programmes/{programme_id}/accounts", orders.name_account, 200, FINANCE),
        ("GET", "/programmes/{programme_id}/accounts", orders.show_accounts, 200, FINANCE_READERS),
        ("POST", "/programmes/{programme_id}/cards", orders.limit_cards, 200, FINANCE),
        ("GET", "/seats", reads.list_seats, 200, MONEY_READERS),
        ("POST", "/seats/{seat_id}/end", money.end_seat, 200, FINANCE),
        ("GET", "/pay-runs", pay.list_runs, 200, MONEY_READERS),
        ("POST", "/pay-runs", pay.draft, 201, FINANCE),
        ("GET", "/pay-runs/{run_id}", pay.show_run, 200, FINANCE_READERS),
        ("POST", "/pay-runs/{run_id}/drop", pay.drop, 200, FINANCE),
        ("POST", "/pay-runs/{run_id}/approve", pay.approve, 200, FINANCE),
        ("POST", "/pay-runs/{run_id}/execute", pay.execute, 200, FINANCE),
        ("GET", "/pay-runs/{run_id}/orders", orders.list_orders, 200, FINANCE_READERS),
        ("GET", "/pay-runs/{run_id}/check", pay.check, 200, FINANCE_READERS),
        ("GET", "/pay-runs/{run_id}/orders-sum", orders.sum_orders, 200, FINANCE_READERS),
        ("POST", "/pay-runs/{run_id}/orders/{order_id}/settle", orders.settle, 200, FINANCE),
        ("POST", "/pay-runs/{run_id}/handouts/{handout_id}/take-back", orders.take_back, 200, FINANCE),
        ("GET", "/pay-runs/{run_id}/files/{kind}", orders.show_file, 200, FINANCE),
        ("POST", "/pay-runs/{run_id}/transfers", orders.read_transfers, 200, FINANCE),
        ("POST", "/pay-runs/{run_id}/loads", orders.read_loads, 200, FINANCE),
        ("GET", "/pay-runs/{run_id}/report", reports.show_report, 200, MONEY_READERS),
        ("GET", "/programmes/{programme_id}/forecast", reports.show_forecast, 200, MONEY_READERS),
        ("GET", "/statements", reports.show_statement, 200, FINANCE_READERS),
        ("GET", "/ledger", pay.list_postings, 200, FINANCE_READERS),
        ("GET", "/trial-balance", pay.trial_balance, 200, FINANCE_READERS),
        ("GET", "/vouchers", vouchers.list_vouchers, 200, COUNTER_READERS),
        ("GET", "/transfers", vouchers.list_transfers, 200, COUNTER_READERS),
        ("POST", "/vouchers", vouchers.issue, 201, DESK),
        ("POST", "/vouchers/redeem", vouchers.redeem_code, 200, COUNTER),
        ("POST", "/vouchers/{code}/redeem", vouchers.redeem, 200, COUNTER),
        ("GET", "/entitlements", reads.list_entitlements, 200, DESK_READERS),
        ("POST", "/entitlements", desk.ask, 202, DESK),
        ("GET", "/entitlements/{entitlement_id}", reads.show_entitlement, 200, DESK_READERS),
        ("POST", "/entitlements/{entitlement_id}/suspend", desk.suspend, 200, DESK),
        ("POST", "/entitlements/{entitlement_id}/resume", desk.resume, 200, DESK),
        ("POST", "/entitlements/{entitlement_id}/end", desk.end, 200, DESK),
        ("POST", "/entitlements/{entitlement_id}/correct", desk.correct, 200, DESK),
    ]


def build(allowance: Allowance, bench: Bench, asyncapi: Mapping[str, Any]) -> FastAPI:
    """The service's application, to be mounted at `/api/allowance`. asyncapi: the document of what it tells and
    hears."""
    api = service_api("allowance", "Allowance: programmes, seats, entitlements", asyncapi=asyncapi)
    writes = MoneyWrites(allowance), PayrollRoutes(allowance), OrderRoutes(allowance), DeskWrites(allowance)
    reads = VoucherRoutes(allowance), Reads(allowance), ReportRoutes(allowance)
    for method, path, endpoint, status, roles in routes(*writes, *reads):
        allow(*roles)(getattr(endpoint, "__func__", endpoint))
        api.add_api_route(path, endpoint, methods=[method], status_code=status)
    add_repair(api, bench)
    return api


class MoneyWrites:
    """What the municipality decides about programmes."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance

    async def open_programme(self, body: m.ProgrammeBody, actor: CurrentActor, claim: Claim) -> CommandAnswer:
        """Open a programme with so many seats. Refused: `municipality-only`, `tariff-overlaps`."""
        tariffs = tuple(Tariff(it.size_class, it.cents, it.valid_from) for it in body.tariffs)
        return await self._do(
            self._allowance.ids.random_id(), Asked(actor, claim), cmd.OpenProgramme, site=self._allowance.site,
            name=body.name, period=body.period, ceiling=body.places, methods=tuple(body.methods), tariffs=tariffs,
        )  # fmt: skip

    async def move_ceiling(
        self, programme_id: str, body: m.CeilingBody, actor: CurrentActor, claim: Claim, version: IfMatch
    ) -> CommandAnswer:
        """Have so many seats: more at once; fewer than are taken only `planned`. Refused: `seats-taken`."""
        return await self._do(
            programme_id, Asked(actor, claim), cmd.MoveCeiling, ceiling=body.places, planned=body.planned,
            if_version=version,
        )  # fmt: skip

    async def add_tariff(
        self, programme_id: str, body: m.TariffBody, actor: CurrentActor, claim: Claim, version: IfMatch
    ) -> CommandAnswer:
        """What a period is worth from a day on; also a day that has passed. Refused: `tariff-overlaps`."""
        return await self._do(
            programme_id, Asked(actor, claim), cmd.AddTariff, size_class=body.size_class, cents=body.cents,
            valid_from=body.valid_from, if_version=version,
        )  # fmt: skip

    async def grant_budget(
        self, programme_id: str, body: m.BudgetBody, actor: CurrentActor, claim: Claim, version: IfMatch
    ) -> CommandAnswer:
        """What may be paid for the periods that begin in a year."""
        return await self._do(
            programme_id, Asked(actor, claim), cmd.GrantBudget, year=body.year, cents=body.cents, if_version=version
        )

    async def end_seat(
        self, seat_id: str, body: m.FromBody, actor: CurrentActor, claim: Claim, version: IfMatch
    ) -> CommandAnswer:
        """Take back a seat that nobody is left to give back: its site left, or knows of it no more. A site that has it
        says so, and has it again. Refused: `day-ahead`."""
        allowance = self._allowance
        allowance.at_municipality()
        row = await allowance.row(views.seats, seat_id, "seat")
        return await self._do(
            row["programme_id"], Asked(actor, claim), cmd.EndSeat, seat_id=seat_id,
            from_day=body.from_day or allowance.today(), if_version=version,
        )  # fmt: skip

    async def _do(self, id_: str, asked: Asked, command: type[Any], **fields: Any) -> CommandAnswer:
        allowance = self._allowance
        allowance.at_municipality()
        if not is_id(id_):
            raise Problem(404, "programme-unknown")
        handled = await allowance.programme(id_, asked, command, **fields)
        return CommandAnswer(**base(handled.stream.partition("/")[2], handled))


class DeskWrites:
    """What is decided where a client is known."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance

    async def ask(self, body: m.EntitlementBody, actor: CurrentActor, claim: Claim) -> m.EntitlementAnswer:
        """Ask the municipality for a seat; GET shows what comes of it, also when the link is cut now. Refused:
        `clients-elsewhere`, `client-erased`, `programme-unknown`, `method-not-offered`, `client-has-entitlement`,
        `municipality-unreachable` (no letter can be sealed to it)."""
        allowance, asked = self._allowance, Asked(actor, claim)
        allowance.at_location()
        if (await allowance.clients.load(body.client_id))[0].forgotten_from is not None:
            raise Problem(410, "client-erased")  # one who is erased in this moment is refused by what follows
        await self._can_be_asked(body)
        entitlement_id = allowance.ids.random_id()
        slot = await self._slot(body.client_id, claim)
        try:
            handled = await allowance.entitlement(
                entitlement_id, asked, en.AskEntitlement, slot, client_id=body.client_id,
                programme_id=body.programme, site=allowance.municipality_site, household_size=body.household_size,
                method=body.method, from_day=body.from_day or allowance.today(),
            )  # fmt: skip
        except KeyTaken:  # somebody else asked for the same client in this moment
            raise Problem(409, "client-has-entitlement") from None
        event = next(event for _, event in handled.events if isinstance(event, EntitlementAsked))
        return m.EntitlementAnswer(**base(event.entitlement_id, handled), status="asked")

    async def _can_be_asked(self, body: m.EntitlementBody) -> None:
        """By what this site has heard of the programme; the municipality decides."""
        rows = await self._allowance.store.rows(views.network_programmes, id=body.programme)
        known = [row for row in rows if row["site"] == self._allowance.municipality_site]
        if not known:
            raise Problem(404, "programme-unknown")
        if body.method not in known[0]["methods"]:
            raise Problem(409, "method-not-offered", facts={"methods": list(known[0]["methods"])})
        if not self._allowance.can_write_to(self._allowance.municipality_site):
            raise Problem(503, "municipality-unreachable", headers={"Retry-After": "60"})

    async def _slot(self, client_id: str, claim: KeyClaim | None) -> Also:
        """A client's next entitlement, which only one of two who ask at once gets, and nobody who is refused. A request
        that came before needs none: its answer is an old one. Raises 409 `client-has-entitlement`."""
        store = self._allowance.store
        rows = await store.rows(views.entitlements, client_id=client_id)
        if claim is not None and await store.find_key(claim.scope, claim.key) is not None:
            return Also()  # looked for after the rows: what this request did is stored in one append
        if any(row["status"] in LIVE for row in rows):
            raise Problem(409, "client-has-entitlement")
        return Also(taken=[KeyRecord("client-entitlement", f"{client_id}/{len(rows)}", b"", "", 1, 0)])

    async def suspend(
        self, entitlement_id: str, body: m.FromBody, actor: CurrentActor, claim: Claim, version: IfMatch
    ) -> m.EntitlementAnswer:
        """Pay nothing from a day on; the seat stays. Refused: `entitlement-not-granted`."""
        return await self._do(
            entitlement_id, Asked(actor, claim), en.SuspendEntitlement, version, "suspended",
            from_day=body.from_day or self._allowance.today(),
        )  # fmt: skip

    async def resume(
        self, entitlement_id: str, body: m.FromBody, actor: CurrentActor, claim: Claim, version: IfMatch
    ) -> m.EntitlementAnswer:
        """Pay again from a day on. Refused: `entitlement-not-granted`."""
        return await self._do(
            entitlement_id, Asked(actor, claim), en.ResumeEntitlement, version, "granted",
            from_day=body.from_day or self._allowance.today(),
        )  # fmt: skip

    async def end(
        self, entitlement_id: str, body: m.EndBody, actor: CurrentActor, claim: Claim, version: IfMatch
    ) -> m.EntitlementAnswer:
        """It is over from a day on, tomorrow at the latest, and the seat goes back; asked for but not answered, it is
        asked for no more. Refused: `day-ahead`."""
        return await self._do(
            entitlement_id, Asked(actor, claim), en.EndEntitlement, version, "ended", reason=body.reason,
            from_day=body.from_day or self._allowance.today(),
        )  # fmt: skip

    async def correct(
        self, entitlement_id: str, body: m.DaysBody, actor: CurrentActor, claim: Claim, version: IfMatch
    ) -> CommandAnswer:
        """Which days are paid was wrong, or the household is another. What was paid stays; the next pay run makes up
        for it. Refused: `entitlement-not-granted`, `days-open`, `day-ahead`."""
        handled = await self._decided(
            entitlement_id, Asked(actor, claim), en.CorrectDays, first=body.first, until=body.until,
            household_size=body.household_size, no_meals=body.no_meals, if_version=version,
        )  # fmt: skip
        return CommandAnswer(**base(entitlement_id, handled))

    async def _do(
        self, id_: str, asked: Asked, command: type[Any], version: int | None, status: str, **fields: Any
    ) -> m.EntitlementAnswer:
        handled = await self._decided(id_, asked, command, if_version=version, **fields)
        return m.EntitlementAnswer(**base(id_, handled), status=status)

    async def _decided(self, id_: str, asked: Asked, command: type[Any], **fields: Any) -> Handled:
        if not is_id(id_):
            raise Problem(404, "entitlement-unknown")
        return await self._allowance.entitlement(id_, asked, command, **fields)
