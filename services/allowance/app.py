"""The allowance service, table of contents: what it decides, tells, hears, keeps and answers.

The same at every site: the municipality's has programmes and their seats, the others have the entitlements of their
clients.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

from services.allowance import api, policy, publish, views, views_handout, views_payroll
from services.allowance.app_follow import Follower, Teller
from services.allowance.app_logbook import concerns_of
from services.allowance.commands import ProgrammeCommand
from services.allowance.commands_client import ClientCommand
from services.allowance.commands_entitlement import EntitlementCommand
from services.allowance.commands_handout import HandoutCommand
from services.allowance.commands_payroll import PayrollCommand
from services.allowance.decider import CLIENT, ENTITLEMENT, HANDOUT, PAYROLL, PROGRAMME
from services.allowance.decider_client import FOLLOW, Client
from services.allowance.decider_client import timers as client_timers
from services.allowance.decider_entitlement import Entitlement
from services.allowance.decider_entitlement import timers as entitlement_timers
from services.allowance.decider_handout import READY, Handout
from services.allowance.decider_handout import timers as handout_timers
from services.allowance.decider_payroll import Payroll
from services.allowance.decider_payroll import timers as payroll_timers
from services.allowance.decider_programme import Programme
from services.allowance.events import ProgrammeEvent
from services.allowance.events_client import ClientEvent
from services.allowance.events_entitlement import EntitlementEvent
from services.allowance.events_handout import HandoutEvent
from services.allowance.events_payroll import PayrollEvent
from services.allowance.views import PROGRAMMES
from shared import migration, schema
from shared.aggregate import Aggregate
from shared.archive import Archive, Files, Record
from shared.asyncapi import asyncapi_document
from shared.beats import Beat, Beats, Links
from shared.bus_connection import make_broker
from shared.clock import Clock
from shared.contracts.allowance import CONTRACTS, LETTERS
from shared.envelope import LOGS, Origin
from shared.handling import Context, Handler
from shared.health import add_health
from shared.http_archive import add_archive
from shared.http_looks import IntakeLooks
from shared.http_repair import bench_of
from shared.ids import Ids, derived_id
from shared.inbox import Follow, OutboxSource, Reader
from shared.letters import Seals, load_seals
from shared.logbook import courier_of
from shared.policies import LETTER_SECONDS, Handlers, Policy, PolicyReader
from shared.ports import DueTimer, Store
from shared.projection import Progress, rebuild, rebuild_reader
from shared.rebuilds import Rebuildable
from shared.refill import Refills
from shared.runtime import Beside, Runtime
from shared.security import Role
from shared.service import Host, ServiceApp
from shared.store import PgStore
from shared.streams import stream_name
from shared.timers import TimerLoop
from shared.worklist import TABLES as WORKLIST_TABLES
from shared.worklist import PgWorklist, add_worklist

NAME, INTAKE = "allowance", "intake"

SEATS: Aggregate[Programme, ProgrammeCommand, ProgrammeEvent] = Aggregate(
    decider=PROGRAMME, tell=publish.tell, project=views.project, timers=lambda _: ()
)
"""What the municipality decides: one stream a programme."""

ENTITLEMENTS: Aggregate[Entitlement, EntitlementCommand, EntitlementEvent] = Aggregate(
    decider=ENTITLEMENT, tell=publish.tell_entitlement, project=views.project_entitlement, timers=entitlement_timers
)
"""What is decided where a client is known: one stream an entitlement."""

PAYROLLS: Aggregate[Payroll, PayrollCommand, PayrollEvent] = Aggregate(
    decider=PAYROLL, tell=publish.tell_payroll, project=views_payroll.project, timers=payroll_timers
)
"""What the municipality pays: one stream a programme."""

CLIENTS: Aggregate[Client, ClientCommand, ClientEvent] = Aggregate(
    decider=CLIENT, tell=publish.tell_nothing, project=views.project_nothing, timers=client_timers
)
"""What intake says of clients: one stream a client."""

HANDOUTS: Aggregate[Handout, HandoutCommand, HandoutEvent] = Aggregate(
    decider=HANDOUT, tell=publish.tell_handout, project=views_handout.project, timers=handout_timers
)
"""What is handed out where a client is known: one stream a part of a run."""

LETTERS_HEARD = "letters"
"""The policy of what others write to this site."""

FACTS = "facts"
"""The policy of what this site's intake says of clients."""


