"""The placement service, table of contents: what it decides, tells, hears, keeps and answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from services.placement import (
    api,
    policy,
    policy_regimes,
    publish,
    publish_calls,
    publish_regimes,
    views,
    views_calls,
    views_house,
    views_offers,
    views_regimes,
)
from services.placement.app_offers import Offering, forget_questions
from services.placement.capacity import SiteLink, caught_up
from services.placement.commands import LocationCommand, OpenLocation
from services.placement.commands_regimes import RegimeCommand
from services.placement.decider import LOCATION
from services.placement.decider_location import Location
from services.placement.decider_regimes import REGIME, Regime
from services.placement.events import LocationEvent
from services.placement.events_regimes import RegimeEvent
from services.placement.views_calls import remote_holds
from services.placement.views_capacity import CAPACITY, CAPACITY_TABLES, RETIRED, NetworkCapacity
from services.placement.views_waiting import WAITING, WAITING_TABLES, WaitingList
from shared import migration, schema
from shared.aggregate import Aggregate
from shared.archive import Archive
from shared.asyncapi import asyncapi_document
from shared.beats import Beat, Beats, Links
from shared.bus_connection import make_broker
from shared.clock import Clock
from shared.contracts.base import Contract
from shared.contracts.intake import LETTERS as DESK_LETTERS
from shared.contracts.placement import CONTRACTS, LETTERS, RegimeTold
from shared.envelope import LOGS, SYSTEM_ROLE, Origin, stream_name
from shared.forward import CALL, PENDING, Call, CallCommand, CallEvent
from shared.forward import TIMER as CALL_TIMER
from shared.forward import timers as call_timers
from shared.handling import Also, Context, Handler
from shared.health import add_health
from shared.http_archive import add_archive
from shared.http_repair import bench_of
from shared.ids import Ids, derived_id
from shared.inbox import Follow, OutboxSource, Reader
from shared.kernel import Reaction
from shared.letters import Seals, load_seals
from shared.policies import LETTER_SECONDS, Handlers, Policy, PolicyReader
from shared.ports import Append, Delete, DueTimer, RowChange, Store, Wake
from shared.projection import Progress, rebuild, rebuild_reader
from shared.rebuilds import Rebuildable
from shared.refill import Refills
from shared.runtime import Beside, Runtime
from shared.service import Host, ServiceApp
from shared.store import PgStore
from shared.streams import Topology
from shared.timers import TimerLoop
from shared.worklist import TABLES as WORKLIST_TABLES
from shared.worklist import PgWorklist, add_worklist

NAME = "placement"
INTAKE, ALLOWANCE = "intake", "allowance"
"""Who tells of open requests, and of seats in programmes."""

CITY_SECONDS = 0.004
"""A busy network's figures are brought into the view at most 250 times a second: about one append in two of what each
message by itself would cost."""

WAITING_SECONDS = 0.1
"""Who waits is looked at by people, and by offers that count in seconds: ten appends a second are enough."""

OWN_SECONDS = 0.02
"""A busy site brings its own figures into the network's view fifty times a second; its board shows them at once."""


def _rows(before: Location, events: Sequence[LocationEvent], after: Location, at: datetime) -> list[RowChange]:
    """The board's, those of how the house is kept, and those of offers and of questions about them."""
    rows = views.project(before, events, after, at)
    rows += views_house.project(events, after)
    if before.offers or after.offers or after.questions:
        rows += views_offers.project(before, events, after, at)
    return rows


AGGREGATE: Aggregate[Location, LocationCommand, LocationEvent] = Aggregate(
    decider=LOCATION, tell=publish.tell, project=_rows, timers=policy.timers
)
"""Every command and event of the service: `LOCATION.commands` and `LOCATION.codec`."""

CALLS: Aggregate[Call, CallCommand, CallEvent] = Aggregate(
    decider=CALL, tell=publish_calls.tell, project=views_calls.project, timers=call_timers
)
"""What this site has asked others for."""

