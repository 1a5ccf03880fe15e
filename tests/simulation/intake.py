"""An intake in the simulated network: its process's pieces, as `services/intake/app.py` wires them, and the people at
its desk, who register, ask, withdraw and forget, and try again when they get no answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from services.intake import commands as cmd
from services.intake import commands_alias as ac
from services.intake import commands_guidance as guide
from services.intake import commands_handover as over
from services.intake import commands_offers as oc
from services.intake import file as parts_of
from services.intake.api_likeness import ASKED_FOR
from services.intake.app import HEARD, SEATED, handlers
from services.intake.app_alias import Listener, Teller
from services.intake.app_handover import Giving, Receiving
from services.intake.app_keeper import Keeper
from services.intake.commands_likeness import BeginCheck
from services.intake.file import PERSONAL, Personal
from services.intake.policy import ASIDE
from services.intake.priority import CURRENT
from shared.contracts.vocabulary import DISTRICTS
from shared.envelope import LOGS, stream_name
from shared.handling import Context, KeyClaim
from shared.heard import Nobody
from shared.inbox import Follow
from shared.logbook import Openings
from shared.outbox import Relay
from shared.policies import LETTER_SECONDS, Handlers, PolicyReader
from shared.ports import BusUnavailable, OriginHalted, StoreUnavailable, VersionConflict
from shared.runtime import GATHER_SECONDS
from shared.telemetry import current_traceparent, span
from shared.vault import Vault, VaultProblem
from tests.simulation.guests import said, tells
from tests.simulation.offers import arrival_of
from tests.simulation.oracle_checks import person_of
from tests.simulation.oracle_intake import INTAKE, Known
from tests.support.intake_desk import Answers
from tests.support.memory_bus import CITY
from tests.support.memory_keys import SITE_KEY, MemoryKeys

if TYPE_CHECKING:
    from tests.simulation.process import Process
    from tests.simulation.world import Site, World

RETENTION_DAYS = 30
ALIAS_KEPT = timedelta(hours=12)
TRIES_MAX = 6
SEALED = "v1." + "s" * 16 + "."


class SimKeys(MemoryKeys):
    """Keys whose every change is an effect of a process: it may die before it, or after it."""

    def __init__(self, process: Process) -> None:
        super().__init__(process.site.keys)
        self._process = process

    async def put_new(self, key_id: str, wrapped: bytes) -> bool:
        await self._io("vault-put")
        done = await super().put_new(key_id, wrapped)
        await self._io("vault-put-done")
        return done

    async def destroy(self, key_id: str, at: datetime) -> None:
        await self._io("vault-destroy")
        await super().destroy(key_id, at)
        await self._io("vault-destroyed")

    async def _io(self, what: str) -> None:
        """One step on the disk; where a step on the bus would fail, this one does."""
        try:
            await self._process.io(what)
        except BusUnavailable:
            raise VaultProblem("vault-unavailable") from None


class SimLine:
    """Asks other desks over the links, where a request or its answer may be lost, and a request may come twice.
    answerer: who of another site's intake answers."""

    def __init__(self, process: Process, answerer: Callable[[IntakeProcess], Answers]) -> None:
        self._process, self._answerer = process, answerer

    async def ask(self, site: str, request: bytes) -> bytes | None:
        process, world = self._process, self._process.world
        try:
            await process.io(f"ask {site}")
            answers = [await self._answer(site, request) for _ in range(1 + (world.chance.random() < 0.1))]
            await process.io(f"{site} answered")
        except BusUnavailable:
            return None
        lost = not world.calm and world.chance.random() < 0.1
        return None if lost else answers[0]

    async def _answer(self, site: str, request: bytes) -> bytes | None:
        world = self._process.world
        there = next((one.process for one in world.sites if one.name == site), None)
        if there is None or there.intake is None or not there.intake.ready.is_set():
            return None
        if not world.bus.reachable(self._process.site.name, site):
            return None
        task = there.spawn(self._answerer(there.intake).answer(request))
        await asyncio.wait([task])
        error = None if task.cancelled() else task.exception()
        if task.cancelled() or isinstance(error, StoreUnavailable | OriginHalted | VersionConflict):
            return None
        if error is not None:
            world.fail(error, f"a desk failed to answer {self._process.site.name}")
            return None
        return task.result()


