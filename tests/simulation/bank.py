"""The bank and the cards' issuer of the simulated municipality, and whoever brings it their files: accounts are named,
orders are answered, once, twice, late, wrong, or never.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from services.allowance import commands as cmd
from services.allowance import commands_payroll as cp
from services.allowance.decider import PROGRAMME
from services.allowance.decider_programme import Programme
from services.allowance.events_payroll import Payee
from shared.kernel import Command, Reaction
from tests.simulation.oracle_bank import CARD_CENTS_MAX

if TYPE_CHECKING:
    from tests.simulation.world import Site, World

Make = Callable[[datetime], Reaction]
IBANS = ("NL91ABNA0417164300", "DE89370400440532013000", "NL91ABNA0417164301")
"""The last of them is none."""


def about(aggregate: str, key: str, made: Callable[[datetime], Command]) -> Make:
    """A command that is made when it is given."""
    return lambda at: Reaction(aggregate, key, made(at))


def stood(site: Site, programme: str) -> Programme:
    """A programme as the municipality has it now."""
    assert site.allowance is not None
    stored = site.allowance.streams.get(PROGRAMME.stream(programme), ())
    return PROGRAMME.fold(PROGRAMME.initial, [PROGRAMME.codec.decode(event.data) for event in stored])


class Bank:
    """Everybody a run's money goes through."""

    def __init__(self, world: World) -> None:
        self._world, self._chance = world, world.chance

    def account(self, programme: str) -> Make:
        """Somebody names an account, now and then a wrong one, or another."""
        chance = self._chance
        site, iban = chance.choice(list(self._world.plan.allowances)), chance.choice(IBANS)
        by = chance.choice(("one", "namer", "namer"))
        return about("programme", programme, lambda at: cmd.NameAccount(
            at=at, role="finance", programme_id=programme, site=site, name="Opvang", iban=iban, by=by
        ))  # fmt: skip

    def approve(self, site: Site, programme: str, fields: dict[str, Any]) -> Make:
        """As the API does it, with the accounts as they are known; where none is, mostly with one that was named just
        before."""
        lacking = self._chance.random() < 0.1

        def made(at: datetime) -> cp.ApprovePayRun:
            usual = () if lacking else self._world.plan.allowances
            known = {name: cp.Named(Payee(name, "Opvang", IBANS[0]), "namer") for name in usual}
            for name, one in stood(site, programme).accounts.items():
                known[name] = cp.Named(Payee(name, one.name, one.iban), one.named_by)
            accounts = tuple(known.values())
            return cp.ApprovePayRun(at=at, home=site.name, accounts=accounts, **fields)

        return about("payroll", programme, made)

    def execute(self, programme: str, fields: dict[str, Any]) -> Make:
        return about("payroll", programme, lambda at: cp.ExecutePayRun(
            at=at, balance_cents_max=CARD_CENTS_MAX, cash_cents_a_day_max=10_000, **fields
        ))  # fmt: skip

    def answer(self, programme: str) -> Make:
        """A file about one run: some of its orders, in any order, some twice, and some of another run."""
        chance, orders = self._chance, self._world.oracle.allowance.orders(programme)
        of = orders[chance.choice(list(orders))]
        said = tuple(self._said(number, id_) for number, id_ in enumerate(chance.choices(list(orders), k=4), 1))
        return about("payroll", programme, lambda at: cp.NoteOrders(
            at=at, role="finance", programme_id=programme, run_id=of.run_id, method=of.method, said=said,
        ))  # fmt: skip

    def _said(self, number: int, id_: str) -> cp.Said:
        chance = self._chance
        order = self._world.oracle.allowance.orders(self._programme_of(id_))[id_]
        wrong = chance.random() < 0.1
        if order.method == "transfer":
            return cp.Said(number, id_, chance.random() < 0.3, order.cents + wrong)
        loaded = chance.choice((order.cents, order.cents, order.cents // 2, 0)) + wrong * order.cents
        return cp.Said(number, id_, False, loaded, balance_cents=chance.randint(0, CARD_CENTS_MAX - 1_000))

    def _programme_of(self, order_id: str) -> str:
        known = self._world.oracle.allowance
        return next(id_ for id_ in known.programmes() if order_id in known.orders(id_))
