"""The allowance service in the simulated network: its process's pieces, as `services/allowance/app.py` wires them, the
municipality, which moves ceilings, and the desks, whose clients ask for seats, pause, come back, and end.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from services.allowance import commands as cmd
from services.allowance import commands_entitlement as en
from services.allowance import commands_handout as ch
from services.allowance import commands_payroll as cp
from services.allowance.app import SEATS_SECONDS, facts, fire, handlers, listening
from services.allowance.days import Tariff
from services.allowance.decider_dues import dues
from services.allowance.decider_programme import Programme
from services.allowance.views import PROGRAMMES
from shared.contracts.vocabulary import PayMethod
from shared.envelope import LOGS, stream_name
from shared.handling import Context, KeyClaim
from shared.heard import Nobody
from shared.inbox import Follow, OutboxSource, Reader
from shared.kernel import Command, Reaction
from shared.money import Period, PeriodKind, day_of, period_of
from shared.outbox import Relay
from shared.policies import LETTER_SECONDS, Handlers, PolicyReader
from shared.ports import OriginHalted, StoreUnavailable, VersionConflict
from shared.runtime import GATHER_SECONDS
from shared.telemetry import current_traceparent, span
from tests.simulation.bank import Bank, Make, about, stood
from tests.simulation.oracle_allowance import ALLOWANCE
from tests.simulation.oracle_intake import INTAKE

if TYPE_CHECKING:
    from tests.simulation.process import Process
    from tests.simulation.world import Site, World

TRIES_MAX = 6
PROGRAMMES_MAX = 2
METHODS: tuple[PayMethod, ...] = ("voucher", "prepaid_card", "transfer")
"""How clients are paid, one as often as another."""


class AllowanceProcess:
    """The allowance service's part of one life of a site's process."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.store = process.watched(ALLOWANCE)
        self.handlers = self.deciding()
        self.ready = asyncio.Event()
        clock, site = process.site.clock, process.site.name
        self.reader = Reader(self.store, PROGRAMMES, clock)
        policy = listening(site, process.world.bus.hub)
        self.letters = PolicyReader(self.store, policy, clock, self.handlers, process.mislaid())
        if process.site.intake is not None:
            self.facts = self.hearing()
            source = process.world.bus.source(site, stream_name("loc", site, INTAKE), process.io)
            process.keep("allowance facts", lambda: self.facts.run(Follow(source)))
        self._follow(self.reader, Follow(OutboxSource(self.store, "pub", clock)))
        for reader, seconds in ((self.reader, SEATS_SECONDS), (self.letters, LETTER_SECONDS)):
            self._follow(reader, Follow(process.city.source(), site, seconds))
            process.readers.append(reader)

    def deciding(self) -> Handlers:
        """Whoever decides; broken on purpose by a test."""
        process = self.process
        return handlers(self.store, process.site.clock, process.world.ids, process.world.seals[process.site.name])

    def hearing(self) -> PolicyReader:
        """Who hears this site's intake; broken on purpose by a test."""
        process, site = self.process, self.process.site
        return PolicyReader(
            self.store, facts(site.name), site.clock, self.handlers, process.world.seals[site.name]
        )  # fmt: skip

    @property
    def heard(self) -> tuple[int, int]:
        """How far intake was heard."""
        if self.process.site.intake is None:
            return 0, 0
        return self.facts.checkpoint(f"{self.process.site.name}/{INTAKE}", "loc")

    def _follow(self, reader: Reader, follow: Follow) -> None:
        async def read() -> None:
            await self.ready.wait()  # a letter it reads has an answer
            await reader.run(follow)

        self.process.keep(f"allowance {reader.view.name} {follow.source.name}", read)

    async def start(self) -> None:
        """As `app.start` does, after the store has written down where its logs stand."""
        process, store = self.process, self.store
        while not self.ready.is_set():
            try:
                for log in LOGS:
                    await store.doubt(log)
            except (StoreUnavailable, VersionConflict):
                await asyncio.sleep(0.2)
                continue
            self.ready.set()
        fired = fire(store, self.handlers, process.site.clock, process.world.ids)
        process.keep_timers("allowance timers", store, fired)
        process.keep("allowance watch", lambda: process.parts.watch(process, [self.reader, self.letters]))
        for log in LOGS:
            writer = process.world.bus.log(process.site.name, ALLOWANCE, log, process.io)
            relay = Relay(store, log, writer, process.site.clock, Nobody(), GATHER_SECONDS[log])
            process.keep(f"allowance relay-{log}", relay.run)
            process.keep(f"allowance prove-{log}", relay.prove)

    async def handle(self, asked: Reaction, context: Context) -> list[str]:
        """What the API does with a command. The events' ids."""
        await self.ready.wait()
        handled = await self.handlers[asked.aggregate].handle(asked.key, asked.command, context)
        return [id_ for id_, _ in handled.events]