class IntakeProcess:
    """The intake's part of one life of a site's process."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.store = process.watched(INTAKE)
        self.vault = Vault([SITE_KEY], SimKeys(process))
        self.handlers = self.deciding()
        self.receiving = self.taking()
        self.teller, self.listener = self.telling()
        self.keeper = self.keeping()
        self.letters = self.listening()
        seals = process.world.seals[process.site.name]
        self.seats = PolicyReader(self.store, SEATED, process.site.clock, self.handlers, seals)
        self.hears = [self.letters, self.seats]
        self.ready = asyncio.Event()

    def deciding(self) -> Handlers:
        """Whoever decides; broken on purpose by a test, like what follows."""
        process = self.process
        seals = process.world.seals[process.site.name]
        return handlers(self.store, process.site.clock, process.world.ids, seals, self.vault)

    keeper_kind: type[Keeper] = Keeper
    giving_kind: type[Giving] = Giving

    def keeping(self) -> Keeper:
        site = self.process.site
        retired = partial(self.process.parts.retired, self.process.world)
        openings = Openings(self.store, site.clock, self.process.world.ids.random_id)
        seals, line = self.process.world.seals[site.name], SimLine(self.process, lambda intake: intake.receiving)
        giving = self.giving_kind(site.name, self.handlers["client"], self.vault, seals, line, openings)
        return self.keeper_kind(
            site.name, self.store, self.vault, self.handlers, site.clock, openings, RETENTION_DAYS, giving,
            retired=retired,
        )  # fmt: skip

    teller_kind: type[Teller] = Teller

    def telling(self) -> tuple[Teller, Listener]:
        site, seals = self.process.site, self.process.world.seals[self.process.site.name]
        openings = Openings(self.store, site.clock, self.process.world.ids.random_id)
        teller = self.teller_kind(site.name, self.handlers["client"], self.vault, seals, openings)
        line = SimLine(self.process, lambda intake: intake.teller)
        return teller, Listener(site.name, teller, seals, line, openings, site.clock, ALIAS_KEPT)

    def taking(self) -> Receiving:
        site, world = self.process.site, self.process.world
        return Receiving(
            site.name, self.store, self.handlers["client"], self.handlers["taking"], self.vault, world.seals[site.name],
            site.clock, world.ids,
        )  # fmt: skip

    def listening(self) -> PolicyReader:
        process = self.process
        policy = process.world.programs.policy(process.site.name, INTAKE, HEARD)
        return PolicyReader(self.store, policy, process.site.clock, self.handlers, process.mislaid())

    async def start(self) -> None:
        """As `app.start` does, after the store has written down where its logs stand."""
        process, store = self.process, self.store
        while not self.ready.is_set():
            try:
                for log in LOGS:
                    await store.doubt(log)
                await self.keeper.begin()
            except (StoreUnavailable, VersionConflict):
                await asyncio.sleep(0.2)
                continue
            self.ready.set()
        process.keep_timers("intake timers", store, self.keeper.fire, ASIDE)
        site = process.site.name
        for name, skip in ((CITY, site), (stream_name("pub", site, "placement"), None)):
            source = process.city.source() if name == CITY else process.world.bus.source(site, name, process.io)
            process.keep(f"intake letters {name}", partial(self.letters.run, Follow(source, skip, LETTER_SECONDS)))
        if process.site.allowance is not None:
            told = process.world.bus.source(site, stream_name("loc", site, "allowance"), process.io)
            process.keep("intake seats", lambda: self.seats.run(Follow(told)))
        process.keep("intake watch", lambda: process.parts.watch(process, [self.letters]))
        for log in LOGS:
            writer = process.world.bus.log(process.site.name, INTAKE, log, process.io)
            relay = Relay(store, log, writer, process.site.clock, Nobody(), GATHER_SECONDS[log])
            process.keep(f"intake relay-{log}", relay.run)
            process.keep(f"intake prove-{log}", relay.prove)

    async def handle(self, command: Asked, context: Context) -> list[str]:
        """What the API does with a command: a key before a file, the file before its key goes. The events' ids."""
        await self.ready.wait()
        if isinstance(command, over.AgreeToTake | over.DeclineToTake):
            handled = await self.handlers["taking"].handle(command.hand_over_id, command, context)
            return [id_ for id_, _ in handled.events]
        if isinstance(command, BeginCheck):
            handled = await self.handlers["check"].handle(command.check_id, command, context)
            return [id_ for id_, _ in handled.events]
        if isinstance(command, cmd.RegisterClient):
            if await self.vault_lacks(command.client_id):
                await self.vault.create(command.client_id)
            command = replace(
                command, personal=await self.vault.seal(command.client_id, PERSONAL, personal_of(command.client_id))
            )
        if isinstance(command, ac.AliasCommand):
            command = await said(self, command)
        if self.process.world.plan.movers:
            command = await self.sealed(command)
        handled = await self.handlers["client"].handle(command.client_id, command, context)
        if isinstance(command, cmd.EraseClient) and handled.rejected is None:
            await self.keeper.destroy_key(command.client_id)
        return [id_ for id_, _ in handled.events]

    async def sealed(self, command: cmd.ClientCommand) -> cmd.ClientCommand:
        """With texts that open: where files are handed over, they are read."""
        parts = {}
        for name in PARTS.keys() & set(command.__struct_fields__):
            if str(getattr(command, name)).startswith(SEALED):
                parts[name] = await self.vault.seal(command.client_id, *PARTS[name])
        return replace(command, **parts)

    async def vault_lacks(self, client_id: str) -> bool:
        """Whether a first try has made no key yet."""
        keys = self.process.site.keys
        return client_id not in keys.keys and client_id not in keys.gone


