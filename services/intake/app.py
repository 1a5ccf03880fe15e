"""The intake service, table of contents: what it decides, tells, hears, keeps and answers. No view of its own is made
of what others tell: a letter leads to a command, and nothing else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

from msgspec.structs import replace as with_fields

from services.intake import (
    api,
    policy,
    publish,
    publish_likeness,
    publish_weeks,
    views,
    views_handover,
    views_likeness,
)
from services.intake.api_desk import DESK
from services.intake.api_likeness import Files
from services.intake.app_alias import ANSWER_SECONDS, QUESTION, Listener, Teller
from services.intake.app_away import OwnFiles
from services.intake.app_contacts import Contacts, answering
from services.intake.app_handover import Giving, Receiving
from services.intake.app_keeper import Keeper, forget_checks, forget_hand_overs, forget_keys, forget_openings
from services.intake.app_likeness import Asking, Replying
from services.intake.app_line import BusLine, converse
from services.intake.app_logbook import concerns_of
from services.intake.commands import ClientCommand, RecordRetention
from services.intake.commands_handover import TakingCommand
from services.intake.commands_likeness import CheckCommand, ReplyCommand
from services.intake.commands_weeks import WeekCommand
from services.intake.decider import CLIENT, RETENTION, WEEKS
from services.intake.decider_file import File
from services.intake.decider_handover import TAKING, Taking
from services.intake.decider_likeness import CHECK, REPLY, Reply
from services.intake.decider_likeness import Check as DeskCheck
from services.intake.decider_retention import Retention
from services.intake.decider_weeks import Weeks
from services.intake.events import ClientEvent, RetentionDone
from services.intake.events_handover import TakingEvent
from services.intake.events_likeness import CheckEvent, ReplyEvent
from services.intake.events_weeks import WeekEvent
from services.intake.views_offers import client_offers
from shared import migration, schema
from shared.aggregate import Aggregate
from shared.archive import Archive
from shared.archive import Files as FileStreams
from shared.asyncapi import asyncapi_document
from shared.beats import Beat, Beats, Links
from shared.bus_connection import make_broker
from shared.clock import Clock
from shared.contracts.intake import CHECK_LETTERS, CONTRACTS
from shared.contracts.placement import OFFER_LETTERS
from shared.envelope import LOGS, Origin, stream_name
from shared.handling import NOTHING_ELSE, Also, Context, Handled, Handler
from shared.health import add_health
from shared.http_archive import add_archive
from shared.http_repair import bench_of
from shared.ids import Ids
from shared.letters import Seals, load_seals
from shared.logbook import Openings, courier_of, openings
from shared.policies import LETTER_SECONDS, Handlers, Policy, PolicyReader
from shared.ports import Store
from shared.projection import Progress, rebuild
from shared.rebuilds import Rebuildable
from shared.refill import Refills
from shared.runtime import Beside, Runtime
from shared.security import Role
from shared.service import Check, Host, ServiceApp
from shared.settings import SettingsError, VaultSettings
from shared.store import PgStore
from shared.streams import Topology
from shared.suppression import BELOW
from shared.timers import TimerLoop
from shared.vault import Vault, VaultProblem, load_site_keys
from shared.vault_files import FileKeys
from shared.worklist import TABLES as WORKLIST_TABLES
from shared.worklist import PgWorklist, add_worklist

NAME = "intake"
PLACEMENT, ALLOWANCE = "placement", "allowance"
"""Who offers places, and who gives seats."""

CLIENTS: Aggregate[File, ClientCommand, ClientEvent] = Aggregate(
    decider=CLIENT, tell=publish.tell, project=views.project, timers=policy.timers
)
"""One stream a file."""

RETENTIONS: Aggregate[Retention, RecordRetention, RetentionDone] = Aggregate(
    decider=RETENTION, tell=publish.tell_nothing, project=views.project_retention, timers=policy.retention_timers
)
"""One stream a site."""

WEEK_COUNTS: Aggregate[Weeks, WeekCommand, WeekEvent] = Aggregate(
    decider=WEEKS, tell=publish_weeks.tell_weeks(BELOW), project=views.project_nothing, timers=policy.week_timers
)
"""One stream a site; `handlers` tells small counts by the settings of the site."""

CHECKS: Aggregate[DeskCheck, CheckCommand, CheckEvent] = Aggregate(
    decider=CHECK, tell=publish_likeness.tell_check, project=views_likeness.project_check, timers=policy.check_timers
)
"""One stream a check at another desk."""

REPLIES: Aggregate[Reply, ReplyCommand, ReplyEvent] = Aggregate(
    decider=REPLY, tell=publish_likeness.tell_reply, project=views_likeness.project_reply, timers=policy.no_timers
)
"""One stream a check of another desk here."""

TAKINGS: Aggregate[Taking, TakingCommand, TakingEvent] = Aggregate(
    decider=TAKING, tell=publish.tell_nothing, project=views_handover.project_taking, timers=policy.no_timers
)
"""One stream a file that another desk hands over to this one; what comes of it is a file."""

INLINE_TABLES = (
    *views.CLIENT_TABLES, *views.RETENTION_TABLES, *views_likeness.CHECK_TABLES, *views_likeness.REPLY_TABLES,
    *views_handover.TAKING_TABLES, openings,
)  # fmt: skip
WORK_READERS: tuple[Role, ...] = ("caseworker", "oncall", "auditor")
"""Who reads what a restored store has lost: it names clients by id, and what they asked for."""

TABLES = (*schema.KERNEL_TABLES, *WORKLIST_TABLES, *INLINE_TABLES)


HEARD = Policy("letters", {contract.type_name: contract for contract in (*OFFER_LETTERS, *CHECK_LETTERS)}, policy.heard)
"""What owners of places, and other desks, write to this one."""

SEATED = Policy("seats", policy.SEATS, policy.seat_heard)
"""What this site's allowance service says of clients: who has a seat is counted with where people live."""

