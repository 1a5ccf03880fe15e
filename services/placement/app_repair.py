"""The repair of this service's origin: what an epoch begins with, out of its own store."""

from __future__ import annotations

from services.placement import publish_epoch, publish_regimes, views, views_regimes
from services.placement.app import AGGREGATE, INLINE_TABLES, NAME, READER_TABLES, REGIMES
from services.placement.publish import Telling
from shared.clock import Clock
from shared.handling import Handler
from shared.ids import Ids
from shared.ports import Store
from shared.repair_origin import Repaired, repair
from shared.settings import SiteSettings
from shared.store import PgStore


async def first_rows(store: Store, clock: Clock, ids: Ids) -> list[Telling]:
    """Everything others need to know of this origin as its events say: figures, places, blocks, holds, stays, and
    regimes."""
    handler = Handler(store, AGGREGATE, clock, ids)
    names = [row["name"] for row in await store.rows(views.locations)]
    states = [(await handler.load(name))[0] for name in names]
    now, deciding = clock.now(), Handler(store, REGIMES, clock, ids)
    regimes = [(await deciding.load(row["id"]))[0] for row in await store.rows(views_regimes.regimes)]
    return [*publish_epoch.epoch(states, now), *publish_regimes.epoch(regimes, now)]


async def repair_placement(settings: SiteSettings, clock: Clock, ids: Ids, dry_run: bool) -> Repaired:
    """Looks at the origin of placement at this site and, unless `dry_run`, repairs it.

    Raises as `shared.repair_origin`.
    """
    tables = (*INLINE_TABLES, *READER_TABLES)
    store = PgStore(settings.databases[NAME].get_secret_value(), settings.site, NAME, tables)
    return await repair(
        settings, store, NAME, lambda opened: first_rows(opened, clock, ids), ids, clock, dry_run=dry_run
    )