def facts(site: str) -> Policy:
    """What is listened to at a site, of its own services."""
    return Policy(FACTS, policy.LISTENS, policy.of_clients(site))


INLINE_TABLES = (
    *views.PROGRAMME_TABLES,
    *views.ENTITLEMENT_TABLES,
    *views_payroll.PAYROLL_TABLES,
    *views_handout.HANDOUT_TABLES,
)
READER_TABLES = views.NETWORK_TABLES
TABLES = (*schema.KERNEL_TABLES, *WORKLIST_TABLES, *INLINE_TABLES, *READER_TABLES)

SEATS_SECONDS = 0.1
"""Seats of a busy network are brought into the view ten times a second: whatever else was told passes it by."""

POLICIES = (LETTERS_HEARD, FACTS)

WORK_READERS: tuple[Role, ...] = ("finance", "caseworker", "oncall", "auditor")
WORKERS: tuple[Role, ...] = ("finance", "caseworker")


def handlers(store: Store, clock: Clock, ids: Ids, seals: Seals) -> Handlers:
    """Whoever decides in this service, by the name of what is decided."""
    return {
        policy.PROGRAMME: Handler(store, SEATS, clock, ids, seals.encode),
        policy.ENTITLEMENT: Handler(store, ENTITLEMENTS, clock, ids, seals.encode),
        PAYROLL.name: Handler(store, PAYROLLS, clock, ids, seals.encode),
        HANDOUT.name: Handler(store, HANDOUTS, clock, ids, seals.encode),
        policy.CLIENT: Handler(store, CLIENTS, clock, ids),
    }


def listening(site: str, municipality: str) -> Policy:
    """What is listened to at a site of what others write to it. municipality: which site that is."""
    contracts = {letter.type_name: letter for letter in LETTERS}
    return Policy(LETTERS_HEARD, contracts, policy.heard_by(site, municipality))


def fire(store: Store, handlers: Handlers, clock: Clock, ids: Ids) -> Callable[[DueTimer, datetime], Awaitable[None]]:
    """What happens when a timer falls due: its command. It moves or goes with what follows from that."""
    follower = Follower(store, handlers, lambda: Handler(store, CLIENTS, clock, ids))
    teller = Teller(store, handlers)

    async def fired(timer: DueTimer, now: datetime) -> None:
        if timer.kind == FOLLOW:
            await follower.fire(timer, now)
            return
        if timer.kind == READY:
            await teller.fire(timer, now)
            return
        reaction = policy.due(timer.id, timer.kind, timer.key, now)
        command_id = derived_id(timer.id, timer.due_at.isoformat(), timer.kind)
        context = Context(command_id=command_id, correlation_id=command_id, causation_id=command_id)
        await handlers[reaction.aggregate].handle(reaction.key, reaction.command, context)

    return fired


async def migrate(dsn: str) -> None:
    """Brings this service's database up to date."""
    await migration.upgrade(dsn, NAME)