NOBODY = "00000000-0000-4000-8000-000000000000"
"""The file that a letter about no request of this desk goes to: there is none, and it is refused."""


class ByRequest(Handler[File, ClientCommand, ClientEvent]):
    """Handles what letters ask of a file: they name its request."""

    async def handle(self, key: str, command: ClientCommand, context: Context, also: Also = NOTHING_ELSE) -> Handled:
        """As `Handler.handle`; key: of the request, or of the claim."""
        rows = await self._store.rows(views.requests, id=key) or await self._store.rows(client_offers, id=key)
        client_id = str(rows[0]["client_id"]) if rows else NOBODY
        return await super().handle(client_id, with_fields(command, client_id=client_id), context, also)


def handlers(store: Store, clock: Clock, ids: Ids, seals: Seals, vault: Vault, below: int = BELOW) -> Handlers:
    """Whoever decides in this service, by the name of what is decided. below: counts under it are small."""
    weeks = replace(WEEK_COUNTS, tell=publish_weeks.tell_weeks(below))
    clients = OwnFiles(store, CLIENTS, clock, ids, seals.encode, vault=vault)
    files = Files(store, vault, clients)
    return {
        policy.CLIENT: clients,
        policy.CHECK: Asking(store, CHECKS, clock, ids, seals.encode, files),
        policy.REPLY: Replying(store, REPLIES, clock, ids, seals.encode, files),
        policy.TAKING: Handler(store, TAKINGS, clock, ids),
        policy.REQUEST: ByRequest(store, CLIENTS, clock, ids, seals.encode),
        policy.RETENTION: Handler(store, RETENTIONS, clock, ids),
        policy.WEEKS: Handler(store, weeks, clock, ids),
    }


def vault_of(settings: VaultSettings) -> Vault:
    """The vault as the settings name it, not opened yet. Raises `SettingsError` when there is no key of the site."""
    try:
        return Vault(load_site_keys(settings.site_keys), FileKeys(settings.keys, settings.destroyed))
    except VaultProblem as problem:
        raise SettingsError(f"the vault: {problem}") from None


