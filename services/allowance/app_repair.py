"""The repair of this service's origin: what an epoch begins with, out of its own store."""

from __future__ import annotations

from services.allowance import publish_epoch, views
from services.allowance.app import ENTITLEMENTS, INLINE_TABLES, NAME, READER_TABLES, SEATS
from services.allowance.publish import Telling
from shared.clock import Clock
from shared.handling import Handler
from shared.ids import Ids
from shared.ports import Store
from shared.repair_origin import Repaired, repair
from shared.settings import SiteSettings
from shared.store import PgStore


async def first_rows(store: Store, clock: Clock, ids: Ids) -> list[Telling]:
    """Everything others need to know of this origin as its events say: seats, answers, entitlements."""
    seats, deciding = Handler(store, SEATS, clock, ids), Handler(store, ENTITLEMENTS, clock, ids)
    programmes = [(await seats.load(row["id"]))[0] for row in await store.rows(views.programmes)]
    entitlements = [(await deciding.load(row["id"]))[0] for row in await store.rows(views.entitlements)]
    return publish_epoch.epoch(programmes, entitlements, clock.now())


async def repair_allowance(settings: SiteSettings, clock: Clock, ids: Ids, dry_run: bool) -> Repaired:
    """Looks at the origin of allowance at this site and, unless `dry_run`, repairs it.

    Raises as `shared.repair_origin`.
    """
    store = PgStore(settings.databases[NAME].get_secret_value(), settings.site, NAME, (*INLINE_TABLES, *READER_TABLES))
    return await repair(
        settings, store, NAME, lambda opened: first_rows(opened, clock, ids), ids, clock, dry_run=dry_run
    )