class AllowanceDesks:
    """Everybody who works with allowances. open: until they go home."""

    def __init__(self, world: World) -> None:
        self._world, self._chance = world, world.chance
        self._bank = Bank(world)
        self.open = True
        self.done = 0

    async def work(self, site: Site) -> None:
        world, chance = self._world, self._chance
        while self.open and not world.failed.is_set():
            await asyncio.sleep(chance.uniform(0.0, 2 * world.plan.think_seconds))
            make = self._money(site) if site.name == world.bus.hub else self._something(site)
            if make is None:
                continue
            key = world.ids.random_id()
            tries = 2 if chance.random() < 0.1 else 1
            await asyncio.gather(*(self._ask(site, make, key) for _ in range(tries)))

    async def pay(self, site: Site) -> None:
        """Whoever does nothing at the municipality but take runs on, from draft to what the bank says of them."""
        world, chance = self._world, self._chance
        while self.open and not world.failed.is_set():
            await asyncio.sleep(chance.uniform(0.0, world.plan.think_seconds))
            seated = [id_ for id_ in world.oracle.allowance.programmes() if world.oracle.allowance.seated(id_)]
            if seated:
                await self._ask(site, self._paying(site, chance.choice(seated)), world.ids.random_id())

    async def _ask(self, site: Site, make: Make, key: str) -> None:
        """Sends a command until it is answered, always under one key."""
        world, chance = self._world, self._chance
        for _ in range(TRIES_MAX):
            process = chance.choice((site.process, site.twin)) if site.twin is not None else site.process
            if process is not None and process.allowance is not None:
                command_id = world.ids.event_id()
                claim = KeyClaim("allowance-desk", key, b"body")
                with span("desk", "server"):
                    context = Context(command_id, world.ids.random_id(), command_id, current_traceparent(), claim)
                world.oracle.allowance.answers.setdefault(key, (site.name, [], None))[1].append(command_id)
                task = process.spawn(process.allowance.handle(make(site.clock.now()), context))
                await asyncio.wait([task])
                if not task.cancelled() and task.exception() is None:
                    self._note(key, task.result())
                    return
                error = None if task.cancelled() else task.exception()
                if error is not None and not isinstance(error, StoreUnavailable | OriginHalted | VersionConflict):
                    world.fail(error, f"allowance of {site.name} failed")
            if world.failed.is_set() or not self.open:
                return
            await asyncio.sleep(chance.uniform(0.0, 0.8))

    def _note(self, key: str, events: list[str]) -> None:
        site, attempts, known = self._world.oracle.allowance.answers[key]
        assert known in (None, events), "one key, two answers"
        self._world.oracle.allowance.answers[key] = (site, attempts, events)
        self.done += 1

    # --- the municipality ---------------------------------------------------------------------------------------------

    def _money(self, site: Site) -> Make:
        world, chance = self._world, self._chance
        known = list(world.oracle.allowance.programmes())
        if not known or (len(known) < PROGRAMMES_MAX and chance.random() < 0.1):
            kinds: tuple[PeriodKind, ...] = ("week", "month")
            period, ceiling = chance.choice(kinds), chance.randint(2, 5)

            def opened(at: datetime) -> cmd.OpenProgramme:
                since = day_of(at) - timedelta(days=50)
                tariffs = (Tariff("1", 12_345, since), Tariff("2", 20_001, since))
                return cmd.OpenProgramme(
                    at=at, role="finance", programme_id=id_, site=site.name, name="Leefgeld", period=period,
                    ceiling=ceiling, methods=tuple(sorted(set(METHODS))), tariffs=tariffs,
                )  # fmt: skip

            id_ = world.ids.random_id()
            return lambda at: Reaction("programme", id_, opened(at))
        programme = chance.choice(known)
        if world.oracle.allowance.seated(programme) and chance.random() < 0.8:
            return self._paying(site, programme)
        if chance.random() < 0.3:
            return self._bank.account(programme)
        if chance.random() < 0.3:
            cents, day = chance.randint(0, 90_000), chance.randint(-60, 60)
            return about("programme", programme, lambda at: cmd.AddTariff(
                at=at, role="finance", programme_id=programme, size_class=chance.choice(("1", "2")), cents=cents,
                valid_from=day_of(at) + timedelta(days=day),
            ))  # fmt: skip
        ceiling, planned = chance.randint(0, 6), chance.random() < 0.5
        return about("programme", programme, lambda at: cmd.MoveCeiling(
            at=at, role="finance", programme_id=programme, ceiling=ceiling, planned=planned
        ))  # fmt: skip

    def _paying(self, site: Site, programme: str) -> Make:
        """Two people draft, approve, execute or drop a run of a period that has ended."""
        world, chance = self._world, self._chance
        run_id, by = world.ids.random_id(), chance.choice(("one", "other"))
        draft = world.oracle.allowance.draft(programme)
        if world.oracle.allowance.orders(programme) and chance.random() < 0.3:
            return self._bank.answer(programme)
        if draft is None and chance.random() < 0.1:
            return self._takes_back(programme) or self._bank.account(programme)
        if draft is None:
            back, paid = chance.randint(1, 5), world.oracle.allowance.paid_until(programme)
            due = _due(stood(site, programme), site.clock.now(), back, paid)
            if due is None:
                return self._bank.account(programme)
            return about("payroll", programme, lambda at: _drafted(site, programme, run_id, by, at, back, paid))
        fields: dict[str, Any] = {"role": "finance", "run_id": draft, "programme_id": programme}
        draw = chance.random()
        if draw < 0.1:
            return about("payroll", programme, lambda at: cp.DropPayRun(at=at, **fields))
        if draw < 0.2:  # approved or not: it is for the service to refuse
            return self._bank.execute(programme, fields)
        if draw < 0.4 or not world.oracle.allowance.approved(programme):
            budget = chance.choice((0, *(10**9,) * 7))
            by = chance.choice((by, "second", "second"))
            return self._bank.approve(site, programme, fields | {"by": by, "budget_cents": budget})
        return self._bank.execute(programme, fields)

    def _takes_back(self, programme: str) -> Make | None:
        """Finance takes back what waits at a site, which may have handed it out, or does before it hears."""
        open_ = self._world.oracle.allowance.handed_out(programme)
        if not open_:
            return None
        handout_id, at_site, ids = self._chance.choice(open_)
        return about("payroll", programme, lambda at: cp.HearHandout(
            at=at, role="finance", programme_id=programme, handout_id=handout_id, site=at_site, revision=1, paid=(),
            refused=ids,
        ))  # fmt: skip

    # --- a desk -------------------------------------------------------------------------------------------------------

    def _something(self, site: Site) -> Make | None:
        world, chance = self._world, self._chance
        programmes, draw = list(world.oracle.allowance.programmes()), chance.random()
        mine = list(world.oracle.allowance.entitlements(site.name))
        payments = world.oracle.allowance.payments(site.name)
        if payments and chance.random() < 0.3:
            return self._at_the_counter(*chance.choice(payments))
        if not programmes:
            return None
        if not mine or draw < 0.3:
            id_, client_id, programme = world.ids.random_id(), self._client(site), chance.choice(programmes)
            size, day = chance.randint(1, 3), chance.randint(-40, 5)
            return self._make(
                en.AskEntitlement, id_, client_id=client_id, programme_id=programme, site=world.bus.hub,
                household_size=size, method=chance.choice(METHODS), from_day=day,
            )  # fmt: skip
        id_, day = chance.choice(mine), chance.randint(-30, 10)
        if draw < 0.4:
            return self._make(en.SuspendEntitlement, id_, from_day=day)
        if draw < 0.6:
            return self._make(en.ResumeEntitlement, id_, from_day=day)
        if draw < 0.9:
            until = day + chance.randint(1, 20)
            return self._make(en.CorrectDays, id_, first=day, until=until, household_size=chance.randint(0, 3))
        return self._make(en.EndEntitlement, id_, from_day=min(day, 1), reason="sheltered")

    def _at_the_counter(self, handout_id: str, entitlement_id: str, code: str | None) -> Make:
        """Somebody gets a code, or shows theirs; now and then once more, or an older one."""
        if code is None or self._chance.random() < 0.2:
            hashed = self._world.ids.random_id()
            return about("handout", handout_id, lambda at: ch.IssueVoucher(
                at=at, role="caseworker", handout_id=handout_id, entitlement_id=entitlement_id, hashed=hashed
            ))  # fmt: skip
        return about("handout", handout_id, lambda at: ch.RedeemVoucher(
            at=at, role="operator", handout_id=handout_id, hashed=code
        ))  # fmt: skip

    def _client(self, site: Site) -> str:
        """Somebody with a file, also an erased one; or, now and then, somebody without."""
        files = {} if site.intake is None else self._world.oracle.intake.files(site.name)
        if not files or self._chance.random() < 0.1:
            return self._world.ids.random_id()
        offered = [id_ for id_, file in files.items() if file.slot.offers]
        return self._chance.choice(offered if offered and self._chance.random() < 0.7 else list(files))

    @staticmethod
    def _make(command: type[Any], id_: str, **fields: Any) -> Make:
        """A command about an entitlement; days are counted from the day it is given."""

        def made(at: datetime) -> Command:
            days = {
                name: day_of(at) + timedelta(days=fields[name]) for name in ("from_day", "first", "until")
                if name in fields
            }  # fmt: skip
            result: Command = command(at=at, role="caseworker", entitlement_id=id_, **(fields | days))
            return result

        return about("entitlement", id_, made)


def _due(state: Programme, at: datetime, back: int, paid: str) -> Period | None:
    """The first of the last periods, `back` of them at most, that is not paid and in which somebody has anything due.
    paid: the last one that is."""
    ended = period_of(state.period, day_of(at))
    found = None
    for _ in range(back):
        ended = period_of(state.period, ended.first - timedelta(days=1))
        mine = any(name == ended.name for due in dues(state, ended) for name, _ in due.periods)
        found = ended if mine and ended.name > paid else found
    return found


def _drafted(
    site: Site, programme: str, run_id: str, by: str, at: datetime, back: int, paid: str
) -> cp.DraftPayRun:  # fmt: skip
    """As the API makes it of the programme as it stands, also when nothing is due any more."""
    state = stood(site, programme)
    period = _due(state, at, back, paid)
    if period is None:
        period = period_of(state.period, period_of(state.period, day_of(at)).first - timedelta(days=1))
    return cp.DraftPayRun(
        at=at, role="finance", run_id=run_id, programme_id=programme, kind=state.period, period=period.name,
        due=dues(state, period), by=by,
    )  # fmt: skip