REGIMES: Aggregate[Regime, RegimeCommand, RegimeEvent] = Aggregate(
    decider=REGIME, tell=publish_regimes.tell, project=views_regimes.project, timers=policy_regimes.timers
)
"""What the municipality has declared; at other sites what they heard of it."""

_HEARD: tuple[type[Contract], ...] = (*LETTERS, *DESK_LETTERS, RegimeTold)
HEARD = Policy("letters", {contract.type_name: contract for contract in _HEARD}, policy.heard)
"""What others write to this site, and the regimes everybody is told of."""

OPEN_CALLS = (PENDING, "active")
"""How a hold at another site stands that somebody may still count on."""

BOARD_TABLES = (*views.BOARD_TABLES, *views_house.RULE_TABLES, *views_offers.OFFER_TABLES)
INLINE_TABLES = (*BOARD_TABLES, *views_calls.CALL_TABLES, *views_regimes.REGIME_TABLES)
READER_TABLES = (*CAPACITY_TABLES, *WAITING_TABLES)
TABLES = (*schema.KERNEL_TABLES, *WORKLIST_TABLES, *INLINE_TABLES, *READER_TABLES)


def handlers(store: Store, clock: Clock, ids: Ids, seals: Seals) -> Handlers:
    """Whoever decides in this service, by the name of what is decided."""
    return {
        policy.LOCATION: Handler(store, AGGREGATE, clock, ids, seals.encode),
        policy.CALL: Handler(store, CALLS, clock, ids, seals.encode),
        REGIME.name: Handler(store, REGIMES, clock, ids, seals.encode),
    }


MOVES = frozenset({CALL_TIMER, policy_regimes.TURN})
"""Timers that move with what follows from them: one read a moment ago may stand for a later time by now, so it is left
to the events to clear it."""


def fire(
    store: Store, handlers: Handlers, retired: Callable[[str], bool]
) -> Callable[[DueTimer, datetime], Awaitable[None]]:
    """What happens when a timer falls due: its command; the timer goes or moves with whatever follows from that.

    retired: whether a site has left the network, so that nobody there answers any more.
    """

    async def due(timer: DueTimer, now: datetime) -> Reaction:
        if timer.kind == CALL_TIMER and retired((await handlers[policy.CALL].load(timer.key))[0].site):
            return policy.site_left(timer.key, now)
        return policy.due(timer.kind, timer.key, timer.id, now)

    async def fired(timer: DueTimer, now: datetime) -> None:
        spreads = timer.kind in policy_regimes.SPREADS
        reactions = await _spread(store, timer, now) if spreads else [await due(timer, now)]
        for reaction in reactions:
            name = reaction.key if spreads else timer.kind
            command_id = derived_id(timer.id, timer.due_at.isoformat(), name)
            context = Context(command_id=command_id, correlation_id=command_id, causation_id=command_id)
            gone = [] if spreads or timer.kind in MOVES else [Delete(schema.timers, (timer.id,))]
            await handlers[reaction.aggregate].handle(reaction.key, reaction.command, context, Also(gone))
        if spreads:  # a process that died on the way does all of it again: what a location knows changes nothing
            await store.append(Append(now, rows=[Delete(schema.timers, (timer.id,))]))

    return fired


async def _spread(store: Store, timer: DueTimer, now: datetime) -> list[Reaction]:
    """The commands of a timer that concerns many locations, or many regimes."""
    if timer.kind == policy_regimes.SPREAD_LOCATION:
        return policy_regimes.spread(await store.rows(views_regimes.regimes), [timer.key], policy.LOCATION, now)
    names = [row["name"] for row in await store.rows(views.locations)]
    rows = await store.rows(views_regimes.regimes, id=timer.key)
    return policy_regimes.spread(rows, names, policy.LOCATION, now)


async def migrate(dsn: str) -> None:
    """Brings this service's database up to date."""
    await migration.upgrade(dsn, NAME)


