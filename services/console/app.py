"""The console, table of contents. It decides nothing and tells nothing: no commands, no policy, no publish, and no
events but those of repair, which every service has (`shared/repair.py`).

It hears every log of its own site and the `pub` log of all others, keeps them as the journal, and shows screens; what
the screens change is a command to another service of this site.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import httpx

from services.console import api, api_notes, api_pages, api_screens, api_spans, api_trace, views, views_trail
from services.console.api_entrance import Entrance
from services.console.views import JOURNAL, JOURNAL_TABLES, Entry, Filter, Place
from services.console.views_accounts import ACCOUNT_TABLES, Accounts
from services.console.views_notes import NOTE_TABLES, Notes
from services.console.views_spans import SPAN_TABLES, Spans
from services.console.views_waiting import Waiting
from shared import migration, schema
from shared.archive import Archive
from shared.asyncapi import asyncapi_document
from shared.beats import Beat, Beats, Links
from shared.bus_connection import make_broker
from shared.envelope import LOGS, Origin
from shared.health import add_health
from shared.http_access import session_cookie
from shared.http_archive import add_archive
from shared.http_repair import bench_of
from shared.inbox import Reader
from shared.projection import Progress, rebuild_reader
from shared.rebuilds import Rebuildable
from shared.runtime import Runtime
from shared.security import load_public_keys
from shared.service import Host, ServiceApp
from shared.settings import KeySettings, SettingsError, SiteSettings
from shared.store import PgStore
from shared.streams import Topology, stream_name
from shared.vault import Vault, VaultProblem, load_site_keys
from shared.vault_files import FileKeys

NAME = "console"

GATHER_SECONDS = 0.1
"""A busy journal writes ten times a second: whoever reads it looks back, and nobody waits for it."""

TABLES = (*schema.KERNEL_TABLES, *JOURNAL_TABLES, *ACCOUNT_TABLES, *SPAN_TABLES, *NOTE_TABLES)


async def migrate(dsn: str) -> None:
    """Brings this service's database up to date."""
    await migration.upgrade(dsn, NAME)


class Journal:
    """The journal as the routes ask for it."""

    def __init__(self, store: PgStore) -> None:
        self._store = store

    async def entries(self, wanted: Filter, before: Place | None, limit: int) -> list[Entry]:
        return await views.entries(self._store, wanted, before, limit)

    async def entry(self, id_: str) -> Entry | None:
        return await views.entry(self._store, id_)


def build(host: Host) -> ServiceApp:
    """The service as one site's process runs it."""
    settings = host.settings
    store = PgStore(settings.databases[NAME].get_secret_value(), settings.site, NAME, JOURNAL_TABLES)
    runtime = Runtime(host, NAME, store)
    age = views_trail.Age()
    reader = Reader(store, replace(JOURNAL, outlived=age.outlived), host.clock)
    tail = api.Tail()
    reader.on_rows = tail.stored
    runtime.known = partial(views.last_heard, store)
    runtime.keeps = partial(views.kept, store)
    client = httpx.AsyncClient(base_url=settings.own_address, timeout=api_screens.ANSWER_SECONDS_MAX, trust_env=False)
    accounts, spans = Accounts(store.query), Spans(store)
    notes = None if settings.notes is None else Notes(store.query, _vault_of(settings.notes), settings.site)
    own = {log: own_streams(settings, log) for log in LOGS}

    async def start() -> None:
        await runtime.start()
        runtime.city(reader, own["pub"], GATHER_SECONDS)
        runtime.local(reader, own["loc"], GATHER_SECONDS)
        runtime.measure(reader)
        runtime.spawn("prune", lambda: views_trail.keep_within(store, host.clock, settings.journal_days, age))
        runtime.spawn("prune-spans", lambda: spans.keep_within(host.clock))
        runtime.spawn("prune-sessions", lambda: accounts.keep_young(host.clock))
        if notes is not None:
            runtime.spawn("notes", lambda: notes.keep_young(host.clock))
        if settings.demo:
            await accounts.furnish(host.clock.now(), host.ids.random_id)

    async def journal(progress: Progress) -> int:
        return await rebuild_reader(store, reader, runtime.follows(reader), host.clock, progress)

    views_here = {JOURNAL.name: Rebuildable("messages", journal, reader)}
    bench = bench_of(NAME, store, [reader], views_here, runtime.follows, host.clock, host.ids)

    async def stop() -> None:
        await client.aclose()
        await bench.rebuilds.stop()
        await runtime.stop()

    places, cookie = api_screens.Places(client), session_cookie(settings.site)
    screens = api_screens.Screens(settings, places, host.clock, cookie, notes, Waiting(store.query))
    journal_api = api.build(Journal(store), bench, tail, host.streams, _asyncapi(host))
    add_health(journal_api, runtime.health)
    api_trace.add_trace(journal_api, api_trace.Tracer(store, client, settings.site, settings.services))
    add_archive(journal_api, Archive(store, ()))
    api_spans.add_spans(journal_api, spans, host.clock, settings.trace_sample_ratio)
    if notes is not None:
        api_notes.add_notes(journal_api, notes, host.clock, host.ids)
    return ServiceApp(
        NAME,
        journal_api,
        start,
        stop,
        runtime.checks(),
        api_pages.build(screens, _entrance(host, accounts)),
    )


def _entrance(host: Host, accounts: Accounts) -> Entrance:
    settings, sessions = host.settings, host.sessions
    forget = (lambda: None) if sessions is None else sessions.forget
    keys = load_public_keys(settings.token_keys)
    return Entrance(accounts, keys, settings.site, host.clock, host.ids, settings.demo, forget)


def _vault_of(settings: KeySettings) -> Vault:
    """Where the keys of notes are, not opened yet. Raises `SettingsError` when there is no key of the site."""
    try:
        return Vault(load_site_keys(settings.site_keys), FileKeys(settings.keys, settings.destroyed))
    except VaultProblem as problem:
        raise SettingsError(f"the keys of notes: {problem}") from None


def own_streams(settings: SiteSettings, log: str) -> list[str]:
    """The streams in which this site's own services tell one of their logs."""
    which = next(name for name in LOGS if name == log)
    topology = Topology(settings.hub, {settings.site: tuple(settings.services)})
    return [stream_name(settings.site, service, which) for service in topology.tellers(settings.site, which)]


def _asyncapi(host: Host) -> dict[str, object]:
    """What this service hears, for `/asyncapi.json`."""
    broker = make_broker({"servers": [host.settings.nats_url]})

    async def beat() -> Beat:
        return Beat.of(Origin(host.settings.site, NAME, 1), {})

    Beats(broker, Links(host.settings.site, host.roster), NAME, beat, host.clock)
    return asyncapi_document(broker, (), site=host.settings.site, service=NAME, version="1")
