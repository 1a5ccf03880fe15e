"""The notifications service, table of contents: what it decides, hears, keeps and answers. It tells nothing: that
somebody was written to is nobody else's business."""

from __future__ import annotations

from services.notifications import api, policy, policy_clients, policy_staff, publish, views
from services.notifications.adapters.begun import begun_of
from services.notifications.adapters.contacts import BusContacts
from services.notifications.adapters.port import Channel
from services.notifications.adapters.settings import ChannelSettings, load_channels
from services.notifications.adapters.smtp import SmtpChannel
from services.notifications.adapters.stops import stops_of
from services.notifications.adapters.webhook import WebhookChannel
from services.notifications.api_back import secrets_of
from services.notifications.app_courier import FOLLOWS, Courier
from services.notifications.app_logbook import concerns_of
from services.notifications.app_watch import Watch
from services.notifications.commands import RecipientCommand
from services.notifications.decider import RECIPIENT
from services.notifications.decider_recipient import Recipient
from services.notifications.events import RecipientEvent
from services.notifications.views_room import ROOM, ROOM_TABLES
from shared import migration, schema
from shared.aggregate import Aggregate
from shared.archive import Archive, Files, Record
from shared.asyncapi import asyncapi_document
from shared.beats import Beat, Beats, Links
from shared.bus_connection import make_broker
from shared.clock import Clock
from shared.contracts import placement
from shared.contracts.base import Contract
from shared.envelope import Origin
from shared.handling import Handler
from shared.health import add_health
from shared.http_archive import add_archive
from shared.http_looks import IntakeLooks
from shared.http_repair import bench_of
from shared.ids import Ids
from shared.inbox import Reader
from shared.letters import load_seals
from shared.logbook import courier_of
from shared.policies import LETTER_SECONDS, Handlers, Policy, PolicyReader
from shared.ports import Store
from shared.projection import Progress, rebuild, rebuild_reader
from shared.rebuilds import Rebuildable
from shared.runtime import Beside, Runtime
from shared.service import Host, ServiceApp
from shared.settings import SiteSettings
from shared.store import PgStore
from shared.streams import Topology, stream_name

NAME = "notifications"
NEWS, DUTY = "news", "duty"
"""The policies' names, under which what they have read is kept: what clients hear, and those who work here."""

RECIPIENTS: Aggregate[Recipient, RecipientCommand, RecipientEvent] = Aggregate(
    decider=RECIPIENT, tell=publish.tell_nothing, project=views.project, timers=policy.timers
)
"""One stream a client, and one for each role of this site."""

INLINE_TABLES = views.MESSAGE_TABLES

READER_TABLES = ROOM_TABLES
TABLES = (*schema.KERNEL_TABLES, *INLINE_TABLES, *READER_TABLES)

ROOM_SECONDS = 1.0
"""How much room there is is looked at now and then: what came meanwhile is one append."""


def handlers(store: Store, clock: Clock, ids: Ids) -> Handlers:
    """Whoever decides in this service, by the name of what is decided."""
    return {policy.RECIPIENT: Handler(store, RECIPIENTS, clock, ids)}


def heard(site: str) -> Policy:
    """What is listened to at a site for its clients."""
    return Policy(NEWS, policy_clients.LISTENS, policy.here(site, policy_clients.heard, {}))


def heard_by_staff(site: str, municipality: str) -> Policy:
    """What is listened to for those who work there."""
    told_elsewhere: dict[type[Contract], str] = {placement.RegimeTold: municipality}
    return Policy(DUTY, policy_staff.LISTENS, policy.here(site, policy_staff.heard, told_elsewhere))


def channels_of(settings: ChannelSettings) -> dict[str, Channel]:
    """The channels a site has. None: everything goes to the desk."""
    found: dict[str, Channel] = {}
    if settings.email is not None:
        found["email"] = SmtpChannel(settings.email)
    gateways = {"sms": settings.sms, "chat": settings.chat, "webhook": settings.webhook}
    found |= {name: WebhookChannel(gateway) for name, gateway in gateways.items() if gateway is not None}
    return found


async def migrate(dsn: str) -> None:
    """Brings this service's database up to date."""
    await migration.upgrade(dsn, NAME)