def personal_of(client_id: str) -> bytes:
    """What the desk writes down of whoever this file is of."""
    return msgspec.json.encode(Personal(name=person_of(client_id), birth_date=date(1990, 5, 6)))


PARTS: dict[str, tuple[str, bytes]] = {
    name: (sealed, msgspec.json.encode(part))
    for name, sealed, part in (
        ("card", parts_of.CARD, parts_of.Card("somebody")), ("facts", parts_of.FACTS, parts_of.Facts(())),
        ("goals", parts_of.GOALS, parts_of.Goals(("a room",))),
        ("milestone", parts_of.MILESTONE, parts_of.Milestone("a step")),
        ("outcome", parts_of.ENDING, parts_of.Ending("none", "left")),
        ("referral", parts_of.REFERRAL, parts_of.Referred("legal_aid")),
        ("appointment", parts_of.APPOINTMENT, parts_of.Appointment(datetime(2026, 2, 1, tzinfo=UTC))),
    )
}  # fmt: skip
"""What is sealed under which name, by the field of a command."""

Asked = cmd.ClientCommand | BeginCheck | over.AgreeToTake | over.DeclineToTake
Make = Callable[[datetime], Asked]


class IntakeDesks:
    """Everybody at an intake's desk. open: until they go home."""

    def __init__(self, world: World) -> None:
        self._world, self._chance = world, world.chance
        self.open = True
        self.done = 0

    async def work(self, site: Site) -> None:
        world, chance = self._world, self._chance
        while self.open and not world.failed.is_set():
            await asyncio.sleep(chance.uniform(0.0, 2 * world.plan.think_seconds))
            make = self._something(site)
            if chance.random() < 0.1:
                key = world.ids.random_id()
                await asyncio.gather(*(self._ask(site, make, key) for _ in range(2)))
            else:
                await self._ask(site, make, world.ids.random_id())

    async def _ask(self, site: Site, make: Make, key: str) -> None:
        """Sends a command until it is answered, always under one key."""
        world, chance = self._world, self._chance
        for _ in range(TRIES_MAX):
            process = chance.choice((site.process, site.twin)) if site.twin is not None else site.process
            if process is not None and process.intake is not None:
                command_id = world.ids.event_id()
                claim = KeyClaim("intake-desk", key, b"body")
                with span("desk", "server"):
                    context = Context(command_id, world.ids.random_id(), command_id, current_traceparent(), claim)
                world.oracle.intake.answers.setdefault(key, (site.name, [], None))[1].append(command_id)
                task = process.spawn(process.intake.handle(make(site.clock.now()), context))
                await asyncio.wait([task])
                if not task.cancelled() and task.exception() is None:
                    self._note(key, task.result())
                    return
                error = None if task.cancelled() else task.exception()
                if error is not None and not isinstance(
                    error, StoreUnavailable | OriginHalted | VersionConflict | VaultProblem
                ):
                    world.fail(error, f"intake of {site.name} failed")
            if world.failed.is_set() or not self.open:
                return
            await asyncio.sleep(chance.uniform(0.0, 0.8))

    def _note(self, key: str, events: list[str]) -> None:
        site, attempts, known = self._world.oracle.intake.answers[key]
        assert known in (None, events), "one key, two answers"
        self._world.oracle.intake.answers[key] = (site, attempts, events)
        self.done += 1

    def _something(self, site: Site) -> Make:
        world, chance = self._world, self._chance
        files = world.oracle.intake.files(site.name)
        there = [id_ for id_, file in files.items() if not file.erased]
        if world.plan.guests and chance.random() < 0.3:
            told = tells(world, there, files)
            if told is not None:
                return told
        if world.plan.movers and chance.random() < 0.75:
            handing = self._hands_over(site, there, files) if chance.random() < 0.2 else None
            wanted = handing or self._wanted(files)
            if wanted is not None:
                return wanted
        referred = [id_ for id_ in there if any(state != "ended" for state in files[id_].referrals.values())]
        if referred and chance.random() < 0.2:
            client_id = chance.choice(referred)
            return self._guides(client_id, files[client_id])
        draw = chance.random()
        if not there or draw < 0.2:
            return self._make(cmd.RegisterClient, world.ids.random_id(), card=SEALED + "card")
        client_id = chance.choice(there if draw < 0.95 else list(files))
        if chance.random() < 0.1:
            return self._checks(site, client_id)
        open_id = files[client_id].open
        offers = [id_ for id_, offer in files[client_id].slot.offers.items() if not offer.over]
        if offers and draw < 0.75:
            return self._about(client_id, chance.choice(offers))
        if chance.random() < 0.25:
            return self._guides(client_id, files[client_id])
        if draw < 0.5:
            return self._asks(client_id, files[client_id], 6)
        priority = {"priority_band": chance.randint(0, 3), "rules_version": CURRENT.version}
        if draw < 0.65 and open_id is not None:
            return self._make(
                cmd.PrioritizeRequest, client_id, request_id=open_id, facts=SEALED + world.ids.random_id(), **priority
            )
        if draw < 0.8 and open_id is not None:
            return self._make(cmd.WithdrawRequest, client_id, request_id=open_id, reason="found_elsewhere")
        if draw < 0.88:
            if open_id is not None and chance.random() < 0.5:
                return self._make(cmd.NoteUnmet, client_id, request_id=open_id, district=chance.choice(DISTRICTS))
            return self._make(cmd.ReadPersonal, client_id, read_id=world.ids.random_id(), purpose="contact")
        if draw < 0.93:
            return self._make(cmd.CorrectClient, client_id, reason="news", card=SEALED + world.ids.random_id())
        return self._make(cmd.EraseClient, client_id, because="asked_by_client")

    def _checks(self, site: Site, client_id: str) -> Make:
        """Another desk is asked whether it knows somebody like this; now and then nobody is there to answer."""
        check_id, others = self._world.ids.random_id(), [name for name in self._world.plan.sites if name != site.name]
        to = self._chance.choice(others)
        return lambda at: BeginCheck(
            at=at, role="caseworker", check_id=check_id, client_id=client_id, site=to, until=at + ASKED_FOR
        )

    def _hands_over(self, site: Site, there: list[str], files: Mapping[str, Known]) -> Make | None:
        """A file that waits here is taken, mostly; or one goes to another desk, or is to stay after all."""
        world, chance = self._world, self._chance
        handed = world.oracle.intake.handed
        for hand_over_id, way in handed.begun.items():
            open_ = way.to == site.name and not way.how and hand_over_id not in {*handed.taken, *handed.over}
            if open_ and chance.random() < 0.7:
                kind = over.AgreeToTake if chance.random() < 0.8 else over.DeclineToTake
                return lambda at: kind(at=at, role="caseworker", hand_over_id=hand_over_id)
        under_way = [id_ for id_ in there if id_ in handed.frozen]
        if under_way and chance.random() < 0.2:
            return self._make(over.CallOffHandOver, chance.choice(under_way))
        free = [id_ for id_ in there if id_ not in handed.frozen and files[id_].slot.fills is None]
        others = [one.name for one in world.sites if one is not site and one.intake is not None]
        if not free or not others:
            return None
        return self._make(
            over.HandOver, chance.choice(free), hand_over_id=world.ids.random_id(), site=chance.choice(others)
        )

    def _asks(self, client_id: str, file: Known, household_size_max: int) -> Make:
        """For a place; for another one if they live somewhere."""
        world, chance = self._world, self._chance
        priority = {"priority_band": chance.randint(0, 3), "rules_version": CURRENT.version}
        return self._make(
            cmd.OpenRequest, client_id, request_id=world.ids.random_id(), facts=SEALED + "facts", **priority,
            kinds=tuple(chance.sample(("shelter_24h", "night_shelter", "family_shelter"), chance.randint(1, 3))),
            household_size=chance.randint(1, household_size_max), transfer=file.slot.home is not None,
        )  # fmt: skip

    def _wanted(self, files: Mapping[str, Known]) -> Make | None:
        """What leads to a place: an open offer is taken, and whoever lives somewhere asks to move."""
        there = {id_: file for id_, file in files.items() if not file.erased}
        for client_id, file in there.items():
            for offer_id, offer in file.slot.offers.items():
                if offer.status == "open" and not offer.over:
                    return self._takes(client_id, offer_id, (None,))
        claim = self._claims(there) if self._chance.random() < 0.3 else None
        if claim is not None:
            return claim
        idle = [id_ for id_, file in there.items() if file.open is None]
        housed = [id_ for id_ in idle if there[id_].slot.home is not None]
        for who in (housed, idle):
            if who:
                client_id = self._chance.choice(who)
                return self._asks(client_id, there[client_id], 1)
        return None

    def _claims(self, there: Mapping[str, Known]) -> Make | None:
        """Somebody who has no place says which stay is theirs, at any site; now and then it is somebody else's."""
        world, chance = self._world, self._chance
        nowhere = [id_ for id_, file in there.items() if file.slot.fills is None]
        stays = [
            (site.name, name, house.beds[place_ids[0]].group[0], stay_id)
            for site in world.sites
            for name, house in world.oracle.houses(site.name).items()
            for stay_id, (place_ids, _) in house.stays.items()
        ]
        if not nowhere or not stays:
            return None
        site, location, kind, stay_id = chance.choice(stays)
        return self._make(
            oc.ClaimStay, chance.choice(nowhere), claim_id=world.ids.random_id(), stay_id=stay_id, site=site,
            location=location, kind=kind,
        )  # fmt: skip

    def _guides(self, client_id: str, file: Known) -> Make:
        """Somebody works with the client: whatever comes next, now and then twice or too late."""
        world, chance = self._world, self._chance
        sealed = SEALED + world.ids.random_id()
        draw = chance.random()
        if draw < 0.4:
            return self._on_their_way(client_id, file, sealed)
        if not file.referrals or draw < 0.5:
            return self._make(guide.MakeReferral, client_id, referral_id=world.ids.random_id(), referral=sealed)
        state = chance.choice(("appointment", "appointment", "attended", "did_not_attend", "ended"))
        referral_id, hours = chance.choice(sorted(file.referrals)), chance.choice((-5, 1, 40, 100, 200))

        def followed(at: datetime) -> cmd.ClientCommand:
            agreed = state == "appointment"
            return guide.FollowReferral(
                at=at, role="caseworker", client_id=client_id, referral_id=referral_id, state=state,
                appointment=sealed if agreed else None, starts_at=at + timedelta(hours=hours) if agreed else None,
            )  # fmt: skip

        return followed

    def _on_their_way(self, client_id: str, file: Known, sealed: str) -> Make:
        if file.way is None:
            return self._make(guide.StartTrajectory, client_id, trajectory_id=self._world.ids.random_id(), goals=sealed)
        if self._chance.random() < 0.6:
            return self._make(
                guide.ReachMilestone, client_id, trajectory_id=file.way, milestone_id=self._world.ids.random_id(),
                milestone=sealed,
            )  # fmt: skip
        return self._make(guide.EndTrajectory, client_id, trajectory_id=file.way, outcome=sealed)

    def _about(self, client_id: str, offer_id: str) -> Make:
        """Takes an offer, in spite of another one if need be, or declines it; perhaps after taking it."""
        chance = self._chance
        if chance.random() < 0.25:
            return self._make(oc.DeclineOffer, client_id, offer_id=offer_id, reason="too_far")
        return self._takes(client_id, offer_id, (None, None, "owner_silent"))

    def _takes(self, client_id: str, offer_id: str, overrides: Sequence[str | None]) -> Make:
        arrival, hours = arrival_of(self._world.ids.random_id()), self._chance.choice((0.5, 1, 3))
        override = self._chance.choice(overrides)

        def made(at: datetime) -> cmd.ClientCommand:
            return oc.AcceptOffer(
                at=at, role="caseworker", client_id=client_id, offer_id=offer_id, arrival=arrival, override=override,
                expected_by=at + timedelta(hours=hours),
            )  # fmt: skip

        return made

    @staticmethod
    def _make(command: type[Any], client_id: str, **fields: Any) -> Make:
        def made(at: datetime) -> cmd.ClientCommand:
            result: cmd.ClientCommand = command(at=at, role="caseworker", client_id=client_id, **fields)
            return result

        return made