async def migrate(dsn: str) -> None:
    """Brings this service's database up to date."""
    await migration.upgrade(dsn, NAME)


def build(host: Host) -> ServiceApp:
    """The service as one site's process runs it. Raises `SettingsError` for a site without a vault."""
    settings, clock, ids = host.settings, host.clock, host.ids
    if settings.vault is None:
        raise SettingsError("a site that runs intake needs `vault` in its settings")
    store = PgStore(settings.databases[NAME].get_secret_value(), settings.site, NAME, INLINE_TABLES)
    runtime = Runtime(host, NAME, store)
    seals = load_seals(settings.site, settings.seal_keys, settings.network_keys)
    vault = vault_of(settings.vault)
    deciding = handlers(store, clock, ids, seals, vault, settings.small_counts_below)
    letters = PolicyReader(store, HEARD, clock, deciding, seals, host.roster.began_after(settings.site))
    seats = PolicyReader(store, SEATED, clock, deciding, seals)
    written = Openings(store, clock, ids.random_id)
    line, taking = BusLine(NAME), deciding[policy.TAKING]
    giving = Giving(settings.site, deciding[policy.CLIENT], vault, seals, line, written)
    receiving = Receiving(settings.site, store, deciding[policy.CLIENT], taking, vault, seals, clock, ids)
    teller = Teller(settings.site, deciding[policy.CLIENT], vault, seals, written)
    asking, kept = BusLine(NAME, QUESTION, ANSWER_SECONDS), timedelta(hours=settings.vault.alias_hours)
    listener = Listener(settings.site, teller, seals, asking, written, clock, kept)
    keeper = Keeper(
        settings.site, store, vault, deciding, clock, written, settings.vault.retention_days, giving,
        retired=lambda site: host.roster.left_at(site) is not None,
    )  # fmt: skip
    contacts = Contacts(deciding[policy.CLIENT], vault, clock, written)
    courier = runtime.courier = courier_of(settings, NAME, store, clock, concerns_of(store), rows=True)
    refills = Refills(settings, NAME, store, runtime.relays)
    bench = bench_of(NAME, store, [letters, seats], _views(store), runtime.follows, clock, ids, refills)

    async def start() -> None:
        host.roster.on_change.append(lambda: seals.learn(host.roster.keys))
        await runtime.start(LOGS)
        runtime.spawn("contacts", lambda: answering(settings, NAME, contacts.answer))
        runtime.spawn("hand-overs", lambda: converse(settings, NAME, {line: receiving.answer, asking: teller.answer}))
        runtime.spawn("keeper", keeper.begin)
        _forgets(runtime, store, clock, listener, kept_elsewhere=courier is not None)
        if courier is not None:
            runtime.spawn("logbook", courier.run)
        runtime.spawn("timers", TimerLoop(store, clock, keeper.fire, policy.ASIDE).run)
        for log in LOGS:
            runtime.relay(log)
        runtime.city(gather_seconds=LETTER_SECONDS, also=[Beside(letters, _own_places(host))])
        if ALLOWANCE in settings.services:
            runtime.local(seats, [stream_name("loc", settings.site, ALLOWANCE)])
        runtime.measure(letters, seats)

    async def stop() -> None:
        await bench.rebuilds.stop()
        await runtime.stop()

    intake = api.Intake(
        settings.site, deciding[policy.CLIENT], store, vault, keeper.destroy_key, clock, ids, deciding[policy.WEEKS],
        host.streams, seals.knows, checks=deciding[policy.CHECK], takings=taking,
        desks=lambda: _desks(host), openings=written, live=_hears(runtime), listener=listener,
    )  # fmt: skip
    site_api = api.build(intake, bench, _asyncapi(host))
    add_health(site_api, runtime.health)
    files = FileStreams(CLIENT.stream(""), intake.record_look)
    add_archive(site_api, _archive(store, files))
    add_worklist(site_api, PgWorklist(store), clock.now, WORK_READERS, DESK)
    return ServiceApp(NAME, site_api, start, stop, [*runtime.checks(), Check("intake-vault", _vault_open(vault))])


