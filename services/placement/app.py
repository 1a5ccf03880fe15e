"""The placement service, table of contents: what it decides, tells, hears, keeps and answers."""

from __future__ import annotations

from datetime import datetime

from services.placement import api, policy, publish, views
from services.placement.capacity import SiteLink
from services.placement.commands import LocationCommand, OpenLocation
from services.placement.decider import LOCATION
from services.placement.decider_location import Location
from services.placement.events import LocationEvent
from services.placement.views_capacity import CAPACITY, CAPACITY_TABLES, NetworkCapacity
from shared import migration, schema
from shared.asyncapi import asyncapi_document
from shared.beats import Beat, Beats, Links
from shared.bus_connection import make_broker
from shared.contracts.placement import CONTRACTS
from shared.envelope import LOGS, SYSTEM_ROLE, Origin
from shared.handling import Aggregate, Context, Handler
from shared.health import add_health
from shared.http_repair import Bench
from shared.ids import derived_id
from shared.inbox import Follow, OutboxSource, Reader
from shared.ports import Delete, DueTimer
from shared.projection import Progress, rebuild, rebuild_reader
from shared.rebuilds import Rebuildable, Rebuilds
from shared.repair import Repair
from shared.runtime import Runtime
from shared.service import Host, ServiceApp
from shared.store import PgStore
from shared.timers import TimerLoop
from shared.worklist import TABLES as WORKLIST_TABLES
from shared.worklist import PgWorklist, add_worklist

NAME = "placement"

CITY_SECONDS = 0.01
"""A busy network's figures are brought into the view a hundred times a second: nobody sees more on a screen."""

OWN_SECONDS = 0.02
"""A busy site brings its own figures into the network's view fifty times a second; its board shows them at once."""

AGGREGATE: Aggregate[Location, LocationCommand, LocationEvent] = Aggregate(
    decider=LOCATION, tell=publish.tell, project=views.project, timers=policy.timers
)
"""Every command and event of the service: `LOCATION.commands` and `LOCATION.codec`."""

INLINE_TABLES = views.BOARD_TABLES
READER_TABLES = CAPACITY_TABLES
TABLES = (*schema.KERNEL_TABLES, *WORKLIST_TABLES, *INLINE_TABLES, *READER_TABLES)


async def migrate(dsn: str) -> None:
    """Brings this service's database up to date."""
    await migration.upgrade(dsn, NAME)


def build(host: Host) -> ServiceApp:
    """The service as one site's process runs it."""
    settings, clock, ids = host.settings, host.clock, host.ids
    store = PgStore(settings.databases[NAME].get_secret_value(), settings.site, NAME, (*INLINE_TABLES, *READER_TABLES))
    runtime = Runtime(host, NAME, store)
    reader = Reader(store, CAPACITY, clock)
    handler = Handler(store, AGGREGATE, clock, ids)
    capacity = NetworkCapacity(store, reader, lambda site: _link(runtime, reader, site), clock)

    async def fire(timer: DueTimer, now: datetime) -> None:
        command = policy.due(timer.kind, timer.key, timer.id, now)
        command_id = derived_id(timer.id, timer.due_at.isoformat(), timer.kind)
        context = Context(command_id=command_id, correlation_id=command_id, causation_id=command_id)
        await handler.handle(timer.key, command, context, also=[Delete(schema.timers, (timer.id,))])

    bench = Bench(NAME, Repair(store, [reader], clock, ids), Rebuilds(_views(runtime, reader), clock))

    async def start() -> None:
        await runtime.start(LOGS)
        runtime.spawn("own-figures", lambda: reader.run(Follow(OutboxSource(store, "pub", clock), None, OWN_SECONDS)))
        runtime.spawn("timers", TimerLoop(store, clock, fire).run)
        for log in LOGS:
            runtime.relay(log)
        runtime.city(reader, gather_seconds=CITY_SECONDS)
        runtime.measure(reader)
        for location in settings.locations:
            await _open(handler, host, location.name, location.title, location.district)

    placement = api.Placement(
        site=settings.site, sites=settings.sites, handler=handler, store=store, capacity=capacity, clock=clock, ids=ids,
        streams=host.streams,
    )  # fmt: skip

    async def stop() -> None:
        await bench.rebuilds.stop()
        await runtime.stop()

    site_api = api.build(placement, bench, _asyncapi(host))
    add_health(site_api, runtime.health)
    add_worklist(site_api, PgWorklist(store), clock.now)
    return ServiceApp(NAME, site_api, start, stop, runtime.checks())


def _views(runtime: Runtime, reader: Reader) -> dict[str, Rebuildable]:
    """Every view of the service, and how it is rebuilt while it serves."""
    store, clock = runtime.store, runtime.host.clock

    async def board(progress: Progress) -> int:
        return await rebuild(store, AGGREGATE, INLINE_TABLES, progress)

    async def capacity(progress: Progress) -> int:
        follows = [Follow(OutboxSource(store, "pub", clock)), *runtime.follows(reader)]
        return await rebuild_reader(store, reader, follows, clock, progress)

    return {"board": Rebuildable("events", board), CAPACITY.name: Rebuildable("messages", capacity, reader)}


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
    link = runtime.links.link(site, runtime.host.clock.monotonic(), NAME)
    heard = [origin for origin in runtime.links.origins() if (origin.site, origin.service) == (site, NAME)]
    caught_up = all(reader.checkpoint(o.key) >= (o.epoch, runtime.links.told(o)) for o in heard)
    return SiteLink(link.state, link.silent_seconds, caught_up)


def _asyncapi(host: Host) -> dict[str, object]:
    """What this service tells and hears, for `/asyncapi.json`."""
    broker = make_broker({"servers": [host.settings.nats_url]})

    async def beat() -> Beat:
        return Beat.of(Origin(host.settings.site, NAME, 1), {})

    Beats(broker, Links(host.settings.site, host.settings.sites), NAME, beat, host.clock)
    return asyncapi_document(broker, CONTRACTS, site=host.settings.site, service=NAME, version="1")
