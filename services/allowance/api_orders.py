"""HTTP: what a run orders of a bank and of the cards' issuer, and the files that go and come, at the municipality."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from fastapi import Query

from services.allowance import api_models as m
from services.allowance import commands as cmd
from services.allowance import commands_payroll as cp
from services.allowance import views_payroll as views
from services.allowance.api_desk import Allowance, Asked, base, person
from services.allowance.decider_orders import noted
from services.allowance.events_payroll import OrdersNoted
from services.allowance.loads import CardLine, WrongLine, read_answer
from services.allowance.transfers import order_id, read_camt
from shared.contracts.vocabulary import PayMethod
from shared.http import Claim, IfMatch
from shared.http_access import CurrentActor
from shared.http_models import CommandAnswer, Page, decode_cursor, encode_cursor, is_id
from shared.http_problems import Problem

_REFERENCE = re.compile(r"[0-9a-f]{32}")
BY_HAND = "HAND"
"""The reason of an order that somebody has settled, where a bank's code would stand."""


def wanted_in(run: Mapping[str, Any], find: str) -> list[str]:
    """Ids of the orders of a run that are looked for: by their own id, by their reference in a bank's file, or by an
    entitlement, which has a card of its own or is in the transfer to its site."""
    plain = find.strip().lower().replace("-", "")
    if not _REFERENCE.fullmatch(plain):
        return []
    id_ = "-".join((plain[:8], plain[8:12], plain[12:16], plain[16:20], plain[20:]))
    lines = msgspec.json.decode(run["lines"])
    about = (run["programme_id"], run["period"])
    of_line = [
        order_id(*about, line["site"] if line["method"] == "transfer" else id_)
        for line in lines if line["entitlement_id"] == id_
    ]  # fmt: skip
    return list(dict.fromkeys([id_, *of_line]))