def build(host: Host) -> ServiceApp:
    """The service as one site's process runs it."""
    settings, clock, ids = host.settings, host.clock, host.ids
    store = PgStore(settings.databases[NAME].get_secret_value(), settings.site, NAME, (*INLINE_TABLES, *READER_TABLES))
    runtime = Runtime(host, NAME, store)
    seals = load_seals(settings.site, settings.seal_keys, settings.network_keys)
    deciding = handlers(store, clock, ids, seals)
    reader = Reader(store, PROGRAMMES, clock)
    municipality = settings.municipality_site or settings.hub
    heard = listening(settings.site, municipality)
    of_clients = PolicyReader(store, facts(settings.site), clock, deciding, seals)
    letters = PolicyReader(store, heard, clock, deciding, seals, host.roster.began_after(settings.site))
    heard_by, again = [reader, letters, of_clients], partial(_follows, runtime)
    refills = Refills(settings, NAME, store, runtime.relays)
    bench = bench_of(NAME, store, heard_by, _views(runtime, reader), again, clock, ids, refills)

    files = files_of(store, IntakeLooks(settings.own_address).record)
    courier = runtime.courier = courier_of(settings, NAME, store, clock, concerns_of(files))

    async def start() -> None:
        host.roster.on_change.append(lambda: seals.learn(host.roster.keys))
        await runtime.start(LOGS)
        runtime.spawn("own-figures", lambda: reader.run(Follow(OutboxSource(store, "pub", clock))))
        runtime.spawn("timers", TimerLoop(store, clock, fire(store, deciding, clock, ids)).run)
        for log in LOGS:
            runtime.relay(log)
        runtime.city(reader, gather_seconds=SEATS_SECONDS, also=[Beside(letters, gather_seconds=LETTER_SECONDS)])
        if INTAKE in settings.services:  # nobody at the municipality knows a client
            runtime.local(of_clients, [stream_name(settings.site, INTAKE, "loc")])
        runtime.measure(reader, letters, of_clients)
        if courier is not None:
            runtime.spawn("logbook", courier.run)

    async def stop() -> None:
        await bench.rebuilds.stop()
        await runtime.stop()

    allowance = api.Allowance(
        site=settings.site, municipality=settings.municipality,
        municipality_site=municipality, store=store, clock=clock, ids=ids,
        programmes=deciding[policy.PROGRAMME], entitlements=deciding[policy.ENTITLEMENT],
        payrolls=deciding[PAYROLL.name], clients=deciding[policy.CLIENT], handouts=deciding[HANDOUT.name],
        can_write_to=seals.knows, small_counts_below=settings.small_counts_below,
        left_at=host.roster.left_at,
    )  # fmt: skip
    site_api = api.build(allowance, bench, _asyncapi(host))
    add_health(site_api, runtime.health)
    decides = Archive(store, (SEATS, ENTITLEMENTS, PAYROLLS, CLIENTS, HANDOUTS), INLINE_TABLES, POLICIES, files=files)
    add_archive(site_api, decides)
    add_worklist(site_api, PgWorklist(store), clock.now, WORK_READERS, WORKERS)
    return ServiceApp(NAME, site_api, start, stop, runtime.checks())


def files_of(store: Store, record: Record) -> Files:
    """What is a client's, where they are known: each entitlement, and what it follows."""

    async def client_of(entitlement_id: str) -> str:
        rows = await store.rows(views.entitlements, id=entitlement_id)
        return str(rows[0]["client_id"]) if rows else ""

    return Files(ENTITLEMENT.stream(""), record, client_of, own=CLIENT.stream(""))


def _follows(runtime: Runtime, reader: Reader) -> list[Follow]:
    """What a reader hears, once more from its start: the view of programmes hears its own service out of the outbox."""
    own = [Follow(OutboxSource(runtime.store, "pub", runtime.host.clock))] if reader.view is PROGRAMMES else []
    return [*own, *runtime.follows(reader)]


def _views(runtime: Runtime, reader: Reader) -> dict[str, Rebuildable]:
    """Every view of the service, and how it is rebuilt while it serves. The letters' policy keeps none."""
    store, clock = runtime.store, runtime.host.clock

    async def seats(progress: Progress) -> int:
        return await rebuild(store, SEATS, views.PROGRAMME_TABLES, progress)

    async def entitlements(progress: Progress) -> int:
        return await rebuild(store, ENTITLEMENTS, views.ENTITLEMENT_TABLES, progress)

    async def payroll(progress: Progress) -> int:
        return await rebuild(store, PAYROLLS, views_payroll.PAYROLL_TABLES, progress)

    async def handouts(progress: Progress) -> int:
        return await rebuild(store, HANDOUTS, views_handout.HANDOUT_TABLES, progress)

    async def programmes(progress: Progress) -> int:
        return await rebuild_reader(store, reader, _follows(runtime, reader), clock, progress)

    return {
        "seats": Rebuildable("events", seats),
        "entitlements": Rebuildable("events", entitlements),
        "payroll": Rebuildable("events", payroll),
        "vouchers": Rebuildable("events", handouts),
        PROGRAMMES.name: Rebuildable("messages", programmes, reader),
    }


def _asyncapi(host: Host) -> dict[str, object]:
    """What this service tells and hears, for `/asyncapi.json`."""
    broker = make_broker({"servers": [host.settings.nats_url]})

    async def beat() -> Beat:
        return Beat.of(Origin(host.settings.site, NAME, 1), {})

    Beats(broker, Links(host.settings.site, host.roster), NAME, beat, host.clock)
    return asyncapi_document(broker, CONTRACTS, site=host.settings.site, service=NAME, version="1")