def build(host: Host) -> ServiceApp:
    """The service as one site's process runs it. Raises `SettingsError` for channels that cannot be read."""
    settings, clock, ids = host.settings, host.clock, host.ids
    channels = load_channels(settings.channels)
    store = PgStore(settings.databases[NAME].get_secret_value(), settings.site, NAME, (*INLINE_TABLES, *READER_TABLES))
    runtime = Runtime(host, NAME, store)
    deciding = handlers(store, clock, ids)
    recipients = deciding[policy.RECIPIENT]
    seals = load_seals(settings.site, settings.seal_keys, settings.network_keys)
    news = PolicyReader(store, heard(settings.site), clock, deciding, seals)
    on_duty = heard_by_staff(settings.site, settings.municipality_site or settings.hub)
    duty = PolicyReader(store, on_duty, clock, deciding, seals)
    room = Reader(store, ROOM, clock)
    heard_by = [news, duty, room] if settings.municipality else [news, duty]
    contacts = BusContacts(settings, NAME)
    stops = stops_of(settings.vault)
    begun = begun_of(settings.vault, channels)
    courier = Courier(store, recipients, contacts, channels_of(channels), channels, clock, stops, begun)
    views_here = _views(runtime, room if settings.municipality else None)
    bench = bench_of(NAME, store, heard_by, views_here, runtime.follows, clock, ids)

    files = files_of(IntakeLooks(settings.own_address).record)
    lines = runtime.courier = courier_of(settings, NAME, store, clock, concerns_of(files))

    async def start() -> None:
        await runtime.start()
        runtime.spawn("courier", courier.run)
        if lines is not None:
            runtime.spawn("logbook", lines.run)
        watch = Watch(runtime, store, deciding, {str(kind): below for kind, below in channels.room_below.items()}, room)
        if settings.municipality:
            runtime.city(gather_seconds=LETTER_SECONDS, also=[duty, Beside(room, gather_seconds=ROOM_SECONDS)])
            runtime.spawn("silence", watch.silence)
            runtime.spawn("room", watch.room)
        else:
            runtime.city(gather_seconds=LETTER_SECONDS, also=[duty])
        runtime.local(news, own_streams(settings), also=[duty])
        runtime.spawn("parked", watch.parked)
        runtime.measure(*heard_by)

    async def stop() -> None:
        await bench.rebuilds.stop()
        await runtime.stop()
        await contacts.close()
        begun.close()

    site_api = api.build(
        api.Notifications(store, recipients, contacts, clock, ids, secrets_of(channels), stops), bench, _asyncapi(host)
    )
    add_health(site_api, runtime.health)
    add_archive(site_api, Archive(store, (RECIPIENTS,), INLINE_TABLES, [NEWS, DUTY], files=files, follows=FOLLOWS))
    return ServiceApp(NAME, site_api, start, stop, runtime.checks())


def files_of(record: Record) -> Files:
    """What is a client's: all they are told. Roles of the site are nobody's."""
    return Files(RECIPIENT.stream(""), record, open_keys=policy.ROLES)


def own_streams(settings: SiteSettings) -> list[str]:
    """The streams in which this site's own services tell each other."""
    topology = Topology(settings.hub, {settings.site: tuple(settings.services)})
    return [stream_name(settings.site, service, "loc") for service in topology.tellers(settings.site, "loc")]


def _views(runtime: Runtime, reader: Reader | None) -> dict[str, Rebuildable]:
    """Every view of the service, and how it is rebuilt while it serves. reader: of how much room there is, at the
    municipality."""
    store = runtime.store

    async def messages(progress: Progress) -> int:
        return await rebuild(store, RECIPIENTS, views.MESSAGE_TABLES, progress)

    if reader is None:
        return {"messages": Rebuildable("events", messages)}
    heard_anew = reader

    async def room(progress: Progress) -> int:
        return await rebuild_reader(store, heard_anew, runtime.follows(heard_anew), runtime.host.clock, progress)

    return {"messages": Rebuildable("events", messages), ROOM.name: Rebuildable("messages", room, reader)}


def _asyncapi(host: Host) -> dict[str, object]:
    """What this service hears, for `/asyncapi.json`."""
    broker = make_broker({"servers": [host.settings.nats_url]})

    async def beat() -> Beat:
        return Beat.of(Origin(host.settings.site, NAME, 1), {})

    Beats(broker, Links(host.settings.site, host.roster), NAME, beat, host.clock)
    return asyncapi_document(broker, (), site=host.settings.site, service=NAME, version="1")