def _forgets(runtime: Runtime, store: PgStore, clock: Clock, listener: Listener, *, kept_elsewhere: bool) -> None:
    """What goes by itself. kept_elsewhere: whether a logbook has who opened what."""
    runtime.spawn("forget", lambda: forget_keys(store, clock))
    runtime.spawn("forget-checks", lambda: forget_checks(store, clock))
    runtime.spawn("forget-hand-overs", lambda: forget_hand_overs(store, clock))
    runtime.spawn("forget-openings", lambda: forget_openings(store, clock, kept_elsewhere=kept_elsewhere))
    runtime.spawn("forget-aliases", listener.keep_forgetting)


def _archive(store: PgStore, files: FileStreams) -> Archive:
    return Archive(store, (CLIENTS, RETENTIONS, WEEK_COUNTS, CHECKS, REPLIES, TAKINGS), tables=INLINE_TABLES,
                   policies=[HEARD.name, SEATED.name], files=files)  # fmt: skip


def _vault_open(vault: Vault) -> Callable[[], Awaitable[str | None]]:
    async def ask() -> str | None:
        return None if vault.shut is None else f"the vault is shut: {vault.shut}"

    return ask


def _hears(runtime: Runtime) -> Callable[[str], bool]:
    """Whether the desk of another site is heard now."""
    return lambda site: runtime.links.link(site, runtime.host.clock.monotonic(), NAME).state == "live"


def _own_places(host: Host) -> list[str]:
    """The stream in which this site's own placement tells the network, where there is one."""
    topology = Topology(host.settings.hub, {host.settings.site: tuple(host.settings.services)})
    tells = PLACEMENT in topology.tellers(host.settings.site, "pub")
    return [stream_name("pub", host.settings.site, PLACEMENT)] if tells else []


def _desks(host: Host) -> list[str]:
    """The other sites that have a desk; where nobody says which have one, every one but the municipality's."""
    roster, own = host.roster, host.settings.site
    named = [origin.partition("/")[0] for origin in roster.origins if origin.endswith(f"/{NAME}")]
    return sorted({*(named or roster.sites)} - {own, host.settings.hub})


def _views(store: PgStore) -> dict[str, Rebuildable]:
    """Every view of the service, and how it is rebuilt while it serves."""

    async def files(progress: Progress) -> int:
        return await rebuild(store, CLIENTS, views.CLIENT_TABLES, progress)

    async def retention(progress: Progress) -> int:
        return await rebuild(store, RETENTIONS, views.RETENTION_TABLES, progress)

    async def checks(progress: Progress) -> int:
        return await rebuild(store, CHECKS, views_likeness.CHECK_TABLES, progress)

    async def replies(progress: Progress) -> int:
        return await rebuild(store, REPLIES, views_likeness.REPLY_TABLES, progress)

    async def takings(progress: Progress) -> int:
        return await rebuild(store, TAKINGS, views_handover.TAKING_TABLES, progress)

    every = {
        "files": files, "retention": retention, "checks": checks, "replies": replies, "takings": takings,
    }  # fmt: skip
    return {name: Rebuildable("events", make) for name, make in every.items()}


def _asyncapi(host: Host) -> dict[str, object]:
    """What this service tells, for `/asyncapi.json`."""
    broker = make_broker({"servers": [host.settings.nats_url]})

    async def beat() -> Beat:
        return Beat.of(Origin(host.settings.site, NAME, 1), {})

    Beats(broker, Links(host.settings.site, host.settings.sites), NAME, beat, host.clock)
    return asyncapi_document(broker, CONTRACTS, site=host.settings.site, service=NAME, version="1")