def build(host: Host) -> ServiceApp:
    """The service as one site's process runs it."""
    settings, clock, ids = host.settings, host.clock, host.ids
    store = PgStore(settings.databases[NAME].get_secret_value(), settings.site, NAME, (*INLINE_TABLES, *READER_TABLES))
    runtime = Runtime(host, NAME, store)
    reader = Reader(store, CAPACITY, clock)
    seals = load_seals(settings.site, settings.seal_keys, settings.network_keys)
    deciding = handlers(store, clock, ids, seals)
    handler = deciding[policy.LOCATION]
    listening = replace(HEARD, react=policy.heard_by(settings.municipality_site or settings.hub))
    letters = PolicyReader(store, listening, clock, deciding, seals, host.roster.began_after(settings.site))
    capacity = NetworkCapacity(store, reader, lambda site: _link(runtime, reader, site), clock, host.roster.counts)
    closing = Wake()

    def retired(site: str) -> bool:
        return host.roster.left_at(site) is not None

    def network_changed() -> None:
        seals.learn(host.roster.keys)
        closing.set()

    waiting = Reader(store, WAITING, clock)
    who_waits = WaitingList(
        store, waiting, lambda site: _link(runtime, reader, site), capacity.current, host.roster.counts
    )
    heard_by, again = [reader, waiting, letters], partial(_follows, runtime)
    refills = Refills(settings, NAME, store, runtime.relays)
    bench = bench_of(NAME, store, heard_by, _views(runtime, reader, waiting), again, clock, ids, refills)

    async def start() -> None:
        host.roster.on_change.append(network_changed)
        await runtime.start(LOGS)
        runtime.spawn("own-figures", lambda: reader.run(Follow(OutboxSource(store, "pub", clock), None, OWN_SECONDS)))
        runtime.spawn("timers", TimerLoop(store, clock, fire(store, deciding, retired)).run)
        for log in LOGS:
            runtime.relay(log)
        runtime.spawn("close-calls", lambda: close_calls(store, deciding, retired, clock, closing))
        runtime.city(reader, _own(host, ALLOWANCE), CITY_SECONDS, also=_beside(host, letters, waiting))
        runtime.measure(reader, waiting, letters)
        runtime.spawn("forget-questions", lambda: forget_questions(store, clock))
        runtime.spawn("offers", Offering(settings.site, store, who_waits, handler, clock, ids).run)
        for location in settings.locations:
            await _open(handler, host, location.name, location.title, location.district)

    placement = api.Placement(
        site=settings.site, sites=host.roster, handler=handler, store=store, capacity=capacity, clock=clock, ids=ids,
        streams=host.streams, calls=deciding[policy.CALL], can_write_to=seals.knows, regimes=deciding[REGIME.name],
        municipality=settings.municipality,
        waiting=who_waits, left_at=host.roster.left_at, small_counts_below=settings.small_counts_below,
    )  # fmt: skip

    async def stop() -> None:
        await bench.rebuilds.stop()
        await runtime.stop()

    site_api = api.build(placement, bench, _asyncapi(host))
    add_health(site_api, runtime.health)
    add_archive(site_api, Archive(store, (AGGREGATE, CALLS, REGIMES), INLINE_TABLES, [HEARD.name]))
    add_worklist(site_api, PgWorklist(store), clock.now)
    return ServiceApp(NAME, site_api, start, stop, runtime.checks())


async def close_calls(
    store: Store, handlers: Handlers, retired: Callable[[str], bool], clock: Clock, changed: Wake
) -> None:
    """Ends what was asked of sites that have left the network: once now, and again whenever the network has changed.
    What is asked in that very moment ends when its timer falls due (`fire`).
    """
    while True:
        seen = changed.count
        for status in OPEN_CALLS:
            for row in await store.rows(remote_holds, status=status):
                if retired(row["site"]):
                    command_id = derived_id("site-retired", row["id"], str(row["version"]))
                    reaction = policy.site_left(row["id"], clock.now())
                    context = Context(command_id=command_id, correlation_id=command_id, causation_id=command_id)
                    await handlers[policy.CALL].handle(reaction.key, reaction.command, context)
        await changed.wait(seen)