class OrderRoutes:
    """Accounts, cards, and the files of runs, one method each."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance

    async def name_account(
        self, programme_id: str, body: m.AccountBody, actor: CurrentActor, claim: Claim, version: IfMatch
    ) -> CommandAnswer:
        """Say where transfers for people at a site go, or, of the municipality's own site, come from. Whoever says so
        approves no run that is paid with it. Refused: `iban-invalid`."""
        return await self._programme(
            programme_id, Asked(actor, claim), cmd.NameAccount, site=body.site, name=body.name, iban=body.iban,
            by=person(actor), if_version=version,
        )  # fmt: skip

    async def show_accounts(self, programme_id: str) -> m.AccountsView:
        """The accounts and card limits of a programme, as whoever approves a run looks at them."""
        self._allowance.at_municipality()
        if not is_id(programme_id):
            raise Problem(404, "programme-unknown")
        programme, _ = await self._allowance.programmes.load(programme_id)
        if not programme.id:
            raise Problem(404, "programme-unknown")
        cards, known = programme.cards, sorted(programme.accounts.items())
        return m.AccountsView(
            accounts=[m.AccountView(site=site, name=one.name, iban=one.iban) for site, one in known],
            balance_cents_max=cards.balance_cents_max, cash_cents_a_day_max=cards.cash_cents_a_day_max,
        )  # fmt: skip

    async def limit_cards(
        self, programme_id: str, body: m.CardsBody, actor: CurrentActor, claim: Claim, version: IfMatch
    ) -> CommandAnswer:
        """Say what may be on a card, and drawn from it in cash a day; it counts from the next run on."""
        return await self._programme(
            programme_id, Asked(actor, claim), cmd.LimitCards, balance_cents_max=body.balance_cents_max,
            cash_cents_a_day_max=body.cash_cents_a_day_max, if_version=version,
        )  # fmt: skip

    async def _programme(self, id_: str, asked: Asked, command: type[Any], **fields: Any) -> CommandAnswer:
        self._allowance.at_municipality()
        if not is_id(id_):
            raise Problem(404, "programme-unknown")
        handled = await self._allowance.programme(id_, asked, command, **fields)
        return CommandAnswer(**base(id_, handled))

    async def list_orders(self, run_id: str, query: Annotated[m.OrdersQuery, Query()]) -> Page[m.OrderView]:
        """What a run ordered, and what became of it: all of it, of one status, or the order that is looked for."""
        run = await self._run(run_id)
        where: dict[str, Any] = {"run_id": run_id} | ({} if query.status is None else {"status": query.status})
        store = self._allowance.store
        if query.find is None:
            rows = await store.page(views.pay_orders, decode_cursor(query.cursor), query.limit + 1, **where)
        else:
            found = [await store.rows(views.pay_orders, id=id_, **where) for id_ in wanted_in(run, query.find)]
            rows = [row for some in found for row in some]
        shown = rows[: query.limit]
        following = encode_cursor(str(shown[-1]["id"])) if len(rows) > query.limit else None
        names = m.OrderView.model_fields
        items = [m.OrderView(**{name: row[name] for name in names}) for row in shown]
        return Page[m.OrderView](items=items, next=following)

    async def sum_orders(self, run_id: str) -> m.OrdersSum:
        """How much a run ordered, and how much of it was paid, came back or waits."""
        await self._run(run_id)
        rows = await self._allowance.store.rows(views.pay_orders, run_id=run_id)
        counted = Counter(row["status"] for row in rows)
        cents = Counter[str]()
        for row in rows:
            cents[row["status"]] += row["cents"]
        return m.OrdersSum(
            total=len(rows), sent=counted["sent"], paid=counted["paid"], returned=counted["returned"],
            sent_cents=cents["sent"], paid_cents=cents["paid"], returned_cents=cents["returned"],
            methods=sorted({row["method"] for row in rows}),
        )  # fmt: skip

    async def show_file(self, run_id: str, kind: str) -> m.PayFileView:
        """The file that was made when the run was executed: `transfers` (pain.001.001.09) or `loads`."""
        await self._run(run_id)
        rows = await self._allowance.store.rows(views.pay_files, id=f"{run_id}/{kind}")
        if not rows:
            raise Problem(404, "pay-file-unknown")
        [row] = rows
        names = ("id", "run_id", "kind", "sha256")
        return m.PayFileView(**{name: row[name] for name in names}, text=bytes(row["data"]).decode())

    async def read_transfers(self, run_id: str, body: m.FileBody, actor: CurrentActor, claim: Claim) -> m.FileAnswer:
        """Read a statement or notification of the bank (camt.053, camt.054): which transfers of this run were paid or
        came back. Refused: `bank-file-invalid`; a line that cannot be books nothing, and the others are taken."""
        found = read_camt(body.text)
        if found is None:
            raise Problem(422, "bank-file-invalid")
        said = [
            cp.Said(line.number, line.reference, line.returned, line.cents, line.iban, line.reason) for line in found
        ]
        return await self._note(run_id, Asked(actor, claim), "transfer", said, [])

    async def read_loads(self, run_id: str, body: m.FileBody, actor: CurrentActor, claim: Claim) -> m.FileAnswer:
        """Read what the cards' issuer loaded. Refused: `card-file-invalid` (another head); a line that cannot be books
        nothing, and the others are taken."""
        found = read_answer(body.text)
        if found is None:
            raise Problem(422, "card-file-invalid")
        said = [
            cp.Said(line.number, line.load_id, False, line.cents, balance_cents=line.balance_cents)
            for line in found if isinstance(line, CardLine)
        ]  # fmt: skip
        unread = [(line.number, "line-invalid") for line in found if isinstance(line, WrongLine)]
        return await self._note(run_id, Asked(actor, claim), "prepaid_card", said, unread)

    async def settle(
        self, run_id: str, order_id: str, body: m.SettleBody, actor: CurrentActor, claim: Claim
    ) -> CommandAnswer:
        """Say of an order that waits what became of it, where no file can: its run was made a second time with other
        amounts or accounts, and the bank kept the first. What differs is settled with the payee; what was not paid is
        due again, and approved again. Refused: `order-unknown`, `order-noted`."""
        run = await self._run(run_id)
        payroll, _ = await self._allowance.payrolls.load(run["programme_id"])
        order = payroll.orders.get(order_id)
        if order is None or order.run_id != run_id:
            raise Problem(404, "order-unknown")
        whole = order.method == "transfer"
        cents = order.cents if whole or body.paid else 0
        said = cp.Said(1, order_id, whole and not body.paid, cents, reason=BY_HAND, by_hand=True)
        handled = await self._allowance.payroll(
            run["programme_id"], Asked(actor, claim), cp.NoteOrders, run_id=run_id, method=order.method,
            said=(said,),
        )  # fmt: skip
        if not handled.events:
            raise Problem(409, "order-noted")
        return CommandAnswer(**base(order_id, handled))

    async def take_back(self, run_id: str, handout_id: str, actor: CurrentActor, claim: Claim) -> CommandAnswer:
        """What waits at a site that has left the network goes back, as if nobody had come: no letter reaches it any
        more. Refused: `handout-unknown`, `site-present`."""
        run = await self._run(run_id)
        payroll, _ = await self._allowance.payrolls.load(run["programme_id"])
        known = payroll.waiting.get(handout_id)
        if known is None or known.run_id != run_id:
            raise Problem(404, "handout-unknown")
        if self._allowance.left_at(known.site) is None:
            raise Problem(409, "site-present", facts={"site": known.site})
        handled = await self._allowance.payroll(
            run["programme_id"], Asked(actor, claim), cp.HearHandout, handout_id=handout_id, site=known.site,
            revision=max(1, known.revision), paid=(), refused=tuple(known.lines),
        )  # fmt: skip
        return CommandAnswer(**base(handout_id, handled))

    async def _note(
        self, run_id: str, asked: Asked, method: PayMethod, said: Sequence[cp.Said], unread: list[tuple[int, str]]
    ) -> m.FileAnswer:
        """A request that comes again has the answer it had: what it booked is in its events, and the rest was wrong."""
        run = await self._run(run_id)
        command: dict[str, Any] = {"run_id": run_id, "method": method, "said": tuple(said)}
        allowance = self._allowance
        before, _ = await allowance.payrolls.load(run["programme_id"])
        handled = await allowance.payroll(run["programme_id"], asked, cp.NoteOrders, **command)
        booked = [one for _, event in handled.events if isinstance(event, OrdersNoted) for one in event.answered]
        asking = cp.NoteOrders(
            at=allowance.clock.now(), role=asked.actor.role, programme_id=run["programme_id"], **command
        )
        _, wrong = noted(before.orders, asking)
        taken = {one.order_id for one in booked}
        numbers = {line.number for line in said if line.order_id in taken} if handled.replayed else set()
        return m.FileAnswer(
            **base(run_id, handled), paid=sum(not one.returned for one in booked),
            returned=sum(one.returned for one in booked),
            refused=[
                m.LineRefused(line=number, code=code)
                for number, code in sorted([*wrong, *unread]) if number not in numbers
            ],
        )  # fmt: skip

    async def _run(self, run_id: str) -> dict[str, Any]:
        self._allowance.at_municipality()
        return await self._allowance.row(views.pay_runs, run_id, "pay-run")
