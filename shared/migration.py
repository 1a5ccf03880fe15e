"""Schema migrations: one line of revisions per service, in its `migrations` folder, applied by `plek migrate`."""

from __future__ import annotations

import asyncio
from importlib import resources
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import asyncpg
import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

# Alembic is imported where it is needed: every process of a site knows how to migrate, and only one does.

LOCK = (5000, 2)
"""Advisory lock: two processes that start together migrate one after the other."""

_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()
"""Alembic's `op` is one for the whole process: migrations of several databases take turns."""


def script(service: str) -> ScriptDirectory:
    """The revisions of a service."""
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(resources.files(f"services.{service}") / "migrations"))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


async def upgrade(dsn: str, service: str, revision: str = "head") -> None:
    """Brings a service's database to the newest revision, in one transaction. Nothing happens when it is there.

    dsn: anything asyncpg understands, a Unix socket included. revision: an older one, to see what an upgrade does.
    """
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    revisions = script(service)

    async def connect() -> Any:
        return await asyncpg.connect(dsn)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.execute(sa.text(f"select pg_advisory_lock({LOCK[0]}, {LOCK[1]})"))
            await connection.commit()
            async with _turns.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
                await connection.run_sync(_run, revisions, revision)
            await connection.commit()
    finally:
        await engine.dispose()


def _run(connection: sa.Connection, revisions: ScriptDirectory, revision: str) -> None:
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext

    def steps(current: Any, context: MigrationContext) -> Any:
        return revisions._upgrade_revs(revision, current)

    with EnvironmentContext(Config(), revisions, fn=steps) as environment:
        environment.configure(connection=connection, transaction_per_migration=False)
        with environment.begin_transaction():
            environment.run_migrations()