def _beside(host: Host, letters: Reader, waiting: Reader) -> list[Beside]:
    """Who hears the network, and what this site's intake tells it, beside the figures."""
    desk = _own(host, INTAKE)
    return [Beside(letters, desk, LETTER_SECONDS), Beside(waiting, desk, WAITING_SECONDS)]


def _own(host: Host, service: str) -> list[str]:
    """The stream in which another service of this site tells the network, where there is one."""
    topology = Topology(host.settings.hub, {host.settings.site: tuple(host.settings.services)})
    tellers = topology.tellers(host.settings.site, "pub")
    return [stream_name("pub", host.settings.site, service)] if service in tellers else []


def _follows(runtime: Runtime, reader: Reader) -> list[Follow]:
    """What a reader hears, once more from its start: the view of capacity hears its own service out of the outbox."""
    own = [Follow(OutboxSource(runtime.store, "pub", runtime.host.clock))] if reader.view is CAPACITY else []
    return [*own, *runtime.follows(reader)]


def _views(runtime: Runtime, reader: Reader, waiting: Reader) -> dict[str, Rebuildable]:
    """Every view of the service, and how it is rebuilt while it serves. The letters' policy keeps none."""
    store, clock = runtime.store, runtime.host.clock

    async def board(progress: Progress) -> int:
        return await rebuild(store, AGGREGATE, BOARD_TABLES, progress)

    async def remote_holds(progress: Progress) -> int:
        return await rebuild(store, CALLS, views_calls.CALL_TABLES, progress)

    async def regimes(progress: Progress) -> int:
        return await rebuild(store, REGIMES, views_regimes.REGIME_TABLES, progress)

    async def capacity(progress: Progress) -> int:
        return await rebuild_reader(store, reader, _follows(runtime, reader), clock, progress)

    async def who_waits(progress: Progress) -> int:
        return await rebuild_reader(store, waiting, _follows(runtime, waiting), clock, progress)

    return {
        "board": Rebuildable("events", board),
        "remote-holds": Rebuildable("events", remote_holds),
        "regimes": Rebuildable("events", regimes),
        CAPACITY.name: Rebuildable("messages", capacity, reader),
        WAITING.name: Rebuildable("messages", who_waits, waiting),
    }


async def _open(
    handler: Handler[Location, LocationCommand, LocationEvent], host: Host, name: str, title: str, district: str
) -> None:
    """Opens a location the network file names; nothing happens when it is open already."""
    command_id = derived_id("open-location", host.settings.site, name)
    context = Context(command_id=command_id, correlation_id=command_id, causation_id=command_id)
    command = OpenLocation(
        at=host.clock.now(), role=SYSTEM_ROLE, location=name, title=title, district=district, site=host.settings.site
    )
    await handler.handle(name, command, context)


def _link(runtime: Runtime, reader: Reader, site: str) -> SiteLink:
    """How another site is heard now, and whether all it said it told is applied here."""
    if runtime.host.roster.left_at(site) is not None:
        return RETIRED
    link = runtime.links.link(site, runtime.host.clock.monotonic(), NAME)
    heard = [it for it in runtime.links.origins() if it.site == site and it.service in (NAME, ALLOWANCE)]
    marks = [((o.epoch, runtime.links.told(o)), reader.checkpoint(o.key)) for o in heard]
    return SiteLink(link.state, link.silent_seconds, caught_up(marks))


def _asyncapi(host: Host) -> dict[str, object]:
    """What this service tells and hears, for `/asyncapi.json`."""
    broker = make_broker({"servers": [host.settings.nats_url]})

    async def beat() -> Beat:
        return Beat.of(Origin(host.settings.site, NAME, 1), {})

    Beats(broker, Links(host.settings.site, host.roster), NAME, beat, host.clock)
    return asyncapi_document(broker, CONTRACTS, site=host.settings.site, service=NAME, version="1")
