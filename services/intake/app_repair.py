"""The repair of this service's origin: what an epoch begins with, out of its own store."""

from __future__ import annotations

from services.intake import publish_epoch, views
from services.intake.app import CLIENTS, INLINE_TABLES, NAME
from services.intake.publish import Telling
from shared.clock import Clock
from shared.handling import Handler
from shared.ids import Ids
from shared.ports import Store
from shared.repair_origin import Repaired, repair
from shared.settings import SiteSettings
from shared.store import PgStore


async def first_rows(store: Store, clock: Clock, ids: Ids) -> list[Telling]:
    """Everything others need to know of this origin as its events say: files that are there, and open requests."""
    handler = Handler(store, CLIENTS, clock, ids)
    rows = await store.rows(views.clients)
    files = [(await handler.load(row["id"]))[0] for row in rows if row["erased_at"] is None]
    return publish_epoch.epoch(files, clock.now())


async def repair_intake(settings: SiteSettings, clock: Clock, ids: Ids, dry_run: bool) -> Repaired:
    """Looks at the origin of intake at this site and, unless `dry_run`, repairs it.

    Raises as `shared.repair_origin`.
    """
    store = PgStore(settings.databases[NAME].get_secret_value(), settings.site, NAME, INLINE_TABLES)
    return await repair(
        settings, store, NAME, lambda opened: first_rows(opened, clock, ids), ids, clock, dry_run=dry_run
    )
