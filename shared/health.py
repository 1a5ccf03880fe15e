"""How one service of a site is doing, in figures: what `plek doctor` asks every service for. No personal data in it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from functools import cache
from importlib import metadata, resources

from fastapi import FastAPI
from pydantic import BaseModel

from shared.http_access import allow
from shared.http_models import Moment
from shared.ports import StoreUnavailable
from shared.store import PgStore


class PaceHealth(BaseModel):
    """standing_seconds: for how long it has not moved although there was more to do. oldest_seconds: for how long at
    least the oldest has waited. per_second: how many were dealt with, over the last minute.
    """

    standing_seconds: float
    oldest_seconds: float
    per_second: float


class LogHealth(BaseModel):
    """One log this service tells. outbox: its last row. published: the last one on the bus; null while that is not
    known. doubted: nobody who has to be asked has said yet how far it was heard. pace: how rows leave."""

    log: str
    outbox: int
    published: int | None
    doubted: bool
    pace: PaceHealth


class ReaderHealth(BaseModel):
    """One view. behind: by origin, how many messages it was told of and has not applied. incomplete: by origin, why it
    cannot apply any more now. parked: messages put aside. pace: by origin. paused: somebody has it stand still."""

    view: str
    parked: int
    behind: dict[str, int]
    pace: dict[str, PaceHealth]
    paused: bool
    incomplete: dict[str, str]


class LinkHealth(BaseModel):
    """How another site is heard here."""

    site: str
    state: str
    silent_seconds: float | None


class Versions(BaseModel):
    """release: of the product. schema_now: revision of the database, null when it does not answer. schema_wanted: of
    the code. contracts: a fingerprint of what is told."""

    release: str
    schema_now: str | None
    schema_wanted: str
    contracts: str


class Health(BaseModel):
    """One service. time: of its clock. database, bus: whether they answer. database_seconds: how long the database took
    last. halted: why its origin takes no command. worklist: lost rows nobody has ticked off.
    timers_late_seconds: how long the timer that is due longest is past its time. logbook_waiting_seconds: how long
    lines have waited that the logbook did not acknowledge."""

    site: str
    service: str
    time: Moment
    epoch: int
    database: bool
    database_seconds: float
    bus: bool
    halted: str | None
    logs: list[LogHealth]
    readers: list[ReaderHealth]
    links: list[LinkHealth]
    worklist: int
    timers_late_seconds: float
    logbook_waiting_seconds: float
    versions: Versions


def add_health(api: FastAPI, ask: Callable[[], Awaitable[Health]]) -> None:
    """Adds `/health` to a service's application, for who is on call."""

    @api.get("/health")
    @allow("oncall")
    async def health() -> Health:
        """How this service is doing, also while its database or its bus is down."""
        return await ask()


async def versions(store: PgStore, service: str) -> Versions:
    """What runs here."""
    try:
        now = await store.query(lambda pool: pool.fetchval("select version_num from alembic_version"))
    except StoreUnavailable:
        now = None
    return Versions(release=metadata.version("plek"), schema_now=now, schema_wanted=_wanted(service),
                    contracts=contracts_fingerprint())  # fmt: skip


@cache
def _wanted(service: str) -> str:
    """The newest revision among a service's migrations, which are named after it."""
    names = [entry.name for entry in (resources.files(f"services.{service}") / "migrations" / "versions").iterdir()]
    return max(found[1] for name in names if (found := re.fullmatch(r"(\d{4})_\w+\.py", name)))


@cache
def contracts_fingerprint() -> str:
    """Twelve characters that are the same where the same contracts are known."""
    schemas = resources.files("shared.contracts.schemas")
    texts = sorted(entry.read_text("utf-8") for entry in schemas.iterdir() if entry.name.endswith(".json"))
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:12]
