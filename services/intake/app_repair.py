"""The repair of this service's origin: what an epoch begins with, out of its own store."""

from __future__ import annotations

from collections.abc import Container

from services.intake import publish_epoch, views
from services.intake.app import CLIENTS, INLINE_TABLES, NAME, WEEK_COUNTS
from services.intake.publish import Telling
from shared.clock import Clock
from shared.handling import Handler
from shared.ids import Ids
from shared.ports import Store
from shared.repair_origin import Repaired, RepairImpossible, repair
from shared.settings import SiteSettings
from shared.store import PgStore
from shared.suppression import BELOW
from shared.vault import VaultProblem
from shared.vault_files import FileKeys


async def first_rows(
    store: Store, clock: Clock, ids: Ids, destroyed: Container[str], below: int = BELOW
) -> list[Telling]:
    """Everything others need to know of this origin as its events say: files that are there, and which are erased, open
    requests, and weeks that are over.

    destroyed: keys that are gone. An older database does not know that their files were erased: nothing is told of
    them before they are (`app_keeper.py`).
    below: counts under it are small.
    """
    handler = Handler(store, CLIENTS, clock, ids)
    rows = await store.rows(views.clients)
    files = [
        (await handler.load(row["id"]))[0] for row in rows if row["erased_at"] is not None or row["id"] not in destroyed
    ]
    weeks = (await Handler(store, WEEK_COUNTS, clock, ids).load(store.origin.site))[0]
    return publish_epoch.epoch(files, weeks, below, clock.now())


async def repair_intake(settings: SiteSettings, clock: Clock, ids: Ids, dry_run: bool) -> Repaired:
    """Looks at the origin of intake at this site and, unless `dry_run`, repairs it.

    Raises as `shared.repair_origin`.
    """
    destroyed, below = _destroyed(settings), settings.small_counts_below
    store = PgStore(settings.databases[NAME].get_secret_value(), settings.site, NAME, INLINE_TABLES)
    return await repair(
        settings,
        store,
        NAME,
        lambda opened: first_rows(opened, clock, ids, destroyed, below),
        ids,
        clock,
        dry_run=dry_run,
    )


def _destroyed(settings: SiteSettings) -> Container[str]:
    if settings.vault is None:
        raise RepairImpossible(f"{settings.site} has no vault in its settings")
    try:
        return FileKeys(settings.vault.keys, settings.vault.destroyed).destroyed()
    except VaultProblem as problem:  # who was erased must not come back because we cannot read who it was
        raise RepairImpossible(f"the vault of {settings.site}: {problem}") from None
